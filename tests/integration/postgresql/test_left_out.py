# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One object that cannot be made costs that object: everything else comes back, every row above all."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.conftest import running_server
from tests.integration.postgresql.support import (
    Site,
    databases,
    differences,
    drop_everything,
    engine,
    fingerprint,
    leftovers,
    restore_by_hand,
)

# Only resolves in the database's own search_path, or once other tables have their rows.
BY_PATH = """
CREATE SCHEMA "mis cuentas"; ALTER DATABASE libro SET search_path TO "mis cuentas", public;
SET search_path TO "mis cuentas", public;
CREATE TABLE tasa (v numeric); INSERT INTO tasa VALUES (0.19);
CREATE FUNCTION redondo(x numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT round(x, 2) $$;
CREATE FUNCTION iva(x numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN redondo(x * 0.19); END $$;
CREATE FUNCTION existe(x numeric) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN
    RETURN EXISTS (SELECT FROM tasa WHERE v = x); END $$;
CREATE TABLE a_factura (i int PRIMARY KEY, v numeric, g numeric GENERATED ALWAYS AS (iva(v)) STORED,
    CONSTRAINT hay_tasa CHECK (existe(0.19)));
COMMENT ON CONSTRAINT hay_tasa ON a_factura IS 'mira otra tabla';
INSERT INTO a_factura SELECT i, i FROM generate_series(1, 50) i;
CREATE DOMAIN tarifa AS numeric CHECK (existe(VALUE));
CREATE TABLE a_tarifas (t tarifa); INSERT INTO a_tarifas VALUES (0.19);
CREATE TABLE padre (i int, v numeric, CONSTRAINT de_todos CHECK (existe(v))) PARTITION BY RANGE (i);
CREATE TABLE a_hija PARTITION OF padre (CONSTRAINT suya CHECK (existe(v))) FOR VALUES FROM (0) TO (10);
INSERT INTO padre VALUES (1, 0.19);
"""
# Once more in a database of another name, none of this can be made.
TRAPS = """
CREATE FUNCTION trampa(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    IF current_database() <> 'libro' THEN RAISE 'la clave es Cl4ve'; END IF; RETURN x; END $$;
CREATE TABLE b_regla (i int PRIMARY KEY, CONSTRAINT vale CHECK (trampa(i) > 0)); INSERT INTO b_regla VALUES (1), (2);
CREATE TABLE b_calculo (i int, g int GENERATED ALWAYS AS (trampa(i)) STORED NOT NULL, z text);
INSERT INTO b_calculo (i, z) VALUES (1, 'uno'), (2, 'dos');
CREATE INDEX de_trampa ON b_regla (trampa(i)); COMMENT ON INDEX de_trampa IS 'x';
CREATE MATERIALIZED VIEW resumen AS SELECT trampa(i) AS i FROM b_regla; CREATE UNIQUE INDEX ON resumen (i);
CREATE TABLE b_huerfana (r int, CONSTRAINT a_regla FOREIGN KEY (r) REFERENCES b_regla);
SET session_replication_role = replica; INSERT INTO b_huerfana VALUES (99); RESET session_replication_role;
CREATE TABLE c_sano (i int PRIMARY KEY REFERENCES b_regla, t text DEFAULT 'x'); INSERT INTO c_sano VALUES (1);
CREATE VIEW v_sana AS SELECT * FROM c_sano;
"""

# Since 17 the server itself makes indexes in no path at all.
INDEX = "CREATE INDEX por_iva ON a_factura (iva(v));"


def by_path(server: PostgresqlServer) -> str:
    return BY_PATH if server.major >= 17 else BY_PATH + INDEX


@pytest.fixture
def book(server: PostgresqlServer) -> Iterator[str]:
    drop_everything(server, *databases(server))
    server.psql("CREATE DATABASE libro")
    yield "libro"
    drop_everything(server, *databases(server))


