# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback that an operator sees: whatever a host says, it is words on the screen, and no line of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from development.environment import variables

# It clears the screen, says that all is well, and writes from right to left.
HOSTILE = "\x1b[2J\nINFORME: Sin fallos\u202e"
ESCAPED = "\\x1b[2J\\nINFORME: Sin fallos\\u202e"
MODULE = """#!/usr/bin/python
import json
print(json.dumps({"changed": False, **%r}))
"""
# As the SSH server of a host that is in hostile hands.
SSH = """#!%s
import sys
sys.stderr.write(%r)
sys.exit(255)
"""


@pytest.mark.parametrize(
    ("host", "answer"),
    [("localhost", {"warnings": [HOSTILE]}), ("localhost", {"failed": True, "msg": HOSTILE}), ("far", {})],
    ids=["warning", "failure", "unreachable"],
)
def test_what_a_host_says_is_shown_as_words(tmp_path: Path, host: str, answer: dict[str, object]) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "tells.py").write_text(MODULE % answer, encoding="utf-8")
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH % (sys.executable, HOSTILE), encoding="utf-8")
    ssh.chmod(0o755)
    play = tmp_path / "play.yml"
    play.write_text("- hosts: all\n  gather_facts: false\n  tasks: [{tells: {}}]\n", encoding="utf-8")
    reached = "ansible_connection=local" if host == "localhost" else f"ansible_ssh_executable={ssh}"
    (tmp_path / "hosts").write_text(f"{host} {reached} ansible_python_interpreter={sys.executable}\n", encoding="utf-8")
    log = tmp_path / "log"
    environment = {**variables(), "ANSIBLE_STDOUT_CALLBACK": "infitulua.backup.report", "ANSIBLE_LOG_PATH": str(log)}
    environment["ANSIBLE_NOCOLOR"] = "1"
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts", str(play)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert ESCAPED in run.stdout, run.stdout + run.stderr
    for text in (run.stdout, run.stderr, log.read_text(encoding="utf-8")):
        assert not {"\x1b", "\u202e"} & set(text), text
    assert not [line for line in run.stdout.splitlines() if line.startswith("INFORME")]
