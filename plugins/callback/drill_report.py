# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the results of a run's restore drills to files that continuous integration reads."""

from __future__ import annotations

DOCUMENTATION = r"""
name: drill_report
type: aggregate
short_description: Write a run's restore drills as JUnit XML and as JSON
version_added: 0.1.0
description:
  - Collects the results of M(infitulua.backup.restore_drill) from the tasks of a run, in any playbook, and all other
    failures.
  - Writes them to C(drill-junit.xml), which Jenkins, GitLab and others show as test results, and to
    C(drill-summary.json).
  - In the JUnit XML each set is a test case of the class C(<host>.<source>). A set that failed its drill is a failure,
    a set that could not be tried is an error, and a set that was left out is skipped; none of them looks like a pass.
    The checks, the duration of the restore and the age of the data are in the test case's output. Sources without a
    passed drill within the interval, and what drills could not remove (it is decrypted data), are in the output of the
    suite C(infitulua.backup.drills).
  - The suite C(infitulua.backup.run) has a test case for the run itself, and an error for every other task that failed
    (for each source or set, if the task names several). A failed task is listed even if a rescue block handled it.
  - The files exist from the start of the run and are rewritten after each drill. Until the run has ended they report it
    as unfinished, which is an error in the JUnit XML.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
options:
  directory:
    description:
      - The directory to write the files to. It is created if missing.
      - Without it, they are written only if ansible-runner or AWX runs the playbook, to the artifacts of that run (in
        the directory that E(AWX_ISOLATED_DATA_DIR) names).
    type: path
    env:
      - name: INFITULUA_BACKUP_DRILL_REPORT
    ini:
      - section: callback_drill_report
        key: directory
requirements:
  - enable it in the configuration (C(callbacks_enabled), or E(ANSIBLE_CALLBACKS_ENABLED))
seealso:
  - module: infitulua.backup.restore_drill
"""

import datetime
import os
import typing as t

from ansible import context
from ansible.plugins.callback import CallbackBase

from ansible_collections.infitulua.backup.plugins.module_utils._system.durable import replace_file
from ansible_collections.infitulua.backup.plugins.plugin_utils._drill_report import DrillReport, Failure

JUNIT = "drill-junit.xml"
SUMMARY = "drill-summary.json"
_DRILL = "infitulua.backup.restore_drill"
# Where another host drills: what the host that keeps the record makes of it.
_RECORDED = "infitulua.backup.drill_delivery"
_VERDICT = ("fail", "ansible.builtin.fail", "ansible.legacy.fail")


class CallbackModule(CallbackBase):
    """Collects drills and failures, and writes them down."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "infitulua.backup.drill_report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: t.Any, **named: t.Any) -> None:
        super().__init__(*arguments, **named)
        self._directory = ""
        self._report = DrillReport(started=_now())

    def set_options(self, *arguments: t.Any, **named: t.Any) -> None:
        """Learn where to write."""
        super().set_options(*arguments, **named)
        self._directory = self.get_option("directory") or os.environ.get("AWX_ISOLATED_DATA_DIR", "")
        if not self._directory:
            self.disabled = True
            self._display.warning(
                f"{self.CALLBACK_NAME} writes nothing, because no directory was given. Set"
                " INFITULUA_BACKUP_DRILL_REPORT to a directory, or run the playbook with ansible-runner."
            )

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Note that a run begins, or goes on with another playbook."""
        self._report.playbooks.append(os.path.splitext(os.path.basename(playbook._file_name))[0])
        self._report.ended = None
        self._write()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Note that a task succeeded on a host."""
        self._take(result, failed=False)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Note that a task failed on a host."""
        self._take(result, failed=not ignore_errors)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Note that a task did not reach its host."""
        message = _message(result._result, "the host could not be reached")
        self._report.failures.append(Failure(_host(result), _task(result), message, kind="unreachable"))

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Note that a playbook ended."""
        self._report.ended = _now()
        self._report.succeeded = not any([*stats.failures.values(), *stats.dark.values()])
        self._write()

    def _take(self, result: t.Any, *, failed: bool) -> None:
        action = getattr(result._task, "resolved_action", None) or result._task.action
        for outcome in _outcomes(result._result):
            is_drill = action == _DRILL or (action == _RECORDED and "deliveries" not in outcome)
            if action == _DRILL and (result._task.args or {}).get("record") is False:
                # It is recorded, and counted, elsewhere; but not what it left there. That host may say anything.
                left = outcome.get("not_removed")
                self._report.not_removed += map(str, left if isinstance(left, (list, tuple)) else ())
                self._write()
                continue
            if is_drill and "planned" in outcome:
                only_planned = _is_plan(result._task) and outcome["planned"]
                self._report.add_drills({**outcome, **_TOLD_LATER} if only_planned else outcome)
                self._write()
            elif is_drill and not outcome.get("failed") and not outcome.get("skipped"):
                hidden = "its result is hidden (no_log), so how its drills went is not known here"
                self._report.failures.append(Failure(_host(result), _task(result), hidden))
            if (
                not failed
                or not outcome.get("failed", outcome is result._result)
                or (is_drill and outcome.get("failures"))
            ):
                continue
            if action in _VERDICT and result._task.run_once:
                # Not one host's failure: how the playbooks of this collection end when anything failed.
                self._report.verdict = _message(outcome, "")
            else:
                self._report.failures += _failures(outcome, result)

    def _write(self) -> None:
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            replace_file(os.path.join(self._directory, SUMMARY), self._report.to_json(), mode=0o600)
            replace_file(os.path.join(self._directory, JUNIT), self._report.to_junit(), mode=0o600)
        except OSError as error:
            # The backup itself goes on: what it did is on the terminal and in the record of drills.
            self._display.warning(f"Could not write {JUNIT} and {SUMMARY} ({self._directory}): {error.strerror}")


#: What the record of the drills tells as well.
_TOLD_LATER: dict[str, list[t.Any]] = {"left_out": [], "overdue": [], "planned": []}


def _is_plan(task: t.Any) -> bool:
    """Tell whether a task only asked which sets would be drilled, in a run that drills them."""
    return bool(task.check_mode) and not context.CLIARGS.get("check")


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _host(result: t.Any) -> str:
    return str(result._host.get_name())


def _task(result: t.Any) -> str:
    return str(result._task.get_name()).strip()


def _message(outcome: t.Mapping[str, t.Any], otherwise: str) -> str:
    return str(outcome.get("msg") or otherwise).strip()


def _outcomes(result: t.Mapping[str, t.Any]) -> t.Sequence[t.Mapping[str, t.Any]]:
    """Return the result of a task, or those of each turn where it is a loop."""
    turns = result.get("results")
    if (
        isinstance(turns, list)
        and turns
        and all(isinstance(turn, dict) and "ansible_loop_var" in turn for turn in turns)
    ):
        return turns
    return [result]


def _failures(outcome: t.Mapping[str, t.Any], result: t.Any) -> t.Iterator[Failure]:
    """One for each source or set that a module of this collection names, else one for the task."""
    named = outcome.get("failures")
    if not isinstance(named, list) or not named or not all(isinstance(entry, dict) for entry in named):
        named = [{"message": _message(outcome, "no reason was given"), "details": outcome.get("details")}]
    for entry in named:
        details = entry.get("details")
        yield Failure(
            host=_host(result),
            task=_task(result),
            message=str(entry.get("message", "")),
            subject=entry.get("id") or entry.get("source"),
            details=[str(line) for line in details] if isinstance(details, list) else [],
        )
