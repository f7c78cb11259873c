# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets on a disk are read again before they have lain unread for too long, within a budget."""

from __future__ import annotations

import datetime
import json
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations import rereading
from ansible_collections.infitulua.backup.plugins.module_utils._operations.rereading import Budget, Rereading
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify.operation import (
    VerifyReport,
    verify_sets,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

if t.TYPE_CHECKING:
    from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium

NOW = datetime.datetime(2026, 11, 30, 8, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "age", "due", "overdue"),
    [
        (30, 28.9, False, False),
        (30, 29, True, False),
        (30, 30.1, True, True),
        (1, 0.7, False, False),
        (1, 0.8, True, False),
        (30, -1, True, True),
        (30, None, True, True),
        (None, 4000, False, False),
    ],
)
def test_a_set_is_due_a_day_before_its_time_and_when_nobody_knows(
    days: int | None, age: float | None, due: bool, overdue: bool
) -> None:
    last = None if age is None else NOW - DAY * age
    plan = Rereading(days, Budget())
    assert (plan.is_due(last, NOW), plan.is_overdue(last, NOW)) == (due, overdue)


def test_read_every_day_at_about_the_same_hour_nothing_is_ever_overdue() -> None:
    plan = Rereading(30, Budget())
    last, run, oldest = NOW, NOW, datetime.timedelta(0)
    for minutes in (7, -11, 3, -20, 15) * 40:
        run += DAY + datetime.timedelta(minutes=minutes)
        oldest = max(oldest, run - last)
        if plan.is_due(last, run):
            last = run
    assert datetime.timedelta(days=29) <= oldest <= datetime.timedelta(days=30)


def test_a_budget_ends_and_one_set_may_always_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    of_bytes = Budget(size=100)
    assert [of_bytes.allows(size) for size in (90, 11, 10, 1)] == [True, False, True, False]
    assert [Budget(size=1).allows(100), Budget().allows(10**12)] == [True, True]
    clock = [0.0]
    monkeypatch.setattr(rereading.time, "monotonic", lambda: clock[0])
    of_time = Budget(minutes=2)
    clock[0] = 121
    assert [of_time.allows(1), of_time.allows(1)] == [True, False]


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="budget_minutes"):
        rereading.make_rereading({"reread_days": 30, "budget_minutes": 0, "budget_bytes": None})


class TestOnADisk:
    def read(self, medium: DirectoryMedium, budget: Budget | None = None) -> VerifyReport:
        return verify_sets(
            medium,
            SetSelection(),
            rereading=Rereading(30, budget or Budget()),
            allowed_signers=None,
            set_aside=True,
            status_file=None,
            check_mode=False,
        )

    def verified_days_ago(self, medium: DirectoryMedium, set_id: SetId, days: float) -> None:
        verification, _description = set_verification.verify(medium, set_id)
        assert set_verification.remember(medium, set_id, verification)
        path = Path(medium.root, ".verifications", set_id.host, set_id.source, f"{set_id.time}.json")
        told = host_clock.write(host_clock.now() - DAY * days)
        path.write_text(json.dumps({**json.loads(path.read_text()), "verified": told, "first_verified": told}))

    def test_only_what_has_lain_long_is_read_the_oldest_first(self, medium: DirectoryMedium) -> None:
        young, old, older = core.write_sets(medium, "20261101T030000Z", "20261102T030000Z", "20261103T030000Z")
        for set_id, days in ((young, 3), (old, 29.5), (older, 70)):
            self.verified_days_ago(medium, set_id, days)
        report = self.read(medium, Budget(size=1))
        assert [entry["id"] for entry in report.sets] == [str(older)]
        assert [(entry["id"], entry["overdue"]) for entry in report.left_out] == [(str(old), False)]
        assert [entry["id"] for entry in self.read(medium).sets] == [str(old)]
        last = self.read(medium)
        assert (last.sets, last.left_out, last.changed) == ([], [], False)

    def test_a_bit_that_turned_is_found_although_nothing_else_shows_it(self, medium: DirectoryMedium) -> None:
        [set_id] = core.write_sets(medium, "20261101T030000Z")
        self.verified_days_ago(medium, set_id, 31)
        path = next(path for path in Path(medium.path(set_id), "data").iterdir() if path.stat().st_size)
        status = path.stat()
        path.chmod(0o600)
        data = bytearray(path.read_bytes())
        data[0] ^= 1
        path.write_bytes(data)
        path.chmod(status.st_mode)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert set_verification.recall(medium, set_id) is not None  # Nobody has read it.
        [failure] = self.read(medium).failures
        assert (failure["id"], failure["changed"]) == (str(set_id), True)
        assert medium.sets() == []
        assert set_verification.recall(medium, set_id) is None

    def test_one_that_was_touched_is_read_now_and_one_never_verified_a_month_after_it_was_made(
        self, medium: DirectoryMedium
    ) -> None:
        recent = host_clock.now() - DAY
        touched, unverified, old = core.write_sets(
            medium, *(moment.strftime("%Y%m%dT%H%M%SZ") for moment in (recent, recent + DAY / 4, recent - 40 * DAY))
        )
        self.verified_days_ago(medium, touched, 0)
        os.utime(Path(medium.path(touched), "backup.json"))
        report = self.read(medium)
        assert [entry["id"] for entry in report.sets] == [str(touched), str(old)]
        assert str(unverified) not in report.message

    def test_a_medium_that_records_nothing_is_refused(self, medium: DirectoryMedium) -> None:
        class Far(type(medium)):  # type: ignore[misc]
            local = None

        with pytest.raises(BackupError, match="set_audit"):
            self.read(Far(path=medium.root))
