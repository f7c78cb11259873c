# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call that fails at the end of a drill costs neither the other drills nor what is known of the set."""

from __future__ import annotations

import errno
import fcntl
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.operation import (
    DrillsReport,
    conclude_drill,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import (
    FAILED,
    NOT_DONE,
    PASSED,
    Drill,
    DrillRecord,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.request import DrillRequest, Limits
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.supervisor import Supervisor
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.sweep import remove_drill_directory
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId


class FullDisk(DrillRecord):
    """A record that nothing can be added to."""

    def add(self, drill: Drill) -> None:
        raise BackupError("record a drill", on=drill.id, why="the disk is full", next_step="Drill again.")


@pytest.mark.parametrize(
    ("outcome", "told"), [(PASSED, ["disk"]), (FAILED, ["why", "disk"]), (NOT_DONE, ["why", "disk"])]
)
def test_a_drill_that_cannot_be_written_down_did_not_pass(tmp_path: Path, outcome: str, told: list[str]) -> None:
    report = DrillsReport()
    drill = Drill("srv/a/20261122T030000Z", outcome, "2026-11-22T04:00:00Z", "the vault", message="why")
    with DirectoryMedium(path=str(tmp_path)) as medium:
        conclude_drill(drill, medium, False, report, FullDisk(str(tmp_path)))
    assert report.sets == []
    assert [word in entry["message"] for word, entry in zip(told, report.failures)] == [True] * len(told)
    assert [entry["outcome"] for entry in report.failures][-1] == NOT_DONE
    assert len(report.failures) == len(told)


def test_what_cannot_be_looked_through_is_removed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "drill-abc"
    (directory / "i" / "tree").mkdir(parents=True)
    (tmp_path / "drill-abc.lock").touch()

    def cannot_be_listed(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fwalk", cannot_be_listed)
    remove_drill_directory(str(directory))
    assert list(tmp_path.iterdir()) == []


def test_a_drill_that_cannot_be_locked_is_not_done_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = DrillRequest(
        open_medium=lambda: DirectoryMedium(path=str(tmp_path)),
        medium_name="the vault",
        identity_files=(),
        allowed_signers=None,
        work_directory=str(tmp_path),
        user="nobody",
        programs_directory=None,
        queries=(),
        limits=Limits(seconds=60, bytes=None, memory_bytes=1024**3),
        jobs=1,
    )
    supervisor = Supervisor(request)

    def no_more_locks(*_arguments: t.Any) -> t.NoReturn:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_more_locks)
    found = supervisor.drill(SetId("srv", "a", "20261122T030000Z"))
    assert found.outcome == NOT_DONE
    assert "No locks available" in str(found.message)
    assert list(tmp_path.iterdir()) == []
