# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped playbooks, by their full names, over two servers and a systems computer, and a real object store."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from development.demonstration.accounting import make_accounting, read_everything
from development.demonstration.documents import make_documents, read_tree
from development.demonstration.institution import SYSTEMS_COMPUTER, Institution, Run
from development.environment import ROOT
from tests.integration.playbooks.test_sources import MOST_TASKS, tasks_of

if t.TYPE_CHECKING:
    from development.services.object_store import ObjectStore

FINANCE, FILES = "srv-financiero", "srv-archivos"
PLAYBOOKS = (
    "step1_prepare_media",
    "step2_back_up",
    "step3_verify_result",
    "step4_store_media",
    "step5_restore",
    "daily",
)
PASSWORD = "canario-Cl4ve-de-la-base"
TICKET = ("-e", "backup_ticket=MDA-2026-0117")


class House:
    """An institution after its first day: prepared, backed up, verified, stored."""

    def __init__(self, directory: Path, store: ObjectStore) -> None:
        self.directory = directory
        self.database = directory / FINANCE / "srv" / "contabilidad.db"
        self.documents = directory / FILES / "srv" / "usuarios"
        self.institution = Institution(directory, self.sources(), store=store, prefix="playbooks")
        self.institution.build()
        make_accounting(self.database, vouchers=800).close()
        make_documents(self.documents, per_office=4)
        self.prepared = self.institution.run("step1_prepare_media")
        self.day = self.institution.run("daily", "-e", "backup_run_id=dia-1")

    def sources(self) -> dict[str, dict[str, t.Any]]:
        database = {"name": "contabilidad", "series": "400.8", "engine": "sqlite", "path": str(self.database)}
        files = {"name": "datos-usuarios", "series": "400.8.1", "paths": [str(self.documents)]}
        return {FINANCE: {"backup_databases": [database]}, FILES: {"backup_files": [files]}}

    def with_trouble(self) -> Institution:
        """The same house on a bad day: a database whose server is down, and a server that is switched off."""
        sources = self.sources()
        sources[FINANCE]["backup_databases"] += [
            {
                "name": "nomina",
                "engine": "postgresql",
                "database": "nomina",
                "login_host": "127.0.0.1",
                "login_port": 9,
                "login_user": "copias",
                "login_password": PASSWORD,
            }
        ]
        sources["srv-apagado"] = {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": 9,
            "backup_databases": [{"name": "historico", "engine": "sqlite", "path": "/srv/historico.db"}],
        }
        return Institution(self.directory, sources, store=self.institution.store, prefix="playbooks", language="en")

    def sets(self, medium: Path) -> set[str]:
        """The ids of the sets on a directory medium."""
        return {str(path.parent.relative_to(medium)) for path in medium.glob("*/*/*/bagit.txt")}

    def sets_in_cloud(self) -> set[str]:
        """The ids of the sets in the bucket."""
        store = self.institution.store
        assert store is not None
        pages = store.client().get_paginator("list_objects_v2").paginate(Bucket=store.bucket, Prefix="playbooks/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {"/".join(key.split("/")[1:4]) for key in keys if key.endswith("/bagit.txt")}

    def listing(self) -> dict[str, t.Any]:
        """Every file of every host, with its content; not the locks, which name whoever held them last."""
        return {
            f"{host}/{name}": facts
            for host in (FINANCE, FILES, SYSTEMS_COMPUTER)
            for name, facts in read_tree(self.directory / host).items()
            if not name.endswith("/.lock")
        }

    def restore(self, server: str, source: str, *arguments: str) -> Run:
        """Ask for a restore with a ticket."""
        chosen = ("-e", f"backup_restore_server={server}", "-e", f"backup_restore_source={source}")
        return self.institution.run("step5_restore", *TICKET, *chosen, *arguments)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore) -> Iterator[House]:
    """A prepared institution with one day of backups."""
    house = House(tmp_path_factory.mktemp("house"), object_store)
    yield house
    house.institution.write_inventory()


def left_of_a_restore(house: House) -> list[Path]:
    """One-time keys and delivered copies, on either side."""
    found = [path for host in (FINANCE, FILES) for path in (house.directory / host / "var").rglob("*restore-*")]
    return [*found, *(house.institution.storage / "delivery").iterdir()]


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
    assert house.institution.run("step1_prepare_media", "--check").status == 0
    assert house.listing() == before
    assert house.sets_in_cloud() == in_cloud


