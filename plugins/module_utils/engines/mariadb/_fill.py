# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling an empty database of MariaDB or MySQL from a set: its tables, then its rows, several streams at a time."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import functools
import os
import secrets
import subprocess
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._description import PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import RestoreWork
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _indexes as indexes
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _objects as objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._dump import ROWS
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    Session,
    immediate,
    quote_identifier,
)

UNTOUCHED = "The target was left as it was; correct the cause and run again."
# The text of tables or of programs; more than this is not one.
_SMALL_PART_BYTES = 1024 * 1024 * 1024
# The rows are as they were: what they obeyed there is not asked again. Without unique_checks the server would sort them
# in its temporary files, for which there may be no room, and save no more than a tenth.
_LOADING = "SET SESSION foreign_key_checks = 0, unique_checks = 1, check_constraint_checks = 0"
# A warning says that a value is not what it was: NULL for what a type does not take, or a part of it. And one there is
# for each value of an ENUM that is none of its members, as it was.
_AS_WRITTEN = (
    "SET @warnings = @@warning_count",
    "GET DIAGNOSTICS CONDITION 1 @warning = MESSAGE_TEXT",
    (
        f"BEGIN NOT ATOMIC IF @warnings > {rows.NO_MEMBERS} THEN"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = @warning; END IF; END"
    ),
)
_HISTORY = "SET SESSION system_versioning_insert_history = 1"


@dataclasses.dataclass(frozen=True)
class Dialect:
    """What a server's product has of its own in this.

    :param session: a connection to it.
    :param immediate: what executes a statement of a set, and no more than that.
    :param prepare: sees to it that a session makes tables, and changes them, as a set says.
    :param defer: drops indexes of the session's database that can wait for the rows, given how many each table will
        have; table to what was dropped.
    :param loading: what makes a session ready for tables that refer to others, and for rows.
    :param load: the statement that loads the rows of a table, of its name and columns and the file with the rows.
    :param before: what comes before that statement, of the set's facts and the table.
    :param after: what comes after it, and fails where a value is not what it was.
    """

    session: type[Session]
    immediate: t.Callable[[str], str]
    prepare: t.Callable[[t.Any], None]
    defer: t.Callable[[t.Any, t.Mapping[str, int]], dict[str, indexes.Deferred]]
    loading: str
    load: t.Callable[..., str]
    before: t.Callable[[t.Mapping[str, t.Any], str], t.Sequence[str]]
    after: t.Callable[[t.Mapping[str, t.Any], str], t.Sequence[str]]


def _before(facts: t.Mapping[str, t.Any], table: str) -> list[str]:
    return [*([_HISTORY] if table in facts["history"] else []), f"SET {rows.NO_MEMBERS} = 0"]


MARIADB = Dialect(
    session=Session,
    immediate=immediate,
    prepare=lambda _session: None,
    defer=indexes.defer,
    loading=_LOADING,
    load=rows.load,
    before=_before,
    after=lambda _facts, _table: _AS_WRITTEN,
)


def read_text(work: RestoreWork, part: str) -> str:
    """A part that is small by its nature, as text.

    :raises SetInvalid: when it is not small, or no text.
    """
    text = bytearray()

    def keep(chunk: memoryview) -> None:
        text.extend(chunk)
        if len(text) > _SMALL_PART_BYTES:
            raise SetInvalid(
                "read a part of a set",
                on=f"{work.reader.set_id}, {part}",
                why=f"it holds over {_SMALL_PART_BYTES} bytes",
                next_step="Verify the set with set_verify and restore from another one.",
            )

    work.reader.run(
        work.reader.description.file(part),
        [],
        processes=work.processes,
        action="read a part of a set",
        next_step=UNTOUCHED,
        sink=keep,
    )
    return text.decode("utf-8", "surrogateescape")


def make(session: Session, definitions: t.Sequence[objects.Definition], *, action: str) -> None:
    """Makes objects in the session's current database.

    :raises ProcessFailed: when one cannot be made.
    """
    for definition in definitions:
        for statement in definition.statements:
            session.execute(statement, action=f"{action} ({definition.kind} {definition.name})")
    session.execute(session.settings)


def fill(
    connection: Connection,
    work: RestoreWork,
    database: str,
    structure: t.Sequence[objects.Definition],
    *,
    chosen: t.Collection[str] | None = None,
    dialect: Dialect = MARIADB,
) -> None:
    """Restores tables and rows into an empty database.

    :param connection: as an account that has rights on nothing but that database, where there can be one.
    :param chosen: the tables whose rows are restored; None: all.
    :raises ProcessFailed: when anything fails.
    """
    facts = work.reader.description.engine_facts
    with dialect.session(work.processes, connection, database=database) as session:
        # Tables refer to others that do not exist yet.
        session.execute(dialect.loading)
        dialect.prepare(session)
        make(session, structure, action="restore a table")
        chosen = facts["tables"] if chosen is None else chosen
        counts = {table: count for table, count in facts["row_counts"].items() if table in chosen}
        deferred = dialect.defer(session, counts)
    parts = [file for file in work.reader.description.payload if file.part.startswith(ROWS)]
    parts = [file for file in parts if set(facts["streams"][file.part]) & set(chosen)]
    missing = collections.Counter(table for file in parts for table in facts["streams"][file.part])
    waiting: list[t.Callable[[], list[str]]] = [
        functools.partial(_load, connection, work, database, file, chosen, dialect) for file in parts
    ]
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, work.jobs)) as pool:
        running: set[concurrent.futures.Future[list[str]]] = set()
        try:
            while waiting or running:
                while waiting and len(running) < max(1, work.jobs):
                    running.add(pool.submit(waiting.pop(0)))
                done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for table in (table for future in done for table in future.result()):
                    missing[table] -= 1
                    if not missing[table] and table in deferred:
                        # Before other rows: the largest table's come first, and its indexes would be alone at the end.
                        waiting.insert(
                            0, functools.partial(_index, connection, work, database, deferred[table], dialect)
                        )
        except BaseException:
            work.processes.cancel()
            raise


