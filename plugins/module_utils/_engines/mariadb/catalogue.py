# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only a MariaDB database says about itself: the history of its tables, and its sequences."""

from __future__ import annotations

import typing as t

from ..mysql_family import elsewhere
from ..mysql_family.catalogue import COUNTER, INTEGERS, Column, Table, cuttable_key, primary_keys
from ..mysql_family.session import Session, qualified, quote_identifier, same_name

_PERIOD = ("ROW START", "ROW END")
# When a row stopped being so: of a row that is so still, the end of all times, which is another one in newer servers.
ROW_END = "timestamp row end"
ROW_START = "timestamp row start"
#: What begins and ends a row in transaction-precise history (MariaDB, "System-Versioned Tables").
TRANSACTION_ID = "transaction id"
_IMPLICIT_PERIOD = ("row_start", ROW_START), ("row_end", ROW_END)
_NEVER = "ended before or as they began, so that they were at no moment, and a server takes no such rows"
_BY_TRANSACTION = "are kept by transaction ID, which only the server can assign"


class VersionedTable(Table):
    """A table that keeps the history of its rows."""

    @property
    def history_condition(self) -> str:
        """Return the condition that a row of its history was valid at any moment.

        A row that ended before it began (the clock was set back), or as it began (in one statement), was never valid:
        no query shows it, and no server accepts it.
        """
        names = {column.type: quote_identifier(column.name) for column in self.columns}
        start, end = names[ROW_START], names[ROW_END]
        return f"{start} < {end} AND {start} <> '0000-00-00 00:00:00'"

    def source(self, database: str, *conditions: str) -> str:
        """Return what follows FROM for its rows and those of its history."""
        wanted = [f"({condition})" for condition in (*conditions, self.history_condition)]
        return f"{qualified(database, self.name)} FOR SYSTEM_TIME ALL WHERE {' AND '.join(wanted)}"


class TransactionPreciseTable(Table):
    """A table with transaction-precise history: only the server assigns transaction IDs, so a set has current rows."""


def tables(session: Session, database: str) -> list[Table]:
    """Return the tables of a database whose rows are its own, the largest first."""
    with session.reading():
        return _tables(session, database)


def _tables(session: Session, database: str) -> list[Table]:
    outside = elsewhere.besides(elsewhere.tables(session, database), "t.TABLE_NAME")
    columns: dict[str, list[Column]] = {}
    for row in session.rows(
        {
            "table": "TABLE_NAME",
            "name": "COLUMN_NAME",
            "type": "LOWER(DATA_TYPE)",
            "generated": "IS_GENERATED",
            "expression": "GENERATION_EXPRESSION",
            "extra": "EXTRA",
        },
        f"information_schema.COLUMNS WHERE {same_name('TABLE_SCHEMA', database)} ORDER BY TABLE_NAME, ORDINAL_POSITION",
    ):
        if row["generated"] == "NEVER" or row["expression"] in _PERIOD:
            columns.setdefault(row["table"], []).append(_column(row))
    keys = primary_keys(session, database)
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
        f"{outside}"
        " ORDER BY t.DATA_LENGTH DESC, t.TABLE_NAME",
    ):
        name = row["name"]
        own = columns.get(name, [])
        kind = Table
        if row["versioned"]:
            period = _period_columns(session, database, name) or _implicit_period(session, database, name)
            kind, own = _with_history(own, period)
        found.append(
            kind(
                name,
                row["engine"] or "",
                int(row["bytes"]),
                bool(row["transactional"]),
                tuple(own),
                cuttable_key(keys.get(name), own),
            )
        )
    return found


def _with_history(own: list[Column], period: list[Column]) -> tuple[type[Table], list[Column]]:
    """Return the kind of a table with history, and the columns whose values a set holds.

    :param own: what is in the list of columns; some of the period are.
    """
    if any(column.type == TRANSACTION_ID for column in period):
        return TransactionPreciseTable, [column for column in own if column not in period]
    return VersionedTable, own + [column for column in period if column not in own]


