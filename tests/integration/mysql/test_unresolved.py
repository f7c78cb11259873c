# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views that no longer resolve cost nothing but themselves; and what is made keeps the settings it was made with."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import Site, databases, engine, fingerprint, leftovers

SECRET = "secreto-de-vista"
BROKEN = {
    "sin_tabla": "x' doesn't exist",
    "sin_columna": "Unknown column",
    "sin_funcion": "FUNCTION caso.f does not exist",
    "sin_base": "Unknown database 'ajena'",
    "sobre_rota": "sin_tabla' references invalid",
    "con_definidor_ido": "('ido'@'localhost') does not exist",
    "de_nadie": "('ido'@'localhost') does not exist",
    "sobre_huerfana": "('ido'@'localhost') does not exist",
}
# Procedures, triggers and events name what they like.
MADE = (
    "CREATE TABLE t (i int PRIMARY KEY, j int); INSERT INTO t VALUES (1, 1), (2, 2); CREATE TABLE k (i int, j int);"
    " CREATE TABLE x (i int); CREATE DATABASE ajena; CREATE TABLE ajena.y (i int);"
    " CREATE FUNCTION f(a int) RETURNS int DETERMINISTIC RETURN a; CREATE USER ido@localhost;"
    " GRANT ALL ON caso.* TO ido@localhost;"
    " CREATE DEFINER=ido@localhost FUNCTION g() RETURNS int DETERMINISTIC RETURN 1;"
    f" CREATE VIEW sin_tabla AS SELECT i, '{SECRET}' AS s FROM x; CREATE VIEW sobre_rota AS SELECT i FROM sin_tabla;"
    " CREATE VIEW sin_columna AS SELECT i, j FROM k; CREATE VIEW sin_funcion AS SELECT f(i) AS z FROM t;"
    " CREATE VIEW sin_base AS SELECT i FROM ajena.y; CREATE VIEW con_definidor_ido AS SELECT g() AS z;"
    " CREATE DEFINER=ido@localhost VIEW de_nadie AS SELECT g() AS z;"
    # These two are made again, though nobody is there in whose name.
    " CREATE DEFINER=ido@localhost VIEW huerfana AS SELECT i FROM t WHERE j > 0 WITH CASCADED CHECK OPTION;"
    " CREATE DEFINER=ido@localhost SQL SECURITY INVOKER VIEW invocada AS SELECT t.i, t.j FROM t JOIN k ON t.i = k.i;"
    " CREATE VIEW sobre_huerfana AS SELECT i FROM huerfana; CREATE VIEW buena AS SELECT i FROM t;"
    " CREATE PROCEDURE p() SELECT * FROM no_existe; CREATE TRIGGER tr BEFORE INSERT ON k FOR EACH ROW CALL no_hay();"
    " CREATE EVENT e ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01' DO CALL no_hay();"
    " DROP TABLE x; DROP DATABASE ajena; DROP FUNCTION f; ALTER TABLE k DROP COLUMN j; DROP USER ido@localhost"
)


def shown(server: MysqlServer, database: str) -> dict[str, str]:
    """What a database holds but for views that the server does not show."""
    hidden = "', '".join(BROKEN)
    views = server.sql(
        "SELECT TABLE_NAME, REPLACE(VIEW_DEFINITION, TABLE_SCHEMA, ''), CHECK_OPTION, DEFINER, SECURITY_TYPE,"
        " CHARACTER_SET_CLIENT, COLLATION_CONNECTION FROM information_schema.VIEWS"
        f" WHERE TABLE_SCHEMA = '{database}' AND TABLE_NAME NOT IN ('{hidden}') ORDER BY 1"
    )
    found = {"views": views}
    for table in ("t", "k"):
        found[table] = server.sql(f"SHOW CREATE TABLE {table}; SELECT * FROM {table} ORDER BY 1", database)
    for kind, column in (("ROUTINE", "DEFINITION"), ("EVENT", "DEFINITION")):
        found[kind] = server.sql(
            f"SELECT {kind}_NAME, {kind}_{column}, DEFINER FROM information_schema.{kind}S"
            f" WHERE {kind}_SCHEMA = '{database}' ORDER BY 1"
        )
    found["TRIGGER"] = server.sql("SHOW TRIGGERS", database).split("\t")[0]
    return found


