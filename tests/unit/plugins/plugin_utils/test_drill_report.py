# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run: what was not restored is no pass, and whatever a message holds, the files can be read."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils import _printable
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import (
    FAILED,
    NOT_DONE,
    PASSED,
    Drill,
)
from ansible_collections.infitulua.backup.plugins.plugin_utils._drill_report import (
    SUCCEEDED,
    UNFINISHED,
    DrillReport,
    Failure,
    printable,
)
from ansible_collections.infitulua.backup.tests.unit.plugins.plugin_utils.junit import read_junit

STARTED = "2026-11-22T03:00:00Z"
ODD = "a\0b \x1b[31m \r ]]> <&\"' \ud800 \udcff \ufffe \uffff \x7f \x85 ñ €\n\t\U0001f4be"


def drill(time: str = "20261122T030000Z", **facts: t.Any) -> dict[str, t.Any]:
    """What restore_drill returns of a set."""
    known = Drill(
        id=f"srv-1.example.org/contabilidad/{time}",
        outcome=PASSED,
        drilled="2026-11-22T03:40:00Z",
        medium="directory /srv/backup/incoming",
        seconds=2.5,
        restore_seconds=1.25,
        bytes_per_second=1000,
        age_seconds=2400,
        checks=[{"name": "row counts", "passed": True, "detail": "10 rows"}],
    )
    return dataclasses.asdict(dataclasses.replace(known, **facts))


def report(**facts: t.Any) -> DrillReport:
    """A run that ended."""
    return DrillReport(**{"started": STARTED, "ended": STARTED, "succeeded": True, "playbooks": ["daily"], **facts})


def result(**lists: t.Any) -> dict[str, t.Any]:
    """What restore_drill returns."""
    return {"sets": [], "failures": [], "left_out": [], "overdue": [], "not_removed": [], "planned": [], **lists}


def test_a_run_without_drills_has_an_empty_suite_and_is_itself_a_test_case() -> None:
    suites = read_junit(report().to_junit())
    assert list(suites) == ["infitulua.backup.drills", "infitulua.backup.run"]
    assert not suites["infitulua.backup.drills"].findall("testcase")
    (case,) = suites["infitulua.backup.run"]
    assert (case.get("name"), list(case)) == ("daily", [])
    assert json.loads(report().to_json())["outcome"] == SUCCEEDED


def test_a_passed_drill_is_a_test_case_with_its_checks_and_times() -> None:
    suites = read_junit(report(drills=[drill()]).to_junit())
    (case,) = suites["infitulua.backup.drills"]
    assert case.attrib == {
        "classname": "srv-1.example.org.contabilidad",
        "name": "20261122T030000Z",
        "time": "2.500",
    }
    (output,) = case
    assert output.tag == "system-out"
    lines = (output.text or "").splitlines()
    assert {"restore_seconds: 1.25", "bytes_per_second: 1000", "age_seconds: 2400"} < set(lines)
    assert "check passed: row counts: 10 rows" in lines


@pytest.mark.parametrize(("outcome", "tag"), [(FAILED, "failure"), (NOT_DONE, "error")])
def test_what_did_not_pass_its_drill_is_no_pass(outcome: str, tag: str) -> None:
    bad = drill(
        outcome=outcome, message="no", details=["row 7"], checks=[{"name": "a", "passed": False, "detail": "b"}]
    )
    suites = read_junit(report(drills=[bad]).to_junit())
    (case,) = suites["infitulua.backup.drills"]
    found = case.find(tag)
    assert found is not None
    assert (found.get("type"), found.get("message"), found.text) == (outcome, "no", "no\nrow 7")
    assert "check FAILED: a: b" in (case.findtext("system-out") or "").splitlines()


