# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of PostgreSQL sets: into a real throw-away server, confined, of which nothing is left."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.instance import PostgresqlInstance
from ansible_collections.infitulua.backup.plugins.module_utils._engines.trial.instance import Place
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import Drill
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.request import (
    DrillRequest,
    Limits,
    Query,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.supervisor import Supervisor
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from development.services.postgresql import PostgresqlServer
from tests.integration.drills.support import descendants, wait_for
from tests.integration.postgresql.support import Site, create_everything, drop_everything, engine
from tests.integration.postgresql.test_left_out import TRAPS

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
GIBIBYTE = 1024**3
CANARY = "canary-that-only-root-may-read"


@pytest.fixture
def work() -> Iterator[Path]:
    """A work directory that other users can get through, and that is empty in the end."""
    with tempfile.TemporaryDirectory(prefix="w-") as directory:
        path = Path(directory)
        path.chmod(0o711)
        yield path
        assert list(path.iterdir()) == []


def request(site: Site, work: Path, server: PostgresqlServer, **changes: t.Any) -> DrillRequest:
    """A request for drills with this server's programs."""
    options: dict[str, t.Any] = {
        "open_medium": lambda: DirectoryMedium(path=str(site.root)),
        "medium_name": site.medium.describe(),
        "identity_files": (str(site.identity),),
        "allowed_signers": None,
        "work_directory": str(work),
        "user": "nobody",
        "programs_directory": str(server.bin),
        "queries": (),
        "limits": Limits(seconds=120, bytes=None, memory_bytes=8 * GIBIBYTE),
        "jobs": 2,
        **changes,
    }
    return DrillRequest(**options)


def drill(asked: DrillRequest, set_id: SetId | None) -> Drill:
    """Drills one set."""
    assert set_id is not None
    return Supervisor(asked).drill(set_id)


def servers_below(work: Path) -> list[str]:
    """Command lines of processes that name the work directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(work) in words and entry.name != str(os.getpid()):
                found.append(words)
    return found


@pytest.fixture
def ledger(server: PostgresqlServer) -> Iterator[str]:
    """A small ledger."""
    server.psql("CREATE DATABASE libro")
    server.psql(
        "CREATE TABLE asiento (id int PRIMARY KEY, debe numeric NOT NULL, haber numeric NOT NULL);"
        "INSERT INTO asiento SELECT i, i, i FROM generate_series(1, 5000) i",
        "libro",
    )
    yield "libro"
    drop_everything(server, "libro")


def test_everything_is_restored_checked_and_gone(server: PostgresqlServer, site: Site, work: Path) -> None:
    create_everything(server, "todo")
    try:
        dumped = site.dump(engine(server, "todo"))
        found = drill(request(site, work, server), dumped.set_id)
    finally:
        drop_everything(server, "todo")
    assert (found.outcome, found.message, found.left_out) == ("passed", None, [])
    names = {check["name"] for check in found.checks}
    assert {"row counts", "objects", "sequences", "indexes", "pg_amcheck"} <= names
    assert found.restore_seconds is not None
    assert 0 < found.restore_seconds <= found.seconds
    assert found.bytes_per_second == pytest.approx((found.source_bytes or 0) / found.restore_seconds, rel=0.01)
    assert found.age_seconds is not None
    assert 0 <= found.age_seconds < 300
    assert servers_below(work) == []


def test_what_the_dump_could_not_know_is_told(server: PostgresqlServer, site: Site, work: Path) -> None:
    server.psql("CREATE DATABASE libro")
    try:
        server.psql(TRAPS, "libro")
        dumped = site.dump(engine(server, "libro"))
        found = drill(request(site, work, server), dumped.set_id)
    finally:
        drop_everything(server, "libro")
    assert dumped.description is not None
    assert dumped.description.unrestorable == []
    assert found.outcome == "passed", found
    assert sorted(described.partition(":")[0] for described in found.left_out) == [
        "check constraint vale on public.b_regla",
        "foreign key public.b_huerfana a_regla",
        "generated column public.b_calculo.g",
        "index public.de_trampa",
        "rows of materialized view public.resumen",
    ]


def test_the_inventory_s_questions_decide_too(server: PostgresqlServer, ledger: str, site: Site, work: Path) -> None:
    dumped = site.dump(engine(server, ledger))
    balanced = Query("the ledger balances", "SELECT sum(debe) - sum(haber) FROM asiento", "0")
    elsewhere = Query("another source's", "SELECT 1", "2", source="nomina")
    found = drill(request(site, work, server, queries=(balanced, elsewhere)), dumped.set_id)
    assert found.outcome == "passed"
    assert found.checks[-1] == {"name": "the ledger balances", "passed": True, "detail": "0"}

    counted = Query("five thousand and one", "SELECT count(*) FROM asiento", "5001")
    found = drill(request(site, work, server, queries=(balanced, counted)), dumped.set_id)
    assert found.outcome == "failed"
    assert "five thousand and one: 5000 instead of 5001" in (found.message or "")


def test_a_set_that_another_key_reads_fails(server17: PostgresqlServer, site: Site, work: Path) -> None:
    server17.psql("CREATE DATABASE ajena")
    try:
        dumped = site.dump(engine(server17, "ajena"))
    finally:
        drop_everything(server17, "ajena")
    other = site.root.parent / "other.identity"
    subprocess.run(["age-keygen", "-o", str(other)], check=True, capture_output=True)
    found = drill(request(site, work, server17, identity_files=(str(other),)), dumped.set_id)
    assert found.outcome == "failed"
    assert "no identity matched" in (found.message or "")


def test_a_version_that_is_not_here_is_named_and_the_drill_is_not_done(
    server: PostgresqlServer, ledger: str, site: Site, work: Path, tmp_path: Path
) -> None:
    dumped = site.dump(engine(server, ledger))
    found = drill(request(site, work, server, programs_directory=str(tmp_path)), dumped.set_id)
    assert found.outcome == "not_done"
    assert f"Install the package postgresql-{server.major} (Debian" in (found.message or "")


def test_what_the_host_lacks_is_no_fault_of_the_set(server: PostgresqlServer, site: Site, work: Path) -> None:
    """A library outside of the server's own directories is on the host of the source, and on no other."""
    own = subprocess.run([server.program("pg_config"), "--pkglibdir"], capture_output=True, text=True, check=True)
    library = server.directory / "fuera.so"
    shutil.copy(Path(own.stdout.strip()) / "autoinc.so", library)
    library.chmod(0o755)
    server.psql("CREATE DATABASE ajena")
    try:
        server.psql(
            f"CREATE FUNCTION numera() RETURNS trigger LANGUAGE c AS '{library}', 'autoinc';"
            "CREATE TABLE t (i int); CREATE TRIGGER n BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION numera('i')",
            "ajena",
        )
        dumped = site.dump(engine(server, "ajena"))
    finally:
        drop_everything(server, "ajena")
    found = drill(request(site, work, server), dumped.set_id)
    assert found.outcome == "not_done"
    message = found.message or ""
    assert re.search(r"lack(ed|s) something \(could not access file \S+fuera", message)


# The server's log of a drill, and whether the host is to blame.
LOGS = {
    '58P01 ERROR:  could not access file "/srv/fuera": No such file or directory': True,
    "53100 ERROR:  could not write": True,
    "58030 PANIC:  could not read": True,
    '58P01 ERROR:  could not execute command "touch /tmp/mark": No such file or directory': False,
    '58P01 ERROR:  could not open file "/etc/shadow" for reading: No such file or directory': False,
    'XX000 ERROR:  could not load library "/srv/fuera.so": undefined symbol: palloc': True,
    '42883 ERROR:  could not find function "f" in file "/usr/lib/x.so"': True,
    "42883 ERROR:  function public.f() does not exist": False,
    "0A000 ERROR:  ICU is not supported in this build": True,
    "0A000 ERROR:  cannot alter type of a column used by a view": False,
    '42704 ERROR:  collation "es_CO" for encoding "LATIN1" does not exist': True,
    '42704 ERROR:  type "public.t" does not exist': False,
    '42P01 ERROR:  relation "58P01 could not load library" does not exist': False,
    "XX001 ERROR:  invalid page in block 0": False,
    "": False,
}


@pytest.mark.parametrize("line", LOGS)
def test_an_error_code_says_whether_the_host_is_to_blame(tmp_path: Path, line: str) -> None:
    (tmp_path / "log").write_text(f"00000 LOG:  begins\n{line}\n")
    with Processes() as processes:
        place = Place(str(tmp_path), processes, None, None, 1)
        instance = PostgresqlInstance(place, t.cast(Description, None))
        assert (instance.shortage() is not None) == LOGS[line]


# What its index and its view compute tries to read a file, to run a program, to write a file, to connect.
HOSTILE = """
CREATE FUNCTION intenta() RETURNS text LANGUAGE plpgsql AS $$ DECLARE salida text; detalle text; BEGIN
    BEGIN salida := 'leyó ' || pg_read_file('{canary}');
    EXCEPTION WHEN OTHERS THEN salida := 'no'; END;
    BEGIN EXECUTE $sql$COPY (SELECT 1) TO PROGRAM 'cat > {mark}'$sql$;
    EXCEPTION WHEN OTHERS THEN salida := salida || '; ' || SQLERRM; END;
    BEGIN EXECUTE $sql$COPY (SELECT 1) TO '{mark}'$sql$;
    EXCEPTION WHEN OTHERS THEN salida := salida || '; ' || SQLERRM; END;
    BEGIN PERFORM public.dblink_connect('hostaddr=127.0.0.1 port={port} dbname=postgres user=dba connect_timeout=2');
    EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS detalle = PG_EXCEPTION_DETAIL; END;
    salida := salida || '; ' || coalesce(detalle, '');
    RETURN salida;
END $$;
CREATE FUNCTION llama() RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN public.intenta(); END';
CREATE TABLE trampa (id int PRIMARY KEY);
INSERT INTO trampa VALUES (1);
CREATE INDEX con_trampa ON trampa ((id::text || public.llama()));
CREATE MATERIALIZED VIEW vista AS SELECT public.llama() AS salida FROM public.trampa;
"""


def test_what_a_hostile_set_tries_is_harmless(server: PostgresqlServer, site: Site, work: Path) -> None:
    """It runs as the server's superuser, while indexes and views are made, and yet it reaches nothing."""
    canary, mark = Path("/etc/drill-canary"), Path(tempfile.gettempdir()) / "drill-mark"
    if os.geteuid() == 0:
        canary.write_text(CANARY)
        canary.chmod(0o644)  # Everybody may read it: only the confinement hides it.
    else:
        canary = Path("/etc/passwd")
    # The major that comes as a Python package has a dblink that needs a newer libpq than the machine's.
    connects = server.major == 15
    server.psql("CREATE DATABASE hostil")
    try:
        if connects:
            server.psql("CREATE EXTENSION dblink", "hostil")
        server.psql(HOSTILE.format(mark=mark, canary=canary, port=server.port), "hostil")
        assert mark.exists(), "where it is not confined, it does what it tries"
        mark.unlink()
        dumped = site.dump(engine(server, "hostil"))
        assert not mark.exists(), "a dump runs none of it"
        question = Query("what it got", "SELECT salida FROM vista", "")
        found = drill(request(site, work, server, queries=(question,)), dumped.set_id)
        assert not mark.exists(), "it ran a program, or wrote where it must not"
    finally:
        drop_everything(server, "hostil")
        mark.unlink(missing_ok=True)
        if os.geteuid() == 0:
            canary.unlink()
    answer = next(check["detail"] for check in found.checks if check["name"] == "what it got")
    assert answer.startswith("no; ")
    assert CANARY not in str(found)
    if connects:
        assert "unreachable" in answer or "Connection refused" in answer


def test_a_set_that_wants_to_run_a_program_fails_though_all_else_of_it_can_be_restored(
    server: PostgresqlServer, site: Site, work: Path
) -> None:
    mark = Path(tempfile.gettempdir()) / f"drill-mark-{os.getpid()}"
    server.psql("CREATE DATABASE hostil")
    try:
        server.psql(
            "CREATE FUNCTION abre() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
            f" EXECUTE $q$COPY (SELECT 1) TO PROGRAM 'cat > {mark}'$q$; RETURN ''; END $$;"
            "CREATE FUNCTION quieta() RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN public.abre(); END';"
            "CREATE TABLE cebo (id int PRIMARY KEY); INSERT INTO cebo VALUES (1);"
            "CREATE INDEX con_trampa ON cebo ((id::text || public.quieta()))",
            "hostil",
        )
        mark.unlink()
        dumped = site.dump(engine(server, "hostil"))
    finally:
        drop_everything(server, "hostil")
    found = drill(request(site, work, server), dumped.set_id)
    assert found.outcome == "failed"
    assert "tried an operation that no backup performs: could not execute command" in (found.message or "")
    assert not mark.exists()


def test_a_drill_that_takes_too_long_is_ended_and_nothing_is_left(
    server: PostgresqlServer, ledger: str, site: Site, work: Path
) -> None:
    dumped = site.dump(engine(server, ledger))
    slow = Query("sleeps", "SELECT pg_sleep(60)", "")
    limits = Limits(seconds=6, bytes=None, memory_bytes=8 * GIBIBYTE)
    found = drill(request(site, work, server, queries=(slow,), limits=limits), dumped.set_id)
    assert found.outcome == "not_done"
    assert "it took longer than 6 seconds" in (found.message or "")
    assert servers_below(work) == []


# Computing its index never ends.
ENDLESS = """
CREATE FUNCTION gira(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE n int := 0; BEGIN
    WHILE current_setting('app.prisa', true) IS NULL LOOP n := 1 - n; END LOOP;
    RETURN i;
END $$;
CREATE TABLE rueda (id int PRIMARY KEY);
INSERT INTO rueda VALUES (1);
SET app.prisa = 'sí';
CREATE INDEX con_rueda ON rueda (gira(id));
"""


def test_a_set_that_burns_processor_time_is_ended_and_nothing_is_left(
    server17: PostgresqlServer, site: Site, work: Path
) -> None:
    server17.psql("CREATE DATABASE rueda")
    try:
        server17.psql(ENDLESS, "rueda")
        dumped = site.dump(engine(server17, "rueda"))
    finally:
        drop_everything(server17, "rueda")
    limits = Limits(seconds=120, bytes=None, memory_bytes=8 * GIBIBYTE, cpu_seconds=6)
    found = drill(request(site, work, server17, limits=limits), dumped.set_id)
    assert found.outcome == "not_done"
    assert "it took more than 6 seconds of processor time" in (found.message or "")
    assert servers_below(work) == []


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_server_that_the_kernel_ends_is_no_verdict_on_the_set(
    server17: PostgresqlServer, site: Site, work: Path
) -> None:
    """As it does where memory runs out: its clients only see that the connection is gone."""
    server17.psql("CREATE DATABASE ajena")
    try:
        dumped = site.dump(engine(server17, "ajena"))
    finally:
        drop_everything(server17, "ajena")

    def is_asleep(process: int) -> bool:
        with contextlib.suppress(OSError):
            words = Path("/proc", str(process), "cmdline").read_bytes()
            return words.startswith(b"postgres:") and b"SELECT" in words
        return False

    def kill() -> None:
        wait_for(lambda: servers_below(work))
        (one, *_more) = wait_for(lambda: [each for each in descendants(os.getpid()) if is_asleep(each)])
        os.kill(one, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    slow = Query("sleeps", "SELECT pg_sleep(60)", "")
    found = drill(request(site, work, server17, queries=(slow,)), dumped.set_id)
    killer.join()
    assert found.outcome == "not_done"
    assert "Nothing is known about the set" in (found.message or "")


_CHILD = """
import sys
sys.path[:0] = {paths!r}
from tests.integration.postgresql.test_drill import *
asked = DrillRequest(
    open_medium=lambda: DirectoryMedium(path={medium!r}), medium_name="medium",
    identity_files=({identity!r},), allowed_signers=None,
    work_directory={work!r}, user="nobody", programs_directory={programs!r},
    queries=(Query("sleeps", "SELECT pg_sleep(60)", ""),),
    limits=Limits(seconds=120, bytes=None, memory_bytes=8 * GIBIBYTE), jobs=2)
Supervisor(asked).drill(SetId.parse({set_id!r}))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_drill_whose_supervisor_is_killed_leaves_nothing(
    server: PostgresqlServer, ledger: str, site: Site, work: Path, number: signal.Signals
) -> None:
    dumped = site.dump(engine(server, ledger))
    child = _CHILD.format(
        paths=sys.path,
        medium=str(site.root),
        identity=str(site.identity),
        work=str(work),
        programs=str(server.bin),
        set_id=str(dumped.set_id),
    )
    process = subprocess.Popen([sys.executable, "-c", child])
    try:
        end = time.monotonic() + 60
        while not any("pg_sleep" in words or "postgres" in words for words in servers_below(work)):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(1)
    finally:
        process.send_signal(number)
        process.wait(60)
    end = time.monotonic() + 30
    while (servers_below(work) or any(work.iterdir())) and time.monotonic() < end:
        time.sleep(0.1)
    assert servers_below(work) == []
    assert list(work.iterdir()) == []


def test_servers_are_not_root_s(server: PostgresqlServer, ledger: str, site: Site, work: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has another user's servers")
    dumped = site.dump(engine(server, ledger))
    who = Query("who", "SELECT split_part(pg_read_file('/proc/self/status'), 'Uid:', 2) IS NULL", "")
    where = Query("where", "SELECT (pg_stat_file('base')).isdir", "t")
    found = drill(request(site, work, server, queries=(who, where)), dumped.set_id)
    answers = {check["name"]: check for check in found.checks}
    assert "who" not in answers  # There is no /proc at all: it cannot be asked.
    assert answers["where"]["passed"]
    assert pwd.getpwnam("nobody").pw_uid != 0
