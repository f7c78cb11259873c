# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of what MariaDB's and MySQL's tables hold: of the lines of their rows, which every version writes alike.

A dump reads nothing twice for them: its rows pass through here on their way into the set. Counted by processor time,
that is cheaper than SHA2() of the server, which takes three times as long as Python's.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import (
    digest_rows,
    digest_text,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import Session

_CHUNK_BYTES = 1024 * 1024


def lines(read: t.Callable[[], bytes]) -> t.Iterator[bytes]:
    """The lines of a stream, without what ends them; only one of them is held in memory.

    :param read: the next bytes of it; none at its end.
    """
    rest: list[bytes] = []
    while True:
        chunk = read()
        if not chunk:
            break
        first, *others = chunk.split(b"\n")
        rest.append(first)
        if others:
            yield b"".join(rest)
            rest = [others.pop()]
            yield from others


class Tee:
    """Stands between a stream of rows and what stores it, and digests the rows. A context manager.

    :param source: the stream.
    :param tables: the tables whose rows follow one another in it; told apart by lines that begin with the token.
    """

    def __init__(self, source: t.IO[bytes], tables: t.Sequence[str], token: str) -> None:
        self._source = source
        self._tables = tables
        self._mark = token.encode("ascii") + b"\t"
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> Tee:
        self.output, self._writing = os.pipe()
        self._digests = self._pool.submit(self._run)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        # With nobody left to read, the writing ends.
        os.close(self.output)
        self._pool.shutdown()

    def digests(self) -> list[tuple[str, str]]:
        """Table and digest of what the stream has of it, in the stream's order; waits for its end."""
        return self._digests.result()

    def _read(self) -> bytes:
        chunk = os.read(self._source.fileno(), _CHUNK_BYTES)
        data = memoryview(chunk)
        while data:
            data = data[os.write(self._writing, data) :]
        return chunk

    def _run(self) -> list[tuple[str, str]]:
        found = []
        try:
            stream = lines(self._read)
            if len(self._tables) == 1:
                return [(self._tables[0], digest_rows(stream)[1])]
            # The line before the first table's rows.
            next(stream, None)
            for table in self._tables:
                found.append((table, digest_rows(self._of_one(stream))[1]))
        finally:
            with contextlib.suppress(OSError):
                os.close(self._writing)
        return found

    def _of_one(self, stream: t.Iterator[bytes]) -> t.Iterator[bytes]:
        for line in stream:
            if line.startswith(self._mark):
                return
            yield line


def join(found: t.Iterable[tuple[str, str]]) -> dict[str, str]:
    """Table to digest, of tables whose rows came in several pieces: their sum."""
    sums: dict[str, int] = {}
    method = ""
    for table, digest in found:
        method, _colon, digits = digest.partition(":")
        sums[table] = sums.get(table, 0) + int(digits, 16)
    return {table: digest_text(total, method=method) for table, total in sums.items()}


def digests(
    processes: Processes,
    connection: Connection,
    database: str,
    *,
    jobs: int,
    open_session: type[Session] = Session,
    tables_of: t.Callable[[t.Any, str], list[catalogue.Table]] = catalogue.tables,
    select: t.Callable[[str, catalogue.Table], str] = rows.select,
) -> dict[str, str]:
    """Table to the digest of its rows, and of its history.

    :param jobs: how many tables are read at a time.
    :param open_session: a connection to the server's product.
    :param tables_of: what lists the tables of a database.
    :param select: what prints the rows of a table.
    :raises ProcessFailed: when one cannot be read.
    """
    with open_session(processes, connection) as session:
        tables = tables_of(session, database)

    def digest(table: catalogue.Table) -> tuple[str, str]:
        with open_session(processes, connection, database=database, bulk=True) as session:
            session.send_all(f"{session.as_bytes}{select(database, table)};\n")
            found = digest_rows(lines(lambda: os.read(session.output.fileno(), _CHUNK_BYTES)))[1]
            session.wait("digest the rows of a restored table")
        return table.name, found

    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        return dict(pool.map(digest, tables))
