# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of MariaDB and MySQL for the contract, on servers whose disk can fill up."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
import types
import typing as t
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.mariadb import MariadbServer
from development.services.mysql import MysqlServer
from tests.integration.mariadb import support as mariadb
from tests.integration.mysql import support as mysql
from tests.integration.postgresql.support import Site

from .source import Source, odd_password
from .support import forge

_CONTENT = """
CREATE TABLE cuenta (id int PRIMARY KEY, nombre varchar(100) NOT NULL);
CREATE TABLE asiento (id int PRIMARY KEY, cuenta int, nota varbinary(500), doble int AS (id * 2) STORED,
    FOREIGN KEY (cuenta) REFERENCES cuenta (id));
CREATE TABLE vacia (i int);
CREATE VIEW resumen AS SELECT cuenta, COUNT(*) AS cuantos FROM asiento GROUP BY cuenta;
CREATE TRIGGER cuida BEFORE INSERT ON asiento FOR EACH ROW SET NEW.cuenta = COALESCE(NEW.cuenta, 1);
CREATE FUNCTION doble(n int) RETURNS int DETERMINISTIC RETURN n * 2;
CREATE EVENT anual ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01 00:00:00' DO DELETE FROM vacia;
INSERT INTO cuenta SELECT seq, CONCAT('año \\\\ ', CHAR(9), seq) FROM {ten};
INSERT INTO asiento (id, cuenta, nota) SELECT seq, 1 + seq % 10, UNHEX(CONCAT(SHA2(seq, 512), SHA2(seq + 0.1, 512),
    SHA2(seq + 0.2, 512), SHA2(seq + 0.3, 512), SHA2(seq + 0.4, 512), SHA2(seq + 0.5, 512))) FROM {many};
"""


class MysqlFamilySource(Source):
    """The database ``libro``."""

    selects = frozenset({"tables"})
    places = frozenset(
        {"database", "login_host", "login_port", "login_user", "login_password", "login_unix_socket", "login_os_user"}
        | {"ssl_mode", "ca_cert", "client_directory"}
    )
    has_password = True
    support: t.ClassVar[types.ModuleType]
    server: MariadbServer | MysqlServer

    @property
    def options(self) -> dict[str, t.Any]:
        return {
            "database": "libro",
            "login_host": self.server.host,
            "login_port": self.server.port,
            "login_user": self.server.user,
            "login_password": self.server.password,
            "ssl_mode": "disable",
        }

    @contextlib.contextmanager
    def _on_the_disk(self) -> t.Iterator[None]:
        usual, tempfile.tempdir = tempfile.tempdir, str(self.disk.path)
        try:
            yield
        finally:
            tempfile.tempdir = usual

    def stop(self) -> None:
        self.server.remove()

    def make(self) -> None:
        self.server.sql("CREATE DATABASE libro")
        self.server.sql(_CONTENT.format(ten=self.support.numbers(10), many=self.support.numbers(900)), "libro")
        self.server.sql("CREATE DATABASE vecina; CREATE TABLE vecina.t (i int); INSERT INTO vecina.t VALUES (1)")

    def clear(self) -> None:
        self.support.drop_all(self.server)

    def change(self) -> None:
        self.server.sql(
            "DELETE FROM asiento WHERE id > 100; UPDATE cuenta SET nombre = '' WHERE id < 5;"
            "CREATE TABLE IF NOT EXISTS despues (i int)",
            "libro",
        )

    def destroy(self) -> None:
        self.server.sql("DROP DATABASE libro")

    def content(self) -> t.Any:
        return self.support.fingerprint(self.server, "libro")

    def rows(self, at: str | None = None) -> t.Any:
        found = self.support.fingerprint(self.server, at or "libro")
        own = "rows infitulua_programs"  # What makes the programs of what is kept.
        return {name: text for name, text in found.items() if name.startswith("rows ") and name != own}

    def bystander(self) -> t.Any:
        return self.support.fingerprint(self.server, "vecina")

    def leftovers(self) -> list[str]:
        return list(self.support.leftovers(self.server))

    def settle(self) -> None:
        end = time.monotonic() + 30
        while any(line.startswith("session") for line in self.leftovers()) and time.monotonic() < end:
            time.sleep(0.05)

    def recover(self) -> None:
        self.server.stop()
        self.server.start()

    @property
    def restore_needs(self) -> int:
        return 400_000

    def lie(self, facts: dict[str, t.Any]) -> int:
        facts["row_counts"]["asiento"] += 1
        return int(facts["row_counts"]["asiento"])

    def reach_out(self, site: Site, set_id: SetId) -> SetId:
        statement = b"-- view " + b"doble".hex().encode() + b"\nDROP DATABASE vecina;\n"
        return forge(site, set_id, "forged", data=lambda part, text: text + statement if part == "programs" else text)

    def restore_a_part(self, site: Site, set_id: SetId) -> tuple[t.Any, t.Any]:
        site.restore(self.restorer(database="aparte", tables=["cuenta"]), set_id)
        wanted = {"rows cuenta": self.rows()["rows cuenta"]}
        return wanted, self.rows("aparte")

    @contextlib.contextmanager
    def canary(self) -> t.Iterator[dict[str, t.Any]]:
        password = odd_password()
        quoted = password.replace("\\", "\\\\").replace("'", "\\'")
        self.server.sql(f"CREATE USER guardia IDENTIFIED BY '{quoted}'; GRANT ALL ON *.* TO guardia WITH GRANT OPTION")
        yield {"login_user": "guardia", "login_password": password}


class MariadbSource(MysqlFamilySource):
    """On MariaDB of the machine's own version, whose programs drills run."""

    name = client = "mariadb"
    # InnoDB ends it when a page cannot be written.
    dies_of_a_full_disk = True
    support: t.ClassVar[types.ModuleType] = mariadb

    def start(self) -> None:
        with self._on_the_disk():
            # A binary log that finds no room waits for it.
            self.server = MariadbServer(mariadb.own_version(), settings={"log-bin": None})
        self.server.start()


class MysqlSource(MysqlFamilySource):
    """On MySQL."""

    name = client = "mysql"
    support: t.ClassVar[types.ModuleType] = mysql

    def start(self) -> None:
        # A binary log that finds no room ends the server.
        self._logs = tempfile.mkdtemp(prefix="binlog-")
        Path(self._logs).chmod(0o777)
        with self._on_the_disk():
            self.server = MysqlServer(settings={"log-bin": f"{self._logs}/binlog"})
        self.server.start()
        self._installation = self.server.installation

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self._logs)

    @property
    def options(self) -> dict[str, t.Any]:
        return {**super().options, "client_directory": str(self._installation.client.parent)}

    @property
    def drill_programs(self) -> str | None:
        return str(self._installation.server.parent)
