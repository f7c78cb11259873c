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
import functools
import hashlib
import os
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import write_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..content_digest import digest_rows, digest_text
from .catalogue import Table, as_dumped
from .client import Connection
from .dialect import Dialect

_CHUNK_BYTES = 1024 * 1024


def lines(read: t.Callable[[], bytes]) -> t.Iterator[bytes]:
    """Yield the lines of a stream, without what ends them; only one of them is held in memory.

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
        write_all(self._writing, chunk)
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


class LinesDigest:
    """The digest of rows that come in pieces of any size."""

    def __init__(self) -> None:
        # The pieces of a line that has not ended.
        self._rest: list[bytes] = []
        self._total = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of some lines."""
        first, *others = bytes(data).split(b"\n")
        self._rest.append(first)
        if not others:
            return
        whole = [b"".join(self._rest), *others[:-1]]
        self._rest = others[-1:]
        for line in whole:
            self._total += int.from_bytes(hashlib.sha256(line).digest(), "big")

    def text(self) -> str:
        """Return the digest, as facts have it."""
        return digest_text(self._total)


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
    columns: t.Mapping[str, t.Sequence[t.Sequence[str]]],
    jobs: int,
    dialect: Dialect,
) -> dict[str, str]:
    """Table to the digest of its rows, and of its history.

    :param columns: of each table, those whose values the set holds: name and type.
    :param jobs: how many tables are read at a time.
    :raises ProcessFailed: when one cannot be read.
    """
    with dialect.session(processes, connection) as session:
        tables = [
            as_dumped(table, columns[table.name]) if table.name in columns else table
            for table in dialect.tables(session, database)
        ]

    found: dict[str, str] = {}

    def digest(table: Table) -> None:
        found[table.name] = digest_table(processes, connection, database, table, dialect=dialect)

    run_all([functools.partial(digest, table) for table in tables], jobs=jobs, processes=processes)
    return {table.name: found[table.name] for table in tables}


def digest_table(
    processes: Processes,
    connection: Connection,
    database: str,
    table: Table,
    *,
    dialect: Dialect,
) -> str:
    """Return the digest of a table's rows, and of its history.

    :raises ProcessFailed: when it cannot be read.
    """
    with dialect.session(processes, connection, database=database, bulk=True) as session:
        session.send_all(f"{session.as_bytes}{dialect.select(database, table)};\n")
        found = digest_rows(lines(lambda: os.read(session.output.fileno(), _CHUNK_BYTES)))[1]
        session.wait("digest the rows of a restored table")
    return found
