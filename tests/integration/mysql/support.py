# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the MySQL tests share: dumps and restores through the core, and all that a database holds."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import typing as t
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.registration import Mysql
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.mysql import MysqlServer
from tests.integration.both_sides import MysqlDatabase
from tests.integration.postgresql.support import Site

__all__ = [
    "Site",
    "accounts",
    "create_everything",
    "databases",
    "drop_all",
    "engine",
    "fingerprint",
    "global_settings",
    "leftovers",
    "numbers",
    "restore_by_hand",
]

EVERYTHING = Path(__file__).resolve().parent / "everything.sql"
_OWN = "'mysql', 'information_schema', 'performance_schema', 'sys'"
_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double", "year")
_PROGRAMS = {
    "trigger": "TRIGGER_NAME, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_STATEMENT, ACTION_TIMING,"
    " SQL_MODE, DEFINER, COLLATION_CONNECTION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA",
    "routine": "ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER, ROUTINE_DEFINITION, IS_DETERMINISTIC, SQL_DATA_ACCESS,"
    " SECURITY_TYPE, SQL_MODE, ROUTINE_COMMENT, DEFINER, COLLATION_CONNECTION"
    " FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA",
    "event": "EVENT_NAME, DEFINER, TIME_ZONE, EVENT_DEFINITION, EVENT_TYPE, EXECUTE_AT, INTERVAL_VALUE,"
    " INTERVAL_FIELD, SQL_MODE, STARTS, ENDS, STATUS, ON_COMPLETION, EVENT_COMMENT, COLLATION_CONNECTION"
    " FROM information_schema.EVENTS WHERE EVENT_SCHEMA",
    "database": "DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME",
}
_OWN_ACCOUNTS = "'root', 'mysql.sys', 'mysql.session', 'mysql.infoschema', 'dba'"


def numbers(last: int) -> str:
    """A table ``n`` of the numbers from 1, as what follows FROM."""
    return (
        f"(WITH RECURSIVE c AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM c WHERE seq < {last}) SELECT * FROM c) n"
    )


def engine(server: MysqlServer, database: str, **changes: t.Any) -> MysqlDatabase:
    """The engine, bound to a database of a server over TCP with its password."""
    options: dict[str, t.Any] = dict.fromkeys(Mysql.source_arguments)
    options.update(
        database=database,
        login_host=server.host,
        login_port=server.port,
        login_user=server.user,
        login_password=server.password,
        ssl_mode="disable",
        client_directory=str(server.installation.client.parent),
    )
    options.update(changes)
    return MysqlDatabase(options)


def identifier(name: str) -> str:
    """A name as SQL writes it."""
    return "`" + name.replace("`", "``") + "`"


def create_everything(server: MysqlServer, database: str) -> None:
    """Makes the database with everything in it, and its accounts."""
    server.sql(f"CREATE DATABASE {identifier(database)} CHARACTER SET utf8mb4 COLLATE utf8mb4_es_0900_ai_ci")
    server.sql("CREATE ROLE lectura, ajeno; CREATE USER app@localhost IDENTIFIED BY 'secreto de app'")
    server.sql(f"GRANT ALL ON {identifier(database)}.* TO app@localhost")
    server.sql(EVERYTHING.read_text(encoding="utf-8"), database)
    server.sql(f"GRANT SELECT ON {identifier(database)}.* TO lectura; GRANT lectura, ajeno TO app@localhost")
    server.sql("ALTER USER app@localhost DEFAULT ROLE lectura")
    server.sql(f"GRANT INSERT, UPDATE (texto) ON {identifier(database)}.asiento TO app@localhost")
    server.sql(f"GRANT EXECUTE ON PROCEDURE {identifier(database)}.cerrar TO app@localhost WITH GRANT OPTION")


def databases(server: MysqlServer) -> list[str]:
    """All but the server's own."""
    return server.sql(
        f"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ({_OWN}) ORDER BY 1"
    ).splitlines()


def accounts(server: MysqlServer) -> list[str]:
    """All but the server's own and the tests'."""
    return server.sql(
        f"SELECT CONCAT(User, '@', Host) FROM mysql.user WHERE User NOT IN ({_OWN_ACCOUNTS}) ORDER BY 1"
    ).splitlines()


def drop_all(server: MysqlServer) -> None:
    """Removes every database and account of the tests."""
    statements = [f"DROP DATABASE {identifier(name)};" for name in databases(server)]
    for account in accounts(server):
        user, _at, host = account.rpartition("@")
        statements.append(f"DROP USER {identifier(user)}@{identifier(host)};")
    for table in ("db", "tables_priv", "columns_priv", "procs_priv"):
        statements.append(f"DELETE FROM mysql.{table} WHERE User NOT LIKE 'mysql.%';")
    server.sql("\n".join([*statements, "FLUSH PRIVILEGES;"]))


