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
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._priority import stand_back
from ansible_collections.infitulua.backup.plugins.module_utils._progress import SharedStatus, combined
from ansible_collections.infitulua.backup.plugins.module_utils._room import Room
from ansible_collections.infitulua.backup.plugins.module_utils._together import Ended, Together, Work
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core


def carry_out(works: list[Callable[[t.Any], t.Any]], *, at_once: int) -> list[Ended]:
    together = Together(at_once=at_once, watch=lambda _now: None)
    return together.run([Work(str(number), work) for number, work in enumerate(works)], after=lambda *_: None)


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
    assert [ended.trouble for ended in ends] == [
        "its process was killed by SIGKILL",
        "ValueError: not foreseen",
        "the run was told to stop (SIGTERM)",
        None,
    ]
    assert any("test_together.py" in line for line in ends[1].details)


def test_an_interruption_ends_all_and_waits_until_they_have_cleaned_up(tmp_path: Path) -> None:
    core.adopt_orphans()
    before = core.descendants()

    def work(number: int) -> Callable[[t.Any], t.Any]:
        def long(_tell: t.Any) -> None:
            mark = tmp_path / str(number)
            mark.touch()
            try:
                if number == 0:
                    wait_for(tmp_path / "1")
                    os.kill(os.getppid(), signal.SIGTERM)
                time.sleep(60)
            finally:
                time.sleep(0.3)
                mark.unlink()

        return long

    with pytest.raises(Interrupted, match=r"told to stop \(SIGTERM\)"), interruptible("work", on="it"):
        carry_out([work(number) for number in range(3)], at_once=2)
    assert list(tmp_path.iterdir()) == []
    assert not core.wait_until_gone(before, seconds=0.5)


def test_what_others_will_still_write_is_not_free() -> None:
    with contextlib.closing(Room(3)) as room:
        first, second = room.share(0), room.share(1)
        assert first.claim(60, lambda: 100) == 100
        # It would not fit anyway: there is nothing to wait for.
        assert second.claim(120, lambda: 100) == 100
        first.written(40)
        assert second.claim(80, lambda: 100) == 100
        assert room.outstanding(but=2) == 20 + 80
        first.release()
        assert room.outstanding(but=2) == 80


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
        stand_back({"nice": 0, "io_class": None, "io_priority": None, **options})


def test_priority_is_lowered_and_never_raised() -> None:
    def nice(_tell: t.Any) -> list[int]:
        found = []
        for wanted in (7, 3, 12):
            stand_back({"nice": wanted, "io_class": None, "io_priority": None})
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
