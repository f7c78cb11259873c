# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have replaced is removed when it was kept for long enough, and never while it may be all there is."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.client import clients
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.create import derived_name
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.restore_lock import restore_lock
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, LockHeld, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import kept_data
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

        listed = kept_data.prune(engine(server, ledger).kept_data(), keep_days=None)
        assert [entry.name for entry in listed.left] == [restored.kept]
        assert kept_data.prune(engine(server, ledger).kept_data(), keep_days=1).removed == []
        assert len(kept_data.prune(engine(server, ledger).kept_data(), keep_days=0, check_mode=True).removed) == 1
        assert databases(server) == {ledger, *alike, str(restored.kept)}
        assert len(kept_data.prune(engine(server, ledger).kept_data(), keep_days=0).removed) == 1
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
    pruned = kept_data.prune(engine(server, "libro").kept_data(), keep_days=0)
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
        [entry] = kept_data.prune(engine(server, ledger).kept_data(), keep_days=0).left
        assert " from " in str(entry.in_use)
    finally:
        looking.kill()
        looking.wait(10)
    server.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{old}'")
    with engine(server, ledger)._connection as connection:
        connection.client = clients(connection.client_directory)[0]
        with restore_lock(connection):
            pruned = kept_data.prune(engine(server, ledger).kept_data(), keep_days=0)
            assert [type(error) for error in pruned.failures] == [LockHeld]
    assert old in databases(server)
    assert len(kept_data.prune(engine(server, ledger).kept_data(), keep_days=0).removed) == 1


def test_what_is_kept_stands_still_and_can_be_removed(site: Site) -> None:
    """A subscription would go on filling it, and keep it from being dropped; so would a slot."""
    with PostgresqlServer(15, settings={"wal_level": "logical", "shared_buffers": "32MB"}) as server:
        for database in ("origen", "caso"):
            server.psql(f"CREATE DATABASE {database}")
            server.psql("CREATE TABLE t (i int PRIMARY KEY); CREATE TABLE u AS SELECT 1 AS i", database)
        server.psql("CREATE PUBLICATION p FOR TABLE t", "origen")
        server.psql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')", "origen")
        server.psql("SELECT pg_create_logical_replication_slot('de_caso', 'pgoutput')", "caso")
        server.psql(
            f"CREATE SUBSCRIPTION s CONNECTION 'host={server.socket} port={server.port} dbname=origen user=postgres'"
            " PUBLICATION p WITH (create_slot = false)",
            "caso",
        )
        server.psql(
            "CREATE FUNCTION mira() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;"
            "CREATE EVENT TRIGGER siempre ON sql_drop EXECUTE FUNCTION mira();"
            "ALTER EVENT TRIGGER siempre ENABLE ALWAYS;"
            "CREATE EVENT TRIGGER replica ON sql_drop EXECUTE FUNCTION mira();"
            "ALTER EVENT TRIGGER replica ENABLE REPLICA;"
            "CREATE FUNCTION anota() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
            'CREATE EVENT TRIGGER "Vigía" ON ddl_command_end EXECUTE FUNCTION anota()',
            "caso",
        )
        dumped = site.dump(engine(server, "caso"))
        assert dumped.description is not None
        assert [entry["name"] for entry in dumped.description.unrestorable] == ["s"]
        restored = site.restore(engine(server, "caso"), dumped.set_id, replace=True)
        kept = str(restored.kept)
        assert [(entry.kind, entry.name) for entry in restored.left_out] == [("subscription", "s")]
        told = " ".join(restored.warnings)
        assert f"Subscriptions of the replaced database ({kept}) were disabled: s" in told
        assert f"belong to what is kept ({kept}): de_caso" in told

        disabled = "Vigía, replica (REPLICA), siempre (ALWAYS)"
        assert f"Event triggers of the replaced database ({kept}) were disabled: {disabled}." in told
        assert server.psql("SELECT DISTINCT evtenabled FROM pg_event_trigger", kept) == "D"
        how = "SELECT string_agg(evtenabled, '' ORDER BY evtname COLLATE \"C\") FROM pg_event_trigger"
        assert server.psql(how, "caso") == "ORA"

        server.psql("INSERT INTO t SELECT generate_series(1, 60)", "origen")
        time.sleep(2)
        assert server.psql("SELECT subenabled FROM pg_subscription") == "f"
        assert server.psql("SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL") == "0"
        assert server.psql("SELECT count(*) FROM t", kept) == "0"
        pruned = kept_data.prune(engine(server, "caso").kept_data(), keep_days=0)
        assert (pruned.failures, [entry.name for entry in pruned.removed]) == ([], [kept])
        assert databases(server) == {"origen", "caso"}


def test_what_is_kept_lets_no_worker_in(server: PostgresqlServer, site: Site) -> None:
    """An extension of that name: its workers look for it in every database that takes connections."""
    shared = subprocess.run([server.program("pg_config"), "--sharedir"], capture_output=True, text=True, check=True)
    home = Path(shared.stdout.strip()) / "extension"
    if not os.access(home, os.W_OK):
        pytest.skip("this user may not add an extension to the server's own")
    files = {home / "pg_squeeze.control": "default_version = '0'\n", home / "pg_squeeze--0.sql": "SELECT 1;\n"}
    try:
        for path, text in files.items():
            path.write_text(text)
        server.psql("CREATE DATABASE libro")
        server.psql("CREATE EXTENSION pg_squeeze; CREATE TABLE t AS SELECT 1 AS i", "libro")
        dumped = site.dump(engine(server, "libro"))
        restored = site.restore(engine(server, "libro"), dumped.set_id, replace=True)
    finally:
        for path in files:
            path.unlink()
    kept = str(restored.kept)
    assert f"The replaced database ({kept}) takes no connections" in " ".join(restored.warnings)
    assert server.psql(f"SELECT datallowconn FROM pg_database WHERE datname = '{kept}'") == "f"
    assert server.psql("SELECT i FROM t", "libro") == "1"
    pruned = kept_data.prune(engine(server, "libro").kept_data(), keep_days=0)
    assert (pruned.failures, [entry.name for entry in pruned.removed]) == ([], [kept])
