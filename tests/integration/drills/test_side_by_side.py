# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills side by side: what they share they share fairly, and what ends one does not end the others."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tests.integration.drills.support import BALANCE, ENDLESS, Range, descendants, processes_of, wait_for, watching
from tests.integration.drills.test_drills import damaged
from tests.integration.files.support import IS_ROOT, small_file_system

# The watching thread only reads files.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
ROOT_ONLY = pytest.mark.skipif(not IS_ROOT, reason="mounting a small file system needs root")


def make_sets(place: Range, count: int) -> list[Path]:
    """So many sets, of so many databases."""
    found = []
    for number in range(count):
        path = place.base / f"ledger-{number}.db"
        shutil.copyfile(place.database, path)
        dumped = place.house.dump("sqlite", {"path": str(path)}, source=f"ledger-{number}")
        found.append(place.house.set_path(dumped.set_id))
    return found


def test_they_run_at_the_same_time_and_one_that_fails_stops_no_other(place: Range, tmp_path: Path) -> None:
    sets = make_sets(place, 4)
    damaged(sets[1])
    status = tmp_path / "status.json"

    def look() -> tuple[int, str]:
        at_work = [path for path in place.work.iterdir() if path.suffix != ".lock"]
        return len(at_work), json.loads(status.read_text())["stage"] if status.exists() else ""

    with watching(look) as seen:
        report = place.drill(concurrency=3, status_file=str(status), queries=[{**BALANCE, "source": None}])
    assert max(count for count, _stage in seen) == 3
    assert any("of 4 done" in stage for _count, stage in seen)
    last = json.loads(status.read_text())
    assert (last["stage"], last["finished"], last["under_way"]) == ("4 of 4 done", True, [])
    assert [entry["id"].split("/")[1] for entry in report.sets] == ["ledger-0", "ledger-2", "ledger-3"]
    assert [entry["id"].split("/")[1] for entry in report.failures] == ["ledger-1"]
    assert report.planned == [str(path.relative_to(place.house.medium_path)) for path in sets]
    for number, outcome in enumerate(["passed", "failed", "passed", "passed"]):
        assert [drill["outcome"] for drill in place.recorded(f"ledger-{number}")] == [outcome]


@ROOT_ONLY
def test_what_does_not_fit_beside_another_waits_for_it(place: Range) -> None:
    with sqlite3.connect(place.database) as connection:
        connection.execute("CREATE TABLE bulk (blob)")
        connection.execute("INSERT INTO bulk VALUES (zeroblob(4000000))")
    connection.close()
    make_sets(place, 2)
    place.work.rmdir()
    with small_file_system(place.work, "9m"):
        with watching(lambda: [path.read_text() for path in place.work.glob("*.lock")]) as seen:
            report = place.drill(concurrency=2)
        assert report.message == ""
        assert len(report.sets) == 2
        assert any("waiting" in texts and len(texts) == 2 for texts in seen)
        # What would not fit alone either is told at once.
        (place.work / "of somebody else").write_bytes(bytes(5_000_000))
        with pytest.raises(AssertionError, match="something is left"):
            place.drill(concurrency=2)
        (place.work / "of somebody else").unlink()
    assert [drill["outcome"] for drill in place.recorded("ledger-0")] == ["passed", "not_done"]
    assert "are free in" in place.recorded("ledger-0")[-1]["message"]


def test_the_budget_ends_the_beginning_of_new_ones(place: Range) -> None:
    make_sets(place, 3)
    report = place.drill(concurrency=2, budget_minutes=0.0001)
    assert len(report.sets) + len(report.left_out) == 3
    assert {entry["reason"] for entry in report.left_out} == {"budget"}
    assert len(report.planned) == len(report.sets)


def test_one_that_burns_processor_time_is_ended_and_the_other_passes(place: Range) -> None:
    ledger, _tree = place.dump()
    report = place.drill(concurrency=2, queries=[ENDLESS], max_cpu_seconds=3, set_aside=True)
    assert [entry["engine"] for entry in report.sets] == ["files"]
    (failure,) = report.failures
    assert failure["outcome"] == "not_done"
    assert "it took more than 3 seconds of processor time" in failure["message"]
    assert ledger.exists()


CHILD = """
import json, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[1])
from tests.integration.drills.support import *
place = Range.__new__(Range)
place.base, place.work, place.record = (Path(word) for word in sys.argv[2:5])
place.house = House.__new__(House)
place.house.medium_path, place.house.identity = (Path(word) for word in sys.argv[5:7])
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible
with interruptible("drill", on="all"):
    place.drill(concurrency=2, queries=[{**ENDLESS, "source": None}], **json.loads(sys.argv[7]))
"""


def started(place: Range, **options: t.Any) -> subprocess.Popen[bytes]:
    """Drills of all sets in a process of their own."""
    places = (place.base, place.work, place.record, place.house.medium_path, place.house.identity)
    words = [json.dumps(sys.path), *map(str, places), json.dumps(options)]
    return subprocess.Popen([sys.executable, "-c", CHILD, *words], stderr=subprocess.DEVNULL)


def confined(process: int) -> list[int]:
    """The confined processes that came from this one."""
    found = []
    for each in descendants(process):
        try:
            words = Path("/proc", str(each), "cmdline").read_bytes()
        except OSError:
            continue
        if b"/code.zip" in words and not words.startswith(b"/usr/bin/bwrap"):
            found.append(each)
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_whoever_is_stopped_leaves_nothing_of_any(place: Range, number: signal.Signals) -> None:
    make_sets(place, 2)
    process = started(place)
    try:
        wait_for(lambda: len(confined(process.pid)) == 2)
    finally:
        process.send_signal(number)
        process.wait(60)
    wait_for(lambda: not list(place.work.iterdir()) and not processes_of(place.work))


def test_a_drill_uses_the_processors_that_it_may(place: Range) -> None:
    make_sets(place, 2)
    process = started(place, max_processors=1)
    try:
        wait_for(lambda: len(confined(process.pid)) == 2)
        used = [os.sched_getaffinity(each) for each in confined(process.pid)]
    finally:
        process.terminate()
        process.wait(60)
    assert [len(processors) for processors in used] == [1, 1]
    if len(os.sched_getaffinity(0)) > 1:
        assert used[0] != used[1]
