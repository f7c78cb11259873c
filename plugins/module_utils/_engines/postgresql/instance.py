# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away PostgreSQL server: on a socket that only its user reaches, confined, gone with whoever started it."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system import confinement, programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command

from ..base import Check
from ..trial.instance import Instance, NotAvailable, log_end
from .client import Connection, choose_for_restore, clients, quote_conninfo
from .fixed_settings import COMPUTING
from .raw_names import printable
from .session import Session
from .session_failed import server_lost
from .target import PostgresqlTarget

_SUPERUSER = "postgres"
_START_SECONDS = 60
# sun_path of unix(7) holds 108 bytes, and the socket's own name takes up to 20.
_LONGEST_SOCKET_DIRECTORY = 85
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "30",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "archive_mode": "off",
    "log_min_messages": "error",
    "log_min_error_statement": "panic",
    # So that an error begins with its SQLSTATE, and says the rest in one language.
    "log_line_prefix": "%e ",
    "log_error_verbosity": "terse",
    "lc_messages": "C",
    "ssl": "off",
}
# PostgreSQL manual, "PostgreSQL Error Codes": what the host has not got enough of, and files that it has not got. The
# libraries of C functions are such files: what a set has of them is only their names.
_HOST_STATES = re.compile(r"53\w{3}|58030|58P01")
_SHARED_STATES = frozenset({"0A000", "22023", "42883", "42704", "55000", "XX000"})
_HOST_WORDS = re.compile(
    r"could not load library|could not find function \"[^\"]*\" in file|incompatible library"
    r"|ICU is not supported in this build|could not open (?:extension control file|collator)|could not create locale"
    r"|extension \"[^\"]*\" is not available|extension \"[^\"]*\" has no installation script"
    r"|nondeterministic collations not supported|invalid (?:LC_COLLATE|LC_CTYPE) locale name|invalid locale name"
    r"|collation \"[^\"]*\" for encoding \"[^\"]*\" does not exist|must be loaded via \"?shared_preload_libraries"
    r"|unsupported XML feature|requires the server to be built with"
)
# A program, or a file of the server's own: a restored object wanted it, and the confinement had none.
_ATTACK = re.compile(
    r"could not execute command|program \".*\" failed|could not open file \"/[^\"]*\" for (?:reading|writing)"
    r"|could not (?:stat|open) (?:file|directory) \"/"
)
_WHOLE_LOG = 8 * 1024 * 1024
_ERROR = re.compile(r"(?P<state>[0-9A-Z]{5}) (?:ERROR|FATAL|PANIC):\s+(?P<text>.*)")
# What a question means, and how its answer is written; moments and numbers stand in one form.
_AS_USERS = (
    "search_path",
    "lc_monetary",
    *(name for name in COMPUTING if name not in ("DateStyle", "extra_float_digits")),
)
_NEXT_STEP = "Look at the message; the drill counts as not done."


