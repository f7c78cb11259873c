# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory medium: what counts as a set, what is cleaned up, and what somebody may have put in the way."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AlreadyStored,
    BackupError,
    LockHeld,
    NotFound,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.transfer import CopyOptions, Transfer
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

ID = SetId("srv", "contabilidad", "20261122T030000Z")


def test_only_complete_sets_in_their_place_are_listed(medium: DirectoryMedium) -> None:
    set_id = core.write_set(medium)
    root = Path(medium.root)
    for path in (
        "lost+found/x/20261122T030000Z",
        ".verifications/srv/20261122T030000Z",
        ".rejected/srv/contabilidad/20261122T030000Z",
        "srv/.hidden/20261122T030000Z",
        "srv/contabilidad/.20261122T030000Z.partial",
        "srv/contabilidad/20261322T030000Z",
        "srv/contabilidad/20261122T030000Z.old",
        "srv/contabilidad/copy/20261122T030000Z",
    ):
        (root / path).mkdir(parents=True)
        (root / path / "bagit.txt").touch()
    (root / "srv/contabilidad/20261122T040000Z").mkdir()  # No bagit.txt: not a set.
    (root / "srv" / "file").touch()
    (root / "file").touch()
    assert medium.sets() == [set_id]
    assert medium.sets(host="srv") == []
    assert medium.sets(host="nobody", source="nothing") == []


def test_a_set_that_is_not_there_is_not_found(medium: DirectoryMedium) -> None:
    with pytest.raises(NotFound, match="there is no such set"):
        medium.contents(ID)
    assert not medium.holds(ID)


def test_a_medium_that_cannot_be_listed_says_why(medium: DirectoryMedium) -> None:
    core.write_set(medium)
    os.chmod(os.path.join(medium.root, core.HOST), 0o700)
    for directory in (Path(medium.root), *list(Path(medium.root).parents)[:-2]):
        directory.chmod(0o755)
    with core.as_user("nobody"), pytest.raises(BackupError, match=r"list a medium .*Permission denied"):
        medium.sets(host=core.HOST)


def test_a_partial_set_is_gone_unless_it_was_completed(medium: DirectoryMedium) -> None:
    with medium.locked("srv", "contabilidad"):
        before = core.tree(medium.root)
        with pytest.raises(ZeroDivisionError), medium.begin(ID) as partial:
            with partial.create("data/x") as file:
                file.write(b"x")
            assert medium.sets() == []
            raise ZeroDivisionError
        assert core.tree(medium.root) == before


@pytest.mark.parametrize("path", ["../x", "/x", "data/../../x", "~/x", "", "data//x", "data/./x"])
def test_no_file_of_a_set_is_written_or_read_outside_of_it(medium: DirectoryMedium, path: str) -> None:
    with medium.locked("srv", "contabilidad"), medium.begin(ID) as partial:
        with pytest.raises(SetInvalid, match="unsafe path"):
            partial.create(path)
        with pytest.raises(PermissionError):
            DirectoryContents(partial.path).open(path)


def test_a_set_is_never_overwritten(medium: DirectoryMedium, vault: DirectoryMedium) -> None:
    set_id = core.write_set(medium)
    vault.store(set_id, medium.path(set_id))
    before = core.tree(vault.root)
    with pytest.raises(AlreadyStored):
        vault.store(set_id, medium.path(set_id))
    with pytest.raises(AlreadyStored):
        vault.adopt(set_id, medium.path(set_id))
    assert core.tree(vault.root) == before
    assert medium.sets() == [set_id]


class TestWhatDeadRunsLeave:
    """Removed under the lock of the source, so never from under a run that lives."""

    def leave(self, medium: DirectoryMedium, make: t.Callable[[Path], object]) -> Path:
        directory = Path(medium.source_path("srv", "contabilidad"))
        directory.mkdir(parents=True)
        path = directory / ".20261121T030000Z.partial"
        make(path)
        with medium.locked("srv", "contabilidad"):
            assert not os.path.lexists(path)
        return path

    def test_a_partial_set(self, medium: DirectoryMedium) -> None:
        def make(path: Path) -> None:
            (path / "data").mkdir(parents=True)
            (path / "data" / "x").touch(mode=0o440)

        self.leave(medium, make)

    def test_a_link_is_removed_and_not_followed(self, medium: DirectoryMedium, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "file").touch()
        self.leave(medium, lambda path: path.symlink_to(precious))
        assert (precious / "file").exists()

    def test_a_file(self, medium: DirectoryMedium) -> None:
        self.leave(medium, Path.touch)

    def test_what_a_living_run_is_writing_is_not_touched(self, medium: DirectoryMedium) -> None:
        with medium.locked("srv", "contabilidad"), medium.begin(ID) as partial:
            with pytest.raises(BackupError, match="another run is working on it"), medium.locked("srv", "contabilidad"):
                pass
            assert os.path.isdir(partial.path)


