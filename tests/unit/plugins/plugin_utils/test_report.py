# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report says by host what was done, and every failure with what, on what, why and what to do."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils import _report
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import catalogue

ENGLISH = catalogue("en")
SET = "srv/ledger/20261122T030000Z"


def failure(**facts: t.Any) -> dict[str, t.Any]:
    return {"step": "step2", "server": "srv", "kind": "dump", "message": "it is full", **facts}


def done(what: str, **facts: t.Any) -> dict[str, t.Any]:
    return {"step": "step2", "what": what, **facts}


def noted(*entries: dict[str, t.Any], failures: t.Sequence[dict[str, t.Any]] = ()) -> dict[str, t.Any]:
    return {"done": list(entries), "failures": list(failures), "finished": ["step2"]}


def report(
    hosts: dict[str, t.Any], *, check_mode: bool = False, in_daily: bool = False, steps: t.Sequence[str] = ("step2",)
) -> list[str]:
    return _report.report(hosts, steps, ENGLISH, organization="INFI", check_mode=check_mode, in_daily=in_daily)


def line(found: dict[str, t.Any]) -> str:
    return _report.failure_lines([found], ENGLISH)[0]


def test_the_report_names_each_host_and_what_was_done_there() -> None:
    hosts = {"srv": noted(done("dumped", id=SET, bytes=2048)), "idle": noted()}
    assert report(hosts) == [
        "BACK UP (REALIZAR COPIA DE SEGURIDAD): report of INFI",
        "srv:",
        f"  {SET}: backed up, 2.0 kB",
        "idle:",
        "  nothing to do",
        "No failures.",
    ]


def test_a_check_says_that_nothing_was_changed() -> None:
    lines = report({"srv": noted(done("to_dump", id=SET))}, check_mode=True)
    assert lines[1] == "Check mode (--check). This is what a run would do; nothing was changed."
    assert lines[3] == f"  {SET}: would be backed up"


def test_what_to_know_of_a_set_follows_it() -> None:
    lines = report({"srv": noted(done("dumped", id=SET, bytes=1, warnings=["1 row was skipped"]))})
    assert lines[3] == f"    WARNING: {SET}: 1 row was skipped"


def test_failures_are_counted_where_they_are_named_next_and_named_where_the_run_goes_on() -> None:
    hosts = {"srv": noted(failures=[failure(), failure(source="ledger")])}
    assert report(hosts)[1:] == ["Failures: 2, listed below."]
    assert [text.split(":")[0] for text in report(hosts, in_daily=True)[1:]] == ["FAILURE 1", "FAILURE 2"]


def test_a_step_tells_of_itself_only() -> None:
    other = {**failure(), "step": "step3"}
    assert report({"srv": noted(done("kept", id=SET), failures=[other])})[-1] == "No failures."


def test_several_steps_are_told_one_after_the_other() -> None:
    both = {"done": [done("kept", id=SET)], "finished": ["step2", "step3"]}
    lines = report({"srv": both}, steps=["step2", "step3"])
    assert [text for text in lines if "report of" in text] == [
        "BACK UP (REALIZAR COPIA DE SEGURIDAD): report of INFI",
        "VERIFY RESULT (VERIFICAR RESULTADO): report of INFI",
    ]


def test_a_name_makes_no_line_of_its_own_and_nothing_that_a_terminal_obeys() -> None:
    lines = report({"srv": noted(done("kept", id="srv/x\nNo failures.\x1b[2J", warnings=["a\nb"]))})
    assert lines[2:] == [
        "  srv/x\\nNo failures.\\x1b[2J: already has this run's backup",
        "    WARNING: srv/x\\nNo failures.\\x1b[2J: a\\nb",
        "No failures.",
    ]
    assert "\n" not in line(failure(source="x\ny", message="p\nq"))


def test_a_failure_says_what_on_what_why_and_what_to_do() -> None:
    next_step = (
        "Correct that and repeat infitulua.backup.step2_back_up with --limit srv; other sources are not repeated."
    )
    what = "it was not backed up. Reason: it is full. What to do:"
    assert line(failure(source="ledger")) == f"FAILURE 1: server srv, source ledger: {what} {next_step}"
    assert line(failure(id=SET)) == f"FAILURE 1: server srv, set {SET}: {what} {next_step}"
    assert line(failure()) == f"FAILURE 1: host srv: {what} {next_step}"


def test_a_failure_on_another_host_says_where() -> None:
    assert "it was not backed up (on pc). Reason" in line(failure(host="pc"))
    assert "it was not backed up. Reason" in line(failure(host="srv"))


def test_what_a_module_says_of_its_own_takes_precedence_over_what_the_step_says() -> None:
    assert "the set is suspect" in line(failure(suspect="it is empty"))
    assert "its trial restore could not be done" in line(failure(kind="drill", outcome="not_done"))
    # Nothing was drilled: the cloud did not answer.
    assert "the restore drill could not be done" in line(failure(kind="simulacrum"))
    assert "it did not pass the trial restore" in line(failure(kind="drill", outcome="failed"))


def test_a_reason_is_a_sentence_without_what_ansible_says_before_it() -> None:
    assert "Reason: no room. What" in line(failure(message="Task failed: Module failed: no room "))
    assert "Reason: Who? What" in line(failure(message="Who?"))
    silent = failure()
    del silent["message"]
    assert "Reason: not given. What" in line(silent)
    assert "Reason: refused. What" in line({**silent, "msg": "refused"})


def test_a_host_that_did_not_come_to_the_end_has_failed_the_step() -> None:
    (found,) = _report.failures({"srv": {}}, ["step2"], ENGLISH)
    assert found["kind"] == "unfinished"
    assert _report.failures({"srv": {"finished": ["step2"]}}, ["step2"], ENGLISH) == []
    # What has failed is told already.
    told = _report.failures({"srv": {"failures": [failure()]}}, ["step2"], ENGLISH)
    assert [entry["kind"] for entry in told] == ["dump"]


def test_a_set_that_every_step_finds_dated_after_now_is_one_failure() -> None:
    late = {"kind": "misdated", "id": SET, "message": "x"}
    found = {**noted(), "failures": [failure(**late), {**failure(**late), "step": "step3"}]}
    assert len(_report.failures({"srv": found}, ["step2", "step3"], ENGLISH)) == 1
    assert len(_report.failures({"srv": found}, ["step3"], ENGLISH)) == 1
