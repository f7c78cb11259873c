# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clocks that do not agree with the systems computer's, as entries of the report."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import Catalogue

_DAY = 86400
_MINUTE = 60
# Seconds: from here on a difference is given in the larger unit.
_IN_DAYS = 2 * _DAY
_IN_MINUTES = 10 * _MINUTE


def entries(
    server_clock: t.Mapping[str, t.Any],
    comparison: t.Mapping[str, t.Any],
    server: str,
    systems_computer: str,
    catalogue: Catalogue,
) -> tuple[list[dict[str, t.Any]], list[dict[str, t.Any]]]:
    """Return the warnings, and the failures: differences of minutes.

    :param server_clock: what ``clock_info`` returned on the server.
    :param comparison: what it returned on the systems computer.
    """
    warnings: list[dict[str, t.Any]] = []
    serious: list[dict[str, t.Any]] = []
    for found in comparison.get("differences") or ():
        message = catalogue.say(
            _key(found),
            clock=catalogue["clock_of_control_node"] if found["clock"] == "control_node" else server,
            difference=_duration(abs(found["seconds"])),
            systems=systems_computer,
            time=comparison["time"],
        )
        (serious if found["serious"] else warnings).append({"message": message})
    for answer in (server_clock, comparison):
        # A host that could not be reached is reported by its other failures.
        failed = [answer["msg"]] if "msg" in answer and not answer.get("unreachable") else []
        for why in [*failed, *(answer.get("record_problems") or ())]:
            warnings.append({"message": catalogue.say("clock_unknown", why=catalogue.worded(why))})
    return [{**entry, "what": "warning"} for entry in warnings], [{**entry, "kind": "clock"} for entry in serious]


def _key(found: t.Mapping[str, t.Any]) -> str:
    if found["clock"] == "record":
        return "clock_record"
    return "clock_ahead" if found["seconds"] > 0 else "clock_behind"


def _duration(seconds: int) -> str:
    if seconds >= _IN_DAYS:
        return f"{round(seconds / _DAY)} d"
    return f"{round(seconds / _MINUTE)} min" if seconds >= _IN_MINUTES else f"{seconds} s"
