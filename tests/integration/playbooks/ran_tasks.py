# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tasks of a playbook ran, and which of them called a module on a host."""

from __future__ import annotations

import functools
import re
import typing as t
from dataclasses import dataclass

import yaml

from development.environment import ROOT

# What the control node does by itself, in milliseconds.
_BOOKKEEPING = {
    f"ansible.builtin.{name}"
    for name in ("add_host", "assert", "debug", "fail", "import_tasks", "include_role", "include_tasks", "set_fact")
} | {"infitulua.backup.inventory_check"}
_RAN = re.compile(r"(?:ok|changed|fatal|failed): \[([^\] ]+)(?: -> ([^\]]+))?\]")


@dataclass(frozen=True)
class RanTask:
    """One task that did something.

    :param server: whose turn it was.
    :param host: where it ran.
    """

    name: str
    server: str
    host: str

    @property
    def calls_a_module(self) -> bool:
        """Whether it ran a module on a host."""
        return _actions()[self.name.rpartition(" : ")[2]] not in _BOOKKEEPING


def ran_tasks(output: str) -> list[RanTask]:
    """The tasks of a playbook that ran, in order; of a loop, one."""
    found: list[RanTask] = []
    name = ""
    for line in output.splitlines():
        header = re.match(r"TASK \[(.*)\]", line)
        ran = _RAN.match(line)
        if header:
            name = header.group(1)
        elif ran:
            task = RanTask(name, ran.group(1), ran.group(2) or ran.group(1))
            if task not in found[-1:]:
                found.append(task)
    return found


def tasks_of(output: str, server: str) -> list[str]:
    """The tasks of a run that did something for a server, on whichever host."""
    return [task.name for task in ran_tasks(output) if task.server == server]


def module_calls(output: str, server: str) -> list[RanTask]:
    """The modules that were called for a server, on whichever host."""
    return [task for task in ran_tasks(output) if task.server == server and task.calls_a_module]


@functools.cache
def _actions() -> dict[str, str]:
    """The action of every task of the playbooks and roles, by the task's name."""
    found: dict[str, str] = {}
    for pattern in ("playbooks/*.yml", "playbooks/tasks/*.yml", "roles/*/tasks/*.yml"):
        for path in ROOT.glob(pattern):
            for task in _tasks_in(yaml.safe_load(path.read_text(encoding="utf-8"))):
                action = next(key for key in task if "." in key)
                assert found.setdefault(task["name"], action) == action, f"two actions are called {task['name']}"
    return found


def _tasks_in(value: t.Any) -> t.Iterator[dict[str, t.Any]]:
    if isinstance(value, list):
        for entry in value:
            yield from _tasks_in(entry)
    elif isinstance(value, dict):
        if any(key.count(".") == 2 for key in value):
            yield value
        for name in ("tasks", "block", "rescue", "always"):
            yield from _tasks_in(value.get(name, []))
