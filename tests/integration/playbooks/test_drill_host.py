# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that drills in the place of the systems computer, which lacks the programs: it vouches, and keeps nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from development.demonstration.accounting import make_accounting
from development.demonstration.institution import SYSTEMS_COMPUTER, Institution
from tests.integration.playbooks.house import python_without

SERVER, DRILL_HOST = "srv-financiero", "equipo-ensayos"
DRILL = ("-e", "backup_drill_source=contabilidad", "-e", "backup_drill_from=disk")


class Laboratory:
    """An institution whose systems computer has no bubblewrap, and whose drills another host does."""

    def __init__(self, directory: Path) -> None:
        database = directory / SERVER / "srv" / "contabilidad.db"
        source = {"name": "contabilidad", "series": "400.8", "engine": "sqlite", "path": str(database)}
        self.institution = Institution(
            directory,
            {SERVER: {"backup_databases": [source], "backup_drill_host": DRILL_HOST}},
            others={DRILL_HOST: {}},
            own={"ansible_python_interpreter": str(python_without(directory / "programs", "bwrap"))},
        )
        self.institution.build()
        make_accounting(database, vouchers=300).close()
        self.drill_host = self.institution.host_directory(DRILL_HOST)

    def left(self) -> list[Path]:
        """Everything that is on the drill host, but for the directories that step 1 makes."""
        made = {self.drill_host / name for name in ("var", "var/drill", "var/restore", "run")}
        return [path for path in self.drill_host.rglob("*") if path not in made]

    def record(self) -> list[dict[str, t.Any]]:
        """The drills of the source, as the systems computer has them."""
        path = self.institution.host_directory(SYSTEMS_COMPUTER) / "var" / "drills" / SERVER / "contabilidad.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def identity(self) -> str:
        """The private key that reads all sets."""
        path = self.institution.host_directory(SYSTEMS_COMPUTER) / "etc" / "operational.identity"
        return path.read_text(encoding="utf-8").split("\n")[2].strip()


def _age_that_never_decrypts(directory: Path) -> Path:
    """Make a program before which a trial restore waits for ever: an ``age`` that is asked for plain text."""
    directory.mkdir()
    age = directory / "age"
    script = f'[ "$1" = -d ] && exec sleep 600\nexec {shutil.which("age")} "$@"\n'
    age.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    age.chmod(0o755)
    return directory


@contextlib.contextmanager
def watched(directory: Path) -> Iterator[set[str]]:
    """Collect, as long as the block lasts, every private key that lies in a directory."""
    seen: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            for path in directory.rglob("*"):
                with contextlib.suppress(OSError):
                    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
                    seen.update(line for line in lines if "AGE-SECRET-KEY-" in line)
            time.sleep(0.1)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """The institution, prepared."""
    laboratory = Laboratory(tmp_path_factory.mktemp("laboratory"))
    looking = [
        laboratory.institution.own["ansible_python_interpreter"],
        "-c",
        "import shutil; print(shutil.which('bwrap'))",
    ]
    assert subprocess.run(looking, check=True, capture_output=True, text=True, timeout=60).stdout == "None\n"
    prepared = laboratory.institution.run("step1_prepare_media")
    assert prepared.status == 0, prepared.output
    assert f"{DRILL_HOST}:" in prepared.report, prepared.report
    return laboratory


@pytest.mark.slow
def test_another_host_drills_and_keeps_nothing_even_of_one_that_was_killed(
    laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    institution, drilling = laboratory.institution, laboratory.drill_host / "var" / "drill"
    backed_up = institution.run("step2_back_up")
    assert backed_up.status == 0, backed_up.output
    with watched(laboratory.drill_host) as keys:
        with monkeypatch.context() as patch:
            # A drill of so small a database would be over before the kill comes.
            patch.setenv("PATH", f"{_age_that_never_decrypts(tmp_path / 'slow')}:{os.environ['PATH']}")
            killed = institution.run_killed("step3_verify_result", when=lambda _output: any(drilling.glob("drill-*/i")))
        assert killed.status < 0, killed.output
        left = {path.parent for path in laboratory.left()}
        assert left >= {drilling, drilling.parent, laboratory.drill_host / "run"}
        verified = institution.run("step3_verify_result", "-e", "backup_drill_budget_minutes=30")
    assert verified.status == 0, verified.output
    assert any("borrado lo que dejó" in line for line in verified.report), verified.report
    told = f"restaurada de prueba en {DRILL_HOST} y comprobada"
    assert any(told in line for line in verified.report), verified.report
    # Keys were there, each made for one time; never the institution's.
    assert len(keys) == 2, keys
    assert laboratory.identity() not in keys
    assert laboratory.left() == []
    assert list((institution.storage / "delivery").iterdir()) == []
    # The record is the systems computer's, and names the content that it keeps.
    (drill,) = laboratory.record()
    (manifest,) = (institution.storage / "incoming").glob(f"{SERVER}/contabilidad/*/tagmanifest-sha256.txt")
    content = hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert (drill["outcome"], drill["drilled_on"], drill["tag_manifest_sha256"]) == ("passed", DRILL_HOST, content)
    assert drill["checks"]


@pytest.mark.slow
def test_a_drill_host_that_is_switched_off_is_no_fault_of_the_set(laboratory: Laboratory) -> None:
    off = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}
    dataclasses.replace(laboratory.institution, others={DRILL_HOST: off}).write_inventory()
    try:
        run = laboratory.institution.run("restore_drill", *DRILL)
    finally:
        laboratory.institution.write_inventory()
    assert run.status != 0
    assert "no se pudo hacer su restauración de prueba, así que nada se sabe de la copia" in run.output
    assert f"no se pudo llegar al equipo que restaura de prueba, {DRILL_HOST}" in run.output
    assert laboratory.record()[-1]["outcome"] == "not_done"
    assert list((laboratory.institution.storage / "delivery").iterdir()) == []
