# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which databases a MySQL server says that it has, and how a server at a socket is told from MariaDB's."""

from __future__ import annotations

import socket
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.discovery import FoundDatabase
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.registration import Mysql
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._system import local_servers
from development.services.mariadb import MariadbServer
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import identifier

ODD = 'Ñandú "de" la `casa\''
MADE = (ODD, "nomina", "nomina__restoring", "nomina__swapping", "nomina__replaced_20261122T171503Z_2")


def login(server: MysqlServer, **changes: t.Any) -> dict[str, t.Any]:
    """How to reach a server."""
    return {
        "login_host": server.host,
        "login_port": server.port,
        "login_user": server.user,
        "login_password": server.password,
        "ssl_mode": "disable",
        "client_directory": str(server.installation.client.parent),
        **changes,
    }


def test_tells_what_there_is_and_what_each_is_for(server: MysqlServer) -> None:
    for name in MADE:
        server.sql(f"CREATE DATABASE {identifier(name)} CHARACTER SET utf8mb4 COLLATE utf8mb4_es_0900_ai_ci")
    server.sql("CREATE TABLE t (x LONGBLOB); INSERT INTO t VALUES (REPEAT('x', 100000)); ANALYZE TABLE t", ODD)
    discovery = Mysql.discover(login(server), sizes=True)
    found = {database.name: database for database in discovery.databases}
    assert {name for name, database in found.items() if database.holds_data} == {ODD, "nomina"}
    assert set(found) >= {"mysql", "information_schema", "performance_schema", "sys", *MADE}
    size = found[ODD].bytes
    assert size is not None and size > 100_000
    assert found[ODD] == FoundDatabase(
        engine="mysql",
        name=ODD,
        version=discovery.version,
        bytes=size,
        encoding="utf8mb4",
        collation="utf8mb4_es_0900_ai_ci",
        owner=None,
    )
    assert discovery.version == server.sql("SELECT VERSION()")
    assert discovery.warnings == ()


def test_says_when_the_account_may_not_see_all(server: MysqlServer) -> None:
    server.sql("CREATE DATABASE nomina; CREATE DATABASE otra; SET GLOBAL partial_revokes = ON")
    try:
        server.sql("CREATE USER corto@'%' IDENTIFIED BY 'secreto'; GRANT SELECT ON nomina.* TO corto@'%'")
        account = login(server, login_user="corto", login_password="secreto")
        discovery = Mysql.discover(account)
        assert {database.name for database in discovery.databases if database.holds_data} == {"nomina"}
        assert "may not see every database" in discovery.warnings[0]
        server.sql("GRANT SELECT ON *.* TO corto@'%'")
        assert Mysql.discover(account).warnings == ()
        # MySQL takes single databases out of what is granted on all.
        server.sql("REVOKE SELECT ON otra.* FROM corto@'%'; REVOKE SHOW DATABASES ON *.* FROM corto@'%'")
        discovery = Mysql.discover(account)
        assert {database.name for database in discovery.databases if database.holds_data} == {"nomina"}
        assert "may not see every database" in discovery.warnings[0]
    finally:
        server.sql("DROP USER corto@'%'; SET GLOBAL partial_revokes = OFF")


def test_mariadb_is_refused_with_its_engine_named(server: MysqlServer) -> None:
    # Newer clients of MySQL cannot even log in there.
    with MariadbServer("11.8") as other, pytest.raises(BackupError, match="engine mariadb"):
        account = {"login_port": other.port, "login_user": other.user, "login_password": other.password}
        Mysql.discover(login(server, **account))


def test_a_server_says_at_its_socket_which_product_it_is(server: MysqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with MariadbServer("11.8") as other, socket.socket(socket.AF_UNIX) as nobody:
        silent = server.directory / "nobody.sock"
        nobody.bind(str(silent))
        places = tuple(map(str, (server.socket, other.socket, silent)))
        monkeypatch.setattr(local_servers, "POSTGRESQL_SOCKETS", ())
        monkeypatch.setattr(local_servers, "MARIADB_SOCKETS", places)
        found = {local.path: local.engine for local in local_servers.find()}
    assert found == {places[0]: "mysql", places[1]: "mariadb", places[2]: "mariadb"}
