# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failing system call in what speaks with MariaDB is a message, and nothing that the next run cannot put right."""

from __future__ import annotations

from pathlib import Path

import pytest

from development.services.mariadb import MariadbServer
from tests.integration.failing_calls import account_case, check_failing_calls, dump_case, restore_case
from tests.integration.mariadb.support import databases, drop_all, leftovers


def test_an_account_in_whose_making_a_call_fails(
    server1011: MariadbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server1011.sql("CREATE DATABASE cuenta")
    options = {
        "engine": "mariadb",
        "name": "copias",
        "databases": ["cuenta"],
        "authentication": "password",
        "password": "canary-71c3-of-the-account",
        "login_unix_socket": str(server1011.socket),
        "login_user": "root",
    }

    def remove() -> None:
        server1011.sql("DROP USER IF EXISTS copias@localhost")

    try:
        check_failing_calls(account_case(options, remove), tmp_path, monkeypatch)
    finally:
        remove()


@pytest.mark.parametrize("what", ["dump", "restore"])
def test_a_dump_and_a_restore_in_which_a_call_fails(
    what: str, server1011: MariadbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_all(server1011)
    server1011.sql("CREATE DATABASE libro")
    server1011.sql("CREATE TABLE t AS SELECT seq AS i FROM seq_1_to_100", "libro")
    login = {"login_unix_socket": str(server1011.socket), "login_user": "root"}
    source = {"name": "a", "engine": "mariadb", "database": "libro", **login}

    def remove() -> None:
        server1011.sql("DROP DATABASE IF EXISTS copia")
        # What a client was asked before it was left, it may still be doing.
        assert set(databases(server1011)) <= {"libro", "copia__restoring"}

    def check() -> None:
        assert server1011.sql("SELECT COUNT(*), SUM(i) FROM t", "copia").split() == ["100", "5050"]
        assert leftovers(server1011) == []

    case = dump_case(source)
    if what == "restore":
        case = restore_case(source, {"database": "copia", **login}, remove, check)
    try:
        check_failing_calls(case, tmp_path, monkeypatch)
    finally:
        drop_all(server1011)
