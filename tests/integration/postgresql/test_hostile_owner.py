# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns a database chooses its path, its functions and what its literals mean: none of it serves him in a dump."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site, databases, drop_everything, engine

# Run as a superuser, it makes a superuser of the role; where the transaction only reads, it writes a file.
STEAL = """
CREATE FUNCTION e.steal() RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN
    IF pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on' THEN
        EXECUTE pg_catalog.format('COPY (SELECT 1) TO %L',
            pg_catalog.concat(pg_catalog.current_setting('data_directory'), '/stolen'));
        EXECUTE 'ALTER ROLE app_login SUPERUSER';
    END IF;
    RETURN true;
EXCEPTION WHEN read_only_sql_transaction THEN RETURN true;
END $f$;
CREATE DOMAIN e.dom AS text CHECK (e.steal());
CREATE TYPE e.pair AS (a e.dom);
CREATE DOMAIN e.doms AS e.dom[];
"""
# Functions and operators of the names that somebody who is careless uses without a schema.
CATCH = [
    f"""CREATE FUNCTION e.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS $f$ BEGIN
    PERFORM e.steal(); RETURN {value}; END $f$"""
    for name, arguments, result, value in (
        ("row_to_json", "r record", "json", "pg_catalog.row_to_json(r)"),
        ("set_config", "a text, b text, c boolean", "text", "pg_catalog.set_config(a, b, c)"),
        ("current_schemas", "a boolean", "name[]", "pg_catalog.current_schemas(a)"),
        ("format", "a text, b name", "text", "pg_catalog.format(a, b)"),
        ("concatenate", "a text, b text", "text", "pg_catalog.textcat(a, b)"),
        ("differs", "a name, b name", "boolean", "true"),
        ("differs", "a name, b text", "boolean", "true"),
        ("concat", "a e.dom[]", "text", "'x'"),
    )
] + [
    "CREATE OPERATOR e.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = e.concatenate)",
    "CREATE OPERATOR e.!~ (LEFTARG = name, RIGHTARG = name, FUNCTION = e.differs)",
    "CREATE OPERATOR e.!~ (LEFTARG = name, RIGHTARG = text, FUNCTION = e.differs)",
]
OBJECTS = """
CREATE FUNCTION e.plain(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE SCHEMA "my s"; CREATE DOMAIN "my s"."d.o m" AS text CHECK (e.steal());
CREATE TABLE e.t (i int, a text);
CREATE VIEW e.of_array AS SELECT '{x}'::e.dom[] AS x;
CREATE VIEW e.of_row AS SELECT '(x)'::e.pair AS x;
CREATE VIEW e.of_domain AS SELECT '{x}'::e.doms AS x;
CREATE VIEW "my s".quoted AS SELECT '{x}'::"my s"."d.o m"[] AS "a 'b";
CREATE VIEW e.without_type AS SELECT concat('{x}') AS x, i IS DISTINCT FROM 1 AS d FROM e.t;
CREATE INDEX by_literal ON e.t ((a = ANY ('{x}'::e.dom[])));
ALTER TABLE e.t ADD CHECK (e.plain(i) > 0);
CREATE POLICY p ON e.t USING (a = ANY ('{x}'::e.dom[]));
"""


# Its CHECK only holds in the database's own path, and so is set aside.
LATE = """
CREATE TABLE e.rates (v int); INSERT INTO e.rates VALUES (1);
CREATE FUNCTION e.known(i int) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN
    RETURN EXISTS (SELECT FROM rates WHERE v OPERATOR(pg_catalog.=) i); END $f$;
SET search_path = e; CREATE TABLE e.a_late (i int CONSTRAINT late CHECK (e.known(i))); INSERT INTO e.a_late VALUES (1)
"""


@pytest.fixture
def server(server17: PostgresqlServer) -> PostgresqlServer:
    return server17


@pytest.fixture
def theirs(server: PostgresqlServer) -> Iterator[str]:
    """A database of a plain role's, full of traps."""
    drop_everything(server, *databases(server))
    server.psql("CREATE ROLE app_login LOGIN; CREATE DATABASE ajena OWNER app_login")
    server.psql(f"SET ROLE app_login; CREATE SCHEMA e; {STEAL}", "ajena")
    yield "ajena"
    drop_everything(server, *databases(server))


def prepare(server: PostgresqlServer, database: str, objects: str, path: str) -> None:
    """What would fall into the traps itself is made before them."""
    server.psql(f"SET ROLE app_login; {objects}", database)
    server.psql(f"SET ROLE app_login; {'; '.join(CATCH)}", database)
    server.psql(f"ALTER DATABASE {database} SET search_path = {path}")


def has_stolen(server: PostgresqlServer) -> bool:
    """Whether anything of the role's ran as a superuser."""
    found = server.psql(
        "SELECT rolsuper OR pg_stat_file('stolen', true) IS NOT NULL FROM pg_roles WHERE rolname = 'app_login'"
    )
    return found != "f"


@pytest.mark.parametrize("path", ["e, pg_catalog", '"$user", public, e'])
def test_a_dump_runs_nothing_that_an_owner_wrote(server: PostgresqlServer, theirs: str, site: Site, path: str) -> None:
    prepare(server, theirs, OBJECTS, path)
    dumped = site.dump(engine(server, theirs))
    assert dumped.description is not None
    assert not has_stolen(server)


def test_a_restore_computes_nothing_of_its_own_in_an_owners_path(
    server: PostgresqlServer, theirs: str, site: Site
) -> None:
    prepare(server, theirs, LATE, "e, pg_catalog")
    dumped = site.dump(engine(server, theirs))
    assert not has_stolen(server)
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert restored.left_out == []
    assert server.psql("SELECT convalidated FROM pg_catalog.pg_constraint WHERE conname = 'late'", "copia") == "t"
    assert not has_stolen(server)


def test_a_constraint_that_is_put_back_is_not_quoted(server: PostgresqlServer, theirs: str, site: Site) -> None:
    """What the server says of it ends with the statement, and that with whatever secret stands in it."""
    server.psql(
        "CREATE FUNCTION full_disk(i int, x text) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN"
        " IF current_database() = 'ajena' THEN RETURN true; END IF;"
        " IF current_query() LIKE 'COPY%' THEN RETURN false; END IF;"
        " RAISE 'full' USING ERRCODE = 'disk_full'; END $f$;"
        " CREATE TABLE c (i int CHECK (full_disk(i, 'Cl4ve'))); INSERT INTO c VALUES (1)",
        theirs,
    )
    dumped = site.dump(engine(server, theirs))
    with pytest.raises(ProcessFailed) as failure:
        site.restore(engine(server, "copia"), dumped.set_id)
    assert failure.value.what == "put constraints back"
    assert "full" in failure.value.why
    assert "Cl4ve" not in f"{failure.value.message} {failure.value.why}"
    assert databases(server) == {theirs}
