# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's own programs: which ones to use, how they reach the server, and what their errors mean."""

from __future__ import annotations

import dataclasses
import glob
import os
import pwd
import re
import shutil
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.secrets import SecretFile

from ..advice import Advice
from . import fixed_settings as fixed
from .raw_names import to_raw

APPLICATION_NAME = "infitulua.backup"
CONNECT_TIMEOUT_SECONDS = 10
# Values of lc_messages under which a server speaks English.
_ENGLISH = re.compile(r"(?:C|POSIX|en)(?![A-Za-z])|English")
_PROGRAMS = ("psql", "pg_dump", "pg_dumpall", "pg_restore")
# Debian's and Red Hat's directories of the programs of one major version.
_VERSIONED_DIRECTORIES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
# Debian's dispatcher, which chooses a version by its own rules.
_WRAPPER = "pg_wrapper"


@dataclasses.dataclass(frozen=True)
class Client:
    """The programs of one version.

    :param version: as ``pg_dump --version`` prints it, such as ``17.2``.
    """

    directory: str
    version: str

    @property
    def major(self) -> int:
        """The major version."""
        return int(self.version.split(".", maxsplit=1)[0])

    def path(self, program: str) -> str:
        """Return the path of one of its programs."""
        return os.path.join(self.directory, program)

    @property
    def compresses_with_zstd(self) -> bool:
        """Whether its pg_dump can compress with zstd (PostgreSQL 16 and newer, where built with it)."""
        if self.major < 16:
            return False
        # It looks at the method before it connects; a directory that does not exist holds no server's socket.
        argv = [self.path("pg_dump"), "--no-password", "--compress=zstd:1", "--format=custom"]
        argv.append("--dbname=host=/nonexistent")
        try:
            with Processes() as processes:
                processes.run([Command(argv)], action="probe", on=argv[0], next_step="")
        except ProcessFailed as error:
            return error.said("connection to server")
        return True


def clients(directory: str | None = None) -> list[Client]:
    """Return the complete clients that are installed, newest first.

    :param directory: look only there.
    :raises NotFound: when there is none.
    """
    if directory is not None:
        for program in _PROGRAMS:
            programs.find(program, directory=directory)
        return [Client(directory, programs.version(os.path.join(directory, "pg_dump")))]
    directories = [path for pattern in _VERSIONED_DIRECTORIES for path in glob.glob(pattern)]
    on_path = shutil.which("pg_dump")
    if on_path is not None and os.path.basename(os.path.realpath(on_path)) != _WRAPPER:
        directories.append(os.path.dirname(os.path.realpath(on_path)))
    found = {}
    for path in directories:
        if all(os.access(os.path.join(path, program), os.X_OK) for program in _PROGRAMS):
            found[os.path.realpath(path)] = Client(path, programs.version(os.path.join(path, "pg_dump")))
    if not found:
        for program in _PROGRAMS:
            programs.find(program, directory=os.path.dirname(on_path) if on_path else None)
    return sorted(found.values(), key=lambda client: [int(part) for part in client.version.split(".")], reverse=True)


def choose_client(available: t.Sequence[Client], major: int, *, on: str) -> Client:
    """Return the client for a server (or a dump) of this major version: the same, else the next newer.

    Not simply the newest: what a newer pg_restore sends is not always understood by an older server, and what a newer
    pg_dump writes is not always read by the pg_restore beside that server.

    :param on: what the client is for, for the message.
    :raises Refused: when all are older.
    """
    suitable = [client for client in available if client.major >= major]
    if suitable:
        return min(suitable, key=lambda client: client.major)
    raise Refused(
        "use the PostgreSQL client",
        on=on,
        why=f"it needs version {major} or newer, but this host has {available[0].version} ({available[0].directory})",
        next_step=f"Install the package postgresql-client-{major} (Debian, Ubuntu) or postgresql{major} (Red Hat),"
        " or name its directory in client_directory.",
    )


