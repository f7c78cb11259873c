# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Until when the copies of a set should be locked: as long as its policy is sure to keep it, and not longer.

A monthly set is locked like a monthly one, a daily one like a daily one. What is kept beyond that, since nothing newer
has come, since somebody holds it, or since no policy removes it, is locked a little ahead, every week.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from .periods import PERIODS, days_after, end_of
from .plan import Candidate, Context, Decision, Rule, clock_problem, dated, first_of_periods, hold_of

#: How far ahead what is kept without a term is locked, and how much of that must be left.
AHEAD_DAYS = 14
_LEFT_DAYS = 7
# What these keep, they keep until a day that is known. Any other rule may keep it longer.
_BY_CLASS = (Rule.HOURLY, Rule.DAILY, Rule.WEEKLY, Rule.MONTHLY, Rule.YEARLY, Rule.MINIMUM_AGE)


@dataclasses.dataclass(frozen=True)
class LockTerm:
    """Until when a set's copies should be locked.

    :param until: a lock is to last until then, UTC.
    :param enough: one that lasts until then is left as it is, so that not every day extends it.
    """

    until: datetime.datetime
    enough: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Kept:
    """A set that a medium keeps.

    :param tag_manifest_sha256: names its exact content; empty: it cannot be read.
    :param term: until when its copies are to be locked; None: no longer than they are.
    """

    tag_manifest_sha256: str
    term: LockTerm | None


def lock_terms(
    candidates: t.Sequence[Candidate], decisions: t.Sequence[Decision], context: Context
) -> dict[SetId, LockTerm]:
    """Return the terms of the sets of one source.

    None where a set is not kept, and none at all while a clock looks wrong: no lock can be taken back. A set that does
    not count (its drill failed, say, or another medium lacks it) may be wanted all the more: it is locked, a little
    ahead.

    :param candidates: from the oldest to the newest.
    :param decisions: what :func:`~.plan.plan` says of each.
    """
    if clock_problem(candidates, context):
        return {}
    certain = _certain(candidates, context)
    terms: dict[SetId, LockTerm] = {}
    for one, decision in zip(candidates, decisions):
        if decision.is_kept:
            term = _term(one, decision, certain.get(one.set_id), context)
            if term is not None:
                terms[one.set_id] = term
    _lock_needed(candidates, terms)
    return terms


def _certain(candidates: t.Sequence[Candidate], context: Context) -> dict[SetId, datetime.datetime]:
    """Return until when the policies keep each good set, whatever comes."""
    found: dict[SetId, datetime.datetime] = {}

    def keep(one: Candidate, until: datetime.datetime) -> None:
        found[one.set_id] = max(until, found.get(one.set_id, until))

    for sets in dated(candidates, context):
        for one, local in sets:
            if one.policy is not None and one.policy.minimum_days:
                keep(one, days_after(local, one.policy.minimum_days))
        for name in PERIODS:
            for one, local in first_of_periods(name, sets).values():
                count = getattr(one.policy, name) if one.policy is not None else 0
                if count:
                    keep(one, end_of(PERIODS[name], local, count))
    return found


def _term(one: Candidate, decision: Decision, certain: datetime.datetime | None, context: Context) -> LockTerm | None:
    """Return the term of one set that is kept; None where it must not be locked any longer."""
    destruction = _destruction(one)
    if certain is not None and destruction is not None:
        certain = min(certain, destruction)
    if certain is not None and context.now < certain and decision.rule in _BY_CLASS:
        return LockTerm(certain, certain)
    ahead = term_ahead(context.now)
    hold = hold_of(one, context)
    if hold is not None and hold.until is not None and hold.until < ahead.until:
        until = hold.until.astimezone(datetime.timezone.utc)
        ahead = LockTerm(until, min(until, ahead.enough))
    if destruction is not None and decision.rule not in (Rule.HELD, Rule.NEWEST) and destruction < ahead.until:
        return None
    return LockTerm(max(ahead.until, certain or ahead.until), max(ahead.enough, certain or ahead.enough))


def term_ahead(now: datetime.datetime) -> LockTerm:
    """Return the term of what is kept without one."""
    return LockTerm(days_after(now, AHEAD_DAYS), days_after(now, _LEFT_DAYS))


def _destruction(one: Candidate) -> datetime.datetime | None:
    """Return the moment from which on the law wants a set destroyed; None: it does not."""
    if one.policy is None or one.policy.destroy_after_days is None or one.moment is None:
        return None
    return days_after(min(one.moment, one.id_time or one.moment), one.policy.destroy_after_days)


def _lock_needed(candidates: t.Sequence[Candidate], terms: dict[SetId, LockTerm]) -> None:
    """Lock what a set needs, and what that needs, as long as the set."""
    needs = {one.set_id: one.needs for one in candidates}
    waiting = list(terms)
    while waiting:
        set_id = waiting.pop()
        for needed in sorted(needs[set_id]):
            own, longest = terms.get(needed), terms[set_id]
            if needed in needs and (own is None or own.until < longest.until):
                terms[needed] = longest
                waiting.append(needed)
