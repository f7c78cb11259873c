# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sets of a source are kept, and which are removed: pure functions, nothing here reads a medium or a clock.

Only good sets count towards a policy: those that were verified, on every medium that is to hold them, and that are
neither suspect nor known not to restore. A set that does not count never makes a good one expire.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from .hold import Hold
from .periods import END_OF_TIME, PERIODS
from .policy import LAST, Policy


class State(enum.Enum):
    """What is known of a set. All but :attr:`GOOD` do not count."""

    GOOD = "good"
    SUSPECT = "suspect"
    FAILED_DRILL = "failed_drill"
    #: Not every other medium that is to hold it does, verified.
    NOT_ELSEWHERE = "not_elsewhere"
    UNVERIFIED = "unverified"
    UNREADABLE = "unreadable"


class Rule(enum.Enum):
    """Why a set is kept, or removed."""

    HELD = "held"
    LOCKED = "locked"
    CLOCK = "clock"
    MISDATED = "misdated"
    NO_POLICY = "no_policy"
    NEWEST = "newest"
    LAST = "last"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"
    MINIMUM_AGE = "minimum_age"
    NOT_ELSEWHERE = "not_elsewhere"
    UNVERIFIED = "unverified"
    UNREADABLE = "unreadable"
    SUSPECT = "suspect"
    FAILED_DRILL = "failed_drill"
    NEEDED = "needed"
    #: Of a copy: the medium that it follows has the set, or does not say that it has removed it.
    NOT_REMOVED = "not_removed"
    #: A restore, a drill or a copy is reading it.
    IN_USE = "in_use"
    #: Today's rules remove it, the agreed ones do not, and too few people have approved that.
    NOT_APPROVED = "not_approved"
    #: Removed: no rule keeps it; it is older than the law allows; it is long since doubtful.
    EXPIRED = "expired"
    DESTROYED = "destroyed"
    DOUBTFUL = "doubtful"


#: By these a set is removed; all others keep it.
REMOVING = (Rule.EXPIRED, Rule.DESTROYED, Rule.DOUBTFUL)
_DOUBTFUL = (State.SUSPECT, State.FAILED_DRILL)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One set, with what a decision needs.

    :param moment: when it was made, as its place among its source's sets says (see :mod:`~._sets.order`); None:
        unknown.
    :param id_time: when it was made, as its id says; None: that is in the future. A set is kept if either time keeps
        it, since a wrong clock may have spoiled the other.
    :param first_verified: when it was first verified on this medium; None: unknown. Of the sets of a day, or of a
        year, the one that was verified first stays: what a server dates back, later, displaces none.
    :param state: what is known of it.
    :param policy: that of its source; None: it has none.
    :param needs: the sets without which it cannot be restored.
    :param locked_until: the medium refuses to remove it before.
    :param late: whether its own time is after now, and nobody has said that this is known.
    :param why: more of its state, for people.
    """

    set_id: SetId
    moment: datetime.datetime | None
    state: State
    policy: Policy | None
    id_time: datetime.datetime | None = None
    first_verified: datetime.datetime | None = None
    needs: frozenset[SetId] = frozenset()
    locked_until: datetime.datetime | None = None
    late: bool = False
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Decision:
    """What becomes of a set.

    :param rule: why.
    :param why: more of that: a hold's reason, a moment, a set's id; empty: there is no more.
    """

    set_id: SetId
    rule: Rule
    why: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether it stays."""
        return self.rule not in REMOVING


@dataclasses.dataclass(frozen=True)
class Context:
    """What the decisions about every source depend on.

    :param now: this moment.
    :param zone: the institution's: its hours, days, weeks, months and years are counted.
    :param holds: what keeps sets, whatever their policy says.
    :param newest_record: the latest moment that this host has written down of the source: a clock that says less is
        wrong.
    :param keep_doubtful_days: for how many days to keep a set that is suspect, or known not to restore.
    """

    now: datetime.datetime
    zone: datetime.tzinfo
    holds: t.Sequence[Hold] = ()
    newest_record: datetime.datetime | None = None
    keep_doubtful_days: int = 90


