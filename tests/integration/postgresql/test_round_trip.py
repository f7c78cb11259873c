# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump, destroy, restore, compare every row and every object."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import pg_restore
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.conftest import running_server
from tests.integration.postgresql.support import (
    Site,
    create_everything,
    databases,
    differences,
    drop_everything,
    engine,
    fingerprint,
    leftovers,
    restore_by_hand,
)

BOOKS = "Contabilidad 2026 = ñ"


@pytest.fixture
def books(server: PostgresqlServer) -> Iterator[str]:
    """A database with everything in it."""
    drop_everything(server, *databases(server))
    create_everything(server, BOOKS)
    yield BOOKS
    drop_everything(server, *databases(server))


@pytest.mark.usefixtures("many_streams")
def test_what_was_destroyed_comes_back_exactly(server: PostgresqlServer, books: str, site: Site) -> None:
    before = fingerprint(server, books)
    dumped = site.dump(engine(server, books))
    assert dumped.description is not None
    assert len([file for file in dumped.description.payload if file.part.startswith("data")]) > 2

    drop_everything(server, books)
    restored = site.restore(engine(server, books), dumped.set_id)

    assert differences(before, fingerprint(server, books)) == {}
    assert restored.kept is None
    assert [check.name for check in restored.checks if not check.passed] == []
    assert databases(server) == {books}
    assert leftovers(server) == []


def test_the_sets_own_commands_restore_it_without_this_collection(
    server: PostgresqlServer, books: str, site: Site
) -> None:
    before = fingerprint(server, books)
    dumped = site.dump(engine(server, books))
    drop_everything(server, books)

    done = restore_by_hand(site, server, dumped.set_id)

    assert done.returncode == 0, done.stderr
    assert differences(before, fingerprint(server, books)) == {}


def test_a_database_that_was_emptied_is_suspect(server17: PostgresqlServer, site: Site) -> None:
    server17.psql("CREATE DATABASE vaciada")
    for table in ("a", "b"):
        server17.psql(f"CREATE TABLE {table} AS SELECT generate_series(1, 30) AS n", database="vaciada")
    full = site.dump(engine(server17, "vaciada"))
    server17.psql("TRUNCATE a, b", database="vaciada")
    emptied = site.dump(engine(server17, "vaciada"))
    server17.psql("DROP DATABASE vaciada")
    assert (full.suspect, emptied.suspect) == (None, f"it holds no rows, and {full.set_id} holds 60")


def test_a_set_is_verified_by_other_peoples_tools(server17: PostgresqlServer, site: Site) -> None:
    bagit = pytest.importorskip("bagit")
    server17.psql("CREATE DATABASE bolsa")
    dumped = site.dump(engine(server17, "bolsa"))
    server17.psql("DROP DATABASE bolsa")
    directory = site.path(dumped.set_id)

    bagit.Bag(str(directory)).validate()
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=directory, check=True)
    subprocess.run(["sha256sum", "-c", "--quiet", "tagmanifest-sha256.txt"], cwd=directory, check=True)


def test_what_is_replaced_is_kept_under_a_dated_name(server: PostgresqlServer, books: str, site: Site) -> None:
    dumped = site.dump(engine(server, books))
    before = fingerprint(server, books)
    server.psql("TRUNCATE contable.huevo CASCADE; CREATE TABLE public.despues (i int)", books)
    spoiled = fingerprint(server, books)

    restored = site.restore(engine(server, books), dumped.set_id, replace=True)

    assert restored.kept is not None
    assert restored.kept.startswith(f"{books}__replaced_2")
    assert differences(before, fingerprint(server, books)) == {}
    kept = fingerprint(server, restored.kept)
    assert kept["content of contable.huevo"] == spoiled["content of contable.huevo"]
    assert "content of public.despues" in kept


def test_a_database_in_use_is_replaced_although_its_users_reconnect_at_once(
    server17: PostgresqlServer, site: Site
) -> None:
    server = server17
    server.psql("CREATE DATABASE ocupada")
    server.psql("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i", "ocupada")
    dumped = site.dump(engine(server, "ocupada"))
    server.psql("DELETE FROM t", "ocupada")
    loop = f"while :; do {server.program('psql')} -X -q -d ocupada -c 'SELECT pg_sleep(30)' || sleep 0.02; done"
    users = [
        subprocess.Popen(
            ["bash", "-c", loop], env=server.environment(), stderr=subprocess.DEVNULL, start_new_session=True
        )
        for _time in range(4)
    ]
    try:
        restored = site.restore(engine(server, "ocupada"), dumped.set_id, replace=True)
        assert server.psql("SELECT count(*) FROM t", "ocupada") == "1000"
        assert restored.kept in databases(server)
    finally:
        for user in users:
            os.killpg(user.pid, 9)
            user.wait()
        drop_everything(server, *databases(server))


