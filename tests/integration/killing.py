# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL at a chosen step of a restore: to the process that restores, or to the program that it has just started."""

from __future__ import annotations

import contextlib
import os
import signal
import typing as t
from collections.abc import Iterator

from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

STAGES = ("verifying", "restoring", "checking", "swapping")


@contextlib.contextmanager
def killed(victim: str, stage: str, number: int) -> Iterator[list[str]]:
    """Kills when the restore starts its n-th program within a stage.

    :param victim: ``module``, this very process; or ``client``, the program.
    :returns: gets the name of the program when that has happened.
    """
    happened: list[str] = []
    at_work: dict[str, t.Any] = {"stage": "", "started": 0}
    real_stage, real_start = Progress.stage, Processes.start

    def enter(self: Progress, name: str, **more: t.Any) -> None:
        # An engine that tells of its own work within a stage is in the same stage still.
        if name in STAGES and name != at_work["stage"]:
            at_work.update(stage=name, started=0)
        real_stage(self, name, **more)

    def start(self: Processes, command: t.Any, **more: t.Any) -> t.Any:
        process = real_start(self, command, **more)
        if at_work["stage"] == stage:
            at_work["started"] += 1
            if at_work["started"] == number:
                happened.append(command.name)
                os.kill(os.getpid() if victim == "module" else process.pid, signal.SIGKILL)
        return process

    setattr(Progress, "stage", enter)  # noqa: B010  # For the type checker a method cannot be assigned.
    setattr(Processes, "start", start)  # noqa: B010
    try:
        yield happened
    finally:
        setattr(Progress, "stage", real_stage)  # noqa: B010
        setattr(Processes, "start", real_start)  # noqa: B010
