# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped playbooks while a server's clock is wrong, and after it: no clock decides which set is restored."""

from __future__ import annotations

import contextlib
import datetime
import sqlite3
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import (
    PASSED,
    Drill,
    DrillRecord,
)
from development.demonstration.accounting import read_everything
from development.demonstration.institution import SYSTEMS_COMPUTER, Institution, Run
from tests.integration.playbooks.house import FINANCE, TICKET, House, drills

DAYS = 400
LIMITED = ("--limit", f"localhost,{FINANCE},{SYSTEMS_COMPUTER}")
RESTORED = (
    *TICKET,
    *("-e", f"backup_restore_server={FINANCE}", "-e", "backup_restore_source=contabilidad"),
    *("-e", "backup_restore_replace=true"),
)
# What Python runs before anything else: this host's clock, as its modules see it, is off by so many seconds.
WRONG_CLOCK = """\
import datetime
import time

OFF = {seconds}
right = time.time
time.time = lambda: right() + OFF


class Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=OFF)


datetime.datetime = Datetime
"""


def python_with_clock_off(directory: Path, days: int) -> str:
    """The path of a Python whose clock is wrong."""
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(WRONG_CLOCK.format(seconds=days * 86400), encoding="utf-8")
    interpreter = directory / "python"
    interpreter.write_text(f'#!/bin/sh\nPYTHONPATH={directory} exec {sys.executable} "$@"\n', encoding="utf-8")
    interpreter.chmod(0o755)
    return str(interpreter)


def with_clock_off(house: House, directory: Path, days: int) -> Institution:
    """The same institution, where the finance server's clock is wrong."""
    return institution_with(house, {"ansible_python_interpreter": python_with_clock_off(directory, days)})


def institution_with(house: House, variables: dict[str, t.Any]) -> Institution:
    sources = house.sources()
    sources[FINANCE] |= variables
    return Institution(house.directory, sources, store=house.institution.store, prefix=house.directory.name)


def run(institution: Institution, playbook: str, *arguments: str) -> Run:
    """Run a playbook with this institution's inventory."""
    institution.write_inventory()
    return institution.run(playbook, *LIMITED, *arguments)


def new_sets(house: House, before: set[str]) -> list[str]:
    return sorted(house.sets(house.institution.disk(FINANCE)) - before)