def test_a_dump_of_15_restores_into_17(site: Site) -> None:
    old, new = running_server(15), running_server(17)
    try:
        create_everything(old, "traslado", icu=False)
        dumped = site.dump(engine(old, "traslado"))
        restored = site.restore(engine(new, "traslado", client_directory=str(new.bin)), dumped.set_id)
        assert all(check.passed for check in restored.checks)
        before, after = fingerprint(old, "traslado"), fingerprint(new, "traslado")
        contents = [name for name in before if name.startswith("content of")]
        assert len(contents) > 20
        assert [name for name in contents if before[name] != after[name]] == []
    finally:
        drop_everything(old, "traslado")
        drop_everything(new, "traslado")


def test_the_client_of_a_newer_version_serves_an_older_server(site: Site) -> None:
    """pg_restore 17 sends such a server a setting that it does not know."""
    server, newer = running_server(15), str(running_server(17).bin)
    try:
        create_everything(server, "contable")
        before = fingerprint(server, "contable")
        dumped = site.dump(engine(server, "contable", client_directory=newer))
        assert dumped.description is not None
        assert "Install postgresql-client-15" in " ".join(dumped.description.warnings)
        drop_everything(server, "contable")
        site.restore(engine(server, "contable", client_directory=newer), dumped.set_id)
        assert differences(before, fingerprint(server, "contable")) == {}

        # Any other error still counts.
        server.psql(
            "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF current_database() <>"
            " 'contable' THEN RAISE 'cae'; END IF; RETURN 1; END $$;"
            " CREATE TABLE t AS SELECT 1 AS i; CREATE INDEX ON t (f(i))",
            "contable",
        )
        dumped = site.dump(engine(server, "contable", client_directory=newer), source="otra")
        restored = site.restore(engine(server, "copia", client_directory=newer), dumped.set_id)
        assert [(entry.kind, entry.name) for entry in restored.left_out] == [("index", "contable.t_f_idx")]
    finally:
        drop_everything(server, *databases(server))


@pytest.mark.parametrize("major", [14, 16, 18])
def test_the_other_supported_majors(major: int, site: Site) -> None:
    server = running_server(major)
    try:
        create_everything(server, "contable")
        before = fingerprint(server, "contable")
        dumped = site.dump(engine(server, "contable"))
        drop_everything(server, "contable")
        site.restore(engine(server, "contable"), dumped.set_id)
        assert differences(before, fingerprint(server, "contable")) == {}
    finally:
        drop_everything(server, *databases(server))


BANK = """
CREATE TABLE cuenta_a (id int PRIMARY KEY, saldo bigint NOT NULL);
CREATE TABLE cuenta_b (LIKE cuenta_a INCLUDING ALL);
CREATE TABLE cuenta_c (LIKE cuenta_a INCLUDING ALL);
CREATE TABLE traslado (id bigserial PRIMARY KEY, valor int NOT NULL);
INSERT INTO cuenta_a SELECT i, 1000 FROM generate_series(1, 2000) i;
INSERT INTO cuenta_b SELECT i, 1000 FROM generate_series(1, 2000) i;
INSERT INTO cuenta_c SELECT i, 1000 FROM generate_series(1, 2000) i;
"""
# What leaves a goes to b or c in the same transaction, and is written down.
TRANSFERS = """
DO $$ BEGIN
    FOR i IN 1 .. 10000000 LOOP
        UPDATE cuenta_a SET saldo = saldo - 1 WHERE id = 1 + i % 2000;
        IF i % 2 = 0 THEN UPDATE cuenta_b SET saldo = saldo + 1 WHERE id = 1 + i % 1999;
        ELSE UPDATE cuenta_c SET saldo = saldo + 1 WHERE id = 1 + i % 1997; END IF;
        INSERT INTO traslado (valor) VALUES (1);
        COMMIT;
    END LOOP;
END $$
"""
TOTAL = """
SELECT (SELECT sum(saldo) FROM cuenta_a) + (SELECT sum(saldo) FROM cuenta_b) + (SELECT sum(saldo) FROM cuenta_c),
    (SELECT 2000000 - sum(saldo) FROM cuenta_a) - (SELECT count(*) FROM traslado), count(*) > 0 FROM traslado
"""


