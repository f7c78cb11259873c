# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killing a playbook at a moment of chance, and what it is given to do before."""

from __future__ import annotations

import time

from tests.integration.playbooks.killed.killed_house import DAY, KilledHouse


class Moment:
    """Says when a playbook's time has come: so many seconds after its first task began."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._begin: float | None = None

    def has_come(self, output: str) -> bool:
        if self._begin is None:
            if "TASK [" not in output:
                return False
            self._begin = time.monotonic()
        return time.monotonic() - self._begin >= self.seconds


def kill(house: KilledHouse, playbook: str, day: str, source: str, moment: Moment) -> bool:
    """Run a playbook and kill it when its time has come.

    :returns: whether it was killed; False where it was over by then.
    """
    killed = house.institution.run_killed(playbook, *house.arguments(playbook, day, source), when=moment.has_come)
    task = killed.output.rpartition("TASK [")[2].partition("]")[0]
    print(f"{playbook} {source}: after {moment.seconds:.2f} s: in {task}" if killed.status < 0 else f"{playbook}: over")
    return killed.status < 0


def prepare(house: KilledHouse, playbook: str, day: str, source: str) -> object:
    """Give a playbook something to do.

    :returns: what the source holds then.
    """
    for earlier in DAY[: DAY.index(playbook)] if playbook in DAY else ():
        house.must_run(earlier, *house.arguments(earlier, day, source))
    if playbook == "step5_restore":
        house.damage(source)
    return house.content(source)
