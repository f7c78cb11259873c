# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in several processes: in order, together, and none left when it is ended; and the room that dumps share."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._system.priority import lower_priority
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import SharedStatus, combined
from ansible_collections.infitulua.backup.plugins.module_utils._system.space import Room
from ansible_collections.infitulua.backup.plugins.module_utils._system.workers import Ending, Job, Result, WorkerPool
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core


def carry_out(works: list[Callable[[t.Any], t.Any]], *, at_once: int) -> list[Result]:
    pool = WorkerPool(at_once=at_once, watch=lambda _now: None)
    results = pool.run([Job(str(number), work) for number, work in enumerate(works)], after=lambda *_: None)
    return [results[index] for index in range(len(works))]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def meeting(here: Path, there: Path) -> Callable[[t.Any], t.Any]:
    """Work that ends only when two are under way together."""

    def work(_tell: t.Any) -> str:
        here.touch()
        wait_for(there)
        return here.name

    return work


def test_results_are_in_the_order_of_the_list_whoever_ends_first(tmp_path: Path) -> None:
    def slow(_tell: t.Any) -> str:
        wait_for(tmp_path / "go")
        return "slow"

    def quick(_tell: t.Any) -> dict[str, str]:
        (tmp_path / "go").touch()
        return {"año": "x" * 200_000}

    assert [ended.answer for ended in carry_out([slow, quick], at_once=2)] == ["slow", {"año": "x" * 200_000}]


