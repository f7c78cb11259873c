# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has expired leaves the servers' disks and the vault; nothing else does, and nothing of it comes back."""

from __future__ import annotations

import json
import shutil
import subprocess
import typing as t

import pytest

from development.demonstration.institution import Institution
from tests.integration.playbooks.house import FILES, FINANCE, House

SOURCES = {FINANCE: "contabilidad", FILES: "datos-usuarios"}
#: On the servers' disks one, in the vault the last two of databases, and the last of files.
POLICY: dict[str, t.Any] = {
    "backup_disk_retention": {"last": 1},
    "backup_retention": {"400.8": {"last": 2}, "default": {"last": 1}},
}


def rules(**more: t.Any) -> tuple[str, str]:
    return "-e", json.dumps({**POLICY, **more})


def a_day(house: House, number: int, *arguments: str) -> str:
    """A day of the institution. What is kept of it is told by the tests."""
    with (house.documents / f"dia-{number}.txt").open("w", encoding="utf-8") as stream:
        stream.write(f"día {number}\n")
    run = house.institution.run("daily", "-e", f"backup_run_id=dia-{number}", *arguments)
    assert run.status == 0, run.output
    return "\n".join(run.report)


@pytest.fixture(scope="module")
def three_days(house: House) -> House:
    """Three days without rules for the vault: one more than a disk is to keep."""
    for number in (2, 3):
        a_day(house, number, "-e", json.dumps({"backup_drill_policy": "none", "backup_disk_retention": {"last": 2}}))
    return house


@pytest.mark.slow
def test_without_rules_the_vault_keeps_all_and_a_disk_the_last_that_are_everywhere(three_days: House) -> None:
    for server, source in SOURCES.items():
        vault = sorted(name for name in three_days.sets(three_days.institution.vault) if f"/{source}/" in name)
        assert len(vault) == 3
        assert sorted(three_days.sets(three_days.institution.disk(server))) == vault[1:]
        assert {name for name in three_days.sets_in_cloud() if f"/{source}/" in name} == set(vault)


@pytest.mark.slow
def test_what_has_expired_goes_as_predicted_and_does_not_come_back(three_days: House) -> None:
    house = three_days
    hold = {"source": "datos-usuarios", "set": min(house.sets(house.institution.disk(FILES))), "reason": "Proceso 15"}
    vault = house.sets(house.institution.vault)
    of = {source: sorted(name for name in vault if f"/{source}/" in name) for source in SOURCES.values()}
    before = house.listing()
    predicted = house.institution.run("step4_store_media", *rules(backup_holds=[hold]), "--check")
    assert predicted.status == 0, predicted.output
    assert house.listing() == before
    run = house.institution.run("step4_store_media", *rules(backup_holds=[hold]))
    assert run.status == 0, run.output
    said = [line.replace("se borraría", "se borró") for line in predicted.report if "se borraría" in line]
    assert [line for line in run.report if "se borró" in line] == said
    assert len(said) == 1 + 0 + 1 + 1, said
    assert house.sets(house.institution.disk(FINANCE)) == set(of["contabilidad"][-1:])
    assert house.sets(house.institution.disk(FILES)) == {hold["set"], *of["datos-usuarios"][-1:]}
    assert house.sets(house.institution.vault) == {
        *of["contabilidad"][-2:],
        hold["set"],
        of["datos-usuarios"][-1],
    }
    assert any("Proceso 15" in line for line in run.report)
    assert house.sets_in_cloud() == vault, "what is locked in the cloud stays"
    assert (
        sum("copias vencidas en la nube, que se borran cuando termine su bloqueo: 1" in line for line in run.report)
        == 2
    )
    assert sum("copias en la nube bloqueadas contra el borrado" in line for line in run.report) == 2

    again = house.institution.run("step4_store_media", *rules(backup_holds=[hold]))
    assert (again.status, again.changed) == (0, 0), again.output
    left = house.sets(house.institution.vault)
    report = a_day(house, 4, *rules(backup_holds=[hold], backup_disk_retention={"last": 2}))
    assert not {name for name in vault - left if f"{name}: traída" in report}, "what has expired is not fetched again"
    assert "ADVERTENCIA" not in report, report
    newest = {name for name in house.sets(house.institution.vault) if name not in vault}
    assert len(newest) == 2


