# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped playbooks, by their full names, on ordinary days: two servers, a systems computer, an object store."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from development.demonstration.institution import SYSTEMS_COMPUTER, Institution
from development.environment import ROOT
from tests.integration.playbooks.house import FILES, FINANCE, PLAYBOOKS, House, drills
from tests.integration.playbooks.ran_tasks import tasks_of
from tests.integration.playbooks.test_sources import MOST_TASKS


@pytest.mark.slow
def test_a_day_brings_every_source_from_its_server_to_the_vault_and_the_cloud(house: House) -> None:
    assert house.prepared.status == 0, house.prepared.output
    assert house.day.status == 0, house.day.output
    on_servers = house.sets(house.institution.disk(FINANCE)) | house.sets(house.institution.disk(FILES))
    assert {set_id.rsplit("/", 1)[0] for set_id in on_servers} == {
        f"{FINANCE}/contabilidad",
        f"{FILES}/datos-usuarios",
    }
    assert house.sets(house.institution.vault) == on_servers
    assert house.sets_in_cloud() == on_servers
    assert not house.sets(house.institution.storage / "incoming")
    assert "Sin fallos." in house.day.report


@pytest.mark.slow
def test_a_day_takes_few_tasks_for_each_server(house: House) -> None:
    for server in (FINANCE, FILES):
        assert 10 < len(tasks_of(house.day.output, server)) < MOST_TASKS


def test_every_set_of_the_day_was_restored_for_trial(house: House) -> None:
    for server, source in ((FINANCE, "contabilidad"), (FILES, "datos-usuarios")):
        (first, *_later) = drills(house, server, source)
        assert first["outcome"] == "passed"
        assert first["id"] in house.sets(house.institution.vault)
        assert f"{first['id']}: restaurada de prueba y comprobada" in house.day.output
    work = house.directory / SYSTEMS_COMPUTER / "var" / "drill"
    assert list(work.iterdir()) == []


@pytest.mark.slow
def test_a_set_in_the_vault_is_verified_with_sha256sum_and_read_by_the_director_alone(house: House) -> None:
    (set_id,) = (name for name in house.sets(house.institution.vault) if "contabilidad" in name)
    directory = house.institution.vault / set_id
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "-c", "--quiet", manifest], cwd=directory, check=True, timeout=60)
    (payload,) = (path for path in (directory / "data").rglob("*.age") if path.stat().st_size > 1000)
    age = ["age", "-d", "-i", str(house.institution.escrow_identity), str(payload)]
    plain = subprocess.run(age, check=True, capture_output=True, timeout=60).stdout
    assert plain[:4] == b"\x28\xb5\x2f\xfd"  # zstd's magic number


@pytest.mark.slow
def test_a_second_preparation_and_a_second_run_on_the_same_day_change_nothing(house: House) -> None:
    before = house.listing()
    for run in (
        house.institution.run("step1_prepare_media"),
        house.institution.run("daily", "-e", "backup_run_id=dia-1"),
    ):
        assert (run.status, run.changed) == (0, 0), run.output
    assert any("ya tiene la copia de esta ejecución" in line for line in run.report)
    assert house.listing() == before


@pytest.mark.slow
def test_preparing_one_server_anew_forgets_neither_the_others_nor_its_older_signing_key(house: House) -> None:
    signers = house.directory / SYSTEMS_COMPUTER / "etc" / "allowed_signers"
    before = [line for line in signers.read_text().splitlines() if not line.startswith("#")]
    for path in (house.directory / FILES / "etc").glob("signing_key*"):
        path.unlink()
    run = house.institution.run("step1_prepare_media", "--limit", f"{SYSTEMS_COMPUTER},{FILES}")
    assert run.status == 0, run.output
    after = [line for line in signers.read_text().splitlines() if not line.startswith("#")]
    assert set(before) < set(after)
    assert [line.split()[0] for line in after] == [FILES, FILES, FINANCE]


@pytest.mark.slow
def test_check_mode_says_what_a_run_would_do_and_changes_nothing(house: House) -> None:
    before, in_cloud = house.listing(), house.sets_in_cloud()
    run = house.institution.run("daily", "--check", "-e", "backup_run_id=dia-2")
    assert run.status == 0, run.output
    assert any(f"{FINANCE}/contabilidad: se haría una copia" in line for line in run.report)
    rehearsed = house.institution.run("step1_prepare_media", "--check")
    assert rehearsed.status == 0, rehearsed.output
    assert any("se dispondrían" in line for line in rehearsed.report), rehearsed.report
    assert not any("dispuestos" in line for line in rehearsed.report), rehearsed.report
    assert house.listing() == before
    assert house.sets_in_cloud() == in_cloud


def only(collections: Path) -> dict[str, str]:
    """An environment in which collections are found in one place, and this working copy is not."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "ANSIBLE_COLLECTIONS_PATH": str(collections)}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as its users have it: built and installed, without a network."""
    directory = tmp_path_factory.mktemp("installed")
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(directory), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (artifact,) = directory.glob("infitulua-backup-*.tar.gz")
    install = ["ansible-galaxy", "collection", "install", "--offline", "-p", str(directory), str(artifact)]
    subprocess.run(install, env=only(directory), check=True, capture_output=True, timeout=300)
    return directory


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_the_example_inventory_suits_every_playbook(installed: Path, playbook: str, tmp_path: Path) -> None:
    inventory = installed / "ansible_collections" / "infitulua" / "backup" / "inventory.example"
    environment = {**only(installed), "ANSIBLE_HOME": str(tmp_path)}
    argv = ["ansible-playbook", "-i", str(inventory), "--syntax-check", f"infitulua.backup.{playbook}"]
    result = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr


@pytest.mark.slow
def test_a_source_that_vanished_from_the_inventory_is_told_every_day_until_it_is_retired(house: House) -> None:
    sources = house.sources()
    sources[FILES] = {}
    told = []
    for retired in ([], [{"name": "datos-usuarios", "reason": "the file server was switched off"}]):
        sources[FILES]["backup_retired_sources"] = retired
        without = Institution(house.directory, sources, store=house.institution.store, prefix=house.directory.name)
        without.write_inventory()
        run = without.run("step3_verify_result", "--limit", f"localhost,{FILES}")
        assert run.status == 0, run.output
        told.append(
            [line for line in run.report if "datos-usuarios tiene copias y ya no está en el inventario" in line]
        )
    house.institution.write_inventory()
    assert [len(lines) for lines in told] == [1, 0]
