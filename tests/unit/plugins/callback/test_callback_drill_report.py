# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback: which results it takes for what, and when it writes."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.infitulua.backup.plugins.callback.drill_report import JUNIT, SUMMARY, CallbackModule
from ansible_collections.infitulua.backup.tests.unit.plugins.plugin_utils.junit import read_junit
from ansible_collections.infitulua.backup.tests.unit.plugins.plugin_utils.test_drill_report import drill, result

DRILL = "infitulua.backup.restore_drill"


class Display:
    """Keeps warnings."""

    verbosity = 0

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, message: str) -> None:
        self.warnings.append(message)


class Run:
    """A callback and what it is told."""

    def __init__(self, callback: CallbackModule, directory: Path) -> None:
        self.callback = callback
        self.directory = directory
        callback.v2_playbook_on_start(SimpleNamespace(_file_name="/somewhere/playbooks/daily.yml"))

    def task(
        self, outcome: dict[str, t.Any], *, action: str = DRILL, run_once: bool = False, **more: t.Any
    ) -> SimpleNamespace:
        """A task's result."""
        task = SimpleNamespace(
            action="as written",
            resolved_action=action,
            run_once=run_once,
            get_name=lambda: "task",
            **{"check_mode": False, "args": {}, **more},
        )
        return SimpleNamespace(_result=outcome, _task=task, _host=SimpleNamespace(get_name=lambda: "srv-1"))

    def end(self, *, failures: int = 0, unreachable: int = 0) -> None:
        self.callback.v2_playbook_on_stats(SimpleNamespace(failures={"srv-1": failures}, dark={"srv-1": unreachable}))

    def summary(self) -> dict[str, t.Any]:
        """What was written; the JUnit XML beside it is valid."""
        read_junit(self.directory / JUNIT)
        summary: dict[str, t.Any] = json.loads((self.directory / SUMMARY).read_text(encoding="utf-8"))
        return summary


def make_callback(monkeypatch: pytest.MonkeyPatch, *, directory: str | None, artifacts: str | None) -> CallbackModule:
    """A callback with its option set, in an environment as ansible-runner makes it."""
    monkeypatch.delenv("AWX_ISOLATED_DATA_DIR", raising=False)
    if artifacts:
        monkeypatch.setenv("AWX_ISOLATED_DATA_DIR", artifacts)
    callback = CallbackModule(display=Display())
    monkeypatch.setattr("ansible.plugins.callback.CallbackBase.set_options", lambda *_arguments, **_named: None)
    monkeypatch.setattr(callback, "get_option", {"directory": directory}.__getitem__)
    callback.set_options()
    return callback


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """A run that has begun, under ansible-runner."""
    return Run(make_callback(monkeypatch, directory=None, artifacts=str(tmp_path)), tmp_path)


def test_an_option_goes_before_the_artifacts_of_ansible_runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wanted, artifacts = tmp_path / "not" / "there", tmp_path / "artifacts"
    Run(make_callback(monkeypatch, directory=str(wanted), artifacts=str(artifacts)), wanted).summary()
    assert not artifacts.exists()


def test_without_a_place_it_says_so_and_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    callback = make_callback(monkeypatch, directory=None, artifacts=None)
    assert callback.disabled
    assert "INFITULUA_BACKUP_DRILL_REPORT" in callback._display.warnings[0]


def test_a_directory_that_cannot_be_written_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    callback = make_callback(monkeypatch, directory=str(tmp_path / "file" / "below"), artifacts=None)
    Run(callback, tmp_path)
    assert "Could not write drill-junit.xml" in callback._display.warnings[0]


def test_a_run_is_unfinished_until_it_ends(run: Run) -> None:
    assert run.summary()["outcome"] == "unfinished"
    run.callback.v2_runner_on_ok(run.task(result(sets=[drill()])))
    assert (run.summary()["outcome"], run.summary()["counts"]["passed"]) == ("unfinished", 1)
    run.end()
    assert (run.summary()["outcome"], run.summary()["playbooks"]) == ("succeeded", ["daily"])


@pytest.mark.parametrize("count", ["failures", "unreachable"])
def test_a_run_with_a_host_that_did_not_make_it_failed(run: Run, count: str) -> None:
    run.end(**{count: 1})
    assert run.summary()["outcome"] == "failed"


