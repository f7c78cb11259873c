# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database says about itself: the facts that a set keeps, and that a restored one must say again."""

from __future__ import annotations

import dataclasses
import typing as t

from . import elsewhere
from .session import Session, qualified, quote_literal, same_name

INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
# Of the catalogue's tables that are counted: they do not open the tables that they are about.
_WITHOUT_TABLES = ("TABLES", "ROUTINES", "TRIGGERS")
# A counter, whatever integer it is: LOAD DATA must be told of it, or it takes a 0 for none.
COUNTER = "auto_increment"


@dataclasses.dataclass(frozen=True)
class Column:
    """A column whose values a set holds.

    :param type: the name of its data type, in lower case, without length; for what the server writes into a table
        with history, what that is as well; for a counter that is an integer, :data:`COUNTER`.
    """

    name: str
    type: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table with rows.

    :param bytes: of its rows, as the engine estimates them.
    :param transactional: whether a snapshot holds for it.
    :param columns: in the table's order, without generated ones.
    :param key: the first column of its primary key, where that is an integer; None: it cannot be cut in pieces.
    """

    name: str
    engine: str
    bytes: int
    transactional: bool
    columns: tuple[Column, ...]
    key: str | None

    def source(self, database: str, *conditions: str) -> str:
        """Return what follows FROM for its rows: all, or those that meet some conditions."""
        wanted = [f"({condition})" for condition in conditions]
        return qualified(database, self.name) + (f" WHERE {' AND '.join(wanted)}" if wanted else "")

    @property
    def shape(self) -> tuple[str, str, str, tuple[Column, ...]]:
        """Return what must not change while the table is being dumped."""
        return self.name, self.engine, type(self).__name__, self.columns


def as_dumped(table: Table, columns: t.Sequence[t.Sequence[str]]) -> Table:
    """Return a restored table with the columns that its set holds: without history, if the set holds none.

    :param columns: name and type of each column of the set.
    """
    held = tuple(Column(name, kind) for name, kind in columns)
    if len(held) >= len(table.columns):
        return table
    return Table(table.name, table.engine, table.bytes, table.transactional, held, table.key)


def cuttable_key(key: str | None, columns: t.Iterable[Column]) -> str | None:
    """Return the first column of a table's primary key, if it is an integer.

    :param key: its name; None: the table has none.
    """
    return key if any(column.name == key and column.type in (*INTEGERS, COUNTER) for column in columns) else None


def primary_keys(session: Session, database: str) -> dict[str, str]:
    """Table to the first column of its primary key."""
    return {
        row["table"]: row["column"]
        for row in session.rows(
            {"table": "TABLE_NAME", "column": "COLUMN_NAME"},
            f"information_schema.STATISTICS WHERE {same_name('TABLE_SCHEMA', database)} AND INDEX_NAME = 'PRIMARY'"
            " AND SEQ_IN_INDEX = 1",
        )
    }


def relations(session: Session, database: str) -> list[str]:
    """Return the names of its tables and sequences."""
    return [
        row["name"]
        for row in session.rows(
            {"name": "TABLE_NAME"},
            f"information_schema.TABLES WHERE {same_name('TABLE_SCHEMA', database)} AND TABLE_TYPE <> 'VIEW'"
            " ORDER BY TABLE_NAME",
        )
    ]


def engines(session: Session, database: str) -> dict[str, str]:
    """Table to its engine."""
    source = f"information_schema.TABLES WHERE {same_name('TABLE_SCHEMA', database)} AND TABLE_TYPE <> 'VIEW'"
    return {
        row["name"]: row["engine"] or "" for row in session.rows({"name": "TABLE_NAME", "engine": "ENGINE"}, source)
    }


def count_rows(session: Session, database: str, found: t.Sequence[Table]) -> dict[str, int]:
    """Table to the number of its rows, with those of its history where it keeps one."""
    return {table.name: int(session.value(f"(SELECT COUNT(*) FROM {table.source(database)})") or 0) for table in found}


def count_objects(
    session: Session, database: str, *, checks: tuple[str, str] = ("CHECK_CONSTRAINTS", "CONSTRAINT_SCHEMA")
) -> dict[str, int]:
    """Count the objects of each kind, without events, which are made last.

    Of tables whose rows are elsewhere, nothing is counted but themselves and their triggers.

    :param checks: the table of the catalogue with the check constraints, and the condition on them.
    """
    outside = elsewhere.besides(elsewhere.tables(session, database))
    kind_of_table = "LOWER(REPLACE(TABLE_TYPE, 'SYSTEM VERSIONED', 'BASE TABLE'))"
    queries = {
        f"IF({elsewhere.IS_ELSEWHERE}, '{elsewhere.COUNTED_AS}', {kind_of_table})": ("TABLES", "TABLE_SCHEMA"),
        "LOWER(ROUTINE_TYPE)": ("ROUTINES", "ROUTINE_SCHEMA"),
        "'trigger'": ("TRIGGERS", "TRIGGER_SCHEMA"),
        "'foreign key'": ("REFERENTIAL_CONSTRAINTS", "CONSTRAINT_SCHEMA"),
        "'check constraint'": checks,
        "'index column'": ("STATISTICS", "TABLE_SCHEMA"),
        "'partition'": ("PARTITIONS", "PARTITION_NAME IS NOT NULL AND TABLE_SCHEMA"),
    }
    counts: dict[str, int] = {}
    for kind, (table, column) in queries.items():
        *also, column = column.rsplit(" AND ", 1)
        condition = " AND ".join([*also, same_name(column, database)])
        condition += outside if table not in _WITHOUT_TABLES else ""
        for row in session.rows(
            {"kind": "q.kind", "count": "q.number"},
            f"(SELECT {kind} AS kind, COUNT(*) AS number FROM information_schema.{table} WHERE {condition}"
            " GROUP BY 1) AS q",
        ):
            counts[row["kind"]] = int(row["count"])
    return counts


def references(session: Session, database: str) -> list[list[str]]:
    """Tables of other databases that foreign keys refer to: database, table."""
    outside = elsewhere.besides(elsewhere.tables(session, database))
    found = session.rows(
        {"database": "UNIQUE_CONSTRAINT_SCHEMA", "table": "REFERENCED_TABLE_NAME"},
        f"information_schema.REFERENTIAL_CONSTRAINTS WHERE {same_name('CONSTRAINT_SCHEMA', database)}"
        f" AND UNIQUE_CONSTRAINT_SCHEMA <> {quote_literal(database)} COLLATE utf8mb4_bin{outside} ORDER BY 1",
    )
    pairs = {(row["database"], row["table"]) for row in found}
    return [list(pair) for pair in sorted(pairs)]


def size(session: Session, database: str) -> int:
    """Return the size of all its own rows and indexes, as the engines estimate it, in bytes."""
    outside = elsewhere.besides(elsewhere.tables(session, database))
    expression = "COALESCE(SUM(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)), 0)"
    source = f"information_schema.TABLES WHERE {same_name('TABLE_SCHEMA', database)}{outside}"
    with session.reading():
        return int(session.value(f"(SELECT CAST({expression} AS CHAR) FROM {source})") or 0)
