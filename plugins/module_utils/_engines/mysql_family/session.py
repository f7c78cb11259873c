# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running ``mariadb`` client: statements in, rows out. What comes from a set reaches it as hexadecimal digits."""

from __future__ import annotations

import abc
import contextlib
import json
import os
import re
import secrets
import signal
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..server.client_process import ClientProcess
from .client import Connection
from .server_error import client_failed

Row = dict[str, t.Any]
_Session = t.TypeVar("_Session", bound="Session")
_ESCAPES = {"t": "\t", "n": "\n", "0": "\0", "\\": "\\"}
_ESCAPED = re.compile(r"\\(.)")


def quote_identifier(name: str) -> str:
    """Return a name as SQL's quoted identifier, whatever characters it has."""
    return "`" + name.replace("`", "``") + "`"


def qualified(database: str, name: str) -> str:
    """Return a table of a database, as SQL's quoted identifiers."""
    return f"{quote_identifier(database)}.{quote_identifier(name)}"


def quote_literal(value: str) -> str:
    """Return a text as an SQL literal of utf8mb4, in digits: nothing in it means anything to a client or a parser."""
    return f"CONVERT(x'{value.encode('utf-8', 'surrogateescape').hex()}' USING utf8mb4)" if value else "''"


def same_name(column: str, name: str) -> str:
    """Return the condition that a column of the catalogue holds this very name.

    It compares without case and accents, but names differ by them; and looks up quickly only what is compared so.
    """
    literal = quote_literal(name)
    return f"{column} = {literal} AND {column} = {literal} COLLATE utf8mb4_bin"


def unescape(text: str) -> str:
    """Return a field as the client prints it in batch mode, as it was."""
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match.group(1), match.group(0)), text)


class Session(abc.ABC):
    """One connection. A context manager; leaving it ends the connection and rolls back what was not committed.

    :param processes: what the session belongs to; cancelling it ends the session.
    :param database: the current database; None: none.
    :param bulk: whether it is for much output: moved in large blocks, it wakes either side less often.
    :raises ProcessFailed: when the server does not accept it.
    """

    #: The first statement of every session.
    settings: t.ClassVar[str]
    #: What comes before statements that print rows: they come as the bytes that they are, whatever their character set.
    as_bytes: t.ClassVar[str]

    def __init__(
        self,
        processes: Processes,
        connection: Connection,
        *,
        database: str | None = None,
        bulk: bool = False,
    ) -> None:
        self._processes = processes
        self._advice = connection.advice
        self._on = connection.describe(database)
        self._token = secrets.token_hex(16)
        self._busy = False
        self._reads_only = False
        command = connection.command(
            ["--batch", "--skip-column-names", "--quick", "--unbuffered", "--default-character-set=utf8mb4"]
        )
        self._client = ClientProcess(processes, command, bulk=bulk)
        self.output = self._client.output
        self._buffer = b""
        try:
            self.execute(self.settings, action="connect to the server")
            if connection.must_encrypt and not self.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1]:
                raise Refused(
                    "connect to the server",
                    on=self._on,
                    why="the connection is not encrypted, and ssl_mode demands that",
                    next_step="Switch TLS on in the server, or correct ssl_mode.",
                )
            if database is not None:
                self.execute(f"USE {quote_identifier(database)}", action="connect to the server")
        except BaseException:
            self.close()
            raise

    @staticmethod
    @abc.abstractmethod
    def immediate(statement: str) -> str:
        """Return statements that execute exactly this one statement, whatever semicolons it contains."""

    @abc.abstractmethod
    def prepare_for_tables(self) -> None:
        """Ensure that tables are made, and changed, as a set says.

        :raises ProcessFailed: when the server's settings change them, and this account may not set others.
        """

    def send(self, sql: str) -> None:
        """Hand statements over, without waiting for what comes of them."""
        self._busy = True
        self._client.write(sql.encode("utf-8", "surrogateescape"))

    def execute(self, sql: str, *, action: str = "ask the server") -> list[list[str]]:
        """Run one statement, and return what it prints, line by line, field by field, with the text ``NULL`` for NULL.

        :raises ProcessFailed: when it fails; the session has then ended.
        """
        self.send(f"{sql};\nSELECT '{self._token}';\n")
        lines: list[list[str]] = []
        while True:
            line = self._readline()
            if line is None:
                raise self.failure(action)
            if line == self._token:
                self._busy = False
                return lines
            lines.append([unescape(field) for field in line.split("\t")])

    @contextlib.contextmanager
    def reading(self) -> t.Iterator[None]:
        """Let nothing be written meanwhile: in a READ ONLY transaction, unless one is under way.

        A server may run an owner's functions, as this session's account, when it shows a view, reads a query, or lists
        tables and columns (MariaDB computes what is constant). Not for a session that holds locks on tables.
        """
        if self._reads_only:
            yield
            return
        self.execute("START TRANSACTION READ ONLY")
        self._reads_only = True
        yield
        self.execute("COMMIT")
        self._reads_only = False

    def begin_snapshot(self, opening: t.Sequence[str]) -> None:
        """Begin a READ ONLY transaction that sees one moment, and lasts as long as the session.

        :param opening: statements that open tables.
        """
        begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
        self.execute(";\n".join([begin, *opening]), action="begin a snapshot")
        self._reads_only = True

    def rows(self, columns: t.Mapping[str, str], source: str, *, action: str = "ask the server") -> list[Row]:
        """Return the rows of a query.

        :param columns: the name of each value to the expression that gives it.
        :param source: what follows FROM.
        """
        pairs = ", ".join(f"'{name}', {expression}" for name, expression in columns.items())
        return [
            json.loads(line[0]) for line in self.execute(f"SELECT JSON_OBJECT({pairs}) FROM {source}", action=action)
        ]

    def value(self, expression: str) -> str | None:
        """Return one value as text; None for NULL."""
        ((text,),) = self.execute(f"SELECT JSON_ARRAY(CONCAT({expression}))")
        value = json.loads(text)[0]
        return None if value is None else str(value)

    def _readline(self) -> str | None:
        # Unbuffered but for this line, because what follows may be read by another process.
        while b"\n" not in self._buffer:
            chunk = os.read(self.output.fileno(), 65536)
            if not chunk:
                return None
            self._buffer += chunk
        line, _newline, self._buffer = self._buffer.partition(b"\n")
        return line.decode("utf-8", "surrogateescape")

    def send_all(self, sql: str) -> None:
        """Hand the last statements over: the client ends when it has carried them out."""
        self.send(sql)
        self.end_input()

    def end_input(self) -> None:
        """Tell the client that no more statements come: it ends when it has carried out those it has."""
        self._client.end_input()

    def wait(self, action: str) -> None:
        """Wait for the client to end by itself.

        :raises ProcessFailed: when a statement failed.
        """
        self.end_input()
        if self._client.wait():
            raise self.failure(action)

    def failure(self, action: str) -> ProcessFailed:
        """Return why the client has ended, in the server's words."""
        stderr = self._client.reap(65536)
        return client_failed(
            action,
            on=self._on,
            status=self._client.status,
            stderr=stderr,
            next_step=lambda why: self._advice.next_step(why, "Correct the cause and run again; nothing was changed."),
        )

    def close(self) -> None:
        """End the connection."""
        self._client.close(signal.SIGTERM, busy=self._busy, grace=2)

    def __enter__(self: _Session) -> _Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()
