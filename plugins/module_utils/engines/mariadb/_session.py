# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ``mariadb`` at work for us: statements in, rows out. What comes from a set reaches it as hexadecimal digits."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import signal
import subprocess
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes, enlarge
from ansible_collections.infitulua.backup.plugins.module_utils._programs import block_buffered
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection, advice

Row = dict[str, t.Any]
_Session = t.TypeVar("_Session", bound="Session")
# How long a statement waits for what another session has locked, seconds.
LOCK_WAIT_SECONDS = 60
# What the server's or the account's own settings must not change about our sessions. NO_AUTO_VALUE_ON_ZERO keeps a 0 a
# 0, NO_DIR_IN_CREATE keeps a set from choosing where its tables lie; not being strict lets odd dates be what they are.
SETTINGS = (
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,NO_DIR_IN_CREATE,ALLOW_INVALID_DATES', time_zone = '+00:00',"
    " wait_timeout = 604800, net_read_timeout = 86400, net_write_timeout = 86400, max_statement_time = 0,"
    f" lock_wait_timeout = {LOCK_WAIT_SECONDS}, innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS},"
    " idle_transaction_timeout = 0, sql_select_limit = 18446744073709551615, sql_quote_show_create = 1,"
    " sql_auto_is_null = 0, autocommit = 1, max_error_count = 64"
    # Otherwise the first TIMESTAMP of a table follows the clock. It can be set since 10.8.4.
    " /*M!100804 , explicit_defaults_for_timestamp = 1 */"
)
_ESCAPES = {"t": "\t", "n": "\n", "0": "\0", "\\": "\\"}
_ESCAPED = re.compile(r"\\(.)")


def quote_identifier(name: str) -> str:
    """A name as SQL's quoted identifier, whatever characters it has."""
    return "`" + name.replace("`", "``") + "`"


def quote_literal(value: str) -> str:
    """A text as an SQL literal of utf8mb4, in digits: nothing in it means anything to a client or a parser."""
    return f"CONVERT(x'{value.encode('utf-8', 'surrogateescape').hex()}' USING utf8mb4)" if value else "''"


def immediate(statement: str) -> str:
    """A statement that executes this one, and no more than this one, whatever semicolons are in it."""
    return f"EXECUTE IMMEDIATE {quote_literal(statement)}"


def same_name(column: str, name: str) -> str:
    """The condition that a column of the catalogue holds this very name.

    It compares without case and accents, but names differ by them; and looks up quickly only what is compared so.
    """
    literal = quote_literal(name)
    return f"{column} = {literal} AND {column} = {literal} COLLATE utf8mb4_bin"


def unescape(text: str) -> str:
    """A field as the client prints it in batch mode, as it was."""
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match.group(1), match.group(0)), text)


def require_mariadb(session: Session, what: str, *, on: str) -> str:
    """The server's version.

    :param what: what it is needed for, as a verb phrase.
    :raises Refused: when the server is another product.
    """
    version = session.value("VERSION()") or ""
    if "MariaDB" not in version:
        raise Refused(
            what,
            on=on,
            why=f"the server is not MariaDB but {version}",
            next_step="For MySQL there is the engine mysql.",
        )
    return version


