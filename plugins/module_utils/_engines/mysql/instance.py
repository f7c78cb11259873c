# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away MySQL server (see ``mariadb.throw_away``)."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, run_and_read

from ..mysql_family.throw_away import ThrowAwayServer
from .dialect import MYSQL
from .target import MysqlTarget


class MysqlInstance(ThrowAwayServer):
    """A server of the version that the set was taken from, or of a newer one."""

    target_type = MysqlTarget

    product = "MySQL"
    program = "mysqld"
    install = (
        "Install MySQL's package mysql-server of that version (no service need run), or unpack it somewhere and"
        " name the directory of its programs."
    )
    settings = ("--mysqlx=OFF", "--secure-file-priv=NULL", "--auto-generate-certs=OFF", "--log-error-verbosity=2")
    dialect = MYSQL

    def _belongings(self, server: str) -> list[str]:
        # Beside its own directory, wherever somebody unpacked it.
        base = os.path.dirname(os.path.dirname(server))
        if base == "/usr":
            share = "/usr/share"
            names = os.listdir(share) if os.path.isdir(share) else []
            # Red Hat puts the version behind it.
            return [os.path.join(share, name) for name in names if name.startswith("mysql")]
        return [os.path.join(base, name) for name in ("share", "lib", "lib64")]

    def _maker(self, server: str, launcher: t.Sequence[str]) -> Command:
        return Command(
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
                # It can be chosen once only, when a server is made.
                self._lower_case,
            ],
            launcher=launcher,
            user=self.place.user,
        )

    @classmethod
    def _is_own(cls, path: str) -> bool:
        # MariaDB's has the same name in places.
        said = run_and_read(
            Command([path, "--no-defaults", "--version"]),
            action="ask a program's version",
            on=path,
            next_step="Check that it runs by hand.",
        )
        return "MariaDB" not in said

    @property
    def target(self) -> dict[str, t.Any]:
        return {**super().target, "ssl_mode": "disable"}

    def _client_directory(self) -> str | None:
        """Return the directory of a server's client: beside it, or where programs are that everybody may run."""
        directory = self.place.programs_directory
        if directory is None or os.access(os.path.join(directory, "mysql"), os.X_OK):
            return directory
        return os.path.join(os.path.dirname(directory), "bin")