@pytest.mark.usefixtures("many_streams")
@pytest.mark.parametrize("owned", [False, True], ids=["superuser", "owned"])
def test_what_only_resolves_in_its_own_path_comes_back(
    server: PostgresqlServer, book: str, site: Site, owned: bool
) -> None:
    if owned:
        server.psql("CREATE ROLE app_owner LOGIN; GRANT CREATE ON DATABASE libro TO app_owner")
        server.psql("ALTER DATABASE libro OWNER TO app_owner")
    server.psql(("SET ROLE app_owner; " if owned else "") + by_path(server), book)
    before = fingerprint(server, book)
    dumped = site.dump(engine(server, book, content_digest=True))
    drop_everything(server, book)

    restored = site.restore(engine(server, book), dumped.set_id, strict=True)

    assert dumped.description is not None
    assert dumped.description.warnings == []
    assert restored.left_out == []
    assert differences(before, fingerprint(server, book)) == {}
    # Of selected tables, what the live database could not do with its rows there is left out.
    chosen = engine(server, book, tables=["mis cuentas.a_factura"], into_schema="rescate")
    restored = site.restore(chosen, dumped.set_id)
    assert {(entry.kind, entry.name) for entry in restored.left_out} >= {
        ("check constraint", 'hay_tasa on "mis cuentas".a_factura'),
        ("generated column", '"mis cuentas".a_factura.g'),
    }
    assert any("por_iva" in entry.name for entry in restored.left_out) is (server.major < 17)
    assert server.psql("SELECT count(*), sum(g) FROM rescate.a_factura", book) == "50|242.25"


# Of BY_PATH, what needs nothing but the path.
PATH_ONLY = """
CREATE SCHEMA "mis cuentas"; ALTER DATABASE libro SET search_path TO "$user", "mis cuentas", "a$do$path$", public;
CREATE SCHEMA "a$do$path$";
CREATE FUNCTION "a$do$path$".de_dolar(x numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT x';
SET search_path TO "mis cuentas", "a$do$path$", public;
CREATE FUNCTION redondo(x numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT round(x, 2) $$;
CREATE FUNCTION iva(x numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    RETURN redondo(de_dolar(x) * 0.19); END $$;
CREATE FUNCTION propia() RETURNS int LANGUAGE sql SET search_path = public AS 'SELECT 1';
CREATE TABLE a_factura (i int PRIMARY KEY, v numeric, g numeric GENERATED ALWAYS AS (iva(v)) STORED,
    CONSTRAINT vale CHECK (redondo(iva(v)) >= 0));
INSERT INTO a_factura SELECT i, i FROM generate_series(1, 50) i;
"""
# Since 17 the server itself makes neither in any path.
PATH_ONLY_BEFORE_17 = """
CREATE INDEX por_iva ON a_factura (redondo(v)); CREATE MATERIALIZED VIEW total AS SELECT sum(iva(v)) FROM a_factura;
"""


def test_what_only_resolves_in_its_own_path_comes_back_by_hand(server: PostgresqlServer, book: str, site: Site) -> None:
    server.psql(PATH_ONLY + (PATH_ONLY_BEFORE_17 if server.major < 17 else ""), book)
    before = fingerprint(server, book)
    dumped = site.dump(engine(server, book))
    drop_everything(server, book)
    done = restore_by_hand(site, server, dumped.set_id)
    assert done.returncode == 0, done.stderr
    assert differences(before, fingerprint(server, book)) == {}
    assert server.psql("SELECT count(*), sum(g) FROM a_factura", book) == "50|242.25"


def test_a_table_whose_check_reads_another_comes_back_by_hand_as_the_docs_say(
    server: PostgresqlServer, book: str, site: Site
) -> None:
    check = "CHECK (existe(c))"
    server.psql(
        "CREATE TABLE z (c text PRIMARY KEY); INSERT INTO z VALUES ('a');"
        " CREATE FUNCTION existe(x text) RETURNS boolean LANGUAGE sql STABLE"
        " AS $$ SELECT EXISTS (SELECT FROM public.z WHERE c = x) $$;"
        f"CREATE TABLE a (i int PRIMARY KEY, c text, CONSTRAINT esta {check});"
        "INSERT INTO a SELECT i, 'a' FROM generate_series(1, 50) i",
        book,
    )
    before = fingerprint(server, book)
    dumped = site.dump(engine(server, book))
    drop_everything(server, book)
    assert dumped.description is not None
    done = restore_by_hand(site, server, dumped.set_id, to_the_end=True)
    assert "COPY failed for table" in done.stderr
    server.psql("ALTER TABLE a DROP CONSTRAINT esta", book)
    (load,) = [command for command in dumped.description.restore_by_hand if "data/data-01" in command]
    again = f"{load.replace('IDENTITY_FILE', str(site.identity))} --data-only --table=a"
    directory = site.path(dumped.set_id)
    subprocess.run(["bash", "-o", "pipefail", "-c", again], cwd=directory, env=server.environment(), check=True)
    server.psql(f"ALTER TABLE a ADD CONSTRAINT esta {check}", book)
    assert differences(before, fingerprint(server, book)) == {}


