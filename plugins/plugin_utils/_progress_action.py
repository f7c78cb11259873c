# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live progress of a long module: what a module itself cannot show, since Ansible prints nothing before it ends.

The module writes its progress to a status file. While it works, a thread of the control node reads that file over a
connection of its own and prints a line now and then. A module that ends soon never sees that thread.
"""

from __future__ import annotations

import contextlib
import copy
import json
import shlex
import threading
import typing as t

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader
from ansible.utils.display import Display

from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable_line, printable_value
from ansible_collections.infitulua.backup.plugins.plugin_utils import _shared_imports

_DISPLAY = Display()
# Where --limit leaves the check of the inventory out, an action of this kind is among the first.
_FOR_LATER_TASKS = _shared_imports.MODULES
# Seconds: nothing is printed for what ends before the first, then a line at most each second one.
FIRST_LINE_AFTER = 8.0
LINE_EVERY = 10.0
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class ProgressAction(ActionBase):
    """Run the module of the same name, and show its progress."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the action."""
        result = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        # An asynchronous task has left this process by the time there is progress to show.
        if self._task.async_val or self._task.check_mode or arguments.get("status_file"):
            answer = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=self._task.async_val)
            result.update(printable_value(answer))
            return result
        directory = self._make_tmp_path()
        status_file = self._connection._shell.join_path(directory, "progress.json")
        host = str((task_vars or {}).get("inventory_hostname", ""))
        watcher = _Watcher(self, status_file, host=host)
        try:
            watcher.start()
            arguments["status_file"] = status_file
            # Whatever the host is, and whatever ran there: what it says is shown here.
            result.update(printable_value(self._execute_module(module_args=arguments, task_vars=task_vars)))
        finally:
            watcher.stop()
            self._remove_tmp_path(directory, force=True)
        return result


class _Watcher(threading.Thread):
    """Read the status file and print what it says."""

    def __init__(self, action: ProgressAction, status_file: str, *, host: str) -> None:
        super().__init__(daemon=True)
        self._action = action
        self._command = f"cat {shlex.quote(status_file)}"
        self._host = host
        self._ended = threading.Event()

    def run(self) -> None:
        if self._ended.wait(FIRST_LINE_AFTER):
            return
        # Progress is a convenience: whatever happens to it must not touch the backup.
        with contextlib.suppress(Exception):
            connection = self._connect()
            last = ""
            try:
                while not self._ended.is_set():
                    _status, output, _errors = connection.exec_command(self._command, sudoable=False)
                    line = describe(json.loads(output)) if output else ""
                    if line and line != last:
                        _DISPLAY.display(f"[{self._host}] {printable_line(line)}", color="dark gray")
                        last = line
                    self._ended.wait(LINE_EVERY)
            finally:
                connection.close()

    def _connect(self) -> t.Any:
        original = self._action._connection
        # The module holds the action's own connection meanwhile.
        connection = connection_loader.get(
            original.ansible_name if getattr(original, "ansible_name", None) else original.transport,
            copy.copy(self._action._play_context),
            "/dev/null",
        )
        connection._options = dict(original._options)
        connection._shell = original._shell
        return connection

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        if self.is_alive():
            self.join(timeout=5)


def describe(state: t.Mapping[str, t.Any]) -> str:
    """One line for a status file's content.

    :param state: as :mod:`~.module_utils._system.progress` writes it.
    """
    if "under_way" in state:
        each = "; ".join(describe(one) for one in state["under_way"])
        return f"{state['operation']} {state['subject']}: {state['stage']}" + (f"; {each}" if each else "")
    done, total, rate = state["bytes"], state.get("total_bytes"), state["bytes_per_second"]
    line = f"{state['operation']} {state['subject']}: {state['stage']}, {readable(done)}"
    if total:
        line += f" of {readable(total)} ({min(100, done * 100 // total)} %)"
    return f"{line}, {readable(rate)}/s"


def readable(count: float) -> str:
    """Return a number of bytes with a binary unit, three digits at the most."""
    units = list(_UNITS)
    while count >= 1000 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:.0f} {units[0]}" if units[0] == _UNITS[0] or count >= 100 else f"{count:.1f} {units[0]}"
