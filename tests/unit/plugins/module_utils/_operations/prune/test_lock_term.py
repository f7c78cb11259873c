# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks agree with retention: no set is locked longer than its policy is sure to keep it, nor shorter."""

from __future__ import annotations

import dataclasses
import datetime
import random
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.hold import Hold
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.lock_term import (
    AHEAD_DAYS,
    LockTerm,
    lock_terms,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.plan import (
    Candidate,
    Context,
    Rule,
    State,
    plan,
    plan_copies,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.policy import Policy
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils._operations.prune.histories import (
    BOGOTA,
    CASES,
    DAY,
    START,
    UTC,
    ZONES,
    a_set,
    some_history,
)

HOUR = datetime.timedelta(hours=1)
SECOND = datetime.timedelta(seconds=1)


def terms(candidates: t.Sequence[Candidate], context: Context) -> dict[SetId, LockTerm]:
    return lock_terms(candidates, plan(candidates, context), context)


def possible(one: Candidate, now: datetime.datetime) -> Candidate:
    """A set of which nothing is known that has not happened yet."""
    return dataclasses.replace(
        one,
        first_verified=min(one.first_verified, now) if one.first_verified else None,
        id_time=one.id_time if one.id_time and one.id_time <= now else None,
    )


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "until"),
    [
        (Policy(hourly=6), "2026-11-22T14:00"),
        (Policy(daily=14), "2026-12-06T05:00"),
        (Policy(weekly=2), "2026-11-30T05:00"),
        (Policy(monthly=12), "2027-11-01T05:00"),
        (Policy(yearly=10), "2036-01-01T05:00"),
        (Policy(minimum_days=30), "2026-12-22T08:30"),
        (Policy(daily=14, monthly=12), "2027-11-01T05:00"),
        (Policy(yearly=10, destroy_after_days=100), "2027-03-02T08:30"),
        (Policy(yearly=100), "2126-01-01T05:00"),
    ],
)
def test_a_set_is_locked_by_its_class_as_people_count_in_bogota(policy: Policy, until: str) -> None:
    one, newer = a_set(START + HOUR / 2, policy), a_set(START + HOUR, policy)
    assert terms([one, newer], Context(START + HOUR, BOGOTA))[one.set_id] == LockTerm(at(until), at(until))


def test_the_first_of_a_month_is_locked_like_a_monthly_one_and_the_others_like_daily_ones() -> None:
    policy = Policy(daily=3, monthly=6)
    sets = [a_set(START + number * DAY, policy) for number in range(12)]  # 22 November to 3 December
    found = terms(sets, Context(START + 12 * DAY, BOGOTA))
    assert found[sets[0].set_id].until == at("2027-05-01T05:00")
    assert found[sets[9].set_id].until == at("2027-06-01T05:00")
    assert found[sets[10].set_id].until == at("2026-12-05T05:00")
    assert found[sets[11].set_id].until == START + (12 + AHEAD_DAYS) * DAY, "the newest, which nothing may replace soon"
    assert len(found) == 4, "what has expired is not locked"


def test_what_is_kept_beyond_its_term_since_no_backups_come_stays_locked() -> None:
    sets = [a_set(START + number * DAY, Policy(daily=3)) for number in range(3)]
    now = START + 40 * DAY
    assert set(terms(sets, Context(now, BOGOTA)).values()) == {LockTerm(now + AHEAD_DAYS * DAY, now + 7 * DAY)}


def test_a_changed_policy_makes_locks_longer() -> None:
    sets = [a_set(START, Policy(daily=3)), a_set(START + HOUR, Policy(daily=3))]
    first = sets[0].set_id
    before = terms(sets, Context(START + 2 * HOUR, BOGOTA))[first]
    longer = [dataclasses.replace(one, policy=Policy(daily=30)) for one in sets]
    after = terms(longer, Context(START + 2 * HOUR, BOGOTA))[first]
    assert after.enough - before.until == 27 * DAY


def test_what_is_kept_by_a_class_and_also_since_it_is_the_newest_is_never_without_a_lock() -> None:
    one = a_set(START, Policy(daily=3, last=2))
    now = START + 2 * DAY
    assert terms([one], Context(now, BOGOTA)) == {one.set_id: LockTerm(now + 14 * DAY, now + 7 * DAY)}


def test_what_stays_without_a_term_is_locked_two_weeks_ahead_and_again_when_one_is_left() -> None:
    endless = Hold("Proceso 15", source="contabilidad")
    for policy, holds, age in ((None, (), 3), (Policy(last=2), (), 3), (Policy(daily=2), (endless,), 3000)):
        one = a_set(START, policy)
        now = START + age * DAY
        assert terms([one], Context(now, BOGOTA, holds)) == {one.set_id: LockTerm(now + 14 * DAY, now + 7 * DAY)}


