# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clocks that do not agree with the systems computer's, as entries of the report."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._operations.compare_clocks import operation
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import Catalogue

_DAY = 86400
_MINUTE = 60
# Seconds: from here on a difference is given in the larger unit.
_IN_DAYS = 2 * _DAY
_IN_MINUTES = 10 * _MINUTE


#: What ``clock_info`` returned on a host; empty where it was not asked.
Clock = t.Mapping[str, t.Any]


def wrong_clocks(server_clock: Clock, systems_clock: Clock, server: str) -> list[str]:
    """Return which clocks differ by minutes from the systems computer's, as far as a server is concerned.

    :returns: any of ``server``, ``control_node`` and ``record``, of this server's drills.
    """
    found = [*_of_server(server_clock, systems_clock, server), *_of_control_node(systems_clock)]
    return [difference["clock"] for difference in found if difference["serious"]]


def _of_server(server_clock: Clock, systems_clock: Clock, server: str) -> list[dict[str, t.Any]]:
    """Return how a server's clock, and the record of its drills, differ from the systems computer's clock.

    Both clocks were compared with the control node's.
    """
    of_record = [found for found in systems_clock.get("differences") or () if found.get("host") == server]
    if "ahead_seconds" not in server_clock or "ahead_seconds" not in systems_clock:
        return of_record
    found = operation.differences(systems_clock["ahead_seconds"], {"server": server_clock["ahead_seconds"]})
    return [*(dataclasses.asdict(difference) for difference in found), *of_record]


def _of_control_node(systems_clock: Clock) -> list[dict[str, t.Any]]:
    return [found for found in systems_clock.get("differences") or () if found.get("host") is None]


def entries(
    server_clock: Clock,
    systems_clock: Clock,
    server: str,
    systems_computer: str,
    catalogue: Catalogue,
    *,
    parts: t.Collection[str] = ("server", "systems"),
) -> tuple[list[dict[str, t.Any]], list[dict[str, t.Any]]]:
    """Return the warnings, and the failures: differences of minutes.

    :param parts: of what: the ``server``'s clock and the record of its drills; the ``systems`` computer's clock and the
        control node's.
    """
    warnings: list[dict[str, t.Any]] = []
    serious: list[dict[str, t.Any]] = []
    differences: list[dict[str, t.Any]] = []
    answers: list[Clock] = []
    if "server" in parts:
        differences += _of_server(server_clock, systems_clock, server)
        answers.append(server_clock)
    if "systems" in parts:
        differences += _of_control_node(systems_clock)
        answers.append(systems_clock)
    for found in differences:
        message = catalogue.say(
            _key(found),
            clock=catalogue["clock_of_control_node"] if found["clock"] == "control_node" else server,
            difference=_duration(abs(found["seconds"])),
            systems=systems_computer,
            time=systems_clock["time"],
        )
        (serious if found["serious"] else warnings).append({"message": message})
    for answer in answers:
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
