# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what became of a run's restore drills to files that continuous integration reads."""

from __future__ import annotations

DOCUMENTATION = r"""
name: drill_report
type: aggregate
short_description: Write a run's restore drills as JUnit XML and as JSON
version_added: 0.1.0
description:
  - Collects what M(infitulua.backup.restore_drill) found in the tasks of a run, whichever playbook they are in, and
    all that failed besides.
  - Writes it to C(drill-junit.xml), which Jenkins, GitLab and others show as test results, and to
    C(drill-summary.json).
  - In the JUnit XML each set is a test case of the class C(<host>.<source>). A set that failed its drill is a failure,
    one that could not be tried an error, one that was left out is skipped; none of them looks like a pass. Its checks,
    the seconds that the restore took and the age of the data are in the test case's output.
  - The suite C(infitulua.backup.run) has a test case for the run itself, and an error for every other task that failed,
    one for each source or set that it names.
    A task that failed is listed even if a rescue took care of it.
  - The files are there from the start of the run and are written anew after each drill. Until the run has come to its
    end they call it unfinished, which is an error in the JUnit XML.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
options:
  directory:
    description:
      - Where the files are written. It is made where it is missing.
      - Without it they are written to the artifacts of this very run where ansible-runner runs the playbook (it names
        that directory by E(AWX_ISOLATED_DATA_DIR), as AWX does), and nowhere else.
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

from ansible.plugins.callback import CallbackBase

from ansible_collections.infitulua.backup.plugins.module_utils._durable import replace_file
from ansible_collections.infitulua.backup.plugins.plugin_utils._drill_report import DrillReport, Failure

JUNIT = "drill-junit.xml"
SUMMARY = "drill-summary.json"
_DRILL = "infitulua.backup.restore_drill"
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
        """Learns where to write."""
        super().set_options(*arguments, **named)
        self._directory = self.get_option("directory") or os.environ.get("AWX_ISOLATED_DATA_DIR", "")
        if not self._directory:
            self.disabled = True
            self._display.warning(
                f"{self.CALLBACK_NAME} writes nothing: it was not told where. Set INFITULUA_BACKUP_DRILL_REPORT to a"
                " directory, or run the playbook with ansible-runner."
            )

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """A run begins, or goes on with another playbook."""
        self._report.playbooks.append(os.path.splitext(os.path.basename(playbook._file_name))[0])
        self._report.ended = None
        self._write()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """A task succeeded on a host."""
        self._take(result, failed=False)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """A task failed on a host."""
        self._take(result, failed=not ignore_errors)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """A task did not reach its host."""
        message = _message(result._result, "the host could not be reached")
        self._report.failures.append(Failure(_host(result), _task(result), message, kind="unreachable"))

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """A playbook ended."""
        self._report.ended = _now()
        self._report.succeeded = not any([*stats.failures.values(), *stats.dark.values()])
        self._write()

    def _take(self, result: t.Any, *, failed: bool) -> None:
        action = getattr(result._task, "resolved_action", None) or result._task.action
        for outcome in _outcomes(result._result):
            is_drill = action == _DRILL
            if is_drill and "planned" in outcome:
                self._report.add_drills(outcome)
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


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _host(result: t.Any) -> str:
    return str(result._host.get_name())


def _task(result: t.Any) -> str:
    return str(result._task.get_name()).strip()


def _message(outcome: t.Mapping[str, t.Any], otherwise: str) -> str:
    return str(outcome.get("msg") or otherwise).strip()


def _outcomes(result: t.Mapping[str, t.Any]) -> t.Sequence[t.Mapping[str, t.Any]]:
    """The result of a task, or those of each turn where it is a loop."""
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
