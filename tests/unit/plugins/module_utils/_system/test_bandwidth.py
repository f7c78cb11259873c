# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token bucket keeps its rate, whoever takes from it, and follows the timetable of the day."""

from __future__ import annotations

import threading
import time
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._system.bandwidth import Bandwidth, Timetable

HOUR = 3600


class Clock:
    """A clock that only sleeping moves on."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def bucket(text: str, clock: Clock) -> Bandwidth:
    return Bandwidth(Timetable(text), clock=clock, wall_clock=clock, sleep=clock.sleep)


@pytest.fixture
def bogota(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[None]:
    """The local time zone is five hours behind UTC."""
    monkeypatch.setenv("TZ", "<-05>5")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("text", "rate"), [("512K", 512 * 1024), ("2M", 2 * 1024**2), ("1G", 1024**3), ("5000", 5000)])
def test_so_many_bytes_take_so_many_seconds(text: str, rate: int) -> None:
    clock = Clock()
    pace = bucket(text, clock)
    for _piece in range(1000):
        pace.take(rate // 100)
    assert clock.now == pytest.approx(10, rel=0.02)


def test_what_was_not_used_for_a_while_is_not_made_up_for_later() -> None:
    clock = Clock()
    pace = bucket("4K", clock)
    pace.take(4096)
    clock.now += HOUR
    begin = clock.now
    pace.take(40 * 1024)
    assert clock.now - begin == pytest.approx(10)


def test_off_is_no_limit() -> None:
    clock = Clock()
    for pace in (bucket("off", clock), Bandwidth(None, sleep=clock.sleep)):
        pace.take(1024**4)
        assert (clock.now, pace.rate, pace.piece(10**9)) == (0, None, 10**9)


@pytest.mark.usefixtures("bogota")
@pytest.mark.parametrize(
    ("local_time", "rate"),
    [("00:00", None), ("07:59", None), ("08:00", 512 * 1024), ("18:59", 512 * 1024), ("19:00", None), ("23:59", None)],
)
def test_a_timetable_holds_in_local_time_and_over_midnight(local_time: str, rate: int | None) -> None:
    hour, minute = map(int, local_time.split(":"))
    moment = 20_000 * 24 * HOUR + (hour + 5) * HOUR + minute * 60
    assert Timetable("08:00,512K 19:00,off").rate(moment) == rate


@pytest.mark.usefixtures("bogota")
def test_a_transfer_follows_the_timetable_while_it_is_under_way() -> None:
    clock = Clock(20_000 * 24 * HOUR + 13 * HOUR - 10)  # ten seconds before eight
    pace = bucket("08:00,8K 19:00,80K", clock)
    begin = clock.now
    for _piece in range(1000):
        pace.take(1024)
    # 800 KiB in the first ten seconds, the other 200 at 8 KiB a second.
    assert clock.now - begin == pytest.approx(10 + 25, abs=1)


def test_threads_share_one_rate() -> None:
    pace = Bandwidth(Timetable("1M"))
    begin = time.monotonic()

    def take() -> None:
        for _piece in range(8):
            pace.take(16 * 1024)

    threads = [threading.Thread(target=take) for _thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.45 < time.monotonic() - begin < 2


@pytest.mark.parametrize(
    "text",
    ["", "fast", "512k", "-1", "1.5M", "4095", "3K", "08:00", "08:00,", "8:00,512K", "24:00,512K", "08:00,512K,off",
     "08:00,512K 08:00,off", "19:00,off 08:00,512K", "08:00,512K off"],
)  # fmt: skip
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|ascend|less than"):
        Timetable(text)
