# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database of PostgreSQL for the contract, in a tablespace that can fill up."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from tests.integration.postgresql.conftest import running_server
from tests.integration.postgresql.support import Site, databases, drop_everything, leftovers

from .source import Source, odd_password
from .support import Disk, forge

_CONTENT = """
CREATE SCHEMA contable;
CREATE TABLE contable.cuenta (id int PRIMARY KEY, nombre text NOT NULL);
CREATE TABLE contable.asiento (
    id int PRIMARY KEY, cuenta int REFERENCES contable.cuenta, nota bytea, doble int GENERATED ALWAYS AS (id * 2) STORED
);
CREATE TABLE contable.vacia (i int);
CREATE VIEW contable.resumen AS SELECT cuenta, count(*) AS cuantos FROM contable.asiento GROUP BY 1;
CREATE INDEX ON contable.asiento (cuenta);
INSERT INTO contable.cuenta SELECT i, E'año \\\\ ' || chr(9) || i FROM generate_series(1, 10) i;
INSERT INTO contable.asiento SELECT i, 1 + i % 10, (SELECT string_agg(sha512((i || '-' || j)::bytea), '')
    FROM generate_series(1, 6) j) FROM generate_series(1, 1500) i;
"""
_ROWS = """SELECT table_name, query_to_xml(format('SELECT * FROM contable.%I ORDER BY 1', table_name), true, false, '')
FROM information_schema.tables WHERE table_schema = 'contable' AND table_type = 'BASE TABLE' ORDER BY 1"""


class PostgresqlSource(Source):
    """The database ``libro``."""

    name = "postgresql"
    selects = frozenset({"tables", "schemas", "into_schema"})
    places = frozenset(
        {"database", "login_host", "login_port", "login_user", "login_password", "login_unix_socket", "login_os_user"}
        | {"ssl_mode", "ca_cert", "client_directory", "owner", "access"}
    )
    has_password = True
    client = "psql"
    withholds = True

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self.server = running_server(17)

    @property
    def options(self) -> dict[str, t.Any]:
        return {
            "database": "libro",
            "login_host": self.server.host,
            "login_port": self.server.port,
            "login_user": self.server.user,
            "login_password": self.server.password,
            "client_directory": str(self.server.bin),
        }

    def start(self) -> None:
        place = self.disk.path / "tablespace"
        place.mkdir(mode=0o700)
        owner = os.stat(self.server.data)
        os.chown(place, owner.st_uid, owner.st_gid)
        self.server.psql(f"CREATE TABLESPACE disco LOCATION '{place}'")

    def stop(self) -> None:
        self.server.psql("DROP TABLESPACE disco")

    def make(self) -> None:
        self.server.psql("CREATE DATABASE libro TABLESPACE disco")
        self.server.psql(_CONTENT, "libro")
        self.server.psql("CREATE ROLE vecina LOGIN PASSWORD 'suya'")

    def clear(self) -> None:
        drop_everything(self.server, *databases(self.server))
        self.server.psql("DROP ROLE IF EXISTS vecina")

    def change(self) -> None:
        self.server.psql(
            "DELETE FROM contable.asiento WHERE id > 100; UPDATE contable.cuenta SET nombre = '' WHERE id < 5;"
            "CREATE TABLE IF NOT EXISTS contable.despues (i int)",
            "libro",
        )

    def destroy(self) -> None:
        self.server.psql("DROP DATABASE libro WITH (FORCE)")

    def content(self) -> t.Any:
        argv = [self.server.program("pg_dump"), "--schema-only"]
        environment = self.server.environment("libro")
        done = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True)
        schema = [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
        return schema, self.rows()

    def rows(self, at: str | None = None) -> t.Any:
        return self.server.psql(_ROWS, at or "libro")

    def bystander(self) -> t.Any:
        return self.server.psql("SELECT rolsuper, rolpassword FROM pg_authid WHERE rolname = 'vecina'")

    def leftovers(self) -> list[str]:
        return leftovers(self.server)

    def settle(self) -> None:
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'infitulua.backup'"
        end = time.monotonic() + 30
        while self.server.psql(sessions) != "0" and time.monotonic() < end:
            time.sleep(0.05)

    @property
    def restore_needs(self) -> int:
        # The empty database is there by then.
        return 400_000

    @property
    def drill_programs(self) -> str | None:
        return str(self.server.bin)

    def lie(self, facts: dict[str, t.Any]) -> int:
        facts["row_counts"]["contable.asiento"] += 1
        return int(facts["row_counts"]["contable.asiento"])

    def reach_out(self, site: Site, set_id: SetId) -> SetId:
        power = b"\nALTER ROLE vecina WITH SUPERUSER PASSWORD 'mia';\nDROP ROLE vecina;\n"
        return forge(site, set_id, "forged", data=lambda part, text: text + power if part == "globals" else text)

    def restore_a_part(self, site: Site, set_id: SetId) -> tuple[t.Any, t.Any]:
        chosen = {"tables": ["contable.cuenta"], "into_schema": "aparte"}
        site.restore(self.restorer(**chosen), set_id)
        query = "SELECT query_to_xml('SELECT * FROM {}.cuenta ORDER BY id', true, false, '')"
        wanted = self.server.psql(query.format("contable"), "libro")
        found = self.server.psql(query.format("aparte"), "libro")
        self.server.psql("DROP SCHEMA aparte CASCADE", "libro")
        return wanted, found

    @contextlib.contextmanager
    def canary(self) -> t.Iterator[dict[str, t.Any]]:
        password = odd_password()
        quoted = password.replace("'", "''")
        self.server.psql(f"CREATE ROLE guardia SUPERUSER LOGIN PASSWORD '{quoted}'")
        try:
            yield {"login_user": "guardia", "login_password": password}
        finally:
            self.clear()
            self.server.psql("DROP ROLE guardia")
