# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clock_info takes and answers."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from ..outermost import Answer
from .operation import differences, differences_from_record, seconds_after

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "reference": {"type": "str", "required": True},
    "others": {"type": "dict", "default": {}},
    "record_directory": {"type": "path"},
    "record_sources": {"type": "dict"},
}


def call(params: t.Mapping[str, t.Any]) -> Answer:
    """Compare this host's clock with those of others and, where there is one, with its record of drills.

    :raises Refused: when the others' clocks or the sources of the record are not of their form.
    """
    now = host_clock.now()
    ahead = seconds_after(params["reference"], now)
    found = differences(ahead, _numbers(params["others"]))
    problems: list[str] = []
    if params["record_directory"]:
        sources = _lists(params["record_sources"])
        of_record, unread = differences_from_record(params["record_directory"], sources, now)
        found += of_record
        problems = [problem.message for problem in unread]
    return Answer(
        {
            "changed": False,
            "time": host_clock.write(now),
            "ahead_seconds": round(ahead, 3),
            "differences": [dataclasses.asdict(difference) for difference in found],
            "record_problems": problems,
        },
        problems,
    )


def _numbers(others: dict[str, object]) -> dict[str, float]:
    try:
        found = {name: float(str(value)) for name, value in others.items()}
        if not all(map(math.isfinite, found.values())):
            raise ValueError("a number of seconds is finite")
        return found
    except ValueError as error:
        raise Refused(
            "compare clocks",
            on="others",
            why=str(error),
            next_step="Give for each clock a number of seconds, as this module returns it as ahead_seconds.",
        ) from error


def _lists(sources: dict[str, object]) -> dict[str, list[str]]:
    found = {}
    for host, names in sources.items():
        if not isinstance(names, list):
            raise Refused(
                "compare clocks",
                on=f"record_sources, {host}",
                why="it is not a list",
                next_step="Give for each host the list of its sources, as the filter recorded_sources returns it.",
            )
        found[host] = [str(name) for name in names]
    return found