def test_a_link_in_place_of_the_lock_is_not_followed(medium: DirectoryMedium, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious", encoding="utf-8")
    directory = Path(medium.source_path("srv", "contabilidad"))
    directory.mkdir(parents=True)
    (directory / ".lock").symlink_to(precious)
    with pytest.raises(BackupError, match="lock a source"), medium.locked("srv", "contabilidad"):
        pass
    assert precious.read_text(encoding="utf-8") == "precious"


def test_a_full_disk_keeps_nobody_from_locking(medium: DirectoryMedium, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: t.Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with (
        medium.locked("srv", "contabilidad"),
        pytest.raises(LockHeld, match="another run is working on it"),
        medium.locked("srv", "contabilidad"),
    ):
        pass


def test_the_lock_of_a_dead_holder_is_free(medium: DirectoryMedium) -> None:
    script = (
        "import os, sys, signal\n"
        "from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium\n"
        "with DirectoryMedium(path=sys.argv[1]).locked('srv', 'contabilidad'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(entry for entry in sys.path if entry))
    killed = subprocess.run([sys.executable, "-c", script, medium.root], check=False, env=environment)
    assert killed.returncode == -9
    assert Path(medium.source_path("srv", "contabilidad"), ".lock").read_text(encoding="utf-8").strip().isdigit()
    with medium.locked("srv", "contabilidad"):
        pass


def test_removing_a_set(medium: DirectoryMedium) -> None:
    first, second = core.write_sets(medium, "20261121T030000Z", "20261122T030000Z")
    medium.remove(first)
    assert medium.sets() == [second]
    assert not [path for path in core.tree(medium.root) if "20261121" in path]
    with pytest.raises(BackupError, match="No such file"):
        medium.remove(first)


def test_a_set_that_is_set_aside_is_not_listed_and_not_lost(medium: DirectoryMedium) -> None:
    [set_id] = core.write_sets(medium, "20261121T030000Z")
    files = core.tree(medium.path(set_id))
    aside = medium.set_aside(set_id)
    assert medium.sets() == []
    assert core.tree(aside) == files
    shutil.copytree(aside, medium.path(set_id))
    assert medium.set_aside(set_id) == aside  # The very same has come again.
    [set_id] = core.write_sets(medium, "20261121T030000Z")
    assert medium.set_aside(set_id) != aside  # Of two that differ, either may be the good one.
    assert core.tree(aside) == files


def test_moving_to_another_file_system_by_rename_says_so(medium: DirectoryMedium) -> None:
    set_id = core.write_set(medium)
    other = core.mount_tmpfs(size="16m")
    try:
        with pytest.raises(OSError, match="cross-device") as caught:
            core.medium_at(other / "vault").adopt(set_id, medium.path(set_id))
        assert caught.value.errno == errno.EXDEV
        assert medium.sets() == [set_id]
    finally:
        core.unmount(other)


def test_a_probe_tells_what_is_possible_and_leaves_nothing(medium: DirectoryMedium) -> None:
    access = medium.probe()
    assert (access.list, access.read, access.write, access.delete) == (True, True, True, True)
    assert core.tree(medium.root) == {}


def test_a_probe_of_a_full_disk(small_full: DirectoryMedium) -> None:
    assert small_full.probe().write is False
    assert set(core.tree(small_full.root)) == {"filler"}


@pytest.fixture
def small_full() -> t.Iterator[DirectoryMedium]:
    disk = core.mount_tmpfs(size="64k")
    medium = core.medium_at(disk)
    with open(disk / "filler", "wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(bytes(4096))
    yield medium
    core.unmount(disk)


def test_a_medium_of_another_user_is_used_without_root(tmp_path: Path) -> None:
    """What root does, an ordinary user can do too."""
    core.need_root()
    disk = core.mount_tmpfs(size="64m")
    try:
        for name in ("sets", "vault"):
            (disk / name).mkdir()
            os.chown(disk / name, 65534, 65534)
        with core.as_user("nobody"):
            medium, vault = core.medium_at(disk / "sets"), core.medium_at(disk / "vault")
            set_id = core.write_set(medium)
            set_verification.verify(medium, set_id)
            options = CopyOptions(move=True)
            copied = Transfer(medium, vault, set_id, options, core.no_progress()).run()
            assert (copied.changed, copied.verified) == (True, True)
            assert (medium.sets(), vault.sets()) == ([], [set_id])
            vault.remove(set_id)
    finally:
        core.unmount(disk)
