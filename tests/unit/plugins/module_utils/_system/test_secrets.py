# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets on their way into a child process, and progress files that lead nowhere."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, run_and_read
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._system.secrets import SecretFile
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

SECRET = "canary-0d9c-contraseña"


def read(secret: SecretFile, **options: object) -> str:
    command = Command(["cat", secret.path, secret.path], pass_fds=[secret.descriptor], **options)  # type: ignore[arg-type]
    return run_and_read(command, action="read", on="it", next_step="")


def test_the_child_that_is_named_reads_it_as_often_as_it_likes() -> None:
    with SecretFile(SECRET) as secret:
        assert read(secret) == SECRET * 2
        assert read(secret) == SECRET * 2


def test_other_children_do_not_have_it() -> None:
    with SecretFile(SECRET) as secret:
        number = secret.descriptor
        for script in (["ls", "-l", "/proc/self/fd"], ["sh", "-c", f"cat <&{number}"]):
            done = subprocess.run(script, check=False, close_fds=False, capture_output=True, text=True)
            assert "memfd" not in done.stdout
            assert SECRET not in done.stdout


def test_nobody_else_may_open_it() -> None:
    with SecretFile(SECRET) as secret:
        assert stat.S_IMODE(os.fstat(secret.descriptor).st_mode) == 0o600
        core.need_root()
        with core.as_user("nobody"), pytest.raises(PermissionError):
            os.open(f"/proc/{os.getpid()}/fd/{secret.descriptor}", os.O_RDONLY)


def test_a_child_of_another_user_reads_it_and_that_user_alone() -> None:
    core.need_root()
    with SecretFile(SECRET, user="nobody") as secret:
        assert read(secret, user="nobody") == SECRET * 2
    with SecretFile(SECRET) as secret, pytest.raises(Exception, match="Permission denied"):
        read(secret, user="nobody")


def test_it_is_gone_after_closing_and_closing_twice_closes_nothing_else(tmp_path: Path) -> None:
    secret = SecretFile(SECRET)
    number = secret.descriptor
    secret.close()
    with open(tmp_path / "file", "wb") as other:
        assert other.fileno() == number
        secret.close()
        os.fstat(other.fileno())
    links = [os.readlink(f"/proc/self/fd/{entry}") for entry in os.listdir("/proc/self/fd") if core.is_open(entry)]
    assert not [link for link in links if "memfd:secret" in link]


def test_it_is_in_no_argument_and_no_environment() -> None:
    with SecretFile(SECRET) as secret:
        command = Command(["cat", "/proc/self/cmdline", "/proc/self/environ"], pass_fds=[secret.descriptor])
        assert SECRET not in run_and_read(command, action="read", on="it", next_step="")


class TestProgress:
    def test_anybody_can_watch_it(self, tmp_path: Path) -> None:
        path = tmp_path / "progress.json"
        progress = Progress(str(path), operation="dump", subject="srv/contabilidad", total_bytes=100)
        progress.stage("dumping")
        progress.advance(40)
        progress.finish()
        state = json.loads(path.read_text(encoding="utf-8"))
        assert (state["operation"], state["stage"], state["bytes"], state["total_bytes"]) == (
            "dump",
            "dumping",
            40,
            100,
        )
        assert state["finished"] is True
        assert os.listdir(tmp_path) == ["progress.json"]

    def test_a_link_in_its_way_is_not_followed(self, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.write_text("precious", encoding="utf-8")
        path = tmp_path / "progress.json"
        Path(f"{path}.{os.getpid()}.new").symlink_to(precious)
        path.symlink_to(precious)
        Progress(str(path), operation="dump", subject="it").finish()
        assert precious.read_text(encoding="utf-8") == "precious"

    def test_failing_to_write_it_fails_nothing(self, tmp_path: Path) -> None:
        progress = Progress(str(tmp_path / "nowhere" / "progress.json"), operation="dump", subject="it")
        progress.advance(1)
        progress.finish()
        assert progress.bytes == 1
