# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong with MySQL: one clear message, nothing left behind, the live database as it was."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import objects as mysql_objects
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import restore as mysql_restore
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import swap as mysql_swap
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.objects import Definition
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
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
    from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import dump as mysql_dump

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
            mysql_objects,
            "programs",
            lambda *given, **more: _rewritten(real(*given, **more), kind=kind, statement=statement),
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
    from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import grants as mysql_accounts

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
        with pytest.raises(ProcessFailed, match="the server took other values than the set holds"):
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


_CHILD = """
import os, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from types import SimpleNamespace
from tests.integration.mysql.support import Site, engine
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.swap import Swapper
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
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
    assert ("was completed first" if moved else "was rolled back first") in told
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
    with pytest.raises(Refused, match="not trusted: it was written by malo@%"):
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
        with pytest.raises(Refused, match="not trusted: it was altered"):
            swapper.remembered()
    with pytest.raises(Refused, match="not trusted: it was altered"):
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
