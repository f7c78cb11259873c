# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemas and rows that nobody thought of: whatever a table holds, it comes back, value by value."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql import differing
from tests.integration.postgresql.support import (
    Site,
    databases,
    drop_everything,
    engine,
    identifier,
    restore_by_hand,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
AWKWARD = st.sampled_from(["", " ", "\\N", "\\.", "NULL", "\t\n\r\b\f\v", "'\"\\", "🐘 ñ\u0301", "{}", "x" * 2**20])
FLOATS = st.one_of(st.sampled_from(["NaN", "Infinity", "-Infinity", "-0"]), st.floats(width=64).map(repr))
DATES = st.one_of(
    st.sampled_from(["infinity", "-infinity", "4713-01-01 BC", "5874897-12-31", "0001-12-31 BC"]),
    st.dates().map(str),
)
MOMENTS = st.one_of(
    st.sampled_from(["infinity", "-infinity", "294276-12-31 23:59:59.999999", "4713-01-01 00:00:00 BC"]),
    st.datetimes().map(str),
)
NUMBERS = st.one_of(
    st.sampled_from(["NaN", "Infinity", "-Infinity", "0.000", "1e1000", "-1e-1000"]),
    st.decimals(allow_nan=False, allow_infinity=False, places=7).map(str),
)
SMALLEST_MONEY = "-92233720368547758.08"
MONEY = st.one_of(
    st.sampled_from(["0.07", "-0.05", "92233720368547758.07", SMALLEST_MONEY, "1234.50", "999999.99"]),
    st.integers(-(10**12), 10**12).map(str),
)
INTERVALS = st.one_of(
    st.sampled_from(
        ["-1 mons -3 days +04:05:06", "-1 years +2 days", "178000000 years", "00:00:00.000001", "-00:00:59.9"]
    ),
    st.tuples(*[st.integers(-(10**6), 10**6)] * 3).map("{0[0]} mons {0[1]} days {0[2]} secs".format),
)
WORDS = st.one_of(AWKWARD.filter(lambda text: len(text) < 100), TEXTS)


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _array(words: list[t.Any]) -> str:
    return "{" + ",".join("NULL" if word is None else _quoted(word) for word in words) + "}"


# A column's type, and the text forms that its values may have.
TYPES: dict[str, st.SearchStrategy[str]] = {
    "text": st.one_of(TEXTS, AWKWARD),
    "varchar(40)": TEXTS,
    "char(60)": TEXTS,
    "bytea": st.binary(max_size=60).map(lambda data: "\\x" + data.hex()),
    "smallint": st.integers(-(2**15), 2**15 - 1).map(str),
    "integer": st.integers(-(2**31), 2**31 - 1).map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "numeric": NUMBERS,
    "numeric(30,4)": st.decimals(-(10**20), 10**20, places=4).map(str),
    "money": MONEY,
    "money[]": st.lists(st.one_of(st.none(), MONEY), max_size=4).map(_array),
    "azar.saldo": MONEY.filter(lambda amount: amount != SMALLEST_MONEY),
    "azar.tramo": st.sampled_from(["empty", "[1.50,2000.75)", "(,-0.01]", "[92233720368547758.07,)"]),
    "azar.pago": st.tuples(MONEY, INTERVALS).map(lambda pair: f"({_quoted(pair[0])},{_quoted(pair[1])})"),
    "real": st.one_of(st.sampled_from(["NaN", "Infinity", "-0", "1e-45"]), st.floats(width=32).map(repr)),
    "double precision": FLOATS,
    "boolean": st.sampled_from(["t", "f"]),
    "date": DATES,
    "time": st.times().map(str),
    "timetz": st.times().map(lambda moment: f"{moment}-05:45"),
    "timestamp": MOMENTS,
    "timestamptz": MOMENTS,
    "interval": INTERVALS,
    "interval[]": st.lists(INTERVALS, max_size=3).map(_array),
    "interval year to month": st.integers(-999, 999).map("{} mons".format),
    "uuid": st.uuids().map(str),
    "inet": st.ip_addresses().map(str),
    "cidr": st.ip_addresses(v=4).map(str),
    "macaddr": st.binary(min_size=6, max_size=6).map(bytes.hex),
    "bit varying": st.text("01", max_size=70),
    "json": st.one_of(st.sampled_from(['{"a": 1,  "a": 2}', " null ", "1e400"]), st.integers().map(str)),
    "jsonb": st.one_of(st.sampled_from(['{"a": [null, "\\n"], "": 1.50}', '"🐘"']), st.integers().map(str)),
    "xml": st.sampled_from(["<a>ñ</a>", "texto", "<a/><b/>", "", '<?xml version="1.0"?><a/>']),
    "bytea[]": st.lists(st.binary(max_size=9).map(lambda data: "\\x" + data.hex()), max_size=3).map(_array),
    "timestamptz[]": st.lists(MOMENTS, max_size=3).map(_array),
    "datemultirange": st.sampled_from(["{}", "{[2026-01-02,2026-02-01),[2027-03-04,infinity)}"]),
    "point": st.tuples(st.integers(-9, 9), st.floats(-1e9, 1e9)).map(str),
    "int4range": st.sampled_from(["empty", "[1,5)", "(,)", "[-3,]"]),
    "tstzmultirange": st.sampled_from(["{}", "{[2026-01-01,2026-02-01),[2027-01-01,)}"]),
    "text[]": st.lists(st.one_of(st.none(), WORDS), max_size=4).map(_array),
    "float8[]": st.lists(FLOATS, max_size=4).map(_array),
    "tsvector": st.sampled_from(["", "'gato':1A 'perro':2,3"]),
    "azar.estado": st.sampled_from(["abierto", "", 'en "revisión"']),
    "azar.positivo": st.integers(1, 10**9).map(str),
    "azar.lugar": st.tuples(WORDS, st.integers(0, 9)).map(lambda pair: f"({_quoted(pair[0])},{pair[1]})"),
}
PREPARATION = """
CREATE SCHEMA azar;
CREATE TYPE azar.estado AS ENUM ('abierto', '', 'en "revisión"');
CREATE DOMAIN azar.positivo AS numeric CHECK (VALUE > 0);
CREATE TYPE azar.lugar AS (calle text, numero int);
CREATE DOMAIN azar.saldo AS money DEFAULT '12.34' CHECK (VALUE > '-92233720368547758.08');
CREATE TYPE azar.tramo AS RANGE (subtype = money);
CREATE TYPE azar.pago AS (valor money, cada interval);
CREATE TABLE azar.ido (i int);
CREATE FUNCTION azar.falla(i int) RETURNS int LANGUAGE sql AS 'SELECT $1 + (SELECT count(*)::int FROM azar.ido)';
DROP TABLE azar.ido;
CREATE VIEW azar.roto AS SELECT azar.falla(1) AS n, '1.50'::money AS plata, date '2026-02-01' AS dia;
"""
# How values are given and looked at, whatever a server, a database and a role say.
ONE_FORM = """
SET lc_monetary = 'C'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = postgres; SET TimeZone = 'UTC';
SET array_nulls = on; SET xmloption = content; SET extra_float_digits = 3; SET bytea_output = hex;
SET standard_conforming_strings = on; SET client_encoding = 'UTF8'; SET default_transaction_read_only = off;
SET search_path = ''; SET quote_all_identifiers = off; SET transform_null_equals = off;
"""
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


def _literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


class TableOfChance(t.NamedTuple):
    """A table to make."""

    name: str
    kind: str
    columns: list[tuple[str, str, str | None]]
    rows: list[tuple[str | None, ...]]

    def statements(self) -> str:
        """SQL that makes and fills it."""
        table = f"azar.{identifier(self.name)}"
        columns = ", ".join(
            f"{identifier(name)} {kind}" + ("" if default is None else f" DEFAULT {_literal(default)}")
            for name, kind, default in self.columns
        )
        rows = "".join(
            f"INSERT INTO {table} VALUES ({', '.join(map(_literal, row))});\n"
            if row
            else f"INSERT INTO {table} DEFAULT VALUES;\n"
            for row in self.rows
        )
        return f"CREATE {self.kind} TABLE {table} ({columns});\n{rows}"


@st.composite
def tables(draw: st.DrawFn) -> TableOfChance:
    """One with any columns and any rows."""
    names = draw(st.lists(NAMES, max_size=6, unique=True))
    kinds = [draw(st.sampled_from(sorted(TYPES))) for _name in names]
    defaults = [draw(st.one_of(st.none(), TYPES[kind])) for kind in kinds]
    row = st.tuples(*(st.one_of(st.none(), TYPES[kind]) for kind in kinds))
    kind = draw(st.sampled_from(["", "UNLOGGED"]))
    return TableOfChance(draw(NAMES), kind, list(zip(names, kinds, defaults)), draw(st.lists(row, max_size=5)))


def content(server: PostgresqlServer, database: str, found: t.Sequence[TableOfChance]) -> list[str]:
    """Each row of each table, in order, and each default and view."""
    queries = [
        f"SELECT {position}, q.r FROM (SELECT t::text AS r FROM azar.{identifier(table.name)} t) q"
        ' ORDER BY q.r COLLATE "C";'
        for position, table in enumerate(found)
    ]
    queries.append(
        'SELECT adrelid::regclass::text COLLATE "C", adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef ORDER BY 1, 2;'
        "SELECT pg_get_viewdef('azar.roto'::regclass);"
    )
    return server.psql(ONE_FORM + "\n".join(queries), database).split("\n")


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=st.lists(tables(), min_size=1, max_size=8, unique_by=lambda table: table.name))
def test_whatever_is_in_a_table(server17: PostgresqlServer, site: Site, found: list[TableOfChance]) -> None:
    server = server17
    drop_everything(server, *databases(server))
    try:
        server.psql("CREATE DATABASE azar")
        server.psql(ONE_FORM + PREPARATION + "".join(table.statements() for table in found), "azar")
        before = content(server, "azar", found)
        # Sets of one second would have one name.
        dumped = site.dump(engine(server, "azar", content_digest=True), source=f"db{len(site.medium.sets())}")
        server.psql("DROP DATABASE azar")
        restored = site.restore(engine(server, "azar"), dumped.set_id)
        assert content(server, "azar", found) == before
        assert [check.name for check in restored.checks if not check.passed] == []
    finally:
        drop_everything(server, *databases(server))


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[PostgresqlServer, PostgresqlServer]]:
    """An older one that is set up in another way than the newer one."""
    with differing.differing_servers() as found:
        yield found


