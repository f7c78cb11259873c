# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which databases a MariaDB server says that it has."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.discovery import FoundDatabase
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.registration import Mariadb
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.support import identifier

ODD = 'Ñandú "de" la `casa\''
MADE = (ODD, "nomina", "nomina__restoring", "nomina__replaced_20261122T171503Z_2")


def login(server: MariadbServer, **changes: t.Any) -> dict[str, t.Any]:
    """How to reach a server."""
    return {
        "login_host": server.host,
        "login_port": server.port,
        "login_user": server.user,
        "login_password": server.password,
        "ssl_mode": "disable",
        **changes,
    }


@pytest.fixture
def filled(server: MariadbServer) -> Iterator[MariadbServer]:
    """A server with databases of every sort."""
    for name in MADE:
        server.sql(f"CREATE DATABASE {identifier(name)} CHARACTER SET utf8mb4 COLLATE utf8mb4_spanish_ci")
    server.sql("CREATE TABLE t (x LONGBLOB); INSERT INTO t VALUES (REPEAT('x', 100000)); ANALYZE TABLE t", ODD)
    yield server


def test_tells_what_there_is_and_what_each_is_for(filled: MariadbServer) -> None:
    discovery = Mariadb.discover(login(filled), sizes=True)
    found = {database.name: database for database in discovery.databases}
    assert {name for name, database in found.items() if database.holds_data} == {ODD, "nomina"}
    assert set(found) >= {"mysql", "information_schema", "performance_schema", *MADE}
    size = found[ODD].bytes
    assert size is not None and size > 100_000
    assert found[ODD] == FoundDatabase(
        engine="mariadb",
        name=ODD,
        version=discovery.version,
        bytes=size,
        encoding="utf8mb4",
        collation="utf8mb4_spanish_ci",
        owner=None,
    )
    assert found["nomina"].bytes == 0
    assert "MariaDB" in discovery.version
    assert discovery.warnings == ()


@pytest.mark.parametrize("through_role", [False, True], ids=["of its own", "through a role"])
def test_says_when_the_account_may_not_see_all(filled: MariadbServer, through_role: bool) -> None:
    filled.sql("CREATE USER corto@'%' IDENTIFIED BY 'secreto'; GRANT SELECT ON nomina.* TO corto@'%'")
    account = login(filled, login_user="corto", login_password="secreto")
    discovery = Mariadb.discover(account, sizes=True)
    assert {database.name for database in discovery.databases if database.holds_data} == {"nomina"}
    (warning,) = discovery.warnings
    assert "may not see every database" in warning and "SHOW DATABASES" in warning
    if through_role:
        filled.sql("CREATE ROLE mirar; GRANT SHOW DATABASES ON *.* TO mirar; GRANT mirar TO corto@'%'")
        filled.sql("SET DEFAULT ROLE mirar FOR corto@'%'")
    else:
        filled.sql("GRANT SHOW DATABASES ON *.* TO corto@'%'")
    discovery = Mariadb.discover(account, sizes=True)
    assert {database.name for database in discovery.databases if database.holds_data} == {ODD, "nomina"}
    assert discovery.warnings == ()
