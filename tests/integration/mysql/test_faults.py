# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong with MySQL: one clear message, nothing left behind, the live database as it was."""

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
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _preflight as mariadb_preflight
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _objects as mysql_objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _restore as mysql_restore
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _swap as mysql_swap
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._objects import Definition
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import (
    Site,
    accounts,
    create_everything,
    databases,
    engine,
    fingerprint,
    leftovers,
    numbers,
)
from tests.integration.postgresql.test_secrets import Watcher


@pytest.fixture
def ledger(server: MysqlServer) -> str:
    """A small database with something of each kind that a swap must drop and make again."""
    server.sql("CREATE DATABASE libro")
    server.sql(
        "CREATE TABLE asiento (id int PRIMARY KEY, texto varchar(100));"
        f"INSERT INTO asiento SELECT seq, SHA2(seq, 256) FROM {numbers(900)};"
        "CREATE TABLE apartada (i int, a int, FOREIGN KEY (a) REFERENCES asiento (id));"
        "CREATE TRIGGER visto BEFORE INSERT ON asiento FOR EACH ROW SET NEW.texto = 'visto';"
        "CREATE FUNCTION doble(n int) RETURNS int DETERMINISTIC RETURN n * 2;"
        "CREATE VIEW ultimos AS SELECT id, doble(id) AS d FROM asiento WHERE id > 890;"
        "CREATE EVENT anual ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01 00:00:00' DO DELETE FROM apartada",
        "libro",
    )
    return "libro"


def assert_nothing_left(server: MysqlServer, site: Site, *, sets: int = 0) -> None:
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
        ({"login_port": 1}, "ERROR 2003", "Check that the server runs"),
        ({"login_host": None, "login_port": None, "login_unix_socket": "/nonexistent"}, "ERROR 2002", "server runs"),
        ({"client_directory": "/usr/bin"}, "it is not", "MySQL's own client"),
    ],
)
def test_a_server_that_cannot_be_reached_is_told_before_anything_is_written(
    server: MysqlServer, ledger: str, site: Site, changes: dict[str, t.Any], why: str, next_step: str
) -> None:
    with pytest.raises(BackupError) as failure:
        site.dump(engine(server, ledger, **changes))
    assert why in failure.value.why
    assert next_step in failure.value.next_step or "Install the package" in failure.value.next_step
    assert site.files() == []


def test_a_database_that_does_not_exist(server: MysqlServer, site: Site) -> None:
    with pytest.raises(NotFound, match="no database of this name"):
        site.dump(engine(server, "no existe"))


def test_an_account_with_the_rights_that_a_dump_needs_and_no_more(server: MysqlServer, ledger: str, site: Site) -> None:
    server.sql("CREATE USER copias IDENTIFIED BY 'x'")
    account = {"login_user": "copias", "login_password": "x"}
    server.sql("GRANT SELECT ON libro.* TO copias")
    # Not a word about what it may not see would be worse than a refusal.
    with pytest.raises(Refused, match=r"SHOW VIEW, TRIGGER, EVENT, SHOW_ROUTINE, RELOAD\. GRANT SELECT, SHOW VIEW"):
        site.dump(engine(server, ledger, **account))
    server.sql("GRANT SHOW VIEW, TRIGGER, EVENT ON libro.* TO copias; GRANT RELOAD, SHOW_ROUTINE ON *.* TO copias")
    dumped = site.dump(engine(server, ledger, **account))
    assert dumped.description is not None
    told = " ".join(dumped.description.warnings)
    # Its own account's table is closed to it: told, and not fatal.
    assert "lacks BACKUP_ADMIN" in told
    assert "lacks the right REPLICATION CLIENT" in told
    assert "may not see them" in told
    before = fingerprint(server, ledger)
    site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert fingerprint(server, ledger) == before


