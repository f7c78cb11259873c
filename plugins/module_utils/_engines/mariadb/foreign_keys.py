# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign keys that the server would refuse to create: the columns that they refer to have lost their index.

MariaDB lets that happen while foreign keys are not checked. Where the referring table is made first, it does not look;
where the other table is there, it refuses to make the referring one (MariaDB, "Foreign Keys").
"""

from __future__ import annotations

import typing as t

from ..mysql_family import elsewhere
from ..mysql_family.session import Session, quote_identifier, same_name
from ..mysql_family.statement_text import outside_quotes, split_outside_quotes

WHY = "the columns that it refers to no longer have an index"


def lost(session: Session, database: str, names: t.Sequence[str]) -> dict[str, list[str]]:
    """Return, by table, the names of the foreign keys that the server would refuse.

    :param names: the tables in the order in which they are made.
    """
    place = {name: number for number, name in enumerate(names)}
    # Of tables whose rows are elsewhere, nothing is asked: a server that is silent would hold everything up.
    outside = elsewhere.besides(elsewhere.tables(session, database))
    columns: dict[tuple[str, str, str], list[str]] = {}
    for row in session.rows(
        {
            "table": "TABLE_NAME",
            "name": "CONSTRAINT_NAME",
            "referred": "REFERENCED_TABLE_NAME",
            "column": "REFERENCED_COLUMN_NAME",
        },
        f"information_schema.KEY_COLUMN_USAGE WHERE {same_name('TABLE_SCHEMA', database)}"
        f" AND {same_name('REFERENCED_TABLE_SCHEMA', database)}{outside}"
        " ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
    ):
        columns.setdefault((row["table"], row["name"], row["referred"]), []).append(row["column"].casefold())
    there = _indexes(session, database, outside) if columns else {}
    found: dict[str, list[str]] = {}
    for (table, name, referred), wanted in columns.items():
        if table not in place or referred not in place or place[referred] > place[table]:
            continue
        if not any(index[: len(wanted)] == wanted for index in there.get(referred, ())):
            found.setdefault(table, []).append(name)
    return found


def _indexes(session: Session, database: str, outside: str) -> dict[str, list[list[str]]]:
    """Return, by table, the columns that each of its indexes orders rows by, in lower case.

    InnoDB ends each with the columns of the key that the rows themselves are ordered by: the primary one, or the first
    that is unique and never NULL; here each of those counts, since nothing tells which came first.
    """
    found: dict[str, dict[str, list[str]]] = {}
    orders_rows: dict[str, set[str]] = {}
    ended: set[tuple[str, str]] = set()
    for row in session.rows(
        {
            "table": "TABLE_NAME",
            "index": "INDEX_NAME",
            "column": "COALESCE(COLUMN_NAME, '')",
            "whole": "INDEX_TYPE = 'BTREE' AND SUB_PART IS NULL",
            "key": "NON_UNIQUE = 0 AND COALESCE(NULLABLE, '') <> 'YES'",
        },
        f"information_schema.STATISTICS WHERE {same_name('TABLE_SCHEMA', database)}{outside}"
        " ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
    ):
        table, index = row["table"], row["index"]
        columns = found.setdefault(table, {}).setdefault(index, [])
        if not columns and (table, index) not in ended:
            orders_rows.setdefault(table, set()).add(index)
        if not row["key"]:
            orders_rows[table].discard(index)
        # What follows a part of a column orders nothing by itself.
        if not row["whole"]:
            ended.add((table, index))
        if (table, index) not in ended:
            columns.append(row["column"].casefold())
    return {
        table: [
            [*index, *(column for column in last if column not in index)] if (table, name) not in ended else index
            for name, index in indexes.items()
            for last in _appended_columns(indexes, orders_rows[table])
        ]
        for table, indexes in found.items()
    }


def _appended_columns(indexes: t.Mapping[str, list[str]], orders_rows: t.Collection[str]) -> list[list[str]]:
    """Return the columns that each index may end with: one of these lists."""
    if "PRIMARY" in indexes:
        return [indexes["PRIMARY"]]
    return [indexes[name] for name in sorted(orders_rows)] or [[]]


def without(statement: str, names: t.Collection[str]) -> str:
    """Return the server's own text of a table without some of its foreign keys."""
    head, *lines = split_outside_quotes(statement, "\n  ")
    lines[-1], *tail = split_outside_quotes(lines[-1], "\n)")
    kept = [line[:-1] if line.endswith(",") else line for line in lines]
    kept = [line for line in kept if not _is_one(line, names)]
    return "\n)".join(["\n  ".join([head, ",\n  ".join(kept)]), *tail])


def _is_one(line: str, names: t.Collection[str]) -> bool:
    beginnings = tuple(f"CONSTRAINT {quote_identifier(name)} " for name in names)
    return line.startswith(beginnings) and "FOREIGN KEY" in outside_quotes(line)
