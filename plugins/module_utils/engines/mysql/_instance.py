# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away MySQL server: on a socket that only its user reaches, confined, gone with whoever started it."""

from __future__ import annotations

import os
import pwd
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _confinement, _programs
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command, run_and_read
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instance import (
    Instance,
    NotAvailable,
    log_end,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import (
    Session,
    quote_identifier,
)

_ADMINISTRATOR = "root"
_START_SECONDS = 60
# sun_path of unix(7) holds 108 bytes.
_LONGEST_SOCKET = 107
_SERVERS = ("/usr/sbin", "/usr/libexec", "/usr/bin")
_SETTINGS = (
    "--skip-networking",
    "--mysqlx=OFF",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--event-scheduler=OFF",
    "--local-infile=1",
    "--secure-file-priv=NULL",
    "--performance-schema=OFF",
    "--auto-generate-certs=OFF",
    "--max-connections=50",
    "--max-allowed-packet=1G",
    "--innodb-buffer-pool-size=256M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--log-error-verbosity=2",
)
_NEXT_STEP = "Look at the message; the drill counts as not done."


class MysqlInstance(Instance):
    """A server of the version that the set was taken from, or of a newer one."""

    def __enter__(self) -> MysqlInstance:
        server, version = self._find_server()
        self._version = version
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET:
            raise NotAvailable(
                f"a socket cannot be made in {self.place.directory}: the path is too long",
                f"Name a work_directory of at most {_LONGEST_SOCKET - 30} characters.",
            )
        readable = [path for path in (*self._belongings(server), os.path.dirname(server)) if os.path.isdir(path)]
        launcher = _confinement.confined(readable=readable, writable=[self.place.directory])
        if launcher is None:
            raise NotAvailable(*_confinement.MISSING)
        if self.place.user is not None:
            entry = pwd.getpwnam(self.place.user)
            os.chown(self.place.directory, entry.pw_uid, entry.pw_gid)
        self._initialise(server, launcher)
        self._start(server, launcher)
        return self

    @staticmethod
    def _belongings(server: str) -> list[str]:
        """Where a server's messages and libraries are: beside its own directory, wherever somebody unpacked it."""
        base = os.path.dirname(os.path.dirname(server))
        if base == "/usr":
            share = "/usr/share"
            names = os.listdir(share) if os.path.isdir(share) else []
            # Red Hat puts the version behind it.
            return [os.path.join(share, name) for name in names if name.startswith("mysql")]
        return [os.path.join(base, name) for name in ("share", "lib", "lib64")]

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
            "client_directory": self._client_directory(),
            "ssl_mode": "disable",
        }

    def _client_directory(self) -> str | None:
        """A server's client is beside it, or where programs are that everybody may run."""
        directory = self.place.programs_directory
        if directory is None or os.access(os.path.join(directory, "mysql"), os.X_OK):
            return directory
        return os.path.join(os.path.dirname(directory), "bin")

    def _find_server(self) -> tuple[str, str]:
        needed = str(self.description.engine_facts["version"])
        wanted = catalogue.read_version(needed)[:2]
        places = [self.place.programs_directory] if self.place.programs_directory else _SERVERS
        for place in places:
            path = os.path.join(place, "mysqld")
            # MariaDB's has the same name in places.
            if os.access(path, os.X_OK) and "MariaDB" not in self._says(path):
                version = _programs.version(path)
                if catalogue.read_version(version)[:2] >= wanted:
                    return os.path.realpath(path), version
        raise NotAvailable(
            f"MySQL {'.'.join(map(str, wanted))} or newer is not installed on this host",
            "Install MySQL's package mysql-server of that version (no service need run), or unpack it somewhere and"
            " name the directory of its programs.",
        )

    @staticmethod
    def _says(path: str) -> str:
        return run_and_read(
            Command([path, "--no-defaults", "--version"]),
            action="ask a program's version",
            on=path,
            next_step="Check that it runs by hand.",
        )

    def _initialise(self, server: str, launcher: t.Sequence[str]) -> None:
        command = Command(
            [
                server,
                "--no-defaults",
                f"--datadir={self._data}",
                # A server that starts removes every temporary table from here, those of others too.
                f"--tmpdir={self.place.directory}",
                "--initialize-insecure",
                "--auto-generate-certs=OFF",
                "--innodb-flush-log-at-trx-commit=0",
                "--secure-file-priv=NULL",
                f"--lower-case-table-names={self._lower_case}",
            ],
            launcher=launcher,
            user=self.place.user,
        )
        try:
            self.place.processes.run([command], action="make a throw-away server", on="MySQL", next_step=_NEXT_STEP)
        except ProcessFailed as error:
            raise NotAvailable(error.why, "Correct the cause and run again.") from error

    @property
    def _lower_case(self) -> int:
        # It can be chosen once only, when a server is made.
        return int(self.description.engine_facts["lower_case_table_names"])

    def _start(self, server: str, launcher: t.Sequence[str]) -> None:
        command = Command(
            [
                server,
                "--no-defaults",
                f"--datadir={self._data}",
                f"--socket={self._socket}",
                f"--pid-file={os.path.join(self.place.directory, 'pid')}",
                f"--tmpdir={self.place.directory}",
                f"--lower-case-table-names={self._lower_case}",
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
                    f"the throw-away MySQL did not start: {said or 'it said nothing'}",
                    "Correct the cause (where user namespaces are switched off, bwrap cannot confine it) and run"
                    " again.",
                )
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        # The socket is there before the server listens; it says so in its log.
        return "ready for connections" in log_end(self._log)

    def troubles(self) -> str:
        """The end of the server's log."""
        return log_end(self._log)

    def examine(self) -> list[Check]:
        """The engine's own check of every table and index (CHECK TABLE)."""
        wrong = []
        with Connection(self.target) as connection, Session(self.place.processes, connection) as session:
            tables = catalogue.relations(session, connection.database)
            for table in tables:
                name = f"{quote_identifier(connection.database)}.{quote_identifier(table)}"
                for line in session.execute(f"CHECK TABLE {name}", action="check every table"):
                    # "status: OK", or errors and warnings before it; an engine that cannot be checked says "note".
                    if line[2] in ("error", "Error", "warning", "Warning"):
                        wrong.append(f"{table}: {line[3]}")
        detail = "; ".join(wrong[:20]) or f"{len(tables)} tables are sound"
        return [
            Check("CHECK TABLE", not wrong, detail),
            Check("server", True, f"MySQL {self._version}; the set is of {self.description.engine_facts['version']}"),
        ]

    def ask(self, query: str) -> str:
        place = self.target["database"]
        with Connection(self.target) as link, Session(self.place.processes, link, database=place) as session:
            session.execute("SET SESSION TRANSACTION READ ONLY")
            lines = session.execute(query.rstrip().rstrip(";"), action="ask a restored database")
        return "\n".join("|".join("" if field == "NULL" else field for field in line) for line in lines)
