# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories of a source's sets, which the tests of retention share."""

from __future__ import annotations

import datetime
import os
import random
import typing as t
import zoneinfo

from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.hold import Hold
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.plan import Candidate, Context, State
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.policy import Policy
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

UTC = datetime.timezone.utc
BOGOTA = zoneinfo.ZoneInfo("America/Bogota")
ZONES = [BOGOTA, zoneinfo.ZoneInfo("Europe/Madrid"), zoneinfo.ZoneInfo("America/Santiago"), UTC]
DAY = datetime.timedelta(days=1)
START = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
# How many histories; more of them: RETENTION_CASES=10000 (50 seconds).
CASES = int(os.environ.get("RETENTION_CASES", "1000"))


def a_set(moment: datetime.datetime, policy: Policy | None = None, **more: t.Any) -> Candidate:
    values: dict[str, t.Any] = {"state": State.GOOD, **more}
    return Candidate(SetId.at("srv", "contabilidad", moment), moment, policy=policy, **values)


def some_history(choose: random.Random) -> tuple[list[Candidate], Context]:
    """A source's sets over at most ten years: some bad, some that need others, some held or locked."""
    count = choose.randint(1, 30)
    span = choose.choice([2, 40, 400, 3650]) * 24 * 60
    minutes = sorted(choose.sample(range(span), min(count, span)))
    moments = [START + datetime.timedelta(minutes=minute) for minute in minutes]
    policies: list[Policy | None] = [some_policy(choose) for _policy in range(choose.choice([1, 1, 2]))]
    if choose.random() < 0.1:
        policies.append(None)
    candidates: list[Candidate] = []
    for moment in moments:
        earlier = [one.set_id for one in candidates]
        candidates.append(
            a_set(
                moment,
                choose.choice(policies),
                state=State.GOOD if choose.random() < 0.75 else choose.choice(list(State)),
                needs=frozenset(choose.sample(earlier, 1)) if earlier and choose.random() < 0.1 else frozenset(),
                locked_until=moment + choose.randint(0, 400) * DAY if choose.random() < 0.1 else None,
                id_time=moment + choose.randint(-40, 40) * DAY if choose.random() < 0.1 else moment,
                first_verified=moment + choose.randint(0, 3000) * DAY if choose.random() < 0.2 else moment,
            )
        )
    now = moments[-1] + datetime.timedelta(minutes=choose.randint(0, 60 * 24 * 500))
    holds = []
    if choose.random() < 0.2:
        begin = choose.choice(moments)
        until = choose.choice([None, now - DAY, now + DAY])
        holds.append(Hold("a lawsuit", source="conta*", begin=begin, end=begin + 30 * DAY, until=until))
    return candidates, Context(now, choose.choice(ZONES), holds, keep_doubtful_days=choose.choice([0, 30, 90]))


def some_policy(choose: random.Random) -> Policy:
    counts = {
        name: choose.choice([0, 0, 1, 2, 7, 14]) for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly")
    }
    minimum = choose.choice([0, 0, 3, 30])
    if not minimum and not any(counts.values()):
        counts["last"] = 1
    return Policy(**counts, minimum_days=minimum, destroy_after_days=choose.choice([None, None, 30, 365, 1000]))
