# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to an extension and is in no set is told: when the set is made, before a restore, and after it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site, databases, drop_everything, engine, leftovers

CONTROL = "default_version = '1.0'\nrelocatable = false\nschema = caja\n"
SCRIPT = """
CREATE TABLE registro (i int PRIMARY KEY, x text);
CREATE TABLE param (k text PRIMARY KEY, v text, propio boolean DEFAULT true);
CREATE TABLE usuario (n text PRIMARY KEY);
INSERT INTO param VALUES ('iva', '19', false), ('ica', '1', false);
INSERT INTO registro VALUES (-1, 'de la extensión');
CREATE FUNCTION tasa() RETURNS int LANGUAGE sql AS 'SELECT 19';
CREATE VIEW resumen AS SELECT count(*) FROM registro;
SELECT pg_catalog.pg_extension_config_dump('param', 'WHERE propio');
SELECT pg_catalog.pg_extension_config_dump('usuario', '');
"""


@pytest.fixture
def server(server17: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server with an extension of the institution's own, made in a database and not changed yet."""
    shared = subprocess.run([server17.program("pg_config"), "--sharedir"], capture_output=True, text=True, check=True)
    home = Path(shared.stdout.strip()) / "extension"
    if not os.access(home, os.W_OK):
        pytest.skip("this user may not add an extension to the server's own")
    (home / "caja.control").write_text(CONTROL)
    (home / "caja--1.0.sql").write_text(SCRIPT)
    drop_everything(server17, *databases(server17))
    server17.psql("CREATE DATABASE libro")
    server17.psql("CREATE SCHEMA caja; CREATE EXTENSION caja", "libro")
    yield server17
    drop_everything(server17, *databases(server17))
    for name in ("caja.control", "caja--1.0.sql"):
        (home / name).unlink()


def test_an_extension_as_it_was_made_is_nothing_to_tell(server: PostgresqlServer, site: Site) -> None:
    server.psql("INSERT INTO caja.usuario VALUES ('ana'); INSERT INTO caja.param VALUES ('mía', '1')", "libro")
    server.psql("GRANT EXECUTE ON FUNCTION caja.tasa() TO pg_monitor; VACUUM (FULL, FREEZE)", "libro")
    dumped = site.dump(engine(server, "libro"))
    assert dumped.description is not None
    assert dumped.description.unrestorable == []
    restored = site.restore(engine(server, "copia"), dumped.set_id, strict=True)
    assert restored.left_out == []
    assert server.psql("SELECT n FROM caja.usuario", "copia") == "ana"
    assert server.psql("SELECT count(*) FROM caja.param", "copia") == "3"


def test_rows_that_a_policy_may_hide_are_not_counted(server: PostgresqlServer, site: Site) -> None:
    """The server refuses to count them, and pg_dump does not ask for them: so the dump goes on."""
    server.psql("CREATE ROLE lector LOGIN PASSWORD 'x' IN ROLE pg_read_all_data")
    server.psql(
        "ALTER TABLE caja.registro ENABLE ROW LEVEL SECURITY; GRANT CONNECT ON DATABASE libro TO lector", "libro"
    )
    try:
        dumped = site.dump(engine(server, "libro", login_user="lector", login_password="x"))
        assert dumped.description is not None
        told = {entry["name"]: entry["why"] for entry in dumped.description.unrestorable}
        assert "was not looked at" in told["caja.registro"]
    finally:
        server.psql("REVOKE ALL ON DATABASE libro FROM lector; DROP ROLE lector")


def test_rows_and_changes_that_are_in_no_set_are_told(server: PostgresqlServer, site: Site) -> None:
    server.psql(
        "INSERT INTO caja.registro SELECT i, 'x' FROM generate_series(1, 100) i;"
        "UPDATE caja.param SET v = '16' WHERE k = 'iva'; CREATE INDEX mio ON caja.registro (x);"
        "CREATE TRIGGER t BEFORE UPDATE ON caja.param FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger();"
        "ALTER TRIGGER t ON caja.param RENAME TO vigila; ALTER TABLE caja.registro ADD nota text;"
        "CREATE RULE nunca AS ON DELETE TO caja.usuario DO INSTEAD NOTHING;"
        "CREATE OR REPLACE FUNCTION caja.tasa() RETURNS int LANGUAGE sql AS 'SELECT 16';"
        "CREATE OR REPLACE VIEW caja.resumen AS SELECT count(*) FROM caja.param;",
        "libro",
    )
    dumped = site.dump(engine(server, "libro", content_digest=True))
    assert dumped.description is not None
    told = {entry["name"]: entry["why"] for entry in dumped.description.unrestorable}
    assert set(told) == {
        "caja.registro",
        "caja.param",
        "index caja.mio",
        "trigger vigila on caja.param",
        "column nota of caja.registro",
        "rule nunca on caja.usuario",
        "function caja.tasa(), defined anew",
        "view caja.resumen, defined anew",
    }
    assert "takes none of them: 100 of its 101 rows are in no set" in told["caja.registro"]
    assert "only those that its filter names: 1 of its 2 rows are in no set" in told["caja.param"]
    assert "100 of its 101 rows" in " ".join(dumped.description.warnings)
    asked = site.predict(engine(server, "copia"), dumped.set_id)
    assert {entry.name for entry in asked.left_out} == set(told)
    with pytest.raises(Refused, match=r"8 of its objects cannot be created: .*caja\.registro"):
        site.restore(engine(server, "copia"), dumped.set_id, strict=True)
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert {entry.name for entry in restored.left_out} == set(told)
    assert server.psql("SELECT v FROM caja.param WHERE k = 'iva'", "copia") == "19"
    assert leftovers(server) == []


def test_a_column_that_no_restore_takes_is_told_when_it_appears(server: PostgresqlServer, site: Site) -> None:
    server.psql("ALTER TABLE caja.usuario ADD nota text", "libro")
    dumped = site.dump(engine(server, "libro"))
    assert dumped.description is not None
    assert "nota of caja.usuario, with which a restore fails: drop it" in " ".join(dumped.description.warnings)