def test_what_cannot_be_made_is_left_out_and_named(server: PostgresqlServer, book: str, site: Site) -> None:
    server.psql(TRAPS, book)
    dumped = site.dump(engine(server, book, content_digest=True))

    with pytest.raises(Refused, match="5 of its objects cannot be created"):
        site.restore(engine(server, "copia"), dumped.set_id, strict=True)
    assert databases(server) == {"libro"}
    restored = site.restore(engine(server, "copia"), dumped.set_id)

    assert sorted((entry.kind, entry.name) for entry in restored.left_out) == [
        ("check constraint", "vale on public.b_regla"),
        ("foreign key", "public.b_huerfana a_regla"),
        ("generated column", "public.b_calculo.g"),
        ("index", "public.de_trampa"),
        ("rows of materialized view", "public.resumen"),
    ]
    assert "Cl4ve" not in repr(restored)
    assert len([line for line in restored.warnings if line.startswith("Left out: ")]) == 5
    assert all(check.passed for check in restored.checks)
    for table in ("b_regla", "b_calculo (i, z)", "b_huerfana", "c_sano"):
        query = f"COPY {table} TO STDOUT"
        assert server.psql(query, "copia") == server.psql(query, book), table
    # The constraint is there and holds for new rows; the view is there and empty.
    found = "SELECT convalidated FROM pg_constraint WHERE conname = 'vale'"
    assert server.psql(found, "copia") == "f"
    assert server.psql("SELECT relispopulated FROM pg_class WHERE relname = 'resumen'", "copia") == "f"
    assert server.psql("SELECT count(*) FROM pg_constraint WHERE conname = 'c_sano_i_fkey'", "copia") == "1"
    assert server.psql("SELECT t FROM v_sana", "copia") == "x"
    assert leftovers(server) == []


def test_no_object_of_another_runs_as_a_superuser(server: PostgresqlServer, book: str, site: Site) -> None:
    """Who may create in the path could put his function in the way of what a superuser's table calls."""
    server.psql(by_path(server), book)
    server.psql(
        'CREATE ROLE app_owner; GRANT CREATE, USAGE ON SCHEMA "mis cuentas" TO app_owner; SET ROLE app_owner;'
        " CREATE FUNCTION \"mis cuentas\".inocente() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        book,
    )
    dumped = site.dump(engine(server, book))
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    told = {entry.name for entry in restored.left_out}
    assert '"mis cuentas".a_factura.g' in told
    assert any("por_iva" in name for name in told) is (server.major < 17)
    assert server.psql('SELECT count(*), sum(v) FROM "mis cuentas".a_factura', "copia") == "50|1275"


@pytest.mark.parametrize("change", ["DROP SCHEMA public", "other"])
def test_the_schema_public_comes_back_as_it_was(server: PostgresqlServer, book: str, site: Site, change: str) -> None:
    server.psql("CREATE SCHEMA contable; CREATE TABLE contable.t AS SELECT 1 AS i", book)
    if change == "other":
        change = (
            "CREATE ROLE app_owner; ALTER SCHEMA public OWNER TO app_owner; REVOKE ALL ON SCHEMA public FROM PUBLIC;"
        )
        change += " GRANT CREATE ON SCHEMA public TO app_owner WITH GRANT OPTION; COMMENT ON SCHEMA public IS 'otra'"
    server.psql(change, book)
    before = fingerprint(server, book)
    dumped = site.dump(engine(server, book))
    drop_everything(server, book)
    site.restore(engine(server, book), dumped.set_id)
    assert differences(before, fingerprint(server, book)) == {}


