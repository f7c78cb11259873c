# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have replaced is removed when it was kept for long enough, and never while it may be all there is."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils import _replaced
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, LockHeld, Refused
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql import _restore as postgresql_restore
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._access import Access
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._create import derived_name
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site, databases, drop_everything, engine, identifier

OLD = "__replaced_20200101T000000Z"
LONG = "l" * 60


@pytest.fixture
def server(server17: PostgresqlServer) -> Iterator[PostgresqlServer]:
    drop_everything(server17, *databases(server17))
    yield server17
    drop_everything(server17, *databases(server17))


@pytest.fixture(params=["libro", LONG])
def ledger(request: pytest.FixtureRequest, server: PostgresqlServer) -> str:
    server.psql(f"CREATE DATABASE {request.param}")
    server.psql("CREATE TABLE t AS SELECT 1 AS i", request.param)
    return str(request.param)


def make(server: PostgresqlServer, name: str) -> str:
    server.psql(f"CREATE DATABASE {identifier(name)} IS_TEMPLATE true")
    return name


def unmake(server: PostgresqlServer, *names: str) -> None:
    for name in names:
        server.psql(f"ALTER DATABASE {identifier(name)} IS_TEMPLATE false")


def test_it_is_removed_by_a_restore_or_without_one(server: PostgresqlServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    old = make(server, derived_name(ledger, OLD))
    alike = [make(server, name) for name in (f"libros{OLD}", f"libro{OLD}_x", f"{'l' * 36}{OLD}")]
    try:
        restored = site.restore(engine(server, ledger), dumped.set_id, replace=True, keep_replaced_days=30)
        assert [(entry.name, entry.since) for entry in restored.removed] == [(old, "20200101T000000Z")]
        assert restored.removed[0].bytes > 1_000_000
        assert databases(server) == {ledger, *alike, str(restored.kept)}

        listed = _replaced.prune(engine(server, ledger), keep_days=None)
        assert [entry.name for entry in listed.left] == [restored.kept]
        assert _replaced.prune(engine(server, ledger), keep_days=1).removed == []
        assert len(_replaced.prune(engine(server, ledger), keep_days=0, check_mode=True).removed) == 1
        assert databases(server) == {ledger, *alike, str(restored.kept)}
        assert len(_replaced.prune(engine(server, ledger), keep_days=0).removed) == 1
        assert databases(server) == {ledger, *alike}
    finally:
        unmake(server, *alike)


@pytest.mark.parametrize("state", ["absent", "empty", "closed"])
def test_nothing_is_removed_while_it_may_be_all_there_is(server: PostgresqlServer, state: str) -> None:
    server.psql(f"CREATE DATABASE {identifier(f'libro{OLD}')}")
    if state != "absent":
        server.psql("CREATE DATABASE libro")
    if state == "closed":
        server.psql("ALTER DATABASE libro ALLOW_CONNECTIONS false")
    pruned = _replaced.prune(engine(server, "libro"), keep_days=0)
    assert len(pruned.failures) == 1
    assert isinstance(pruned.failures[0], Refused if state == "empty" else BackupError)
    assert f"libro{OLD}" in databases(server)


@pytest.mark.parametrize("ledger", ["libro"], indirect=True)
def test_what_is_in_use_or_being_restored_stays(server: PostgresqlServer, ledger: str) -> None:
    old = f"{ledger}{OLD}"
    server.psql(f"CREATE DATABASE {identifier(old)}")
    looking = subprocess.Popen(
        [server.program("psql"), "-X", "-q", "-c", "SELECT pg_sleep(60)"], env=server.environment(old)
    )
    try:
        end = time.monotonic() + 30
        while server.psql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{old}'") == "0":
            assert time.monotonic() < end
            time.sleep(0.05)
        [entry] = _replaced.prune(engine(server, ledger), keep_days=0).left
        assert " from " in str(entry.in_use)
    finally:
        looking.kill()
        looking.wait(10)
    server.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{old}'")
    with engine(server, ledger)._connection as connection:
        restoration = postgresql_restore.Restoration(connection, Access())
        restoration.replaced()
        restoration._lock()
        try:
            pruned = _replaced.prune(engine(server, ledger), keep_days=0)
            assert [type(error) for error in pruned.failures] == [LockHeld]
        finally:
            restoration._unlock()
    assert old in databases(server)
    assert len(_replaced.prune(engine(server, ledger), keep_days=0).removed) == 1
