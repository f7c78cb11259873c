# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of SQLite databases and files: which sets are drilled, what is caught, what is written down, what is left."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import sqlite3
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite import inspect, integrity
from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import Drill, DrillRecord
from ansible_collections.infitulua.backup.plugins.plugin_utils import _report
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.infitulua.backup.plugins.plugin_utils._steps import drilled
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
    assert "1 file" in str(tree["checks"])
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


def test_a_damaged_database_is_the_drills_reason_in_words(place: Range, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(sqlite3.connect(place.database, isolation_level=None)) as connection:
        connection.execute("CREATE INDEX by_amount ON entry (amount)")
        connection.execute("PRAGMA writable_schema=ON")
        [row] = connection.execute("SELECT * FROM sqlite_master WHERE name = 'by_amount'").fetchall()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'by_amount'")
    with contextlib.closing(sqlite3.connect(place.database, isolation_level=None)) as connection:
        connection.execute("INSERT INTO entry (amount) VALUES (9), (-9)")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
    with monkeypatch.context() as blind:
        blind.setattr(inspect, "check_integrity", lambda _connection, **_options: integrity.Integrity())
        place.house.dump("sqlite", {"path": str(place.database)}, source="ledger")
    (failure,) = place.drill().failures
    assert failure["outcome"] == "failed"
    assert "the restored data is not what the set says: integrity: it is damaged: " in failure["message"]
    assert "by_amount" in failure["message"]
    assert "Traceback" not in failure["message"]


def test_what_only_the_application_has_fails_no_drill(place: Range) -> None:
    with contextlib.closing(sqlite3.connect(place.database, isolation_level=None)) as connection:
        connection.create_collation("app", lambda one, other: (one < other) - (one > other))
        connection.execute("CREATE TABLE name (name COLLATE app UNIQUE)")
        connection.execute("INSERT INTO name VALUES ('a'), ('b')")
    place.house.dump("sqlite", {"path": str(place.database)}, source="ledger")
    report = place.drill(queries=[BALANCE])
    assert report.failures == []
    (entry,) = report.sets
    assert {"name": "integrity", "passed": True, "detail": "ok, as far as it can be examined here"} in entry["checks"]


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


def test_a_right_value_written_otherwise_passes_and_a_wrong_question_is_not_the_set_s_fault(place: Range) -> None:
    place.dump()
    assert place.drill(queries=[{**BALANCE, "expected": "0.00"}]).failures == []
    for wrong in ("SELECT sum(amount) FROM entries", "SELEC 1"):
        report = place.drill(queries=[{**BALANCE, "query": wrong}], set_aside=True)
        (failure,) = report.failures
        assert failure["outcome"] == "not_done"
        assert "Correct the query" in failure["message"]
        assert len(place.house.sets("ledger")) == 1


def test_too_little_room_is_no_verdict_on_the_set(place: Range) -> None:
    place.dump()
    report = place.drill(max_bytes=1000, set_aside=True)
    assert {entry["outcome"] for entry in report.failures} == {"not_done"}
    assert "1000 are allowed" in report.message
    assert len(place.house.sets("ledger")) == 1
    assert len(report.overdue) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_what_a_killed_drill_left_is_removed_and_what_cannot_be_is_told(place: Range) -> None:
    place.dump()
    for name in ("drill-dead", "drill-stuck"):
        (place.work / name).mkdir()
        (place.work / f"{name}.lock").touch()
    stuck = place.work / "drill-stuck"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "x", str(stuck)], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        report = place.drill(leaves=[stuck.name, f"{stuck.name}.lock"])
    finally:
        subprocess.run(["umount", str(stuck)], check=True)
    assert (len(report.sets), report.removed, report.result()["removed"]) == (2, ["drill-dead"], ["drill-dead"])
    (told,) = report.not_removed
    assert f"Could not remove what a drill has left ({stuck})" in told
    entries = drilled({"drilled": report.result()}, check_mode=False, drill_host="pc", elsewhere=False)
    lines = _report.report(
        {"srv": {"done": [{**entry, "step": "step3"} for entry in entries], "failures": [], "finished": ["step3"]}},
        ["step3"],
        catalogue("es"),
        organization="",
        check_mode=False,
        in_daily=False,
    )
    (line,) = [line for line in lines if "ADVERTENCIA" in line]
    assert f"No se pudo borrar lo que dejó una restauración de prueba ({stuck})" in line
    assert "Contiene datos restaurados, sin cifrar" in line
    assert (place.drill().removed, place.drill().not_removed) == (["drill-stuck"], [])


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
