# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories that say too little, or the same twice, are no success; the example is complete."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from development.demonstration.institution import Institution
from development.environment import ROOT
from tests.integration.playbooks.house import FINANCE, PLAYBOOKS


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