@pytest.mark.usefixtures("many_streams")
def test_a_dump_under_writes_is_one_snapshot(server: PostgresqlServer, site: Site) -> None:
    server.psql("CREATE DATABASE banco")
    server.psql(BANK, "banco")
    writers = [
        subprocess.Popen(
            [server.program("psql"), "-X", "-q", "-c", "SET synchronous_commit = off", "-c", TRANSFERS],
            env=server.environment("banco"),
            stderr=subprocess.DEVNULL,
        )
        for _time in range(2)
    ]
    try:
        while server.psql("SELECT count(*) > 500 FROM traslado", "banco") == "f":
            time.sleep(0.1)
        dumps = [site.dump(engine(server, "banco"), jobs=3) for _time in range(3)]
        written = int(server.psql("SELECT count(*) FROM traslado", "banco"))
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGINT)
            writer.wait(30)
    try:
        for dumped in dumps:
            assert dumped.description is not None
            assert len(dumped.description.payload) > 4
            restored = site.restore(engine(server, "copia"), dumped.set_id, replace=True)
            assert all(check.passed for check in restored.checks)
            assert server.psql(TOTAL, "copia") == "6000000|0|t"
        assert written > int(server.psql("SELECT count(*) FROM traslado", "copia"))
    finally:
        drop_everything(server, *databases(server))


def test_a_replica_is_dumped_and_says_what_it_cannot_read(server: PostgresqlServer, site: Site) -> None:
    server.psql("CREATE DATABASE principal")
    server.psql(
        "CREATE TABLE asiento (id int PRIMARY KEY, valor numeric); CREATE UNLOGGED TABLE cache (id int);"
        "INSERT INTO asiento SELECT i, i / 3.0 FROM generate_series(1, 20000) i; INSERT INTO cache VALUES (1);"
        "SELECT lo_from_bytea(0, 'comprobante')",
        "principal",
    )
    content = "SELECT count(*), sum(valor), (SELECT count(*) FROM pg_largeobject_metadata) FROM asiento"
    before = server.psql(content, "principal")
    replica = server.replica()
    try:
        replica.start()
        assert replica.psql("SELECT pg_is_in_recovery()") == "t"
        dumped = site.dump(engine(replica, "principal", content_digest=True))
        assert dumped.description is not None
        assert [line for line in dumped.description.warnings if "unlogged tables" in line and "public.cache" in line]
        assert "public.cache" not in dumped.description.engine_facts["row_counts"]
        assert set(dumped.description.engine_facts["content_digests"]) == {"public.asiento", "large objects"}
        restored = site.restore(engine(server, "copia"), dumped.set_id)
        assert all(check.passed for check in restored.checks)
        assert server.psql(content, "copia") == before
        assert server.psql("SELECT count(*) FROM cache", "copia") == "0"
    finally:
        replica.remove()
        drop_everything(server, *databases(server))


@pytest.mark.slow
def test_a_table_of_a_quarter_of_a_gibibyte(
    server17: PostgresqlServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much a table holds: the limit of roles and schemas, which it exceeds, is not its own."""
    server = server17
    monkeypatch.setattr(pg_restore, "_SMALL_PART_BYTES", 2**24)
    content = "SELECT count(*), sum(hashtextextended(g::text, 0)::numeric) FROM grande g"
    server.psql("CREATE DATABASE gigante")
    try:
        server.psql(
            "CREATE TABLE grande (id bigint PRIMARY KEY, uno text, dos text); ALTER TABLE grande SET"
            " (autovacuum_enabled = off); INSERT INTO grande SELECT i, repeat(md5(i::text), 3),"
            " md5((i * 7)::text) || repeat(' ', 200)"
            " FROM generate_series(1, 725000) i",
            "gigante",
        )
        assert int(server.psql("SELECT pg_table_size('grande')", "gigante")) > 2**28
        before = server.psql(content, "gigante")
        dumped = site.dump(engine(server, "gigante"))
        server.psql("DROP DATABASE gigante")
        site.restore(engine(server, "gigante"), dumped.set_id)
        assert server.psql(content, "gigante") == before
    finally:
        drop_everything(server, *databases(server))
