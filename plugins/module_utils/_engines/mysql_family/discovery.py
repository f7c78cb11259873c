# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of a server of MariaDB or MySQL, as far as the account may see them."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..discovery import Discovery, FoundDatabase
from . import elsewhere
from .client import Connection
from .dialect import Dialect
from .session import Session

SYSTEM_DATABASES = frozenset({"mysql", "information_schema", "performance_schema", "sys"})
# A file system's own directory, where the server's data directory is a mount point.
_NO_DATABASE = "#mysql50#lost+found"
# Any of them, granted on everything, shows an account every database (MariaDB, "SHOW DATABASES").
_SHOWING = (
    "ALL PRIVILEGES",
    "SHOW DATABASES",
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "DELETE HISTORY",
    "CREATE",
    "DROP",
    "ALTER",
    "INDEX",
    "REFERENCES",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EXECUTE",
    "EVENT",
    "TRIGGER",
)


def discover(dialect: Dialect, options: t.Mapping[str, t.Any], *, sizes: bool) -> Discovery:
    """Ask a server for its databases.

    :param options: of a source, without its database.
    :param sizes: whether to ask for their sizes as well, for which the server may have to open every table.
    :raises BackupError: when the server cannot be asked.
    """
    connection = dialect.connection({**options, "database": "information_schema"})
    with contextlib.ExitStack() as stack:
        stack.enter_context(connection.advice.giving())
        processes = stack.enter_context(Processes())
        session = stack.enter_context(dialect.session(processes, stack.enter_context(connection)))
        version = dialect.require(session, "list the databases", on=connection.server)
        return _list_databases(session, connection, engine=dialect.name, version=version, sizes=sizes)


def _list_databases(session: Session, connection: Connection, *, engine: str, version: str, sizes: bool) -> Discovery:
    """Return what a server says of its databases.

    :param engine: the engine that asks.
    :param version: the server's.
    """
    rows = session.rows(
        {"name": "SCHEMA_NAME", "encoding": "DEFAULT_CHARACTER_SET_NAME", "collation": "DEFAULT_COLLATION_NAME"},
        "information_schema.SCHEMATA ORDER BY CAST(SCHEMA_NAME AS BINARY)",
        action="list the databases",
    )
    measured = _sizes(session) if sizes else {}
    sees_all = _sees_all(session)
    identity = session.value("@@hostname, ' ', @@port, ' ', @@datadir, ' ', @@socket") or ""
    found = tuple(
        FoundDatabase(
            engine=engine,
            version=version,
            bytes=measured.get(row["name"], 0) if sizes else None,
            owner=None,
            system=row["name"].lower() in SYSTEM_DATABASES,
            **row,
        )
        for row in rows
        if row["name"] != _NO_DATABASE
    )
    warnings = (
        ()
        if sees_all
        else (f"The account may not see every database of {connection.server}: grant it SHOW DATABASES.",)
    )
    return Discovery(engine, connection.server, version, found, warnings, identity)


def _sizes(session: Session) -> dict[str, int]:
    outside = elsewhere.besides_everywhere(elsewhere.everywhere(session), "TABLE_SCHEMA")
    with session.reading():
        rows = session.rows(
            {"name": "q.name", "bytes": "q.bytes"},
            "(SELECT TABLE_SCHEMA AS name, SUM(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)) AS bytes"
            f" FROM information_schema.TABLES WHERE TRUE{outside} GROUP BY CAST(TABLE_SCHEMA AS BINARY)) q",
            action="ask for the sizes of the databases",
        )
    return {row["name"]: int(row["bytes"] or 0) for row in rows}


def _sees_all(session: Session) -> bool:
    # For the account and the roles that it has on, a line for each place: GRANT kinds ON *.* TO … . MySQL may take
    # single databases out of that: REVOKE kinds ON … .
    lines = [line[0] for line in session.execute("SHOW GRANTS", action="list the account's rights")]
    if any(line.startswith("REVOKE ") for line in lines):
        return False
    granted = [line.removeprefix("GRANT ").split(" ON *.* TO ")[0] for line in lines if " ON *.* TO " in line]
    return any(kind in _SHOWING for kinds in granted for kind in kinds.split(", "))
