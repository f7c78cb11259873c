# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owners and privileges come back as they were, or as the target's options say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import (
    Site,
    create_everything,
    databases,
    drop_everything,
    engine,
    fingerprint,
)

# To whom the objects belong that are not the server's own or an extension's.
OWNERS = """
SELECT string_agg(DISTINCT owner, ',') FROM (
    SELECT relowner::regrole::text AS owner FROM pg_class c WHERE oid >= 16384
        AND relnamespace <> 'pg_toast'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  UNION ALL SELECT proowner::regrole::text FROM pg_proc p WHERE oid >= 16384
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  UNION ALL SELECT typowner::regrole::text FROM pg_type t WHERE oid >= 16384 AND typtype IN ('d', 'e', 'c', 'r')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
  UNION ALL SELECT nspowner::regrole::text FROM pg_namespace WHERE oid >= 16384
  UNION ALL SELECT collowner::regrole::text FROM pg_collation WHERE oid >= 16384
  UNION ALL SELECT lomowner::regrole::text FROM pg_largeobject_metadata
  UNION ALL SELECT stxowner::regrole::text FROM pg_statistic_ext
  UNION ALL SELECT srvowner::regrole::text FROM pg_foreign_server
  UNION ALL SELECT cfgowner::regrole::text FROM pg_ts_config WHERE oid >= 16384
  UNION ALL SELECT oprowner::regrole::text FROM pg_operator o WHERE oid >= 16384
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')
  UNION ALL SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()
) AS owners
"""
NOTED = """
CREATE SCHEMA notas; CREATE TABLE notas.vistas (que text);
CREATE FUNCTION notas.anota() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO notas.vistas VALUES (tg_tag); END $$;
CREATE EVENT TRIGGER anota ON ddl_command_end EXECUTE FUNCTION notas.anota();
"""


@pytest.fixture
def server(server: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """Each server, with a role to which restored data shall belong."""
    drop_everything(server, *databases(server))
    server.psql('CREATE ROLE "la revisora"')
    yield server
    drop_everything(server, *databases(server))
    server.psql('DROP ROLE IF EXISTS "la revisora"')


def roles(server: PostgresqlServer) -> set[str]:
    """The roles that the set brought."""
    return set(server.psql("SELECT rolname FROM pg_roles WHERE rolname ~ '^app'").splitlines())


def test_everything_belongs_to_whom_the_target_says_and_nobody_else_may_use_it(
    server: PostgresqlServer, site: Site
) -> None:
    create_everything(server, "contable")
    server.psql(NOTED, "contable")
    before = fingerprint(server, "contable")
    dumped = site.dump(engine(server, "contable", content_digest=True))
    drop_everything(server, "contable")
    assert roles(server) == set()

    restored = site.restore(engine(server, "revisión", owner="la revisora", access="none"), dumped.set_id)

    assert server.psql(OWNERS, "revisión") == '"la revisora"'
    assert all(check.passed for check in restored.checks)
    after = fingerprint(server, "revisión")
    contents = [name for name in before if name.startswith("content of")]
    assert [name for name in contents if before[name] != after[name]] == []
    # Of the set's roles, only those that a policy names: it could not be made without them.
    assert roles(server) == {"app_login", "app reader"}
    owned = "relacl IS NOT NULL AND oid >= 16384 AND relacl::text !~ '^\\{\"+la revisora'"
    assert server.psql(f"SELECT count(*) FROM pg_class WHERE {owned}", "revisión") == "0"
    assert server.psql("SELECT count(*) FROM pg_default_acl", "revisión") == "0"
    private = "SELECT datacl IS NULL FROM pg_database WHERE datname = 'revisión'"
    assert server.psql(private) == "t"


def test_privileges_are_kept_under_another_owner(server: PostgresqlServer, site: Site) -> None:
    create_everything(server, "contable")
    dumped = site.dump(engine(server, "contable"))
    drop_everything(server, "contable")
    site.restore(engine(server, "revisión", owner="la revisora"), dumped.set_id)
    assert server.psql(OWNERS, "revisión") == '"la revisora"'
    may = "SELECT has_table_privilege('app reader', 'contable.secretos', 'INSERT'),"
    may += " has_column_privilege('app_login', 'contable.cuenta', 'nombre', 'UPDATE'),"
    may += " has_table_privilege('app_login', 'contable.cuenta', 'DELETE'),"
    may += " has_database_privilege('app reader', current_database(), 'CONNECT'),"
    may += " has_database_privilege('la revisora', current_database(), 'CREATE')"
    assert server.psql(may, "revisión") == "t|t|f|t|t"


def test_a_user_without_powers_restores_for_a_role_of_its_own(server: PostgresqlServer, site: Site) -> None:
    server.psql("CREATE DATABASE libro")
    server.psql(
        "CREATE SCHEMA s; CREATE TABLE s.t (i serial, j int GENERATED ALWAYS AS IDENTITY); CREATE VIEW s.v AS SELECT i"
        " FROM s.t; CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT SELECT ON s.t TO PUBLIC",
        "libro",
    )
    server.psql("CREATE ROLE obrera LOGIN CREATEDB PASSWORD 'x' IN ROLE \"la revisora\"")
    try:
        dumped = site.dump(engine(server, "libro"))
        target = engine(server, "copia", owner="la revisora", access="none", login_user="obrera", login_password="x")
        site.restore(target, dumped.set_id)
        assert server.psql(OWNERS, "copia") == '"la revisora"'
        assert server.psql("SELECT relacl FROM pg_class WHERE oid = 's.t'::regclass", "copia") == ""
    finally:
        drop_everything(server, *databases(server))
        server.psql("DROP ROLE obrera")


def test_a_database_s_own_event_triggers_leave_its_restore_alone(server: PostgresqlServer, site: Site) -> None:
    """Otherwise what they write down of the restore would be in the restored database, and not in the set."""
    server.psql("CREATE DATABASE vigilada")
    server.psql(
        NOTED + "CREATE MATERIALIZED VIEW m AS SELECT 1; CREATE EVENT TRIGGER otro ON ddl_command_start"
        " EXECUTE FUNCTION notas.anota()",
        "vigilada",
    )
    dumped = site.dump(engine(server, "vigilada"))
    site.restore(engine(server, "copia"), dumped.set_id)
    rows = "SELECT count(*) FROM notas.vistas"
    assert server.psql(rows, "copia") == server.psql(rows, "vigilada")
    server.psql("CREATE TABLE nueva ()", "copia")
    assert int(server.psql(rows, "copia")) > int(server.psql(rows, "vigilada"))


def test_an_owner_that_is_not_there_is_told_before_anything_is_made(server: PostgresqlServer, site: Site) -> None:
    server.psql("CREATE DATABASE libro")
    dumped = site.dump(engine(server, "libro"))
    with pytest.raises(NotFound, match=r"no role nadie, which is to own everything.*CREATE ROLE"):
        site.restore(engine(server, "copia", owner="nadie"), dumped.set_id)
    assert databases(server) == {"libro"}