class PostgresqlInstance(Instance):
    """A server of the major version that the set was taken from."""

    target_type = PostgresqlTarget

    def __enter__(self) -> PostgresqlInstance:
        self._programs = _find_programs(self._major, self.place.programs_directory)
        self._check_socket_directory()
        launcher = confinement.confined(readable=[os.path.dirname(self._programs)], writable=[self.place.directory])
        if launcher is None:
            raise NotAvailable(*confinement.MISSING)
        if self.place.user is not None:
            entry = pwd.getpwnam(self.place.user)
            os.chown(self.place.directory, entry.pw_uid, entry.pw_gid)
        self._initialise()
        self._start(launcher)
        return self

    @property
    def _data(self) -> str:
        return os.path.join(self.place.directory, "data")

    @property
    def _log(self) -> str:
        return os.path.join(self.place.directory, "log")

    @property
    def _major(self) -> str:
        return str(self.description.engine_facts["version"]).split(".", maxsplit=1)[0]

    @property
    def target(self) -> dict[str, t.Any]:
        return {
            "database": self.description.engine_facts["database"]["name"],
            "login_unix_socket": self.place.directory,
            "login_user": _SUPERUSER,
            # Clients of a server that may be hostile: not as root.
            "login_os_user": self.place.user,
            "client_directory": self.place.programs_directory,
        }

    @classmethod
    def check_programs(cls, version: str, directory: str | None) -> None:
        """See ``Instance``."""
        _find_programs(version.split(".")[0].split()[0], directory)

    def _check_socket_directory(self) -> None:
        if len(os.fsencode(self.place.directory)) > _LONGEST_SOCKET_DIRECTORY:
            raise NotAvailable(
                f"a socket cannot be made in {self.place.directory}: the path is too long",
                f"Name a work_directory of at most {_LONGEST_SOCKET_DIRECTORY - 20} characters.",
            )

    def _initialise(self) -> None:
        # Not confined: it needs a shell, and nothing of the set is there yet.
        command = Command(
            [
                os.path.join(self._programs, "initdb"),
                f"--pgdata={self._data}",
                f"--username={_SUPERUSER}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--auth=trust",
                "--no-sync",
            ],
            user=self.place.user,
        )
        try:
            self.place.processes.run(
                [command], action="make a throw-away server", on=f"PostgreSQL {self._major}", next_step=_NEXT_STEP
            )
        except ProcessFailed as error:
            raise NotAvailable(error.why, "Correct the cause and run again.") from error

    def _start(self, launcher: t.Sequence[str]) -> None:
        settings = {**_SETTINGS, "unix_socket_directories": self.place.directory}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = Command(
            [os.path.join(self._programs, "postgres"), "-D", self._data, *options],
            launcher=launcher,
            user=self.place.user,
        )
        with open(self._log, "ab") as log:
            server = self.place.processes.start(command, stdout=log, stderr=log)
        end = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if server.poll() is not None or time.monotonic() > end:
                said = " ".join(log_end(self._log).split())
                raise NotAvailable(
                    f"the throw-away PostgreSQL {self._major} did not start: {said or 'it said nothing'}",
                    "Correct the cause (where user namespaces are switched off, bwrap cannot confine it) and run"
                    " again.",
                )
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        # PostgreSQL, "postmaster.pid": the eighth line is its state.
        with contextlib.suppress(OSError), open(os.path.join(self._data, "postmaster.pid"), encoding="ascii") as stream:
            lines = stream.read().splitlines()
            return len(lines) >= 8 and lines[7].strip() == "ready"
        return False

    def examine(self) -> list[Check]:
        """Every page and every B-tree index, by pg_amcheck (PostgreSQL 14 and newer)."""
        program = os.path.join(self._programs, "pg_amcheck")
        available = os.access(program, os.X_OK)
        if available:
            with Connection(self.target) as connection:
                self._choose_client(connection)
                with Session(self.place.processes, connection) as session:
                    available = bool(session.rows("SELECT 1 AS x FROM pg_available_extensions WHERE name = 'amcheck'"))
        if not available:
            return [Check("pg_amcheck", True, "not to be had on this host: left out")]
        command = Command(
            [
                program,
                "--install-missing",
                "--no-password",
                f"--jobs={self.place.jobs}",
                f"--host={self.place.directory}",
                f"--username={_SUPERUSER}",
                # Taken for a connection string, so that no name is one by accident.
                f"--maintenance-db=dbname={quote_conninfo('postgres')}",
                f"--database={_as_pattern(self.target['database'])}",
            ],
            user=self.place.user,
        )
        try:
            self.place.processes.run(
                [command], action="check every page", on=self.target["database"], next_step=_NEXT_STEP
            )
        except ProcessFailed as error:
            return [Check("pg_amcheck", False, error.why)]
        return [Check("pg_amcheck", True, "every table and index is sound")]

    def troubles(self) -> str:
        """Return the end of the server's log."""
        return log_end(self._log)

    def attack(self) -> str | None:
        for line in log_end(self._log, _WHOLE_LOG).splitlines():
            found = _ERROR.fullmatch(line)
            if found is not None and _ATTACK.match(found["text"]):
                return found["text"][:300]
        return None

    def shortage(self) -> str | None:
        for line in log_end(self._log).splitlines():
            found = _ERROR.fullmatch(line)
            if found is None or _ATTACK.match(found["text"]):
                continue
            if _HOST_STATES.fullmatch(found["state"]):
                return found["text"]
            # States that others share: only with words that the server says of nothing else.
            if found["state"] in _SHARED_STATES and _HOST_WORDS.search(found["text"]):
                return found["text"]
        return None

    def is_lost(self, error: BackupError) -> bool:
        return server_lost(error)

    def ask(self, query: str) -> str:
        with Connection(self.target) as connection:
            self._choose_client(connection)
            with Session(self.place.processes, connection) as session:
                # As the database's own users would see it.
                session.execute("; ".join(f"RESET {name}" for name in _AS_USERS))
                session.execute("SET default_transaction_read_only = on")
                return printable("\n".join(session.execute(query, action="ask a restored database")))

    def _choose_client(self, connection: Connection) -> None:
        facts = self.description.engine_facts
        connection.client = choose_for_restore(
            clients(connection.client_directory), facts["client"], server_major=int(self._major)
        )


def _find_programs(major: str, directory: str | None) -> str:
    """Return the directory of the programs of a major version.

    :raises NotAvailable: when they are not on this host.
    """
    for place in [directory] if directory else [f"/usr/lib/postgresql/{major}/bin", f"/usr/pgsql-{major}/bin"]:
        server = os.path.join(place, "postgres")
        if os.access(server, os.X_OK) and programs.version(server).split(".")[0] == major:
            return os.path.realpath(place)
    raise NotAvailable(
        f"PostgreSQL {major} is not installed on this host",
        f"Install the package postgresql-{major} (Debian, Ubuntu) or postgresql{major}-server (Red Hat); its own"
        " service need not run.",
        [f"postgresql-{major}"],
    )


def _as_pattern(name: str) -> str:
    """Return a database's name as the patterns of psql name exactly it."""
    return '"' + name.replace('"', '""') + '"'
