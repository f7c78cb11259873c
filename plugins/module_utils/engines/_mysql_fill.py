# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling an empty MySQL database from a set: its tables, then its rows, several streams at a time."""

from __future__ import annotations

import collections
import concurrent.futures
import os
import secrets
import subprocess
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._description import PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command
from ansible_collections.infitulua.backup.plugins.module_utils.engines import _mysql_objects as objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines import _mysql_rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import RestoreWork
from ansible_collections.infitulua.backup.plugins.module_utils.engines._mariadb_client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines._mariadb_dump import ROWS
from ansible_collections.infitulua.backup.plugins.module_utils.engines._mariadb_fill import UNTOUCHED
from ansible_collections.infitulua.backup.plugins.module_utils.engines._mysql_client import failure
from ansible_collections.infitulua.backup.plugins.module_utils.engines._mysql_session import (
    SETTINGS,
    Session,
    quote_identifier,
    raise_where,
)

# The rows are as they were: what they obeyed there is not asked again.
_LOADING = "SET SESSION foreign_key_checks = 0, unique_checks = {unique}"


def fill(connection: Connection, work: RestoreWork, database: str, structure: t.Sequence[objects.Definition]) -> None:
    """Restores tables and rows into an empty database.

    :param connection: as an account that has rights on nothing but that database, where there can be one.
    :raises ProcessFailed: when anything fails.
    """
    facts = work.reader.description.engine_facts
    with Session(work.processes, connection, database=database) as session:
        # Tables refer to others that do not exist yet.
        session.execute(_LOADING.format(unique=1))
        session.prepare_for_tables()
        for entry in structure:
            for statement in entry.statements:
                session.execute(statement, action=f"restore a table ({entry.kind} {entry.name})")
    parts = [file for file in work.reader.description.payload if file.part.startswith(ROWS)]
    several = collections.Counter(table for file in parts for table in facts["streams"][file.part])
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, work.jobs)) as pool:
        futures = [pool.submit(_load, connection, work, database, file, several) for file in parts]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            work.processes.cancel()
            raise


def _load(
    connection: Connection, work: RestoreWork, database: str, file: PayloadFile, several: t.Mapping[str, int]
) -> None:
    facts = work.reader.description.engine_facts
    tables = facts["streams"][file.part]
    commands = [_client(connection, facts, database, table, alone=several[table] == 1) for table in tables]
    action = f"restore the rows of the {connection.describe(database)}"
    if len(tables) == 1:
        work.reader.run(file, commands, processes=work.processes, action=action, next_step=UNTOUCHED)
    else:
        with _Loader(work, commands, action) as loader:
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


def _client(connection: Connection, facts: t.Mapping[str, t.Any], database: str, table: str, *, alone: bool) -> Command:
    """A client that loads the rows it reads.

    :param alone: whether nobody else loads rows into the table: then the server may build its indexes in bulk.
    """
    columns = facts["tables"][table]
    allowed = rows.without_value(table, columns)
    statements = [
        SETTINGS,
        _LOADING.format(unique=0 if alone else 1),
        f"USE {quote_identifier(database)}",
        rows.load(table, columns, path="/dev/stdin"),
        # A warning says that a value is not what it was: NULL for what a type does not take, or a part of it.
        "GET DIAGNOSTICS @warnings = NUMBER",
        "GET DIAGNOSTICS CONDITION 1 @warning = MESSAGE_TEXT",
        raise_where(f"@warnings > IF(@warnings > 0, {allowed}, 0)", "@warning"),
    ]
    # Names have semicolons in them.
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
    """Loads several tables, one after the other, each through a client of its own."""

    def __init__(self, work: RestoreWork, commands: t.Sequence[Command], action: str) -> None:
        self._work = work
        self._commands = commands
        self._action = action
        self._process: subprocess.Popen[bytes] | None = None
        self._input = -1
        self._errors = os.memfd_create("mysql-stderr", os.MFD_CLOEXEC)

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
        os.ftruncate(self._errors, 0)
        # A pipe of our own, which the client may open by name although it runs as another user.
        reading, self._input = os.pipe()
        try:
            self._process = self._work.processes.start(
                self._commands[number], stdin=reading, stdout=subprocess.DEVNULL, stderr=self._errors
            )
        finally:
            os.close(reading)

    def write(self, data: bytes) -> None:
        """Hands over rows of the table at work."""
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
            raise failure(self._action, process, self._errors, on=str(self._work.reader.set_id), otherwise=UNTOUCHED)
