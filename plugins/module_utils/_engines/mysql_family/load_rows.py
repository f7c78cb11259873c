# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading the rows of one payload file of a set, of one table or of several."""

from __future__ import annotations

import dataclasses
import os
import secrets
import subprocess
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import write_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command

from ..base import RestoreWork
from . import as_written, rows, virtual_columns
from .client import Connection
from .dialect import Dialect
from .server_error import client_failed
from .session import quote_identifier

UNTOUCHED = "The target was left as it was; correct the cause and run again."


@dataclasses.dataclass
class Notes:
    """What is learnt of the tables while their rows are loaded.

    :param warned: table to what the server warned of.
    """

    warned: dict[str, str] = dataclasses.field(default_factory=dict)
    virtual: virtual_columns.Registry = dataclasses.field(default_factory=virtual_columns.Registry)


def load(
    connection: Connection,
    work: RestoreWork,
    database: str,
    file: PayloadFile,
    chosen: t.Collection[str],
    dialect: Dialect,
    notes: Notes,
) -> list[str]:
    """Restore the rows of one payload file; the tables that they are of."""
    tables = work.reader.description.engine_facts["streams"][file.part]
    failed = _load_once(connection, work, database, file, chosen, dialect, notes)
    for table, error in failed.items():
        with dialect.session(work.processes, connection, database=database) as session:
            session.execute(dialect.loading)
            if not notes.virtual.withhold(session, table):
                raise error
        for again in _load_once(connection, work, database, file, [table], dialect, notes).values():
            raise again
    work.progress.advance(file.bytes)
    return t.cast("list[str]", tables)


def _load_once(
    connection: Connection,
    work: RestoreWork,
    database: str,
    file: PayloadFile,
    chosen: t.Collection[str],
    dialect: Dialect,
    notes: Notes,
) -> dict[str, ProcessFailed]:
    """Restore the rows of one payload file; tables that may be without them because of an expression, and the error.

    :raises ProcessFailed: when it fails for anything else.
    """
    facts = work.reader.description.engine_facts
    tables = facts["streams"][file.part]
    action = f"restore the rows of the {connection.describe(database)}"
    if len(tables) == 1:
        command = _client(connection, facts, database, tables[0], dialect)
        said = bytearray()
        try:
            work.reader.run(
                file, [command], processes=work.processes, action=action, next_step=UNTOUCHED, sink=said.extend
            )
        except ProcessFailed as error:
            if not virtual_columns.may_be_at_fault(error):
                raise
            return {tables[0]: error}
        _note(notes.warned, tables[0], said)
        return {}
    with _Loader(connection, work, database, tables, chosen, dialect, action, notes.warned) as loader:
        splitter = rows.Splitter(facts["token"], loader.begin, loader.write)
        try:
            work.reader.run(file, [], processes=work.processes, action=action, next_step=UNTOUCHED, sink=splitter.feed)
            splitter.finish()
        except (ValueError, IndexError) as error:
            raise SetInvalid(
                "restore a database",
                on=f"{work.reader.set_id}, {file.path}",
                why=f"it is not what this engine writes: {error}",
                next_step="Verify the set with set_verify and restore from another one.",
            ) from error
    return loader.failed


def _note(warned: dict[str, str], table: str, said: bytes | bytearray) -> None:
    """Keep the first warning of a table's rows, of what the client printed."""
    warning = as_written.warning_in(said.decode("utf-8", "backslashreplace"))
    if warning is not None:
        warned.setdefault(table, warning)


def _client(
    connection: Connection, facts: t.Mapping[str, t.Any], database: str, table: str, dialect: Dialect
) -> Command:
    """Return a client that loads the rows it reads."""
    statements = [
        dialect.session.settings,
        dialect.loading,
        f"USE {quote_identifier(database)}",
        *dialect.before_load(facts, table),
        dialect.load(table, facts["tables"][table], path="/dev/stdin"),
        *as_written.SHOW_WARNINGS,
    ]
    delimiter = f"//{secrets.token_hex(4)}"
    return connection.command(
        [
            "--batch",
            "--skip-column-names",
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
        warned: dict[str, str],
    ) -> None:
        self._connection = connection
        self._work = work
        self._database = database
        self._tables = tables
        self._chosen = chosen
        self._dialect = dialect
        self._action = action
        self._warned = warned
        # Tables whose load failed, it may be because of an expression.
        self.failed: dict[str, ProcessFailed] = {}
        self._table = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._input = -1
        self._errors = os.memfd_create("client-stderr", os.MFD_CLOEXEC)
        self._said = os.memfd_create("client-stdout", os.MFD_CLOEXEC)

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
            os.close(self._said)

    def begin(self, number: int) -> None:
        """End the current table, and begin the next.

        :raises IndexError: when there is none of this number.
        """
        self._end()
        if number < 0:
            raise IndexError(f"there is no table {number}")
        if self._tables[number] not in self._chosen:
            return
        facts = self._work.reader.description.engine_facts
        self._table = self._tables[number]
        command = _client(self._connection, facts, self._database, self._table, self._dialect)
        for descriptor in (self._errors, self._said):
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
        # A pipe of our own, which the client may open by name although it runs as another user.
        reading, self._input = os.pipe()
        try:
            self._process = self._work.processes.start(command, stdin=reading, stdout=self._said, stderr=self._errors)
        finally:
            os.close(reading)

    def write(self, data: bytes) -> None:
        """Hand over rows of the current table."""
        if self._process is None:
            return
        try:
            write_all(self._input, data)
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
            error = client_failed(
                self._action,
                on=f"{self._work.reader.set_id}",
                status=process.returncode,
                stderr=text,
                next_step=lambda _why: UNTOUCHED,
            )
            if not virtual_columns.may_be_at_fault(error):
                raise error
            self.failed[self._table] = error
            return
        _note(self._warned, self._table, os.pread(self._said, 65536, 0))
