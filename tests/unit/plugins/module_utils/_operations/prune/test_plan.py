# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sets are kept: over random histories of ten years, against an oracle that counts in another way."""

from __future__ import annotations

import dataclasses
import datetime
import os
import random
import typing as t
import zoneinfo

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.hold import make_hold
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.plan import (
    Candidate,
    Context,
    Rule,
    State,
    plan,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.policy import Policy, find_zone
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


def kept(candidates: t.Sequence[Candidate], context: Context) -> list[Candidate]:
    decisions = plan(candidates, context)
    assert [decision.set_id for decision in decisions] == [one.set_id for one in candidates]
    return [one for one, decision in zip(candidates, decisions) if decision.is_kept]


def rules(candidates: t.Sequence[Candidate], context: Context) -> list[str]:
    return [decision.rule.value for decision in plan(candidates, context)]


def oracle(candidates: t.Sequence[Candidate], context: Context) -> set[SetId]:
    """Which sets are kept, told one by one: a set is kept where too few later periods have a good set."""
    good = [one for one in candidates if one.state is State.GOOD]

    def moment(one: Candidate) -> datetime.datetime:
        assert one.moment is not None
        return one.moment

    def same(name: str, a: datetime.datetime, b: datetime.datetime) -> bool:
        a, b = (each.astimezone(context.zone) for each in (a, b))
        if name == "hourly":
            return (a.date(), a.hour, a.utcoffset()) == (b.date(), b.hour, b.utcoffset())
        if name == "weekly":
            return a.date() - a.weekday() * DAY == b.date() - b.weekday() * DAY
        return (
            a.timetuple()[: {"daily": 3, "monthly": 2, "yearly": 1}[name]]
            == (b.timetuple()[: {"daily": 3, "monthly": 2, "yearly": 1}[name]])
        )

    def counts_for(one: Candidate, name: str, count: int, time: t.Callable[[Candidate], datetime.datetime]) -> bool:
        if name == "last":
            return len([other for other in good if moment(other) > moment(one)]) < count
        fellows = [other for other in good if same(name, time(one), time(other))]
        # The first to arrive represents them; of those that first_verified together, the one that was made first.
        if min(fellows, key=lambda other: (other.first_verified or time(other), moment(other))) is not one:
            return False
        distinct: list[datetime.datetime] = []
        for other in good:
            later = time(other) > time(one) and not same(name, time(one), time(other))
            if later and not any(same(name, time(other), seen) for seen in distinct):
                distinct.append(time(other))
        return len(distinct) < count

    def id_time(one: Candidate) -> datetime.datetime:
        return one.id_time or moment(one)

    def stays(one: Candidate) -> bool:
        if any(
            (hold.covers(one.set_id, moment(one)) or hold.covers(one.set_id, id_time(one)))
            and (hold.until or context.now + DAY) > context.now
            for hold in context.holds
        ):
            return True
        if one.locked_until is not None and one.locked_until > context.now:
            return True
        if one is candidates[-1] or not good or moment(one) >= moment(good[-1]) or one.policy is None:
            return True
        made = max(moment(one), id_time(one))
        if made >= moment(good[-1]):
            return True
        age = min(context.now, moment(good[-1])) - made
        counted = one.state in (State.GOOD, State.SUSPECT, State.FAILED_DRILL)
        if counted and one.policy.destroy_after_days is not None and age > one.policy.destroy_after_days * DAY:
            return False
        if age < one.policy.minimum_days * DAY:
            return True
        if one.state is State.GOOD:
            counts = [(name, count) for name, count in one.policy.counts if count]
            return any(counts_for(one, name, count, time) for name, count in counts for time in (moment, id_time))
        doubtful = one.state in (State.SUSPECT, State.FAILED_DRILL)
        return not (doubtful and age > context.keep_doubtful_days * DAY)

    found = {one.set_id for one in candidates if stays(one)}
    by_id = {one.set_id: one for one in candidates}
    while True:
        more = {needed for set_id in found for needed in by_id[set_id].needs} - found
        if not more:
            return found
        found |= more


def test_what_is_kept_is_what_an_oracle_that_counts_in_another_way_keeps() -> None:
    choose = random.Random(os.environ.get("SEED", "407"))
    removed = 0
    for _case in range(CASES):
        candidates, context = some_history(choose)
        found = kept(candidates, context)
        assert {one.set_id for one in found} == oracle(candidates, context), (candidates, context)
        removed += len(candidates) - len(found)

        good = [one for one in candidates if one.state is State.GOOD]
        assert candidates[-1] in found
        assert not good or good[-1] in found, "the newest good set of a source is never removed"
        by_id = {one.set_id: one for one in found}
        assert all(needed in by_id for one in found for needed in one.needs)
        assert kept(found, context) == found, "a second run removes nothing"
        counted = kept(good, context)
        assert {one.set_id for one in counted} <= {*by_id, candidates[-1].set_id}, "a bad set makes no good one expire"
    assert removed > CASES


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_pruning_every_day_leaves_what_pruning_once_at_the_end_leaves(zone: datetime.tzinfo) -> None:
    policy = Policy(daily=14, weekly=8, monthly=12, yearly=5)
    every = [a_set(START + day * DAY + (day % 7) * datetime.timedelta(hours=3), policy) for day in range(800)]
    left: list[Candidate] = []
    for one in every:
        assert one.moment is not None
        left = kept([*left, one], Context(one.moment + DAY / 2, zone))
        assert len(left) <= 14 + 8 + 12 + 5 + 1
    assert every[-1].moment is not None
    assert left == kept(every, Context(every[-1].moment + DAY / 2, zone))


def test_sets_that_a_server_dates_back_later_displace_none_that_were_there() -> None:
    policy = Policy(daily=14, weekly=8, monthly=12, yearly=10)
    genuine = [a_set(START + day * DAY, policy, first_verified=START + day * DAY) for day in range(400)]
    now = START + 400 * DAY
    context = Context(now, BOGOTA)
    left = kept(genuine, context)
    midnights = [one.moment.astimezone(BOGOTA).replace(hour=0, second=1) for one in left if one.moment is not None]
    forged = [a_set(moment, policy, first_verified=now) for moment in midnights]
    forged += [a_set(START - year * 365 * DAY, policy, first_verified=now) for year in range(1, 20)]
    together = sorted([*left, *forged], key=lambda one: t.cast(datetime.datetime, one.moment))
    found = kept(together, context)
    assert {one.set_id for one in left} <= {one.set_id for one in found}


def test_one_clock_that_was_ahead_makes_what_came_after_neither_one_day_nor_unheld() -> None:
    policy = Policy(daily=90)
    wrong = START + 60 * DAY
    before = [a_set(START + day * DAY, policy, id_time=START + day * DAY) for day in range(5)]
    # Whatever is made after it names it, and so has its time in the order, until that has passed.
    after = [
        Candidate(SetId.at("srv", "contabilidad", START + day * DAY), wrong, State.GOOD, policy, START + day * DAY)
        for day in range(5, 70)
    ]
    candidates = [*before, a_set(wrong, policy, id_time=wrong), *after]
    now = START + 70 * DAY
    assert len(kept(candidates, Context(now, BOGOTA))) == len(candidates)
    hold = make_hold({"reason": "r", "from": "2026-12-01", "to": "2026-12-31"}, BOGOTA)
    decisions = plan(candidates, Context(now, BOGOTA, [hold]))
    # Besides, what the wrong time says is within the period, or not: either is enough.
    assert len([one for one in decisions if one.rule is Rule.HELD]) >= 31


def test_a_month_is_the_month_that_people_mean() -> None:
    policy = Policy(monthly=2)
    # 2026-12-01 02:00 UTC is still November in Bogotá.
    times = [datetime.datetime(2026, 11, 5, 8, tzinfo=UTC), datetime.datetime(2026, 12, 1, 2, tzinfo=UTC)]
    times += [datetime.datetime(2026, 12, 1, 8, tzinfo=UTC), datetime.datetime(2026, 12, 2, 8, tzinfo=UTC)]
    candidates = [a_set(moment, policy) for moment in times]
    now = times[-1] + DAY
    assert rules(candidates, Context(now, BOGOTA)) == ["monthly", "expired", "monthly", "newest"]
    assert rules(candidates, Context(now, UTC)) == ["monthly", "monthly", "expired", "newest"]


def test_an_hour_that_comes_twice_when_the_clocks_go_back_is_two() -> None:
    madrid = zoneinfo.ZoneInfo("Europe/Madrid")
    policy = Policy(hourly=24)
    candidates = [a_set(datetime.datetime(2026, 10, 25, hour, 30, tzinfo=UTC), policy) for hour in (0, 1, 2)]
    assert rules(candidates, Context(START, madrid)) == ["hourly", "hourly", "newest"]


@pytest.mark.parametrize("state", [state for state in State if state is not State.GOOD])
def test_a_set_that_is_not_good_makes_no_good_one_expire_and_stays_while_it_may_be_needed(state: State) -> None:
    policy = Policy(last=1)
    good = a_set(START, policy)
    bad = a_set(START + DAY, policy, state=state, why="because")
    context = Context(START + 400 * DAY, BOGOTA)
    assert [decision.is_kept for decision in plan([good, bad], context)] == [True, True]
    later = [good, bad, *(a_set(START + day * DAY, policy) for day in (40, 400))]
    doubtful = state in (State.SUSPECT, State.FAILED_DRILL)
    assert rules(later, context) == ["expired", "doubtful" if doubtful else state.value, "expired", "newest"]
    destroying = [dataclasses.replace(one, policy=Policy(last=1, destroy_after_days=30)) for one in later]
    assert rules(destroying, context)[1] == ("destroyed" if doubtful else state.value)
    soon = dataclasses.replace(context, keep_doubtful_days=500)
    assert plan(later, soon)[1].why == "because"


def test_nothing_is_removed_while_a_clock_looks_wrong() -> None:
    policy = Policy(last=1)
    candidates = [a_set(START + day * DAY, policy) for day in range(5)]
    now = START + 5 * DAY
    expired = ["expired"] * 4 + ["newest"]
    assert rules(candidates, Context(now, BOGOTA)) == expired
    assert rules(candidates, Context(now, BOGOTA, newest_record=now + DAY)) == ["clock"] * 5
    unknown = dataclasses.replace(candidates[2], moment=None)
    assert rules([*candidates[:2], unknown, *candidates[3:]], Context(now, BOGOTA))[2] == "misdated"
    assert rules(candidates, Context(now, BOGOTA, newest_record=now)) == expired
    late = dataclasses.replace(candidates[2], late=True)
    assert rules([*candidates, late], Context(now, BOGOTA))[0] == "clock"


def test_a_clock_that_runs_ahead_alone_makes_nothing_too_old() -> None:
    policy = Policy(daily=30, minimum_days=10, destroy_after_days=365)
    candidates = [a_set(START + day * DAY, policy) for day in range(20)]
    in_ten_years = Context(START + 3650 * DAY, BOGOTA)
    assert len(kept(candidates, in_ten_years)) == 20
    assert rules([a_set(START - 400 * DAY, policy), *candidates], in_ten_years)[0] == "destroyed"


def test_a_hold_keeps_what_it_names_until_it_ends() -> None:
    policy = Policy(last=1)
    candidates = [a_set(START + day * DAY, policy) for day in range(6)]
    now = START + 6 * DAY

    def held(**options: str) -> list[int]:
        hold = make_hold({"reason": "Proceso 2026-15", **options}, BOGOTA)
        decisions = plan(candidates, Context(now, BOGOTA, [hold]))
        assert all(one.why == "Proceso 2026-15" for one in decisions if one.rule is Rule.HELD)
        return [number for number, one in enumerate(decisions) if one.rule is Rule.HELD]

    assert held(set=str(candidates[2].set_id)) == [2]
    assert held(source="conta*") == [0, 1, 2, 3, 4, 5]
    assert held(host="another") == []
    assert held(**{"source": "contabilidad", "from": "2026-11-23", "to": "2026-11-24"}) == [1, 2]
    assert held(source="contabilidad", until="2026-11-28") == [0, 1, 2, 3, 4, 5]  # The whole day, in Bogotá.
    assert held(source="contabilidad", until="2026-11-27") == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reason": " ", "source": "a"}, "gives no reason"),
        ({"reason": "r"}, "names no sets"),
        ({"reason": "r", "until": "2026-11-27"}, "names no sets"),
        ({"reason": "r", "set": "contabilidad"}, "host/source/time"),
        ({"reason": "r", "from": "27/11/2026"}, "is not a date"),
        ({"reason": "r", "from": "2026-11-27", "to": "2026-11-26"}, "ends before it begins"),
    ],
)
def test_a_hold_that_would_hold_nothing_or_everything_is_refused(options: dict[str, str], says: str) -> None:
    with pytest.raises(Refused, match=says):
        make_hold(options, BOGOTA)


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({}, "keeps nothing"),
        ({"daily": -1}, "less than 0"),
        ({"daily": 3, "minimum_days": -1}, "less than 0"),
        ({"destroy_after_days": 100}, "keeps nothing"),
        ({"minimum_days": 100, "destroy_after_days": 99}, "less than minimum_days"),
        ({"daily": 3, "destroy_after_days": 0}, "or than 1"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(numbers: dict[str, int], says: str) -> None:
    with pytest.raises(Refused, match=says):
        Policy(**numbers)


def test_a_time_zone_that_nobody_knows_is_refused() -> None:
    assert find_zone("America/Bogota") == BOGOTA
    for name in ("America/Tulua", "../etc/passwd", ""):
        with pytest.raises(Refused, match="does not know it"):
            find_zone(name)
