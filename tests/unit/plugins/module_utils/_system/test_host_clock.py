# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets that are made, listed, copied and chosen while a clock is wrong."""

from __future__ import annotations

import datetime
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.operation import copy_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.transfer import CopyOptions
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill import operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import (
    PASSED,
    Drill,
    DrillRecord,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from ansible_collections.infitulua.backup.plugins.module_utils._operations.list.operation import list_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.operation import make_restore
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify.set_verification import verify
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from tests.unit.plugins.module_utils import core

if t.TYPE_CHECKING:
    from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium

DAY = datetime.timedelta(days=1)
NEWEST = SetSelection(newest=True)


class Clock:
    """This host's clock, which the test sets."""

    def __init__(self) -> None:
        self.time = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)

    def off_by(self, difference: datetime.timedelta) -> None:
        """Go wrong by this much from here on."""
        self.time += difference


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(host_clock, "now", lambda: clock.time)
    return clock


def dump(medium: DirectoryMedium, rows: int = 8000, **changes: t.Any) -> dumping.DumpResult:
    return dumping.dump(core.request(medium, options={"content": {"rows": rows}}, **changes))


def dump_at(clock: Clock, medium: DirectoryMedium, difference: datetime.timedelta, rows: int = 8000) -> SetId:
    """A set that is made while the clock is off by this much."""
    clock.off_by(difference)
    try:
        made = dump(medium, rows).set_id
    finally:
        clock.off_by(-difference)
    assert made is not None
    return made


@pytest.mark.parametrize("days", [400, -400, 2, -2])
def test_the_newest_set_is_the_one_that_was_made_last_whatever_the_clock_said(
    clock: Clock, medium: DirectoryMedium, days: int
) -> None:
    monday = dump_at(clock, medium, -2 * DAY)
    wrong = dump_at(clock, medium, days * DAY)
    after_wrong = NEWEST.choose(medium)
    assert after_wrong == ([wrong] if days < 0 else [monday])
    right = dump_at(clock, medium, datetime.timedelta(0))
    assert NEWEST.choose(medium) == [right]
    # Nor does the wrong one become it later, when its date has come.
    clock.off_by(500 * DAY)
    assert NEWEST.choose(medium) == [right]
    listed = list_sets(medium, SetSelection()).sets
    assert [entry["id"] for entry in listed] == [str(monday), str(wrong), str(right)]
    assert [entry["sequence"] for entry in listed] == [1, 2, 3]
    assert [entry["newest"] for entry in listed] == [False, False, True]
    assert [entry["order"] for entry in listed] == sorted(entry["order"] for entry in listed)


def test_a_set_names_the_sets_before_it_so_that_a_person_can_follow_them(clock: Clock, medium: DirectoryMedium) -> None:
    first, second = (dump_at(clock, medium, number * DAY) for number in (-2, -1))
    third = dump_at(clock, medium, datetime.timedelta(0), rows=10)
    found = read_description(third, medium.contents(third))
    assert found.suspect
    assert found.sequence == 3
    assert list(found.predecessors) == [str(second), str(first)]
    assert found.predecessors[str(first)] == bag.tag_manifest_digest(medium.contents(first))
    # The suspect one is a predecessor too: it is what the source held.
    fourth = dump(medium).set_id
    assert fourth is not None
    assert next(iter(read_description(fourth, medium.contents(fourth)).predecessors)) == str(third)
    info = Path(medium.path(third), "bag-info.txt").read_text(encoding="utf-8")
    assert f"Bag-Group-Identifier: {core.HOST}/{core.SOURCE}\n" in info
    assert "Bag-Count: 3 of ?\n" in info
    verify(medium, third)


def test_a_dump_goes_on_beside_a_set_that_is_dated_after_now_and_says_so(clock: Clock, medium: DirectoryMedium) -> None:
    ahead = dump_at(clock, medium, 400 * DAY)
    result = dump(medium)
    assert result.set_id is not None
    assert result.set_id.moment == clock.time
    assert result.description is not None
    (warning,) = result.description.warnings
    assert warning.startswith(f"The set before it, {ahead}, is dated after {host_clock.write(clock.time)}")
    # It is told once, and not with every set to come.
    clock.off_by(DAY)
    following = dump(medium).description
    assert following is not None
    assert following.warnings == []


def test_a_clock_that_was_put_back_a_little_is_told_and_the_set_is_named_after_the_last(
    clock: Clock, medium: DirectoryMedium
) -> None:
    first = dump(medium).set_id
    assert first is not None
    clock.off_by(datetime.timedelta(minutes=-3))
    result = dump(medium)
    assert result.set_id is not None
    assert result.set_id.moment == first.moment + datetime.timedelta(seconds=1)
    assert result.description is not None
    (warning,) = result.description.warnings
    assert "the clock was set back" in warning
    assert NEWEST.choose(medium) == [result.set_id]


@pytest.mark.parametrize("days", [400, -400])
def test_a_new_set_is_compared_with_the_one_before_it_whatever_the_clock_said(
    clock: Clock, medium: DirectoryMedium, days: int
) -> None:
    dump_at(clock, medium, -2 * DAY, rows=1000)
    wrong = dump_at(clock, medium, days * DAY, rows=8000)
    doubt = dump(medium, rows=900).suspect
    assert doubt is not None
    assert str(wrong) in doubt