@st.composite
def chosen_settings(draw: st.DrawFn) -> dict[str, str]:
    """What somebody has given to a database or a role."""
    names = draw(st.sets(st.sampled_from(sorted(differing.AWKWARD))))
    return {name: draw(st.sampled_from(differing.AWKWARD[name])) for name in sorted(names)}


# What fails is not made smaller: each example takes seconds. Its seed is printed.
@settings(
    max_examples=4,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    found=st.lists(tables(), min_size=1, max_size=8, unique_by=lambda table: table.name),
    given=st.tuples(*[chosen_settings()] * 3),
)
def test_whatever_a_server_a_database_and_roles_are_set_to(
    servers: tuple[PostgresqlServer, PostgresqlServer],
    site: Site,
    found: list[TableOfChance],
    given: tuple[dict[str, str], dict[str, str], dict[str, str]],
) -> None:
    """From one server into one that is set up in another way, by the module and by hand."""
    old, new = servers
    of_database, of_role, of_other_role = given
    if old.psql("SHOW lc_monetary") == "C":  # This system cannot make the locale.
        for values in given:
            for name in ("lc_monetary", "lc_numeric", "lc_time"):
                values.pop(name, None)
    try:
        for server, values in ((old, of_role), (new, of_other_role)):
            server.psql("CREATE ROLE rara SUPERUSER LOGIN PASSWORD 'x'")
            server.psql(differing.given("ROLE rara", values))
        old.psql("CREATE DATABASE azar")
        old.psql(ONE_FORM + PREPARATION + "".join(table.statements() for table in found), "azar")
        old.psql(differing.given("DATABASE azar", of_database))
        before = content(old, "azar", found)
        login = {"login_user": "rara", "login_password": "x"}
        dumped = site.dump(engine(old, "azar", content_digest=True, **login), source=f"db{len(site.medium.sets())}")
        restored = site.restore(engine(new, "azar", **login), dumped.set_id)
        assert [check.name for check in restored.checks if not check.passed] == []
        assert content(new, "azar", found) == before
        drop_everything(new, "azar")
        done = restore_by_hand(site, new, dumped.set_id, user="rara")
        assert done.returncode == 0, done.stderr
        assert content(new, "azar", found) == before
    finally:
        for server in servers:
            drop_everything(server, *databases(server))
            server.psql("DROP ROLE IF EXISTS rara")
