# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One psql at work for us: statements in, rows out. It gets only statements that this collection wrote."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import signal
import subprocess
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import CHUNK, Processes, enlarge
from ansible_collections.infitulua.backup.plugins.module_utils._programs import block_buffered
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._client import Connection, advice

Row = dict[str, t.Any]
MAINTENANCE_DATABASES = ("postgres", "template1")
# What a role's or a database's own settings must not change about our sessions. search_path: CVE-2018-1058.
_SETTINGS = """
SET search_path = '';
SET standard_conforming_strings = on;
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET row_security = off;
SET constraint_exclusion = off;
SET jit = off;
SET datestyle = 'ISO, MDY';
SET extra_float_digits = 3;
SET quote_all_identifiers = off;
SET client_min_messages = warning;
"""


def quote_identifier(name: str) -> str:
    """A name as SQL's delimited identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str) -> str:
    """A text as an SQL literal, for sessions with standard_conforming_strings (ours have it)."""
    return "'" + value.replace("'", "''") + "'"


def maintenance_session(
    processes: Processes, connection: Connection, *, other_than: str | None = None, terse: bool = False
) -> Session:
    """A session where one stands to list, make, rename or drop databases: in one that every server has.

    :param other_than: not in this one.
    :raises ProcessFailed: when the server does not accept it.
    """
    places = [name for name in MAINTENANCE_DATABASES if name != other_than]
    for place in places:
        try:
            return Session(processes, connection, database=place, terse=terse)
        except ProcessFailed as error:
            if place == places[-1] or "does not exist" not in error.why:
                raise
    raise AssertionError("unreachable")


class Session:
    """One connection. A context manager; leaving it ends the connection and rolls back what was not committed.

    :param processes: what the session belongs to; cancelling it ends the session.
    :param database: None: the one of the connection's options.
    :param terse: errors without the statement they are in, which may hold a secret.
    :param bulk: whether it is for much output: moved in large blocks, it wakes either side less often.
    :raises ProcessFailed: when the server does not accept it.
    """

    def __init__(
        self,
        processes: Processes,
        connection: Connection,
        *,
        database: str | None = None,
        terse: bool = False,
        bulk: bool = False,
    ) -> None:
        self._processes = processes
        self._on = connection.describe(database)
        self._token = secrets.token_hex(16)
        self._busy = False
        # A file without a name instead of a pipe: nobody has to empty it while we wait for rows.
        self._errors = os.memfd_create("psql-stderr", os.MFD_CLOEXEC)
        command = connection.command(
            "psql",
            ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
            + (["--set=VERBOSITY=terse"] if terse else []),
            database=database,
            environment={"PGCLIENTENCODING": "UTF8"},
        )
        if bulk:
            command = dataclasses.replace(command, launcher=block_buffered())
        try:
            self._process = processes.start(command, stdin=subprocess.PIPE, stderr=self._errors)
        except BaseException:
            os.close(self._errors)
            raise
        self._input = t.cast("t.IO[bytes]", self._process.stdin)
        output = t.cast("t.IO[bytes]", self._process.stdout)
        if bulk:
            enlarge(output)
        self._output = open(output.fileno(), "rb", CHUNK if bulk else -1, closefd=False)  # noqa: SIM115
        try:
            self.execute(_SETTINGS, action="connect to the server")
            self.version_number = int(self.value("SELECT current_setting('server_version_num') AS value"))
            if self.version_number >= 140000:
                self.execute("SET idle_session_timeout = 0")
            if self.version_number >= 170000:
                self.execute("SET transaction_timeout = 0")
        except BaseException:
            self.close()
            raise

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.version_number // 10000

    def execute(self, sql: str, *, action: str = "ask the server") -> list[str]:
        """Runs statements; what they print, line by line.

        :raises ProcessFailed: when one fails; the session has then ended.
        """
        return [line.decode("utf-8", "surrogateescape") for line in self.lines(sql, action=action)]

    def count_lines(self, sql: str, *, action: str) -> int:
        """Runs a statement; how many lines it prints.

        :raises ProcessFailed: when it fails; the session has then ended.
        """
        return sum(1 for _line in self.lines(sql, action=action))

    def lines(self, sql: str, *, action: str) -> t.Iterator[bytes]:
        """Runs a statement; the lines that it prints, one by one. All of them must be taken before the next statement.

        :raises ProcessFailed: when it fails; the session has then ended.
        """
        data = memoryview(f"{sql.rstrip().rstrip(';')}\n;\n\\echo {self._token}\n".encode("utf-8", "surrogateescape"))
        # A psql that has ended is judged by what it printed.
        self._busy = True
        with contextlib.suppress(BrokenPipeError, ValueError):
            while data:
                data = data[os.write(self._input.fileno(), data) :]
        end = self._token.encode()
        while True:
            line = self._output.readline()
            if not line.endswith(b"\n"):
                raise self._failure(action)
            line = line[:-1]
            if line == end:
                self._busy = False
                return
            yield line

    def rows(self, query: str, *, action: str = "ask the server") -> list[Row]:
        """The rows of a query."""
        lines = self.execute(f"SELECT row_to_json(q) FROM (\n{query}\n) AS q", action=action)
        return [json.loads(line) for line in lines]

    def value(self, query: str) -> t.Any:
        """The column ``value`` of a query's only row; None without a row."""
        rows = self.rows(query)
        return rows[0]["value"] if rows else None

    def _failure(self, action: str) -> ProcessFailed:
        self._processes.reap(self._process)
        size = os.fstat(self._errors).st_size
        text = os.pread(self._errors, 4000, max(0, size - 4000)).decode("utf-8", "backslashreplace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        why = "; ".join(line[len("psql: error: ") :] if line.startswith("psql: error: ") else line for line in lines)
        if not why:
            why = f"psql ended with exit status {self._process.returncode}"
        return ProcessFailed(
            action, on=self._on, why=why, next_step=advice(why, "Correct the cause and run again; nothing was changed.")
        )

    def close(self) -> None:
        """Ends the connection."""
        for stream in (self._input, self._output, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.close()
        # Its input has ended, so it ends, unless the server is busy with a statement: psql cancels that on SIGINT.
        for patience, number in ((0 if self._busy else 5, signal.SIGINT), (5, signal.SIGKILL)):
            try:
                self._process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                self._process.send_signal(number)
        self._processes.reap(self._process)
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()
