# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and texts that are no UTF-8: they come back byte by byte, or it is told why not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.raw_names import (
    decoded,
    from_raw,
    has_raw,
    to_raw,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.conftest import running_server
from tests.integration.postgresql.support import Site, databases, drop_everything, engine, leftovers, restore_by_hand

# As a client of 1998 wrote it, in Latin-1; and names in UTF-8 and one that looks like what we show.
CONTENT = (
    """
CREATE SCHEMA "contabilid\xe1d"; COMMENT ON SCHEMA "contabilid\xe1d" IS 'a\xf1os anteriores';
CREATE TYPE "contabilid\xe1d"."est\xe1do" AS ENUM ('cr\xe9dito', 'd\xe9bito');
CREATE TABLE "contabilid\xe1d"."a\xf1o" (
    "n\xfamero" serial PRIMARY KEY, "descripci\xf3n" text CHECK ("descripci\xf3n" <> '\xf1'),
    e "contabilid\xe1d"."est\xe1do"
);
COMMENT ON TABLE "contabilid\xe1d"."a\xf1o" IS 'la ni\xf1a';
INSERT INTO "contabilid\xe1d"."a\xf1o" ("descripci\xf3n", e)
VALUES ('ni\xf1o', 'cr\xe9dito'), ('\xff\xfe', NULL), ('', 'd\xe9bito');
CREATE INDEX "\xedndice" ON "contabilid\xe1d"."a\xf1o" ((lower("descripci\xf3n")));
CREATE VIEW "visi\xf3n" AS SELECT * FROM "contabilid\xe1d"."a\xf1o";
CREATE FUNCTION "funci\xf3n"() RETURNS text LANGUAGE sql AS $$SELECT 'se\xf1al'$$;
CREATE TABLE "a\\xf1o" (i int); INSERT INTO "a\\xf1o" VALUES (7);
""".encode("latin-1")
    + 'CREATE TABLE "año" (i int); INSERT INTO "año" VALUES (1), (2);'.encode()
)


