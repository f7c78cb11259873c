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
AGREED = {"ahead_seconds": 0.1}


def entries(
    comparison: dict[str, t.Any], server_clock: dict[str, t.Any] | None = None
) -> tuple[list[dict[str, t.Any]], list[dict[str, t.Any]]]:
    return _clocks.entries(AGREED if server_clock is None else server_clock, comparison, "srv", "pc", ENGLISH)


def difference(clock: str, seconds: int) -> dict[str, t.Any]:
    found = {"clock": clock, "seconds": seconds, "serious": abs(seconds) > 300}
    return {"time": "2026-11-22T03:00:00Z", "differences": [found]}


def test_clocks_that_agree_are_not_told() -> None:
    assert entries({"time": "2026-11-22T03:00:00Z", "differences": [], "record_problems": []}) == ([], [])
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
    warnings, failures = entries(difference(clock, seconds))
    assert warnings == []
    assert [failure["kind"] for failure in failures] == ["clock"]
    assert told in failures[0]["message"]


def test_a_small_difference_is_a_warning() -> None:
    warnings, failures = entries(difference("server", -90))
    assert failures == []
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