def leftovers(server: MysqlServer) -> list[str]:
    """What a restore or dump must not leave: databases beside, accounts of its own, sessions."""
    found = [name for name in databases(server) if name.endswith(("__restoring", "__swapping"))]
    found += [name for name in accounts(server) if name.startswith("infitulua-")]
    return (
        found
        + server.sql(
            "SELECT CONCAT('session ', ID, ' ', COALESCE(INFO, '')) FROM performance_schema.processlist"
            f" WHERE USER = '{server.user}'"
        ).splitlines()
    )


def fingerprint(server: MysqlServer, database: str, *, hidden: t.Collection[str] = ()) -> dict[str, str]:
    """Everything that a database holds, as text that is the same where that is the same.

    :param hidden: views that are left aside.
    """
    name = f"'{database}'"
    quoted = identifier(database)
    relations = server.sql(
        f"SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} ORDER BY 1"
    )
    queries: dict[str, str] = {}
    for line in relations.splitlines():
        table, kind = _plain(line)
        if kind == "VIEW" and table in hidden:
            continue
        if kind == "VIEW":
            queries[f"view {table}"] = f"SHOW CREATE VIEW {identifier(table)}"
            continue
        queries[f"table {table}"] = f"SHOW CREATE TABLE {identifier(table)}"
        queries[f"rows {table}"] = _rows(server, database, table)
    for kind, source in _PROGRAMS.items():
        queries[kind] = f"SELECT {source} = {name} ORDER BY 1, 2"
    mark = "---8<---"
    answer = server.sql("\n".join(f"{query}; SELECT '{mark}';" for query in queries.values()), database)
    found = [part.strip("\n") for part in f"{answer}\n".split(f"{mark}\n")]
    # A column's character set is written out or not, by how the table was made; its collation says which it is.
    found = [re.sub(r" CHARACTER SET \w+(?= COLLATE)", "", text) for text in found]
    return {
        key: "\n".join(sorted(text.splitlines())) if key.startswith("rows ") else text.replace(f"{quoted}.", "")
        for key, text in zip(queries, found)
    }


def _plain(line: str) -> list[str]:
    """The fields of a line: in batch mode the client doubles backslashes."""
    return [field.replace("\\\\", "\\") for field in line.split("\t")]


def _rows(server: MysqlServer, database: str, table: str) -> str:
    columns = server.sql(
        "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"
        f" WHERE TABLE_SCHEMA = '{database}' AND HEX(TABLE_NAME) = '{table.encode().hex()}' ORDER BY ORDINAL_POSITION"
    )
    expressions = []
    for line in columns.splitlines():
        column, data_type = _plain(line)
        # Every bit of it: a FLOAT is printed with six digits, and a text in the client's character set.
        value = identifier(column)
        if data_type in ("float", "bit", "enum"):
            value = f"CAST({value} AS {'DOUBLE' if data_type == 'float' else 'UNSIGNED'})"
        elif data_type not in _NUMBERS:
            value = f"HEX({value})"
        expressions.append(f"COALESCE({value}, 'NULL')")
    return f"SELECT {', '.join(expressions)} FROM {identifier(database)}.{identifier(table)}"


def restore_by_hand(server: MysqlServer, site: Site, set_id: SetId | None, home: Path) -> str:
    """Restores a set with the commands that it has for that; what they printed.

    :param home: a directory for the file that says how to reach the server.
    """
    (home / ".my.cnf").write_text(f"[client]\nsocket={server.socket}\nuser=root\n")
    directory = site.path(set_id)
    commands = json.loads((directory / "backup.json").read_text(encoding="utf-8"))["restore_by_hand"]
    script = "\n".join(commands).replace("IDENTITY_FILE", str(site.identity))
    environment = {**os.environ, "HOME": str(home)}
    places = [str(server.installation.client.parent), os.environ["PATH"]]
    environment["PATH"] = os.pathsep.join(places)
    argv = ["bash", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def global_settings(server: MysqlServer, settings: t.Mapping[str, str]) -> t.Iterator[None]:
    """A server that says otherwise, for a while."""
    server.sql("".join(f"SET GLOBAL {name} = {value};" for name, value in settings.items()))
    try:
        yield
    finally:
        server.sql("".join(f"SET GLOBAL {name} = DEFAULT;" for name in settings))
