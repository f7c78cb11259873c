# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hours, days, weeks, months and years, as the clocks of a time zone show them."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

#: What comes out of the range of dates ends here.
END_OF_TIME = datetime.datetime(9999, 1, 1, tzinfo=datetime.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Period:
    """One kind of period.

    :param of: returns which one a local time is in; they sort as they come.
    :param after: returns the moment at which the one that a local time is in, and so many less one after it, are over.
    """

    of: t.Callable[[datetime.datetime], t.Any]
    after: t.Callable[[datetime.datetime, int], datetime.datetime]


def end_of(period: Period, local: datetime.datetime, count: int) -> datetime.datetime:
    """Return the moment at which ``count`` periods are over, of which a local time is in the first; UTC."""
    try:
        return period.after(local, count).astimezone(datetime.timezone.utc)
    except (OverflowError, ValueError):
        return END_OF_TIME


def days_after(moment: datetime.datetime, days: int) -> datetime.datetime:
    """Return the moment so many days of 24 hours later; UTC."""
    try:
        return moment.astimezone(datetime.timezone.utc) + datetime.timedelta(days=days)
    except OverflowError:
        return END_OF_TIME


def _midnight(day: datetime.date, zone: datetime.tzinfo | None) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), zone)


def _after_hours(local: datetime.datetime, count: int) -> datetime.datetime:
    hour = local.replace(minute=0, second=0, microsecond=0)
    # An hour that comes twice, or never, is counted as it passes.
    return hour.astimezone(datetime.timezone.utc) + datetime.timedelta(hours=count)


def _after_days(local: datetime.datetime, count: int) -> datetime.datetime:
    return _midnight(local.date() + datetime.timedelta(days=count), local.tzinfo)


def _after_weeks(local: datetime.datetime, count: int) -> datetime.datetime:
    return _midnight(local.date() + datetime.timedelta(days=7 * count - local.weekday()), local.tzinfo)


def _after_months(local: datetime.datetime, count: int) -> datetime.datetime:
    months = local.year * 12 + local.month - 1 + count
    return _midnight(datetime.date(months // 12, months % 12 + 1, 1), local.tzinfo)


def _after_years(local: datetime.datetime, count: int) -> datetime.datetime:
    return _midnight(datetime.date(local.year + count, 1, 1), local.tzinfo)


def _hour(local: datetime.datetime) -> t.Any:
    # One that comes twice, when the clocks go back, is two.
    return local.toordinal(), local.hour, -(local.utcoffset() or datetime.timedelta())


#: By the name that a policy gives them.
PERIODS: dict[str, Period] = {
    "hourly": Period(_hour, _after_hours),
    "daily": Period(lambda local: local.toordinal(), _after_days),
    "weekly": Period(lambda local: (local.toordinal() - 1) // 7, _after_weeks),  # Day 1 was a Monday.
    "monthly": Period(lambda local: (local.year, local.month), _after_months),
    "yearly": Period(lambda local: local.year, _after_years),
}
