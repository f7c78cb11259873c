# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two rules joined keep whatever either keeps: lengthening needs nobody, and shortening loses nothing unasked."""

from __future__ import annotations

import random
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.plan import plan
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.policy import Policy
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.rules import (
    Rules,
    changes_between,
    holds_about,
    rules_of,
)
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils._operations.prune.histories import (
    CASES,
    some_history,
    some_policy,
)

ZONES = ("America/Bogota", "Europe/Madrid")
HOLDS = (
    {"source": "conta*", "from": "2026-12-01", "to": "2027-03-01", "reason": "a"},
    {"source": "conta*", "from": "2026-12-01", "to": "2027-03-01", "until": "2028-01-01", "reason": "b"},
    {"host": "srv", "to": "2027-01-01", "until": "2027-06-30", "reason": "c"},
)


def some_rules(choose: random.Random) -> Rules:
    policies = {"a": some_policy(choose), "b": choose.choice([None, some_policy(choose)])}
    holds = choose.sample(HOLDS, choose.randint(0, 2))
    return Rules(choose.choice(ZONES), choose.choice([0, 30, 90]), policies, tuple(holds))


def test_joined_rules_keep_whatever_the_agreed_rules_keep() -> None:
    choose = random.Random(407)
    shorter = 0
    for _case in range(CASES // 2):
        candidates, context = some_history(choose)
        series = [choose.choice("ab") for _one in candidates]
        agreed, wanted = some_rules(choose), some_rules(choose)
        joined = agreed.joined(wanted)
        kept = {one.set_id for one in plan(*agreed.applied(candidates, series, context)) if one.is_kept}
        by_joined = {one.set_id for one in plan(*joined.applied(candidates, series, context)) if one.is_kept}
        assert kept <= by_joined
        assert joined.joined(wanted).record() == joined.record(), "a second run changes nothing"
        assert rules_of(joined.record()).record() == joined.record()
        assert bool(changes_between(joined, wanted)) == (joined.record() != wanted.record())
        shorter += joined.record() != wanted.record()
    assert shorter > CASES // 10


@pytest.mark.parametrize(
    ("agreed", "wanted", "joined"),
    [
        ({"daily": 7}, {"daily": 14}, {"daily": 14}),
        ({"daily": 14, "monthly": 1}, {"daily": 7, "monthly": 12}, {"daily": 14, "monthly": 12}),
        ({"daily": 7, "destroy_after_days": 30}, {"daily": 7}, {"daily": 7}),
        ({"daily": 7, "destroy_after_days": 30}, {"daily": 7, "destroy_after_days": 9}, None),
        (None, {"daily": 7}, None),
    ],
)
def test_of_each_number_the_one_that_keeps_more_counts(
    agreed: dict[str, int] | None, wanted: dict[str, int], joined: dict[str, int] | None
) -> None:
    def rules(policy: dict[str, int] | None) -> Rules:
        return Rules(ZONES[0], 90, {"a": Policy(**policy) if policy else None})

    assert rules(agreed).joined(rules(wanted)).record() == rules(joined or agreed).record()


def test_of_holds_of_the_same_sets_the_one_that_ends_later_counts() -> None:
    def rules(*holds: t.Mapping[str, str]) -> Rules:
        return Rules(ZONES[0], 90, {}, holds)

    for_ever, dated, other = HOLDS
    assert rules(for_ever).joined(rules(dated)).holds == (for_ever,)
    assert rules(dated).joined(rules(for_ever)).holds == (for_ever,)
    assert rules(dated).joined(rules({**dated, "reason": "reworded"})).holds[0]["reason"] == "reworded"
    assert rules(dated).joined(rules(other)).holds == (dated, other)
    assert changes_between(rules(for_ever), rules(dated)) and not changes_between(rules(dated), rules(for_ever))


def test_only_holds_that_can_hold_sets_of_a_source_are_its_rules() -> None:
    about: list[dict[str, t.Any]] = [
        {"source": "conta*", "host": None, "reason": "a"},
        {"set": "srv/contabilidad/20261122T030000Z", "reason": "b"},
        {"from": "2026-01-01", "reason": "c"},
    ]
    others: list[dict[str, t.Any]] = [
        {"host": "other", "reason": "d"},
        {"set": "srv/nomina/20261122T030000Z", "reason": "e"},
    ]
    assert [one["reason"] for one in holds_about([*about, *others], "srv", "contabilidad")] == ["a", "b", "c"]
    assert "host" not in holds_about(about, "srv", "contabilidad")[0]
