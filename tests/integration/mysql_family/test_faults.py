# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong with a server of the family: one clear message, nothing left, the live database as it was."""

from __future__ import annotations

import os
import secrets
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import preflight
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    LockHeld,
    NotFound,
    ProcessFailed,
    Refused,
)
from tests.integration.engines.support import exit_status
from tests.integration.postgresql.support import Site

from .product import Product


def test_a_database_that_does_not_exist(product: Product, site: Site) -> None:
    with pytest.raises(NotFound, match="no database of this name"):
        site.dump(product.engine("no existe"))


def test_an_account_that_cannot_be_made_costs_no_other_its_rights(
    product: Product, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the server lacks the plugin that identifies it. If the restore fails, those that were made go."""
    grants_of = product.part("grants")
    product.sql("CREATE FUNCTION libro.triple(n int) RETURNS int DETERMINISTIC RETURN n * 3")
    product.sql("CREATE USER ana, zoe, ines; GRANT SELECT ON libro.* TO ana, zoe, ines")
    product.sql("GRANT EXECUTE ON FUNCTION libro.triple TO ines")
    bad = {
        "mariadb": ["CREATE USER `malo`@`%` IDENTIFIED VIA no_lo_hay"],
        "mysql": [
            "CREATE USER `malo`@`%` IDENTIFIED WITH 'no_lo_hay'",
            # With a role that nobody gives it: this one is not even tried.
            "CREATE USER `raro`@`%` DEFAULT ROLE poder",
            "GRANT SELECT ON `libro`.* TO `raro`@`%`",
        ],
    }
    real = grants_of.statements
    with monkeypatch.context() as patch:
        patch.setattr(
            grants_of,
            "statements",
            lambda *given: [*bad[product.name], *real(*given), "GRANT SELECT ON `libro`.* TO `malo`@`%`"],
        )
        dumped = site.dump(product.engine(ledger))
    grants = product.sql("SHOW GRANTS FOR ana; SHOW GRANTS FOR ines")
    product.sql("DROP USER ana, zoe; CREATE USER lola; GRANT EXECUTE ON FUNCTION libro.triple TO lola")
    held = product.sql("SHOW GRANTS FOR lola")
    restored = site.restore(product.engine(ledger), dumped.set_id, replace=True)
    told = " ".join(restored.warnings)
    assert "could not be made, and so have no rights here: `malo`@`%` (ERROR 152" in told
    assert "created from the set, with their rights on this database only: `ana`@`%`, `zoe`@`%`" in told
    assert product.sql("SHOW GRANTS FOR ana; SHOW GRANTS FOR ines") == grants
    assert product.sql("SHOW GRANTS FOR lola") == held
    # A restore that fails leaves none of them.
    product.sql("DROP USER ana, zoe")
    monkeypatch.setattr(product.part("restore").Restoration, "_make_programs", _failing)
    with pytest.raises(Refused, match="not today"):
        site.restore(product.engine(ledger), dumped.set_id, replace=True)
    assert product.accounts() == ["ines@%", "lola@%"]


def _failing(*_given: object) -> None:
    raise Refused("restore a database", on="it", why="not today", next_step="Wait.")


def test_tables_of_a_hostile_set_reach_no_other_database(
    product: Product, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.sql("CREATE DATABASE victima; CREATE TABLE victima.t (i int); INSERT INTO victima.t VALUES (1)")
    objects = product.part("objects")
    hostile = objects.Definition("table", "x", "CREATE TABLE `x` (j int) AS SELECT * FROM victima.t")
    real = objects.structure
    with monkeypatch.context() as patch:
        patch.setattr(objects, "structure", lambda *given: [*real(*given), hostile])
        dumped = site.dump(product.engine(ledger))
    with pytest.raises(ProcessFailed, match="ERROR 1142"):
        site.restore(product.engine("otro"), dumped.set_id)
    assert product.databases() == ["libro", "victima"]
    product.assert_nothing_left(site, sets=1)


def test_a_database_in_use_is_replaced(product: Product, ledger: str, site: Site) -> None:
    dumped = site.dump(product.engine(ledger))
    product.sql("DELETE FROM asiento", ledger)
    with product.session(ledger, "START TRANSACTION; SELECT * FROM asiento FOR UPDATE;\n"):
        restored = site.restore(product.engine(ledger), dumped.set_id, replace=True)
    assert restored.kept is not None
    assert product.sql("SELECT COUNT(*) FROM asiento", ledger) == "900"


def test_nothing_is_dropped_while_somebody_holds_a_table(
    product: Product, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are written while a restore waits meet their triggers."""
    if product.name == "mysql":
        monkeypatch.setattr(product.part("swap"), "_WAIT_SECONDS", 1)
        # The restore's own session waits for the table too: a minute, unless it is told otherwise.
        session = product.part("session").Session
        patient = session.settings
        monkeypatch.setattr(session, "settings", patient.replace(", lock_wait_timeout = 60", ", lock_wait_timeout = 2"))
        assert session.settings != patient
    dumped = site.dump(product.engine(ledger))
    before = product.fingerprint(ledger)
    seen: set[str] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(product.sql("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'libro'"))

    looking = threading.Thread(target=look)
    with product.session("mysql", "START TRANSACTION; SELECT * FROM libro.apartada;\n"):
        looking.start()
        try:
            with pytest.raises(ProcessFailed, match=r"ERROR 1205.*SHOW PROCESSLIST"):
                site.restore(product.engine(ledger), dumped.set_id, replace=True)
        finally:
            stop.set()
            looking.join()
    assert seen == {"1"}
    assert product.fingerprint(ledger) == before
    assert product.databases() == ["libro"]
    product.assert_nothing_left(site, sets=1)


def test_a_target_that_others_refer_to_is_refused(product: Product, ledger: str, site: Site) -> None:
    dumped = site.dump(product.engine(ledger))
    product.sql("CREATE DATABASE otra; CREATE TABLE otra.r (id int, FOREIGN KEY (id) REFERENCES libro.asiento (id))")
    with pytest.raises(Refused, match=r"refer to it.*otra\.r"):
        site.restore(product.engine(ledger), dumped.set_id, replace=True)
    product.sql("DROP DATABASE otra")


def test_two_restores_of_one_target(product: Product, ledger: str, site: Site) -> None:
    dumped = site.dump(product.engine(ledger))
    restoration = product.part("restore").Restoration(product.connection(ledger))
    with restoration.connection:
        restoration._lock.acquire()
        try:
            with pytest.raises(LockHeld, match="another restore of it is running"):
                site.restore(product.engine(ledger), dumped.set_id, replace=True)
        finally:
            restoration._lock.release()
    assert site.restore(product.engine(ledger), dumped.set_id, replace=True).kept is not None


def test_rights_on_routines_outlive_a_restore_that_is_killed_after_its_swap(
    product: Product, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an account that the set knows nothing of: they went with the routine that was dropped."""
    product.sql("CREATE FUNCTION libro.triple(n int) RETURNS int DETERMINISTIC RETURN n * 3")
    dumped = site.dump(product.engine(ledger))
    product.sql("CREATE USER ajena; GRANT EXECUTE ON FUNCTION libro.triple TO ajena")
    grants = product.sql("SHOW GRANTS FOR ajena")
    with monkeypatch.context() as patch:
        patch.setattr(product.part("restore").Restoration, "_finish", lambda *_given: os._exit(9))
        assert exit_status(lambda: site.restore(product.engine(ledger), dumped.set_id, replace=True)) == 9
    if product.name == "mariadb":
        assert product.sql("SHOW GRANTS FOR ajena") == grants
    site.restore(product.engine(ledger), dumped.set_id, replace=True)
    assert product.sql("SHOW GRANTS FOR ajena") == grants
    product.assert_nothing_left(site, sets=1)


def test_no_log_has_the_password_of_the_account_that_restores(
    product: Product, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = site.dump(product.engine(ledger))
    passwords: list[str] = []
    real = secrets.token_urlsafe

    def token(size: int) -> str:
        passwords.append(real(size))
        return passwords[-1]

    monkeypatch.setattr(secrets, "token_urlsafe", token)
    raw = ["SET GLOBAL log_raw = ON;", "SET GLOBAL log_raw = OFF;"] if product.name == "mysql" else ["", ""]
    product.sql(f"{raw[0]} SET GLOBAL general_log_file = 'todo.log'; SET GLOBAL general_log = ON")
    try:
        site.restore(product.engine("copia"), dumped.set_id)
    finally:
        product.sql(f"SET GLOBAL general_log = OFF; {raw[1]}")
    written = (product.server.data / "todo.log").read_text(errors="replace")
    assert "CREATE USER 'infitulua-restore-" in written
    assert passwords
    assert not [password for password in passwords if password in written]


def test_a_server_that_goes_down_while_it_is_dumped(product: Product, site: Site) -> None:
    product.sql("CREATE DATABASE grande; CREATE TABLE grande.t (id int PRIMARY KEY, v varchar(500))")
    deep = "SET cte_max_recursion_depth = 200000;" if product.name == "mysql" else ""
    product.sql(f"{deep} INSERT INTO t SELECT seq, REPEAT(SHA2(seq, 256), 6) FROM {product.numbers(200000)}", "grande")
    processes = "performance_schema.processlist" if product.name == "mysql" else "information_schema.PROCESSLIST"

    def stop() -> None:
        reading = f"SELECT COUNT(*) FROM {processes} WHERE INFO LIKE 'SELECT `id`, %'"
        end = time.monotonic() + 20
        while product.sql(reading) == "0" and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(product.server.pid, 9)

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(BackupError):
        site.dump(product.engine("grande"))
    stopper.join()
    product.server.stop()
    product.server.start()
    product.assert_nothing_left(site)
    assert site.dump(product.engine("grande")).changed


def test_no_room_is_told_where_the_server_s_disk_can_be_seen(
    product: Product, ledger: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = site.dump(product.engine(ledger))
    real = os.statvfs

    def full(path: t.Any) -> os.statvfs_result:
        state = real(path)
        is_data = Path(os.fsdecode(path)) == product.server.data
        return os.statvfs_result((*state[:4], free[0] // state.f_frsize, *state[5:])) if is_data else state

    monkeypatch.setattr(os, "statvfs", full)
    assert dumped.description is not None
    free = [dumped.description.stored_bytes]
    before = product.fingerprint(ledger)
    with pytest.raises(Refused, match=r"bytes are free in .*data/, and the set takes \d+, compressed.*Free space"):
        site.restore(product.engine(ledger), dumped.set_id, replace=True)
    assert product.databases() == [ledger]
    assert product.fingerprint(ledger) == before
    # What the database took is no measure: it had free pages, and indexes to be made anew.
    free[0] += 8192
    told = site.restore(product.engine("vale"), dumped.set_id).warnings
    assert f"and the database that was dumped took {dumped.description.source_bytes}" in " ".join(told)
    # Of single tables it cannot be known; nor of a server whose files are elsewhere, such as in a container.
    free[0] = 0
    site.restore(product.engine("copia", tables=["asiento"]), dumped.set_id)
    monkeypatch.setattr(preflight, "_START_SECONDS", -1)
    site.restore(product.engine("otra"), dumped.set_id)
