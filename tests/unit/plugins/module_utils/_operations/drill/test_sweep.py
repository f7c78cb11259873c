# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What killed drills have left is removed, and nothing of one that is at work."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.sweep import Sweep, sweep_dead_drills


def make_drill(work: Path, name: str) -> Path:
    """Make what a drill leaves when it is killed; returns its lock."""
    closed = work / name / "i" / "restored"
    closed.mkdir(parents=True)
    (closed / "secret").write_text("decrypted", encoding="utf-8")
    closed.chmod(0)
    lock = work / f"{name}.lock"
    lock.touch()
    return lock


def test_only_what_no_process_holds_is_removed(tmp_path: Path) -> None:
    make_drill(tmp_path, "drill-dead")
    (tmp_path / "drill-link.lock").symlink_to(tmp_path / "drill-dead.lock")
    (tmp_path / "other").mkdir()
    with make_drill(tmp_path, "drill-alive").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert sweep_dead_drills(str(tmp_path), check_mode=True) == Sweep(["drill-dead"])
        assert (tmp_path / "drill-dead").exists()
        assert sweep_dead_drills(str(tmp_path)) == Sweep(["drill-dead"])
        left = sorted(path.name for path in tmp_path.iterdir())
        assert left == ["drill-alive", "drill-alive.lock", "drill-link.lock", "other"]
    assert sweep_dead_drills(str(tmp_path)) == Sweep(["drill-alive"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_what_cannot_be_removed_is_named_with_its_reason_and_stops_no_other(tmp_path: Path) -> None:
    stays = tmp_path / "drill-a" / "i"
    make_drill(tmp_path, "drill-a")
    make_drill(tmp_path, "drill-b")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "x", str(stays)], check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        sweep = sweep_dead_drills(str(tmp_path))
    finally:
        subprocess.run(["umount", str(stays)], check=True)
    assert sweep.removed == ["drill-b"]
    (error,) = sweep.left
    assert error.on == str(tmp_path / "drill-a")
    # An older Python names it from the directory that it is in.
    assert error.why in (f"Device or resource busy ({stays})", "Device or resource busy (i)")
    assert "It holds restored data, decrypted" in error.message
    assert sweep_dead_drills(str(tmp_path)) == Sweep(["drill-a"])


def test_a_directory_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="look for interrupted drills"):
        sweep_dead_drills(str(tmp_path / "gone"))
