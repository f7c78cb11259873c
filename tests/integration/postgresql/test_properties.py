# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemas and rows that nobody thought of: whatever a table holds, it comes back, value by value."""

from __future__ import annotations

import typing as t

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site, databases, drop_everything, engine, identifier

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
    "money": st.integers(-(10**12), 10**12).map(str),
    "real": st.one_of(st.sampled_from(["NaN", "Infinity", "-0", "1e-45"]), st.floats(width=32).map(repr)),
    "double precision": FLOATS,
    "boolean": st.sampled_from(["t", "f"]),
    "date": DATES,
    "time": st.times().map(str),
    "timetz": st.times().map(lambda moment: f"{moment}-05:45"),
    "timestamp": MOMENTS,
    "timestamptz": MOMENTS,
    "interval": st.tuples(*[st.integers(-(10**6), 10**6)] * 3).map("{0[0]} mons {0[1]} days {0[2]} secs".format),
    "uuid": st.uuids().map(str),
    "inet": st.ip_addresses().map(str),
    "cidr": st.ip_addresses(v=4).map(str),
    "macaddr": st.binary(min_size=6, max_size=6).map(bytes.hex),
    "bit varying": st.text("01", max_size=70),
    "json": st.one_of(st.sampled_from(['{"a": 1,  "a": 2}', " null ", "1e400"]), st.integers().map(str)),
    "jsonb": st.one_of(st.sampled_from(['{"a": [null, "\\n"], "": 1.50}', '"🐘"']), st.integers().map(str)),
    "xml": st.sampled_from(["<a>ñ</a>", "texto", "<a/><b/>"]),
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
"""
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


def _literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


class TableOfChance(t.NamedTuple):
    """A table to make."""

    name: str
    kind: str
    columns: list[tuple[str, str]]
    rows: list[tuple[str | None, ...]]

    def statements(self) -> str:
        """SQL that makes and fills it."""
        table = f"azar.{identifier(self.name)}"
        columns = ", ".join(f"{identifier(name)} {kind}" for name, kind in self.columns)
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
    row = st.tuples(*(st.one_of(st.none(), TYPES[kind]) for kind in kinds))
    return TableOfChance(
        draw(NAMES), draw(st.sampled_from(["", "UNLOGGED"])), list(zip(names, kinds)), draw(st.lists(row, max_size=5))
    )


def content(server: PostgresqlServer, database: str, found: t.Sequence[TableOfChance]) -> list[str]:
    """Each row of each table, in order."""
    queries = [
        f"SELECT {position}, q.r FROM (SELECT t::text AS r FROM azar.{identifier(table.name)} t) q"
        ' ORDER BY q.r COLLATE "C";'
        for position, table in enumerate(found)
    ]
    return server.psql("SET extra_float_digits = 3;\n" + "\n".join(queries), database).split("\n")


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=st.lists(tables(), min_size=1, max_size=8, unique_by=lambda table: table.name))
def test_whatever_is_in_a_table(server17: PostgresqlServer, site: Site, found: list[TableOfChance]) -> None:
    server = server17
    drop_everything(server, *databases(server))
    try:
        server.psql("CREATE DATABASE azar")
        server.psql(PREPARATION + "".join(table.statements() for table in found), "azar")
        before = content(server, "azar", found)
        # Sets of one second would have one name.
        dumped = site.dump(engine(server, "azar", content_digest=True), source=f"db{len(site.medium.sets())}")
        server.psql("DROP DATABASE azar")
        restored = site.restore(engine(server, "azar"), dumped.set_id)
        assert content(server, "azar", found) == before
        assert [check.name for check in restored.checks if not check.passed] == []
    finally:
        drop_everything(server, *databases(server))
