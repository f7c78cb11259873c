# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which day a medium will be full, if it goes on growing as in the last weeks."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

# What is looked at, and from how much on it tells anything.
_WINDOW = datetime.timedelta(days=28)
_LEAST = datetime.timedelta(days=7)
# Beyond, nobody needs the day.
_FARTHEST = datetime.timedelta(days=3650)
_DAY = datetime.timedelta(days=1)

#: When, and how many bytes.
Change = tuple[datetime.datetime, int]


@dataclasses.dataclass(frozen=True)
class Forecast:
    """How a medium fills.

    :param free_bytes: how many bytes can still be stored.
    :param bytes_per_day: by how many it grows, what is removed taken off.
    :param full_on: the day; None: not within ten years.
    """

    free_bytes: int
    bytes_per_day: int
    full_on: datetime.date | None


def forecast(
    stored: t.Iterable[Change], removed: t.Iterable[Change], *, free_bytes: int, now: datetime.datetime
) -> Forecast | None:
    """Return how a medium fills; None where less than a week is known of it.

    :param stored: every set that it holds or held, with the moment at which it was made.
    :param removed: every set that was removed, with the moment at which it was.
    :param now: in the time zone that the day is of.
    """
    stored = [change for change in stored if change[0] <= now]
    known = min(now - min((moment for moment, _bytes in stored), default=now), _WINDOW)
    if known < _LEAST:
        return None
    begin = now - known
    # The set that begins what is known is what was there: what came after it is the growth.
    grown = sum(size for moment, size in stored if moment > begin)
    gone = sum(size for moment, size in removed if moment > begin)
    per_day = round((grown - gone) / (known / _DAY))
    if per_day <= 0 or free_bytes / per_day > _FARTHEST / _DAY:
        return Forecast(free_bytes, per_day, None)
    return Forecast(free_bytes, per_day, (now + free_bytes / per_day * _DAY).date())
