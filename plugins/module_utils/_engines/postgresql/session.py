# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running psql: statements in, rows out. It gets only statements that this collection wrote."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Cancelled, ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import CHUNK
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..server.client_process import ClientProcess
from . import fixed_settings as fixed
from .client import Connection, advice
from .raw_names import RAW_ENCODINGS, from_raw, has_one_byte, printable, to_raw
from .session_failed import SessionFailed

Row = dict[str, t.Any]
_RAW = "SQL_ASCII"
MAINTENANCE_DATABASES = ("postgres", "template1")
_SERVER = """
SELECT current_setting('server_version_num')::int AS version, current_setting('is_superuser') AS superuser,
    current_setting('server_encoding') AS encoding, current_setting('lc_messages') AS messages
"""


def quote_identifier(name: str) -> str:
    """Return a name as SQL's delimited identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str) -> str:
    """Return a text as an SQL literal, for sessions with standard_conforming_strings (ours have it)."""
    return "'" + value.replace("'", "''") + "'"


def maintenance_session(
    processes: Processes, connection: Connection, *, other_than: str | None = None, terse: bool = False
) -> Session:
    """Return a session where one stands to list, make, rename or drop databases: in one that every server has.

    :param other_than: not in this one.
    :raises ProcessFailed: when the server does not accept it.
    """
    places = [name for name in MAINTENANCE_DATABASES if name != other_than]
    for place in places:
        try:
            return Session(processes, connection, database=place, terse=terse)
        except SessionFailed as error:
            if place == places[-1] or not error.missing:
                raise
    raise AssertionError("unreachable")


def _changed(value: t.Any, change: t.Callable[[str], str]) -> t.Any:
    """Return a value of JSON with each text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_changed(entry, change) for entry in value]
    if isinstance(value, dict):
        return {name: _changed(entry, change) for name, entry in value.items()}
    return value


def _merged(raw: Row, converted: Row) -> Row:
    """Return the texts of a row that are UTF-8 as they are; those that are not, as the server converts them."""
    return {
        name: value if isinstance(value, str) and printable(value) == value else converted[name]
        for name, value in raw.items()
    }


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
        self._connecting = True
        command = connection.command(
            "psql",
            ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
            + (["--set=VERBOSITY=terse"] if terse else []),
            database=database,
            # No conversion, which no server refuses. It is right for UTF-8 too: asked for that, psql itself would leave
            # out what is not. As soon as it is known what the database is in, another is asked for where it is needed.
            environment={"PGCLIENTENCODING": _RAW},
        )
        self._client = ClientProcess(processes, command, bulk=bulk)
        self._output = open(self._client.output.fileno(), "rb", CHUNK if bulk else -1, closefd=False)  # noqa: SIM115
        try:
            known = fixed.applicable(0, superuser=False)
            self._raw = True
            self.execute(fixed.statements(known), action="connect to the server")
            self._connecting = False
            (server,) = self.rows(_SERVER)
            self.version_number: int = server["version"]
            self.encoding: str = server["encoding"]
            self._raw = self.encoding in RAW_ENCODINGS
            self.client_encoding = _RAW
            if not self._raw and self.encoding != "UTF8":
                self.client_encoding = "UTF8"
                self.execute("SET client_encoding = 'UTF8'")
            self.superuser = server["superuser"] == "on"
            connection.learn(self.version_number, superuser=self.superuser, messages=server["messages"])
            more = {name: value for name, value in connection.settings.items() if name not in known}
            if more:
                self.execute(fixed.statements(more))
        except BaseException:
            self.close()
            raise

    def use_raw_names(self) -> None:
        """Go on without conversion: names as bytes, whoever made them. See ``raw_names``."""
        if self.encoding != "UTF8":
            self.execute(f"SET client_encoding = '{_RAW}'")
            self.client_encoding = _RAW
            self._raw = True

    @property
    def cancelled(self) -> bool:
        """Whether the operation that the session belongs to has been given up."""
        return self._processes.cancelled

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.version_number // 10000

    def execute(self, sql: str, *, action: str = "ask the server") -> list[str]:
        """Run statements; what they print, line by line.

        :raises ProcessFailed: when one fails; the session has then ended.
        """
        return [line.decode("utf-8", "surrogateescape") for line in self.lines(sql, action=action)]

    def count_lines(self, sql: str, *, action: str) -> int:
        """Run a statement; how many lines it prints.

        :raises ProcessFailed: when it fails; the session has then ended.
        """
        return sum(1 for _line in self.lines(sql, action=action))

    def lines(self, sql: str, *, action: str) -> t.Iterator[bytes]:
        """Run a statement; the lines that it prints, one by one. All of them must be taken before the next statement.

        :raises ProcessFailed: when it fails; the session has then ended.
        """
        text = f"{sql.rstrip().rstrip(';')}\n;\n\\echo {self._token}\n"
        self._busy = True
        self._client.write((to_raw(text) if self._raw else text).encode("utf-8", "surrogateescape"))
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
        """Return the rows of a query. What is no UTF-8 in them is written out."""
        change = from_raw if self._raw else printable
        return [_changed(row, change) for row in self._raw_rows(query, action=action)]

    def _raw_rows(self, query: str, *, action: str) -> list[Row]:
        lines = self.execute(f"SELECT row_to_json(q) FROM (\n{query}\n) AS q", action=action)
        return [json.loads(line) for line in lines]

    def shared_rows(self, query: str, *, action: str = "ask the server") -> list[Row]:
        """Return the rows of a query about what belongs to all databases, whose names are in no certain encoding.

        What is UTF-8 is taken for that, because most databases are in it, and the rest for the database's own encoding.
        """
        if self._raw or self.encoding == "UTF8":
            return self.rows(query, action=action)
        if not has_one_byte(self.encoding):
            # What is not in it could not be converted.
            self.execute(f"SET client_encoding = '{_RAW}'")
            rows = self.rows(query, action=action)
            self.execute("SET client_encoding = 'UTF8'")
            return rows
        converted = self.rows(query, action=action)
        self.execute(f"SET client_encoding = '{_RAW}'")
        raw = self._raw_rows(query, action=action)
        self.execute("SET client_encoding = 'UTF8'")
        return [_merged(*pair) for pair in zip(raw, converted)]

    def value(self, query: str) -> t.Any:
        """Return the column ``value`` of a query's only row; None without a row."""
        rows = self.rows(query)
        return rows[0]["value"] if rows else None

    def _failure(self, action: str) -> ProcessFailed:
        lines = [line.strip() for line in self._client.reap(4000).splitlines() if line.strip()]
        why = "; ".join(line[len("psql: error: ") :] if line.startswith("psql: error: ") else line for line in lines)
        killed = not why and self._processes.cancelled
        why = why or f"psql ended with exit status {self._client.status}"
        next_step = advice(why, "Correct the cause and run again; nothing was changed.")
        if killed:
            return Cancelled(action, on=self._on, why=why, next_step=next_step)
        return SessionFailed(action, on=self._on, why=why, next_step=next_step, connecting=self._connecting)

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError, ValueError):
            self._output.close()
        # psql cancels a statement on SIGINT.
        self._client.close(signal.SIGINT, busy=self._busy, grace=5)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()