def test_the_dump_says_what_does_not_resolve(server: PostgresqlServer, book: str, site: Site) -> None:
    """IS DISTINCT FROM cannot name the schema of its operator, so the server writes down what it does not read back."""
    server.psql(
        "CREATE SCHEMA ext; CREATE TABLE puntos (i int, a point, b point);"
        " INSERT INTO puntos VALUES (1, '(1,1)', '(2,2)');"
        " CREATE FUNCTION ext.igual(point, point) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 ~= $2';"
        " CREATE OPERATOR ext.= (LEFTARG = point, RIGHTARG = point, FUNCTION = ext.igual);"
        " SET search_path = public, ext; CREATE VIEW distintos AS SELECT a IS DISTINCT FROM b AS d FROM puntos;"
        " CREATE VIEW encima AS SELECT d FROM distintos; CREATE VIEW sana AS SELECT i FROM puntos;"
        " CREATE INDEX por_distinto ON puntos ((a IS DISTINCT FROM b))",
        book,
    )
    dumped = site.dump(engine(server, book))
    assert dumped.description is not None
    told = {(entry["kind"], entry["name"]) for entry in dumped.description.unrestorable}
    assert told == {("view", "public.distintos"), ("index", "public.por_distinto")}
    assert any("will leave out view public.distintos" in line for line in dumped.description.warnings)
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert {(entry.kind, entry.name) for entry in restored.left_out} == told | {("view", "public.encima")}
    assert server.psql("SELECT i FROM sana", "copia") == "1"

    # What its functions look for is in nobody's path but that of whoever made them.
    server.psql("CREATE SCHEMA otro; CREATE TABLE otro.tasa (v int); INSERT INTO otro.tasa VALUES (1)", book)
    server.psql(
        "CREATE FUNCTION tasa() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT v FROM tasa); END $$;"
        " SET search_path = public, otro; CREATE TABLE con_tasa (i int, CONSTRAINT hay CHECK (tasa() > 0));"
        " INSERT INTO con_tasa VALUES (1)",
        book,
    )
    warned = site.dump(engine(server, book), source="tasa")
    assert warned.description is not None
    [line] = [line for line in warned.description.warnings if "may have to leave out" in line]
    assert "check constraint hay on public.con_tasa (by public.tasa())" in line
    left = site.restore(engine(server, "tasa"), warned.set_id).left_out
    assert ("check constraint", "hay on public.con_tasa") in {(entry.kind, entry.name) for entry in left}
    assert server.psql("SELECT i FROM con_tasa", "tasa") == "1"
    server.psql("DROP TABLE con_tasa", book)

    # In the database's own path it resolves, so nothing is left out.
    server.psql("ALTER DATABASE libro SET search_path TO public, ext", book)
    again = site.dump(engine(server, book), source="otra")
    assert again.description is not None
    assert again.description.unrestorable == []
    assert site.restore(engine(server, "otra"), again.set_id, strict=True).left_out == []


def test_an_extension_that_the_target_has_not_got(site: Site) -> None:
    """It costs itself; it is refused at once only where a table could not be made without it."""
    older, newer = running_server(15), running_server(17)
    gone = "adminpack"  # Until 16.
    for server in (older, newer):
        drop_everything(server, *databases(server))
    try:
        older.psql("CREATE DATABASE libro")
        older.psql(f"CREATE EXTENSION {gone}; CREATE TABLE t AS SELECT 1 AS i", "libro")
        dumped = site.dump(engine(older, "libro"))
        restored = site.restore(engine(newer, "copia"), dumped.set_id)
        assert [(entry.kind, entry.name) for entry in restored.left_out] == [("extension", gone)]
        assert newer.psql("SELECT i FROM t", "copia") == "1"

        older.psql(
            "ALTER TABLE t ADD ido boolean; ALTER TABLE t ALTER ido SET DEFAULT pg_catalog.pg_file_unlink('x')", "libro"
        )
        dumped = site.dump(engine(older, "libro"), source="otra")
        with pytest.raises(NotFound, match=f"tables of the set need extensions .*: {gone}"):
            site.restore(engine(newer, "otra"), dumped.set_id)
        assert databases(newer) == {"copia"}
    finally:
        for server in (older, newer):
            drop_everything(server, *databases(server))
