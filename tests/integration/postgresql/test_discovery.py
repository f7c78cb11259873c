# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which databases a PostgreSQL server says that it has."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.discovery import FoundDatabase
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.registration import Postgresql
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import identifier

ODD = 'Ñandú "de" la casa\' $1'
MADE = (ODD, "nomina", "nomina__restoring", "nomina__replaced_20261122T171503Z", "nomina__replaced_yesterday")


def login(server: PostgresqlServer, **changes: t.Any) -> dict[str, t.Any]:
    """How to reach a server."""
    return {
        "login_host": server.host,
        "login_port": server.port,
        "login_user": server.user,
        "login_password": server.password,
        "client_directory": str(server.bin),
        **changes,
    }


@pytest.fixture
def filled(server: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server with databases of every sort."""
    for name in MADE:
        server.psql(f"CREATE DATABASE {identifier(name)} TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
    server.psql("CREATE ROLE curious LOGIN PASSWORD 'secreto'; REVOKE CONNECT ON DATABASE nomina FROM PUBLIC")
    yield server
    for name in MADE:
        server.psql(f"DROP DATABASE {identifier(name)}")
    server.psql("DROP ROLE curious")


def test_tells_what_there_is_and_what_each_is_for(filled: PostgresqlServer) -> None:
    discovery = Postgresql.discover(login(filled), sizes=True)
    found = {database.name: database for database in discovery.databases}
    assert set(found) >= {"template0", "template1", "postgres", *MADE}
    assert {name for name, database in found.items() if database.holds_data} >= {
        "postgres",
        ODD,
        "nomina",
        "nomina__replaced_yesterday",
    }
    assert not any(found[name].holds_data for name in ("template0", "template1", MADE[2], MADE[3]))
    size = found[ODD].bytes
    assert size is not None and size > 1_000_000
    assert found[ODD] == FoundDatabase(
        engine="postgresql",
        name=ODD,
        version=discovery.version,
        bytes=size,
        encoding="UTF8",
        collation="C.UTF-8",
        owner="postgres",
    )
    assert discovery.version.startswith(f"{filled.major}.")
    assert not found["template0"].accepts_connections and found["template0"].template
    assert discovery.warnings == ()


def test_asks_for_no_more_than_any_role_may_know(filled: PostgresqlServer) -> None:
    discovery = Postgresql.discover(login(filled, login_user="curious", login_password="secreto"), sizes=True)
    sizes = {database.name: database.bytes for database in discovery.databases}
    assert set(sizes) >= set(MADE)
    assert sizes["nomina"] is None
    assert sizes[ODD]


def test_measures_nothing_unasked(filled: PostgresqlServer) -> None:
    assert {database.bytes for database in Postgresql.discover(login(filled)).databases} == {None}


def test_stands_in_template1_where_there_is_no_postgres(filled: PostgresqlServer) -> None:
    filled.psql("ALTER DATABASE postgres RENAME TO gone", "template1")
    try:
        names = {database.name for database in Postgresql.discover(login(filled)).databases}
    finally:
        filled.psql("ALTER DATABASE gone RENAME TO postgres", "template1")
    assert "gone" in names and "postgres" not in names


def test_says_which_server_did_not_let_it_in(server17: PostgresqlServer) -> None:
    with pytest.raises(ProcessFailed, match=r"Correct login_user and login_password"):
        Postgresql.discover(login(server17, login_password="wrong"))