def test_a_long_query_does_not_make_everybody_wait_for_a_dump(
    server: MysqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _dump as mysql_dump

    monkeypatch.setattr(mysql_dump, "_GATE_SECONDS", 1)
    reading = threading.Thread(target=lambda: server.sql("SELECT SLEEP(6) FROM libro.asiento LIMIT 1"))
    reading.start()
    time.sleep(0.5)
    with pytest.raises(ProcessFailed, match="ERROR 1205"):
        site.dump(engine(server, ledger))
    reading.join()
    assert_nothing_left(server, site)
    server.sql("DELETE FROM asiento WHERE id = 1", ledger)


def _rewritten(definitions: list[Definition], **changes: t.Any) -> list[Definition]:
    return [dataclasses.replace(definitions[0], **changes), *definitions[1:]]


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("view", "CREATE DEFINER=`root`@`localhost` VIEW `victima`.`visto` AS SELECT 1"),
        ("view", "DROP DATABASE victima"),
        ("view", "CREATE VIEW `doble` AS SELECT 1; DROP DATABASE victima"),
        ("procedure", "CREATE PROCEDURE `doble`() SELECT 1; DROP DATABASE victima"),
        ("procedure", "CREATE PROCEDURE `doble`() SELECT 1\n;;\nDELIMITER ;\nDROP DATABASE victima;"),
        ("trigger", "CREATE TRIGGER `doble` BEFORE INSERT ON `asiento` FOR EACH ROW SET @a = 1; DROP DATABASE victima"),
        ("procedure", "CREATE PROCEDURE `doble`() BEGIN SELECT 1; END; DROP DATABASE victima /*"),
        (
            "procedure",
            "CREATE PROCEDURE `doble`() SELECT 'a\\! touch /tmp/infitulua-hostil\n\\! touch /tmp/infitulua-hostil",
        ),
        ("function", "CREATE FUNCTION `doble` RETURNS STRING SONAME 'malo.so'"),
    ],
)
def test_a_hostile_set_does_nothing_but_fail(
    server: MysqlServer, ledger: str, site: Site, kind: str, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql("CREATE DATABASE victima")
    before = fingerprint(server, ledger)
    real = mysql_objects.programs
    with monkeypatch.context() as patch:
        patch.setattr(
            mysql_objects, "programs", lambda *given: _rewritten(real(*given), kind=kind, statement=statement)
        )
        dumped = site.dump(engine(server, ledger))
    with pytest.raises((SetInvalid, ProcessFailed)):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert databases(server) == ["libro", "victima"]
    assert fingerprint(server, ledger) == before
    assert not Path("/tmp/infitulua-hostil").exists()
    assert_nothing_left(server, site, sets=1)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE USER `nuevo`@`%` IDENTIFIED WITH 'caching_sha2_password' DEFAULT ROLE `poder`@`%` REQUIRE NONE",
        "CREATE USER `nuevo`@`%` DEFAULT ROLE poder",
        "CREATE USER `nuevo`@`%`, `otro`@`%`",
        "GRANT `poder`@`%` TO `app`@`%`",
        "GRANT ALL PRIVILEGES ON *.* TO `app`@`%`",
        "GRANT ALL PRIVILEGES ON `victima`.* TO `app`@`%`",
        "ALTER USER `dba`@`%` IDENTIFIED BY 'x'",
    ],
)
def test_no_power_beyond_the_database_comes_out_of_a_set(
    server: MysqlServer, ledger: str, site: Site, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _accounts as mysql_accounts

    server.sql("CREATE ROLE poder; GRANT ALL ON *.* TO poder; CREATE USER app; GRANT SELECT ON libro.* TO app")
    real = mysql_accounts.statements
    with monkeypatch.context() as patch:
        patch.setattr(mysql_accounts, "statements", lambda *given: [*real(*given), statement])
        dumped = site.dump(engine(server, ledger))
    server.sql("DROP USER app")
    site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert accounts(server) == ["app@%", "poder@%"]
    assert server.sql("SHOW GRANTS FOR app").splitlines() == [
        "GRANT USAGE ON *.* TO `app`@`%`",
        "GRANT SELECT ON `libro`.* TO `app`@`%`",
    ]
    # Its password is the one that it was.
    assert site.dump(engine(server, ledger), source="otra").changed


def test_an_account_that_cannot_be_made_costs_no_other_its_rights(
    server: MysqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the server has not got the plugin that identifies it. If the restore fails, those that were made go."""
    from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _accounts as mysql_accounts

    server.sql("CREATE FUNCTION libro.triple(n int) RETURNS int DETERMINISTIC RETURN n * 3")
    server.sql("CREATE USER ana, zoe, ines; GRANT SELECT ON libro.* TO ana, zoe, ines")
    server.sql("GRANT EXECUTE ON FUNCTION libro.triple TO ines")
    real = mysql_accounts.statements
    with monkeypatch.context() as patch:
        patch.setattr(
            mysql_accounts,
            "statements",
            lambda *given: [
                "CREATE USER `malo`@`%` IDENTIFIED WITH 'no_lo_hay'",
                # With a role that nobody gives it: this one is not even tried.
                "CREATE USER `raro`@`%` DEFAULT ROLE poder",
                "GRANT SELECT ON `libro`.* TO `raro`@`%`",
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
    monkeypatch.setattr(mysql_restore.Restoration, "_make_programs", _failing)
    with pytest.raises(Refused, match="not today"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert accounts(server) == ["ines@%", "lola@%"]
    server.sql("DROP USER ines, lola")


def _failing(*_given: object) -> None:
    raise Refused("restore a database", on="it", why="not today", next_step="Wait.")


def test_tables_of_a_hostile_set_reach_no_other_database(
    server: MysqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql("CREATE DATABASE victima; CREATE TABLE victima.t (i int); INSERT INTO victima.t VALUES (1)")
    real = mysql_objects.structure
    with monkeypatch.context() as patch:
        patch.setattr(
            mysql_objects,
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
    server: MysqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import (
        _catalogue as mariadb_catalogue,
    )

    real = mariadb_catalogue.count_rows
    with monkeypatch.context() as patch:
        patch.setattr(mariadb_catalogue, "count_rows", lambda *given: {name: n + 1 for name, n in real(*given).items()})
        dumped = site.dump(engine(server, ledger))
    before = fingerprint(server, ledger)
    with pytest.raises(SetInvalid, match="asiento: 900 instead of 901"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert fingerprint(server, ledger) == before
    assert_nothing_left(server, site, sets=1)


@pytest.mark.parametrize(("kept", "others"), [(0, 0), (64, 70)])
def test_a_value_that_loading_changes_is_missed_whatever_warnings_the_server_keeps(
    server: MysqlServer, site: Site, kept: int, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as it keeps may be of values that are as they were: of ENUMs that were given none of their members."""
    server.sql("CREATE DATABASE libro; CREATE TABLE libro.t (id int PRIMARY KEY, e enum('x'), v varchar(9))")
    server.sql(
        f"SET sql_mode = ''; INSERT INTO t SELECT seq, IF(seq > 1, 'z', 'x'), 'ab' FROM {numbers(others + 1)}", "libro"
    )
    server.sql("UPDATE t SET v = 'abcd' ORDER BY id DESC LIMIT 1", "libro")
    real = mysql_objects.structure

    def shorter(*given: t.Any) -> list[Definition]:
        return [dataclasses.replace(entry, statement=entry.statement.replace("(9)", "(3)")) for entry in real(*given)]

    with monkeypatch.context() as patch:
        patch.setattr(mysql_objects, "structure", shorter)
        dumped = site.dump(engine(server, "libro"))
    server.sql(f"SET GLOBAL max_error_count = {kept}")
    try:
        with pytest.raises(ProcessFailed, match=r"Data truncated for column 'v'|changed by loading"):
            site.restore(engine(server, "copia"), dumped.set_id)
    finally:
        server.sql("SET GLOBAL max_error_count = DEFAULT")
    assert_nothing_left(server, site, sets=1)


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_swap_that_fails_is_taken_back(
    server: MysqlServer, site: Site, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a step before or after the renaming fails."""
    create_everything(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    server.sql("DELETE FROM partes", "conta")
    before, grants = fingerprint(server, "conta"), server.sql("SHOW GRANTS FOR app@localhost")
    if step == "before":
        monkeypatch.setattr(mysql_swap, "renaming", lambda _moves: "RENAME TABLE no_existe TO tampoco")
    else:
        real = mysql_restore.Restoration._prepare
        grant = "GRANT SELECT ON `conta`.`no_existe` TO `nadie`@`%`"
        monkeypatch.setattr(
            mysql_restore.Restoration,
            "_prepare",
            lambda *given: dataclasses.replace(real(*given), grants=[grant], revokes=[]),
        )
    with pytest.raises(ProcessFailed, match=r"ERROR 1(100|146)"):
        site.restore(engine(server, "conta"), dumped.set_id, replace=True)
    assert fingerprint(server, "conta") == before
    assert databases(server) == ["conta"]
    assert sorted(server.sql("SHOW GRANTS FOR app@localhost").splitlines()) == sorted(grants.splitlines())
    assert_nothing_left(server, site, sets=1)


@contextlib.contextmanager
def _session(server: MysqlServer, database: str, sql: str) -> Iterator[None]:
    """A transaction that holds something and waits for its user."""
    argv = [str(server.installation.client), "--no-defaults", f"--socket={server.socket}", "-u", "root", "-D", database]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as user:
        assert user.stdin is not None
        user.stdin.write(sql.encode())
        user.stdin.flush()
        time.sleep(0.7)
        try:
            yield
        finally:
            user.kill()


def test_a_database_in_use_is_replaced(server: MysqlServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    server.sql("DELETE FROM asiento", ledger)
    with _session(server, ledger, "START TRANSACTION; SELECT * FROM asiento FOR UPDATE;\n"):
        restored = site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert restored.kept is not None
    assert server.sql("SELECT COUNT(*) FROM asiento", ledger) == "900"


def test_nothing_is_dropped_while_somebody_holds_a_table(
    server: MysqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are written while a restore waits meet their triggers."""
    monkeypatch.setattr(mysql_swap, "_WAIT_SECONDS", 1)
    dumped = site.dump(engine(server, ledger))
    before = fingerprint(server, ledger)
    seen: set[str] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(server.sql("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'libro'"))

    looking = threading.Thread(target=look)
    with _session(server, "mysql", "START TRANSACTION; SELECT * FROM libro.apartada;\n"):
        looking.start()
        try:
            with pytest.raises(ProcessFailed, match=r"ERROR 1205.*SHOW PROCESSLIST"):
                site.restore(engine(server, ledger), dumped.set_id, replace=True)
        finally:
            stop.set()
            looking.join()
    assert seen == {"1"}
    assert fingerprint(server, ledger) == before
    assert databases(server) == ["libro"]
    assert_nothing_left(server, site, sets=1)


def test_a_target_that_others_refer_to_is_refused(server: MysqlServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    server.sql("CREATE DATABASE otra; CREATE TABLE otra.r (id int, FOREIGN KEY (id) REFERENCES libro.asiento (id))")
    with pytest.raises(Refused, match=r"refer to it.*otra\.r"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    server.sql("DROP DATABASE otra")


def test_two_restores_of_one_target(server: MysqlServer, ledger: str, site: Site) -> None:
    dumped = site.dump(engine(server, ledger))
    restoration = mysql_restore.Restoration(engine(server, ledger)._connection)
    with restoration.connection:
        restoration._lock()
        try:
            with pytest.raises(LockHeld, match="another restore of it is at work"):
                site.restore(engine(server, ledger), dumped.set_id, replace=True)
        finally:
            restoration._unlock()


_CHILD = """
import os, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from types import SimpleNamespace
from tests.integration.mysql.support import Site, engine
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._swap import Swapper
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
server = SimpleNamespace(**{server!r}, installation=SimpleNamespace(client=Path({client!r})))
site = Site.__new__(Site)
site.__dict__.update({site!r})
site.root, site.identity = Path(site.root), Path(site.identity)
site.medium = DirectoryMedium(path=str(site.root))
{action}
"""
# Carries out only so much of the script that exchanges the databases, as if the client had been killed with its master.
_CUT = """
run = Swapper.run
def cut(self, script):
    lines = script.splitlines(True)
    end = int(len(lines) * {share})
    while end and not lines[end - 1].endswith(";\\n") or sum(l.startswith("DELIMITER //") for l in lines[:end]) > sum(
        l == "DELIMITER ;\\n" for l in lines[:end]
    ):
        end += 1
    run(self, "".join(lines[:end]))
    os._exit(9)
Swapper.run = cut
"""


def _child(server: MysqlServer, site: Site, action: str) -> subprocess.Popen[bytes]:
    code = _CHILD.format(
        paths=sys.path,
        server={"host": server.host, "port": server.port, "user": server.user, "password": server.password},
        client=str(server.installation.client),
        site={"root": str(site.root), "identity": str(site.identity), "recipient": site.recipient},
        action=action,
    )
    process = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(code.encode())
    process.stdin.close()
    return process


def test_a_restore_that_is_killed_at_any_moment(server: MysqlServer, ledger: str, site: Site) -> None:
    """The live database is as it was, or wholly what the set says; and the next restore succeeds."""
    wanted = fingerprint(server, ledger)
    dumped = site.dump(engine(server, ledger))
    server.sql("DELETE FROM asiento WHERE id > 400", ledger)
    live = fingerprint(server, ledger)
    action = f"site.restore(engine(server, 'libro'), SetId.parse({str(dumped.set_id)!r}), replace=True)"
    start = time.monotonic()
    assert _child(server, site, action.replace("'libro'", "'ensayo'")).wait(120) == 0
    whole = time.monotonic() - start
    server.sql("DROP DATABASE ensayo")
    for share in (0.6, 0.8, 0.95):
        process = _child(server, site, action)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(whole * share)
        process.kill()
        process.wait(10)
        # The client goes on with a script that it has begun.
        end = time.monotonic() + 20
        while any("session" in line for line in leftovers(server)) and time.monotonic() < end:
            time.sleep(0.1)
        found = fingerprint(server, ledger)
        assert found in (live, wanted), f"killed after {share} of {whole:.1f} s"
        if found == wanted:
            server.sql("DELETE FROM asiento WHERE id > 400", ledger)
    site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert fingerprint(server, ledger) == wanted
    assert_nothing_left(server, site, sets=1)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.65, 0.9])
def test_a_swap_whose_client_is_killed_too_is_repaired_by_the_next_restore(
    server: MysqlServer, ledger: str, site: Site, share: float
) -> None:
    wanted = fingerprint(server, ledger)
    dumped = site.dump(engine(server, ledger))
    server.sql("DELETE FROM asiento WHERE id > 400; DROP VIEW ultimos; CREATE TABLE despues (i int)", ledger)
    live = fingerprint(server, ledger)
    action = f"site.restore(engine(server, 'libro'), SetId.parse({str(dumped.set_id)!r}), replace=True)"
    assert _child(server, site, _CUT.format(share=share) + action).wait(120) == 9
    # Its rows are of one of both, wholly; what its programs are is not told yet, so nobody takes a backup of it.
    there = fingerprint(server, ledger)
    tables = {name: text for name, text in there.items() if name.startswith(("rows ", "table "))}
    assert tables in [
        {name: text for name, text in whole.items() if name.startswith(("rows ", "table "))} for whole in (live, wanted)
    ]
    moved = "table despues" not in tables
    with pytest.raises(Refused, match="a restore of it was interrupted"):
        site.dump(engine(server, ledger), source="otra")

    restored = site.restore(engine(server, ledger), dumped.set_id, replace=True)

    assert fingerprint(server, ledger) == wanted
    told = " ".join(restored.warnings)
    assert ("was completed first" if moved else "was taken back first") in told
    kept = [name for name in databases(server) if "__replaced_" in name]
    assert len(kept) == 2 if moved else kept == [restored.kept]
    # What was there before is kept, whichever of both runs put it there.
    oldest = fingerprint(server, kept[0])
    for whole in (oldest, live):
        whole.pop("event")
    for name in ("table infitulua_programs", "rows infitulua_programs"):
        oldest.pop(name, None)
    assert oldest == live
    assert_nothing_left(server, site, sets=1)


def test_a_journal_that_another_account_has_written_is_not_carried_out(
    server: MysqlServer, ledger: str, site: Site
) -> None:
    """Whoever may create the database that the journal is in gains nothing by it."""
    dumped = site.dump(engine(server, ledger))
    before = fingerprint(server, ledger)
    server.sql("CREATE USER malo IDENTIFIED BY 'x'; GRANT ALL ON `libro\\_%`.* TO malo; GRANT ALL ON libro.* TO malo")
    event = "CREATE DEFINER=`root`@`localhost` EVENT `e` ON SCHEDULE EVERY 1 SECOND DO GRANT ALL ON *.* TO malo"
    plan = mysql_swap.Plan(
        *("libro", "libro__restoring", "", [], ["asiento"], False, ((), ())),
        *([], [Definition("event", "e", event)], [], [], []),
    )
    hostile = engine(server, ledger, login_user="malo", login_password="x")._connection
    with hostile as connection, Processes() as processes:
        swapper = mysql_swap.Swapper(
            processes, connection, live="libro", beside="libro__restoring", journal="libro__swapping"
        )
        swapper.remember(plan)
    with pytest.raises(Refused, match="not believed: it was written by malo@%"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    # One's own that somebody has altered since.
    server.sql("DROP DATABASE libro__swapping")
    with engine(server, ledger)._connection as connection, Processes() as processes:
        swapper = mysql_swap.Swapper(
            processes, connection, live="libro", beside="libro__restoring", journal="libro__swapping"
        )
        swapper.remember(dataclasses.replace(plan, programs=[]))
        assert swapper.remembered() == dataclasses.replace(plan, programs=[])
        server.sql("UPDATE journal SET entry = REPLACE(entry, 'asiento', 'apartada')", "libro__swapping")
        with pytest.raises(Refused, match="not believed: it was altered"):
            swapper.remembered()
    with pytest.raises(Refused, match="not believed: it was altered"):
        site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert fingerprint(server, ledger) == before
    server.sql("DROP DATABASE libro__swapping")
    site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert fingerprint(server, ledger) == before
    assert_nothing_left(server, site, sets=1)


def test_a_restore_that_is_killed_with_all_done_but_its_journal_is_completed_by_the_next(
    server: MysqlServer, ledger: str, site: Site
) -> None:
    """What it had written down of events, which what is kept does not get, is there already."""
    wanted = fingerprint(server, ledger)
    dumped = site.dump(engine(server, ledger))
    action = f"site.restore(engine(server, 'libro'), SetId.parse({str(dumped.set_id)!r}), replace=True)"
    assert _child(server, site, "Swapper.forget = lambda self: os._exit(9)\n" + action).wait(120) == 9
    (kept,) = (name for name in databases(server) if "__replaced_" in name)
    written = server.sql("SELECT number, statement FROM infitulua_programs", kept)
    assert "EVENT" in written
    restored = site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert "was completed first" in " ".join(restored.warnings)
    assert server.sql("SELECT number, statement FROM infitulua_programs", kept) == written
    assert fingerprint(server, ledger) == wanted
    assert_nothing_left(server, site, sets=1)


def test_rights_on_routines_outlive_a_restore_that_is_killed_after_its_swap(
    server: MysqlServer, ledger: str, site: Site
) -> None:
    """Of an account that the set knows nothing of: they went with the routine that was dropped."""
    server.sql("CREATE FUNCTION libro.triple(n int) RETURNS int DETERMINISTIC RETURN n * 3")
    dumped = site.dump(engine(server, ledger))
    server.sql("CREATE USER ajena; GRANT EXECUTE ON FUNCTION libro.triple TO ajena")
    grants = server.sql("SHOW GRANTS FOR ajena")
    action = (
        "import os\n"
        "from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _restore\n"
        "_restore.Restoration._finish = lambda *given: os._exit(9)\n"
        f"site.restore(engine(server, 'libro'), SetId.parse({str(dumped.set_id)!r}), replace=True)"
    )
    assert _child(server, site, action).wait(120) == 9
    site.restore(engine(server, ledger), dumped.set_id, replace=True)
    assert server.sql("SHOW GRANTS FOR ajena") == grants
    server.sql("DROP USER ajena")
    assert_nothing_left(server, site, sets=1)


@pytest.fixture
def canary(server: MysqlServer) -> Iterator[str]:
    """A password with all that option files, shells and SQL stumble over."""
    password = "canario-" + secrets.token_hex(8) + " #'\"\\;`$%ñ"
    text = password.replace("\\", "\\\\").replace("'", "\\'")
    server.sql(f"CREATE USER canario IDENTIFIED BY '{text}'; GRANT ALL ON *.* TO canario WITH GRANT OPTION")
    yield password
    server.sql("DROP USER canario")


def test_a_password_is_seen_by_nobody(
    server: MysqlServer, ledger: str, site: Site, canary: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # What somebody left in the environment must not lead anywhere else.
    monkeypatch.setenv("MYSQL_HOST", "nowhere.invalid")
    bound = {"login_user": "canario", "login_password": canary}
    with Watcher(canary[:24]) as watcher:
        dumped = site.dump(engine(server, ledger, **bound))
        site.restore(engine(server, ledger, **bound), dumped.set_id, replace=True)
        with pytest.raises(ProcessFailed) as failure:
            site.dump(engine(server, ledger, login_user="canario", login_password=canary + "x"))
    assert "mysql" in watcher.programs
    assert watcher.found == []
    assert canary[:24] not in failure.value.message + str(failure.value.details)
    for path in [*site.root.rglob("*"), *tmp_path.rglob("*")]:
        assert not path.is_file() or canary[:24].encode() not in path.read_bytes()


def test_no_log_has_the_password_of_the_account_that_restores(
    server: MysqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = site.dump(engine(server, ledger))
    passwords: list[str] = []
    real = secrets.token_urlsafe

    def token(size: int) -> str:
        passwords.append(real(size))
        return passwords[-1]

    monkeypatch.setattr(secrets, "token_urlsafe", token)
    server.sql("SET GLOBAL log_raw = ON; SET GLOBAL general_log_file = 'todo.log'; SET GLOBAL general_log = ON")
    try:
        site.restore(engine(server, "copia"), dumped.set_id)
    finally:
        server.sql("SET GLOBAL general_log = OFF; SET GLOBAL log_raw = OFF")
    written = (server.data / "todo.log").read_text(errors="replace")
    assert "CREATE USER 'infitulua-restore-" in written
    assert passwords
    assert not [password for password in passwords if password in written]


def test_a_server_that_goes_down_while_it_is_dumped(server: MysqlServer, site: Site) -> None:
    server.sql("CREATE DATABASE grande; CREATE TABLE grande.t (id int PRIMARY KEY, v varchar(500))")
    server.sql(
        "SET cte_max_recursion_depth = 200000;"
        f"INSERT INTO t SELECT seq, REPEAT(SHA2(seq, 256), 6) FROM {numbers(200000)}",
        "grande",
    )

    def stop() -> None:
        reading = "SELECT COUNT(*) FROM performance_schema.processlist WHERE INFO LIKE 'SELECT `id`, %'"
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


def test_no_room_is_told_where_the_server_s_disk_can_be_seen(
    server: MysqlServer, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
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
