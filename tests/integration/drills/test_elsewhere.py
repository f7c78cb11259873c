# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills on another host: what is delivered to it, and how far what it says is believed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill import delivery
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.delivery import (
    DeliveryReport,
    deliver,
    record_drills,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.operation import DrillsReport
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._sets.partial import PartialSet
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from tests.integration.drills.support import BALANCE, Range

HOST = "drill-host"


class Elsewhere:
    """Sets of a ledger and a tree, and a host with a key of its own to which they are delivered."""

    def __init__(self, place: Range) -> None:
        self.place = place
        self.ledger, self.tree = place.dump()
        self.medium = DirectoryMedium(path=str(place.house.medium_path))
        self.planned = place.drill(check_mode=True).planned
        self.delivery = place.base / "delivery"
        for name in ("fetched", "delivered"):
            (self.delivery / name).mkdir(parents=True)
        self.arrived = DirectoryMedium(path=str(place.base / "arrived"))
        (place.base / "arrived").mkdir()
        self.key = place.base / "one-time"
        made = subprocess.run(["age-keygen", "-o", self.key], check=True, capture_output=True, text=True)
        self.recipient = (made.stdout + made.stderr).split("Public key:")[1].split()[0]
        self.delivered: dict[str, t.Any] = {"deliveries": [], "undelivered": []}

    def deliver(self, budget_minutes: float | None = None) -> DeliveryReport:
        """Deliver every planned set for which there is time."""
        report = deliver(
            {
                "sets": self.planned,
                "directory": str(self.delivery),
                "identity_file": str(self.place.house.identity),
                "recipients": [self.recipient],
                "allowed_signers_file": None,
                "status_file": None,
                "budget_minutes": budget_minutes,
            },
            self.medium,
            self.arrived,
        )
        self.delivered = {"deliveries": report.deliveries, "undelivered": report.drills}
        return report

    def drill(self, **options: t.Any) -> DrillsReport:
        """Drill what was delivered, as the other host does."""
        medium = {"type": "directory", "path": self.arrived.root}
        return self.place.drill(medium=medium, identity_file=str(self.key), record=False, **options)

    def record(self, answers: t.Sequence[t.Any] = (), **options: t.Any) -> DrillsReport:
        """Write down how they went."""
        params: dict[str, t.Any] = {
            "sets": self.planned,
            "drill_host": HOST,
            "answers": answers,
            "damaged": [],
            "unbegun": [],
            "left_out": [],
            "unreachable": False,
            "reason": "",
            "interval_days": 7,
            "set_aside": True,
            "record_directory": str(self.place.record),
            **self.delivered,
            **options,
        }
        return record_drills(params, self.medium)


@pytest.fixture
def elsewhere(place: Range) -> Elsewhere:
    """Sets that another host is to drill."""
    return Elsewhere(place)


def content(path: Path) -> str:
    """What names a set's content."""
    return hashlib.sha256((path / "tagmanifest-sha256.txt").read_bytes()).hexdigest()


def test_the_record_names_the_set_that_was_delivered_and_the_host_that_drilled_it(elsewhere: Elsewhere) -> None:
    elsewhere.deliver()
    answers = elsewhere.drill(queries=[BALANCE])
    assert (len(answers.sets), elsewhere.place.recorded("ledger")) == (2, [])
    report = elsewhere.record(answers.sets)
    assert (report.failures, report.overdue, sorted(report.planned)) == ([], [], sorted(elsewhere.planned))
    for path, source in ((elsewhere.ledger, "ledger"), (elsewhere.tree, "tree")):
        (drill,) = elsewhere.place.recorded(source)
        assert (drill["outcome"], drill["drilled_on"]) == ("passed", HOST)
        assert drill["tag_manifest_sha256"] == content(path)
        assert drill["medium"] == f"directory {elsewhere.place.house.medium_path}"
    assert {"name": "it balances", "passed": True, "detail": "0"} in elsewhere.place.recorded("ledger")[0]["checks"]
    # It counts as any other.
    assert elsewhere.place.drill(again=False).planned == []


@pytest.mark.parametrize(
    "key", ["age1" + "q" * 58, "age1foo1qqqq", "", "x"], ids=["checksum", "program", "empty", "none"]
)
def test_a_key_that_is_none_costs_no_set_its_place(elsewhere: Elsewhere, key: str) -> None:
    elsewhere.recipient = key
    with pytest.raises(BackupError, match=r"Nothing is known about the sets|not an age public key"):
        elsewhere.deliver()
    report = elsewhere.record(reason="there is no key")
    assert {entry["outcome"] for entry in report.failures} == {"not_done"}
    assert elsewhere.ledger.is_dir()
    assert elsewhere.tree.is_dir()


def test_an_identity_that_is_gone_is_no_fault_of_the_set(elsewhere: Elsewhere) -> None:
    elsewhere.deliver()
    elsewhere.key.unlink()
    answers = elsewhere.drill()
    assert {entry["outcome"] for entry in answers.failures} == {"not_done"}
    assert "No such file or directory" in answers.message


@pytest.mark.parametrize(
    "odd", [10**400, "\ud800", ["x"], {"a": "b"}, None], ids=["number", "surrogate", "list", "dict", "none"]
)
def test_an_odd_answer_about_one_set_loses_no_other(elsewhere: Elsewhere, odd: t.Any) -> None:
    """A bad set loses its place all the same."""
    (payload,) = (elsewhere.ledger / "data").iterdir()
    payload.write_bytes(payload.read_bytes()[:-10])
    elsewhere.deliver()
    (answer,) = elsewhere.drill().sets
    strange = {**answer, "seconds": odd, "warnings": [odd], "details": odd, "checks": [{"name": odd, "passed": True}]}
    elsewhere.record([strange, odd, "x"])
    assert elsewhere.place.recorded("ledger")[0]["outcome"] == "failed"
    assert not elsewhere.ledger.exists()
    assert elsewhere.place.recorded("tree")[0]["outcome"] == "passed"


def test_what_passed_with_a_failed_check_has_not_passed(elsewhere: Elsewhere) -> None:
    elsewhere.deliver()
    answers = [{**answer, "checks": [{"name": "rows", "passed": False}]} for answer in elsewhere.drill().sets]
    assert {entry["outcome"] for entry in elsewhere.record(answers).failures} == {"not_done"}


def test_a_disk_that_others_need_takes_no_delivery(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.statvfs_result((4096, 4096, 10, 1, 1, 10, 1, 1, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _path: full)
    elsewhere.deliver()
    assert [entry["outcome"] for entry in elsewhere.delivered["undelivered"]] == ["not_done", "not_done"]


def test_a_bad_set_has_failed_and_is_not_delivered(elsewhere: Elsewhere) -> None:
    (payload,) = (elsewhere.ledger / "data").iterdir()
    payload.write_bytes(payload.read_bytes()[:-10])
    elsewhere.deliver()
    assert [entry["id"].split("/")[1] for entry in elsewhere.delivered["deliveries"]] == ["tree"]
    report = elsewhere.record(elsewhere.drill().sets)
    (bad,) = report.failures
    assert (bad["outcome"], bad["drilled_on"]) == ("failed", None)
    assert not elsewhere.ledger.exists(), "it was not set aside"
    assert elsewhere.place.recorded("tree")[0]["outcome"] == "passed"


@pytest.mark.parametrize(
    "lie",
    [
        {"tag_manifest_sha256": "0" * 64},
        {"tag_manifest_sha256": None},
        {"tag_manifest_sha256": None, "outcome": "failed"},
        {"outcome": "splendid"},
        {"id": "web1/other/20261122T030000Z"},
    ],
    ids=["another content", "no content", "failed at no content", "no outcome", "another set"],
)
def test_an_answer_that_is_not_of_what_was_delivered_says_nothing(elsewhere: Elsewhere, lie: dict[str, t.Any]) -> None:
    elsewhere.deliver()
    answers = [{**entry, **lie} for entry in elsewhere.drill().sets]
    report = elsewhere.record(answers)
    assert (report.sets, {entry["outcome"] for entry in report.failures}) == ([], {"not_done"})
    assert elsewhere.ledger.exists()


def test_what_an_answer_says_besides_is_kept_in_bounds(elsewhere: Elsewhere) -> None:
    elsewhere.deliver()
    odd = {
        "restore_seconds": float("inf"),
        "seconds": "long",
        "checks": ["x", {"name": 5, "passed": True}],
        "warnings": {},
    }
    known = {"series": "1", "source_bytes": -1, "age_seconds": -1, "drilled": "2099-01-01T00:00:00Z"}
    report = elsewhere.record([{**entry, **odd, **known} for entry in elsewhere.drill().sets])
    assert len(report.sets) == 2
    for entry in report.sets:
        assert (entry["restore_seconds"], entry["seconds"], entry["warnings"]) == (0.0, 0.0, [])
        assert entry["checks"] == [{"name": "5", "passed": True, "detail": ""}]
        assert entry["series"] == "400.8.1"
        assert entry["source_bytes"] >= 0
        assert entry["age_seconds"] >= 0
        assert entry["drilled"] < "2099"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"unreachable": True}, f"the drill host {HOST} could not be reached."),
        ({"reason": "No module named x."}, f"it could not be done on the drill host {HOST}: No module named x."),
        ({}, "it gave no answer."),
    ],
)
def test_no_answer_is_no_fault_of_the_set(elsewhere: Elsewhere, options: dict[str, t.Any], why: str) -> None:
    report = elsewhere.record(**options)
    assert {entry["outcome"] for entry in report.failures} == {"not_done"}
    assert all(why in entry["message"] for entry in report.failures)
    assert len(report.overdue) == 2
    assert elsewhere.ledger.exists()


