# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong with MariaDB: one clear message, nothing left behind, the live database as it was."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import subprocess
import sys
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    LockHeld,
    NotFound,
    ProcessFailed,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _objects as mariadb_objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _preflight as mariadb_preflight
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _restore as mariadb_restore
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._objects import Definition
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.support import (
    Site,
    accounts,
    create_everything,
    databases,
    engine,
    fingerprint,
    leftovers,
)
from tests.integration.postgresql.test_secrets import Watcher


@pytest.fixture
def server(server1011: MariadbServer) -> MariadbServer:
    """What goes wrong does not depend on the version."""
    return server1011


@pytest.fixture
def ledger(server: MariadbServer) -> str:
    """A small database."""
    server.sql("CREATE DATABASE libro")
    server.sql("CREATE TABLE asiento (id int PRIMARY KEY, texto varchar(100))", "libro")
    server.sql("INSERT INTO asiento SELECT seq, MD5(seq) FROM seq_1_to_1000", "libro")
    server.sql("CREATE TRIGGER visto BEFORE INSERT ON asiento FOR EACH ROW SET NEW.texto = 'visto'", "libro")
    server.sql("CREATE TABLE apartada (i int)", "libro")
    server.sql("CREATE VIEW ultimos AS SELECT * FROM asiento WHERE id > 990", "libro")
    return "libro"


def assert_nothing_left(server: MariadbServer, site: Site, *, sets: int = 0) -> None:
    """No partial set, no half-restored database, no account, no session."""
    assert len(site.medium.sets()) == sets
    assert list(site.root.rglob("*.partial")) == []
    end = time.monotonic() + 10
    while leftovers(server) and time.monotonic() < end:
        time.sleep(0.1)
    assert leftovers(server) == []


@pytest.mark.parametrize(
    ("changes", "why", "next_step"),
    [
        ({"login_password": "otra"}, "ERROR 1045", "login_password"),
        ({"login_password": None}, "ERROR 1045", "login_password"),
        ({"login_user": "nadie"}, "ERROR 1045", "login_user"),
        ({"login_port": 1}, "ERROR 2002", "Check that the server runs"),
        ({"login_host": None, "login_port": None, "login_unix_socket": "/nonexistent"}, "ERROR 2002", "server runs"),
        ({"ssl_mode": "require"}, "not encrypted", "Switch TLS on"),
    ],
)
def test_a_server_that_cannot_be_reached_is_told_before_anything_is_written(
    server: MariadbServer, ledger: str, site: Site, changes: dict[str, t.Any], why: str, next_step: str
) -> None:
    with pytest.raises(BackupError) as failure:
        site.dump(engine(server, ledger, **changes))
    assert why in failure.value.why
    assert next_step in failure.value.next_step
    assert site.files() == []


def test_a_database_that_does_not_exist(server: MariadbServer, site: Site) -> None:
    with pytest.raises(NotFound, match="no database of this name"):
        site.dump(engine(server, "no existe"))


def test_an_account_with_the_rights_that_a_dump_needs_and_no_more(
    server: MariadbServer, ledger: str, site: Site
) -> None:
    server.sql("CREATE USER copias IDENTIFIED BY 'x'")
    account = {"login_user": "copias", "login_password": "x"}
    server.sql("GRANT SELECT ON libro.* TO copias")
    # Not a word about what it may not see would be worse than a refusal.
    with pytest.raises(Refused, match=r"SHOW VIEW, TRIGGER, EVENT, SELECT on mysql\.proc"):
        site.dump(engine(server, ledger, **account))
    server.sql("GRANT SHOW VIEW, TRIGGER, EVENT ON libro.* TO copias; GRANT SELECT ON mysql.proc TO copias")
    with pytest.raises(ProcessFailed, match=r"ERROR 1227.*RELOAD"):
        site.dump(engine(server, ledger, **account))
    server.sql("GRANT RELOAD, PROCESS, BINLOG MONITOR ON *.* TO copias")
    dumped = site.dump(engine(server, ledger, **account))
    assert dumped.description is not None
    # Its own account's table is closed to it: told, and not fatal.
    assert "may not see them" in " ".join(dumped.description.warnings)
    before = fingerprint(server, ledger)
    site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert fingerprint(server, ledger) == before