def _index(
    connection: Connection, work: RestoreWork, database: str, deferred: indexes.Deferred, dialect: Dialect
) -> list[str]:
    """Makes the indexes of a table whose rows are there."""
    with dialect.session(work.processes, connection, database=database) as session:
        dialect.prepare(session)
        deferred.make(session)
    return []


def _load(
    connection: Connection,
    work: RestoreWork,
    database: str,
    file: PayloadFile,
    chosen: t.Collection[str],
    dialect: Dialect,
) -> list[str]:
    """Restores the rows of one payload file; the tables that they are of."""
    facts = work.reader.description.engine_facts
    tables = facts["streams"][file.part]
    action = f"restore the rows of the {connection.describe(database)}"
    if len(tables) == 1:
        command = _client(connection, facts, database, tables[0], dialect)
        work.reader.run(file, [command], processes=work.processes, action=action, next_step=UNTOUCHED)
    else:
        with _Loader(connection, work, database, tables, chosen, dialect, action) as loader:
            splitter = rows.Splitter(facts["token"], loader.begin, loader.write)
            try:
                work.reader.run(
                    file, [], processes=work.processes, action=action, next_step=UNTOUCHED, sink=splitter.feed
                )
                splitter.finish()
            except (ValueError, IndexError) as error:
                raise SetInvalid(
                    "restore a database",
                    on=f"{work.reader.set_id}, {file.path}",
                    why=f"it is not what this engine writes: {error}",
                    next_step="Verify the set with set_verify and restore from another one.",
                ) from error
    work.progress.advance(file.bytes)
    return t.cast("list[str]", tables)


def _client(
    connection: Connection, facts: t.Mapping[str, t.Any], database: str, table: str, dialect: Dialect
) -> Command:
    """A client that loads the rows it reads."""
    statements = [
        dialect.session.settings,
        dialect.loading,
        f"USE {quote_identifier(database)}",
        *dialect.before(facts, table),
        dialect.load(table, facts["tables"][table], path="/dev/stdin"),
        *dialect.after(facts, table),
    ]
    # Some of them have semicolons in them.
    delimiter = f"//{secrets.token_hex(4)}"
    return connection.command(
        [
            "--batch",
            "--local-infile=1",
            "--default-character-set=utf8mb4",
            f"--delimiter={delimiter}",
            f"--execute={delimiter.join(statements)}",
        ]
    )


class _Loader:
    """Loads several tables, one after the other, each through a client of its own; those not chosen it lets pass."""

    def __init__(
        self,
        connection: Connection,
        work: RestoreWork,
        database: str,
        tables: t.Sequence[str],
        chosen: t.Collection[str],
        dialect: Dialect,
        action: str,
    ) -> None:
        self._connection = connection
        self._work = work
        self._database = database
        self._tables = tables
        self._chosen = chosen
        self._dialect = dialect
        self._action = action
        self._process: subprocess.Popen[bytes] | None = None
        self._input = -1
        self._errors = os.memfd_create("client-stderr", os.MFD_CLOEXEC)

    def __enter__(self) -> _Loader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._end()
        finally:
            self._close_input()
            if self._process is not None:
                self._work.processes.reap(self._process)
            os.close(self._errors)

    def begin(self, number: int) -> None:
        """Ends the table at work, and begins the next.

        :raises IndexError: when there is none of this number.
        """
        self._end()
        if number < 0:
            raise IndexError(f"there is no table {number}")
        if self._tables[number] not in self._chosen:
            return
        facts = self._work.reader.description.engine_facts
        command = _client(self._connection, facts, self._database, self._tables[number], self._dialect)
        os.ftruncate(self._errors, 0)
        # A pipe of our own, which the client may open by name although it runs as another user.
        reading, self._input = os.pipe()
        try:
            self._process = self._work.processes.start(
                command, stdin=reading, stdout=subprocess.DEVNULL, stderr=self._errors
            )
        finally:
            os.close(reading)

    def write(self, data: bytes) -> None:
        """Hands over rows of the table at work."""
        if self._process is None:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._input, view) :]
        except BrokenPipeError:
            self._end()

    def _close_input(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._close_input()
        process.wait()
        if self._work.processes.reap(process):
            text = os.pread(self._errors, 65536, 0).decode("utf-8", "backslashreplace")
            said = ("ERROR", "mariadb:", "mysql: [ERROR]", "/")
            why = "; ".join(line for line in text.splitlines() if line.startswith(said))
            raise ProcessFailed(
                self._action,
                on=f"{self._work.reader.set_id}",
                why=why or f"the client ended with exit status {process.returncode}",
                next_step=UNTOUCHED,
            )