def test_what_was_not_begun_for_lack_of_time_is_left_out_and_what_was_damaged_is_named(elsewhere: Elsewhere) -> None:
    elsewhere.deliver()
    ledger, tree = elsewhere.planned
    report = elsewhere.record(
        unbegun=[{"id": ledger, "reason": "budget"}],
        damaged=[{"id": tree, "message": "Could not verify a set (x): a file is not what it was. Copy it again."}],
    )
    assert report.left_out == [{"id": ledger, "reason": "budget"}]
    assert report.planned == [tree]
    assert "a file is not what it was" in report.failures[0]["message"]
    assert report.failures[0]["outcome"] == "not_done"


class SlowMedium(DirectoryMedium):
    """The drill host, over a line that takes its time for each set."""

    def begin(self, set_id: SetId) -> PartialSet:
        time.sleep(1)
        return super().begin(set_id)


def test_delivering_counts_in_the_budget_and_half_of_it_is_for_drilling(elsewhere: Elsewhere) -> None:
    elsewhere.arrived = SlowMedium(path=elsewhere.arrived.root)
    # The longest undrilled set is the last by its name.
    elsewhere.planned.sort(reverse=True)
    first, second = elsewhere.planned
    report = elsewhere.deliver(budget_minutes=2 / 60)
    assert [entry["id"] for entry in report.deliveries] == [first]
    assert report.left_out == [{"id": second, "reason": "budget"}]
    assert report.minutes_left is not None
    assert 0 < report.minutes_left < 1 / 60
    assert [str(set_id) for set_id in elsewhere.arrived.sets()] == [first]


