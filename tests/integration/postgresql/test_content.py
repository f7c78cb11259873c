# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests prove that a restored database holds what was dumped, value by value, and on any server."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import fill as postgresql_fill
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import restore as postgresql_restore
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, SetInvalid
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.conftest import running_server
from tests.integration.postgresql.support import (
    Site,
    create_everything,
    databases,
    drop_everything,
    engine,
    leftovers,
)

# Whatever a server's, a database's or a role's settings could have written in another way; and a column that a
# restore puts elsewhere, one that stores nothing, and a large object with a hole and a short page in it.
CONTENT = r"""
CREATE TYPE color AS ENUM ('rojo', 'ámbar');
CREATE DOMAIN positivo AS numeric CHECK (VALUE > 0);
CREATE TABLE valores (
    n int PRIMARY KEY, f float8, g float4, ts timestamptz, d date, iv interval, b bytea, plata money, num numeric,
    a text[], j jsonb, color color, p positivo, r tstzrange, de_otro regclass, texto text COLLATE "C",
    doble int GENERATED ALWAYS AS (n * 2) STORED
);
INSERT INTO valores VALUES
    (1, 'NaN', '-Infinity', 'infinity', '0044-03-15 BC', '-1 year 3 days -00:00:01.5', '\x00ff5c0a', 12.5, 'NaN',
     ARRAY['a"b', NULL, ''], '{"b": 1, "a": [null]}', 'ámbar', 1.00, '[2026-11-22 03:00-05,)', 'valores', E'\\.'),
    (2, 0.1, 1e-45, '1999-01-01 00:00+05:45', 'infinity', '1 mon', '', -0.01, -0.000, '{}', 'null', 'rojo', 9e30,
     'empty', NULL, E'línea\n\t\\N\r'),
    (3, -0.0, NULL, NULL, NULL, NULL, NULL, NULL, 'Infinity', '[5:6]={x,y}', NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE madre (a int);
CREATE TABLE hija (b int) INHERITS (madre);
ALTER TABLE madre ADD COLUMN c text DEFAULT 'siempre';
INSERT INTO hija VALUES (1, 2, 'tres');
CREATE TABLE nada ();
INSERT INTO nada DEFAULT VALUES;
SELECT lo_from_bytea(5, 'corta'), lo_put(5, 9000, 'lejos') \g /dev/null
SELECT lo_create(6) \g /dev/null
"""
AWKWARD = """
ALTER DATABASE contenido SET datestyle = 'German';
ALTER DATABASE contenido SET intervalstyle = 'iso_8601';
ALTER DATABASE contenido SET timezone = 'Asia/Kathmandu';
ALTER DATABASE contenido SET extra_float_digits = -5;
ALTER DATABASE contenido SET bytea_output = 'escape';
ALTER DATABASE contenido SET quote_all_identifiers = on;
"""


