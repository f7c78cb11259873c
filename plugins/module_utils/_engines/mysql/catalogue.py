# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a MySQL database says about itself: the facts that a set keeps, and that a restored one must say again."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from ..mysql_family import catalogue, elsewhere
from ..mysql_family.catalogue import COUNTER, INTEGERS, Column, Table, cuttable_key, primary_keys
from ..mysql_family.session import Session, same_name

# The first with the right SHOW_ROUTINE, lists of check constraints, and RENAME TABLE of tables that are locked.
OLDEST = (8, 0, 20)


def read_version(text: str) -> tuple[int, int, int]:
    """Return the numbers of a version as ``VERSION()`` says it."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)


def version(session: Session) -> tuple[int, int, int]:
    """Return the server's."""
    return read_version(session.value("VERSION()") or "")


def require_mysql(session: Session, what: str, *, on: str) -> str:
    """Return the server's version, in its own words.

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
    """Return the tables of a database whose rows are its own, the largest first."""
    with session.reading():
        return _tables(session, database)


def _tables(session: Session, database: str) -> list[Table]:
    outside = elsewhere.besides(elsewhere.tables(session, database), "t.TABLE_NAME")
    columns: dict[str, list[Column]] = {}
    for row in session.rows(
        {"table": "TABLE_NAME", "name": "COLUMN_NAME", "type": "LOWER(DATA_TYPE)", "extra": "LOWER(EXTRA)"},
        f"information_schema.COLUMNS WHERE {same_name('TABLE_SCHEMA', database)}"
        " AND COALESCE(GENERATION_EXPRESSION, '') = '' ORDER BY TABLE_NAME, ORDINAL_POSITION",
    ):
        is_counter = row["type"] in INTEGERS and COUNTER in row["extra"]
        columns.setdefault(row["table"], []).append(Column(row["name"], COUNTER if is_counter else row["type"]))
    keys = primary_keys(session, database)
    found = []
    for row in session.rows(
        {
            "name": "t.TABLE_NAME",
            "engine": "t.ENGINE",
            "bytes": "COALESCE(t.DATA_LENGTH, 0)",
            "transactional": "COALESCE(e.TRANSACTIONS, 'NO') = 'YES'",
        },
        "information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"
        f" WHERE {same_name('t.TABLE_SCHEMA', database)} AND t.TABLE_TYPE = 'BASE TABLE'{outside}"
        " ORDER BY t.DATA_LENGTH DESC, t.TABLE_NAME",
    ):
        name = row["name"]
        own = columns.get(name, [])
        found.append(
            Table(
                name,
                row["engine"] or "",
                int(row["bytes"]),
                bool(row["transactional"]),
                tuple(own),
                cuttable_key(keys.get(name), own),
            )
        )
    return found


def libraries(session: Session, database: str) -> list[str]:
    """Return the names of its libraries of other languages' code, which came with 9.2."""
    if not session.execute("SHOW TABLES FROM information_schema LIKE 'LIBRARIES'"):
        return []
    source = f"information_schema.LIBRARIES WHERE {same_name('LIBRARY_SCHEMA', database)} ORDER BY LIBRARY_NAME"
    return [row["name"] for row in session.rows({"name": "LIBRARY_NAME"}, source)]


def count_objects(session: Session, database: str) -> dict[str, int]:
    """Count the objects of each kind, without events, which are made last."""
    # The list of check constraints does not say of which tables they are.
    checks = ("TABLE_CONSTRAINTS", "CONSTRAINT_TYPE = 'CHECK' AND CONSTRAINT_SCHEMA")
    return catalogue.count_objects(session, database, checks=checks)


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


def position(session: Session) -> dict[str, str]:
    """Return the position of the server's binary log, or nothing if it keeps none.

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
    """Return what CREATE DATABASE and ALTER DATABASE say of a database."""
    return f"CHARACTER SET `{facts['character_set']}` COLLATE `{facts['collation']}`"
