# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong with MariaDB: one clear message, nothing left behind, the live database as it was."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb import objects as mariadb_objects
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb import restore as mariadb_restore
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.objects import Definition
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    Interrupted,
    ProcessFailed,
    Refused,
    SetInvalid,
)
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.support import (
    Site,
    create_everything,
    databases,
    engine,
    fingerprint,
    leftovers,
)


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
            mariadb_objects,
            "programs",
            lambda *given, **more: _rewritten(real(*given, **more), kind="view", statement=statement),
        )
        dumped = site.dump(engine(server, ledger))
    with pytest.raises((SetInvalid, ProcessFailed)):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert databases(server) == ["libro", "victima"]
    assert fingerprint(server, ledger) == before
    assert server.sql("SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'malo'") == "0"
    assert_nothing_left(server, site, sets=1)


def _failing(*_given: object) -> None:
    raise Refused("restore a database", on="it", why="not today", next_step="Wait.")


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
        monkeypatch.setattr(
            mariadb_restore.objects, "moved_sequence_defaults", lambda *_given: ["ALTER TABLE no_existe"]
        )
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


def _hold(server: MariadbServer) -> subprocess.Popen[bytes]:
    """A transaction in another database that has read a table of the ledger, and goes on."""
    argv = ["mariadb", "--no-defaults", f"--socket={server.socket}", "-u", "root", "-D", "mysql"]
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert holder.stdin is not None
    holder.stdin.write(b"START TRANSACTION; SELECT * FROM libro.apartada;\n")
    holder.stdin.flush()
    time.sleep(0.5)
    return holder


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
        # It ends in its own time; before that, what it waits for must not become free.
        end = time.monotonic() + 30
        while server.sql(f"SELECT ID FROM information_schema.PROCESSLIST WHERE ID = {waiting}"):
            assert time.monotonic() < end
            time.sleep(0.05)
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
        assert [entry.name for entry in restored.left_out] == ["activa", "limpieza"]
        assert "event_scheduler is DISABLED" in restored.left_out[0].why
        assert other.sql("SELECT COUNT(*) FROM asiento", "conta") == "3000"


_CHILD = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from types import SimpleNamespace
from tests.integration.mariadb.support import Site, engine
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
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


def test_a_restore_that_is_kept_waiting_is_ended_at_its_limit(server: MariadbServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    before = fingerprint(server, ledger)
    holding = threading.Thread(target=server.sql, args=("FLUSH TABLES WITH READ LOCK; DO SLEEP(4)",))
    holding.start()
    time.sleep(0.3)
    with pytest.raises(Interrupted, match="it took longer than the limit of 2 seconds"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True, max_seconds=2)
    holding.join()
    assert fingerprint(server, ledger) == before
    assert_nothing_left(server, site, sets=1)