@pytest.mark.slow
def test_a_destroyed_database_comes_back_from_the_cloud_row_for_row(house: House) -> None:
    before = read_everything(house.database)
    for path in house.database.parent.iterdir():
        path.unlink()
    run = house.restore(FINANCE, "contabilidad", "-e", "backup_restore_from=cloud")
    assert run.status == 0, run.output
    assert read_everything(house.database) == before
    assert any("MDA-2026-0117" in line and "la nube" in line for line in run.report)
    assert left_of_a_restore(house) == []


@pytest.mark.slow
def test_a_damaged_tree_comes_back_from_the_vault_and_what_was_there_is_kept(house: House) -> None:
    before = read_tree(house.documents)
    shutil.rmtree(house.documents / "Tesorería")
    (house.documents / "nota.txt").write_text("escrita después de la copia")
    run = house.restore(FILES, "datos-usuarios", "-e", "backup_restore_replace=true")
    assert run.status == 0, run.output
    assert read_tree(house.documents) == before
    kept = house.documents.parent.rglob("nota.txt")
    assert [path.read_text() for path in kept] == ["escrita después de la copia"]
    assert left_of_a_restore(house) == []


@pytest.mark.slow
def test_one_lost_file_comes_back_beside_the_live_ones(house: House) -> None:
    before = read_tree(house.documents)
    lost = next(path for path in sorted(house.documents.rglob("*")) if path.is_file() and not path.is_symlink())
    content = lost.read_bytes()
    run = house.restore(FILES, "datos-usuarios", "-e", json.dumps({"backup_restore_only": str(lost)}))
    assert run.status == 0, run.output
    found = house.directory / FILES / "var" / "restored" / "mda_2026_0117"
    restored = Path(str(found) + str(lost))
    assert restored.read_bytes() == content
    assert [path for path in found.rglob("*") if path.is_file()] == [restored]
    assert any(str(restored) in line for line in run.report)
    assert read_tree(house.documents) == before
    again = house.restore(FILES, "datos-usuarios", "-e", json.dumps({"backup_restore_only": "no-existe.odt"}))
    assert again.status != 0
    assert "has such a name" in again.output
    assert left_of_a_restore(house) == []


@pytest.mark.slow
def test_what_restores_have_replaced_is_told_every_day_and_removed_when_its_time_is_over(house: House) -> None:
    old = house.documents.with_name(f"{house.documents.name}__replaced_20200101T000000Z")
    recent = house.documents.with_name(f"{house.documents.name}__replaced_29991231T235959Z")
    for path in (old, recent):
        path.mkdir()
        (path / "nota.txt").write_text("de antes")
    try:
        kept = house.institution.run("step4_store_media")
        assert (kept.status, kept.changed) == (0, 0), kept.output
        for path in (old, recent):
            assert any("se conserva lo reemplazado" in line and str(path) in line for line in kept.report)
        limit = ("-e", "backup_restore_keep_replaced_days=30")
        predicted = house.institution.run("step4_store_media", "--check", *limit)
        assert (predicted.status, predicted.changed) == (0, 1), predicted.output
        assert any("se borraría lo reemplazado" in line and str(old) in line for line in predicted.report)
        assert old.exists()
        removed = house.institution.run("step4_store_media", *limit)
        assert (removed.status, removed.changed) == (0, 1), removed.output
        assert any("borrado lo reemplazado" in line and str(old) in line for line in removed.report)
        assert recent.exists()
        assert not old.exists()
    finally:
        for path in (old, recent):
            shutil.rmtree(path, ignore_errors=True)


@pytest.mark.slow
def test_a_target_that_holds_data_is_refused_and_stays_as_it_is(house: House) -> None:
    before = read_everything(house.database), set(house.database.parent.iterdir())
    run = house.restore(FINANCE, "contabilidad")
    assert run.status != 0
    assert "it exists and holds data" in run.output
    assert (read_everything(house.database), set(house.database.parent.iterdir())) == before
    assert left_of_a_restore(house) == []


