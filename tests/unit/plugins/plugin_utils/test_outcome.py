# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step notes of a host: what failed, of what, and what only shows at its end."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.plugin_utils import _outcome
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import catalogue

ENGLISH = catalogue("en")
ABOUT = {"step": "step2", "server": "srv", "kind": "dump", "host": "srv", "paths": "", "subject": "one, two"}
OF_STEP = {"step": "step2", "server": "srv"}
LATE = "srv/one/20990101T000000Z"
SYSTEMS_CLOCK = {"time": "2026-11-22T03:00:00Z", "ahead_seconds": 0.2}
AHEAD = {"ahead_seconds": 9000.2}
BOTH = ["own", "delegated"]
DIFFERENCE = {"clock": "control_node", "seconds": 9000, "serious": True, "host": None}
CONTROL_NODE_AHEAD = {**SYSTEMS_CLOCK, "differences": [DIFFERENCE]}


def end(**facts: t.Any) -> dict[str, t.Any]:
    nothing: dict[str, t.Any] = {
        "done": [],
        "failures": [],
        "own_results": [],
        "delegated_results": [],
        "known_misdated": [],
        "server_clock": {},
        "systems_clock": {},
        "tells_systems_clock": True,
    }
    return {**OF_STEP, "systems_computer": "pc", **nothing, **facts}


def at_the_end(**facts: t.Any) -> dict[str, t.Any]:
    return _outcome.at_the_end({}, end(**facts), ENGLISH)


def test_a_task_that_names_its_failures_has_failed_for_each() -> None:
    result = {"msg": "2 sources", "failures": [{"source": "one", "message": "a"}, {"source": "two", "message": "b"}]}
    noted = _outcome.with_failure({}, result, ABOUT, ENGLISH)
    assert [(failure["source"], failure["message"]) for failure in noted["failures"]] == [("one", "a"), ("two", "b")]
    assert all(failure["kind"] == "dump" and failure["server"] == "srv" for failure in noted["failures"])


def test_a_task_that_names_none_has_failed_for_its_subject() -> None:
    noted = _outcome.with_failure({}, {"msg": "no room"}, ABOUT, ENGLISH)
    assert [(failure["source"], failure["message"]) for failure in noted["failures"]] == [("one, two", "no room")]
    (silent,) = _outcome.with_failure({}, {}, ABOUT, ENGLISH)["failures"]
    assert silent["message"] == "not given."


def test_what_was_noted_before_stays() -> None:
    before = {"done": [{"what": "dumped", "step": "step2"}], "failures": [{"kind": "pull"}], "finished": ["step1"]}
    noted = _outcome.with_failure(before, {"msg": "no room"}, ABOUT, ENGLISH)
    assert noted["done"] == before["done"]
    assert [failure["kind"] for failure in noted["failures"]] == ["pull", "dump"]
    noted = _outcome.at_the_end(noted, end(done=[{"what": "kept"}]), ENGLISH)
    assert [entry["what"] for entry in noted["done"]] == ["dumped", "kept"]
    assert [failure["kind"] for failure in noted["failures"]] == ["pull", "dump"]
    assert noted["finished"] == ["step1", "step2"]


def test_a_host_that_many_tasks_could_not_reach_is_told_once() -> None:
    lost = {"unreachable": True, "msg": "timed out"}
    noted = at_the_end(own_results=[{}, lost, lost], delegated_results=[lost, lost])
    assert [(failure["kind"], failure["msg"]) for failure in noted["failures"]] == [
        ("unreachable", "timed out"),
        ("systems_computer", "timed out"),
    ]


def test_a_set_that_is_dated_after_now_is_a_failure_told_once() -> None:
    noted = at_the_end(own_results=[{"dated_after_now": [LATE]}], delegated_results=[{"dated_after_now": [LATE]}])
    (failure,) = noted["failures"]
    assert (failure["kind"], failure["id"], failure["message"]) == ("misdated", LATE, ENGLISH["why_misdated"])


