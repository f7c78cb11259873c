# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of SQLite databases and files: which sets are drilled, what is caught, what is written down, what is left."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._drill_record import Drill, DrillRecord
from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound
from tests.integration.drills.support import BALANCE, Range


def test_sets_are_restored_checked_timed_and_written_down(place: Range) -> None:
    place.dump()
    predicted = place.drill(check_mode=True, queries=[BALANCE])
    assert (len(predicted.planned), predicted.sets, place.recorded("ledger")) == (2, [], [])

    report = place.drill(queries=[BALANCE])
    assert [entry["message"] for entry in report.failures] == []
    assert report.planned == sorted(predicted.planned)
    ledger, tree = sorted(report.sets, key=lambda entry: str(entry["engine"]), reverse=True)
    assert {"name": "it balances", "passed": True, "detail": "0"} in ledger["checks"]
    assert {"name": "rows", "passed": True, "detail": "4 in 1 tables"} in ledger["checks"]
    assert {"integrity", "foreign key violations", "content digests"} <= {check["name"] for check in ledger["checks"]}
    assert "1 files" in str(tree["checks"])
    assert "every file is what the archive holds" in str(tree["checks"])
    for entry in report.sets:
        assert entry["restore_seconds"] > 0
        assert 0 <= entry["age_seconds"] < 300
        assert place.recorded(entry["id"].split("/")[1]) == [entry]

    # The same content is not tried again where that is asked for.
    assert place.drill(again=False).planned == []
    assert len(place.drill().planned) == 2


def damaged(path: Path) -> None:
    """One bit of the payload is another."""
    (payload,) = (path / "data").iterdir()
    content = bytearray(payload.read_bytes())
    content[len(content) // 2] ^= 1
    payload.write_bytes(content)


def truncated(path: Path) -> None:
    """The payload's end is missing."""
    (payload,) = (path / "data").iterdir()
    os.truncate(payload, payload.stat().st_size - 10)


@pytest.mark.parametrize("spoil", [damaged, truncated])
def test_a_spoiled_set_fails_is_named_set_aside_and_stops_no_other(
    place: Range, spoil: t.Callable[[Path], None]
) -> None:
    ledger, tree = place.dump()
    spoil(ledger)
    report = place.drill(set_aside=True)
    assert [entry["outcome"] for entry in report.failures] == ["failed"]
    assert str(ledger.relative_to(place.house.medium_path)) in report.message
    assert [entry["engine"] for entry in report.sets] == ["files"]
    assert [drill["outcome"] for drill in place.recorded("ledger")] == ["failed"]
    assert not ledger.exists()
    assert tree.exists()
    assert list((place.house.medium_path / ".rejected").rglob("backup.json"))


def test_a_wrong_key_and_a_wrong_answer_fail(place: Range) -> None:
    place.dump()
    other = place.base / "other"
    subprocess.run(["age-keygen", "-o", str(other)], check=True, capture_output=True)
    report = place.drill(identity_file=str(other))
    assert [entry["outcome"] for entry in report.failures] == ["failed", "failed"]

    report = place.drill(queries=[{**BALANCE, "expected": "1"}])
    assert "it balances: 0 instead of 1" in report.message
    assert [entry["engine"] for entry in report.sets] == ["files"]
    report = place.drill(queries=[{**BALANCE, "query": "DELETE FROM entry"}])
    assert "readonly" in report.message.replace(" ", "").lower()


def test_too_little_room_is_no_verdict_on_the_set(place: Range) -> None:
    place.dump()
    report = place.drill(max_bytes=1000, set_aside=True)
    assert {entry["outcome"] for entry in report.failures} == {"not_done"}
    assert "1000 are allowed" in report.message
    assert len(place.house.sets("ledger")) == 1
    assert len(report.overdue) == 2


def test_the_policy_and_the_budget_decide_and_say_what_is_left_out(place: Range) -> None:
    place.dump()
    first = {entry["id"] for entry in place.drill().sets}
    (old,) = (name for name in first if "/ledger/" in name)
    # A second set of the ledger, a moment later.
    while not place.house.sets("ledger")[1:]:
        place.house.dump("sqlite", {"path": str(place.database)}, source="ledger")

    newest = place.drill(policy="newest")
    assert {entry["reason"] for entry in newest.left_out} == {"not the newest of its source"}
    assert [entry["id"] for entry in newest.left_out] == [old]

    # Of a full round only the set is left that has not been drilled itself.
    assert place.drill(policy="full_interval", check_mode=True).planned == []
    whole = place.drill(policy="full_interval", interval_days=0, check_mode=True)
    assert len(whole.planned) == 3

    recent = place.drill(policy="interval")
    assert recent.planned == []
    assert recent.overdue == []

    # The tree was last drilled eight days ago: it is overdue, and comes first.
    record = DrillRecord(str(place.record))
    path = place.record / "web1" / "tree.jsonl"
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=8)
    tree = record.of_source("web1", "tree")[-1]
    path.unlink()
    record.add(Drill(**{**vars(tree), "drilled": past.strftime("%Y-%m-%dT%H:%M:%SZ")}))
    predicted = place.drill(policy="interval", check_mode=True)
    assert [entry["source"] for entry in predicted.overdue] == ["web1/tree"]
    none = place.drill(budget_minutes=0.0)
    assert none.planned == []
    assert {entry["reason"] for entry in none.left_out} == {"budget"}
    assert "/tree/" in place.drill(policy="newest", check_mode=True).planned[0]
    assert len(place.drill(policy="interval").sets) == 1


def test_what_is_left_of_a_killed_drill_is_swept_by_the_next(place: Range) -> None:
    place.dump()
    left = place.work / "drill-left"
    (left / "i").mkdir(parents=True)
    (left / "i" / "plain").write_text("decrypted")
    (place.work / "drill-left.lock").touch()
    (place.work / "of somebody else").mkdir()
    with pytest.raises(AssertionError, match="something is left"):
        place.drill()
    assert [path.name for path in place.work.iterdir()] == ["of somebody else"]


def test_half_a_line_in_the_record_hides_no_other(place: Range) -> None:
    place.dump()
    place.drill()
    path = place.record / "web1" / "ledger.jsonl"
    with open(path, "a", encoding="utf-8") as stream:
        stream.write('{"id": "web1/led')
    place.drill()
    assert [drill.outcome for drill in DrillRecord(str(place.record)).of_source("web1", "ledger")] == ["passed"] * 2


def test_a_work_directory_that_is_missing_is_named(place: Range) -> None:
    place.dump()
    shutil.rmtree(place.work)
    with pytest.raises(NotFound, match="there is no such directory"):
        place.drill()
