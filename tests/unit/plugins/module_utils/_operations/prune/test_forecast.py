# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which day a disk is full: told from a week on, from how much was free in the last four weeks."""

from __future__ import annotations

import datetime
import zoneinfo

from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.forecast import Forecast, forecast

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime(2026, 11, 22, 3, 0, tzinfo=datetime.timezone.utc)


def filling(days: int, *, free: int, per_day: int = 100) -> list[tuple[datetime.datetime, int]]:
    """An observation a day, of a disk with so much free now."""
    return [(NOW - day * DAY, free + day * per_day) for day in range(1, days + 1)]


def test_a_disk_that_fills_evenly_is_full_when_nothing_is_left() -> None:
    told = forecast(filling(28, free=1000), free_bytes=1000, now=NOW)
    assert told == Forecast(free_bytes=1000, bytes_per_day=100, full_on=datetime.date(2026, 12, 2))
    bogota = NOW.astimezone(zoneinfo.ZoneInfo("America/Bogota"))  # There, it is still yesterday.
    told = forecast(filling(28, free=1000), free_bytes=1000, now=bogota)
    assert told is not None
    assert told.describe() == {"free_bytes": 1000, "bytes_per_day": 100, "full_on": "2026-12-01"}


def test_less_than_a_week_tells_nothing_and_more_than_four_weeks_ago_does_not_count() -> None:
    assert forecast([], free_bytes=1000, now=NOW) is None
    assert forecast(filling(6, free=1000), free_bytes=1000, now=NOW) is None
    for days in (7, 28, 400):
        long_ago = [(NOW - 29 * DAY, 10**12)]
        told = forecast([*long_ago, *filling(days, free=1000)], free_bytes=1000, now=NOW)
        assert told is not None and told.bytes_per_day == 100


def test_a_disk_that_does_not_fill_or_very_slowly_is_given_no_day() -> None:
    for per_day in (0, -100):
        told = forecast(filling(28, free=1000, per_day=per_day), free_bytes=1000, now=NOW)
        assert told == Forecast(1000, per_day, None)
    told = forecast(filling(28, free=400_000), free_bytes=400_000, now=NOW)
    assert told == Forecast(400_000, 100, None)
