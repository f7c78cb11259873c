# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of the documents is one that Ansible takes, over the example's inventory and with its settings."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_variables import VARIABLES
from development.environment import ROOT, variables

DOCUMENTS = sorted([ROOT / "README.md", ROOT / "inventory.example" / "README.md", *(ROOT / "docs").rglob("*.md")])


def commands() -> list[tuple[str, ...]]:
    """The arguments of every call of ansible-playbook in a block of code."""
    found = set()
    for path in DOCUMENTS:
        for block in re.findall(r"^ *```\n(.*?)^ *```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip().startswith("ansible-playbook "):
                    found.add(tuple(shlex.split(line, comments=True)[1:]))
    return sorted(found)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The example as an institution has it, without its placeholders' password."""
    shutil.copytree(ROOT / "inventory.example", tmp_path / "copias")
    (tmp_path / ".copias-vault").write_text("secreto", encoding="utf-8")
    return tmp_path / "copias"


def test_ansible_takes_every_command_of_the_documents(copy: Path) -> None:
    environment = {**variables(), "HOME": str(copy.parent)}

    def refusal(arguments: tuple[str, ...]) -> str:
        argv = ["ansible-playbook", "--syntax-check", *arguments]
        answer = subprocess.run(argv, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        return f"{shlex.join(arguments)}: {answer.stderr}" if answer.returncode else ""

    wanted = commands()
    assert len(wanted) > 10
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert list(filter(None, pool.map(refusal, wanted))) == []


def test_every_command_is_in_the_short_form_that_the_example_s_settings_allow() -> None:
    longer = ("-i", "--inventory", "--ask-vault-pass", "--ask-become-pass", "--vault-password-file")
    assert [arguments for arguments in commands() if set(arguments) & set(longer)] == []


def test_the_documents_name_no_variable_that_there_is_not() -> None:
    for path in DOCUMENTS:
        named = set(re.findall(r"(?<![\w.])backup_[a-z_]+[a-z]\b", path.read_text(encoding="utf-8")))
        named.discard("backup_compliance_info")  # A module.
        assert named <= set(VARIABLES), path
