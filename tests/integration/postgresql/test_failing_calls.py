# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failing system call while the account of backups is made is a message, and the next run makes the account."""

from __future__ import annotations

from pathlib import Path

import pytest

from development.services.postgresql import PostgresqlServer
from tests.integration.failing_calls import account_case, check_failing_calls, dump_case, restore_case
from tests.integration.postgresql.support import databases, drop_everything, leftovers

ROLE = "copias"


def test_an_account_in_whose_making_a_call_fails(
    server17: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server17.psql("CREATE DATABASE cuenta")
    options = {
        "engine": "postgresql",
        "name": ROLE,
        "databases": ["cuenta"],
        "authentication": "password",
        "password": "canary-71c3-of-the-role",
        "login_host": server17.host,
        "login_port": server17.port,
        "login_user": server17.user,
        "login_password": server17.password,
        "client_directory": str(server17.bin),
    }

    def remove() -> None:
        if server17.psql(f"SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}'") == "1":
            server17.psql(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}", "cuenta")

    try:
        check_failing_calls(account_case(options, remove), tmp_path, monkeypatch)
    finally:
        remove()
        server17.psql("DROP DATABASE cuenta")


@pytest.mark.parametrize("what", ["dump", "restore"])
def test_a_dump_and_a_restore_in_which_a_call_fails(
    what: str, server17: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server17.psql("CREATE DATABASE libro")
    server17.psql("CREATE TABLE t AS SELECT generate_series(1, 100) AS i", "libro")
    login = {
        "login_host": server17.host,
        "login_port": server17.port,
        "login_user": server17.user,
        "login_password": server17.password,
        "client_directory": str(server17.bin),
    }
    source = {"name": "a", "engine": "postgresql", "database": "libro", **login}

    def remove() -> None:
        drop_everything(server17, "copia")
        # What a client was asked before it was left, it may still be doing.
        assert [name for name in databases(server17) if name not in ("libro", "copia__restoring")] == []

    def check() -> None:
        assert server17.psql("SELECT count(*), sum(i) FROM t", "copia") == "100|5050"
        assert leftovers(server17) == []

    case = dump_case(source)
    if what == "restore":
        case = restore_case(source, {"database": "copia", **login}, remove, check)
    try:
        check_failing_calls(case, tmp_path, monkeypatch)
    finally:
        drop_everything(server17, *databases(server17))
