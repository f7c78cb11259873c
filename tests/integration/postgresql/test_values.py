# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values come back as they were, however a server, a database or a role has them written, read and computed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import fixed_settings as fixed
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.conftest import running_server
from tests.integration.postgresql.differing import AWKWARD, SERVER, differing_servers, given
from tests.integration.postgresql.support import Site, databases, drop_everything, engine, leftovers, restore_by_hand

Servers = tuple[PostgresqlServer, PostgresqlServer]

# What is read, written or computed in another way: money, dates and moments by the day they are on, intervals, arrays
# with the word NULL, XML, and expressions that are right under the database's own settings only.
CONTENT = r"""
SET lc_monetary = 'C'; SET DateStyle = 'ISO'; SET IntervalStyle = postgres; SET array_nulls = on;
SET xmloption = content; SET extra_float_digits = 3; SET bytea_output = hex; SET transform_null_equals = off;
SET quote_all_identifiers = off;
CREATE FUNCTION nada(t text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE t int; BEGIN RETURN true; END $$;
CREATE TABLE pago (
    id int PRIMARY KEY, plata money DEFAULT '1234.50', dia date, momento timestamptz, lapso interval, nombres text[],
    x xml, f float8, b bytea, tz timetz, escrita text CHECK (escrita::date > '2026-01-01'),
    vacia text CHECK (vacia <> NULL),
    CONSTRAINT del_dia CHECK (dia = momento::date), CONSTRAINT rico CHECK (plata > '-1000000.50'), CHECK (nada(escrita))
);
INSERT INTO pago VALUES
    (1, '12.56', '2026-11-22', '2026-11-22 23:30-05', '-1 mon -3 days +04:05:06', '{NULL,"NULL",""}', 'texto <a/>',
     0.1::float8 + 0.2, '\x00ff5c', '23:30-05', '31/12/2026'),
    (2, '1234567.07', '2026-11-23', '2026-11-23 00:30-05', '1 mon -3 days', '{}', '<a>ñ</a>', 'NaN', '',
     '00:30+05:45', '13/02/2027'),
    (3, '-0.05', 'infinity', 'infinity', '-1 year +2 days -00:00:01.5', '{null}', NULL, -0.0, NULL, NULL, NULL),
    (4, DEFAULT, '0044-03-15 BC', '0044-03-15 12:00-05 BC', '-00:00:00.000001', NULL, '', 5e-324, '\x5c5c', NULL, NULL);
CREATE TABLE mes (desde timestamptz, n int) PARTITION BY RANGE (desde);
CREATE TABLE mes_11 PARTITION OF mes FOR VALUES FROM ('2026-11-01 00:00-05') TO ('2026-12-01 00:00-05');
INSERT INTO mes VALUES ('2026-11-30 23:59-05', 1);
CREATE MATERIALIZED VIEW visto AS SELECT id, to_tsvector('las casas grandes') AS t, dia = momento::date AS igual,
    momento::date AS fecha, to_char(momento, 'HH24') AS hora FROM pago WITH NO DATA;
"""
TYPES = "id, plata::numeric, dia, momento, lapso, nombres, x::text, f, b, tz, escrita, vacia"
CANONICAL = f"""
SET lc_monetary = 'C'; SET DateStyle = 'ISO'; SET IntervalStyle = postgres; SET TimeZone = 'UTC'; SET array_nulls = on;
SET extra_float_digits = 3; SET bytea_output = hex; SET xmloption = content; SET client_encoding = 'UTF8';
SET quote_all_identifiers = off; SET search_path = public;
SELECT {TYPES} FROM pago ORDER BY id; SELECT * FROM mes_11; SELECT * FROM visto ORDER BY id;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'pago'::regclass AND contype = 'c'
ORDER BY 1;
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'pago'::regclass;
SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'mes_11';
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """One that is set up in another way than the other."""
    with differing_servers() as found:
        yield found


@pytest.fixture
def awkward(servers: Servers) -> Iterator[dict[str, str]]:
    """On both servers, a login that has been given something for every setting."""
    has_locale = servers[0].psql("SHOW lc_monetary") != "C"
    chosen = {name: values[0] for name, values in AWKWARD.items()}
    if not has_locale:
        chosen = {name: value for name, value in chosen.items() if not name.startswith("lc_")}
    for server in servers:
        server.psql("CREATE ROLE otra; CREATE ROLE rara SUPERUSER LOGIN PASSWORD 'x'")
        server.psql(given("ROLE rara", {**chosen, "role": "otra"}))
    yield chosen
    for server in servers:
        drop_everything(server, *databases(server))
        server.psql("DROP ROLE rara; DROP ROLE otra")


def canonical(server: PostgresqlServer, database: str) -> list[str]:
    """Every value and definition, in one form."""
    return server.psql("SET default_transaction_read_only = off;" + CANONICAL, database).split("\n")


def test_whatever_server_database_and_role_are_set_to(servers: Servers, awkward: dict[str, str], site: Site) -> None:
    old, new = servers
    login = {"login_user": "rara", "login_password": "x"}
    old.psql("CREATE DATABASE caja")
    old.psql("ALTER DATABASE caja SET TimeZone TO 'America/Bogota'")
    old.psql(CONTENT, "caja")
    old.psql("REFRESH MATERIALIZED VIEW visto", "caja")
    before = canonical(old, "caja")
    assert "2|1234567.07|2026-11-23|2026-11-23 05:30:00+00|1 mon -3 days|{}" in "\n".join(before)
    # The database's own, under which its check constraints do not hold: they are the users' business.
    harmless = {name: value for name, value in awkward.items() if name not in (*SERVER, "TimeZone", "search_path")}
    old.psql(given("DATABASE caja", harmless))
    dumped = site.dump(engine(old, "caja", content_digest=True, **login))
    assert dumped.description is not None
    found = dumped.description.engine_facts["expression_settings"]
    assert (found["TimeZone"], found["DateStyle"]) == ("America/Bogota", "SQL, DMY")

    # On another server, by the module and by hand; and on the same one, beside the database.
    restored = site.restore(engine(new, "caja", **login), dumped.set_id)
    assert [check.name for check in restored.checks if not check.passed] == []
    assert canonical(new, "caja") == before
    site.restore(engine(old, "copia", **login), dumped.set_id)
    assert canonical(old, "copia") == before
    drop_everything(new, "caja")
    by_hand(site, new, dumped.set_id)
    assert canonical(new, "caja") == before
    for server in servers:
        assert leftovers(server) == []


def by_hand(site: Site, server: PostgresqlServer, set_id: SetId | None) -> None:
    """Restores with the set's own commands, as the awkward login."""
    done = restore_by_hand(site, server, set_id, user="rara")
    assert done.returncode == 0, done.stderr