#: A set and a local time of it.
Dated = tuple[Candidate, datetime.datetime]


def plan(candidates: t.Sequence[Candidate], context: Context) -> list[Decision]:
    """Decide about all sets of one source on one medium.

    :param candidates: every one, from the oldest to the newest.
    :returns: a decision for each, in the same order.
    """
    decisions: dict[SetId, Decision] = {}
    by_moment, by_id_time = dated(candidates, context)
    good = [one for one, _local in by_moment]
    kept_by_policy = {
        policy: {**_kept_by_counts(policy, by_id_time), **_kept_by_counts(policy, by_moment)}
        for policy in {one.policy for one in good}
        if policy is not None
    }
    wrong = clock_problem(candidates, context)
    for one in candidates:
        decisions[one.set_id] = (
            _held(one, context)
            or (Decision(one.set_id, Rule.CLOCK, wrong) if wrong else None)
            or (Decision(one.set_id, Rule.NEWEST) if one in (candidates[-1], *good[-1:]) else None)
            or _by_policy(one, good, kept_by_policy, context)
        )
    keep_needed(candidates, decisions)
    return [decisions[one.set_id] for one in candidates]


def plan_copies(copies: t.Sequence[Candidate], removed: t.Mapping[SetId, Rule], context: Context) -> list[Decision]:
    """Decide about the copies of one source's sets on a medium that follows another, such as a cloud the vault.

    A copy goes only when its set has been removed from the other medium, and when nobody holds it and no lock does.

    :param copies: those that were verified there, from the oldest to the newest.
    :param removed: the sets that retention has removed from the other medium, and by which rule.
    :returns: a decision for each, in the same order.
    """
    wrong = clock_problem(copies, context)
    decisions = []
    for one in copies:
        hold = hold_of(one, context)
        if hold is None and one.set_id not in removed:
            decisions.append(Decision(one.set_id, Rule.NOT_REMOVED))
        else:
            decisions.append(
                _held(one, context)
                or (Decision(one.set_id, Rule.CLOCK, wrong) if wrong else None)
                or (Decision(one.set_id, Rule.NEWEST) if one is copies[-1] else None)
                or Decision(one.set_id, removed[one.set_id])
            )
    return decisions


def dated(candidates: t.Sequence[Candidate], context: Context) -> tuple[list[Dated], list[Dated]]:
    """Return the good sets with their local times: those of their order, and, where they differ, those of their ids."""
    good = [one for one in candidates if one.state is State.GOOD]
    by_moment = [(one, one.moment.astimezone(context.zone)) for one in good if one.moment is not None]
    id_time = [(one, one.id_time.astimezone(context.zone)) for one in good if one.id_time not in (None, one.moment)]
    return by_moment, _with_id_times(by_moment, id_time)


def hold_of(one: Candidate, context: Context) -> Hold | None:
    """Return the hold that keeps a set the longest; None where there is none."""
    moments = (one.moment or one.set_id.moment, one.id_time or one.set_id.moment)
    holding = [
        hold
        for hold in context.holds
        if (hold.until is None or context.now < hold.until) and any(hold.covers(one.set_id, when) for when in moments)
    ]
    return max(holding, key=lambda hold: hold.until or END_OF_TIME, default=None)


def _held(one: Candidate, context: Context) -> Decision | None:
    """Keep what is held or locked."""
    hold = hold_of(one, context)
    if hold is not None:
        return Decision(one.set_id, Rule.HELD, hold.reason)
    if one.locked_until is not None and context.now < one.locked_until:
        return Decision(one.set_id, Rule.LOCKED, host_clock.write(one.locked_until))
    return None


def clock_problem(candidates: t.Sequence[Candidate], context: Context) -> str:
    """Return what shows that this host's clock, or that of the source's host, is wrong; empty if nothing does."""
    late = [one.set_id for one in candidates if one.late]
    if late:
        return f"{late[0]} is dated in the future"
    if context.newest_record is not None and host_clock.is_after(context.newest_record, context.now):
        return f"a record of this source is dated {host_clock.write(context.newest_record)}, in the future"
    return ""