def test_as_many_as_were_asked_for_are_under_way_together(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    ends = carry_out([meeting(one, two), meeting(two, one)], at_once=2)
    assert [ended.answer for ended in ends] == ["one", "two"]


def test_no_more_than_that(tmp_path: Path) -> None:
    def count(_tell: t.Any) -> int:
        mark = tmp_path / str(os.getpid())
        mark.touch()
        time.sleep(0.1)
        found = len(list(tmp_path.iterdir()))
        mark.unlink()
        return found

    assert max(ended.answer for ended in carry_out([count] * 5, at_once=2)) <= 2


def test_one_that_dies_or_has_a_defect_is_told_and_takes_no_other_with_it() -> None:
    def killed(_tell: t.Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def stopped(_tell: t.Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)

    def defect(_tell: t.Any) -> None:
        raise ValueError("not foreseen")

    ends = carry_out([killed, defect, stopped, lambda _tell: None], at_once=2)
    assert [ended.trouble for ended in ends[::2]] == [
        "its process was killed by SIGKILL",
        "the run was told to stop (SIGTERM)",
    ]
    assert ends[3].trouble is None
    told = ends[1].trouble or ""
    assert told.startswith("an unexpected error: ValueError in test_workers.py, line ")
    assert "not foreseen" not in told  # It may be a secret.


def test_an_interruption_ends_all_and_waits_until_they_have_cleaned_up(tmp_path: Path) -> None:
    core.adopt_orphans()
    before = core.descendants()

    def work(number: int) -> Callable[[t.Any], t.Any]:
        def long(_tell: t.Any) -> None:
            mark = tmp_path / str(number)
            try:
                mark.touch()
                if number == 0:
                    wait_for(tmp_path / "1")
                    os.kill(os.getppid(), signal.SIGTERM)
                time.sleep(60)
            finally:
                time.sleep(0.3)
                mark.unlink(missing_ok=True)

        return long

    with pytest.raises(Interrupted, match=r"told to stop \(SIGTERM\)"), interruptible("work", on="it"):
        carry_out([work(number) for number in range(3)], at_once=2)
    assert list(tmp_path.iterdir()) == []
    assert not core.wait_until_gone(before, seconds=0.5)


def test_one_that_is_to_end_may_clean_up_and_is_killed_if_it_does_not(tmp_path: Path) -> None:
    def long(_tell: t.Any) -> None:
        try:
            (tmp_path / "begun").touch()
            time.sleep(60)
        finally:
            (tmp_path / "cleaned").touch()

    def stubborn(_tell: t.Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (tmp_path / "begun").touch()
        time.sleep(60)

    def watch(pool: WorkerPool) -> None:
        if (tmp_path / "begun").exists():
            for index in pool.under_way:
                pool.end(index, "it took too long")

    for work, cleaned in ((long, True), (stubborn, False)):
        began = time.monotonic()
        pool = WorkerPool(at_once=1, watch=watch, look_every=0.05, grace=0.5)
        results = pool.run([Job("it", work)], after=lambda *_: None)
        assert results == {0: Result(Ending.ENDED, trouble="it took too long")}
        assert ((tmp_path / "cleaned").exists(), time.monotonic() - began < 30) == (cleaned, True)
        for mark in tmp_path.iterdir():
            mark.unlink()


def test_what_a_job_makes_is_removed_and_what_cannot_be_made_stops_no_other(tmp_path: Path) -> None:
    class InPlace(Job):
        def prepare(self, slot: int) -> None:
            (tmp_path / self.subject).mkdir()
            (tmp_path / self.subject / str(slot)).touch()
            if self.subject == "bad":
                raise OSError(28, "No space left on device")

        def clean_up(self) -> None:
            core.remove_tree(tmp_path / self.subject)

    def look(name: str) -> t.Callable[[t.Any], list[str]]:
        return lambda _tell: sorted(os.listdir(tmp_path / name))

    pool = WorkerPool(at_once=1, watch=lambda _pool: None)
    ended: list[int] = []
    jobs = [InPlace(name, look(name)) for name in ("good", "bad", "last", "too late")]
    results = pool.run(jobs, after=lambda index, _result: ended.append(index), may_begin=lambda: len(ended) < 3)
    assert results == {
        0: Result(Ending.ANSWERED, ["0"]),
        1: Result(Ending.NOT_BEGUN, trouble="No space left on device"),
        2: Result(Ending.ANSWERED, ["0"]),
    }
    assert (ended, list(tmp_path.iterdir())) == ([0, 1, 2], [])


def owed(room: Room) -> list[int]:
    return [need.kept - need.taken for need in room.share(2).others()]


def test_what_others_will_still_write_is_not_free() -> None:
    with contextlib.closing(Room(3)) as room:
        first, second = room.share(0), room.share(1)
        assert first.claim(60, lambda: 100) == 100
        # It would not fit anyway: there is nothing to wait for.
        assert second.claim(120, lambda: 100) == 100
        first.written(40)
        assert second.claim(80, lambda: 100) == 100
        assert owed(room) == [20, 80]
        first.release()
        assert owed(room) == [0, 80]


def test_a_dump_waits_for_room_that_another_gives_back(tmp_path: Path) -> None:
    with contextlib.closing(Room(2)) as room:

        def large(_tell: t.Any) -> str:
            room.share(0).claim(60, lambda: 100)
            (tmp_path / "claimed").touch()
            time.sleep(1)
            room.share(0).release()
            return "large"

        def other(_tell: t.Any) -> tuple[int, bool]:
            wait_for(tmp_path / "claimed")
            begun = time.monotonic()
            return room.share(1).claim(60, lambda: 100), time.monotonic() - begun > 0.4

        assert carry_out([large, other], at_once=2)[1].answer == [100, True]


def test_one_status_tells_of_all(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    states = {
        number: {
            "subject": f"srv/{number}",
            "bytes": 10 * number,
            "total_bytes": None,
            "bytes_per_second": 1,
            "finished": number == 0,
        }
        for number in range(3)
    }
    alone = SharedStatus(str(path), operation="dump", subject="srv", count=1)
    alone.write({0: states[0]}, under_way=[], ended=1)
    assert json.loads(path.read_text(encoding="utf-8")) == states[0]
    shared = SharedStatus(str(path), operation="dump", subject="srv", count=4)
    shared.write(states, under_way=[1, 2, 3], ended=1)
    state = json.loads(path.read_text(encoding="utf-8"))
    assert (state["stage"], state["bytes"], state["finished"]) == ("1 of 4 done", 30, False)
    assert state["under_way"] == [states[1], states[2]]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"nice": 20}, "nice is 20"),
        ({"nice": -1}, "nice is -1"),
        ({"io_class": "best-effort", "io_priority": 8}, "io_priority is 8"),
        ({"io_class": "idle", "io_priority": 1}, "io_priority is 1 and io_class idle"),
        ({"io_priority": 1}, "io_priority is 1"),
    ],
)
def test_a_priority_that_makes_no_sense_is_refused(options: dict[str, t.Any], told: str) -> None:
    with pytest.raises(Refused, match=told):
        lower_priority({"nice": 0, "io_class": None, "io_priority": None, **options})


def test_priority_is_lowered_and_never_raised() -> None:
    def nice(_tell: t.Any) -> list[int]:
        found = []
        for wanted in (7, 3, 12):
            lower_priority({"nice": wanted, "io_class": None, "io_priority": None})
            found.append(os.getpriority(os.PRIO_PROCESS, 0))
        return found

    now = os.getpriority(os.PRIO_PROCESS, 0)
    assert carry_out([nice], at_once=1)[0].answer == [max(now, 7), max(now, 7), max(now, 12)]


def test_the_progress_of_several_is_one_sum() -> None:
    states = [
        {"subject": f"set {number}", "stage": "restoring", "bytes": 50, "total_bytes": total, "bytes_per_second": 10}
        for number, total in enumerate((100, 300))
    ]
    told = combined("drill", "the vault", states, started=0.0, ended=1, count=4)
    assert (told["bytes"], told["total_bytes"], told["bytes_per_second"]) == (100, 400, 20)
    assert (told["stage"], told["started"], told["under_way"]) == ("1 of 4 done", "1970-01-01T00:00:00Z", states)
    unknown = combined(
        "drill", "the vault", [*states, {**states[0], "total_bytes": None}], started=0.0, ended=0, count=4
    )
    assert unknown["total_bytes"] is None