def test_drills_are_taken_from_tasks_that_fail_and_named_once(run: Run) -> None:
    bad = drill(outcome="failed", message="no")
    run.callback.v2_runner_on_failed(run.task({"failed": True, "msg": "no", **result(failures=[bad])}))
    run.end(failures=1)
    assert (run.summary()["drills"], run.summary()["failures"]) == ([bad], [])


def test_drills_of_every_turn_of_a_loop_are_taken(run: Run) -> None:
    turns = [
        {"ansible_loop_var": "item", **result(sets=[drill()])},
        {"ansible_loop_var": "item", "skipped": True},
        {"ansible_loop_var": "item", "failed": True, "msg": "the medium is not there", **result()},
    ]
    run.callback.v2_runner_on_failed(run.task({"failed": True, "msg": "One or more items failed", "results": turns}))
    run.end(failures=1)
    assert run.summary()["counts"]["passed"] == 1
    assert [failure["message"] for failure in run.summary()["failures"]] == ["the medium is not there"]


def test_a_drill_task_that_could_not_begin_is_a_failure(run: Run) -> None:
    run.callback.v2_runner_on_failed(run.task({"msg": "no such directory", "details": ["a"], **result()}))
    run.end(failures=1)
    (failure,) = run.summary()["failures"]
    assert (failure["host"], failure["message"], failure["details"]) == ("srv-1", "no such directory", ["a"])


def test_a_hidden_result_is_no_pass(run: Run) -> None:
    run.callback.v2_runner_on_ok(run.task({"censored": "hidden", "changed": True}))
    run.end()
    assert "no_log" in run.summary()["failures"][0]["message"]


def test_each_source_that_a_module_names_is_a_failure_of_its_own(run: Run) -> None:
    named: list[dict[str, object]] = [
        {"source": name, "message": f"{name} is down", "details": []} for name in ("nomina", "historico")
    ]
    dump = run.task({"failed": True, "msg": "both", "failures": named}, action="infitulua.backup.database_dump")
    run.callback.v2_runner_on_failed(dump)
    run.end(failures=1)
    assert [(entry["subject"], entry["message"]) for entry in run.summary()["failures"]] == [
        ("nomina", "nomina is down"),
        ("historico", "historico is down"),
    ]


def test_what_is_to_be_ignored_is_ignored_and_what_is_unreachable_is_not(run: Run) -> None:
    run.callback.v2_runner_on_failed(run.task({"failed": True, "msg": "no"}, action="command"), ignore_errors=True)
    run.callback.v2_runner_on_unreachable(run.task({"unreachable": True, "msg": "no route"}, action="ping"))
    run.end()
    assert [(entry["kind"], entry["message"]) for entry in run.summary()["failures"]] == [("unreachable", "no route")]


def test_what_a_playbook_says_at_its_end_is_the_verdict_and_no_failure_of_one_host(run: Run) -> None:
    said = run.task({"failed": True, "msg": "FALLO 1\nFALLO 2"}, action="ansible.builtin.fail", run_once=True)
    run.callback.v2_runner_on_failed(said)
    run.end(failures=1)
    assert (run.summary()["verdict"], run.summary()["failures"]) == ("FALLO 1\nFALLO 2", [])


def test_another_playbook_of_the_same_run_goes_on_with_the_report(run: Run) -> None:
    run.callback.v2_runner_on_ok(run.task(result(sets=[drill()])))
    run.end()
    run.callback.v2_playbook_on_start(SimpleNamespace(_file_name="restore_drill.yml"))
    assert run.summary()["outcome"] == "unfinished"
    run.end()
    assert (run.summary()["playbooks"], run.summary()["counts"]["passed"]) == (["daily", "restore_drill"], 1)


def test_what_another_host_drilled_is_counted_once(run: Run) -> None:
    elsewhere = result(planned=["srv-1/a/20261122T030000Z"])
    run.callback.v2_runner_on_ok(run.task(elsewhere, check_mode=True))
    drilled = result(sets=[drill()], not_removed=["it stays"])
    run.callback.v2_runner_on_ok(run.task(drilled, args={"record": False}))
    delivered: dict[str, t.Any] = {"deliveries": [], "undelivered": []}
    run.callback.v2_runner_on_ok(run.task(delivered, action="infitulua.backup.drill_delivery"))
    run.callback.v2_runner_on_ok(run.task(result(sets=[drill()]), action="infitulua.backup.drill_delivery"))
    run.end()
    counts = run.summary()["counts"]
    assert (counts["passed"], sum(counts.values())) == (1, 1)
    assert run.summary()["not_removed"] == ["it stays"]