def choose_for_restore(available: t.Sequence[Client], dumped_with: str, *, server_major: int | None = None) -> Client:
    """Return the client to restore with: not older than the one that dumped, as near to the server's version as can be.

    :param dumped_with: the version of the pg_dump that wrote the set.
    :param server_major: None: not known yet; any client that will do.
    :raises Refused: when all are older.
    """
    dumped = int(dumped_with.split(".", maxsplit=1)[0])
    suitable = [client for client in available if client.major >= dumped]
    if not suitable:
        raise Refused(
            "use the PostgreSQL client",
            on=available[0].directory,
            why=f"the set was written by pg_dump {dumped_with}; pg_restore {available[0].version} cannot read that",
            next_step=f"Install the package postgresql-client-{dumped} (Debian, Ubuntu) or postgresql{dumped} (Red"
            " Hat), or name its directory in client_directory.",
        )
    wanted = server_major if server_major is not None else dumped
    return min(suitable, key=lambda client: (abs(client.major - wanted), -client.major))


def quote_conninfo(value: str) -> str:
    """Return a value of a connection string (libpq, "Connection Strings")."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Connection:
    """How to reach one server: the options of a source or target. A context manager: it holds the password in memory.

    :param options: the engine's options; those that were not given are None.
    :raises Refused: when they do not fit together.
    """

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._options = options
        self.database: str = options.get("database") or ""
        self.user: str | None = options.get("login_user")
        self.os_user: str | None = options.get("login_os_user")
        host, socket = options.get("login_host"), options.get("login_unix_socket")
        if not self.database:
            raise Refused(
                "use a PostgreSQL database",
                on="no database",
                why="the option database was not given",
                next_step="Give the database's name.",
            )
        if host and socket:
            raise Refused(
                "connect to PostgreSQL",
                on=self.database,
                why="login_host and login_unix_socket were both given",
                next_step="Give one of them.",
            )
        password = options.get("login_password")
        if password is not None and ("\n" in password or "\0" in password):
            raise Refused(
                "connect to PostgreSQL",
                on=self.database,
                why="the password holds a line break, which no password file can hold",
                next_step="Choose another password.",
            )
        self._host: str | None = host or socket
        self._secret: SecretFile | None = None
        # Of the fixed settings: until a session has asked, those that every server takes from every user.
        self.settings: dict[str, str] = fixed.applicable(0, superuser=False)
        self.superuser = False
        self.in_english = False
        self.client_directory: str | None = options.get("client_directory")
        self._client: Client | None = None

    def __enter__(self) -> Connection:
        password = self._options.get("login_password")
        if password is not None:
            # libpq, "The Password File": a backslash goes before a colon or a backslash.
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            self._secret = SecretFile(f"*:*:*:*:{escaped}\n", user=self.os_user)
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
    def client(self) -> Client:
        """The programs to use."""
        if self._client is None:
            raise RuntimeError("no client was chosen yet")
        return self._client

    @client.setter
    def client(self, client: Client) -> None:
        self._client = client

    @property
    def has_client(self) -> bool:
        """Whether the programs to use have been chosen."""
        return self._client is not None

    @property
    def server(self) -> str:
        """The server in a few words."""
        port = self._options.get("login_port")
        place = self._host or "the local socket"
        return f"{place}:{port}" if port else place

    def describe(self, database: str | None = None) -> str:
        """Return a database (None: the one of the options) in a few words."""
        return f"database {database or self.database} on {self.server}"

    def conninfo(self, database: str | None = None) -> str:
        """Return the connection string, which holds no secret and which a database's odd name cannot escape from."""
        parts = {
            "host": self._host,
            "port": self._options.get("login_port"),
            "user": self.user,
            "dbname": to_raw(database or self.database),
            "sslmode": self._options.get("ssl_mode"),
            "sslrootcert": self._options.get("ca_cert"),
        }
        return " ".join(f"{key}={quote_conninfo(str(value))}" for key, value in parts.items() if value is not None)

    def learn(self, version: int, *, superuser: bool, messages: str) -> None:
        """Take note of what decides which settings can be fixed.

        :param version: the server's, as server_version_num.
        :param superuser: whether the user is one.
        :param messages: what lc_messages is where we do not fix it.
        """
        self.settings = fixed.applicable(version, superuser=superuser)
        self.superuser = superuser
        self.in_english = "lc_messages" in self.settings or _ENGLISH.match(messages) is not None

    def hand_over(self, descriptor: int) -> None:
        """Let the operating-system user of the client open one of our files without a name."""
        if self.os_user is not None and os.geteuid() == 0:
            entry = pwd.getpwnam(self.os_user)
            os.fchown(descriptor, entry.pw_uid, entry.pw_gid)

    def command(
        self,
        program: str,
        arguments: t.Sequence[str],
        *,
        database: str | None = None,
        environment: t.Mapping[str, str] | None = None,
        settings: t.Mapping[str, str] | None = None,
        pass_fds: t.Sequence[int] = (),
    ) -> Command:
        """One of the client's programs, told how to reach the server.

        :param settings: of its sessions, besides (and before) the fixed ones. psql gets none: a :class:`Session` sets
            them itself, so that it can still ask what they were.
        """
        descriptors = list(pass_fds)
        # What was inherited, such as PGOPTIONS or PGSERVICE, would change what is dumped or where.
        variables: dict[str, str | None] = {name: None for name in os.environ if name.startswith("PG")}
        variables["PGAPPNAME"] = APPLICATION_NAME
        variables["PGCONNECT_TIMEOUT"] = str(CONNECT_TIMEOUT_SECONDS)
        if self._secret is not None:
            variables["PGPASSFILE"] = self._secret.path
            descriptors.append(self._secret.descriptor)
        if program != "psql":
            variables["PGOPTIONS"] = fixed.options({**self.settings, **(settings or {})})
        variables.update(environment or {})
        return Command(
            [self.client.path(program), "--no-password", f"--dbname={self.conninfo(database)}", *arguments],
            environment=variables,
            pass_fds=descriptors,
            user=self.os_user,
        )


