# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 5, by its full name: what was lost comes back, and nothing else is touched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from development.demonstration.accounting import read_everything
from development.demonstration.documents import read_tree
from development.demonstration.institution import SYSTEMS_COMPUTER
from tests.integration.playbooks.house import FILES, FINANCE, TICKET, House, left_of_a_restore


@pytest.mark.slow
def test_a_destroyed_database_comes_back_from_the_cloud_row_for_row(house: House) -> None:
    before = read_everything(house.database)
    for path in house.database.parent.iterdir():
        path.unlink()
    run = house.restore(FINANCE, "contabilidad", "-e", "backup_restore_from=cloud")
    assert run.status == 0, run.output
    assert read_everything(house.database) == before
    assert any("MDA-2026-0117" in line and "la nube" in line for line in run.report)
    told = "\n".join(run.report)
    assert f"restaurada en la base de datos SQLite {house.database}" in told
    assert "Comprobado: integridad, bien" in told
    assert not [english for english in ("{'", "SQLite database", "rows", "integrity") if english in told], told
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
    assert "se llama así; contiene lo que está en" in again.output
    assert left_of_a_restore(house) == []


@pytest.mark.slow
def test_what_restores_have_replaced_is_told_every_day_and_removed_when_its_time_is_over(house: House) -> None:
    old = house.documents.with_name(f"{house.documents.name}__replaced_20200101T000000Z")
    recent = house.documents.with_name(f"{house.documents.name}__replaced_29991231T235959Z")
    for path in (old, recent):
        path.mkdir()
        (path / "nota.txt").write_text("de antes")
    try:
        chosen = ("--limit", f"localhost,{FILES},{SYSTEMS_COMPUTER}", "-e", "backup_run_id=dia-1")
        kept = house.institution.run("step2_back_up", *chosen)
        assert (kept.status, kept.changed) == (0, 0), kept.output
        for path in (old, recent):
            assert any("se conserva lo reemplazado" in line and str(path) in line for line in kept.report)
        limit = (*chosen, "-e", "backup_restore_keep_replaced_days=30")
        predicted = house.institution.run("step2_back_up", "--check", *limit)
        assert (predicted.status, predicted.changed) == (0, 1), predicted.output
        assert any("se borraría lo reemplazado" in line and str(old) in line for line in predicted.report)
        assert old.exists()
        removed = house.institution.run("step2_back_up", *limit)
        assert (removed.status, removed.changed) == (0, 1), removed.output
        assert any("borrado lo reemplazado" in line and str(old) in line for line in removed.report)
        assert recent.exists()
        assert not old.exists()
    finally:
        for path in (old, recent):
            shutil.rmtree(path, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reached", "next_step"),
    [("run/restore-*/identity", "step2_back_up"), ("var/restore-*/delivered", "step5_restore")],
    ids=["with its key made", "with the set delivered"],
)
def test_a_restore_that_was_killed_leaves_neither_key_nor_set_to_the_next_step(
    house: House, reached: str, next_step: str
) -> None:
    server = house.directory / FILES
    chosen = ["-e", f"backup_restore_server={FILES} backup_restore_source=datos-usuarios backup_restore_replace=true"]
    before = read_tree(house.documents)
    killed = house.institution.run_killed(
        "step5_restore", *TICKET, *chosen, when=lambda _output: next(server.glob(reached), None) is not None
    )
    assert killed.status < 0, killed.output
    assert left_of_a_restore(house) != []
    if next_step == "step2_back_up":
        chosen = ["--limit", f"localhost,{FILES},{SYSTEMS_COMPUTER}"]
        predicted = house.institution.run(next_step, *chosen, "--check").report
        assert any("restore-" in line and "se borraría" in line for line in predicted)
        assert left_of_a_restore(house) != []
        run = house.institution.run(next_step, *chosen)
    else:
        rehearsed = house.restore(FILES, "datos-usuarios", "--check", "-e", "backup_restore_replace=true")
        assert rehearsed.status == 0, rehearsed.output
        assert left_of_a_restore(house) != [], "a rehearsal removes nothing but its own"
        again = ("-e", "backup_restore_replace=true", "-e", "backup_restore_keep_replaced_days=0")
        run = house.restore(FILES, "datos-usuarios", *again)
    assert any("borrado lo que dejó una restauración interrumpida" in line for line in run.report)
    assert run.status == 0, run.output
    assert left_of_a_restore(house) == []
    assert read_tree(house.documents) == before


@pytest.mark.slow
def test_a_target_that_holds_data_is_refused_and_stays_as_it_is(house: House) -> None:
    before = read_everything(house.database), set(house.database.parent.iterdir())
    run = house.restore(FINANCE, "contabilidad")
    assert run.status != 0
    assert "existe y contiene datos" in run.output
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
        (
            (*TICKET, "-e", f"backup_restore_server={FINANCE}", "-e", "backup_restore_source=contablidad"),
            "no describe la fuente contablidad",
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
    ids=["no ticket", "unknown source", "another source's set"],
)
def test_a_restore_that_was_not_asked_for_properly_is_refused(
    house: House, arguments: tuple[str, ...], answer: str
) -> None:
    run = house.institution.run("step5_restore", *arguments)
    assert run.status != 0
    assert answer in run.output
