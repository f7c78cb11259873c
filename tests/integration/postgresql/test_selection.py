# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some tables of a set come back into a schema of their own, and nothing else of the live database is touched."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import (
    table_selection,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.restoring import RestoreResult
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import (
    Site,
    create_everything,
    databases,
    differences,
    drop_everything,
    engine,
    fingerprint,
    identifier,
    leftovers,
)

INTO = 'Revisión "2026"'
ODD = r'''"Año 2026"."tabla.con ""todo"" *?|[a-z](x)$^+{}\ 'ñ' 🐘"'''
SELECTED = [
    "contable.cuenta",
    "contable.MOVIMIENTO",
    "contable.gallina",
    "contable.hijo",
    "contable.bitacora",
    "contable.binario",
    "contable.cache",
    "contable.secretos",
    ODD,
]


@pytest.fixture
def books(server: PostgresqlServer) -> Iterator[str]:
    """A database with everything in it."""
    drop_everything(server, *databases(server))
    create_everything(server, "libro", icu=server.major >= 16)
    yield "libro"
    drop_everything(server, *databases(server))


def restore(server: PostgresqlServer, site: Site, set_id: t.Any, **options: t.Any) -> RestoreResult:
    return site.restore(engine(server, options.pop("database", "libro"), **options), set_id)


def rows(server: PostgresqlServer, table: str, database: str = "libro") -> str:
    query = f"SELECT count(*), md5(string_agg(q::text, E'\\n' ORDER BY q::text COLLATE \"C\")) FROM {table} q"
    return server.psql(f"SET extra_float_digits = 3; {query}", database)


def test_selected_tables_come_whole_and_the_rest_stays_as_it_was(
    server: PostgresqlServer, books: str, site: Site, many_streams: None
) -> None:
    wanted = {name: rows(server, name.lower() if "🐘" not in name else name) for name in SELECTED}
    dumped = site.dump(engine(server, books))
    server.psql("DELETE FROM contable.movimiento; TRUNCATE contable.binario; DROP TABLE contable.secretos", books)
    server.psql("UPDATE contable.cuenta SET nombre = 'estropeada' WHERE id > 100", books)
    live = fingerprint(server, books)

    restored = restore(server, site, dumped.set_id, tables=SELECTED, into_schema=INTO)

    assert (restored.kept, restored.before.exists) == (None, False)
    assert all(check.passed for check in restored.checks)
    into = identifier(INTO)
    for name, before in wanted.items():
        plain = table_selection.parse_table(name)
        assert plain is not None
        assert rows(server, f"{into}.{identifier(plain[1])}") == before, name
    # Partitions come with what they are parts of; generated columns, keys, indexes and sequences too.
    found = server.psql(
        f"SELECT relkind, count(*) FROM pg_class WHERE relnamespace = {_literal(into)}::regnamespace"
        " AND relkind IN ('r', 'p', 'S') GROUP BY 1 ORDER BY 1",
        books,
    )
    assert found == "S|3\np|2\nr|11"
    assert server.psql(f"INSERT INTO {into}.cuenta (codigo) VALUES ('nueva') RETURNING id", books) == "501"
    tied = f"SELECT count(*) FROM pg_inherits WHERE inhrelid = '{into}.hijo'::regclass"
    assert server.psql(tied, books) == "0"
    triggers = f"SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = '{into}.cuenta'::regclass"
    assert server.psql(triggers, books) == "0"
    told = " | ".join(restored.warnings)
    assert "contable.hijo was part of contable.padre" in told
    assert "Foreign keys to tables that were not chosen were left out: contable.gallina gallina_huevo_fkey" in told
    assert "without their triggers (1)" in told
    assert "without their rules (1)" in told
    assert "without their policies of row-level security (1)" in told
    # Foreign keys within what was chosen are there.
    assert (
        server.psql(
            f"SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = '{into}.movimiento'::regclass",
            books,
        )
        == "1"
    )

    server.psql(f"DROP SCHEMA {into} CASCADE", books)
    assert differences(live, fingerprint(server, books)) == {}
    assert databases(server) == {books}
    assert leftovers(server) == []