# What to do next, by what a program or the server printed. Servers may speak Spanish.
_ADVICE = Advice(
    (
        (
            (
                r"password authentication failed|no password supplied|[Pp]eer authentication failed"
                r"|autentificaci.n .?password"
            ),
            "Correct login_user and login_password (or login_os_user, where the server knows users by their login).",
        ),
        (
            r"no pg_hba\.conf entry|pg_hba\.conf rejects|no hay una l.nea en pg_hba\.conf",
            "Allow this host and user in the server's pg_hba.conf.",
        ),
        (
            (
                r"Connection refused|No such file or directory|timeout expired"
                r"|could not translate host name|No route to host"
            ),
            "Check that the server runs and that host, port or socket directory are right.",
        ),
        (
            r"the database system is (?:starting up|shutting down)|server closed the connection unexpectedly",
            "Check that the server runs and that host, port or socket directory are right.",
        ),
        (
            r"database \"[^\n]*\" does not exist|no existe la base de datos",
            "Correct the database's name, or create it.",
        ),
        (r"role \"[^\n]*\" does not exist|no existe el rol", "Correct login_user, or create that role."),
        (
            r"row-level security|seguridad de registros",
            "Connect as a superuser or as a role with BYPASSRLS: a dump must see every row.",
        ),
        (
            r"permission denied|must be (?:superuser|owner|member)|permiso denegado",
            "Connect as a superuser, or grant the role what it lacks (to dump: pg_read_all_data since PostgreSQL 14).",
        ),
        (
            r"lock timeout|could not obtain lock|tiempo de espera (?:para|de) .*(?:lock|candado|bloqueo)",
            "Another session holds a lock (pg_locks shows which): end it, or run when no table is being altered.",
        ),
        (
            r"conflict with recovery|conflicto con la recuperaci.n",
            "Raise max_standby_streaming_delay or set hot_standby_feedback on this replica, or dump the primary.",
        ),
        (
            r"unsupported startup parameter",
            "Connect to the server itself (login_host, login_port), not through a connection pooler.",
        ),
        (r"too many connections|remaining connection slots", "Raise max_connections on the server, or use fewer jobs."),
        (r"No space left on device|could not extend file", "Free space where the server keeps its data."),
    )
)
advice = _ADVICE.next_step
advising = _ADVICE.giving
