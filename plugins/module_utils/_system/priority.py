# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lower the priority of this process and of everything that it starts, in favour of the host's own work."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from . import programs
from .processes import Command, run_and_read

DEFAULT_NICE = 10
IO_CLASSES = {"best-effort": "2", "idle": "3"}
PRIORITY_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "nice": {"type": "int", "default": DEFAULT_NICE},
    "io_class": {"type": "str", "choices": sorted(IO_CLASSES)},
    "io_priority": {"type": "int"},
}


def lower_priority(params: t.Mapping[str, t.Any]) -> None:
    """Lower the priority of this process, as the options of a module say. What it starts from now on inherits it.

    :raises Refused: when an option is out of its range.
    :raises NotFound: when there is no program ionice and an input/output class was asked for.
    """
    nice, io_class, io_priority = params["nice"], params["io_class"], params["io_priority"]
    if not 0 <= nice <= 19:
        raise _out_of_range(f"nice is {nice}", "Choose 0 (normal priority) to 19 (lowest).")
    if io_priority is not None and (io_class != "best-effort" or not 0 <= io_priority <= 7):
        raise _out_of_range(
            f"io_priority is {io_priority}" + (f" and io_class {io_class}" if io_class else ""),
            "Choose 0 (first) to 7 (last), with io_class best-effort.",
        )
    # Never raise it: the process that started this may have lowered it further.
    os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    if io_class is not None:
        arguments = ["-c", IO_CLASSES[io_class], "-p", str(os.getpid())]
        if io_priority is not None:
            arguments = ["-n", str(io_priority), *arguments]
        run_and_read(
            Command([programs.find("ionice"), *arguments]),
            action="lower the input and output priority",
            on=io_class,
            next_step="Remove io_class, or correct the cause.",
        )


def _out_of_range(why: str, next_step: str) -> Refused:
    return Refused("lower the priority", on="this run", why=why, next_step=next_step)
