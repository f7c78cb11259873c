# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of what a PostgreSQL database holds, the same on every server and major version that holds the same.

Rows are read by COPY, which plans nothing and computes nothing: it runs no code that a table's owner wrote, only the
output functions of types. A row is its line of COPY's text format, in the database's own encoding.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import itertools
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines import _postgresql_catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import digest_rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_catalogue import Table
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_session import (
    Session,
    quote_identifier,
    quote_literal,
)

# More of them would only wait for each other: hashing short rows is one thread's work in Python.
DIGEST_SESSIONS = 2
# Stands among the digests of tables, whose names have a dot.
LARGE_OBJECTS = "large objects"
_ACTION = "read the rows for their digests"
# What would write the same value in another way. The rest is set in every session of ours.
_SETTINGS = """
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET bytea_output = 'hex';
SET lc_monetary = 'C';
SET synchronize_seqscans = off;
"""
# No conversion: what one encoding cannot say in another would end the reading.
_RAW = "SET client_encoding = 'SQL_ASCII'"
# A query, and yet safe: nobody can put an index or statistics on this table.
_PAGES = "COPY (SELECT loid, pageno, data FROM pg_catalog.pg_largeobject ORDER BY loid, pageno) TO STDOUT"
_MAY_READ_PAGES = "SELECT has_table_privilege('pg_catalog.pg_largeobject', 'SELECT') AS value"
_ZEROS = bytes(1024 * 1024)


class Reader:
    """Sessions that read the rows of one database. A context manager; leaving it ends them.

    :param database: None: the one of the connection's options.
    :param snapshot: what they see, as ``pg_export_snapshot`` named it; None: what is there when they begin.
    :param lock_seconds: how long to wait for a table that another session has locked; 0: until it is free.
    """

    def __init__(
        self,
        processes: Processes,
        connection: Connection,
        *,
        sessions: int,
        database: str | None = None,
        snapshot: str | None = None,
        lock_seconds: int = 0,
    ) -> None:
        self._processes = processes
        self._connection = connection
        self._database = database
        self._snapshot = snapshot
        self._lock_seconds = lock_seconds
        self._count = max(1, sessions)
        self._sessions: list[Session] = []
        self._stack = contextlib.ExitStack()
        self.reads_large_objects = False

    def __enter__(self) -> Reader:
        with self._stack:
            for _number in range(self._count):
                session = Session(self._processes, self._connection, database=self._database)
                self._sessions.append(self._stack.enter_context(session))
                session.execute(_SETTINGS)
                session.execute(f"SET lock_timeout = '{self._lock_seconds}s'")
                session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                if self._snapshot is not None:
                    session.execute(f"SET TRANSACTION SNAPSHOT {quote_literal(self._snapshot)}")
            self.reads_large_objects = self._sessions[0].value(_MAY_READ_PAGES)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def lock(self, tables: t.Sequence[Table]) -> None:
        """Locks the tables now: later, whoever waits for the lock of another session would be before us.

        :raises ProcessFailed: when one is locked for too long, or may not be read.
        """
        for session in self._sessions:
            catalogue.lock_tables(session, tables)

    def read(self, tables: t.Sequence[Table]) -> tuple[dict[str, int], dict[str, str]]:
        """Table name to number of rows, and to digest; where they can be read, large objects have a digest too.

        :raises ProcessFailed: when anything cannot be read; everything that the operation started is then cancelled.
        """
        encoding = self._sessions[0].value("SELECT current_setting('server_encoding') AS value")
        block_size = int(self._sessions[0].value("SELECT current_setting('block_size') AS value"))
        # The longest ones first, so that no session idles at the end.
        waiting: t.Iterator[Table | None] = iter(
            [*([None] if self.reads_large_objects else []), *(table for table in tables if table.holds_rows)]
        )
        lock = threading.Lock()
        counts: dict[str, int] = {}
        digests: dict[str, str] = {}

        def work(session: Session) -> None:
            try:
                session.execute(_RAW)
                while True:
                    with lock:
                        table = next(waiting, _END)
                    if table is _END:
                        return
                    if table is None:
                        # Four large-object pages fit into a page of the server's (PostgreSQL, LOBLKSIZE).
                        lines = session.lines(_PAGES, action="read the large objects for their digest")
                        _count, digests[LARGE_OBJECTS] = digest_rows(_large_objects(lines, block_size // 4))
                    else:
                        found = digest_rows(session.lines(_copy(table, encoding), action=_ACTION))
                        counts[table.name], digests[table.name] = found
            except BaseException:
                self._processes.cancel()
                raise

        with concurrent.futures.ThreadPoolExecutor(max_workers=self._count) as pool:
            futures = [pool.submit(work, session) for session in self._sessions]
            errors = [error for error in (future.exception() for future in futures) if error is not None]
        if errors:
            # The others only failed because the reading was given up.
            raise next((error for error in errors if not _is_consequence(error)), errors[0])
        return dict(sorted(counts.items())), dict(sorted(digests.items()))


_END: t.Any = object()


def _is_consequence(error: BaseException) -> bool:
    return isinstance(error, ProcessFailed) and "psql ended with exit status" in error.why


def _copy(table: Table, encoding: str) -> str:
    """COPY of all columns that store something, by name: after a restore their order may be another (inheritance)."""
    # These two take the statement's bytes as they are; for the others it is written in ASCII.
    quote = quote_identifier if encoding in ("UTF8", "SQL_ASCII") else ascii_identifier
    columns = ", ".join(quote(column) for column in sorted(table.columns))
    choice = f" ({columns})" if columns else ""
    return f"COPY {quote(table.schema)}.{quote(table.relation)}{choice} TO STDOUT"


def ascii_identifier(name: str) -> str:
    """A name as SQL's delimited identifier, with Unicode escapes for what is not ASCII."""
    escaped = "".join(
        {'"': '""', "\\": "\\\\"}.get(character, character) if character.isascii() else f"\\+{ord(character):06X}"
        for character in name
    )
    return f'U&"{escaped}"'


def _large_objects(lines: t.Iterable[bytes], page_bytes: int) -> t.Iterator[bytes]:
    """One row per large object, from the lines of its pages in order: its number, its size, the SHA-256 of its content.

    :param lines: number, page, data in hexadecimal digits. A page may be short or missing: then the rest is zeros,
        which a restore writes.
    """
    for oid, pages in itertools.groupby((line.split(b"\t") for line in lines), key=lambda fields: fields[0]):
        content = hashlib.sha256()
        size = 0
        for _oid, page, data in pages:
            gap = int(page) * page_bytes - size
            size += gap
            while gap > 0:
                content.update(_ZEROS[:gap])
                gap -= len(_ZEROS)
            # COPY writes the backslash of \x… twice.
            chunk = bytes.fromhex(data[3:].decode("ascii"))
            content.update(chunk)
            size += len(chunk)
        yield b"%s %d %s" % (oid, size, content.digest())
