# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy that has gone bad or is gone is found in time, and replaced by a verified one of another medium."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from development.demonstration.institution import Run
from tests.integration.playbooks.house import FINANCE, House, drills, left_of_a_restore

pytestmark = pytest.mark.slow
NOT_DRILLED = ("-e", json.dumps({"backup_drill_policy": "none"}))


@pytest.fixture(scope="module")
def two_days(house: House) -> House:
    """A day more than one, so that each server has two sets. Each test leaves it as it was: all is well."""
    with (house.documents / "dia-2.txt").open("w", encoding="utf-8") as stream:
        stream.write("día 2\n")
    run = house.institution.run("daily", "-e", "backup_run_id=dia-2", *NOT_DRILLED)
    assert run.status == 0, run.output
    return house


def finance_sets(house: House) -> list[SetId]:
    return sorted(map(SetId.parse, (one for one in house.sets(house.institution.vault) if one.startswith(FINANCE))))


def let_lie(root: Path, set_id: SetId) -> None:
    """Let a set be verified on a medium, and let that be more than a month ago."""
    medium = DirectoryMedium(path=str(root))
    verification, _description = set_verification.verify(medium, set_id)
    assert set_verification.remember(medium, set_id, verification)
    path = root / ".verifications" / set_id.host / set_id.source / f"{set_id.time}.json"
    told = host_clock.write(host_clock.now() - datetime.timedelta(days=31))
    path.write_text(json.dumps({**json.loads(path.read_text()), "verified": told}))


def turn_a_bit(root: Path, set_id: SetId) -> None:
    """Let a disk lose a bit, which nothing but reading it shows."""
    path = max((root / str(set_id) / "data").iterdir(), key=lambda one: one.stat().st_size)
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    path.chmod(status.st_mode & 0o777)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def store_media(house: House, *arguments: str) -> Run:
    return house.institution.run("step4_store_media", *NOT_DRILLED, *arguments)


def assert_all_is_well(house: House) -> None:
    again = store_media(house)
    assert (again.status, again.changed) == (0, 0), again.output
    assert not any("ADVERTENCIA" in line and "repuso" in line for line in again.report), again.report


def was_replaced(run: Run, set_id: SetId) -> bool:
    said = f"{set_id}: faltaba o estaba dañada en otro medio; se repuso desde la bóveda"
    return any(said in line for line in run.report)


def test_a_bit_that_turned_in_the_vault_is_found_and_the_copy_comes_back_from_the_cloud(two_days: House) -> None:
    house, vault, set_id = two_days, two_days.institution.vault, finance_sets(two_days)[0]
    medium = DirectoryMedium(path=str(vault))
    good = set_verification.verify(medium, set_id)[0].tag_manifest_sha256
    let_lie(vault, set_id)
    turn_a_bit(vault, set_id)
    run = store_media(house)
    assert run.status != 0
    assert f"copia {set_id}: se dañó en la bóveda" in run.output
    assert any(f"{set_id}: la bóveda la tenía dañada" in line for line in run.report), run.report
    assert set_verification.verify(medium, set_id)[0].tag_manifest_sha256 == good
    assert len(list((vault / ".rejected").rglob("bagit.txt"))) == 1
    assert_all_is_well(house)


def test_what_the_cloud_lost_and_the_server_has_no_more_comes_from_the_vault(two_days: House) -> None:
    # The second day's: other tests bring the first day back.
    house, set_id = two_days, finance_sets(two_days)[-1]
    client = house.store.client()
    prefix = f"{house.directory.name}/{set_id}"
    pages = client.get_paginator("list_object_versions").paginate(Bucket=house.store.bucket, Prefix=prefix)
    versions = [entry for page in pages for entry in page.get("Versions", [])]
    assert versions
    for entry in versions:
        client.delete_object(
            Bucket=house.store.bucket, Key=entry["Key"], VersionId=entry["VersionId"], BypassGovernanceRetention=True
        )
    DirectoryMedium(path=str(house.institution.disk(FINANCE))).remove(set_id)
    assert str(set_id) not in house.sets_in_cloud()
    run = store_media(house)
    assert any(
        f"{set_id}: faltaba o estaba dañada en otro medio; se repuso desde la bóveda" in line for line in run.report
    )
    assert any(f"{set_id}: leída de vuelta de la nube" in line for line in run.report), run.report
    assert str(set_id) in house.sets_in_cloud()
    assert left_of_a_restore(house) == []
    assert_all_is_well(house)


def test_a_bit_that_turned_on_the_server_s_disk_is_found_and_the_copy_comes_back_from_the_vault(
    two_days: House,
) -> None:
    house, set_id = two_days, finance_sets(two_days)[0]
    disk = house.institution.disk(FINANCE)
    let_lie(disk, set_id)
    turn_a_bit(disk, set_id)
    run = store_media(house)
    assert run.status != 0
    assert f"copia {set_id}: se dañó en el disco del servidor" in run.output
    assert any(
        f"{set_id}: faltaba o estaba dañada en otro medio; se repuso desde la bóveda" in line for line in run.report
    )
    set_verification.verify(DirectoryMedium(path=str(disk)), set_id)
    assert left_of_a_restore(house) == []
    assert_all_is_well(house)


def test_a_vault_that_lost_more_than_it_has_is_filled_only_when_somebody_has_looked(two_days: House) -> None:
    house, vault = two_days, two_days.institution.vault
    before = house.sets(vault)
    (vault / FINANCE).rename(house.directory / "disk-that-is-not-mounted")
    run = store_media(house)
    assert run.status != 0
    assert "la bóveda perdió 2 copias de este servidor, más de las que conserva" in run.output
    assert not any(name.startswith(FINANCE) for name in house.sets(vault))
    assert store_media(house, "-e", "backup_repair_vault=true").status == 0
    assert house.sets(vault) == before
    assert_all_is_well(house)


def test_what_was_never_restored_from_the_cloud_for_a_month_is(two_days: House) -> None:
    house = two_days
    path = house.directory / "computador-sistemas" / "var" / "drills" / FINANCE / "contabilidad.jsonl"
    told = host_clock.write(host_clock.now() - datetime.timedelta(days=31))
    lines = [{**json.loads(line), "drilled": told} for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    run = house.institution.run("step4_store_media")
    assert run.status == 0, run.output
    [said] = [line for line in run.report if "restaurada de prueba desde la nube" in line]
    last = drills(house, FINANCE, "contabilidad")[-1]
    assert (last["outcome"], last["medium"].startswith("bucket "), last["id"] in said) == ("passed", True, True)
    again = house.institution.run("step4_store_media")
    assert (again.status, again.changed) == (0, 0), again.output
    assert not any("desde la nube en" in line for line in again.report)