def test_no_log_has_the_password_of_the_account_that_restores(
    server: MariadbServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = site.dump(engine(server, ledger))
    passwords: list[str] = []
    real = secrets.token_urlsafe

    def token(size: int) -> str:
        passwords.append(real(size))
        return passwords[-1]

    monkeypatch.setattr(secrets, "token_urlsafe", token)
    server.sql("SET GLOBAL general_log_file = 'todo.log'; SET GLOBAL general_log = ON")
    try:
        site.restore(engine(server, "copia"), dumped.set_id)
    finally:
        server.sql("SET GLOBAL general_log = OFF")
    written = (server.data / "todo.log").read_text(errors="replace")
    assert "CREATE USER 'infitulua-restore-" in written
    assert passwords
    assert not [password for password in passwords if password in written]


def test_a_server_that_goes_down_while_it_is_dumped(server: MariadbServer, site: Site) -> None:
    server.sql("CREATE DATABASE grande")
    server.sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(500))", "grande")
    server.sql("INSERT INTO t SELECT seq, REPEAT(MD5(seq), 12) FROM seq_1_to_300000", "grande")

    def stop() -> None:
        reading = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT `id`, %'"
        end = time.monotonic() + 20
        while server.sql(reading) == "0" and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(server.pid, 9)

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(BackupError):
        site.dump(engine(server, "grande"))
    stopper.join()
    server.stop()
    server.start()
    assert_nothing_left(server, site)
    assert site.dump(engine(server, "grande")).changed


