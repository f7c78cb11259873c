# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of any columns with any values come back: every type of MariaDB's, its extremes, and what hypothesis finds."""

from __future__ import annotations

import datetime
import ipaddress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from development.services.mariadb import MariadbServer
from tests.integration.mariadb.support import Site, engine, fingerprint

# What looks like something else where rows are written as lines; the last ones do in wide characters, by their bytes.
_TRAPS = ["", "NULL", "N", "\\N", "\x01", "\x01NULL\x01", "\t", "\n", "\\", "\0", " ", "😀", "ñ\u0301", "'\"`;--"]
_TRAPS += ["Łódź", "中国", "Ё\u0101", "\u0101\u0101"]
_LONG = 1_000_000
_TEXT = st.one_of(st.sampled_from(_TRAPS), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
_BYTES = st.one_of(st.sampled_from([trap.encode() for trap in _TRAPS]), st.binary(max_size=20))
_MOMENT = st.datetimes(datetime.datetime(1000, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999))


def _hex(data: bytes) -> str:
    return f"x'{data.hex()}'" if data else "''"


def _text(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return strategy.map(lambda text: f"CONVERT({_hex(text.encode())} USING utf8mb4)")


def _integers(bits: int) -> dict[str, st.SearchStrategy[str]]:
    name = {8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int", 64: "bigint"}[bits]
    edge = 1 << bits - 1
    return {
        name: st.one_of(st.sampled_from([-edge, edge - 1, 0]), st.integers(-edge, edge - 1)).map(str),
        f"{name} unsigned": st.one_of(st.sampled_from([0, 2 * edge - 1]), st.integers(0, 2 * edge - 1)).map(str),
    }


_NUMBER = st.floats(-1e6, 1e6, allow_nan=False)
#: The declaration of a column to the literals of its values.
TYPES: dict[str, st.SearchStrategy[str]] = {
    **{name: values for bits in (8, 16, 24, 32, 64) for name, values in _integers(bits).items()},
    "int(9) zerofill": st.integers(0, 999_999_999).map(str),
    "decimal(65,30)": st.decimals(-(10**35) + 1, 10**35 - 1, places=30).map(lambda number: f"{number:f}"),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
    "double": st.floats(allow_nan=False, allow_infinity=False).map(repr),
    "bit(1)": st.integers(0, 1).map(str),
    "bit(64)": st.one_of(st.just(2**64 - 1), st.integers(0, 2**64 - 1)).map(str),
    "year": st.sampled_from(["0", "1901", "2155", "2026"]),
    "date": st.one_of(
        st.sampled_from(["'0000-00-00'", "'2026-02-00'", "'2026-02-31'"]), _MOMENT.map("'{:%Y-%m-%d}'".format)
    ),
    "time(6)": st.one_of(st.sampled_from(["'-838:59:59.999999'", "'838:59:59.999999'"]), st.times().map("'{}'".format)),
    "datetime(6)": st.one_of(st.just("'0000-00-00 00:00:00'"), _MOMENT.map("'{:%Y-%m-%d %H:%M:%S.%f}'".format)),
    "timestamp(6) null": st.integers(1, 2**31 - 2).map("FROM_UNIXTIME({}.999999)".format),
    "char(20)": _text(_TEXT),
    "varchar(20)": _text(_TEXT),
    **{f"varchar(20) character set {name}": _text(_TEXT) for name in ("utf16", "ucs2", "utf16le", "utf32")},
    "longtext character set utf16": _text(_TEXT),
    "set('Łódź', '中国', 'Ё', 'NULL') character set utf16": st.integers(0, 15).map(str),
    "enum('Łódź', '中国', 'Ё', 'NULL') character set utf16le": st.sampled_from(["1", "2", "3", "4", "'no existe'"]),
    "varchar(20) character set latin1": st.binary(max_size=20).map(_hex),
    "binary(40)": _BYTES.map(lambda data: _hex(data[:40])),
    "varbinary(90)": _BYTES.map(_hex),
    "longtext": st.one_of(_text(_TEXT), _text(st.just("ñ😀\t" * (_LONG // 7)))),
    "longblob": st.one_of(_BYTES.map(_hex), st.just(f"REPEAT(x'000A5C01', {_LONG // 4})")),
    "text compressed": _text(_TEXT),
    "enum('', 'NULL', 'a,b', '1', 'ñ')": st.sampled_from(["1", "2", "3", "4", "5", "''", "'no existe'"]),
    "set('x', 'y', 'NULL', 'ñ')": st.integers(0, 15).map(str),
    "json": st.sampled_from(['\'{"a": [null, 1.50, "\\\\u00f1"]}\'', "'[]'", "'null'", "'\"NULL\"'"]),
    "uuid": st.uuids().map("'{}'".format),
    "inet6": st.integers(0, 2**128 - 1).map(lambda number: f"'{ipaddress.IPv6Address(number)}'"),
    "inet4": st.integers(0, 2**32 - 1).map(lambda number: f"'{ipaddress.IPv4Address(number)}'"),
    "point": st.tuples(_NUMBER, _NUMBER).map(lambda pair: f"POINT({pair[0]!r}, {pair[1]!r})"),
    "geometry": st.sampled_from(
        ["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1))', 4326)", "POINT(0, 0)"]
    ),
}
_SINCE_11_8 = {"vector(3)": st.sampled_from(["VEC_FromText('[1,-0.5,3e38]')", "VEC_FromText('[0,0,0]')"])}


@st.composite
def tables(draw: st.DrawFn, types: dict[str, st.SearchStrategy[str]]) -> tuple[list[str], list[list[str]]]:
    """Columns of some types, and rows of literals."""
    columns = draw(st.lists(st.sampled_from(sorted(types)), min_size=4, max_size=10))
    row = st.tuples(*(st.one_of(st.just("NULL"), types[name], types[name]) for name in columns))
    return columns, [list(found) for found in draw(st.lists(row, min_size=1, max_size=6))]


def _round_trip(server: MariadbServer, site: Site, columns: list[str], rows: list[list[str]]) -> None:
    server.sql("CREATE OR REPLACE DATABASE azar CHARACTER SET utf8mb4; DROP DATABASE IF EXISTS azar_copia")
    declared = ", ".join(f"c{number} {name}" for number, name in enumerate(columns))
    server.sql(f"CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, {declared})", "azar")
    names = ", ".join(f"c{number}" for number in range(len(columns)))
    values = ", ".join(f"({', '.join(row)})" for row in rows)
    mode = "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'"
    server.sql(f"{mode}; INSERT IGNORE INTO t ({names}) VALUES {values}", "azar")
    before = fingerprint(server, "azar")
    # The restore compares the digests by itself.
    dumped = site.dump(engine(server, "azar", content_digest=True))
    restored = site.restore(engine(server, "azar_copia"), dumped.set_id)
    assert "content digests" in [check.name for check in restored.checks]
    assert fingerprint(server, "azar_copia") == before


def test_wide_characters_are_told_from_enclosures_and_the_word_null(server: MariadbServer, site: Site) -> None:
    """Some begin with the byte of the enclosure, or with N in four bytes, in one order of bytes or the other."""
    wide = ("utf16", "ucs2", "utf16le", "utf32")
    texts = ["Łódź", "Žižek", "中国", "中文", "Ё", "ā", "\u0101\u0101", "NULL", "", "N", "\x01", "乎丁"]
    columns = [f"varchar(9) character set {name} default 'Ł中Ё'" for name in wide]
    columns += [f"set('Łódź', '中国', 'Ё') character set {name}" for name in wide]
    literals = [f"CONVERT({_hex(text.encode())} USING utf8mb4)" for text in texts]
    rows = [[text] * len(wide) + [str(number % 8)] * len(wide) for number, text in enumerate(literals)]
    _round_trip(server, site, columns, rows)


def test_every_type_once(server: MariadbServer, site: Site) -> None:
    """In one table, with NULL and with values that hypothesis takes for the plainest."""
    types = {**TYPES, **(_SINCE_11_8 if server.version == "11.8" else {})}

    @settings(max_examples=1, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=st.lists(st.tuples(*types.values()).map(list), min_size=3, max_size=3))
    def check(rows: list[list[str]]) -> None:
        _round_trip(server, site, list(types), [*rows, ["NULL"] * len(types)])

    check()


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables(TYPES))
def test_whatever_is_in_a_table(
    server1011: MariadbServer, site: Site, table: tuple[list[str], list[list[str]]]
) -> None:
    _round_trip(server1011, site, *table)
