# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a killed run leaves is removed by the next one, and what somebody uses is not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, progress, temporary_files
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

# Makes temporary things for ever.
BUSY = """
import sys
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, progress, temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
place = sys.argv[1]
number = 0
while True:
    number += 1
    durable.replace_file(place + "/state.json", str(number))
    progress.write_status(place + "/status.json", {"number": number})
    DirectoryMedium(path=place).probe()
    with temporary_files.directory("restore", within=place) as path:
        open(path + "/payload", "w").close()
    print(number, flush=True)
"""
KEPT = ["state.json", "status.json"]


def use(place: Path) -> None:
    """One run that ends well."""
    durable.replace_file(str(place / "state.json"), "{}")
    with temporary_files.directory("restore", within=str(place)) as path:
        assert os.stat(path).st_mode & 0o777 == 0o700


def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    seed = int(os.environ["SEED"])
    print(f"SEED={seed}")
    chance = random.Random(seed)
    found = set()
    for _kill in range(8):
        # The path must not name the test's own configuration: nothing of it is used.
        busy = subprocess.Popen([sys.executable, "-c", BUSY, str(tmp_path)], stdout=subprocess.PIPE, env=environment())
        assert busy.stdout is not None
        assert busy.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        busy.send_signal(signal.SIGKILL)
        busy.wait()
        busy.stdout.close()
        found |= {name for name in os.listdir(tmp_path) if name not in KEPT}
        use(tmp_path)
        assert sorted(os.listdir(tmp_path)) == KEPT
    print(f"left by the killed: {sorted(found)}")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.mark.parametrize("make", ["new_file", "probe_file", "directory"])
def test_it_goes_when_nobody_holds_it_and_not_before(make: str, tmp_path: Path) -> None:
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        if make == "directory":
            with temporary_files.directory("copy", within=str(tmp_path)):
                os.write(ready[1], b"x")
                os.read(go[0], 1)
                os._exit(0)  # As if it were killed.
        made: dict[str, t.Callable[[], t.Any]] = {
            "new_file": lambda: temporary_files.new_file(str(tmp_path / "state.json"), mode=0o600),
            "probe_file": lambda: temporary_files.probe_file(str(tmp_path)),
        }
        made[make]()
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    [name] = os.listdir(tmp_path)
    assert temporary_files.remove_abandoned(str(tmp_path)).removed == []
    assert os.listdir(tmp_path) == [name]
    os.write(go[1], b"x")
    os.waitpid(child, 0)
    for descriptor in (*ready, *go):
        os.close(descriptor)
    assert temporary_files.remove_abandoned(str(tmp_path), check_mode=True).removed == [name]
    assert os.listdir(tmp_path) == [name]
    assert temporary_files.remove_abandoned(str(tmp_path)).removed == [name]
    assert os.listdir(tmp_path) == []


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    names = ["infitulua-backup-x", "state.json.new", "a.1.new", ".probe-x", "infitulua-backup-copy-" + "0" * 15]
    for name in names:
        (tmp_path / name).touch()
    precious = tmp_path / "precious"
    precious.mkdir()
    link = tmp_path / ("infitulua-backup-copy-" + "0" * 16)
    link.symlink_to(precious)
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "a.1.00000000.new")
    foreign = tmp_path / "b.1.00000000.new"
    if os.geteuid() == 0:
        foreign.touch()
        os.chown(foreign, 12345, 12345)
    before = sorted(os.listdir(tmp_path))
    temporary_files.remove_abandoned(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == before


def test_a_failed_writing_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()  # Cannot be replaced by a file.
    with pytest.raises(OSError, match="directory"):
        durable.replace_file(str(tmp_path / "state.json"), "{}")
    progress.write_status(str(tmp_path / "state.json"), {})
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_probe_leaves_nothing_and_tells_what_may_be_done(medium: DirectoryMedium) -> None:
    before = core.tree(medium.root)
    access = medium.probe()
    assert (access.list, access.read, access.write, access.delete) == (True, True, True, True)
    assert core.tree(medium.root) == before
