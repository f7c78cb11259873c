# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the processor time of Ansible on the control node apart from that of the modules on the hosts."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import resource
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# What a shell's ``times`` says of itself and of its children: user and system time of each.
_TIME = re.compile(r"(\d+)m([0-9.]+)s")


@dataclasses.dataclass
class Cost:
    """What one run took.

    :param seconds: that passed.
    :param processor: seconds of the processor, of Ansible and of all modules.
    :param of_modules: the modules' part of it, with whatever they start.
    :param modules: how many modules ran.
    """

    seconds: float = 0.0
    processor: float = 0.0
    of_modules: float = 0.0
    modules: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(mine + its for mine, its in zip(dataclasses.astuple(self), dataclasses.astuple(other))))

    @property
    def of_control_node(self) -> float:
        """Seconds of the processor that Ansible itself took."""
        return self.processor - self.of_modules


class Interpreter:
    """Runs each module with this Python and writes down what it took.

    :param directory: for the program and what it writes.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "python"
        self._times = directory / "times"
        self._times.touch()
        self.path.write_text(
            f'#!/bin/sh\n{shlex.quote(sys.executable)} "$@"\nstatus=$?\n'
            f"times >> {shlex.quote(str(self._times))}\nexit $status\n",
            encoding="utf-8",
        )
        self.path.chmod(0o755)

    @contextlib.contextmanager
    def counted(self) -> Iterator[Cost]:
        """Count what is run meanwhile; complete only after it."""
        cost = Cost()
        skipped = len(self._times.read_text(encoding="utf-8"))
        used, begin = _of_children(), time.perf_counter()
        yield cost
        cost.seconds = time.perf_counter() - begin
        cost.processor = _of_children() - used
        lines = self._times.read_text(encoding="utf-8")[skipped:].splitlines()
        cost.of_modules = sum(map(seconds_of, lines))
        cost.modules = len(lines) // 2  # Of the shell, and of its children.


def seconds_of(times: str) -> float:
    """Return the seconds of the processor that a shell's ``times`` tells, all together."""
    return sum(int(minutes) * 60 + float(seconds) for minutes, seconds in _TIME.findall(times))


def _of_children() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime
