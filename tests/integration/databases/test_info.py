# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which databases there are, which of them are backed up, and since when: on real servers."""

from __future__ import annotations

import os
import socket
import sqlite3
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._operations.discover.operation import (
    INFO_ARGUMENTS,
    survey,
)
from development.services.mariadb import MariadbServer
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site, engine

HOST = "srv-pruebas"


def entry(name: str, **options: t.Any) -> dict[str, t.Any]:
    """A source as the module gets it."""
    suboptions: dict[str, dict[str, t.Any]] = INFO_ARGUMENTS["sources"]["options"]
    return {**{option: spec.get("default") for option, spec in suboptions.items()}, "name": name, **options}


def ignoring(**options: t.Any) -> dict[str, t.Any]:
    """An entry of ``ignore`` as the module gets it."""
    return {"database": "*", "server": "*", "engine": None, **options}


class World:
    """Two servers with databases, a file, and a medium."""

    def __init__(self, postgresql: PostgresqlServer, mariadb: MariadbServer, site: Site) -> None:
        self.postgresql, self.mariadb, self.site = postgresql, mariadb, site
        self.sources: list[dict[str, t.Any]] = []

    def over_network(self, name: str, **options: t.Any) -> dict[str, t.Any]:
        """A source of the PostgreSQL server over TCP."""
        server = self.postgresql
        login = {"login_host": server.host, "login_port": server.port, "login_user": server.user}
        return entry(name, engine="postgresql", **login, **{"login_password": server.password, **options})

    def of_mariadb(self, name: str, **options: t.Any) -> dict[str, t.Any]:
        """A source of the MariaDB server over TCP."""
        server = self.mariadb
        login = {"login_host": server.host, "login_port": server.port, "login_user": server.user}
        login.update(login_password=server.password, ssl_mode="disable")
        return entry(name, engine="mariadb", **{**login, **options})

    def look(self, **changes: t.Any) -> dict[str, t.Any]:
        """What the module returns."""
        medium = {"type": "directory", "path": str(self.site.root)}
        params = {"host": HOST, "medium": medium, "sources": self.sources, "local": True, "ignore": [], **changes}
        return survey(params).result()