class Session:
    """One connection. A context manager; leaving it ends the connection and rolls back what was not committed.

    :param processes: what the session belongs to; cancelling it ends the session.
    :param database: the current database; None: none.
    :param bulk: whether it is for much output: moved in large blocks, it wakes either side less often.
    :raises ProcessFailed: when the server does not accept it.
    """

    #: The first statement of every session.
    settings: t.ClassVar[str] = SETTINGS
    #: What comes before statements that print rows: they come as the bytes that they are, whatever their character set.
    #: And the client too takes what it prints for bytes: it escapes the same ones, and does not look for characters
    #: among them, which takes it a third of its time.
    as_bytes: t.ClassVar[str] = "charset binary\nSET NAMES utf8mb4;\nSET SESSION character_set_results = NULL;\n"

    def __init__(
        self,
        processes: Processes,
        connection: Connection,
        *,
        database: str | None = None,
        bulk: bool = False,
    ) -> None:
        self._processes = processes
        self._on = connection.describe(database)
        self._token = secrets.token_hex(16)
        self._busy = False
        # A file without a name instead of a pipe: nobody has to empty it while we wait for rows.
        self._errors = os.memfd_create("mariadb-stderr", os.MFD_CLOEXEC)
        command = connection.command(
            ["--batch", "--skip-column-names", "--quick", "--unbuffered", "--default-character-set=utf8mb4"]
        )
        if bulk:
            command = dataclasses.replace(command, launcher=block_buffered())
        try:
            self._process = processes.start(command, stdin=subprocess.PIPE, stderr=self._errors)
        except BaseException:
            os.close(self._errors)
            raise
        self._input = t.cast("t.IO[bytes]", self._process.stdin)
        self.output = t.cast("t.IO[bytes]", self._process.stdout)
        if bulk:
            enlarge(self.output)
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

    def send(self, sql: str) -> None:
        """Hands statements over, without waiting for what comes of them."""
        self._busy = True
        data = memoryview(sql.encode("utf-8", "surrogateescape"))
        # A client that has ended is judged by what it printed.
        with contextlib.suppress(BrokenPipeError, ValueError):
            while data:
                data = data[os.write(self._input.fileno(), data) :]

    def execute(self, sql: str, *, action: str = "ask the server") -> list[list[str]]:
        """Runs one statement; what it prints, line by line, field by field, with the text ``NULL`` for NULL.

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

    def compound(self, sql: str, *, action: str) -> None:
        """Runs one compound statement (``BEGIN NOT ATOMIC … END``), which the server carries through by itself.

        :raises ProcessFailed: when it fails; the session has then ended.
        """
        # The client takes a delimiter of at most 15 characters.
        end = f"//{self._token[:8]}"
        self.send(f"DELIMITER {end}\n{sql}\n{end}\nDELIMITER ;\n")
        self.execute("DO 0", action=action)

    def rows(self, columns: t.Mapping[str, str], source: str, *, action: str = "ask the server") -> list[Row]:
        """The rows of a query.

        :param columns: the name of each value to the expression that gives it.
        :param source: what follows FROM.
        """
        pairs = ", ".join(f"'{name}', {expression}" for name, expression in columns.items())
        return [
            json.loads(line[0]) for line in self.execute(f"SELECT JSON_OBJECT({pairs}) FROM {source}", action=action)
        ]

    def value(self, expression: str) -> str | None:
        """One value, as text; None for NULL."""
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
        """Hands the last statements over: the client ends when it has carried them out."""
        self.send(sql)
        self.end_input()

    def end_input(self) -> None:
        """Tells the client that no more statements come: it ends when it has carried out those it has."""
        with contextlib.suppress(OSError):
            self._input.close()

    def wait(self, action: str) -> None:
        """Waits for the client to end by itself.

        :raises ProcessFailed: when a statement failed.
        """
        self.end_input()
        self._process.wait()
        if self._process.returncode:
            raise self.failure(action)

    @staticmethod
    def advice(text: str, otherwise: str) -> str:
        """What to do about an error message."""
        return advice(text, otherwise)

    def failure(self, action: str) -> ProcessFailed:
        """Why the client has ended, in the server's words."""
        self._processes.reap(self._process)
        size = os.fstat(self._errors).st_size
        text = os.pread(self._errors, 65536, max(0, size - 65536)).decode("utf-8", "backslashreplace")
        lines = [line.strip() for line in text.splitlines()]
        # Not the statement, which the client prints too and which may hold a secret.
        why = "; ".join(line for line in lines if line.startswith(("ERROR", "mariadb:", "mysql: [ERROR]", "/"))) or (
            f"the client ended with exit status {self._process.returncode}"
        )
        return ProcessFailed(
            action,
            on=self._on,
            why=why,
            next_step=self.advice(why, "Correct the cause and run again; nothing was changed."),
        )

    def close(self) -> None:
        """Ends the connection."""
        for stream in (self._input, self.output):
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        # Its input has ended, so it ends, unless the server is busy with a statement.
        for patience, number in ((0 if self._busy else 5, signal.SIGTERM), (2, signal.SIGKILL)):
            try:
                self._process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                self._process.send_signal(number)
        self._processes.reap(self._process)
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1

    def __enter__(self: _Session) -> _Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()
