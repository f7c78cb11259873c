# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away MariaDB server: on a socket that only its user reaches, confined, gone with whoever started it."""

from __future__ import annotations

import os
import pwd
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _confinement, _programs
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instance import (
    Instance,
    NotAvailable,
    log_end,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    Session,
    quote_identifier,
)

_ADMINISTRATOR = "root"
_START_SECONDS = 60
# sun_path of unix(7) holds 108 bytes.
_LONGEST_SOCKET = 107
_SERVERS = ("/usr/sbin", "/usr/libexec", "/usr/bin")
_INSTALLERS = ("/usr/bin", "/usr/local/bin")
_SETTINGS = (
    "--skip-networking",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--event-scheduler=OFF",
    "--local-infile=1",
    "--secure-file-priv=",
    "--performance-schema=OFF",
    "--max-connections=50",
    "--max-allowed-packet=1G",
    "--innodb-buffer-pool-size=256M",
    "--innodb-log-file-size=256M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--log-warnings=1",
)
_NEXT_STEP = "Look at the message; the drill counts as not done."


class MariadbInstance(Instance):
    """A server of the version that the set was taken from, or of a newer one."""

    def __enter__(self) -> MariadbInstance:
        server, version = self._find_server()
        self._version = version
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET:
            raise NotAvailable(
                f"a socket cannot be made in {self.place.directory}: the path is too long",
                f"Name a work_directory of at most {_LONGEST_SOCKET - 30} characters.",
            )
        readable = [path for path in ("/usr/share/mysql", "/usr/share/mariadb") if os.path.isdir(path)]
        launcher = _confinement.confined(readable=[*readable, os.path.dirname(server)], writable=[self.place.directory])
        if launcher is None:
            raise NotAvailable(*_confinement.MISSING)
        if self.place.user is not None:
            entry = pwd.getpwnam(self.place.user)
            os.chown(self.place.directory, entry.pw_uid, entry.pw_gid)
        self._initialise(server)
        self._start(server, launcher)
        return self

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
    def target(self) -> dict[str, t.Any]:
        return {
            "database": self.description.engine_facts["database"]["name"],
            "login_unix_socket": self._socket,
            "login_user": _ADMINISTRATOR,
            # Clients of a server that may be hostile: not as root.
            "login_os_user": self.place.user,
            "client_directory": self.place.programs_directory,
        }

    def _find_server(self) -> tuple[str, str]:
        needed = str(self.description.engine_facts["version"])
        wanted = [int(part) for part in needed.split(".")[:2]]
        places = [self.place.programs_directory] if self.place.programs_directory else _SERVERS
        for place in places:
            path = os.path.join(place, "mariadbd")
            if os.access(path, os.X_OK):
                version = _programs.version(path)
                if [int(part) for part in version.split(".")[:2]] >= wanted:
                    return os.path.realpath(path), version
        raise NotAvailable(
            f"MariaDB {'.'.join(map(str, wanted))} or newer is not installed on this host",
            "Install the package mariadb-server-core (Debian, Ubuntu) or mariadb-server (Red Hat) of that version; no"
            " service need run.",
        )

    def _initialise(self, server: str) -> None:
        # Not confined: it needs a shell, and nothing of the set is there yet.
        places = [self.place.programs_directory] if self.place.programs_directory else _INSTALLERS
        found = [os.path.join(place, "mariadb-install-db") for place in places]
        installer = next((path for path in found if os.access(path, os.X_OK)), None)
        if installer is None:
            raise NotAvailable(
                "mariadb-install-db is not installed on this host", "Install the package mariadb-server-core."
            )
        command = Command(
            [
                installer,
                "--no-defaults",
                f"--datadir={self._data}",
                # A server that starts removes every temporary table from here, those of another that is being made too.
                f"--tmpdir={self.place.directory}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ],
            user=self.place.user,
        )
        try:
            self.place.processes.run([command], action="make a throw-away server", on="MariaDB", next_step=_NEXT_STEP)
        except ProcessFailed as error:
            raise NotAvailable(error.why, "Correct the cause and run again.") from error

    def _start(self, server: str, launcher: t.Sequence[str]) -> None:
        names = self.description.engine_facts["lower_case_table_names"]
        command = Command(
            [
                server,
                "--no-defaults",
                f"--datadir={self._data}",
                f"--socket={self._socket}",
                f"--pid-file={os.path.join(self.place.directory, 'pid')}",
                f"--tmpdir={self.place.directory}",
                f"--lower-case-table-names={int(names)}",
                *_SETTINGS,
            ],
            launcher=launcher,
            user=self.place.user,
        )
        with open(self._log, "ab") as log:
            process = self.place.processes.start(command, stdout=log, stderr=log)
        end = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if process.poll() is not None or time.monotonic() > end:
                said = " ".join(log_end(self._log).split())
                raise NotAvailable(
                    f"the throw-away MariaDB did not start: {said or 'it said nothing'}",
                    "Correct the cause (where user namespaces are switched off, bwrap cannot confine it) and run"
                    " again.",
                )
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        # The socket is there before the server listens; it says so in its log.
        with open(self._log, "rb") as stream:
            return b"ready for connections" in stream.read()

    def examine(self) -> list[Check]:
        """The engine's own check of every table and index (CHECK TABLE)."""
        wrong = []
        with Connection(self.target) as connection, Session(self.place.processes, connection) as session:
            tables = catalogue.tables(session, connection.database)
            for table in tables:
                name = f"{quote_identifier(connection.database)}.{quote_identifier(table.name)}"
                for line in session.execute(f"CHECK TABLE {name}", action="check every table"):
                    # "status: OK", or errors and warnings before it; an engine that cannot be checked says "note".
                    if line[2] in ("error", "Error", "warning", "Warning"):
                        wrong.append(f"{table.name}: {line[3]}")
        detail = "; ".join(wrong[:20]) or f"{len(tables)} tables are sound"
        return [
            Check("CHECK TABLE", not wrong, detail),
            Check("server", True, f"MariaDB {self._version}; the set is of {self.description.engine_facts['version']}"),
        ]

    def troubles(self) -> str:
        """The end of the server's log."""
        return log_end(self._log)

    def ask(self, query: str) -> str:
        place = self.target["database"]
        with Connection(self.target) as link, Session(self.place.processes, link, database=place) as session:
            session.execute("SET SESSION TRANSACTION READ ONLY")
            lines = session.execute(query.rstrip().rstrip(";"), action="ask a restored database")
        return "\n".join("|".join("" if field == "NULL" else field for field in line) for line in lines)