def _implicit_period(session: Session, database: str, table: str) -> list[Column]:
    """Return the columns of a period that are in no list of columns."""
    begins = session.value(f"(SELECT row_start FROM {qualified(database, table)} FOR SYSTEM_TIME ALL LIMIT 1)")
    # Transaction IDs are left where explicit columns were dropped; only the values tell.
    if begins and begins.isdigit():
        return [Column(name, TRANSACTION_ID) for name, _kind in _IMPLICIT_PERIOD]
    return [Column(*pair) for pair in _IMPLICIT_PERIOD]


def _column(row: t.Mapping[str, t.Any]) -> Column:
    kind = row["type"]
    if row["expression"] in _PERIOD and kind in INTEGERS:
        kind = TRANSACTION_ID
    elif row["expression"] in _PERIOD:
        kind = ROW_END if row["expression"] == "ROW END" else ROW_START
    elif kind in INTEGERS and COUNTER in row.get("extra", "").lower():
        kind = COUNTER
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
    """Return the names of the sequences."""
    return [
        row["name"]
        for row in session.rows(
            {"name": "TABLE_NAME"},
            f"information_schema.TABLES WHERE {same_name('TABLE_SCHEMA', database)} AND TABLE_TYPE = 'SEQUENCE'"
            " ORDER BY TABLE_NAME",
        )
    ]


def lost_history(session: Session, database: str, found: t.Sequence[Table]) -> dict[str, str]:
    """Return, for each table that loses part of its history in a set, how many rows and why."""
    lost = {}
    for table in found:
        everything = f"{qualified(database, table.name)} FOR SYSTEM_TIME ALL"
        if isinstance(table, VersionedTable):
            count, why = _count(session, f"{everything} WHERE NOT ({table.history_condition})"), _NEVER
        elif isinstance(table, TransactionPreciseTable):
            count, why = _count(session, everything) - _count(session, table.source(database)), _BY_TRANSACTION
        else:
            continue
        if count:
            lost[table.name] = f"{count} rows of its history {why}"
    return lost


def _count(session: Session, source: str) -> int:
    return int(session.value(f"(SELECT COUNT(*) FROM {source})") or 0)


def properties(session: Session, database: str) -> dict[str, str] | None:
    """Return name, character set and collation of a database, or None if there is no such database."""
    found = session.rows(
        {
            "name": "SCHEMA_NAME",
            "character_set": "DEFAULT_CHARACTER_SET_NAME",
            "collation": "DEFAULT_COLLATION_NAME",
        },
        f"information_schema.SCHEMATA WHERE {same_name('SCHEMA_NAME', database)}",
    )
    return found[0] if found else None


def options(facts: t.Mapping[str, t.Any]) -> str:
    """Return what CREATE DATABASE and ALTER DATABASE say of a database, besides its comment."""
    return (
        f"CHARACTER SET {quote_identifier(str(facts['character_set']))}"
        f" COLLATE {quote_identifier(str(facts['collation']))}"
    )


def comment(session: Session, database: str) -> str:
    """Return what the clause COMMENT of a database says, as a literal. It may hold a secret."""
    (row,) = session.rows(
        {"comment": "SCHEMA_COMMENT"}, f"information_schema.SCHEMATA WHERE {same_name('SCHEMA_NAME', database)}"
    )
    # It takes no expression, only a literal; our sessions do not switch the backslash off.
    said = str(row["comment"] or "").replace("\\", "\\\\").replace("'", "''")
    return f"'{said}'"


def position(session: Session) -> dict[str, str]:
    """Return the position of the server's binary log, or nothing if it keeps none or does not tell this account."""
    found = {"gtid": session.value("@@GLOBAL.gtid_binlog_pos") or ""}
    if session.value("@@GLOBAL.log_bin + 0") == "1":
        lines = session.execute("SHOW MASTER STATUS")
        if lines:
            found["file"], found["offset"] = lines[0][0], lines[0][1]
    return {name: value for name, value in found.items() if value}
