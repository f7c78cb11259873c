# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away MariaDB server (see ``throw_away``)."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command

from ..mysql_family.throw_away import ThrowAwayServer
from ..trial.instance import NotAvailable
from .dialect import MARIADB
from .target import MariadbTarget

_INSTALLERS = ("/usr/bin", "/usr/local/bin")


class MariadbInstance(ThrowAwayServer):
    """A server of the version that the set was taken from, or of a newer one."""

    target_type = MariadbTarget

    product = "MariaDB"
    program = "mariadbd"
    install = (
        "Install the package mariadb-server-core (Debian, Ubuntu) or mariadb-server (Red Hat) of that version; no"
        " service need run."
    )
    packages = ("mariadb-server-core",)
    settings = ("--secure-file-priv=", "--innodb-log-file-size=256M", "--log-warnings=1")
    dialect = MARIADB

    def _belongings(self, server: str) -> list[str]:
        del server
        return ["/usr/share/mysql", "/usr/share/mariadb"]

    def _maker(self, server: str, launcher: t.Sequence[str]) -> Command:
        # Not confined: it needs a shell, and nothing of the set is there yet.
        del server, launcher
        places = [self.place.programs_directory] if self.place.programs_directory else _INSTALLERS
        found = [os.path.join(place, "mariadb-install-db") for place in places]
        installer = next((path for path in found if os.access(path, os.X_OK)), None)
        if installer is None:
            raise NotAvailable(
                "mariadb-install-db is not installed on this host", "Install the package mariadb-server-core."
            )
        return Command(
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
