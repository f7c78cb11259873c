# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set is blamed for nothing that its host lacked, also where the server's log tells that a moment later."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.instance import MariadbInstance
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.instance import MysqlInstance
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.server_error import client_failed
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.instance import PostgresqlInstance
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.session_failed import SessionFailed
from ansible_collections.infitulua.backup.plugins.module_utils._engines.trial.instance import Instance
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.verdict import shortage_behind

KILLED = "terminated by signal 9"


def with_slow_log(engine: type[Instance]) -> Instance:
    """Return an instance whose log says only when it is looked at for the third time why the server has ended."""
    looks = iter(["", ""])
    methods = {
        "troubles": lambda self: next(looks, f"server process (PID 7) was {KILLED}: Killed"),
        "shortage": lambda self: None,
    }
    return t.cast(Instance, type(engine.__name__, (engine,), methods)(None, None))


class Ended(t.NamedTuple):
    """How a program ended."""

    status: int
    stderr: str


def of_session(why: str, *, connecting: bool = False) -> ProcessFailed:
    return SessionFailed("ask a restored database", on="x", why=why, next_step="", connecting=connecting)


def of_pg_restore(stderr: str) -> ProcessFailed:
    return ProcessFailed("restore", on="x", why="pg_restore failed", next_step="", outcomes=[Ended(1, stderr)])


def of_client(stderr: str) -> ProcessFailed:
    return client_failed("ask", on="x", status=1, stderr=stderr, next_step=lambda why: "")


@pytest.mark.parametrize(
    ("engine", "error", "lack"),
    [
        (PostgresqlInstance, of_session("server closed the connection unexpectedly"), KILLED),
        (PostgresqlInstance, of_pg_restore("pg_restore: error: server closed the connection unexpectedly"), KILLED),
        (MariadbInstance, of_client("ERROR 2013 (HY000) at line 1: Lost connection to server during query"), KILLED),
        (MysqlInstance, of_client("ERROR 2006 (HY000): MySQL server has gone away"), KILLED),
        # What says nothing of a lost server is judged at once, also where it quotes such words.
        (PostgresqlInstance, of_session("column x does not exist"), None),
        (PostgresqlInstance, of_pg_restore("pg_restore: error: column x does not exist"), None),
        (MariadbInstance, of_client("ERROR 1054 (42S22) at line 1: Unknown column 'has gone away'"), None),
        (MysqlInstance, of_client("ERROR 1644 (45000) at line 1: Lost connection"), None),
    ],
)
def test_a_lost_server_is_given_time_to_say_why(engine: type[Instance], error: ProcessFailed, lack: str | None) -> None:
    assert shortage_behind(error, with_slow_log(engine)) == lack