def run(server: PostgresqlServer, database: str, sql: bytes) -> bytes:
    """Runs SQL as bytes."""
    argv = [server.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    environment = {**server.environment(database), "PGCLIENTENCODING": "SQL_ASCII"}
    return subprocess.run(argv, input=sql, env=environment, capture_output=True, check=True).stdout


def content(server: PostgresqlServer, database: str) -> tuple[bytes, list[bytes]]:
    """Rows, and definitions as pg_dump writes them."""
    rows = run(server, database, 'SELECT * FROM "visi\xf3n" ORDER BY 1; SELECT "funci\xf3n"();'.encode("latin-1"))
    argv = [server.program("pg_dump"), "--schema-only", "--encoding=SQL_ASCII", "--dbname", f"dbname='{database}'"]
    dumped = subprocess.run(argv, env=server.environment(), check=True, capture_output=True).stdout
    lines = dumped.splitlines()
    return rows, [line for line in lines if not line.startswith((b"\\restrict", b"\\unrestrict", b"--"))]


@pytest.fixture
def server(server17: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server with an old database."""
    drop_everything(server17, *databases(server17))
    server17.psql("CREATE DATABASE vieja ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    run(server17, "vieja", CONTENT)
    yield server17
    drop_everything(server17, *databases(server17))


@pytest.mark.usefixtures("many_streams")
def test_a_database_in_no_encoding_comes_back_byte_by_byte(server: PostgresqlServer, site: Site) -> None:
    before = content(server, "vieja")
    dumped = site.dump(engine(server, "vieja", content_digest=True))
    assert dumped.description is not None
    counts = dumped.description.engine_facts["row_counts"]
    assert counts == {'"contabilid\\xe1d"."a\\xf1o"': 3, 'public."a\\x5cxf1o"': 1, 'public."año"': 2}
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert [check.name for check in restored.checks if not check.passed] == []
    assert "content digests" in [check.name for check in restored.checks]
    assert content(server, "copia") == before
    server.psql("DROP DATABASE vieja")
    done = restore_by_hand(site, server, dumped.set_id)
    assert done.returncode == 0, done.stderr
    assert content(server, "vieja") == before
    assert leftovers(server) == []


def test_a_table_is_chosen_by_the_name_that_is_shown(server: PostgresqlServer, site: Site) -> None:
    dumped = site.dump(engine(server, "vieja", content_digest=True))
    server.psql("CREATE DATABASE viva ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    needed = 'CREATE SCHEMA "contabilid\xe1d"; CREATE TYPE "contabilid\xe1d"."est\xe1do" AS ENUM '
    run(server, "viva", f"{needed} ('cr\xe9dito', 'd\xe9bito')".encode("latin-1"))
    chosen = {"tables": ['"contabilid\\xe1d"."a\\xf1o"', 'public."año"'], "into_schema": "rescate"}
    site.restore(engine(server, "viva", **chosen), dumped.set_id)
    query = 'SELECT count(*) FROM rescate."a\xf1o"; SELECT sum(i) FROM rescate."a\xc3\xb1o"'
    found = run(server, "viva", query.encode("latin-1"))
    assert found == b"3\n3\n"


def test_roles_whose_names_are_no_utf8(server: PostgresqlServer, site: Site) -> None:
    run(server, "vieja", 'CREATE ROLE "due\xf1o"; ALTER FUNCTION "funci\xf3n"() OWNER TO "due\xf1o"'.encode("latin-1"))
    try:
        dumped = site.dump(engine(server, "vieja"))
        assert dumped.description is not None
        assert "not UTF-8, and a server that lacks such a role cannot be given it: due\\xf1o" in " ".join(
            dumped.description.warnings
        )
        before = content(server, "vieja")
        site.restore(engine(server, "copia"), dumped.set_id)
        assert content(server, "copia") == before
    finally:
        for database in databases(server):
            run(server, database, 'DROP OWNED BY "due\xf1o"'.encode("latin-1"))
        run(server, "vieja", 'DROP ROLE "due\xf1o"'.encode("latin-1"))
    drop_everything(server, "copia")
    with pytest.raises(Refused, match=r"names are not UTF-8, and cannot be given them: due\\xf1o.*owner and access"):
        site.restore(engine(server, "copia"), dumped.set_id)
    server.psql("CREATE ROLE sencilla")
    try:
        given = engine(server, "copia", owner="sencilla", access="none")
        assert site.restore(given, dumped.set_id).checks
    finally:
        drop_everything(server, *databases(server))
        server.psql("DROP ROLE sencilla")


def test_a_database_whose_name_is_no_utf8(server: PostgresqlServer, site: Site) -> None:
    run(server, "vieja", 'CREATE DATABASE "a\xf1o" TEMPLATE template0'.encode("latin-1"))
    try:
        dumped = site.dump(engine(server, "a\\xf1o"))
        with pytest.raises(Refused, match=r"the name is not UTF-8.*Choose another name"):
            site.restore(engine(server, "a\\xf1o"), dumped.set_id, replace=True)
        site.restore(engine(server, "copia"), dumped.set_id)
    finally:
        run(server, "vieja", 'DROP DATABASE "a\xf1o"'.encode("latin-1"))
    assert databases(server) == {"vieja", "copia"}


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_KR", "MULE_INTERNAL"])
def test_an_owner_s_name_is_in_another_encoding_than_the_database(site: Site, encoding: str) -> None:
    """Roles belong to all databases: who makes one in a database of UTF-8 writes it so."""
    server = running_server(17)
    drop_everything(server, *databases(server))
    server.psql('CREATE ROLE "peñalosa" LOGIN; CREATE ROLE "nueva dueña"')
    try:
        server.psql(
            f"CREATE DATABASE \"año\" ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0 OWNER \"peñalosa\";"
            " COMMENT ON DATABASE \"año\" IS 'señal'"
        )
        server.psql("CREATE TABLE t AS SELECT generate_series(1, 3) AS i", "año")
        run(server, "año", 'ALTER TABLE t OWNER TO "peñalosa"'.encode())
        dumped = site.dump(engine(server, "año", content_digest=True))
        assert dumped.description is not None
        database = dumped.description.engine_facts["database"]
        assert (database["name"], database["owner"]) == ("año", "peñalosa")
        drop_everything(server, "año")
        server.psql('DROP ROLE "peñalosa"')
        site.restore(engine(server, "año"), dumped.set_id)
        whose = "SELECT relowner::regrole FROM pg_class WHERE relname = 't'"
        assert run(server, "año", whose.encode()).decode().strip() == '"peñalosa"'
        comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'año'"
        assert server.psql(comment) == "señal"
        site.restore(engine(server, "ajena", owner="nueva dueña", access="none"), dumped.set_id)
        assert run(server, "ajena", whose.encode()).decode().strip() == '"nueva dueña"'
    finally:
        drop_everything(server, *databases(server))
        server.psql('DROP ROLE IF EXISTS "peñalosa"; DROP ROLE "nueva dueña"')


@pytest.mark.parametrize(
    "data", [b"a\xf1o", "año".encode(), b"\\xf1", b"\\x5c", b"\\\\x5cxf1\xff", b"", b"\\x41", b"\\"]
)
def test_each_name_has_one_form_and_comes_back(data: bytes) -> None:
    shown = from_raw(data.decode("utf-8", "surrogateescape"))
    assert shown.isprintable()
    assert to_raw(shown).encode("utf-8", "surrogateescape") == data
    assert has_raw(from_raw(b"a\xf1o".decode("utf-8", "surrogateescape")))


def test_roles_of_a_server_in_latin1() -> None:
    assert decoded('"dueño" '.encode() + b'"pe\xf1a"', "LATIN1") == '"dueño" "peña"'
    assert decoded(b'"pe\xf1a"', "SQL_ASCII") == '"pe\\xf1a"'
