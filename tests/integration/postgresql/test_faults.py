# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong: one clear message, nothing left behind, and the next run succeeds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import catalogue
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import dump as postgresql_dump
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.session import Session
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    Interrupted,
    LockHeld,
    NotFound,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import restoring
from development.services._process import ServiceFailedError
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.conftest import running_server
from tests.integration.postgresql.support import Site, databases, drop_everything, engine, leftovers, stub

LEDGER = """
CREATE TABLE asiento (id int PRIMARY KEY, texto text);
INSERT INTO asiento SELECT i, md5(i::text) FROM generate_series(1, {rows}) i;
CREATE INDEX ON asiento (texto);
"""
CONTENT = "SELECT count(*), md5(string_agg(asiento::text, ',' ORDER BY id)) FROM asiento"


@pytest.fixture
def server(server17: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server without databases from other tests."""
    drop_everything(server17, *databases(server17))
    yield server17
    server17.start()
    drop_everything(server17, *databases(server17))


@pytest.fixture
def ledger(server: PostgresqlServer) -> str:
    """A small database."""
    server.psql("CREATE DATABASE libro")
    server.psql(LEDGER.format(rows=1000), "libro")
    return "libro"


@pytest.fixture(scope="module")
def template() -> Iterator[str]:
    """A large ledger to copy, until this file's tests have ended."""
    server = running_server(17)
    server.psql("CREATE DATABASE template_libro")
    server.psql(LEDGER.format(rows=800_000), "template_libro")
    yield "template_libro"
    server.psql("DROP DATABASE template_libro")


@pytest.fixture
def big_ledger(server: PostgresqlServer, template: str) -> str:
    """A database that takes a second or two."""
    server.psql(f"CREATE DATABASE libro TEMPLATE {template}")
    return "libro"


def assert_nothing_left(server: PostgresqlServer, site: Site, *, sets: int = 0) -> None:
    """No partial set, no half-restored database, no session."""
    assert len(site.medium.sets()) == sets
    assert list(site.root.rglob("*.partial")) == []
    end = time.monotonic() + 10
    while leftovers(server) and time.monotonic() < end:
        time.sleep(0.1)
    assert leftovers(server) == []


@pytest.mark.parametrize(
    ("changes", "why", "next_step"),
    [
        ({"login_password": "otra"}, "password authentication failed", "login_password"),
        ({"login_password": None}, "no password supplied", "login_password"),
        ({"database": "no existe"}, 'database "no existe" does not exist', "Correct the database's name"),
        ({"login_port": 1}, "Connection refused", "Check that the server runs"),
        ({"login_host": None, "login_unix_socket": "/nonexistent"}, "No such file", "Check that the server runs"),
        ({"login_user": "nadie"}, "password authentication failed", "login_user"),
    ],
)
def test_a_server_that_cannot_be_reached_is_told_before_anything_is_written(
    server: PostgresqlServer, ledger: str, site: Site, changes: dict[str, t.Any], why: str, next_step: str
) -> None:
    with pytest.raises(ProcessFailed) as failure:
        site.dump(engine(server, ledger, **changes) if "database" not in changes else engine(server, **changes))
    assert why in failure.value.why
    assert next_step in failure.value.next_step
    assert str(changes.get("login_password")) not in failure.value.message or changes.get("login_password") is None
    assert site.files() == []
    assert_nothing_left(server, site)


def test_a_server_that_is_down(server: PostgresqlServer, ledger: str, site: Site) -> None:
    server.stop()
    with pytest.raises(ProcessFailed, match=r"Connection refused.*Check that the server runs"):
        site.dump(engine(server, ledger))
    server.start()
    assert site.dump(engine(server, ledger)).changed


def test_a_role_that_may_not_read_a_table(server: PostgresqlServer, ledger: str, site: Site) -> None:
    server.psql("CREATE ROLE lector LOGIN PASSWORD 'x'; REVOKE ALL ON DATABASE libro FROM lector")
    server.psql("GRANT SELECT ON asiento TO lector; CREATE TABLE reservada (i int)", ledger)
    try:
        with pytest.raises(ProcessFailed) as failure:
            site.dump(engine(server, ledger, login_user="lector", login_password="x"))
        assert "permission denied for table reservada" in failure.value.why
        assert "pg_read_all_data" in failure.value.next_step
        assert_nothing_left(server, site)
        # With that, it can; the roles' passwords, which it may not read, are told and not fatal.
        server.psql("GRANT SELECT ON reservada TO lector", ledger)
        dumped = site.dump(engine(server, ledger, login_user="lector", login_password="x"))
        assert dumped.description is not None
        assert "without their passwords" in " ".join(dumped.description.warnings)
    finally:
        server.psql("DROP OWNED BY lector", ledger)
        server.psql("DROP ROLE lector")


def test_row_level_security_never_hides_rows_from_a_dump(server: PostgresqlServer, ledger: str, site: Site) -> None:
    server.psql("CREATE ROLE lector LOGIN PASSWORD 'x' IN ROLE pg_read_all_data")
    server.psql("ALTER TABLE asiento ENABLE ROW LEVEL SECURITY", ledger)
    try:
        with pytest.raises(ProcessFailed, match=r"row-level security.*BYPASSRLS"):
            site.dump(engine(server, ledger, login_user="lector", login_password="x"))
        assert_nothing_left(server, site)
    finally:
        server.psql("DROP ROLE lector")


def test_a_locked_table_is_not_waited_for_forever(
    server: PostgresqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_dump, "LOCK_WAIT_SECONDS", 1)
    holder = subprocess.Popen(
        [server.program("psql"), "-X", "-q", "-c", "BEGIN; LOCK TABLE asiento; SELECT pg_sleep(60)"],
        env=server.environment(ledger),
    )
    try:
        while server.psql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted") == "0":
            time.sleep(0.05)
        with pytest.raises(ProcessFailed, match=r"lock timeout.*Another session holds a lock"):
            site.dump(engine(server, ledger))
    finally:
        holder.send_signal(signal.SIGINT)
        holder.wait(10)
    assert_nothing_left(server, site)


def test_a_client_older_than_the_server_is_refused(site: Site) -> None:
    new, old = running_server(17), running_server(15)
    with pytest.raises(Refused, match=r"17 or newer, but this host has 15.*postgresql-client-17"):
        site.dump(engine(new, "postgres", client_directory=str(old.bin)))
    assert site.files() == []


def _running(program: str, word: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            argv = path.read_bytes().split(b"\0")
            if os.path.basename(argv[0]).decode("utf-8", "replace") == program and word.encode() in b" ".join(argv):
                found.append(int(path.parent.name))
    return found


def _kill_in_the_middle(server: PostgresqlServer, site: Site) -> threading.Thread:
    """Kill the pg_dump of the server's rows when a part of them is on the medium."""

    def arrived() -> bool:
        with contextlib.suppress(OSError):
            return any(path.stat().st_size > 0 for path in site.root.rglob("*.partial/data/data-*"))
        return False

    def kill() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            # Tests beside this one dump other servers.
            pids = _running("pg_dump", f"port='{server.port}'") if arrived() else []
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if pids:
                return
            time.sleep(0.005)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_a_dump_whose_pg_dump_is_killed(
    server: PostgresqlServer, big_ledger: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = site.dump(engine(server, big_ledger))
    # Of what is large, the rest comes later: so pg_dump has not ended when it is killed.
    hesitating = (
        f'first=$(mktemp -p {tmp_path}); case "$1" in --version) exec "$REAL" "$@";; esac\n'
        '( head -c 500000 >"$first"; cat "$first"; [ $(stat -c %s "$first") -lt 500000 ] || sleep 5; cat )'
        ' | "$REAL" "$@"'
    )
    killer = _kill_in_the_middle(server, site)
    with monkeypatch.context() as slow, pytest.raises(ProcessFailed, match="pg_dump was killed by SIGKILL"):
        slow.setenv("PATH", stub(tmp_path / "bin", "age", hesitating))
        site.dump(engine(server, big_ledger))
    killer.join()
    assert_nothing_left(server, site, sets=1)
    assert site.medium.sets() == [earlier.set_id]
    assert site.dump(engine(server, big_ledger)).changed


@pytest.mark.parametrize("program", ["age", "zstd"])
def test_a_filter_that_fails_in_the_middle(
    program: str, server: PostgresqlServer, ledger: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Works while it is tried out, then reads a little and dies.
    counter = tmp_path / "count"
    monkeypatch.setenv(
        "PATH",
        stub(
            tmp_path / "bin",
            program,
            f'case "$1" in --version) exec "$REAL" "$@";; esac\n'
            f'echo x >> {counter}\n[ $(wc -l < {counter}) -le 1 ] && [ {program} = age ] && exec "$REAL" "$@"\n'
            "head -c 100 >/dev/null; echo 'disk on fire' >&2; exit 3",
        ),
    )
    with pytest.raises(ProcessFailed, match=f"{program} ended with exit status 3: disk on fire"):
        site.dump(engine(server, ledger))
    assert_nothing_left(server, site)


def test_the_wrong_identity_is_found_before_anything_is_touched(
    server: PostgresqlServer, ledger: str, site: Site, tmp_path: Path
) -> None:
    dumped = site.dump(engine(server, ledger))
    other = tmp_path / "other"
    subprocess.run(["age-keygen", "-o", str(other)], check=True, capture_output=True)
    with pytest.raises(ProcessFailed, match="no identity matched"):
        site.restore(engine(server, ledger), dumped.set_id, identity_files=(str(other),), replace=True)
    assert databases(server) == {ledger}
    assert_nothing_left(server, site, sets=1)


def test_a_target_that_holds_data_is_refused(server: PostgresqlServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    with pytest.raises(Refused, match="it exists and holds data"):
        site.restore(engine(server, ledger), dumped.set_id)
    assert databases(server) == {ledger}
    # An empty one is not: it is kept under a dated name all the same.
    server.psql("CREATE DATABASE vacia")
    restored = site.restore(engine(server, "vacia"), dumped.set_id)
    assert restored.before.empty
    assert server.psql("SELECT count(*) FROM asiento", "vacia") == "1000"


@pytest.mark.parametrize(
    "what",
    [
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA s",
        "SELECT lo_create(0)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TYPE e AS ENUM ('a')",
        "CREATE SEQUENCE s",
    ],
)
def test_whatever_a_target_holds_counts(server: PostgresqlServer, ledger: str, site: Site, what: str) -> None:
    dumped = site.dump(engine(server, ledger))
    server.psql("CREATE DATABASE destino")
    server.psql(what, "destino")
    with pytest.raises(Refused, match="it exists and holds data"):
        site.restore(engine(server, "destino"), dumped.set_id)


def test_a_missing_extension_that_a_table_needs_is_told_before_anything_is_made(
    server: PostgresqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.psql("CREATE EXTENSION hstore; CREATE TABLE rasgo (de int PRIMARY KEY, valores hstore)", ledger)
    dumped = site.dump(engine(server, ledger))
    control = next(server.bin.parent.rglob("hstore.control"))
    hidden = control.with_suffix(".hidden")
    control.rename(hidden)
    try:
        with pytest.raises(NotFound, match=r"extensions that the server lacks: hstore.*Install"):
            site.restore(engine(server, "copia"), dumped.set_id)
    finally:
        hidden.rename(control)
    assert databases(server) == {ledger}


def test_a_server_that_ends_while_settings_are_restored_leaves_out_none(
    server: PostgresqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.psql(f"ALTER DATABASE {ledger} SET work_mem = '5MB'")
    dumped = site.dump(engine(server, ledger))
    real = Session.execute

    def dying(session: Session, sql: str, *, action: str = "ask the server") -> list[str]:
        if action == "restore the database's settings":
            raise ProcessFailed(action, on="x", why="FATAL:  terminating connection due to crash", next_step="Again.")
        return real(session, sql, action=action)

    monkeypatch.setattr(Session, "execute", dying)
    with pytest.raises(ProcessFailed, match="terminating connection"):
        site.restore(engine(server, "copia"), dumped.set_id)


def test_a_tampered_set_makes_no_superuser(server: PostgresqlServer, ledger: str, site: Site) -> None:
    server.psql("CREATE ROLE jefe SUPERUSER CREATEROLE LOGIN PASSWORD 'x'; ALTER DATABASE libro OWNER TO jefe")
    dumped = site.dump(engine(server, ledger))
    server.psql("DROP DATABASE libro")
    server.psql("DROP ROLE jefe")
    try:
        restored = site.restore(engine(server, ledger), dumped.set_id)
        assert (
            server.psql("SELECT rolsuper, rolcreaterole, rolcanlogin FROM pg_roles WHERE rolname = 'jefe'") == "f|f|t"
        )
        assert 'ALTER ROLE "jefe" WITH SUPERUSER CREATEROLE' in " ".join(restored.warnings)
    finally:
        server.psql("DROP DATABASE IF EXISTS libro")
        server.psql("DROP ROLE jefe")


def test_a_restore_that_fails_halfway_takes_back_all_it_made(server: PostgresqlServer, ledger: str, site: Site) -> None:
    """The set's last index refers to a function that fails on the target: everything before it has been restored."""
    server.psql("CREATE ROLE dueña; ALTER DATABASE libro OWNER TO dueña")
    server.psql(
        "CREATE FUNCTION trampa(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_database() <> 'libro' THEN RAISE 'cae la trampa'; END IF; RETURN 1; END $$;"
        " CREATE INDEX zz ON asiento (trampa(id))",
        ledger,
    )
    dumped = site.dump(engine(server, ledger))
    server.psql("ALTER DATABASE libro OWNER TO postgres")
    server.psql("DROP ROLE dueña")
    before = server.psql(CONTENT, ledger)
    with pytest.raises(Refused, match=r"index public\.zz"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True, strict=True)
    assert databases(server) == {ledger}
    assert server.psql(CONTENT, ledger) == before
    assert server.psql("SELECT count(*) FROM pg_roles WHERE rolname = 'dueña'") == "0"
    assert_nothing_left(server, site, sets=1)


# What it does as a superuser is up to whoever owns the table.
TRAP = """
CREATE ROLE ajeno; GRANT CREATE ON SCHEMA public TO ajeno; SET ROLE ajeno;
CREATE FUNCTION espera() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    IF current_setting('is_superuser') = 'on' THEN RAISE EXCEPTION 'corrí como superusuario'; END IF;
    RETURN 1;
END $$;
CREATE TABLE con_indice (nota text, id int, doble int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE con_parcial (id int);
CREATE TABLE con_estadistica (id int);
INSERT INTO con_indice SELECT E'dos\\nlíneas', i FROM generate_series(1, 3) i;
INSERT INTO con_parcial SELECT generate_series(1, 4);
INSERT INTO con_estadistica SELECT generate_series(1, 5);
CREATE INDEX ON con_indice ((id + public.espera()));
CREATE INDEX ON con_parcial (id) WHERE id > public.espera();
CREATE TABLE con_nada (); INSERT INTO con_nada DEFAULT VALUES; CREATE INDEX ON con_nada ((public.espera()));
CREATE TABLE con_despues (id int); INSERT INTO con_despues VALUES (1), (2);
CREATE STATISTICS de_expresion ON (id + public.espera()), id FROM con_estadistica;
"""


def test_a_dump_runs_nothing_that_a_table_s_owner_wrote(
    server: PostgresqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planning a query computes the constants in a table's indexes and statistics: a plain count would."""
    server.psql(TRAP, ledger)
    real = catalogue.count_rows

    def count_too_late(session: Session, found: t.Sequence[catalogue.Table]) -> dict[str, int]:
        # An owner who waits for the dump puts the index on the table when that has been looked at.
        server.psql("SET ROLE ajeno; CREATE INDEX ON con_despues ((id + public.espera()))", ledger)
        return real(session, found)

    monkeypatch.setattr(catalogue, "count_rows", count_too_late)
    try:
        with pytest.raises(ServiceFailedError, match="corrí como superusuario"):
            server.psql("SELECT count(*) FROM con_indice", ledger)
        dumped = site.dump(engine(server, ledger))
    finally:
        server.psql("DROP OWNED BY ajeno; DROP ROLE ajeno", ledger)
    assert dumped.description is not None
    counts = dumped.description.engine_facts["row_counts"]
    traps = {name: count for name, count in counts.items() if name.startswith("public.con_")}
    told = {name.removeprefix("public.con_"): count for name, count in traps.items()}
    assert told == {"indice": 3, "parcial": 4, "estadistica": 5, "nada": 1, "despues": 2}


def test_two_restores_within_a_second_keep_both_that_they_replace(
    server: PostgresqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = site.dump(engine(server, ledger))
    monkeypatch.setattr(restoring, "TIME_FORMAT", "20260301T120000Z")  # The clock stands still.
    kept = [site.restore(engine(server, ledger), dumped.set_id, replace=True).kept for _time in range(3)]
    assert kept == [f"{ledger}__replaced_20260301T120000Z{again}" for again in ("", "_2", "_3")]
    assert databases(server) == {ledger, *kept}


# A process of its own, so that it can be killed: SIGKILL leaves no time for anything.
_CHILD = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from tests.integration.postgresql.support import Site, engine
from development.services.postgresql import PostgresqlServer
server = PostgresqlServer.__new__(PostgresqlServer)
server.__dict__.update({server!r})
server.bin = Path(server.bin)
site = Site.__new__(Site)
site.__dict__.update({site!r})
site.root, site.identity = Path(site.root), Path(site.identity)
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
site.medium = DirectoryMedium(path=str(site.root))
{action}
"""


def _child(server: PostgresqlServer, site: Site, action: str) -> subprocess.Popen[bytes]:
    code = _CHILD.format(
        paths=sys.path,
        server={
            "host": server.host,
            "port": server.port,
            "user": server.user,
            "password": server.password,
            "bin": str(server.bin),
        },
        site={"root": str(site.root), "identity": str(site.identity), "recipient": site.recipient},
        action=action,
    )
    process = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(code.encode())
    process.stdin.close()
    return process


def test_two_restores_into_one_target_do_not_meet(server: PostgresqlServer, big_ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, big_ledger))
    process = _child(
        server, site, f"site.restore(engine(server, 'copia'), SetId.parse({str(dumped.set_id)!r}), replace=True)"
    )
    while "copia__restoring" not in databases(server):
        assert process.poll() is None
        time.sleep(0.02)
    with pytest.raises(LockHeld, match="another restore of it is running"):
        site.restore(engine(server, "copia"), dumped.set_id, replace=True)
    assert process.wait(60) == 0
    assert server.psql("SELECT count(*) FROM asiento", "copia") == "800000"


def test_a_restore_that_never_ends_is_ended_at_its_limit(server: PostgresqlServer, ledger: str, site: Site) -> None:
    """A function of the set's own sleeps where it is restored."""
    server.psql(
        "CREATE FUNCTION dormir(i int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_database() <> 'libro' THEN PERFORM pg_sleep(600); END IF; RETURN true; END $$;"
        "ALTER TABLE asiento ADD CHECK (dormir(id))",
        ledger,
    )
    before = server.psql(CONTENT, ledger)
    dumped = site.dump(engine(server, ledger))
    begin = time.monotonic()
    with pytest.raises(Interrupted, match="it took longer than the limit of 4 seconds") as caught:
        site.restore(engine(server, ledger), dumped.set_id, replace=True, max_seconds=4)
    assert time.monotonic() - begin < 30
    assert "The target is as it was." in caught.value.message
    assert_nothing_left(server, site, sets=1)
    assert server.psql(CONTENT, ledger) == before
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND wait_event = 'PgSleep'"
    assert server.psql(asleep).strip() == "0"
