# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client programs of MariaDB and MySQL: how they reach a server, and what errors mean that both have."""

from __future__ import annotations

import abc
import os
import re
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command
from ansible_collections.infitulua.backup.plugins.module_utils._system.secrets import SecretFile

from ..advice import Advice

CONNECT_TIMEOUT_SECONDS = 10
# The most that a server's protocol lets a value have, bytes (MariaDB, "max_allowed_packet").
_LARGEST_PACKET = 1024 * 1024 * 1024


def _quote_option(value: str) -> str:
    """Return a value of an option file (MariaDB, "Configuring MariaDB with Option Files")."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Connection(abc.ABC):
    """How to reach one server: the options of a source or target. A context manager: it holds the password in memory.

    :param options: the engine's options; those that were not given are None.
    :raises Refused: when they do not fit together.
    """

    product: t.ClassVar[str]
    #: ssl_mode to the lines of an option file that ask for it.
    tls: t.ClassVar[t.Mapping[str, t.Sequence[str]]]
    #: Whatever the text that the client is given says, it opens no file and runs no program (but those of ours).
    harmless: t.ClassVar[t.Sequence[str]]
    #: What the client's environment has besides.
    variables: t.ClassVar[t.Mapping[str, str]] = {}
    #: What to do next, by the numbers of the server's and the client's errors, or what they say.
    advice: t.ClassVar[Advice]

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._options = options
        self.database: str = options.get("database") or ""
        self.os_user: str | None = options.get("login_os_user")
        if not self.database:
            raise Refused(
                f"use a {self.product} database",
                on="no database",
                why="the option database was not given",
                next_step="Give the database's name.",
            )
        if options.get("login_host") and options.get("login_unix_socket"):
            raise Refused(
                f"connect to {self.product}",
                on=self.database,
                why="login_host and login_unix_socket were both given",
                next_step="Give one of them.",
            )
        if (options.get("ssl_mode") or "disable") not in self.tls:
            raise Refused(
                f"connect to {self.product}",
                on=self.database,
                why=f"its client has no ssl_mode {options['ssl_mode']}",
                next_step=f"Choose one of {', '.join(self.tls)}, or omit it.",
            )
        for name in ("login_password", "login_user", "login_host"):
            if re.search(r"[\0\n\r]", options.get(name) or ""):
                raise Refused(
                    f"connect to {self.product}",
                    on=self.database,
                    why=f"{name} holds a line break, which no option file can hold",
                    next_step="Choose another one.",
                )
        self._secret: SecretFile | None = None
        self._program: str | None = None

    def __enter__(self) -> Connection:
        # Everything in one file in memory, the password among it: an option file is the only one that is read.
        options = self._options
        lines = ["[client]", f"connect-timeout={CONNECT_TIMEOUT_SECONDS}"]
        for name, option in (
            ("host", "login_host"),
            ("port", "login_port"),
            ("user", "login_user"),
            ("password", "login_password"),
            ("socket", "login_unix_socket"),
            ("ssl-ca", "ca_cert"),
        ):
            if options.get(option) is not None:
                lines.append(f"{name}={_quote_option(str(options[option]))}")
        if options.get("login_host"):
            # Otherwise "localhost" would mean the socket.
            lines.append("protocol=tcp")
        lines += self.tls.get(options.get("ssl_mode") or "", [])
        self._secret = SecretFile("\n".join(lines) + "\n", user=self.os_user)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        if self._secret is not None:
            self._secret.close()
            self._secret = None

    @property
    def server(self) -> str:
        """The server in a few words."""
        place = self._options.get("login_host") or self._options.get("login_unix_socket") or "the local socket"
        port = self._options.get("login_port")
        return f"{place}:{port}" if port else place

    @property
    def must_encrypt(self) -> bool:
        """Whether to refuse unencrypted connections: by itself the client goes on without encryption."""
        return self._options.get("ssl_mode") in ("require", "verify-ca", "verify-full")

    def describe(self, database: str | None = None) -> str:
        """Return a database (None: the one of the options) in a few words."""
        return f"database {database or self.database} on {self.server}"

    def as_account(self, user: str, password: str) -> Connection:
        """Return the same server, as another account."""
        return type(self)({**self._options, "login_user": user, "login_password": password})

    @staticmethod
    @abc.abstractmethod
    def find_client(directory: str | None) -> tuple[str, str]:
        """Return the path and the version of the client program.

        :param directory: look only there.
        :raises NotFound: when it is not installed, or is another product's.
        """

    def command(self, arguments: t.Sequence[str]) -> Command:
        """Return the client program, told how to reach the server."""
        if self._secret is None:
            raise RuntimeError("the connection has not been entered")
        if self._program is None:
            self._program, _version = self.find_client(self._options.get("client_directory"))
        # What was inherited, such as MYSQL_PWD or MYSQL_HOST, would change who connects where.
        variables: dict[str, str | None] = {
            name: None for name in os.environ if name.startswith(("MYSQL", "MARIADB", "LIBMYSQL"))
        }
        variables.update(self.variables)
        return Command(
            [
                self._program,
                f"--defaults-file={self._secret.path}",
                *self.harmless,
                f"--max-allowed-packet={_LARGEST_PACKET}",
                *arguments,
            ],
            environment=variables,
            pass_fds=[self._secret.descriptor],
            user=self.os_user,
        )


#: What to do about errors of which the products mean the same. Servers may speak Spanish.
COMMON_ADVICE = Advice(
    (
        (
            r"ERROR (?:1045|1698|1251)\b",
            "Correct login_user and login_password (or login_os_user, where the server knows users by their login).",
        ),
        (
            r"ERROR (?:2002|2003|2005|2006|2013|1040|1203|1130)\b",
            "Check that the server runs, lets this host and user in, and that host, port or socket are right.",
        ),
        (r"ERROR 2026\b", "Check ssl_mode and ca_cert: the server's certificate must be one that they accept."),
        (r"ERROR 1049\b", "Correct the database's name, or create it."),
        (r"ERROR 1412\b", "A table was altered while it was dumped: run again."),
        (
            r"ERROR (?:1205|1969)\b",
            (
                "Another session holds a lock (SHOW PROCESSLIST shows which): end it, or run when no table"
                " is being altered."
            ),
        ),
        (
            r"ERROR 1418\b",
            "Let the server take functions as they are (SET GLOBAL log_bin_trust_function_creators = 1) and run again.",
        ),
        (r"ERROR (?:3948|1148|4166)\b", "Switch local_infile on in the server (SET GLOBAL local_infile = 1)."),
        (
            r"ERROR (?:3|1026|1878)\b",
            (
                "Free space where the server keeps its temporary files (tmpdir), or name a directory that has it (SET"
                " GLOBAL innodb_tmpdir)."
            ),
        ),
        (r"ERROR (?:1021|1114|1030)\b|No space left on device", "Free space where the server keeps its data."),
    )
)
