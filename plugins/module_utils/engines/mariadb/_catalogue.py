# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a MariaDB database says about itself: the facts that a set keeps, and that a restored one must say again."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    Session,
    quote_identifier,
    quote_literal,
    same_name,
)

_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
_PERIOD = ("ROW START", "ROW END")
# When a row stopped being so: of a row that is so still, the end of all times, which is another one in newer servers.
ROW_END = "timestamp row end"
_IMPLICIT_PERIOD = ("row_start", "timestamp"), ("row_end", ROW_END)


@dataclasses.dataclass(frozen=True)
class Column:
    """A column whose values a set holds.

    :param type: the name of its data type, in lower case, without length; for what the server writes into a table
        with history, what that is as well.
    """

    name: str
    type: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table with rows.

    :param bytes: of its rows, as the engine estimates them.
    :param transactional: whether a snapshot holds for it.
    :param versioned: whether it keeps the history of its rows.
    :param columns: in the table's order, without generated ones.
    :param key: the first column of its primary key, where that is an integer; None: it cannot be cut in pieces.
    """

    name: str
    engine: str
    bytes: int
    transactional: bool
    versioned: bool
    columns: tuple[Column, ...]
    key: str | None


def tables(session: Session, database: str) -> list[Table]:
    """The tables of a database, the largest first."""
    columns: dict[str, list[Column]] = {}
    for row in session.rows(
        {
            "table": "TABLE_NAME",
            "name": "COLUMN_NAME",
            "type": "LOWER(DATA_TYPE)",
            "generated": "IS_GENERATED",
            "expression": "GENERATION_EXPRESSION",
        },
        f"information_schema.COLUMNS WHERE {same_name('TABLE_SCHEMA', database)} ORDER BY TABLE_NAME, ORDINAL_POSITION",
    ):
        if row["generated"] == "NEVER" or row["expression"] in _PERIOD:
            columns.setdefault(row["table"], []).append(_column(row))
    keys = {
        row["table"]: row["column"]
        for row in session.rows(
            {"table": "TABLE_NAME", "column": "COLUMN_NAME"},
            f"information_schema.STATISTICS WHERE {same_name('TABLE_SCHEMA', database)} AND INDEX_NAME = 'PRIMARY'"
            " AND SEQ_IN_INDEX = 1",
        )
    }
    found = []
    for row in session.rows(
        {
            "name": "t.TABLE_NAME",
            "engine": "t.ENGINE",
            "bytes": "COALESCE(t.DATA_LENGTH, 0)",
            "transactional": "COALESCE(e.TRANSACTIONS, 'NO') = 'YES'",
            "versioned": "t.TABLE_TYPE = 'SYSTEM VERSIONED'",
        },
        "information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"
        f" WHERE {same_name('t.TABLE_SCHEMA', database)} AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
        " ORDER BY t.DATA_LENGTH DESC, t.TABLE_NAME",
    ):
        name = row["name"]
        own = columns.get(name, [])
        if row["versioned"] and not any(column.name.lower() == "row_start" for column in own):
            # Implicit ones are in no list of columns.
            explicit = _period_columns(session, database, name)
            implicit = [Column(*pair) for pair in _IMPLICIT_PERIOD]
            own += [column for column in explicit or implicit if column not in own]
        key = keys.get(name)
        integer = any(column.name == key and column.type in _INTEGERS for column in own)
        found.append(
            Table(
                name,
                row["engine"] or "",
                int(row["bytes"]),
                bool(row["transactional"]),
                bool(row["versioned"]),
                tuple(own),
                key if integer else None,
            )
        )
    return found


def _column(row: t.Mapping[str, t.Any]) -> Column:
    kind = row["type"]
    if row["expression"] in _PERIOD and kind == "bigint":
        # By transaction numbers instead of times.
        kind = "bigint row start"
    elif row["expression"] == "ROW END":
        kind = ROW_END
    return Column(row["name"], kind)


def _period_columns(session: Session, database: str, table: str) -> list[Column]:
    return [
        _column(row)
        for row in session.rows(
            {"name": "COLUMN_NAME", "type": "LOWER(DATA_TYPE)", "expression": "GENERATION_EXPRESSION"},
            f"information_schema.COLUMNS WHERE {same_name('TABLE_SCHEMA', database)}"
            f" AND {same_name('TABLE_NAME', table)}"
            " AND GENERATION_EXPRESSION IN ('ROW START', 'ROW END') ORDER BY ORDINAL_POSITION",
        )
    ]


def sequences(session: Session, database: str) -> list[str]:
    """The names of the sequences."""
    return [
        row["name"]
        for row in session.rows(
            {"name": "TABLE_NAME"},
            f"information_schema.TABLES WHERE {same_name('TABLE_SCHEMA', database)} AND TABLE_TYPE = 'SEQUENCE'"
            " ORDER BY TABLE_NAME",
        )
    ]


def relations(session: Session, database: str) -> list[str]:
    """The names of its tables and sequences."""
    return [
        row["name"]
        for row in session.rows(
            {"name": "TABLE_NAME"},
            f"information_schema.TABLES WHERE {same_name('TABLE_SCHEMA', database)} AND TABLE_TYPE <> 'VIEW'"
            " ORDER BY TABLE_NAME",
        )
    ]


def count_rows(session: Session, database: str, found: t.Sequence[Table]) -> dict[str, int]:
    """Table to the number of its rows, with those of its history."""
    counts = {}
    for table in found:
        whole = " FOR SYSTEM_TIME ALL" if table.versioned else ""
        source = f"{quote_identifier(database)}.{quote_identifier(table.name)}{whole}"
        counts[table.name] = int(session.value(f"(SELECT COUNT(*) FROM {source})") or 0)
    return counts


def count_objects(session: Session, database: str) -> dict[str, int]:
    """How many of each kind there are; events are not among them, because they are made last."""
    queries = {
        "LOWER(REPLACE(TABLE_TYPE, 'SYSTEM VERSIONED', 'BASE TABLE'))": ("TABLES", "TABLE_SCHEMA"),
        "LOWER(ROUTINE_TYPE)": ("ROUTINES", "ROUTINE_SCHEMA"),
        "'trigger'": ("TRIGGERS", "TRIGGER_SCHEMA"),
        "'foreign key'": ("REFERENTIAL_CONSTRAINTS", "CONSTRAINT_SCHEMA"),
        "'check constraint'": ("CHECK_CONSTRAINTS", "CONSTRAINT_SCHEMA"),
        "'index column'": ("STATISTICS", "TABLE_SCHEMA"),
        "'partition'": ("PARTITIONS", "PARTITION_NAME IS NOT NULL AND TABLE_SCHEMA"),
    }
    counts: dict[str, int] = {}
    for kind, (table, column) in queries.items():
        *also, column = column.rsplit(" AND ", 1)
        condition = " AND ".join([*also, same_name(column, database)])
        for row in session.rows(
            {"kind": "q.kind", "count": "q.number"},
            f"(SELECT {kind} AS kind, COUNT(*) AS number FROM information_schema.{table} WHERE {condition}"
            " GROUP BY 1) AS q",
        ):
            counts[row["kind"]] = int(row["count"])
    return counts


def references(session: Session, database: str) -> list[list[str]]:
    """Tables of other databases that foreign keys refer to: database, table."""
    found = session.rows(
        {"database": "UNIQUE_CONSTRAINT_SCHEMA", "table": "REFERENCED_TABLE_NAME"},
        f"information_schema.REFERENTIAL_CONSTRAINTS WHERE {same_name('CONSTRAINT_SCHEMA', database)}"
        f" AND UNIQUE_CONSTRAINT_SCHEMA <> {quote_literal(database)} COLLATE utf8mb4_bin ORDER BY 1",
    )
    pairs = {(row["database"], row["table"]) for row in found}
    return [list(pair) for pair in sorted(pairs)]


def properties(session: Session, database: str) -> dict[str, str] | None:
    """Name, character set, collation and comment of a database; None where there is none of this name."""
    found = session.rows(
        {
            "name": "SCHEMA_NAME",
            "character_set": "DEFAULT_CHARACTER_SET_NAME",
            "collation": "DEFAULT_COLLATION_NAME",
            "comment": "SCHEMA_COMMENT",
        },
        f"information_schema.SCHEMATA WHERE {same_name('SCHEMA_NAME', database)}",
    )
    return found[0] if found else None


def options(facts: t.Mapping[str, t.Any]) -> str:
    """What CREATE DATABASE and ALTER DATABASE say of a database."""
    # It takes no expression, only a literal; our sessions do not switch the backslash off.
    comment = str(facts["comment"] or "").replace("\\", "\\\\").replace("'", "''")
    return (
        f"CHARACTER SET {quote_identifier(str(facts['character_set']))}"
        f" COLLATE {quote_identifier(str(facts['collation']))} COMMENT '{comment}'"
    )


def size(session: Session, database: str) -> int:
    """Of all its rows and indexes, as the engines estimate them, bytes."""
    expression = "COALESCE(SUM(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)), 0)"
    source = f"information_schema.TABLES WHERE {same_name('TABLE_SCHEMA', database)}"
    return int(session.value(f"(SELECT CAST({expression} AS CHAR) FROM {source})") or 0)


def position(session: Session) -> dict[str, str]:
    """Where the server's binary log stands; nothing where it keeps none, or does not tell this account."""
    found = {"gtid": session.value("@@GLOBAL.gtid_binlog_pos") or ""}
    if session.value("@@GLOBAL.log_bin + 0") == "1":
        lines = session.execute("SHOW MASTER STATUS")
        if lines:
            found["file"], found["offset"] = lines[0][0], lines[0][1]
    return {name: value for name, value in found.items() if value}