@pytest.mark.slow
def test_a_restore_is_rehearsed_in_check_mode(house: House) -> None:
    before = house.listing()
    run = house.restore(FINANCE, "contabilidad", "--check", "-e", "backup_restore_replace=true")
    assert (run.status, run.changed) == (0, 1), run.output
    assert any("se restauraría" in line for line in run.report)
    assert house.listing() == before


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ((), "No se restaura sin tiquete"),
        ((*TICKET, "-e", "backup_restore_server=srv-finaciero"), f"uno de: {FINANCE}, {FILES}"),
        ((*TICKET, "-e", f"backup_restore_server={FINANCE}"), f"{FINANCE} tiene: contabilidad"),
        (
            (*TICKET, "-e", f"backup_restore_server={FINANCE}", "-e", "backup_restore_source=contablidad"),
            "no describe la fuente contablidad",
        ),
        (
            (
                *TICKET,
                "-e",
                f"backup_restore_server={FINANCE} backup_restore_source=contabilidad backup_restore_at=ayer",
            ),
            "backup_restore_at debe ser una hora UTC",
        ),
        (
            (
                *TICKET,
                "-e",
                f"backup_restore_server={FINANCE} backup_restore_source=contabilidad backup_restore_set=a/b/c",
            ),
            f"debe ser una copia de esa fuente, como {FINANCE}/contabilidad/",
        ),
    ],
    ids=["no ticket", "unknown server", "no source", "unknown source", "no time", "another source's set"],
)
def test_a_restore_that_was_not_asked_for_properly_is_refused(
    house: House, arguments: tuple[str, ...], answer: str
) -> None:
    run = house.institution.run("step5_restore", *arguments)
    assert run.status != 0
    assert answer in run.output


def drills(house: House, server: str, source: str) -> list[dict[str, t.Any]]:
    """The record of a source's trial restores."""
    path = house.directory / SYSTEMS_COMPUTER / "var" / "drills" / server / f"{source}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def asking(expected: str) -> str:
    """Extra variables: a question to the accounting, with an answer."""
    question = {"name": "los comprobantes", "source": "contabilidad", "query": "SELECT count(*) FROM comprobantes"}
    return json.dumps({"backup_drill_queries": [{**question, "expected": expected}]})


def test_every_set_of_the_day_was_restored_for_trial(house: House) -> None:
    for server, source in ((FINANCE, "contabilidad"), (FILES, "datos-usuarios")):
        (first, *_later) = drills(house, server, source)
        assert first["outcome"] == "passed"
        assert first["id"] in house.sets(house.institution.vault)
        assert f"{first['id']}: restaurada de prueba y comprobada" in house.day.output
    work = house.directory / SYSTEMS_COMPUTER / "var" / "drill"
    assert list(work.iterdir()) == []


@pytest.mark.slow
def test_what_does_not_pass_its_trial_restore_is_not_stored(house: House) -> None:
    before = house.sets(house.institution.vault)
    limited = ("--limit", f"localhost,{FINANCE},{SYSTEMS_COMPUTER}")
    run = house.institution.run("daily", *limited, "-e", "backup_run_id=descuadrado", "-e", asking("7"))
    assert run.status != 0
    assert "no pasó la restauración de prueba" in run.output
    assert "los comprobantes: 800 instead of 7" in run.output
    assert house.sets(house.institution.vault) == before == house.sets_in_cloud()
    assert drills(house, FINANCE, "contabilidad")[-1]["outcome"] == "failed"
    assert list((house.institution.storage / "incoming" / ".rejected").rglob("backup.json"))

    # Nothing was wrong with the set but the question: it comes again.
    run = house.institution.run("daily", *limited, "-e", "backup_run_id=descuadrado", "-e", asking("800"))
    assert run.status == 0, run.output
    assert len(house.sets(house.institution.vault)) == len(before) + 1


@pytest.mark.slow
def test_a_drill_is_rehearsed_in_check_mode_and_one_that_is_long_due_is_told(house: House) -> None:
    chosen = ("--limit", f"localhost,{FINANCE},{SYSTEMS_COMPUTER}", "-e", "backup_drill_source=contabilidad")
    before = house.listing()
    run = house.institution.run("restore_drill", *chosen, "--check")
    assert run.status == 0, run.output
    (told,) = (line for line in run.report if "se restauraría de prueba" in line)
    assert f"{FINANCE}/contabilidad/" in told
    assert house.listing() == before
    assert "ninguna copia ha pasado" not in run.output

    # With no day to spare, even today's is too long ago.
    run = house.institution.run("restore_drill", *chosen, "--check", "-e", "backup_drill_interval_days=0")
    assert run.status == 0, run.output
    last = drills(house, FINANCE, "contabilidad")[-1]["drilled"]
    warning = (
        f"ADVERTENCIA: {FINANCE}/contabilidad: ninguna copia ha pasado la restauración de prueba en el plazo; la última"
    )
    assert any(warning in line and last in line for line in run.report), run.report