@pytest.fixture
def server(server17: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server without databases from other tests."""
    drop_everything(server17, *databases(server17))
    yield server17
    drop_everything(server17, *databases(server17))


def test_the_same_content_has_the_same_digests_on_every_version(site: Site) -> None:
    found = []
    for major in (15, 17, 18):
        server = running_server(major)
        try:
            server.psql("CREATE DATABASE contenido")
            server.psql(CONTENT, "contenido")
            if major == 17:
                server.psql(AWKWARD)
            dumped = site.dump(engine(server, "contenido", content_digest=True))
            server.psql("DROP DATABASE contenido")
            site.restore(engine(server, "contenido"), dumped.set_id)
        finally:
            drop_everything(server, *databases(server))
        assert dumped.description is not None
        found.append(dumped.description.engine_facts["content_digests"])
    assert set(found[0]) == {"public.valores", "public.madre", "public.hija", "public.nada", "large objects"}
    assert found == [found[0]] * 3


@pytest.mark.usefixtures("many_streams")
def test_everything_is_proven_equal_also_on_a_newer_version(site: Site) -> None:
    old, new = running_server(15), running_server(17)
    try:
        create_everything(old, "traslado", icu=False)
        dumped = site.dump(engine(old, "traslado", content_digest=True))
        restored = site.restore(engine(new, "traslado"), dumped.set_id)
        assert dumped.description is not None
        facts = dumped.description.engine_facts
        assert set(facts["content_digests"]) == {*facts["row_counts"], "large objects"}
        (check,) = [check for check in restored.checks if check.name == "content digests"]
        assert check.passed
        assert sum(facts["row_counts"].values()) == dumped.description.content["rows"] > 3000
    finally:
        drop_everything(old, "traslado")
        drop_everything(new, "traslado")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_other_encodings(server: PostgresqlServer, site: Site, encoding: str) -> None:
    server.psql(f"CREATE DATABASE otra ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    server.psql(
        'CREATE TABLE "año" ("día "" \\ x" text); INSERT INTO "año" VALUES (\'ñandú\'), (\'ocho\');'
        + ("INSERT INTO \"año\" VALUES (E'\\xff\\xfe')" if encoding == "SQL_ASCII" else ""),
        "otra",
    )
    dumped = site.dump(engine(server, "otra", content_digest=True))
    server.psql("DROP DATABASE otra")
    restored = site.restore(engine(server, "otra"), dumped.set_id)
    assert "content digests" in [check.name for check in restored.checks if check.passed]


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        ("UPDATE valores SET f = f + 1e-15 WHERE n = 2", "public.valores"),
        ("UPDATE hija SET c = 'trés'", "public.hija"),
        ("SELECT lo_put(5, 8999, 'x')", "large objects"),
    ],
)
def test_one_value_that_changed_is_found_and_its_table_named(
    server: PostgresqlServer, site: Site, monkeypatch: pytest.MonkeyPatch, damage: str, where: str
) -> None:
    server.psql("CREATE DATABASE contenido")
    server.psql(CONTENT, "contenido")
    dumped = site.dump(engine(server, "contenido", content_digest=True))

    def fill_and_damage(pg_restore: t.Any, **options: t.Any) -> postgresql_fill.Missing:
        missing = postgresql_fill.fill(pg_restore, **options)
        server.psql(damage, pg_restore.database)
        return missing

    monkeypatch.setattr(postgresql_restore, "fill", fill_and_damage)
    with pytest.raises(SetInvalid, match=f"content digests: the content differs in {where}. The target") as failure:
        site.restore(engine(server, "copia"), dumped.set_id)
    assert len(failure.value.details) == 1
    assert databases(server) == {"contenido"}
    assert leftovers(server) == []


def test_a_digest_runs_nothing_that_a_table_s_owner_wrote(server: PostgresqlServer, site: Site) -> None:
    from tests.integration.postgresql.test_faults import TRAP

    server.psql("CREATE DATABASE libro")
    server.psql(TRAP, "libro")
    try:
        dumped = site.dump(engine(server, "libro", content_digest=True))
    finally:
        server.psql("DROP OWNED BY ajeno; DROP ROLE ajeno", "libro")
    assert dumped.description is not None
    facts = dumped.description.engine_facts
    traps = {"indice": 3, "parcial": 4, "estadistica": 5, "nada": 1, "despues": 2}
    assert facts["row_counts"] == {f"public.con_{name}": count for name, count in traps.items()}
    assert set(facts["content_digests"]) == {*facts["row_counts"], "large objects"}


def test_it_is_the_dump_s_own_snapshot_and_a_failure_is_told(server: PostgresqlServer, site: Site) -> None:
    server.psql("CREATE DATABASE libro")
    server.psql("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i", "libro")
    server.psql("CREATE ROLE lector LOGIN PASSWORD 'x'; GRANT CONNECT ON DATABASE libro TO lector")
    reading = {"login_user": "lector", "login_password": "x", "content_digest": True}
    try:
        with pytest.raises(ProcessFailed, match=r"permission denied for table t.*pg_read_all_data"):
            site.dump(engine(server, "libro", **reading))
        server.psql("GRANT pg_read_all_data TO lector")
        dumped = site.dump(engine(server, "libro", **reading))
        assert dumped.description is not None
        server.psql("UPDATE t SET i = i + 1", "libro")
        again = site.dump(engine(server, "libro", **reading), source="otra")
        assert again.description is not None
        one, two = (found.description.engine_facts["content_digests"] for found in (dumped, again) if found.description)
        assert one["public.t"] != two["public.t"]
        assert site.restore(engine(server, "copia"), dumped.set_id).checks
    finally:
        drop_everything(server, *databases(server))
        server.psql("DROP ROLE lector")