def test_what_is_delivered_stays_only_where_it_goes(elsewhere: Elsewhere) -> None:
    report = elsewhere.deliver(budget_minutes=60.0)
    assert sorted(str(set_id) for set_id in elsewhere.arrived.sets()) == sorted(elsewhere.planned)
    assert not DirectoryMedium(path=str(elsewhere.delivery / "delivered")).sets()
    assert (report.left_out, report.minutes_left is not None and 59 < report.minutes_left <= 60) == ([], True)


def test_what_does_not_arrive_is_no_fault_of_the_set(elsewhere: Elsewhere) -> None:
    elsewhere.arrived = DirectoryMedium(path=str(elsewhere.place.base / "gone"))
    report = elsewhere.deliver()
    assert (report.deliveries, len(report.drills), report.minutes_left) == ([], 2, None)
    assert {drill["outcome"] for drill in elsewhere.record().failures} == {"not_done"}
    assert elsewhere.ledger.is_dir()


def test_a_defect_while_a_set_is_sent_is_no_fault_of_the_set(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_given: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(delivery, "_send", defect)
    elsewhere.deliver()
    assert {drill["outcome"] for drill in elsewhere.record().failures} == {"not_done"}


def test_a_drill_host_keeps_to_the_order_in_which_sets_were_chosen(place: Range) -> None:
    place.dump()
    planned = [SetId.parse(text) for text in reversed(place.drill(check_mode=True).planned)]
    again = place.drill(check_mode=True, selection=SetSelection(ids=tuple(planned)))
    assert again.planned == [str(set_id) for set_id in planned]
