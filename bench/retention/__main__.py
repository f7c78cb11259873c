# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m bench.retention``: the plan and the locks of 100,000 sets, of one source and of many."""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
import zoneinfo
from collections.abc import Sequence

from bench.measuring import report, turns
from development.environment import COLLECTIONS

sys.path.insert(0, str(COLLECTIONS))

from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.lock_term import lock_terms
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.plan import (
    Candidate,
    Context,
    State,
    plan,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.policy import Policy
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

PLAN_TARGET = 2.0
ZONE = zoneinfo.ZoneInfo("America/Bogota")
POLICY = Policy(last=3, hourly=48, daily=14, weekly=8, monthly=12, yearly=10)
START = datetime.datetime(2016, 1, 1, 8, tzinfo=datetime.timezone.utc)


def history(source: str, count: int) -> list[Candidate]:
    """Sets of ten years, as far apart as the number of them makes them."""
    apart = datetime.timedelta(days=3650) / count
    moments = [(START + number * apart).replace(microsecond=0) for number in range(count)]
    return [
        Candidate(SetId.at("srv", source, moment), moment, State.GOOD, POLICY, id_time=moment, first_verified=moment)
        for moment in moments
    ]


def measure(sources: Sequence[Sequence[Candidate]]) -> tuple[float, float]:
    """Plan all of them, and then their locks; seconds of each."""
    context = Context(START + datetime.timedelta(days=3651), ZONE)
    begin = time.perf_counter()
    decisions = [plan(sets, context) for sets in sources]
    planned = time.perf_counter()
    for sets, decided in zip(sources, decisions):
        lock_terms(sets, decided, context)
    return planned - begin, time.perf_counter() - planned


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args(arguments)
    shapes = {"one source": 1, "100 sources": 100}
    with report("retention", options.turns, ("sets", "of", "plan", "locks")) as (rows, _notes):
        sources = {
            name: [history(f"s{number}", options.sets // count) for number in range(count)]
            for name, count in shapes.items()
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in shapes}
        for _turn in turns(options.turns):
            for name, sets in sources.items():
                found[name].append(measure(sets))
        for name, measured in found.items():
            plans, locks = (statistics.median(each) for each in zip(*measured))
            verdict = "✓" if plans < PLAN_TARGET else "✗"
            rows.append((str(options.sets), name, f"{plans:.2f} (< {PLAN_TARGET:g} {verdict})", f"{locks:.2f}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