def _rewritten(definitions: list[Definition], **changes: t.Any) -> list[Definition]:
    return [dataclasses.replace(definitions[0], **changes), *definitions[1:]]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE DEFINER=`root`@`localhost` VIEW `victima`.`visto` AS SELECT 1",
        "CREATE VIEW `otro` AS SELECT 1",
        "DROP DATABASE victima",
        "CREATE VIEW `v` AS SELECT 1; DROP DATABASE victima",
        "CREATE FUNCTION malo RETURNS STRING SONAME 'malo.so'",
        "GRANT ALL ON *.* TO malo IDENTIFIED BY 'x'",
    ],
)
def test_a_hostile_set_does_nothing_but_fail(
    server: MariadbServer, ledger: str, site: Site, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql("CREATE DATABASE victima")
    before = fingerprint(server, ledger)
    real = mariadb_objects.programs
    with monkeypatch.context() as patch:
        patch.setattr(
            mariadb_objects, "programs", lambda *given: _rewritten(real(*given), kind="view", statement=statement)
        )
        dumped = site.dump(engine(server, ledger))
    with pytest.raises((SetInvalid, ProcessFailed)):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert databases(server) == ["libro", "victima"]
    assert fingerprint(server, ledger) == before
    assert server.sql("SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'malo'") == "0"
    assert_nothing_left(server, site, sets=1)


def test_an_account_that_cannot_be_made_costs_no_other_its_rights(
    server: MariadbServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the server has not got the plugin that identifies it. If the restore fails, those that were made go."""
    from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _accounts as mariadb_accounts

    server.sql("CREATE FUNCTION libro.triple(n int) RETURNS int DETERMINISTIC RETURN n * 3")
    server.sql("CREATE USER ana, zoe, ines; GRANT SELECT ON libro.* TO ana, zoe, ines")
    server.sql("GRANT EXECUTE ON FUNCTION libro.triple TO ines")
    real = mariadb_accounts.statements
    with monkeypatch.context() as patch:
        patch.setattr(
            mariadb_accounts,
            "statements",
            lambda *given: [
                "CREATE USER `malo`@`%` IDENTIFIED VIA no_lo_hay",
                *real(*given),
                "GRANT SELECT ON `libro`.* TO `malo`@`%`",
            ],
        )
        dumped = site.dump(engine(server, ledger))
    grants = server.sql("SHOW GRANTS FOR ana; SHOW GRANTS FOR ines")
    server.sql("DROP USER ana, zoe; CREATE USER lola; GRANT EXECUTE ON FUNCTION libro.triple TO lola")
    held = server.sql("SHOW GRANTS FOR lola")
    restored = site.restore(engine(server, ledger), dumped.set_id, replace=True)
    told = " ".join(restored.warnings)
    assert "could not be made, and so have no rights here: `malo`@`%` (ERROR 152" in told
    assert "created from the set, with their rights on this database only: `ana`@`%`, `zoe`@`%`" in told
    assert server.sql("SHOW GRANTS FOR ana; SHOW GRANTS FOR ines") == grants
    assert server.sql("SHOW GRANTS FOR lola") == held
    # A restore that fails leaves none of them.
    server.sql("DROP USER ana, zoe")
    monkeypatch.setattr(mariadb_restore.Restoration, "_make_programs", _failing)
    with pytest.raises(Refused, match="not today"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert accounts(server) == ["ines@%", "lola@%"]
    server.sql("DROP USER ines, lola")


def _failing(*_given: object) -> None:
    raise Refused("restore a database", on="it", why="not today", next_step="Wait.")


def test_tables_of_a_hostile_set_reach_no_other_database(
    server: MariadbServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql("CREATE DATABASE victima; CREATE TABLE victima.t (i int); INSERT INTO victima.t VALUES (1)")
    real = mariadb_objects.structure
    with monkeypatch.context() as patch:
        patch.setattr(
            mariadb_objects,
            "structure",
            lambda *given: [
                *real(*given),
                Definition("table", "x", "CREATE TABLE `x` (j int) AS SELECT * FROM victima.t"),
            ],
        )
        dumped = site.dump(engine(server, ledger))
    with pytest.raises(ProcessFailed, match="ERROR 1142"):
        site.restore(engine(server, "otro"), dumped.set_id)
    assert databases(server) == ["libro", "victima"]
    assert_nothing_left(server, site, sets=1)


def test_rows_that_are_not_there_are_missed(
    server: MariadbServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import (
        _catalogue as mariadb_catalogue,
    )

    real = mariadb_catalogue.count_rows
    with monkeypatch.context() as patch:
        patch.setattr(mariadb_catalogue, "count_rows", lambda *given: {name: n + 1 for name, n in real(*given).items()})
        dumped = site.dump(engine(server, ledger))
    before = fingerprint(server, ledger)
    with pytest.raises(SetInvalid, match="asiento: 1000 instead of 1001"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert fingerprint(server, ledger) == before
    assert_nothing_left(server, site, sets=1)


@pytest.mark.parametrize("step", ["after", "before"])
def test_a_swap_that_fails_is_taken_back_by_the_server(
    server: MariadbServer, site: Site, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a step before or after the renaming fails."""
    create_everything(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    server.sql("DELETE FROM partes", "conta")
    before, grants = fingerprint(server, "conta"), server.sql("SHOW GRANTS FOR app@localhost")
    if step == "after":
        monkeypatch.setattr(mariadb_restore, "_sequence_default", lambda *_given, **_more: "ALTER TABLE no_existe")
    else:
        monkeypatch.setattr(mariadb_restore, "renaming", lambda moves: "RENAME TABLE no_existe TO tampoco")
    with pytest.raises(ProcessFailed, match=r"ERROR 1(064|146)"):
        site.restore(engine(server, "conta"), dumped.set_id, replace=True)
    assert fingerprint(server, "conta") == before
    assert databases(server) == ["conta"]
    assert server.sql("SHOW GRANTS FOR app@localhost") == grants
    assert_nothing_left(server, site, sets=1)


def test_what_cannot_be_written_down_leaves_nothing(
    server: MariadbServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = site.dump(engine(server, ledger))
    before = fingerprint(server, ledger)
    monkeypatch.setattr(mariadb_restore.Restoration, "_remember", _failing)
    with pytest.raises(Refused, match="not today"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert databases(server) == [ledger]
    assert fingerprint(server, ledger) == before
    assert_nothing_left(server, site, sets=1)


def test_a_database_in_use_is_replaced(server: MariadbServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    server.sql("DELETE FROM asiento", ledger)
    # A transaction that holds the table and waits for its user.
    argv = ["mariadb", "--no-defaults", f"--socket={server.socket}", "-u", "root", "-D", ledger]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as user:
        assert user.stdin is not None
        user.stdin.write(b"START TRANSACTION; SELECT * FROM asiento FOR UPDATE;\n")
        user.stdin.flush()
        time.sleep(0.5)
        restored = site.restore(engine(server, ledger), dumped.set_id, replace=True)
        user.kill()
    assert restored.kept is not None
    assert server.sql("SELECT COUNT(*) FROM asiento", ledger) == "1000"


def _hold(server: MariadbServer) -> subprocess.Popen[bytes]:
    """A transaction in another database that has read a table of the ledger, and goes on."""
    argv = ["mariadb", "--no-defaults", f"--socket={server.socket}", "-u", "root", "-D", "mysql"]
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert holder.stdin is not None
    holder.stdin.write(b"START TRANSACTION; SELECT * FROM libro.apartada;\n")
    holder.stdin.flush()
    time.sleep(0.5)
    return holder


def test_nothing_is_dropped_while_somebody_holds_a_table(server: MariadbServer, ledger: str, site: Site) -> None:
    """Rows that are written while a restore waits meet their triggers."""
    dumped = site.dump(engine(server, ledger))
    before = fingerprint(server, ledger)
    holder = _hold(server)
    seen: set[str] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(server.sql("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'libro'"))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        with pytest.raises(ProcessFailed, match=r"ERROR 1205.*SHOW PROCESSLIST"):
            site.restore(engine(server, ledger), dumped.set_id, replace=True)
    finally:
        stop.set()
        looking.join()
        holder.kill()
        holder.wait()
    assert seen == {"1"}
    assert fingerprint(server, ledger) == before
    assert databases(server) == ["libro"]
    assert_nothing_left(server, site, sets=1)


@pytest.mark.parametrize("crash", [False, True])
def test_programs_are_made_again_where_the_swap_itself_is_killed(
    server: MariadbServer, ledger: str, site: Site, crash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = site.dump(engine(server, ledger))
    before = fingerprint(server, ledger)
    monkeypatch.setattr(mariadb_restore.Restoration, "_free_tables", lambda *_given: None)
    monkeypatch.setattr(mariadb_restore, "_SWAP_WAIT_SECONDS", 20)
    holder = _hold(server)
    errors: list[BaseException] = []

    def restore() -> None:
        try:
            site.restore(engine(server, ledger), dumped.set_id, replace=True)
        except BaseException as error:
            errors.append(error)

    restoring = threading.Thread(target=restore)
    restoring.start()
    query = "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata%'"
    end = time.monotonic() + 30
    while not (waiting := server.sql(query)) and time.monotonic() < end:
        time.sleep(0.05)
    missing = server.sql("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'libro'")
    if crash:
        os.kill(server.pid, 9)
        time.sleep(0.5)
        server.stop()
        # By this thread, whose end would end the server.
        server.start()
    else:
        server.sql(f"KILL CONNECTION {waiting}")
    holder.kill()
    holder.wait()
    restoring.join(120)
    assert missing == "0"
    assert [type(error) for error in errors] == [ProcessFailed]
    assert "ERROR 2013" in str(errors[0])
    assert fingerprint(server, ledger) == before
    assert databases(server) == ["libro"]


def _kill_while_it_sleeps(server: MariadbServer) -> None:
    """Kills the session that sleeps, as soon as there is one."""
    end = time.monotonic() + 60
    while not (asleep := server.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'")):
        assert time.monotonic() < end
        time.sleep(0.05)
    server.sql(f"KILL CONNECTION {asleep}")


def test_a_swap_that_is_killed_when_the_tables_have_moved_is_completed(
    server: MariadbServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the defaults that take from sequences, the database's own properties and the rights on it."""
    create_everything(server, "conta")
    server.sql("CREATE TABLE folio (n int PRIMARY KEY DEFAULT nextval(consecutivo), v int)", "conta")
    grants, wanted = server.sql("SHOW GRANTS FOR app@localhost"), fingerprint(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    server.sql("DROP DATABASE conta; DROP USER app@localhost; DROP ROLE lectura")
    server.sql("CREATE DATABASE conta CHARACTER SET latin1; CREATE TABLE conta.vieja (i int)")
    # All that follows the renaming waits for the end.
    monkeypatch.setattr(mariadb_restore, "SETTINGS", f"{mariadb_restore.SETTINGS}; DO SLEEP(60)")
    killing = threading.Thread(target=_kill_while_it_sleeps, args=(server,))
    killing.start()
    restored = site.restore(engine(server, "conta"), dumped.set_id, replace=True)
    killing.join()
    told = " ".join(restored.warnings)
    assert "interrupted in the last step, which was then completed" in told
    assert "could not be made" not in told
    assert "not all could be made" not in told
    assert fingerprint(server, "conta") == wanted
    assert "nextval(" in wanted["table folio"]
    assert sorted(server.sql("SHOW GRANTS FOR app@localhost").splitlines()) == sorted(grants.splitlines())
    assert server.sql("SHOW TABLES", str(restored.kept)) == "vieja"


def test_rights_on_routines_outlive_a_swap_that_is_killed_before_the_tables_move(
    server: MariadbServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an account that the set knows nothing of: its rights go with the routine that is dropped."""
    server.sql("CREATE FUNCTION doble(n int) RETURNS int DETERMINISTIC RETURN n * 2", ledger)
    dumped = site.dump(engine(server, ledger))
    server.sql("CREATE USER ajena; GRANT EXECUTE ON FUNCTION libro.doble TO ajena")
    grants, before = server.sql("SHOW GRANTS FOR ajena"), fingerprint(server, ledger)
    monkeypatch.setattr(mariadb_restore, "renaming", lambda _moves: "DO SLEEP(60)")
    killing = threading.Thread(target=_kill_while_it_sleeps, args=(server,))
    killing.start()
    with pytest.raises(ProcessFailed, match="ERROR 2013"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    killing.join()
    assert fingerprint(server, ledger) == before
    assert server.sql("SHOW GRANTS FOR ajena") == grants
    server.sql("DROP USER ajena")


def test_a_server_that_takes_no_events(server: MariadbServer, site: Site) -> None:
    create_everything(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    with MariadbServer("10.11", settings={"event-scheduler": "DISABLED"}) as other:
        restored = site.restore(engine(other, "conta"), dumped.set_id)
        assert "event_scheduler is DISABLED); not restored: activa, limpieza" in " ".join(restored.warnings)
        assert other.sql("SELECT COUNT(*) FROM asiento", "conta") == "3000"


def test_a_target_that_others_refer_to_is_refused(server: MariadbServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    server.sql("CREATE DATABASE otra; CREATE TABLE otra.r (id int, FOREIGN KEY (id) REFERENCES libro.asiento (id))")
    with pytest.raises(Refused, match=r"refer to it.*otra\.r"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    server.sql("DROP DATABASE otra")


def test_two_restores_of_one_target(server: MariadbServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    server.sql("CREATE DATABASE testigo")
    restoration = mariadb_restore.Restoration(engine(server, ledger)._connection)
    with restoration.connection:
        restoration._lock()
        try:
            with pytest.raises(LockHeld, match="another restore of it is at work"):
                site.restore(engine(server, ledger), dumped.set_id, replace=True)
        finally:
            restoration._unlock()
    assert site.restore(engine(server, ledger), dumped.set_id, replace=True).kept is not None


_CHILD = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from types import SimpleNamespace
from tests.integration.mariadb.support import Site, engine
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
server = SimpleNamespace(**{server!r})
site = Site.__new__(Site)
site.__dict__.update({site!r})
site.root, site.identity = Path(site.root), Path(site.identity)
site.medium = DirectoryMedium(path=str(site.root))
{action}
"""


def _child(server: MariadbServer, site: Site, action: str) -> subprocess.Popen[bytes]:
    code = _CHILD.format(
        paths=sys.path,
        server={"host": server.host, "port": server.port, "user": server.user, "password": server.password},
        site={"root": str(site.root), "identity": str(site.identity), "recipient": site.recipient},
        action=action,
    )
    process = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(code.encode())
    process.stdin.close()
    return process


def test_a_restore_that_is_killed_at_any_moment(server: MariadbServer, site: Site) -> None:
    """The live database is as it was, or wholly what the set says; and the next restore succeeds."""
    create_everything(server, "conta")
    wanted = fingerprint(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    server.sql("DELETE FROM partes", "conta")
    live = fingerprint(server, "conta")
    action = f"site.restore(engine(server, 'conta'), SetId.parse({str(dumped.set_id)!r}), replace=True)"
    start = time.monotonic()
    assert _child(server, site, action.replace("'conta'", "'ensayo'")).wait(120) == 0
    whole = time.monotonic() - start
    server.sql("DROP DATABASE ensayo")
    outcomes = set()
    for share in (0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
        process = _child(server, site, action)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(whole * share)
        process.kill()
        process.wait(10)
        # A statement that the server has begun, it carries through.
        end = time.monotonic() + 20
        while any("session" in line for line in leftovers(server)) and time.monotonic() < end:
            time.sleep(0.1)
        found = fingerprint(server, "conta")
        assert found in (live, wanted), f"killed after {share} of {whole:.1f} s"
        outcomes.add("swapped" if found == wanted else "as it was")
        if found == wanted:
            server.sql("DELETE FROM partes", "conta")
    assert "as it was" in outcomes
    site.restore(engine(server, "conta"), dumped.set_id, replace=True)
    assert fingerprint(server, "conta") == wanted
    assert_nothing_left(server, site, sets=1)


def test_rights_on_routines_outlive_a_restore_that_is_killed_after_its_swap(
    server: MariadbServer, ledger: str, site: Site
) -> None:
    """Of an account that the set knows nothing of: they went with the routine that was dropped."""
    server.sql("CREATE FUNCTION libro.triple(n int) RETURNS int DETERMINISTIC RETURN n * 3")
    dumped = site.dump(engine(server, ledger))
    server.sql("CREATE USER ajena; GRANT EXECUTE ON FUNCTION libro.triple TO ajena")
    grants = server.sql("SHOW GRANTS FOR ajena")
    action = (
        "import os\n"
        "from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _restore\n"
        "_restore.Restoration._finish = lambda *given: os._exit(9)\n"
        f"site.restore(engine(server, 'libro'), SetId.parse({str(dumped.set_id)!r}), replace=True)"
    )
    assert _child(server, site, action).wait(120) == 9
    assert server.sql("SHOW GRANTS FOR ajena") == grants
    site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert server.sql("SHOW GRANTS FOR ajena") == grants
    server.sql("DROP USER ajena")
    assert_nothing_left(server, site, sets=1)


@pytest.fixture
def canary(server: MariadbServer) -> Iterator[str]:
    """A password with all that option files, shells and SQL stumble over."""
    password = "canario-" + secrets.token_hex(8) + " #'\"\\;`$%ñ"
    server.sql(f"CREATE USER canario IDENTIFIED BY {_literal(password)}; GRANT ALL ON *.* TO canario WITH GRANT OPTION")
    yield password
    server.sql("DROP USER canario")


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def test_a_password_is_seen_by_nobody(
    server: MariadbServer, ledger: str, site: Site, canary: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    bound = {"login_user": "canario", "login_password": canary}
    with Watcher(canary[:24]) as watcher:
        dumped = site.dump(engine(server, ledger, **bound))
        site.restore(engine(server, ledger, **bound), dumped.set_id, replace=True)
        with pytest.raises(ProcessFailed) as failure:
            site.dump(engine(server, ledger, login_user="canario", login_password=canary + "x"))
    assert "mariadb" in watcher.programs  # Others may end between two of its looks.
    assert watcher.found == []
    assert canary[:24] not in failure.value.message + str(failure.value.details)
    for path in [*site.root.rglob("*"), *tmp_path.rglob("*")]:
        assert not path.is_file() or canary[:24].encode() not in path.read_bytes()


def test_no_room_is_told_where_the_server_s_disk_can_be_seen(
    server: MariadbServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = site.dump(engine(server, ledger))
    real = os.statvfs

    def full(path: str) -> os.statvfs_result:
        state = real(path)
        is_data = Path(os.fsdecode(path)) == server.data
        return os.statvfs_result((*state[:4], free[0] // state.f_frsize, *state[5:])) if is_data else state

    monkeypatch.setattr(os, "statvfs", full)
    assert dumped.description is not None
    needed = dumped.description.stored_bytes
    free = [needed]
    before = fingerprint(server, ledger)
    with pytest.raises(Refused, match=r"bytes are free in .*data/, and the set takes \d+, compressed.*Free space"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert databases(server) == [ledger]
    assert fingerprint(server, ledger) == before
    # What the database took is no measure: it had free pages, and indexes to be made anew.
    free[0] += 8192
    told = site.restore(engine(server, "vale"), dumped.set_id).warnings
    assert f"and the database that was dumped took {dumped.description.source_bytes}" in " ".join(told)
    # Of single tables it cannot be known; nor of a server whose files are elsewhere, such as in a container.
    free[0] = 0
    site.restore(engine(server, "copia", tables=["asiento"]), dumped.set_id)
    monkeypatch.setattr(mariadb_preflight, "_START_SECONDS", -1)
    site.restore(engine(server, "otra"), dumped.set_id)
