# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose client is killed at any stage, that restore leaves the live database as it was, or is complete.

That the restoring process itself is killed at any moment is tested with the other faults.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from development.services.mariadb import MariadbServer
from tests.integration.killing import STAGES, killed
from tests.integration.mariadb.conftest import running_server
from tests.integration.mariadb.support import Site, databases, drop_all, engine, fingerprint, identifier, leftovers
from tests.integration.mariadb.test_faults import _child


@pytest.fixture
def server() -> Iterator[MariadbServer]:
    server = running_server("11.8")
    drop_all(server)
    server.sql("CREATE DATABASE libro")
    server.sql(
        "CREATE TABLE cuenta (id int PRIMARY KEY, nombre text); INSERT INTO cuenta VALUES (1, 'uno'), (2, 'dos');"
        "CREATE TABLE asiento (id int PRIMARY KEY AUTO_INCREMENT, cuenta int,"
        " FOREIGN KEY (cuenta) REFERENCES cuenta (id));"
        "INSERT INTO asiento (cuenta) SELECT 1 + seq % 2 FROM seq_1_to_300;"
        "CREATE TRIGGER cuida BEFORE INSERT ON asiento FOR EACH ROW SET NEW.cuenta = COALESCE(NEW.cuenta, 1);"
        "CREATE VIEW resumen AS SELECT cuenta, COUNT(*) AS cuantos FROM asiento GROUP BY cuenta",
        "libro",
    )
    yield server
    drop_all(server)


def settled(server: MariadbServer) -> None:
    """Waits until what killed clients have begun has ended."""
    end = time.monotonic() + 20
    while any("session" in line for line in leftovers(server)) and time.monotonic() < end:
        time.sleep(0.1)


def test_whose_client_is_killed_in_place(server: MariadbServer, site: Site) -> None:
    wanted = fingerprint(server, "libro")
    dumped = site.dump(engine(server, "libro"))
    server.sql("DELETE FROM asiento WHERE id > 10", "libro")
    live = fingerprint(server, "libro")
    reached = set()
    for stage in STAGES:
        for number in (1, 3, 5):
            with killed("client", stage, number) as happened:
                try:
                    site.restore(engine(server, "libro"), dumped.set_id, replace=True)
                except BackupError as error:
                    assert happened, error
            settled(server)
            found = fingerprint(server, "libro")
            assert found in (live, wanted), f"client {number} killed in {stage}"
            for name in databases(server):
                if "__replaced_" in name:
                    assert server.sql("SELECT COUNT(*) FROM asiento", name) == "10"
                    server.sql(f"DROP DATABASE {identifier(name)}")
            if found == wanted:
                server.sql("DELETE FROM asiento WHERE id > 10", "libro")
            if not happened:
                break  # A stage that starts no third program starts no fifth.
            reached.add(stage)
    assert reached == set(STAGES)
    site.restore(engine(server, "libro"), dumped.set_id, replace=True)
    assert fingerprint(server, "libro") == wanted
    settled(server)
    assert leftovers(server) == []


@pytest.mark.parametrize("victim", ["module", "client"])
def test_killed_while_selected_tables_are_restored(server: MariadbServer, site: Site, victim: str) -> None:
    dumped = site.dump(engine(server, "libro"))
    live = fingerprint(server, "libro")
    reached = set()
    options = {"tables": ["asiento"]}
    for stage in STAGES:
        if victim == "client":
            with killed("client", stage, 2) as happened:
                try:
                    site.restore(engine(server, "aparte", **options), dumped.set_id)
                except BackupError as error:
                    assert happened, error
            reached |= {stage} if happened else set()
        else:
            action = (
                "from tests.integration.killing import killed\n"
                f"with killed('module', {stage!r}, 2):\n"
                f"    set_id = SetId.parse({str(dumped.set_id)!r})\n"
                f"    site.restore(engine(server, 'aparte', **{options!r}), set_id)"
            )
            status = _child(server, site, action).wait(120)
            assert status in (0, -9)
            reached |= {stage} if status else set()
        settled(server)
        assert fingerprint(server, "libro") == live
        if "aparte" in databases(server):
            tables = server.sql("SHOW TABLES FROM aparte").split()
            assert tables in ([], ["asiento"])
            assert not tables or server.sql("SELECT COUNT(*) FROM aparte.asiento") == "300"
            server.sql("DROP DATABASE aparte")
    assert reached >= {"verifying", "restoring"}
    site.restore(engine(server, "aparte", **options), dumped.set_id)
    assert server.sql("SELECT COUNT(*) FROM aparte.asiento") == "300"
    settled(server)
    assert leftovers(server) == []
    assert databases(server) == ["aparte", "libro"]