@pytest.mark.slow
def test_a_drill_from_the_cloud_and_one_that_fails_which_a_restore_heeds(house: House) -> None:
    chosen = ("--limit", f"localhost,{FINANCE},{SYSTEMS_COMPUTER}", "-e", "backup_drill_source=contabilidad")
    run = house.institution.run("restore_drill", *chosen, "-e", "backup_drill_from=cloud", "-e", asking("800"))
    assert run.status == 0, run.output
    passed = drills(house, FINANCE, "contabilidad")[-1]
    assert (passed["outcome"], passed["medium"].split()[0]) == ("passed", "bucket")

    run = house.institution.run("restore_drill", *chosen, "-e", asking("7"))
    assert run.status != 0
    assert "el simulacro de restauración no pasó" in run.output
    before = house.listing()
    refused = house.restore(FINANCE, "contabilidad", "-e", "backup_restore_replace=true")
    assert refused.status != 0
    assert "no pasó la restauración de prueba" in refused.output
    assert house.listing() == before

    run = house.institution.run("restore_drill", *chosen, "-e", asking("800"))
    assert run.status == 0, run.output
    rehearsed = house.restore(FINANCE, "contabilidad", "-e", "backup_restore_replace=true", "--check")
    assert rehearsed.status == 0, rehearsed.output


@pytest.mark.slow
def test_a_database_that_lost_its_rows_is_told_and_its_set_goes_nowhere(house: House, tmp_path: Path) -> None:
    sources = house.sources()
    other = tmp_path / "mesa.db"
    make_accounting(other, vouchers=5).close()
    sources[FINANCE]["backup_databases"] += [{"name": "mesa", "engine": "sqlite", "path": str(other)}]
    sources[FINANCE]["backup_databases"][0]["minimum_fraction"] = 0.4
    busy = Institution(house.directory, sources, store=house.institution.store, prefix="playbooks")
    busy.write_inventory()
    try:
        before, rows = house.sets(house.institution.vault), read_everything(house.database)
        assert rows["comprobantes"]
        on_disk = house.sets(house.institution.disk(FINANCE))
        with contextlib.closing(sqlite3.connect(house.database)) as connection:
            connection.executescript("DELETE FROM movimientos; DELETE FROM comprobantes; DELETE FROM terceros;")
            connection.executescript("DELETE FROM cuentas;")
        run = busy.run("daily", "-e", "backup_run_id=vaciada")
        assert run.status != 0
        end = run.output.rsplit("PLAY [RESULTADO DEL DÍA]", 1)[1].split("fatal:")[0]
        assert end.count("FALLO ") == 1
        assert f"servidor {FINANCE}, fuente contabilidad: la copia es sospechosa" in end
        assert "-e backup_accept=contabilidad" in end
        new = house.sets(house.institution.disk(FINANCE)) - on_disk
        (suspect,) = (set_id for set_id in new if "contabilidad" in set_id)
        assert suspect in end
        assert any(f"{suspect}: sospechosa; se queda en el disco" in line for line in run.report), run.report

        # The other source of the server, and the other server, go on; the suspect set is nowhere but on the disk.
        vault = house.sets(house.institution.vault)
        assert {name.rsplit("/", 1)[0] for name in vault - before} == {f"{FINANCE}/mesa", f"{FILES}/datos-usuarios"}
        assert house.sets_in_cloud() == vault
        assert not house.sets(house.institution.storage / "incoming")

        # A repetition tells it again; in words it would be accepted.
        limited = ("--check", "--limit", f"localhost,{FINANCE},{SYSTEMS_COMPUTER}", "-e", "backup_run_id=vaciada")
        repeated = busy.run("step2_back_up", *limited)
        assert repeated.status != 0
        assert "fuente contabilidad: la copia es sospechosa" in repeated.output
        accepted = busy.run("step2_back_up", *limited, "-e", "backup_accept=contabilidad")
        assert accepted.status == 0, accepted.output
        assert any(f"{FINANCE}/contabilidad: se haría una copia" in line for line in accepted.report)

        # By its name alone it is refused; to whoever says that it is meant, it would be restored.
        named = ("--check", "-e", "backup_restore_replace=true", "-e", f"backup_restore_set={suspect}")
        refused = house.restore(FINANCE, "contabilidad", *named)
        assert refused.status != 0
        assert "esa copia es sospechosa" in refused.output
        meant = house.restore(FINANCE, "contabilidad", *named, "-e", "backup_restore_despite_suspicion=true")
        assert meant.status == 0, meant.output
        assert any(f"{suspect} se restauraría" in line for line in meant.report)

        # From the very disk where the suspect set is the newest, the last good one comes back.
        from_disk = ("-e", "backup_restore_replace=true", "-e", "backup_restore_from=disk")
        restored = house.restore(FINANCE, "contabilidad", *from_disk)
        assert restored.status == 0, restored.output
        assert read_everything(house.database) == rows
    finally:
        house.institution.write_inventory()


