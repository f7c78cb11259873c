# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of MariaDB and MySQL whose rows are not in their server's own storage.

A table of FEDERATED, CONNECT or SPIDER is a window on a table of another server, one of MERGE on other tables of this
one. To read it is to read those, and to restore rows into it is to write to them: to live data. So a set holds how such
a table is made, and never its rows; and nothing asks for more of it than the server knows without opening it, because
a remote server that is dead would not answer.
"""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import LeftOut
from .client import Connection
from .refusals import reason
from .server_error import error_number
from .session import Session, quote_identifier, same_name

# The storage engines, in lower case, that keep their rows in the server's own files. Rows of any other are elsewhere.
OWN_ENGINES = (
    "innodb",
    "myisam",
    "aria",
    "memory",
    "csv",
    "archive",
    "rocksdb",
    "tokudb",
    "mroonga",
    "columnstore",
)
#: The condition that a row of information_schema.TABLES is such a table. NULL is an engine that the server lacks.
IS_ELSEWHERE = (
    f"TABLE_TYPE = 'BASE TABLE' AND ENGINE IS NOT NULL AND LOWER(ENGINE) NOT IN ({', '.join(map(repr, OWN_ENGINES))})"
)
#: As what a set counts them.
COUNTED_AS = "table elsewhere"
_SYSTEM = "'mysql', 'information_schema', 'performance_schema', 'sys'"
_SHOWN = 20
_WITHOUT_RIGHTS = (1044, 1142, 1143, 1227)


def tables(session: Session, database: str) -> dict[str, str]:
    """Name to storage engine of a database's tables whose rows are elsewhere. Opens none of them."""
    return {
        row["name"]: row["engine"]
        for row in session.rows(
            {"name": "TABLE_NAME", "engine": "ENGINE"},
            f"information_schema.TABLES WHERE {same_name('TABLE_SCHEMA', database)} AND {IS_ELSEWHERE}"
            " ORDER BY TABLE_NAME",
        )
    }


def everywhere(session: Session) -> list[tuple[str, str]]:
    """Database and name of all such tables of the server that the account may see. Opens none of them."""
    return [
        (row["database"], row["name"])
        for row in session.rows(
            {"database": "TABLE_SCHEMA", "name": "TABLE_NAME"},
            f"information_schema.TABLES WHERE TABLE_SCHEMA NOT IN ({_SYSTEM}) AND {IS_ELSEWHERE}",
        )
    ]


def besides(names: t.Iterable[str], column: str = "TABLE_NAME") -> str:
    """Return what a condition on the catalogue needs so that the server opens none of these tables for the answer."""
    return "".join(f" AND NOT ({same_name(column, name)})" for name in names)


def besides_everywhere(pairs: t.Iterable[tuple[str, str]], schema: str, table: str = "TABLE_NAME") -> str:
    """Return the same for tables of several databases.

    :param schema: the column with the name of the database.
    :param table: that with the name of the table.
    """
    return "".join(f" AND NOT ({same_name(schema, database)} AND {same_name(table, name)})" for database, name in pairs)


def warning(found: t.Mapping[str, str]) -> str:
    """Return the warning of a dump about such tables."""
    shown = ", ".join(f"{name} ({engine})" for name, engine in list(found.items())[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        "The rows of these tables are stored elsewhere; the set has only their definitions. Ensure that the rows are"
        f" backed up where they are: {shown}{more}"
    )


def statements(
    open_session: type[Session], processes: Processes, connection: Connection, names: t.Iterable[str]
) -> tuple[dict[str, str], list[LeftOut]]:
    """Return what makes these tables of the connection's database; and those of which the server does not say it.

    :param open_session: a connection to the server's product. Each table has its own, because a failure ends it.
    """
    made: dict[str, str] = {}
    left = []
    for name in names:
        try:
            with open_session(processes, connection, database=connection.database) as session:
                made[name] = session.execute(f"SHOW CREATE TABLE {quote_identifier(name)}")[0][1]
        except ProcessFailed as error:
            number = error_number(error)
            if number in _WITHOUT_RIGHTS:
                raise
            with open_session(processes, connection):
                # This server is there; which error it has from another one, nobody can tell.
                why = reason(error) or f"it says ERROR {number}"
            left.append(LeftOut("table", name, f"the server does not show how it is made: {why}"))
    return made, left
