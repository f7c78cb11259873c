# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several media are listed in one call, and one that cannot be listed costs itself and nothing else."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.list.operation import (
    ListReport,
    list_media,
    list_sets,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core


def look(options: t.Mapping[str, t.Any]) -> ListReport:
    with make_medium(options) as medium:
        return list_sets(medium, SetSelection(newest=True))


def directory(path: Path, *, only_if_none: bool = False) -> dict[str, t.Any]:
    return {"medium": {"type": "directory", "path": str(path)}, "only_if_none": only_if_none}


def test_each_medium_is_told_and_one_that_is_not_there_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    set_id = core.write_set(core.medium_at(tmp_path / "full"))
    missing, empty, full = list_media([directory(tmp_path / name) for name in ("missing", "empty", "full")], look)
    assert "missing" in missing["msg"]
    assert (missing["sets"], missing["looked"]) == ([], True)
    assert (empty["sets"], "msg" in empty) == ([], False)
    assert [entry["id"] for entry in full["sets"]] == [str(set_id)]


def test_what_is_asked_only_if_none_is_found_is_left_out_once_a_set_is(tmp_path: Path) -> None:
    for name in ("empty", "full", "fuller"):
        (tmp_path / name).mkdir()
    for name in ("full", "fuller"):
        core.write_set(core.medium_at(tmp_path / name))
    asked = [directory(tmp_path / name, only_if_none=True) for name in ("empty", "full", "fuller", "missing")]
    asked.append(directory(tmp_path / "fuller"))
    answers = list_media(asked, look)
    assert [answer["looked"] for answer in answers] == [True, True, False, False, True]
    assert [len(answer["sets"]) for answer in answers] == [0, 1, 0, 0, 1]
    assert not [answer for answer in answers if "msg" in answer]