def test_what_was_left_out_or_only_predicted_is_skipped() -> None:
    made = report()
    left_out = {"id": "a/b/20261121T030000Z", "reason": "budget"}
    made.add_drills(result(left_out=[left_out], planned=["a/b/20261122T030000Z"]))
    suites = read_junit(made.to_junit())
    cases = suites["infitulua.backup.drills"].findall("testcase")
    skipped = [case.find("skipped") for case in cases]
    assert [found.get("message") for found in skipped if found is not None] == [
        "budget",
        "check mode: it would be drilled",
    ]
    assert json.loads(made.to_json())["counts"]["left_out"] == 2


def test_a_drilled_set_is_not_also_left_out() -> None:
    made = report()
    passed, failed = drill("20261122T030000Z"), drill("20261121T030000Z", outcome=FAILED, message="no")
    made.add_drills(result(sets=[passed], failures=[failed], planned=[passed["id"], failed["id"]]))
    assert (made.left_out, made.drills) == ([], [passed, failed])
    assert made.summary()["counts"] == {"passed": 1, "failed": 1, "not_done": 0, "left_out": 0, "failures": 0}


def test_a_source_that_was_not_backed_up_is_an_error_of_its_own_name() -> None:
    failures = [
        Failure("srv-1", "dump", "no server", subject="nomina"),
        Failure("srv-1", "verify", "bytes differ", subject="srv-1/contabilidad/20261122T030000Z", details=["a.zst"]),
        Failure("srv-2", "dump", "no route", kind="unreachable"),
    ]
    suites = read_junit(report(failures=failures, succeeded=False, verdict="FALLO 1").to_junit())
    run, *others = suites["infitulua.backup.run"]
    assert run.findtext("failure") == "FALLO 1"
    assert [case.get("classname") for case in others] == ["srv-1.nomina", "srv-1.contabilidad", "srv-2"]
    errors = [case.find("error") for case in others]
    assert [(found.get("type"), found.text) for found in errors if found is not None] == [
        ("failed", "no server"),
        ("failed", "bytes differ\na.zst"),
        ("unreachable", "no route"),
    ]


def test_a_run_that_has_not_ended_is_an_error() -> None:
    made = report(ended=None, drills=[drill()])
    (case,) = read_junit(made.to_junit())["infitulua.backup.run"]
    assert case.find("error") is not None
    assert made.summary()["outcome"] == UNFINISHED


def test_overdue_sources_and_what_could_not_be_removed_are_in_the_output_of_the_drills() -> None:
    overdue = [{"source": "a/b", "last_passed": None}]
    suites = read_junit(report(overdue=overdue, not_removed=["it stays"]).to_junit())
    told = suites["infitulua.backup.drills"].findtext("system-out")
    assert told == "overdue: a/b, last passed: never\nnot removed: it stays"


def test_characters_that_xml_cannot_hold_are_escaped_and_all_others_kept() -> None:
    text = printable(ODD)
    assert text == ("a\\x00b \\x1b[31m \\x0d ]]> <&\"' \\ud800 \\udcff \\ufffe \\uffff \\x7f \\x85 ñ €\n\t\U0001f4be")


def test_files_with_odd_characters_everywhere_can_be_read_back() -> None:
    bad = drill(
        outcome=FAILED,
        message=ODD,
        medium=ODD,
        details=[ODD],
        warnings=[ODD],
        checks=[{"name": ODD, "passed": False, "detail": ODD}],
    )
    made = report(
        drills=[bad],
        failures=[Failure(ODD, ODD, ODD, subject=ODD, details=[ODD])],
        left_out=[{"id": "a/b/" + ODD, "reason": ODD}],
        overdue=[{"source": ODD, "last_passed": None}],
        succeeded=False,
        playbooks=[ODD],
        verdict=ODD,
    )
    suites = read_junit(made.to_junit())
    case = suites["infitulua.backup.drills"].findall("testcase")[0]
    assert case.findtext("failure") == printable(f"{ODD}\n{ODD}")
    found = case.find("failure")
    assert found is not None
    assert found.get("message") == printable(ODD)
    summary = json.loads(made.to_json().encode("utf-8"))
    assert summary["drills"][0]["message"] == _printable.printable(ODD)
    assert summary["failures"][0]["subject"] == _printable.printable(ODD)
