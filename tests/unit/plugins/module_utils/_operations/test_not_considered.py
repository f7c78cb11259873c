# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source whose sets a medium does not consider is named by everything that asks for the newest."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.operation import copy_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.transfer import CopyOptions
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill import operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.list.operation import list_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import operation as restore_operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify.operation import verify_sets
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from tests.unit.plugins.module_utils import core

NEWEST = SetSelection(newest=True)


class Doubtful(DirectoryMedium):
    """Considers no set of the source ``doubtful``, as an object store none that anybody may have put there."""

    def eligible(
        self, sets: t.Sequence[SetId], passed_over: list[tuple[SetId, BackupError]] | None = None
    ) -> list[SetId]:
        for set_id in sets:
            if set_id.source == "doubtful" and passed_over is not None:
                error = SetInvalid("find a set", on=self.describe(), why="anybody put it there", next_step="Look.")
                passed_over.append((set_id, error))
        return [set_id for set_id in sets if set_id.source != "doubtful"]


@pytest.fixture
def doubtful(medium: DirectoryMedium) -> tuple[Doubtful, SetId, SetId]:
    """The medium, its good set, and the one that it does not consider."""
    good, bad = core.write_set(medium), core.write_set(medium, source="doubtful")
    return Doubtful(path=medium.root), good, bad


def told(failures: list[dict[str, t.Any]]) -> list[tuple[str, bool]]:
    return [(entry["id"], "anybody put it there" in entry["message"]) for entry in failures]


def test_verifying_copying_and_listing_the_newest_fail_for_it(
    doubtful: tuple[Doubtful, SetId, SetId], vault: DirectoryMedium
) -> None:
    medium, good, bad = doubtful
    reports = [
        list_sets(medium, NEWEST),
        verify_sets(medium, NEWEST, allowed_signers=None, set_aside=True, status_file=None, check_mode=False),
        copy_sets(
            medium,
            vault,
            NEWEST,
            except_sets=(),
            options=CopyOptions(),
            reencryption=None,
            status_file=None,
            check_mode=False,
        ),
    ]
    for report in reports:
        assert [entry["id"] for entry in report.sets] == [str(good)]
        assert told(report.failures) == [(str(bad), True)]
    assert medium.holds(bad)


def test_a_drill_of_the_newest_is_not_done_of_it(doubtful: tuple[Doubtful, SetId, SetId], tmp_path: Path) -> None:
    medium, good, bad = doubtful
    params = {"record_directory": str(tmp_path), "policy": "newest", "interval_days": 7, "again": True}
    report = operation.drill_sets(params, medium, NEWEST, check_mode=True)
    assert report.planned == [str(good)]
    assert told(report.failures) == [(str(bad), True)]
    assert report.failures[0]["outcome"] == "not_done"


def test_a_restore_that_finds_nothing_says_why(
    doubtful: tuple[Doubtful, SetId, SetId], monkeypatch: pytest.MonkeyPatch
) -> None:
    medium, _good, bad = doubtful
    monkeypatch.setattr(restore_operation, "make_medium", lambda _options: medium)
    params: dict[str, t.Any] = {"medium": {}, "set": None, "host": bad.host, "source": bad.source, "at": None}
    with pytest.raises(NotFound, match=f"{bad}: anybody put it there"):
        restore_operation.make_restore(params, engines=["commands"])