def test_one_that_the_institution_knows_of_is_a_warning() -> None:
    noted = at_the_end(own_results=[{"dated_after_now": [LATE]}], known_misdated=[LATE])
    assert noted["failures"] == []
    assert [(entry["what"], entry["id"]) for entry in noted["done"]] == [("known_misdated", LATE)]


@pytest.mark.parametrize(
    ("clocks", "told"),
    [
        ({}, BOTH),
        ({"server_clock": AHEAD, "systems_clock": SYSTEMS_CLOCK}, ["delegated"]),
        ({"systems_clock": CONTROL_NODE_AHEAD}, ["own"]),
        (
            {"systems_clock": {**SYSTEMS_CLOCK, "differences": [{**DIFFERENCE, "clock": "record", "host": "srv"}]}},
            ["own"],
        ),
        ({"systems_clock": {**SYSTEMS_CLOCK, "differences": [{**DIFFERENCE, "clock": "record", "host": "x"}]}}, BOTH),
        ({"server_clock": AHEAD, "systems_clock": CONTROL_NODE_AHEAD}, []),
    ],
)
def test_a_host_with_a_wrong_clock_says_nothing_of_dates(clocks: dict[str, t.Any], told: list[str]) -> None:
    own, delegated = {"dated_after_now": ["own"]}, {"dated_after_now": ["delegated"]}
    noted = at_the_end(own_results=[own], delegated_results=[delegated], **clocks)
    assert [failure["id"] for failure in noted["failures"] if failure["kind"] == "misdated"] == told


def test_the_step_that_looked_at_the_clocks_tells_of_them_and_no_later_one() -> None:
    clocks = {"server_clock": AHEAD, "systems_clock": CONTROL_NODE_AHEAD}
    noted = at_the_end(**clocks)
    assert [failure["kind"] for failure in noted["failures"]] == ["clock", "clock"]
    later = _outcome.at_the_end(noted, end(step="step3", **clocks), ENGLISH)
    assert later["failures"] == noted["failures"]


def test_clocks_that_the_first_step_could_not_look_at_are_told_by_the_next() -> None:
    noted = at_the_end(systems_clock=SYSTEMS_CLOCK)
    later = _outcome.at_the_end(noted, end(step="step3", server_clock=AHEAD, systems_clock=SYSTEMS_CLOCK), ENGLISH)
    assert [(failure["step"], failure["kind"]) for failure in later["failures"]] == [("step3", "clock")]


def test_of_many_servers_one_tells_of_the_clock_of_the_systems_computer() -> None:
    clocks = {"server_clock": AHEAD, "systems_clock": CONTROL_NODE_AHEAD}
    (failure,) = at_the_end(tells_systems_clock=False, **clocks)["failures"]
    assert "the clock of srv is 150 min ahead of the one of pc" in failure["message"]


def test_what_dead_restores_left_is_told_once_for_all_hosts() -> None:
    results: list[_outcome.Result] = [
        {"removed": ["restore-1", "restore-2"]},
        {"removed": ["restore-1"]},
        {"skipped": True},
    ]
    assert _outcome.swept(results, check_mode=False) == [{"what": "swept", "subject": "restore-1, restore-2"}]
    assert _outcome.swept(results, check_mode=True) == [{"what": "to_sweep", "subject": "restore-1, restore-2"}]
    assert _outcome.swept([{"removed": []}], check_mode=False) == []


def test_what_could_not_be_removed_is_a_warning_unless_the_task_failed_for_it() -> None:
    left = {"removed": [], "not_removed": ["it stays"]}
    assert _outcome.swept([left, left], check_mode=False) == [{"what": "warning", "message": "it stays"}]
    assert _outcome.swept([{**left, "failed": True, "msg": "it stays"}], check_mode=False) == []
    drills = {**left, "failed": True, "failures": [{"id": "a/b/c", "message": "bad"}]}
    assert _outcome.swept([drills], check_mode=False) == [{"what": "warning", "message": "it stays"}]
