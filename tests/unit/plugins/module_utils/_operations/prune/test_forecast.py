# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which day a disk is full: told from a week on, from what was stored and removed."""

from __future__ import annotations

import datetime
import zoneinfo

from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.forecast import Forecast, forecast

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime(2026, 11, 22, 3, 0, tzinfo=datetime.timezone.utc)


def daily(count: int, size: int = 100) -> list[tuple[datetime.datetime, int]]:
    """A set a day, the last one now."""
    return [(NOW - number * DAY, size) for number in range(count)]


def test_a_disk_that_grows_by_a_set_a_day_is_full_when_there_is_no_room_for_another() -> None:
    told = forecast(daily(29), [], free_bytes=1000, now=NOW)
    assert told == Forecast(free_bytes=1000, bytes_per_day=100, full_on=datetime.date(2026, 12, 2))
    bogota = NOW.astimezone(zoneinfo.ZoneInfo("America/Bogota"))  # There, it is still yesterday.
    told = forecast(daily(29), [], free_bytes=1000, now=bogota)
    assert told is not None and told.full_on == datetime.date(2026, 12, 1)


def test_less_than_a_week_tells_nothing_and_more_than_four_weeks_ago_does_not_count() -> None:
    assert forecast([], [], free_bytes=1000, now=NOW) is None
    assert forecast(daily(7), [], free_bytes=1000, now=NOW) is None
    told = forecast(daily(8), [], free_bytes=1000, now=NOW)
    assert told is not None and told.bytes_per_day == 100
    huge = [(NOW - 40 * DAY, 10**9)]
    told = forecast([*huge, *daily(29)], [], free_bytes=1000, now=NOW)
    assert told is not None and told.bytes_per_day == 100


def test_what_is_removed_is_taken_off_and_a_disk_that_does_not_grow_is_never_full() -> None:
    every_other = [(NOW - 2 * number * DAY, 100) for number in range(14)]
    told = forecast(daily(29), every_other, free_bytes=1000, now=NOW)
    assert told is not None and (told.bytes_per_day, told.full_on) == (50, datetime.date(2026, 12, 12))
    for gone in (daily(28), daily(28, size=200)):
        told = forecast(daily(29), gone, free_bytes=0, now=NOW)
        assert told is not None and told.full_on is None and told.bytes_per_day <= 0
    far = forecast(daily(29), [], free_bytes=100 * 4000, now=NOW)
    assert far is not None and far.full_on is None


def test_a_set_of_the_future_counts_for_nothing() -> None:
    late = [(NOW + DAY, 10**9)]
    assert forecast([*late, *daily(29)], [], free_bytes=1000, now=NOW) == forecast(
        daily(29), [], free_bytes=1000, now=NOW
    )