def names(entries: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    return [f"{entry['engine']} {entry['name']}" for entry in entries]


@pytest.fixture
def world(postgresql: PostgresqlServer, mariadb: MariadbServer, site: Site, usual_places: Path) -> Iterator[World]:
    """Both servers, each with three databases of which nobody has said anything."""
    for name in ("contabilidad", "nomina", "prueba_1"):
        postgresql.psql(f"CREATE DATABASE {name}")
        mariadb.sql(f"CREATE DATABASE {name}")
    yield World(postgresql, mariadb, site)
    for name in postgresql.psql("SELECT datname FROM pg_database WHERE datname !~ '^template|^postgres$'").split():
        postgresql.psql(f'ALTER DATABASE "{name}" IS_TEMPLATE false')
        postgresql.psql(f'DROP DATABASE "{name}"')
    for name in mariadb.sql("SHOW DATABASES").split():
        if name not in ("mysql", "sys", "information_schema", "performance_schema"):
            mariadb.sql(f"DROP DATABASE {name}")


def test_whatever_no_source_covers_is_found_at_the_sockets(world: World) -> None:
    found = world.look()
    assert names(found["unprotected"]) == [
        f"{name} {database}"
        for name in ("mariadb", "postgresql")
        for database in ("contabilidad", "nomina", "prueba_1")
    ]
    assert found["unknown"] == []
    assert all(entry["bytes"] is not None for entry in found["unprotected"])
    # Without looking for sockets, and without sources, there is nobody to ask.
    assert world.look(local=False)["databases"] == []


def test_a_server_is_one_whichever_way_it_is_reached(world: World) -> None:
    world.sources = [
        world.over_network("libro", database="contabilidad"),
        world.over_network("otros", databases=["nom*"]),
        world.of_mariadb("casa", databases=["*"], except_databases=["prueba_*"]),
    ]
    found = world.look()
    assert names(found["unprotected"]) == ["mariadb prueba_1", "postgresql prueba_1"]
    assert len(found["databases"]) == len({(entry["engine"], entry["name"]) for entry in found["databases"]})
    covered = {f"{entry['engine']} {entry['name']}": entry["source"] for entry in found["databases"] if entry["source"]}
    assert covered == {
        "mariadb contabilidad": "casa.contabilidad",
        "mariadb nomina": "casa.nomina",
        "postgresql contabilidad": "libro",
        "postgresql nomina": "otros.nomina",
    }
    reason = "test data"
    found = world.look(ignore=[ignoring(database="prueba_*", engine="mariadb", reason=reason)])
    assert names(found["unprotected"]) == ["postgresql prueba_1"]
    assert names(found["ignored"]) == ["mariadb prueba_1"]
    assert found["ignored"][0]["reason"] == reason


def test_the_last_good_set_is_told(world: World, tmp_path: Path) -> None:
    file = tmp_path / "mesa.db"
    sqlite3.connect(file).executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    world.postgresql.psql("CREATE TABLE t AS SELECT generate_series(1, 100) i", "contabilidad")
    world.sources = [
        world.over_network("libro", database="contabilidad"),
        entry("mesa", engine="sqlite", path=str(file), attached=[str(tmp_path / "inventario.db")]),
    ]
    good = world.site.dump(engine(world.postgresql, "contabilidad"), source="libro")
    world.postgresql.psql("DELETE FROM t", "contabilidad")
    suspect = world.site.dump(engine(world.postgresql, "contabilidad"), source="libro")
    assert suspect.suspect

    found = {entry["name"]: entry for entry in world.look()["databases"] if entry["source"]}

    backup = found["contabilidad"]["last_backup"]
    assert backup["id"] == str(good.set_id)
    assert 0 <= backup["age_seconds"] < 600
    assert Path(backup["path"], "bagit.txt").exists()
    assert found["contabilidad"]["encoding"] == "UTF8"
    assert found["contabilidad"]["owner"] == "postgres"
    assert found[str(file)]["bytes"] == file.stat().st_size
    assert found[str(file)]["last_backup"] is None
    assert found[str(tmp_path / "inventario.db")]["source"] == "mesa"


def test_what_is_the_servers_own_or_a_restores_is_not_unprotected(world: World) -> None:
    kept = "nomina__replaced_20261120T101500Z"
    world.postgresql.psql(f'ALTER DATABASE nomina RENAME TO "{kept}"')
    world.postgresql.psql("CREATE DATABASE molde IS_TEMPLATE true")
    world.postgresql.psql("CREATE DATABASE contabilidad__restoring")
    world.sources = [world.over_network("libro", database="contabilidad"), world.of_mariadb("casa", databases=["*"])]
    found = world.look()
    assert names(found["unprotected"]) == ["postgresql prueba_1"]
    (replaced,) = found["replaced"]
    assert (replaced["name"], replaced["database"], replaced["since"]) == (kept, "nomina", "20261120T101500Z")
    assert replaced["bytes"] > 0
    kinds = {entry["name"]: entry["kind"] for entry in found["databases"] if entry["engine"] == "postgresql"}
    assert kinds == {
        "contabilidad": "user",
        "contabilidad__restoring": "restoring",
        kept: "replaced",
        "molde": "template",
        "postgres": "system",
        "prueba_1": "user",
        "template0": "system",
        "template1": "system",
    }
    # Once somebody uses it, it is a database like any other.
    world.postgresql.psql("CREATE TABLE olvidada (a int)")
    try:
        assert names(world.look()["unprotected"]) == ["postgresql postgres", "postgresql prueba_1"]
    finally:
        world.postgresql.psql("DROP TABLE olvidada")


def test_a_server_that_cannot_be_asked_is_told_and_its_databases_are_not(world: World) -> None:
    wrong = "una clave que no es"
    world.sources = [
        world.over_network("libro", database="contabilidad", login_password=wrong),
        world.over_network("otros", databases=["nom*"], login_password=wrong),
        world.of_mariadb("casa", databases=["*"]),
    ]
    found = world.look()
    # The sources that mean them fail by themselves, and say why.
    assert names(found["unprotected"]) == ["postgresql prueba_1"]
    (unknown,) = found["unknown"]
    assert unknown["server"] == "the server of the source libro"
    assert "password authentication failed" in unknown["why"]
    assert wrong not in str(found)


def test_sockets_that_nobody_answers_at_or_should_trust_are_told(world: World, usual_places: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a socket to another user")
    listening = []
    for name, owner in ((".s.PGSQL.5999", 0), ("mysqld.sock", 999_999), (".s.PGSQL.6432", 54_321)):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(usual_places / name))
        os.chown(usual_places / name, owner, -1)
        listening.append(listener)
    # Links to a server that is known, and files that are none of a server's.
    (usual_places / f".s.PGSQL.{world.postgresql.port}").symlink_to(
        world.postgresql.socket / f".s.PGSQL.{world.postgresql.port}"
    )
    (usual_places / ".s.PGSQL.5998.lock").touch()
    try:
        found = world.look()
        whys = {Path(entry["server"]).name: entry["why"] for entry in found["unknown"]}
        assert set(whys) == {".s.PGSQL.5999", ".s.PGSQL.6432", "mysqld.sock"}
        assert "Connection refused" in whys[".s.PGSQL.5999"]
        assert "54321, who is an ordinary user" in whys[".s.PGSQL.6432"]
        assert "nobody that this host knows" in whys["mysqld.sock"]
        assert len(found["unprotected"]) == 6
        ignore = [ignoring(server=f"{usual_places}/*", reason="a pooler")]
        assert world.look(ignore=ignore)["unknown"] == []
    finally:
        for listener in listening:
            listener.close()


def test_a_server_that_shows_only_some_of_its_databases_is_told(world: World) -> None:
    world.mariadb.sql("CREATE USER copias IDENTIFIED BY 'c'; GRANT SELECT ON contabilidad.* TO copias")
    login = {"login_user": "copias", "login_password": "c"}
    world.sources = [world.of_mariadb("tesoreria", database="contabilidad", **login)]
    try:
        found = world.look(local=False)
        assert "SHOW DATABASES" in found["unknown"][0]["why"]
        # Its administrator sees them all.
        found = world.look()
        assert found["unknown"] == []
        assert [name for name in names(found["unprotected"]) if "mariadb" in name] == [
            "mariadb nomina",
            "mariadb prueba_1",
        ]
    finally:
        world.mariadb.sql("DROP USER copias")


def test_without_the_medium_nothing_is_said(world: World) -> None:
    with pytest.raises(BackupError):
        world.look(medium={"type": "directory", "path": str(world.site.root / "none")})
