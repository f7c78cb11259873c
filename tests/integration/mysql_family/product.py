# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two products of the family, as tests that hold for both see them."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import subprocess
import time
import types
import typing as t

from development.services.mariadb import MariadbServer
from development.services.mysql import MysqlServer
from tests.integration.both_sides import BothSides
from tests.integration.postgresql.support import Site

# Of MariaDB those of Debian 12 and 13; what goes wrong does not depend on it.
EVERY_VERSION = ("mariadb-10.11", "mariadb-11.8", "mysql")
ONE_VERSION = ("mariadb-10.11", "mysql")
# So small that a test database is spread over several streams.
SMALL_STREAM = 8 * 1024
_ENGINES = "ansible_collections.infitulua.backup.plugins.module_utils._engines"


@dataclasses.dataclass(frozen=True)
class Product:
    """A running server, and what its own tests know of it.

    :param name: of its engine.
    :param support: the module ``support`` of its own tests.
    """

    name: str
    server: MariadbServer | MysqlServer
    support: types.ModuleType

    @property
    def client(self) -> str:
        """Its own client."""
        return str(getattr(self.server.installation, "client", "mariadb"))

    def sql(self, statements: str, database: str = "") -> str:
        """Run statements as the administrator; the rows."""
        return self.server.sql(statements, database)

    def numbers(self, last: int) -> str:
        """A table of the numbers from 1, in a column ``seq``, as what follows FROM."""
        return str(self.support.numbers(last))

    def engine(self, database: str, **changes: t.Any) -> BothSides:
        """The engine, bound to a database."""
        return t.cast("BothSides", self.support.engine(self.server, database, **changes))

    def login(self) -> dict[str, t.Any]:
        """The options that lead to the server."""
        tests = importlib.import_module(f"tests.integration.{self.name}.test_discovery")
        return t.cast("dict[str, t.Any]", tests.login(self.server))

    def connection(self, database: str) -> t.Any:
        """The engine's connection to a database."""
        return t.cast("t.Any", self.engine(database))._connection

    def part(self, module: str) -> t.Any:
        """A module of its engine."""
        return importlib.import_module(f"{_ENGINES}.{self.name}.{module}")

    def databases(self) -> list[str]:
        """All but the server's own."""
        return t.cast("list[str]", self.support.databases(self.server))

    def accounts(self) -> list[str]:
        """All but the server's own and the tests'."""
        return t.cast("list[str]", self.support.accounts(self.server))

    def fingerprint(self, database: str) -> dict[str, str]:
        """Everything that a database holds."""
        return t.cast("dict[str, str]", self.support.fingerprint(self.server, database))

    def leftovers(self) -> list[str]:
        """What no run leaves; what killed clients have begun is waited for."""
        end = time.monotonic() + 10
        while (found := self.support.leftovers(self.server)) and time.monotonic() < end:
            time.sleep(0.1)
        return t.cast("list[str]", found)

    def assert_nothing_left(self, site: Site, *, sets: int = 0) -> None:
        """No partial set, no half-restored database, no account, no session."""
        assert len(site.medium.sets()) == sets
        assert list(site.root.rglob("*.partial")) == []
        assert self.leftovers() == []

    @contextlib.contextmanager
    def session(self, database: str, statements: str) -> t.Iterator[None]:
        """A transaction of somebody else that holds something and waits for its user."""
        argv = [self.client, "--no-defaults", f"--socket={self.server.socket}", "-u", "root", "-D", database]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet) as user:
            assert user.stdin is not None
            user.stdin.write(statements.encode())
            user.stdin.flush()
            time.sleep(0.7)
            try:
                yield
            finally:
                user.kill()