@pytest.mark.slow
def test_what_another_medium_lacks_stays_on_the_disk_and_is_told(three_days: House) -> None:
    house = three_days
    lacking = min(house.sets(house.institution.disk(FINANCE)) & house.sets(house.institution.vault))
    (house.institution.vault / lacking).rename(house.directory / "taken-away")
    try:
        # There is no cloud that it could come back from.
        run = house.institution.run("step4_store_media", *rules(backup_disk_retention={"last": 1}, backup_cloud={}))
    finally:
        (house.directory / "taken-away").rename(house.institution.vault / lacking)
    assert run.status == 0, run.output
    assert lacking in house.sets(house.institution.disk(FINANCE))
    assert any(lacking in line and "la bóveda" in line and "ADVERTENCIA" in line for line in run.report), run.report


@pytest.mark.slow
def test_what_a_server_has_stored_stays_locked_in_the_cloud_while_it_does_not_answer(three_days: House) -> None:
    house = three_days
    sources = house.sources()
    sources[FINANCE].update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=9)
    without = Institution(house.directory, sources, store=house.institution.store, prefix=house.directory.name)
    without.write_inventory()
    try:
        run = without.run(
            "daily", *rules(backup_retention={"default": {"minimum_days": 90}}), "-e", "backup_run_id=sin"
        )
    finally:
        house.institution.write_inventory()
    assert run.status != 0
    assert "no se pudo llegar" in run.output
    stored = run.report[run.report.index("ALMACENAR MEDIOS: informe de INFITULUÁ E.I.C.E.") :]
    of_finance = stored[stored.index(f"{FINANCE}:") :]
    assert any("se alargó el bloqueo de" in line for line in of_finance[: of_finance.index(f"{FILES}:")]), stored


@pytest.mark.slow
def test_what_a_shorter_policy_would_remove_stays_until_two_people_have_signed_it(three_days: House) -> None:
    house = three_days
    keys = [house.directory / f"key-of-{name}" for name in ("ana", "beatriz")]
    for key in keys:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=30)
    people = [{"name": key.name, "public_key": key.with_suffix(".pub").read_text(encoding="utf-8")} for key in keys]
    approvals = {"backup_approvals": {"required": 2, "approvers": people}, "backup_disk_retention": {"last": 9}}
    vault = house.sets(house.institution.vault)
    old = min(name for name in vault if f"/{SOURCES[FINANCE]}/" in name)
    try:
        agreed = house.institution.run(
            "step4_store_media", *rules(backup_retention={"default": {"last": 2}}, **approvals)
        )
        assert (agreed.status, house.sets(house.institution.vault)) == (0, vault), agreed.output
        assert sum("quedan acordados" in line for line in agreed.report) == 2, agreed.report
        # The inventory alone, without backup_approvals.
        asked = house.institution.run("step4_store_media", *rules(backup_retention={"default": {"last": 1}}))
        assert (asked.status, house.sets(house.institution.vault)) == (0, vault), asked.output
        (line,) = (line for line in asked.report if "falta aprobación" in line and old in line)
        assert "firmas 0 de 2 (nadie todavía)" in line
        signing = line[line.index("ssh-keygen -Y sign") :]
        for key in keys:
            command = signing.replace("SU_LLAVE", str(key)).replace("SU_NOMBRE", key.name)
            subprocess.run(["/bin/sh", "-c", command], check=True, timeout=30)
        done = house.institution.run("step4_store_media", *rules(backup_retention={"default": {"last": 1}}))
        assert done.status == 0, done.output
        assert vault - house.sets(house.institution.vault) == {old}
        assert any(f"aprobado por {keys[0].name}, {keys[1].name}" in line for line in done.report), done.report
    finally:
        shutil.rmtree(house.institution.vault / ".approvals", ignore_errors=True)


@pytest.mark.slow
def test_rules_that_make_no_sense_stop_everything_before_it_begins(three_days: House) -> None:
    before = three_days.listing()
    run = three_days.institution.run("daily", *rules(backup_retention={"400.8": {"diario": 3}}))
    assert run.status != 0
    assert "backup_retention" in run.output and "400.8" in run.output and "diario" in run.output
    assert three_days.listing() == before
