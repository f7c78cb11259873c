# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an index holds the values of its table, byte by byte.

An application may order texts in a way of its own, but what an index holds of a column are the column's values. So
they can be compared whatever the order, and a difference is damage. What an index holds of an expression was computed
by whoever wrote it, and cannot be compared where that may have been another function.
"""

from __future__ import annotations

import re
import sqlite3

EXPRESSION = -2  # The column's number in index_xinfo.
_ROWID = -1
_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_VIRTUAL = 2  # What table_xinfo says of a generated column that is not stored.
# What stands as one in SQL: text, names, remarks; and what tells how deep in parentheses something stands.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[()]|\w+""", re.DOTALL
)


def quote(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def columns_of(connection: sqlite3.Connection, index: str) -> list[tuple[int, str | None, str]]:
    """Return number, name and collation of each column of an index, with those that tell the row."""
    rows = connection.execute(f"PRAGMA index_xinfo({quote(index)})")
    return [(number, name, str(collation).upper()) for _place, number, name, _order, collation, _key in rows]


def differs(connection: sqlite3.Connection, index: str) -> bool | None:
    """Whether an index holds other values than its table; None: they cannot be compared.

    :raises sqlite3.Error: when they cannot be read.
    """
    row = connection.execute("SELECT tbl_name, sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
    values = None if row is None else _values(connection, row[0], index)
    if values is None:
        return None
    condition = _condition(str(row[1] or ""))
    table = f"SELECT {values} FROM {quote(row[0])} {_whole(connection, row[0])}{condition}"
    entries = f"SELECT {values} FROM {quote(row[0])} INDEXED BY {quote(index)}{condition}"
    # Or both would be read from the table, or both from an index.
    if not _scans_index(connection, entries) or _scans_index(connection, table):
        return None
    return any(
        connection.execute(f"SELECT 1 FROM (SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other})) LIMIT 1").fetchone()
        for one, other in ((table, entries), (entries, table))
    )


def _whole(connection: sqlite3.Connection, table: str) -> str:
    """Return what has a table itself read. One WITHOUT ROWID is the index of its primary key."""
    for _number, name, _unique, origin, _partial in connection.execute(f"PRAGMA index_list({quote(table)})"):
        is_table = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (name,)).fetchone() == (0,)
        if origin == "pk" and is_table:
            return f"INDEXED BY {quote(name)}"
    return "NOT INDEXED"


def _scans_index(connection: sqlite3.Connection, query: str) -> bool:
    """Whether a query reads an index from end to end, and nothing else."""
    plan = " ".join(str(step[-1]) for step in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    return plan.startswith("SCAN ") and "USING COVERING INDEX" in plan


def _values(connection: sqlite3.Connection, table: str, index: str) -> str | None:
    """Return what an index holds, as expressions; None: something of it is computed, or cannot be named."""
    kinds = {str(row[1]): row[6] for row in connection.execute(f"PRAGMA table_xinfo({quote(table)})")}
    taken = {name.lower() for name in kinds}
    rowid = next((name for name in _ROWID_NAMES if name not in taken), None)
    found: list[str] = []
    for number, name, _collation in columns_of(connection, index):
        if number == EXPRESSION or kinds.get(str(name)) == _VIRTUAL or (number == _ROWID and rowid is None):
            return None
        expression = str(rowid) if number == _ROWID else quote(str(name))
        # Equal is only what has the same bytes.
        found.append(f"{expression} COLLATE BINARY AS c{len(found)}")
    return ", ".join(found)


def _condition(sql: str) -> str:
    """Return the condition of a partial index, with its WHERE; nothing where it is of all rows."""
    depth = 0
    for token in _TOKEN.finditer(sql):
        depth += (token[0] == "(") - (token[0] == ")")
        if depth == 0 and token[0].upper() == "WHERE":
            return f" {sql[token.start() :]}"
    return ""
