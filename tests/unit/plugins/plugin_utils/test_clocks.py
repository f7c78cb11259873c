# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A difference between clocks is told in words: small ones as warnings, those of minutes as failures."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.plugin_utils import _clocks
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import catalogue

ENGLISH = catalogue("en")
SYSTEMS_CLOCK: dict[str, t.Any] = {"time": "2026-11-22T03:00:00Z", "ahead_seconds": -7.0, "differences": []}
AGREED = {"ahead_seconds": -7.1}


def entries(
    systems_clock: dict[str, t.Any], server_clock: dict[str, t.Any] | None = None
) -> tuple[list[dict[str, t.Any]], list[dict[str, t.Any]]]:
    return _clocks.entries(AGREED if server_clock is None else server_clock, systems_clock, "srv", "pc", ENGLISH)


def clocks(clock: str, seconds: int) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """The systems computer's clock and the server's, where one of them, or the record, is off."""
    if clock == "server":
        return SYSTEMS_CLOCK, {"ahead_seconds": seconds - 7.0}
    host = "srv" if clock == "record" else None
    found = {"clock": clock, "seconds": seconds, "serious": abs(seconds) > 300, "host": host}
    return {**SYSTEMS_CLOCK, "differences": [found]}, AGREED


def test_clocks_that_agree_are_not_told() -> None:
    assert entries({**SYSTEMS_CLOCK, "record_problems": []}) == ([], [])
    assert entries({}, {}) == ([], [])


@pytest.mark.parametrize(
    ("clock", "seconds", "told"),
    [
        ("server", 301, "the clock of srv is 301 s ahead of the one of pc, where it is 2026-11-22T03:00:00Z"),
        ("server", -900, "the clock of srv is 15 min behind the one of pc, where it is 2026-11-22T03:00:00Z"),
        ("control_node", 172800, "the clock of this machine (which runs Ansible) is 2 d ahead of the one of pc"),
        ("record", 4000, "its last trial restore is recorded 67 min later: that clock is behind, or was ahead"),
    ],
)
def test_a_difference_of_minutes_is_a_failure(clock: str, seconds: int, told: str) -> None:
    warnings, failures = entries(*clocks(clock, seconds))
    assert warnings == []
    assert [failure["kind"] for failure in failures] == ["clock"]
    assert told in failures[0]["message"]
    systems_clock, server_clock = clocks(clock, seconds)
    assert _clocks.wrong_clocks(server_clock, systems_clock, "srv") == [clock]
    assert _clocks.wrong_clocks(AGREED, systems_clock, "other") == ([clock] if clock == "control_node" else [])


def test_a_small_difference_is_a_warning() -> None:
    warnings, failures = entries(*clocks("server", -90))
    assert failures == []
    assert _clocks.wrong_clocks({"ahead_seconds": -97.0}, SYSTEMS_CLOCK, "srv") == []
    message = "the clock of srv is 90 s behind the one of pc, where it is 2026-11-22T03:00:00Z"
    assert warnings == [{"what": "warning", "message": message}]


def test_what_could_not_be_compared_is_a_warning() -> None:
    warnings, _failures = entries({"msg": "no Python", "record_problems": ["a record is bad"]}, {"msg": "no clock"})
    assert [warning["message"] for warning in warnings] == [
        "not all clocks were compared: no clock",
        "not all clocks were compared: no Python",
        "not all clocks were compared: a record is bad",
    ]


def test_that_a_host_could_not_be_reached_is_told_by_what_else_it_fails() -> None:
    assert entries({"msg": "timed out", "unreachable": True}, {"msg": "timed out", "unreachable": True}) == ([], [])