@pytest.mark.slow
def test_failures_stop_nobody_else_are_all_named_and_no_secret_is_ever_shown(house: House) -> None:
    trouble = house.with_trouble()
    trouble.write_inventory()
    store = trouble.store
    assert store is not None
    before = house.sets(house.institution.vault)
    try:
        run = trouble.run("daily", "-vvvv", "-e", "backup_run_id=mal-dia")
    finally:
        house.institution.write_inventory()
    assert run.status != 0
    new = {name.rsplit("/", 1)[0] for name in house.sets(house.institution.vault) - before}
    assert new == {f"{FINANCE}/contabilidad", f"{FILES}/datos-usuarios"}
    assert house.sets(house.institution.vault) == house.sets_in_cloud()
    end = run.output.rsplit("PLAY [RESULTADO DEL DÍA]", 1)[1]
    assert f"server {FINANCE}, source nomina: it was not backed up. Reason:" in end
    assert "host srv-apagado: the server could not be reached. Reason:" in end
    assert end.split("fatal:")[0].count("What to do:") == 2

    secrets = [PASSWORD, store.reader.secret_key, store.writer.secret_key]
    identity = house.directory / SYSTEMS_COMPUTER / "etc" / "operational.identity"
    secrets += [line for line in identity.read_text().splitlines() if line.startswith("AGE-SECRET-KEY")]
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in run.output]
    theirs = {house.institution.inventory, identity}
    theirs |= {house.directory / host / "etc" / "cloud_credentials" for host in (FINANCE, FILES, SYSTEMS_COMPUTER)}
    for path in house.directory.rglob("*"):
        if path.is_file() and not path.is_symlink() and not theirs & {path, *path.parents}:
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], path


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


@pytest.mark.slow
def test_the_installed_collection_does_the_same(house: House, installed: Path) -> None:
    elsewhere = Institution(
        house.directory,
        house.sources(),
        store=house.institution.store,
        prefix="playbooks",
        collections=installed,
    )
    run = elsewhere.run("daily", "-v", "-e", "backup_run_id=dia-1")
    assert (run.status, run.changed) == (0, 0), run.output
    assert any("ya tiene la copia de esta ejecución" in line for line in run.report)
    assert str(ROOT) not in run.output


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_the_example_inventory_suits_every_playbook(installed: Path, playbook: str, tmp_path: Path) -> None:
    inventory = installed / "ansible_collections" / "infitulua" / "backup" / "inventory.example"
    environment = {**only(installed), "ANSIBLE_HOME": str(tmp_path)}
    argv = ["ansible-playbook", "-i", str(inventory), "--syntax-check", f"infitulua.backup.{playbook}"]
    result = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr


def test_the_example_inventory_names_two_servers_with_their_series(tmp_path: Path) -> None:
    inventory = ROOT / "inventory.example"
    argv = ["ansible-inventory", "-i", str(inventory), "--list"]
    listed = json.loads(subprocess.run(argv, cwd=tmp_path, capture_output=True, check=True, timeout=120).stdout)
    assert len(listed["servers"]["hosts"]) == 2
    variables = listed["_meta"]["hostvars"]
    series = {
        source["series"]
        for host in listed["servers"]["hosts"]
        for source in variables[host].get("backup_databases", []) + variables[host].get("backup_files", [])
    }
    assert series == {"400.8", "400.8.1"}


@pytest.mark.parametrize("playbook", [name for name in PLAYBOOKS if name != "step5_restore"])
def test_an_inventory_without_servers_is_no_success(tmp_path: Path, playbook: str) -> None:
    institution = Institution(tmp_path / "nobody", {})
    institution.build()
    run = institution.run(playbook)
    assert run.status != 0
    assert "el grupo servers del inventario está vacío" in run.output


def test_one_name_for_two_sources_is_refused_before_the_second_passes_for_backed_up(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    sqlite3.connect(path).close()
    twice = {
        "backup_databases": [{"name": "archivo", "engine": "sqlite", "path": str(path)}],
        "backup_files": [{"name": "archivo", "paths": [str(path)]}],
    }
    institution = Institution(tmp_path / "house", {FINANCE: twice})
    institution.build()
    run = institution.run("step2_back_up")
    assert run.status != 0
    assert "varias fuentes se llaman igual" in run.output
    assert "archivo, archivo" in run.output