def test_each_view_that_does_not_resolve_costs_itself(server: MysqlServer, site: Site, tmp_path: Path) -> None:
    server.sql("CREATE DATABASE caso")
    server.sql(MADE, "caso")
    before = shown(server, "caso")
    assert len(before["views"].splitlines()) == 3

    dumped = site.dump(engine(server, "caso"))

    assert dumped.description is not None
    known = {entry["name"]: entry["why"] for entry in dumped.description.unrestorable}
    assert set(known) == set(BROKEN)
    for name, why in BROKEN.items():
        assert why in known[name], (name, known[name])
        assert any(f"leave out view {name}" in warning for warning in dumped.description.warnings)
    text = (site.path(dumped.set_id) / "backup.json").read_text(encoding="utf-8")
    assert SECRET not in text
    predicted = site.predict(engine(server, "copia"), dumped.set_id)
    assert {entry.name for entry in predicted.left_out} == set(BROKEN)
    with pytest.raises(Refused, match="8 of its objects cannot be created"):
        site.restore(engine(server, "copia"), dumped.set_id, strict=True)
    assert databases(server) == ["caso"]

    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert {entry.name for entry in restored.left_out} == set(BROKEN)
    assert not [entry for entry in restored.left_out if SECRET in entry.why or "__restoring" in entry.why]
    assert shown(server, "copia") == before
    # Into the place of the one that has them: what cannot be made is told, and how it was made is kept.
    replaced = site.restore(engine(server, "caso"), dumped.set_id, replace=True)
    assert shown(server, "caso") == before
    assert any("sin_tabla" in warning and "infitulua_programs" in warning for warning in replaced.warnings)
    assert SECRET in server.sql("SELECT statement FROM infitulua_programs", str(replaced.kept))
    assert leftovers(server) == []

    server.sql("DROP DATABASE caso")
    (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={server.socket}\nuser=root\n")
    script = "\n".join(json.loads(text)["restore_by_hand"]).replace("IDENTITY_FILE", str(site.identity))
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=site.path(dumped.set_id),
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "PATH": os.pathsep.join([str(server.installation.client.parent), os.environ["PATH"]]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "references invalid table" in done.stderr or "doesn't exist" in done.stderr
    assert shown(server, "caso") == before


def test_what_is_made_keeps_its_settings(server: MysqlServer, site: Site) -> None:
    """Character set of the client where it writes the same bytes, collation of the connection, mode and time zone."""
    server.sql("CREATE DATABASE caso; CREATE TABLE caso.t (i int, s varchar(9))")
    for number, (names, mode) in enumerate(
        [("utf8mb3", "ANSI_QUOTES"), ("latin1", "PIPES_AS_CONCAT"), ("utf8mb4", "")]
    ):
        text = "abc" if names == "latin1" else "ñandú"
        server.sql(
            f"SET NAMES {names}; SET SESSION sql_mode = '{mode}', time_zone = '-05:00';"
            f" CREATE VIEW v{number} AS SELECT '{text}' AS s FROM t;"
            f" CREATE FUNCTION f{number}() RETURNS varchar(9) DETERMINISTIC RETURN '{text}';"
            f" CREATE TRIGGER g{number} BEFORE INSERT ON t FOR EACH ROW SET NEW.s = '{text}';"
            f" CREATE EVENT e{number} ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01' DO SELECT '{text}'",
            "caso",
        )
    clients = " UNION ALL ".join(
        f"SELECT {kind}_NAME, CHARACTER_SET_CLIENT, COLLATION_CONNECTION FROM information_schema.{table}"
        f" WHERE {schema}_SCHEMA = DATABASE()"
        for kind, table, schema in [
            ("TABLE", "VIEWS", "TABLE"),
            ("ROUTINE", "ROUTINES", "ROUTINE"),
            ("TRIGGER", "TRIGGERS", "TRIGGER"),
            ("EVENT", "EVENTS", "EVENT"),
        ]
    )
    before, made = fingerprint(server, "caso"), sorted(server.sql(clients, "caso").splitlines())
    assert [line.split("\t")[1] for line in made] == ["utf8mb3", "latin1", "utf8mb4"] * 4
    dumped = site.dump(engine(server, "caso"))
    site.restore(engine(server, "copia"), dumped.set_id)
    assert fingerprint(server, "copia") == before
    assert sorted(server.sql(clients, "copia").splitlines()) == made
