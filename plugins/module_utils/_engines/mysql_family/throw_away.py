# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away server of MariaDB or MySQL: on a socket that only its user reaches, confined, gone with its starter."""

from __future__ import annotations

import abc
import os
import pwd
import re
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system import confinement, programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command

from ..base import Check, LeftOut
from ..trial.instance import Instance, NotAvailable, log_end
from .client import Connection
from .dialect import Dialect
from .objects import TABLE, VIEW
from .server_error import SERVER_LOST, error_number
from .session import Session, qualified

ADMINISTRATOR = "root"
_START_SECONDS = 60
# sun_path of unix(7) holds 108 bytes.
_LONGEST_SOCKET = 107
_SERVERS = ("/usr/sbin", "/usr/libexec", "/usr/bin")
_SETTINGS = (
    "--skip-networking",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--event-scheduler=OFF",
    "--local-infile=1",
    "--performance-schema=OFF",
    "--max-connections=50",
    "--max-allowed-packet=1G",
    "--innodb-buffer-pool-size=256M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
)
_NEXT_STEP = "Look at the message; the drill counts as not done."


class ThrowAwayServer(Instance):
    """A server of the version that the set was taken from, or of a newer one."""

    product: t.ClassVar[str]
    program: t.ClassVar[str]
    #: What to do where it is not installed.
    install: t.ClassVar[str]
    #: Packages of Debian and Ubuntu that have it.
    packages: t.ClassVar[t.Sequence[str]] = ()
    #: Settings of this product only.
    settings: t.ClassVar[t.Sequence[str]]
    dialect: t.ClassVar[Dialect]

    def __enter__(self) -> ThrowAwayServer:
        wanted = str(self.description.engine_facts["version"])
        server, version = self._find_server(wanted, self.place.programs_directory)
        self._version = version
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET:
            raise NotAvailable(
                f"a socket cannot be made in {self.place.directory}: the path is too long",
                f"Name a work_directory of at most {_LONGEST_SOCKET - 30} characters.",
            )
        readable = [path for path in (*self._belongings(server), os.path.dirname(server)) if os.path.isdir(path)]
        launcher = confinement.confined(readable=readable, writable=[self.place.directory])
        if launcher is None:
            raise NotAvailable(*confinement.MISSING)
        if self.place.user is not None:
            entry = pwd.getpwnam(self.place.user)
            os.chown(self.place.directory, entry.pw_uid, entry.pw_gid)
        try:
            self.place.processes.run(
                [self._maker(server, launcher)],
                action="make a throw-away server",
                on=self.product,
                next_step=_NEXT_STEP,
            )
        except ProcessFailed as error:
            raise NotAvailable(error.why, "Correct the cause and run again.") from error
        self._start(server, launcher)
        return self

    @abc.abstractmethod
    def _belongings(self, server: str) -> list[str]:
        """Where a server's messages and libraries may be, beside its own directory."""

    @abc.abstractmethod
    def _maker(self, server: str, launcher: t.Sequence[str]) -> Command:
        """Return what makes the tables of a new server."""

    @classmethod
    def _is_own(cls, path: str) -> bool:
        """Whether a program of the server's name is the product's."""
        del path
        return True

    def _client_directory(self) -> str | None:
        return self.place.programs_directory

    @property
    def _data(self) -> str:
        return os.path.join(self.place.directory, "data")

    @property
    def _socket(self) -> str:
        return os.path.join(self.place.directory, "socket")

    @property
    def _log(self) -> str:
        return os.path.join(self.place.directory, "log")

    @property
    def _lower_case(self) -> str:
        return f"--lower-case-table-names={int(self.description.engine_facts['lower_case_table_names'])}"

    @property
    def target(self) -> dict[str, t.Any]:
        return {
            "database": self.description.engine_facts["database"]["name"],
            "login_unix_socket": self._socket,
            "login_user": ADMINISTRATOR,
            # Clients of a server that may be hostile: not as root.
            "login_os_user": self.place.user,
            "client_directory": self._client_directory(),
        }

    @classmethod
    def check_programs(cls, version: str, directory: str | None) -> None:
        """See ``Instance``."""
        cls._find_server(version, directory)

    @classmethod
    def _find_server(cls, version: str, directory: str | None) -> tuple[str, str]:
        """Return a server's program, of this version's series or a newer one, and its version.

        :raises NotAvailable: when this host has none.
        """
        wanted = _series(version)
        for place in [directory] if directory else _SERVERS:
            path = os.path.join(place, cls.program)
            if os.access(path, os.X_OK) and cls._is_own(path):
                found = programs.version(path)
                if _series(found) >= wanted:
                    return os.path.realpath(path), found
        raise NotAvailable(
            f"{cls.product} {'.'.join(map(str, wanted))} or newer is not installed on this host",
            cls.install,
            cls.packages,
        )

    def _start(self, server: str, launcher: t.Sequence[str]) -> None:
        command = Command(
            [
                server,
                "--no-defaults",
                f"--datadir={self._data}",
                f"--socket={self._socket}",
                f"--pid-file={os.path.join(self.place.directory, 'pid')}",
                f"--tmpdir={self.place.directory}",
                self._lower_case,
                *_SETTINGS,
                *self.settings,
            ],
            launcher=launcher,
            user=self.place.user,
        )
        with open(self._log, "ab") as log:
            process = self.place.processes.start(command, stdout=log, stderr=log)
        end = time.monotonic() + _START_SECONDS
        # The socket is there before the server listens; it says so in its log.
        while "ready for connections" not in log_end(self._log):
            if process.poll() is not None or time.monotonic() > end:
                said = " ".join(log_end(self._log).split())
                raise NotAvailable(
                    f"the throw-away {self.product} did not start: {said or 'it said nothing'}",
                    "Correct the cause (where user namespaces are switched off, bwrap cannot confine it) and run"
                    " again.",
                )
            time.sleep(0.05)

    def examine(self) -> list[Check]:
        """Return the engine's own check of every table and index (CHECK TABLE)."""
        wrong = []
        with self.dialect.connection(self.target) as link, self._open(link, link.database) as session:
            tables = [table.name for table in self.dialect.tables(session, link.database)]
            for table in tables:
                for line in session.execute(
                    f"CHECK TABLE {qualified(link.database, table)}", action="check every table"
                ):
                    # "status: OK", or errors and warnings before it; an engine that cannot be checked says "note".
                    if line[2] in ("error", "Error", "warning", "Warning"):
                        wrong.append(f"{table}: {line[3]}")
        detail = "; ".join(wrong[:20]) or f"{len(tables)} tables are sound"
        versions = f"{self.product} {self._version}; the set is of {self.description.engine_facts['version']}"
        return [Check("CHECK TABLE", not wrong, detail), Check("server", True, versions)]

    def _open(self, link: Connection, database: str) -> Session:
        return self.dialect.session(self.place.processes, link, database=database)

    def troubles(self) -> str:
        """Return the end of the server's log."""
        return log_end(self._log)

    def is_lost(self, error: BackupError) -> bool:
        return error_number(error) in SERVER_LOST

    def foretold(self, left_out: t.Sequence[LeftOut]) -> t.Sequence[LeftOut]:
        elsewhere = self.description.engine_facts.get("elsewhere", {})
        if not any(entry.kind == TABLE and entry.name in elsewhere for entry in left_out):
            return left_out
        # Other servers are out of reach here, and so is what their tables are seen through.
        return [entry for entry in left_out if entry.kind not in (TABLE, VIEW)]

    def ask(self, query: str) -> str:
        place = self.target["database"]
        with self.dialect.connection(self.target) as link, self._open(link, place) as session:
            session.execute("SET SESSION TRANSACTION READ ONLY")
            lines = session.execute(query.rstrip().rstrip(";"), action="ask a restored database")
        return "\n".join("|".join("" if field == "NULL" else field for field in line) for line in lines)


def _series(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