@pytest.mark.parametrize("days", [400, -400])
def test_the_order_is_the_same_in_the_vault_where_suspect_sets_are_missing(
    clock: Clock, medium: DirectoryMedium, vault: DirectoryMedium, days: int
) -> None:
    good = [dump_at(clock, medium, -9 * DAY)]
    for number in range(-8, -1):
        dump_at(clock, medium, number * DAY, rows=1)
    wrong = dump_at(clock, medium, days * DAY)
    last = dump_at(clock, medium, -DAY)
    options: dict[str, t.Any] = {"reencryption": None, "status_file": None, "check_mode": False, "except_sets": ()}
    report = copy_sets(medium, vault, SetSelection(), options=CopyOptions(), **options)
    assert report.failures == []
    assert report.dated_after_now == ([str(wrong)] if days > 0 else [])
    assert sorted(vault.sets()) == sorted([*good, wrong, last])
    assert NEWEST.choose(vault) == [last]
    vault.remove(last)
    assert NEWEST.choose(vault) == (good if days > 0 else [wrong])


def test_what_is_dated_after_now_is_named_and_never_restored_unless_it_is_meant(
    clock: Clock, medium: DirectoryMedium
) -> None:
    ahead = dump_at(clock, medium, 400 * DAY)
    listed = list_sets(medium, NEWEST)
    assert listed.sets == []
    assert listed.dated_after_now == [str(ahead)]
    assert listed.passed_over == [{"id": str(ahead), "reason": "dated_after_now"}]
    params: dict[str, t.Any] = {
        "medium": {"type": "directory", "path": medium.root},
        "set": None,
        "host": core.HOST,
        "source": core.SOURCE,
        "at": None,
    }
    with pytest.raises(NotFound, match=f"{ahead}, which is dated after now"):
        make_restore(params, engines=["commands"])
    assert SetSelection(ids=(ahead,)).resolve(medium).late == [ahead]
    assert SetSelection(ids=(ahead,)).choose(medium) == [ahead]


def test_a_set_of_a_clock_a_few_minutes_ahead_is_like_any_other(clock: Clock, medium: DirectoryMedium) -> None:
    made = dump_at(clock, medium, datetime.timedelta(minutes=4))
    assert NEWEST.resolve(medium).late == []
    assert NEWEST.choose(medium) == [made]


class TestDrills:
    """Which sets the policies choose."""

    @staticmethod
    def plan(medium: DirectoryMedium, record: Path, policy: str, selection: SetSelection | None = None) -> list[str]:
        params = {"record_directory": str(record), "policy": policy, "interval_days": 7, "again": True}
        report = operation.drill_sets(params, medium, selection or SetSelection(), check_mode=True)
        return report.planned

    @pytest.mark.parametrize("policy", ["newest", "interval"])
    @pytest.mark.parametrize("days", [400, -400])
    def test_the_newest_is_the_one_that_was_made_last(
        self, clock: Clock, medium: DirectoryMedium, tmp_path: Path, policy: str, days: int
    ) -> None:
        dump_at(clock, medium, days * DAY)
        last = dump(medium).set_id
        assert self.plan(medium, tmp_path, policy) == [str(last)]
        assert self.plan(medium, tmp_path, "every_set", NEWEST) == [str(last)]

    def test_what_cannot_be_read_is_drilled_so_that_it_is_named(self, medium: DirectoryMedium, tmp_path: Path) -> None:
        good, damaged = core.write_set(medium), core.write_set(medium)
        core.overwrite(Path(medium.path(damaged), "backup.json"), b"{}")
        for policy, selection in (("newest", SetSelection()), ("every_set", NEWEST)):
            assert self.plan(medium, tmp_path, policy, selection) == [str(good), str(damaged)]

    def test_only_what_no_drill_was_carried_out_of_is_untried(self, medium: DirectoryMedium, tmp_path: Path) -> None:
        tried, not_done, new, again = (core.write_set(medium) for _number in range(4))
        record = DrillRecord(str(tmp_path))
        # What failed and then could not be tried again, for a question was wrong, has still to be tried.
        for set_id, outcome in ((tried, "failed"), (not_done, "not_done"), (again, "failed"), (again, "not_done")):
            content = bag.tag_manifest_digest(medium.contents(set_id))
            record.add(
                Drill(
                    str(set_id), outcome, host_clock.write(host_clock.now()), "the vault", tag_manifest_sha256=content
                )
            )
        assert self.plan(medium, tmp_path, "untried") == [str(not_done), str(new), str(again)]

    def test_a_drill_that_is_dated_after_now_does_not_put_off_the_next(
        self, clock: Clock, medium: DirectoryMedium, tmp_path: Path
    ) -> None:
        made = core.write_set(medium)
        drilled = host_clock.write(clock.time + 400 * DAY)
        DrillRecord(str(tmp_path)).add(Drill(str(made), PASSED, drilled, "the vault"))
        assert self.plan(medium, tmp_path, "interval") == [str(made)]
