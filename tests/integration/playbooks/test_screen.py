# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With the example's settings, the screen shows the reports and each failure once; the log has everything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from development.demonstration.institution import Institution
from development.environment import ROOT, variables
from tests.integration.playbooks.house import FINANCE


@pytest.fixture
def institution(tmp_path: Path) -> Institution:
    tree = tmp_path / "usuarios"
    tree.mkdir()
    (tree / "carta.txt").write_text("hola", encoding="utf-8")
    files = [{"name": "usuarios", "paths": [str(tree)]}, {"name": "ausente", "paths": [str(tmp_path / "no-hay")]}]
    made = Institution(tmp_path / "house", {FINANCE: {"backup_files": files, "backup_encryption": "none"}})
    made.build()
    return made


def test_the_screen_shows_the_report_and_each_failure_once(institution: Institution) -> None:
    log = institution.directory / "copias.log"
    environment = {
        **institution.environment(),
        "ANSIBLE_STDOUT_CALLBACK": "infitulua.backup.report",
        "ANSIBLE_LOG_PATH": str(log),
    }
    for path in (institution.disk(FINANCE), institution.host_directory(FINANCE) / "etc"):
        path.mkdir(exist_ok=True)
    key = institution.host_directory(FINANCE) / "etc" / "signing_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    argv = ["ansible-playbook", "-i", str(institution.inventory), "infitulua.backup.step2_back_up"]
    run = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=300)
    screen = run.stdout + run.stderr
    assert run.returncode != 0
    assert "usuarios/" in screen
    assert "copia hecha" in screen
    assert screen.count("FALLO 1: servidor srv-financiero, fuente ausente") == 1
    assert screen.count("no existe el archivo o el directorio") == 1, screen
    assert "TASK [" not in screen
    assert len(screen.splitlines()) < 20, screen
    assert "TASK [" in log.read_text(encoding="utf-8")
    assert "no-hay" in log.read_text(encoding="utf-8")


def test_a_warning_that_no_report_tells_is_shown(tmp_path: Path) -> None:
    play = tmp_path / "play.yml"
    log = tmp_path / "log"
    module = tmp_path / "library" / "tells.py"
    module.parent.mkdir()
    module.write_text(
        "from ansible.module_utils.basic import AnsibleModule\n"
        "module = AnsibleModule({})\nmodule.warn('la cuenta no ve todo')\nmodule.exit_json()\n",
        encoding="utf-8",
    )
    play.write_text("- hosts: localhost\n  gather_facts: false\n  tasks: [{tells: {}}]\n", encoding="utf-8")
    environment = {**variables(), "ANSIBLE_STDOUT_CALLBACK": "infitulua.backup.report", "ANSIBLE_LOG_PATH": str(log)}
    run = subprocess.run(
        ["ansible-playbook", str(play)], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "[WARNING]: la cuenta no ve todo" in run.stdout
    assert "la cuenta no ve todo" in log.read_text(encoding="utf-8")


def test_the_example_s_own_settings_are_read_where_it_is_copied_to(institution: Institution, tmp_path: Path) -> None:
    copy = tmp_path / "copias"
    shutil.copytree(ROOT / "inventory.example", copy)
    (tmp_path / ".copias-vault").write_text("secreto", encoding="utf-8")
    environment = {
        name: value
        for name, value in institution.environment().items()
        if name not in ("ANSIBLE_CONFIG", "ANSIBLE_HOME")
    }
    environment |= {"HOME": str(tmp_path)}
    copy.chmod(0o755)
    argv = ["ansible-playbook", "infitulua.backup.daily", "--list-hosts"]
    answer = subprocess.run(argv, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 0, answer.stderr
    assert "srv-financiero" in answer.stdout
    assert "WARNING" not in answer.stderr