def _kept_by_counts(policy: Policy, good: t.Sequence[Dated]) -> dict[SetId, Rule]:
    """Return the good sets that a policy's counts keep, each with the first count that does.

    :param good: each with its local time, from the oldest to the newest.
    """
    kept: dict[SetId, Rule] = {}
    for name, count in policy.counts:
        if not count:
            continue
        if name == LAST:
            chosen = [one for one, _local in good[-count:]]
        else:
            first_of = first_of_periods(name, good)
            chosen = [first_of[period][0] for period in sorted(first_of)[-count:]]
        for one in chosen:
            kept.setdefault(one.set_id, Rule(name))
    return kept


def first_of_periods(name: str, good: t.Sequence[Dated]) -> dict[t.Any, Dated]:
    """Return the good set that represents each hour, day, week, month or year: the one that was verified first.

    :param name: a key of :data:`~.periods.PERIODS`.
    """
    first_of: dict[t.Any, tuple[datetime.datetime, Dated]] = {}
    for one, local in good:
        period, first_verified = PERIODS[name].of(local), one.first_verified or local
        if period not in first_of or first_verified < first_of[period][0]:
            first_of[period] = (first_verified, (one, local))
    return {period: first for period, (_moment, first) in first_of.items()}


def _with_id_times(local: t.Sequence[Dated], id_time: t.Sequence[Dated]) -> list[Dated]:
    """Return the sets with the times of their ids, where these differ from those of their order."""
    times = {one.set_id: time for one, time in id_time}
    return [(one, times.get(one.set_id, time)) for one, time in local]


def _by_policy(
    one: Candidate,
    good: t.Sequence[Candidate],
    kept_by_policy: t.Mapping[Policy, t.Mapping[SetId, Rule]],
    context: Context,
) -> Decision:
    if one.policy is None:
        return Decision(one.set_id, Rule.NO_POLICY) if one.state is State.GOOD else _by_state(one)
    if one.moment is None:
        return Decision(one.set_id, Rule.MISDATED)
    age = _age(max(one.moment, one.id_time or one.moment), good, context)
    if age is None:  # There is no good set after it.
        return _by_state(one) if one.state is not State.GOOD else Decision(one.set_id, Rule.NEWEST)
    destroy = one.policy.destroy_after_days
    if destroy is not None and one.state in (State.GOOD, *_DOUBTFUL) and age > datetime.timedelta(days=destroy):
        return Decision(one.set_id, Rule.DESTROYED)
    if one.state is State.GOOD:
        rule = kept_by_policy[one.policy].get(one.set_id)
        if rule is not None:
            return Decision(one.set_id, rule)
    if age < datetime.timedelta(days=one.policy.minimum_days):
        return Decision(one.set_id, Rule.MINIMUM_AGE)
    if one.state is State.GOOD:
        return Decision(one.set_id, Rule.EXPIRED)
    if one.state in _DOUBTFUL and age > datetime.timedelta(days=context.keep_doubtful_days):
        return Decision(one.set_id, Rule.DOUBTFUL)
    return _by_state(one)


def _by_state(one: Candidate) -> Decision:
    return Decision(one.set_id, Rule(one.state.value), one.why)


def _age(moment: datetime.datetime, good: t.Sequence[Candidate], context: Context) -> datetime.timedelta | None:
    """Return the age of a set that was made then; None where no good set was made after it.

    A source that is backed up no more does not age: what was there when its newest good set was made stays. So no
    clock that runs ahead, alone, makes all of it expire.
    """
    newest = good[-1].moment if good else None
    return None if newest is None or newest <= moment else min(context.now, newest) - moment


def keep_needed(candidates: t.Sequence[Candidate], decisions: dict[SetId, Decision]) -> None:
    """Keep what a kept set needs, and what that needs."""
    needs = {one.set_id: one.needs for one in candidates}
    waiting = [set_id for set_id, decision in decisions.items() if decision.is_kept]
    while waiting:
        set_id = waiting.pop()
        for needed in sorted(needs[set_id]):
            if needed in decisions and not decisions[needed].is_kept:
                decisions[needed] = Decision(needed, Rule.NEEDED, str(set_id))
                waiting.append(needed)
