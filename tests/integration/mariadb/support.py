# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the MariaDB tests share: dumps and restores through the core, and all that a database holds."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import typing as t
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.registration import Mariadb
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.mariadb import MariadbServer
from tests.integration.both_sides import MariadbDatabase
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
    "restore_by_hand",
]

EVERYTHING = Path(__file__).resolve().parent / "everything.sql"
_OWN = "'mysql', 'information_schema', 'performance_schema', 'sys'"
_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double", "year")
_PROGRAMS = {
    "trigger": "TRIGGER_NAME, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_STATEMENT, ACTION_TIMING,"
    " SQL_MODE, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION FROM information_schema.TRIGGERS"
    " WHERE TRIGGER_SCHEMA",
    "routine": "ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER, ROUTINE_DEFINITION, IS_DETERMINISTIC, SQL_DATA_ACCESS,"
    " SECURITY_TYPE, SQL_MODE, ROUTINE_COMMENT, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION"
    " FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA",
    "event": "EVENT_NAME, DEFINER, TIME_ZONE, EVENT_DEFINITION, EVENT_TYPE, EXECUTE_AT, INTERVAL_VALUE,"
    " INTERVAL_FIELD, SQL_MODE, STARTS, ENDS, STATUS, ON_COMPLETION, EVENT_COMMENT, CHARACTER_SET_CLIENT,"
    " COLLATION_CONNECTION FROM information_schema.EVENTS WHERE EVENT_SCHEMA",
    "database": "DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME, SCHEMA_COMMENT FROM information_schema.SCHEMATA"
    " WHERE SCHEMA_NAME",
}
_OWN_ACCOUNTS = "'root', 'mariadb.sys', 'mysql', 'dba', 'PUBLIC', ''"


def engine(server: MariadbServer, database: str, **changes: t.Any) -> MariadbDatabase:
    """The engine, bound to a database of a server over TCP with its password."""
    options: dict[str, t.Any] = dict.fromkeys(Mariadb.source_arguments)
    options.update(
        database=database,
        login_host=server.host,
        login_port=server.port,
        login_user=server.user,
        login_password=server.password,
        ssl_mode="disable",
    )
    options.update(changes)
    return MariadbDatabase(options)


def numbers(last: int) -> str:
    """A table of the numbers from 1, in a column ``seq``, as what follows FROM."""
    return f"seq_1_to_{last}"


def own_version() -> str:
    """The version of the machine's own MariaDB, whose programs drills run."""
    answer = subprocess.run(["mariadbd", "--version"], capture_output=True, text=True, check=True)
    return ".".join(answer.stdout.split("Ver ")[1].split(".")[:2])


def identifier(name: str) -> str:
    """A name as SQL writes it."""
    return "`" + name.replace("`", "``") + "`"


def create_everything(server: MariadbServer, database: str) -> None:
    """Makes the database with everything in it, and its accounts."""
    server.sql(f"CREATE DATABASE {identifier(database)} CHARACTER SET utf8mb4 COLLATE utf8mb4_spanish_ci")
    server.sql("CREATE ROLE lectura; CREATE USER app@localhost IDENTIFIED BY 'secreto de app'")
    server.sql(f"GRANT ALL ON {identifier(database)}.* TO app@localhost")
    server.sql(EVERYTHING.read_text(encoding="utf-8"), database)
    server.sql(f"GRANT SELECT ON {identifier(database)}.* TO lectura; GRANT lectura TO app@localhost")
    server.sql(f"GRANT INSERT, UPDATE (texto) ON {identifier(database)}.asiento TO app@localhost")
    server.sql(f"GRANT EXECUTE ON PROCEDURE {identifier(database)}.cerrar TO app@localhost WITH GRANT OPTION")


def databases(server: MariadbServer) -> list[str]:
    """All but the server's own."""
    return server.sql(
        f"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ({_OWN}) ORDER BY 1"
    ).splitlines()


def accounts(server: MariadbServer) -> list[str]:
    """All but the server's own and the tests'."""
    return server.sql(
        f"SELECT CONCAT(User, '@', Host) FROM mysql.global_priv WHERE User NOT IN ({_OWN_ACCOUNTS}) ORDER BY 1"
    ).splitlines()


