# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show an operator the reports, live progress, and failures that no report contains."""

from __future__ import annotations

DOCUMENTATION = r"""
name: report
type: stdout
short_description: Show the reports of the backups, and write everything else to the log
version_added: 0.1.0
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
description:
  - Shows the name of each play, live progress of long tasks, the report of each step, and failures that no report
    contains.
  - Writes everything that the callback C(ansible.builtin.default) would show to Ansible's log (C(log_path)).
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as C(stdout_callback) in the configuration
"""

import typing as t

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as DefaultCallback

from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable, printable_line

# The task that shows a report, and the one that ends a playbook naming every failure (playbooks/tasks/report.yml).
REPORT = "Informe del paso"
FAILURES = "Terminar con error si algo falló"


class _LogOnly:
    """A display that writes to the log and not to the screen."""

    def __init__(self, display: t.Any) -> None:
        self._display = display

    def __getattr__(self, name: str) -> t.Any:
        # Errors, warnings and deprecations of a result are written by the callback itself: what a core has for them
        # differs, and ends on the screen.
        if any(word in name for word in ("error", "warning", "deprecated")):
            return lambda *_arguments, **_options: None
        return getattr(self._display, name)

    def display(self, message: str, *_arguments: t.Any, **_options: t.Any) -> None:
        """Write a line."""
        self._display.display(printable(message), log_only=True)

    def banner(self, message: str, *_arguments: t.Any, **_options: t.Any) -> None:
        """Write a heading."""
        self.display(f"\n{message} ".ljust(80, "*"))


class CallbackModule(DefaultCallback):
    """The callback, as Ansible wants it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "infitulua.backup.report"
    _display: t.Any

    def __init__(self) -> None:
        super().__init__()
        self._screen = self._display
        self._display = _LogOnly(self._screen)

    def _handle_warnings(self, res: t.Any) -> None:
        """Write a result's warnings, and show those that no report tells: a report has those of sets and restores."""
        warnings = [str(warning) for warning in res.get("warnings") or ()]
        super()._handle_warnings(res)
        for warning in warnings:
            self._display.display(f"[WARNING]: {warning}")
            if not {"sets", "remarks"} & set(res):
                self._screen.display(f"[WARNING]: {printable_line(warning)}", color=constants.COLOR_WARN)

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        """Show the name of a play: something goes on."""
        super().v2_playbook_on_play_start(play)
        self._screen.display(f"• {play.get_name().strip()}", color=constants.COLOR_VERBOSE)

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Show a report."""
        super().v2_runner_on_ok(result)
        if _task(result).get_name().strip().endswith(REPORT):
            lines = _values(result).get("msg") or []
            for line in [lines] if isinstance(lines, str) else lines:
                self._screen.display(printable(str(line)), color=_color(str(line)))

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Show a failure that nobody handles."""
        super().v2_runner_on_failed(result, ignore_errors=ignore_errors)
        task = _task(result)
        if ignore_errors or _has_rescue(task):
            return
        message = str(_values(result).get("msg") or "")
        if not task.get_name().strip().endswith(FAILURES):
            # In the words of whatever host it was: it makes no line of its own, such as that nothing has failed.
            message = printable_line(f"{_host(result)}: {task.get_name().strip()}: {message}")
        self._screen.display(printable(message), color=constants.COLOR_ERROR)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Show a host that is out of reach, unless the report will."""
        super().v2_runner_on_unreachable(result)
        if not _task(result).ignore_unreachable:
            message = printable_line(f"{_host(result)}: {_values(result).get('msg')}")
            self._screen.display(message, color=constants.COLOR_UNREACHABLE)


def _task(result: t.Any) -> t.Any:
    return result._task


def _values(result: t.Any) -> t.Mapping[str, t.Any]:
    values: t.Mapping[str, t.Any] = result._result
    return values


def _host(result: t.Any) -> str:
    return str(result._host.get_name())


def _has_rescue(task: t.Any) -> bool:
    """Tell whether a failure of the task is taken care of by a block around it."""
    parent = task._parent
    while parent is not None:
        if getattr(parent, "rescue", None):
            return True
        parent = getattr(parent, "_parent", None)
    return False


def _color(line: str) -> str | None:
    word = line.strip().partition(" ")[0].rstrip(":")
    if word in ("FALLO", "FAILURE"):
        return str(constants.COLOR_ERROR)
    return str(constants.COLOR_WARN) if word in ("ADVERTENCIA", "WARNING") else None