def test_tables_into_a_schema_too(servers: Servers, awkward: dict[str, str], site: Site) -> None:
    old, new = servers
    old.psql("CREATE DATABASE caja")
    old.psql("ALTER DATABASE caja SET TimeZone TO 'America/Bogota'")
    old.psql(CONTENT, "caja")
    new.psql("CREATE DATABASE viva")
    new.psql("CREATE FUNCTION nada(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'", "viva")
    new.psql(given("DATABASE viva", awkward))
    dumped = site.dump(engine(old, "caja", content_digest=True))
    login = {"login_user": "rara", "login_password": "x"}
    chosen = {"tables": ["public.pago"], "into_schema": "rescate"}
    site.restore(engine(new, "viva", **login, **chosen), dumped.set_id)
    rows = "SET DateStyle = 'ISO'; SET lc_monetary = 'C'; SELECT id, plata::numeric, dia FROM {} ORDER BY id"
    assert new.psql(rows.format("rescate.pago"), "viva") == old.psql(rows.format("public.pago"), "caja")


def test_what_only_a_superuser_may_fix_is_told(servers: Servers, site: Site) -> None:
    old = servers[0]
    old.psql("CREATE ROLE lectora LOGIN PASSWORD 'x' IN ROLE pg_read_all_data")
    old.psql("ALTER SYSTEM SET zero_damaged_pages = on; ")
    old.psql("SELECT pg_reload_conf()")
    old.psql("CREATE DATABASE libro")
    try:
        found = site.dump(engine(old, "libro", login_user="lectora", login_password="x")).description
        assert found is not None
        assert "zero_damaged_pages is on" in " ".join(found.warnings)
        found = site.dump(engine(old, "libro"), source="otra").description
        assert found is not None
        assert found.warnings == []
    finally:
        old.psql("ALTER SYSTEM RESET zero_damaged_pages")
        old.psql("SELECT pg_reload_conf()")
        drop_everything(old, "libro")
        old.psql("DROP ROLE lectora")


@pytest.mark.parametrize("major", [15, 17, 18])
def test_no_setting_of_these_kinds_was_forgotten(major: int) -> None:
    """Each new version may bring one: decide whether it changes values, and write it into one of the two lists."""
    known = {setting.name.lower() for setting in fixed.SETTINGS} | set(fixed.LEFT_ALONE)
    query = (
        "SELECT lower(name) FROM pg_settings WHERE context IN ('user', 'superuser') AND name !~ '^vacuum_'"
        " AND category ~ '^(Client Connection Defaults|Version and Platform|Error Handling)'"
    )
    assert set(running_server(major).psql(query).splitlines()) - known == set()
    assert {setting.name for setting in fixed.SETTINGS} & set(fixed.LEFT_ALONE) == set()


def test_how_settings_are_given_to_programs_and_to_a_shell() -> None:
    values = {"DateStyle": "ISO, MDY", "search_path": "", "TimeZone": "a\\b c'$(x)"}
    assert fixed.options(values) == "-c DateStyle=ISO,\\ MDY -c search_path= -c TimeZone=a\\\\b\\ c'$(x)"
    shown = subprocess.run(
        ["bash", "-c", fixed.by_hand(values) + '; printf %s "$PGOPTIONS"'], capture_output=True, text=True, check=True
    )
    assert shown.stdout == fixed.options(values)
