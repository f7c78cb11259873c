# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ``programs`` says on a host where it can't install, or installs and still does not find.

The host is this machine, in a sandbox in which nothing of the system can be written.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tests.integration.playbooks.house import python_without

pytestmark = pytest.mark.skipif(
    not Path("/var/lib/dpkg/status").exists() or shutil.which("bwrap") is None,
    reason="needs the package manager of Debian, and bubblewrap",
)


class Host:
    """This machine, with its system read-only."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.sandbox = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        self.sandbox += ["--tmpfs", "/run/lock", "--tmpfs", "/var/tmp", "--bind", str(directory), str(directory)]

    def have_no_archive_but_the_package(self, package: str) -> None:
        """Let the package manager believe that a package is installed, and know of no archive."""
        status = self.directory / "status"
        installed = Path("/var/lib/dpkg/status").read_text(encoding="utf-8")
        entry = f"Package: {package}\nStatus: install ok installed\nArchitecture: all\nMaintainer: none\nVersion: 1\n"
        status.write_text(f"{installed}\n{entry}Description: none\n", encoding="utf-8")
        self.sandbox += ["--ro-bind", str(status), "/var/lib/dpkg/status"]
        for directory in ("/var/lib/apt/lists", "/var/cache/apt", "/etc/apt/sources.list.d"):
            self.sandbox += ["--tmpfs", directory]
        if Path("/etc/apt/sources.list").exists():
            self.sandbox += ["--ro-bind", "/dev/null", "/etc/apt/sources.list"]

    def run(self, python: Path, **required: list[str]) -> str:
        """Run the role with an interpreter on it, and return what Ansible says of its failure."""
        play: dict[str, t.Any] = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "roles": [{"role": "infitulua.backup.programs", **required}],
        }
        playbook = self.directory / "playbook.json"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        (self.directory / "ansible.cfg").touch()
        done = subprocess.run(
            [*self.sandbox, "ansible-playbook", "-e", f"ansible_python_interpreter={python}", str(playbook)],
            check=False,
            capture_output=True,
            text=True,
            env=dict(
                os.environ,
                # Short: Ansible makes a socket below it.
                TMPDIR="/var/tmp",
                ANSIBLE_NOCOLOR="1",
                ANSIBLE_CONFIG=str(self.directory / "ansible.cfg"),
                ANSIBLE_HOME=str(self.directory / "home"),
                ANSIBLE_LOCAL_TEMP=str(self.directory / "local"),
                ANSIBLE_REMOTE_TEMP=str(self.directory / "remote"),
                ANSIBLE_CALLBACK_RESULT_FORMAT="yaml",
            ),
            timeout=120,
        )
        assert done.returncode == 2, done.stdout + done.stderr
        return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_host_where_nothing_can_be_installed_is_told_what_is_missing(host: Host, tmp_path: Path) -> None:
    said = host.run(python_without(tmp_path / "programs", "age"), programs_required=["age", "tar"])
    assert "Could not install programs (localhost): age missing, and the package manager says:" in said
    assert "Install the packages age as root, and run again." in said


def test_a_python_that_does_not_see_the_systems_libraries_is_named_as_the_cause(host: Host, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, timeout=60)
    host.have_no_archive_but_the_package("python3-boto3")
    python = tmp_path / "venv" / "bin" / "python"
    said = host.run(python, programs_python_modules=["boto3"])
    assert "Could not install programs (localhost): python3-boto3 still missing." in said
    assert "set ansible_python_interpreter to /usr/bin/python3 for localhost in the inventory" in said
    assert str(python) in said
