# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be kept, and locked until when: told from a calendar, day by day, with nothing of the code under test."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t
import zoneinfo

from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from .clocks import UTC

DAY = datetime.timedelta(days=1)
DOUBTFUL_DAYS = 90
LEFT_DAYS, AHEAD_DAYS = 7, 14
# How a day of the calendar is called within its day, week, month and year; and whether a day begins one.
NAMES = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m", "yearly": "%Y"}
BEGINS: dict[str, t.Callable[[datetime.date], bool]] = {
    "daily": lambda day: True,
    "weekly": lambda day: day.strftime("%a") == "Mon",
    "monthly": lambda day: day.day == 1,
    "yearly": lambda day: (day.month, day.day) == (1, 1),
}
Policy = t.Mapping[str, int]


@dataclasses.dataclass
class Known:
    """A set in the vault.

    :param number: the how-manieth it is that was made.
    :param verified: when it was verified there first, by the clock of the systems computer.
    :param failed: whether its last drill failed.
    """

    set_id: SetId
    number: int
    verified: datetime.datetime
    failed: bool = False


@dataclasses.dataclass(frozen=True)
class Hold:
    """All sets of certain days, both included, as long as it lasts."""

    begin: datetime.date
    end: datetime.date

    def options(self) -> dict[str, str]:
        """Return it as an inventory has it."""
        return {"source": "contabilidad", "from": str(self.begin), "to": str(self.end), "reason": "Auditoría"}


class Calendar:
    """Recounts all sets of the vault by the rules of a policy.

    A set is dated by its id, and also by its place in the order in which sets were made: none is earlier than the
    one before it. If either date keeps it, it is kept.
    """

    def __init__(
        self, sets: t.Iterable[Known], policy: Policy, holds: t.Sequence[Hold], zone: str, now: datetime.datetime
    ) -> None:
        self.sets = sorted(sets, key=lambda one: one.number)
        self.policy, self.holds, self.zone, self.now = policy, holds, zoneinfo.ZoneInfo(zone), now
        self.in_order: dict[SetId, datetime.datetime] = {}
        latest = datetime.datetime(1970, 1, 1, tzinfo=UTC)
        for one in self.sets:
            latest = max(latest, one.set_id.moment)
            self.in_order[one.set_id] = latest
        self.good = [one for one in self.sets if not one.failed]
        self.represent = self._represent()
        self.terms = self._terms()

    def kept(self) -> set[SetId]:
        """Return the sets that stay."""
        return {one.set_id for one in self.sets if self._stays(one)}

    def newest(self) -> SetId:
        """Return the newest good set."""
        return self.good[-1].set_id

    def least_lock(self, set_id: SetId) -> datetime.datetime:
        """Return until when a copy that stays must be locked at least."""
        term = self.terms.get(set_id)
        return term if term is not None and term > self.now else self.now + LEFT_DAYS * DAY

    def most_lock(self, set_id: SetId) -> datetime.datetime:
        """Return until when it may be made to be locked today at most."""
        return max(self.now + AHEAD_DAYS * DAY, self.terms.get(set_id, self.now))

    def is_held(self, set_id: SetId) -> bool:
        """Whether a hold names a set, by either of its dates."""
        days = {self._local(set_id.moment).date(), self._local(self.in_order.get(set_id, set_id.moment)).date()}
        return any(hold.begin <= day <= hold.end for hold in self.holds for day in days)

    def _stays(self, one: Known) -> bool:
        if self.is_held(one.set_id) or one is self.sets[-1] or not self.good or one is self.good[-1]:
            return True
        made = max(one.set_id.moment, self.in_order[one.set_id])
        newest = self.in_order[self.newest()]
        if newest <= made:
            return True
        age = min(newest, self.now) - made
        if age < self.policy.get("minimum_days", 0) * DAY:
            return True
        if one.failed:
            return age <= DOUBTFUL_DAYS * DAY
        return one.set_id in self.represent

    def _represent(self) -> set[SetId]:
        last = self.good[max(0, len(self.good) - self.policy.get("last", 0)) :]
        chosen = [one for name in NAMES for dates in self._both() for one in self._chosen(name, dates)]
        return {one.set_id for one in [*last, *chosen]}

    def _chosen(self, name: str, dates: t.Mapping[SetId, datetime.datetime]) -> list[Known]:
        """Return the sets that represent the last so many days, weeks, months or years that have any."""
        first = self._first(name, dates)
        count = self.policy.get(name, 0)
        return [first[label] for label in sorted(first)[-count:]] if count else []

    def _first(self, name: str, dates: t.Mapping[SetId, datetime.datetime]) -> dict[str, Known]:
        found: dict[str, Known] = {}
        # Of two sets of a day the one that was verified first counts; of two verified at once, the earlier one.
        for one in sorted(self.good, key=lambda one: (one.verified, one.number)):
            found.setdefault(self._local(dates[one.set_id]).strftime(NAMES[name]), one)
        return found

    def _both(self) -> list[dict[SetId, datetime.datetime]]:
        return [self.in_order, {one.set_id: one.set_id.moment for one in self.sets}]

    def _terms(self) -> dict[SetId, datetime.datetime]:
        """Return until when the sets that represent something are sure to: so many midnights are counted off."""
        found: dict[SetId, datetime.datetime] = {}
        for dates in self._both():
            firsts = {name: {one.set_id for one in self._first(name, dates).values()} for name in NAMES}
            for one in self.good:
                ends = [dates[one.set_id] + self.policy.get("minimum_days", 0) * DAY]
                ends += [
                    self._end(name, dates[one.set_id], self.policy[name])
                    for name in NAMES
                    if self.policy.get(name) and one.set_id in firsts[name]
                ]
                found[one.set_id] = max([*ends, found.get(one.set_id, ends[0])])
        return found

    def _end(self, name: str, moment: datetime.datetime, count: int) -> datetime.datetime:
        day = self._local(moment).date()
        while count:
            day += DAY
            count -= BEGINS[name](day)
        return datetime.datetime.combine(day, datetime.time(), self.zone).astimezone(UTC)

    def _local(self, moment: datetime.datetime) -> datetime.datetime:
        return moment.astimezone(self.zone)
