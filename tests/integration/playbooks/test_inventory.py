# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories that say too little, or the same twice, are no success; the example is complete."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import typing as t
from pathlib import Path

import pytest

from development.demonstration.institution import Institution
from development.environment import ROOT
from tests.integration.playbooks.house import FILES, FINANCE, PLAYBOOKS


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


@pytest.mark.parametrize(
    ("described", "arguments", "told"),
    [
        (
            {"backup_file": []},
            (),
            "la variable backup_file {place}, que tiene srv-financiero; ¿será backup_files?",
        ),
        ({}, ("-e", "backup_run=dia"), "¿será backup_run_id?"),
        (
            {"backup_files": [{"name": "usuarios", "pathes": ["/srv"]}]},
            (),
            "la clave pathes {place}, que tiene backup_files (usuarios) de srv-financiero; ¿será paths?",
        ),
    ],
)
def test_a_misspelt_name_is_no_source_without_backups_but_a_refusal(
    tmp_path: Path, described: dict[str, t.Any], arguments: tuple[str, ...], told: str
) -> None:
    institution = Institution(tmp_path, {FINANCE: described})
    institution.build()
    run = institution.run("step2_back_up", *arguments)
    assert run.status != 0
    written = institution.inventory / "host_vars" / f"{FINANCE}.yml"
    lines = written.read_text(encoding="utf-8").splitlines()
    line = next((number for number, line in enumerate(lines, 1) if "backup_file:" in line or "pathes" in line), 0)
    assert told.format(place=f"({written}, línea {line})") in " ".join(run.output.split())
    assert "Sin fallos" not in run.output


@pytest.mark.parametrize(
    "playbook",
    ["step1_prepare_media", "step2_back_up", "step3_verify_result", "step4_store_media", "restore_drill", "daily"],
)
def test_a_misspelt_name_is_refused_with_limit_too(tmp_path: Path, playbook: str) -> None:
    institution = Institution(tmp_path, {FINANCE: {"backup_file": []}, FILES: {}})
    institution.build()
    run = institution.run(playbook, "--limit", f"{FILES},systems_computer")
    assert run.status != 0
    assert "que tiene srv-financiero; ¿será backup_files?" in " ".join(run.output.split())
    assert run.report == []
    assert list(institution.vault.rglob("*")) == []


@pytest.mark.parametrize(
    ("playbook", "arguments", "told"),
    [
        ("daily", (), "--limit deja fuera a todos los servidores (srv-financiero, srv-archivos)"),
        ("restore_drill", (), "--limit deja fuera a todos los servidores"),
        ("step5_restore", (FINANCE, "systems_computer"), "--limit deja fuera a todos los servidores"),
        ("step5_restore", (FINANCE, FILES), f"--limit deja fuera a {FINANCE}, donde se pidió restaurar"),
    ],
)
def test_a_run_that_is_limited_to_do_nothing_is_refused(
    tmp_path: Path, playbook: str, arguments: tuple[str, ...], told: str
) -> None:
    ledger = {"name": "contabilidad", "engine": "sqlite", "path": "/srv/contabilidad.db"}
    institution = Institution(tmp_path, {FINANCE: {"backup_databases": [ledger]}, FILES: {}})
    institution.build()
    server, limit = arguments or ("", "systems_computer")
    asked = {"ticket": "MDA-1", "restore_server": server, "restore_source": "contabilidad"} if server else {}
    words = [word for name, value in asked.items() for word in ("-e", f"backup_{name}={value}")]
    run = institution.run(playbook, *words, "--limit", limit)
    assert run.status != 0
    assert told in " ".join(run.output.split()), run.output


_REFUSING = """#!/bin/sh
# What sudo does of a password that is wrong: asks as it was told to, and refuses the answer.
while [ "$1" != -p ]; do shift; done
printf '%s' "$2" >&2
read -r answer
echo "Sorry, try again." >&2
exit 1
"""


@pytest.mark.parametrize("playbook", ["step1_prepare_media", "step2_back_up", "daily"])
def test_a_wrong_password_for_sudo_is_a_failure_in_the_report(tmp_path: Path, playbook: str) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(_REFUSING, encoding="utf-8")
    sudo.chmod(0o755)
    institution = Institution(
        tmp_path / "house", {FINANCE: {"backup_files": [{"name": "x", "paths": ["/srv"]}]}, FILES: {}}
    )
    institution.build()
    # As another user: who is one already asks nobody.
    become = {
        "ansible_become": True,
        "ansible_become_user": "nobody",
        "ansible_become_exe": str(sudo),
        "ansible_become_password": "equivocada",
    }
    run = institution.run(playbook, "-e", json.dumps(become))
    assert run.status != 0
    assert run.report, run.output
    failures = "\n".join(line for line in run.output.splitlines() if "FALLO" in line)
    for host in (FINANCE, FILES):
        assert f"equipo {host}: " in failures or f"servidor {host}, " in failures, run.output
    assert "equivocada" not in run.output