@pytest.fixture
def small(server17: PostgresqlServer, site: Site) -> Iterator[t.Any]:
    """The set of a small database with two schemas, a sequence of nobody's and a partitioned table."""
    drop_everything(server17, *databases(server17))
    server17.psql("CREATE DATABASE libro")
    server17.psql(
        "CREATE SCHEMA ventas; CREATE SEQUENCE turno; CREATE TYPE ventas.clase AS ENUM ('a', 'b');"
        "CREATE TABLE ventas.item (id int PRIMARY KEY DEFAULT nextval('public.turno'), clase ventas.clase DEFAULT 'b');"
        "INSERT INTO ventas.item SELECT FROM generate_series(1, 5);"
        "CREATE TABLE ventas.dia (d date) PARTITION BY RANGE (d);"
        "CREATE TABLE public.enero PARTITION OF ventas.dia FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');"
        "INSERT INTO ventas.dia VALUES ('2026-01-05');"
        "CREATE TABLE public.item (x int)",
        "libro",
    )
    yield site.dump(engine(server17, "libro")).set_id
    drop_everything(server17, *databases(server17))


def test_the_tables_of_a_schema_come_with_their_partitions_and_without_ties(
    server17: PostgresqlServer, site: Site, small: t.Any
) -> None:
    restored = restore(server17, site, small, schemas=["VENTAS"], into_schema="ventas_2026")
    assert server17.psql("SELECT string_agg(id || clase::text, ' ' ORDER BY id) FROM ventas_2026.item", "libro") == (
        "1b 2b 3b 4b 5b"
    )
    assert server17.psql("SELECT tableoid::regclass FROM ventas_2026.dia", "libro") == "ventas_2026.enero"
    # Nothing of it takes from the live database's sequence, or has become a part of a live table.
    assert "The default of ventas.item.id was left out: public.turno is not the table's" in restored.warnings
    server17.psql("DROP SEQUENCE turno CASCADE", "libro")
    alone = restore(server17, site, small, tables=["public.enero"], into_schema="un_mes")
    assert "public.enero was part of ventas.dia, and is now a table of its own" in alone.warnings
    assert server17.psql("SELECT count(*) FROM ventas.dia", "libro") == "1"
    assert server17.psql("SELECT relispartition FROM pg_class WHERE oid = 'un_mes.enero'::regclass", "libro") == "f"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"tables": ["ventas.item"], "into_schema": "ventas"},
            Refused,
            "that schema exists already.*another into_schema",
        ),
        (
            {"tables": ["ventas.items"], "into_schema": "n"},
            NotFound,
            r"\(ventas\.items\).*does not hold them; it holds",
        ),
        ({"schemas": ["compras"], "into_schema": "n"}, NotFound, r"\(compras\.\*\)"),
        ({"tables": ["ventas.item"]}, Refused, "belong together"),
        ({"into_schema": "n"}, Refused, "belong together"),
        ({"tables": ["item"], "into_schema": "n"}, Refused, "these are no names: item"),
        ({"tables": ["ventas.item"], "into_schema": "pg_nuevo"}, Refused, "cannot be the name of a new schema"),
        ({"tables": ["ventas.item", "public.item"], "into_schema": "n"}, Refused, "have the same name: item"),
        ({"tables": ["ventas.item"], "into_schema": "n", "database": "otra"}, NotFound, "there is no such database"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_touched(
    server17: PostgresqlServer,
    site: Site,
    small: t.Any,
    options: dict[str, t.Any],
    error: type[BackupError],
    message: str,
) -> None:
    before = fingerprint(server17, "libro")
    with pytest.raises(error, match=message):
        restore(server17, site, small, **options)
    assert fingerprint(server17, "libro") == before
    assert databases(server17) == {"libro"}
    assert leftovers(server17) == []


def test_what_the_live_database_lacks_fails_the_whole(server17: PostgresqlServer, site: Site, small: t.Any) -> None:
    server17.psql("DROP TABLE ventas.item; DROP TYPE ventas.clase", "libro")
    before = fingerprint(server17, "libro")
    with pytest.raises(ProcessFailed, match=r'type "ventas\.clase" does not exist'):
        restore(server17, site, small, tables=["ventas.dia", "ventas.item"], into_schema="n")
    assert fingerprint(server17, "libro") == before
    assert leftovers(server17) == []


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
