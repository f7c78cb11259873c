# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions that run side by side: so many at a time, and the first failure stops the others."""

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes


def test_as_many_run_at_a_time_as_there_are_jobs() -> None:
    together = threading.Barrier(3)
    with Processes() as processes:
        run_all([lambda: together.wait(10)] * 3, jobs=3, processes=processes)
        assert not processes.cancelled


def test_the_first_failure_is_raised_and_stops_the_others() -> None:
    begun: list[str] = []

    def fail() -> None:
        begun.append("failing")
        raise ValueError("first")

    def take_time() -> None:
        begun.append("later")
        time.sleep(0.1)

    with Processes() as processes:
        with pytest.raises(ValueError, match="first"):
            run_all([fail, *[take_time] * 100], jobs=1, processes=processes)
        assert processes.cancelled
    assert begun.count("later") < 100


def test_no_jobs_are_one_job() -> None:
    done: list[int] = []
    with Processes() as processes:
        run_all([lambda: done.append(1)], jobs=0, processes=processes)
    assert done == [1]
