# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped playbooks, by their full names, on days on which something is wrong."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from development.demonstration.accounting import make_accounting, read_everything
from development.demonstration.institution import SYSTEMS_COMPUTER, Institution
from tests.integration.playbooks.house import FILES, FINANCE, PASSWORD, House, asking, drills


@pytest.mark.slow
def test_what_does_not_pass_its_trial_restore_is_not_stored(house: House) -> None:
    before = house.sets(house.institution.vault)
    limited = ("--limit", f"localhost,{FINANCE},{SYSTEMS_COMPUTER}")
    run = house.institution.run("daily", *limited, "-e", "backup_run_id=descuadrado", "-e", asking("7"))
    assert run.status != 0
    assert "no pasó la restauración de prueba" in run.output
    assert "los comprobantes: 800 en lugar de 7" in run.output
    assert house.sets(house.institution.vault) == before == house.sets_in_cloud()
    assert drills(house, FINANCE, "contabilidad")[-1]["outcome"] == "failed"
    assert list((house.institution.storage / "incoming" / ".rejected").rglob("backup.json"))

    # A question that cannot be asked is no verdict, and it was on the systems computer that it failed.
    wrong = asking("800").replace("FROM comprobantes", "FROM comprobante")
    run = house.institution.run("step3_verify_result", *limited, "-e", wrong)
    assert run.status != 0
    assert "nada se sabe de la copia (en computador-sistemas)" in run.output
    assert "No cuente con esta copia" not in run.output
    assert drills(house, FINANCE, "contabilidad")[-1]["outcome"] == "not_done"

    # Nothing was wrong with the set but the question.
    run = house.institution.run("daily", *limited, "-e", "backup_run_id=descuadrado", "-e", asking("800"))
    assert run.status == 0, run.output
    assert len(house.sets(house.institution.vault)) == len(before) + 1
    assert drills(house, FINANCE, "contabilidad")[-1]["outcome"] == "passed", "it was stored and not drilled"


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
    passed = [drill for drill in drills(house, FINANCE, "contabilidad") if drill["outcome"] == "passed"]
    last = passed[-1]["drilled"]
    warning = (
        f"ADVERTENCIA: {FINANCE}/contabilidad: ninguna copia ha pasado la restauración de prueba en el plazo; la última"
    )
    assert any(warning in line and last in line for line in run.report), run.report


@pytest.mark.slow
def test_a_drill_that_fails_is_heeded_by_a_restore_until_one_from_the_cloud_passes(house: House) -> None:
    chosen = ("--limit", f"localhost,{FINANCE},{SYSTEMS_COMPUTER}", "-e", "backup_drill_source=contabilidad")
    run = house.institution.run("restore_drill", *chosen, "-e", asking("7"))
    assert run.status != 0
    assert "el simulacro de restauración no pasó" in run.output
    before = house.listing()
    refused = house.restore(FINANCE, "contabilidad", "-e", "backup_restore_replace=true")
    assert refused.status != 0
    assert "no pasó la restauración de prueba" in refused.output
    assert house.listing() == before

    # The same set, from the cloud: nothing was wrong with it but the question.
    run = house.institution.run("restore_drill", *chosen, "-e", "backup_drill_from=cloud", "-e", asking("800"))
    assert run.status == 0, run.output
    passed = drills(house, FINANCE, "contabilidad")[-1]
    assert (passed["outcome"], passed["medium"].split()[0]) == ("passed", "bucket")
    rehearsed = house.restore(FINANCE, "contabilidad", "-e", "backup_restore_replace=true", "--check")
    assert rehearsed.status == 0, rehearsed.output


@pytest.mark.slow
def test_a_database_that_lost_its_rows_is_told_and_its_set_goes_nowhere(house: House, tmp_path: Path) -> None:
    sources = house.sources()
    other = tmp_path / "mesa.db"
    make_accounting(other, vouchers=5).close()
    sources[FINANCE]["backup_databases"] += [{"name": "mesa", "engine": "sqlite", "path": str(other)}]
    sources[FINANCE]["backup_databases"][0]["minimum_fraction"] = 0.4
    busy = Institution(house.directory, sources, store=house.institution.store, prefix=house.directory.name)
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

        # To whoever names it and says that it is meant, it would be restored.
        named = ("--check", "-e", "backup_restore_replace=true", "-e", f"backup_restore_set={suspect}")
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

    secrets = [PASSWORD, store.reader.secret_key, trouble.credentials(FINANCE).secret_key]
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


@pytest.mark.slow
def test_a_thief_with_a_server_s_key_is_told_every_day_and_the_right_data_comes_back(house: House) -> None:
    store = house.institution.store
    assert store is not None
    limited = ("--limit", f"localhost,{FINANCE},{SYSTEMS_COMPUTER}")
    on_disk = house.sets(house.institution.disk(FINANCE))
    before = read_everything(house.database)
    for playbook in ("step2_back_up", "step3_verify_result"):
        run = house.institution.run(playbook, *limited, "-e", "backup_run_id=ladron")
        assert run.status == 0, run.output
    (new,) = house.sets(house.institution.disk(FINANCE)) - on_disk

    thief = store.client(house.institution.credentials(FINANCE))
    forged = f"{FINANCE}/contabilidad/20990101T000000Z"
    description = (house.institution.disk(FINANCE) / new / "backup.json").read_bytes()
    bodies = {
        f"{new}/backup.json": description,
        f"{new}/bagit.txt": b"x",
        f"{forged}/backup.json": description.replace(new.encode(), forged.encode()),
        f"{forged}/bagit.txt": b"x",
        f"{next(iter(on_disk))}/data/added.age": b"hostile",
    }
    for key, body in bodies.items():
        thief.put_object(Bucket=store.bucket, Key=f"{house.directory.name}/{key}", Body=body)

    try:
        first = house.institution.run("step4_store_media", *limited)
        assert first.status != 0
        assert any(f"{new}: guardada en la nube" in line for line in first.report), first.report
        assert any(f"{new}: leída de vuelta de la nube" in line for line in first.report), first.report
        second = house.institution.run("step4_store_media", *limited)
        assert (second.status != 0, second.changed) == (True, 0), second.output
        for run in (first, second):
            assert f"servidor {FINANCE}, copia {new}" in run.output
            assert f"servidor {FINANCE}, copia {forged}" in run.output
            assert f"the key of the server {FINANCE}" in run.output
            assert f"{new}/bagit.txt" in run.output
            assert any("ADVERTENCIA: en la nube hay algo de más" in line and "added.age" in line for line in run.report)

        for path in house.database.parent.iterdir():
            path.unlink()
        restored = house.restore(FINANCE, "contabilidad", "-e", "backup_restore_from=cloud")
        assert restored.status == 0, restored.output
        assert read_everything(house.database) == before
        assert any(f"{new} restaurada" in line for line in restored.report), restored.report
        assert any("no se tuvo en cuenta en la nube" in line and forged in line for line in restored.report)
    finally:
        if not house.database.exists():
            make_accounting(house.database, vouchers=800).close()
        admin = store.client()
        for key in bodies:
            admin.delete_object(Bucket=store.bucket, Key=f"{house.directory.name}/{key}")
    clean = house.institution.run("step4_store_media", *limited)
    assert (clean.status, clean.changed) == (0, 0), clean.output
