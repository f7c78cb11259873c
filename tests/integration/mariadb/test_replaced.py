# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have replaced is removed when it was kept for long enough, and never while it may be all there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils import _replaced
from ansible_collections.infitulua.backup.plugins.module_utils._errors import LockHeld, Refused
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _restore as mariadb_restore
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._beside import derived_name
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import Session
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.support import Site, databases, drop_all, engine

OLD = "__replaced_20200101T000000Z"


@pytest.fixture(params=["libro", "l" * 60])
def ledger(request: pytest.FixtureRequest, server: MariadbServer) -> Iterator[str]:
    drop_all(server)
    server.sql(f"CREATE DATABASE {request.param}")
    server.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)", request.param)
    yield str(request.param)
    drop_all(server)


def test_it_is_removed_by_a_restore_or_without_one(server: MariadbServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    old = derived_name(ledger, OLD)
    alike = [f"libros{OLD}", f"libro{OLD}_x", f"{'l' * 37}{OLD}"]
    for name in (old, *alike):
        server.sql(f"CREATE DATABASE `{name}`")
    restored = site.restore(engine(server, ledger), dumped.set_id, replace=True, keep_replaced_days=30)
    assert [(entry.name, entry.since) for entry in restored.removed] == [(old, "20200101T000000Z")]
    assert set(databases(server)) == {ledger, *alike, str(restored.kept)}
    [listed] = _replaced.prune(engine(server, ledger), keep_days=None).left
    assert (listed.name, listed.bytes > 0) == (restored.kept, True)
    assert _replaced.prune(engine(server, ledger), keep_days=1).removed == []
    assert len(_replaced.prune(engine(server, ledger), keep_days=0, check_mode=True).removed) == 1
    assert set(databases(server)) == {ledger, *alike, str(restored.kept)}
    assert len(_replaced.prune(engine(server, ledger), keep_days=0).removed) == 1
    assert set(databases(server)) == {ledger, *alike}


@pytest.mark.parametrize("ledger", ["libro"], indirect=True)
def test_nothing_is_removed_that_may_be_needed(server: MariadbServer, ledger: str) -> None:
    old = f"{ledger}{OLD}"
    server.sql(f"CREATE DATABASE {old}; CREATE TABLE {old}.t (id int)")
    bound = engine(server, ledger)
    with bound._connection, mariadb_restore.Processes() as processes:
        with Session(processes, bound._connection, database=old):
            [entry] = _replaced.prune(engine(server, ledger), keep_days=0).left
            assert str(entry.in_use).startswith("dba from ")
        restoration = mariadb_restore.Restoration(bound._connection)
        restoration._lock()
        try:
            assert [type(e) for e in _replaced.prune(engine(server, ledger), keep_days=0).failures] == [LockHeld]
        finally:
            restoration._unlock()
    for statement in ("DROP TABLE libro.t", "DROP DATABASE libro"):
        server.sql(statement)
        assert [type(e) for e in _replaced.prune(engine(server, ledger), keep_days=0).failures] == [Refused]
    assert databases(server) == [old]
