# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a MySQL database says about itself: the facts that a set keeps, and that a restored one must say again."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _catalogue as mariadb_catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._catalogue import (
    Column,
    Table,
    count_rows,
    relations,
    size,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import (
    Session,
    same_name,
)

__all__ = [
    "OLDEST",
    "Column",
    "Table",
    "count_objects",
    "count_rows",
    "libraries",
    "options",
    "position",
    "properties",
    "read_version",
    "relations",
    "require_mysql",
    "size",
    "tables",
    "version",
]

# The first with the right SHOW_ROUTINE, lists of check constraints, and RENAME TABLE of tables that are locked.
OLDEST = (8, 0, 20)
_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")


def read_version(text: str) -> tuple[int, int, int]:
    """The numbers of a version as ``VERSION()`` says it."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)


def version(session: Session) -> tuple[int, int, int]:
    """The server's."""
    return read_version(session.value("VERSION()") or "")


def require_mysql(session: Session, what: str, *, on: str) -> str:
    """The server's version, in its own words.

    :param what: what it is needed for, as a verb phrase.
    :raises Refused: when the server is too old, or another product.
    """
    text = session.value("VERSION()") or ""
    if "MariaDB" in text or read_version(text) < OLDEST:
        raise Refused(
            what,
            on=on,
            why=f"the server is not MySQL {'.'.join(map(str, OLDEST))} or newer but {text}",
            next_step="For MariaDB there is the engine mariadb.",
        )
    return text


def tables(session: Session, database: str) -> list[Table]:
    """The tables of a database, the largest first."""
    columns: dict[str, list[Column]] = {}
    for row in session.rows(
        {"table": "TABLE_NAME", "name": "COLUMN_NAME", "type": "LOWER(DATA_TYPE)"},
        f"information_schema.COLUMNS WHERE {same_name('TABLE_SCHEMA', database)}"
        " AND COALESCE(GENERATION_EXPRESSION, '') = '' ORDER BY TABLE_NAME, ORDINAL_POSITION",
    ):
        columns.setdefault(row["table"], []).append(Column(row["name"], row["type"]))
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
        },
        "information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"
        f" WHERE {same_name('t.TABLE_SCHEMA', database)} AND t.TABLE_TYPE = 'BASE TABLE'"
        " ORDER BY t.DATA_LENGTH DESC, t.TABLE_NAME",
    ):
        name = row["name"]
        own = columns.get(name, [])
        key = keys.get(name)
        integer = any(column.name == key and column.type in _INTEGERS for column in own)
        found.append(
            Table(
                name,
                row["engine"] or "",
                int(row["bytes"]),
                bool(row["transactional"]),
                False,
                tuple(own),
                key if integer else None,
            )
        )
    return found


def libraries(session: Session, database: str) -> list[str]:
    """The names of its libraries of other languages' code, which came with 9.2."""
    if not session.execute("SHOW TABLES FROM information_schema LIKE 'LIBRARIES'"):
        return []
    source = f"information_schema.LIBRARIES WHERE {same_name('LIBRARY_SCHEMA', database)} ORDER BY LIBRARY_NAME"
    return [row["name"] for row in session.rows({"name": "LIBRARY_NAME"}, source)]


def count_objects(session: Session, database: str) -> dict[str, int]:
    """How many of each kind there are; events are not among them, because they are made last."""
    return mariadb_catalogue.count_objects(session, database)


def properties(session: Session, database: str) -> dict[str, str] | None:
    """Name, character set and collation of a database; None where there is none of this name."""
    found = session.rows(
        {
            "name": "SCHEMA_NAME",
            "character_set": "DEFAULT_CHARACTER_SET_NAME",
            "collation": "DEFAULT_COLLATION_NAME",
        },
        f"information_schema.SCHEMATA WHERE {same_name('SCHEMA_NAME', database)}",
    )
    return found[0] if found else None


def position(session: Session) -> dict[str, str]:
    """Where the server's binary log stands; nothing where it keeps none.

    :raises ProcessFailed: when the server does not tell this account.
    """
    if session.value("@@GLOBAL.log_bin + 0") != "1":
        return {}
    status = "SHOW BINARY LOG STATUS" if version(session) >= (8, 2, 0) else "SHOW MASTER STATUS"
    found = {}
    for line in session.execute(status):
        found["file"], found["offset"] = line[0], line[1]
    found["gtid"] = (session.value("@@GLOBAL.gtid_executed") or "").replace("\n", "")
    return {name: value for name, value in found.items() if value}


Facts = t.Mapping[str, t.Any]


def options(facts: Facts) -> str:
    """What CREATE DATABASE and ALTER DATABASE say of a database."""
    return f"CHARACTER SET `{facts['character_set']}` COLLATE `{facts['collation']}`"