def drop_all(server: MariadbServer) -> None:
    """Removes every database and account of the tests."""
    for name in databases(server):
        server.sql(f"DROP DATABASE {identifier(name)}")
    for account in accounts(server):
        user, _at, host = account.rpartition("@")
        server.sql(f"DROP USER '{user}'@'{host}'" if host else f"DROP ROLE {identifier(user)}")
    for table in ("db", "tables_priv", "columns_priv", "procs_priv"):
        server.sql(f"DELETE FROM mysql.{table} WHERE User NOT IN ('mariadb.sys', 'PUBLIC')")
    server.sql("FLUSH PRIVILEGES")


def leftovers(server: MariadbServer) -> list[str]:
    """What a restore or dump must not leave: databases beside, accounts of its own, sessions."""
    found = [name for name in databases(server) if name.endswith("__restoring")]
    found += [name for name in accounts(server) if name.startswith("infitulua-")]
    return (
        found
        + server.sql(
            "SELECT CONCAT('session ', ID, ' ', COALESCE(INFO, '')) FROM information_schema.PROCESSLIST"
            f" WHERE USER = '{server.user}'"
        ).splitlines()
    )


def fingerprint(server: MariadbServer, database: str, *, hidden: t.Collection[str] = ()) -> dict[str, str]:
    """Everything that a database holds, as text that is the same where that is the same.

    :param hidden: views that are left aside.
    """
    name = f"'{database}'"
    quoted = identifier(database)
    found: dict[str, str] = {}
    relations = server.sql(
        f"SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} ORDER BY 1"
    )
    for line in relations.splitlines():
        table, kind = _plain(line)
        there = f"{quoted}.{identifier(table)}"
        if kind == "SEQUENCE":
            found[f"sequence {table}"] = server.sql(
                f"SHOW CREATE SEQUENCE {there}; SELECT next_not_cached_value FROM {there}"
            )
            continue
        if kind == "VIEW" and table in hidden:
            continue
        if kind == "VIEW":
            found[f"view {table}"] = server.sql(f"SHOW CREATE VIEW {identifier(table)}", database)
            continue
        found[f"table {table}"] = server.sql(f"SHOW CREATE TABLE {there}").replace(f"{quoted}.", "")
        found[f"rows {table}"] = _rows(server, database, table, kind)
    for kind, source in _PROGRAMS.items():
        found[kind] = server.sql(f"SELECT {source} = {name} ORDER BY 1, 2, 3")
    return found


def _plain(line: str) -> list[str]:
    """The fields of a line: in batch mode the client doubles backslashes."""
    return [field.replace("\\\\", "\\") for field in line.split("\t")]


def _rows(server: MariadbServer, database: str, table: str, kind: str) -> str:
    columns = server.sql(
        "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"
        f" WHERE TABLE_SCHEMA = '{database}' AND HEX(TABLE_NAME) = '{table.encode().hex()}' ORDER BY ORDINAL_POSITION"
    )
    expressions = []
    for line in columns.splitlines():
        column, data_type = _plain(line)
        # Every bit of it: a FLOAT is printed with six digits, and a text in the client's character set.
        value = identifier(column)
        if data_type in ("float", "bit"):
            value = f"CAST({value} AS {'DOUBLE' if data_type == 'float' else 'UNSIGNED'})"
        elif data_type not in _NUMBERS:
            value = f"HEX({value})"
        expressions.append(f"COALESCE({value}, 'NULL')")
    source = f"{identifier(database)}.{identifier(table)}"
    source += " FOR SYSTEM_TIME ALL" if kind == "SYSTEM VERSIONED" else ""
    return "\n".join(sorted(server.sql(f"SELECT {', '.join(expressions)} FROM {source}").splitlines()))


def restore_by_hand(server: MariadbServer, site: Site, set_id: SetId | None, home: Path) -> str:
    """Restores a set with the commands that it has for that; what they printed.

    :param home: a directory for the file that says how to reach the server.
    """
    (home / ".my.cnf").write_text(f"[client]\nsocket={server.socket}\nuser=root\n")
    directory = site.path(set_id)
    commands = json.loads((directory / "backup.json").read_text(encoding="utf-8"))["restore_by_hand"]
    script = "\n".join(commands).replace("IDENTITY_FILE", str(site.identity))
    environment = {**os.environ, "HOME": str(home)}
    argv = ["bash", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def global_settings(server: MariadbServer, settings: t.Mapping[str, str]) -> t.Iterator[None]:
    """A server that says otherwise, for a while."""
    server.sql("".join(f"SET GLOBAL {name} = {value};" for name, value in settings.items()))
    try:
        yield
    finally:
        server.sql("".join(f"SET GLOBAL {name} = DEFAULT;" for name in settings))