def add_voucher(house: House, number: int) -> None:
    """The day's work: one row by which its sets are told apart."""
    with contextlib.closing(sqlite3.connect(house.database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS dias (dia INTEGER)")
        connection.execute("INSERT INTO dias VALUES (?)", (number,))


def day_of(set_id: str) -> str:
    return set_id.rsplit("/", 1)[1][:8]


def today(days: int = 0) -> str:
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y%m%d")


@pytest.mark.slow
def test_one_backup_of_a_clock_far_ahead_is_named_by_every_step_and_never_restored(
    house: House, tmp_path: Path
) -> None:
    disk = house.sets(house.institution.disk(FINANCE))
    add_voucher(house, 1)
    wrong_clock = with_clock_off(house, tmp_path / "ahead", DAYS)
    wrong = run(wrong_clock, "step2_back_up", "-e", "backup_run_id=adelantada")
    assert wrong.status != 0
    assert f"el reloj de {FINANCE} va {DAYS} d adelantado al de {SYSTEMS_COMPUTER}" in wrong.output, wrong.output
    (ahead,) = new_sets(house, disk)
    assert day_of(ahead) == today(DAYS)

    # The clock is right again: the next day's set is the newer one, everywhere, and every step names the other.
    add_voucher(house, 2)
    rows = read_everything(house.database)
    day = run(house.institution, "daily", "-e", "backup_run_id=dia-2")
    assert day.status != 0
    (good,) = new_sets(house, disk | {ahead})
    assert day_of(good) == today()
    named = f"servidor {FINANCE}, copia {ahead}: está fechada después de ahora"
    assert sum(named in line for line in day.report) == 3, day.report
    end = day.output.rsplit("PLAY [RESULTADO DEL DÍA]", 1)[1].split("fatal:")[0]
    assert end.count("FALLO ") == end.count(named) == 1, end
    assert house.sets(house.institution.vault) >= {ahead, good}
    assert house.sets_in_cloud() >= {ahead, good}

    # The good one is restored, from each medium; the other is named, and the run fails for it when all is done.
    with contextlib.closing(sqlite3.connect(house.database, isolation_level=None)) as connection:
        connection.execute("DROP TABLE dias")
    rehearsed = house.institution.run("step5_restore", *RESTORED, "--check", "-e", "backup_restore_from=cloud")
    assert f"{good} se restauraría" in "".join(rehearsed.report), rehearsed.output
    restored = house.institution.run("step5_restore", *RESTORED)
    assert read_everything(house.database) == rows, restored.output
    assert f"{good} restaurada" in "".join(restored.report)
    for step5 in (rehearsed, restored):
        assert step5.status != 0
        assert named in step5.output
        # It is not newer, for all that its date says.
        assert "no se eligió" not in step5.output

    # Once it is known of, it fails no run any more, and is told all the same.
    known = institution_with(house, {"backup_known_misdated": [ahead]})
    quiet = run(known, "step4_store_media")
    assert quiet.status == 0, quiet.output
    assert sum(f"{ahead}: fechada después de ahora" in line for line in quiet.report) == 1
    house.institution.write_inventory()


@pytest.mark.slow
def test_what_is_made_under_a_clock_far_behind_is_the_newest_all_the_same(house: House, tmp_path: Path) -> None:
    disk = house.sets(house.institution.disk(FINANCE))
    add_voucher(house, 3)
    rows = read_everything(house.database)
    wrong = run(with_clock_off(house, tmp_path / "behind", -DAYS), "step2_back_up", "-e", "backup_run_id=atrasada")
    assert wrong.status != 0
    assert f"el reloj de {FINANCE} va {DAYS} d atrasado" in wrong.output
    (behind,) = new_sets(house, disk)
    assert day_of(behind) == today(-DAYS)
    house.institution.write_inventory()
    with contextlib.closing(sqlite3.connect(house.database, isolation_level=None)) as connection:
        connection.execute("DROP TABLE dias")
    restored = house.institution.run("step5_restore", *RESTORED, "-e", "backup_restore_from=disk")
    assert f"{behind} restaurada" in "".join(restored.report), restored.output
    assert read_everything(house.database) == rows


@pytest.mark.slow
def test_a_set_that_was_never_restored_for_trial_is_told_and_tried_on_the_next_day(house: House) -> None:
    disk = house.sets(house.institution.disk(FINANCE))
    untried = institution_with(house, {"backup_drill_policy": "none"})
    day = run(untried, "daily", "-e", "backup_run_id=sin-prueba")
    (new,) = new_sets(house, disk)
    never = f"ADVERTENCIA: {new}: nunca se ha restaurado de prueba"
    assert sum(never in line for line in day.report) == 1, day.report

    # A newer one on the server's disk that nobody has verified is told as well.
    run(untried, "step2_back_up", "-e", "backup_run_id=solo-en-disco")
    (on_disk,) = new_sets(house, disk | {new})
    rehearsed = house.institution.run("step5_restore", *RESTORED, "--check")
    assert f"{new} se restauraría" in "".join(rehearsed.report), rehearsed.output
    assert sum(never in line for line in rehearsed.report) == 1, rehearsed.report
    told = f"hay una copia más nueva que no se eligió: {on_disk}, en el disco del servidor"
    assert sum(told in line for line in rehearsed.report) == 1, rehearsed.report

    run(house.institution, "step3_verify_result")
    tried = {drill["id"]: drill["outcome"] for drill in drills(house, FINANCE, "contabilidad")}
    assert tried[new] == tried[on_disk] == "passed"


def test_of_the_clocks_only_what_still_goes_is_compared_and_what_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    files = [{"name": name, "paths": [str(tmp_path / "tree")]} for name in ("actas", "cartas")]
    institution = Institution(tmp_path / "house", {FINANCE: {"backup_files": files}})
    institution.build()
    record = DrillRecord(str(institution.host_directory(SYSTEMS_COMPUTER) / "var" / "drills"))
    Path(record.directory).mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    for source, days in (("retirada", DAYS), ("cartas", 10)):
        ahead = (now + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        record.add(Drill(f"{FINANCE}/{source}/20261120T030000Z", PASSED, ahead, "the vault"))
    Path(record.directory, FINANCE, "actas.jsonl").mkdir()
    said = " ".join(institution.run("step2_back_up", *LIMITED).output.split())
    assert "su última restauración de prueba está anotada 10 d después" in said
    assert f"{DAYS} d después" not in said
    assert "no se compararon todos los relojes" in said and "actas.jsonl" in said


def test_a_first_server_that_lets_nobody_in_keeps_no_other_clock_from_being_compared(tmp_path: Path) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n", encoding="utf-8")
    sudo.chmod(0o755)
    (tmp_path / "tree").mkdir()
    files = {"backup_files": [{"name": "actas", "paths": [str(tmp_path / "tree")]}]}
    # As another user: who is one already asks nobody.
    shut = {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": str(sudo)}
    off = {"ansible_python_interpreter": python_with_clock_off(tmp_path / "ahead", DAYS)}
    institution = Institution(tmp_path / "house", {"srv-a": {**files, **shut}, "srv-b": {**files, **off}})
    institution.build()
    run = institution.run("step2_back_up")
    assert run.status != 0
    assert "servidor srv-a" in run.output
    assert f"el reloj de srv-b va {DAYS} d adelantado al de {SYSTEMS_COMPUTER}" in run.output, run.output