def test_a_hold_locks_no_further_ahead_than_it_lasts_since_it_may_be_ended() -> None:
    one = a_set(START, Policy(daily=2))
    now = START + HOUR
    for days, until, enough in ((400, 14, 7), (9, 9, 7), (3, 3, 3)):
        hold = Hold("Auditoría", source="contabilidad", until=now + days * DAY)
        found = terms([one], Context(now, BOGOTA, [hold]))[one.set_id]
        assert found == LockTerm(now + until * DAY, now + enough * DAY)


def test_a_set_that_another_needs_is_locked_as_long_as_it() -> None:
    policy = Policy(daily=3, monthly=6)
    full = a_set(START - 2 * DAY, policy)
    middle = a_set(START - DAY, policy, needs=frozenset({full.set_id}))
    last = a_set(START, Policy(minimum_days=1000), needs=frozenset({middle.set_id}))
    found = terms([full, middle, last], Context(START + HOUR, BOGOTA))
    assert {found[one.set_id].until for one in (full, middle, last)} == {START + 1000 * DAY}


@pytest.mark.parametrize("state", [state for state in State if state is not State.GOOD])
def test_what_does_not_count_is_locked_ahead_while_it_is_kept(state: State) -> None:
    one, good = a_set(START, Policy(daily=9), state=state), a_set(START + DAY, Policy(daily=9))
    now = START + 2 * DAY
    assert terms([one, good], Context(now, BOGOTA))[one.set_id] == LockTerm(now + 14 * DAY, now + 7 * DAY)


def test_no_lock_is_set_while_a_clock_looks_wrong() -> None:
    one = a_set(START, Policy(yearly=9))
    hold = Hold("Auditoría", source="contabilidad")
    for holds in ([], [hold]):
        assert terms([one], Context(START + DAY, BOGOTA, holds, newest_record=START + 9 * DAY)) == {}


def test_no_set_expires_before_its_lock_does() -> None:
    """Over random histories, whatever sets come after: a lock that outlasts retention could never be taken back."""
    for case in range(CASES):
        choose = random.Random(f"locks {case}")
        candidates, context = some_history(choose)
        candidates = [possible(one, context.now) for one in candidates]
        found = terms(candidates, context)
        for set_id, term in found.items():
            if term.until != term.enough or term.until <= context.now:
                continue
            span = min(term.until - context.now, 900 * DAY)
            then = context.now + span * choose.random()
            policy = next(one.policy for one in candidates if one.set_id == set_id)
            seconds = int((then - context.now).total_seconds())
            later = sorted({choose.randint(0, seconds) for _set in range(choose.randint(0, 40))} - {0})
            sets = [*candidates, *(a_set(context.now + after * SECOND, policy) for after in later)]
            decisions = {one.set_id: one for one in plan(sets, dataclasses.replace(context, now=then))}
            assert decisions[set_id].is_kept, (case, set_id, decisions[set_id], term)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize(
    "policy",
    [Policy(hourly=30), Policy(daily=5), Policy(weekly=3), Policy(monthly=3), Policy(minimum_days=9)],
    ids=["hourly", "daily", "weekly", "monthly", "minimum"],
)
def test_a_set_expires_when_its_lock_does_where_backups_go_on(policy: Policy, zone: datetime.tzinfo) -> None:
    """With a set every hour through both changes of the clocks, nothing is kept a period longer than it is locked."""
    for begin in (at("2026-03-25T00:30"), at("2026-10-20T00:30")):
        sets = [a_set(begin + number * HOUR, policy) for number in range(24 * 100)]
        for number in range(0, 24 * 9, 7):
            one = sets[number]
            term = terms(sets[: number + 2], Context(sets[number + 1].set_id.moment, zone)).get(one.set_id)
            if term is not None and term.until == term.enough and term.until < sets[-3].set_id.moment:
                then = term.until + 2 * HOUR
                decisions = plan([other for other in sets if other.set_id.moment < then], Context(then, zone))
                assert decisions[number].rule is Rule.EXPIRED, (one.set_id, term)


def test_copies_go_after_their_sets_and_never_while_locked_held_or_newest() -> None:
    copies = [
        dataclasses.replace(a_set(START + number * DAY), locked_until=START + until * DAY if until else None)
        for number, until in enumerate([3, 100, 0, 100, 0, 0])
    ]
    ids = [one.set_id for one in copies]
    removed = {set_id: Rule.EXPIRED for set_id in ids if set_id != ids[3]}
    hold = Hold("Auditoría", set_id=ids[2])
    context = Context(START + 10 * DAY, BOGOTA, [hold])
    rules = [decision.rule for decision in plan_copies(copies, removed, context)]
    assert rules == [Rule.EXPIRED, Rule.LOCKED, Rule.HELD, Rule.NOT_REMOVED, Rule.EXPIRED, Rule.NEWEST]
    late = dataclasses.replace(context, newest_record=START + 20 * DAY)
    assert all(decision.is_kept for decision in plan_copies(copies, removed, late))
