# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of its own that is killed with SIGKILL: by the clock, or at its n-th request or change of a file."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import sys
import time
import traceback
import typing as t
from collections.abc import Callable

from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Store

_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open")
COMPLETED, FAILED = 0, 3


@dataclasses.dataclass(frozen=True)
class Moment:
    """When a process is killed.

    :param what: ``before`` or ``after`` a request; at a change of a ``file``; or by the ``clock``.
    :param number: which of the requests, or changes; of the clock, how many milliseconds after the beginning.
    """

    what: str
    number: int

    @classmethod
    def some(cls, choose: random.Random, *, requests: int, changes: int, milliseconds: int) -> Moment:
        """Choose one, up to so many."""
        most = {"before": requests, "after": requests, "file": changes, "clock": milliseconds}
        what = choose.choice(sorted(most))
        return cls(what, choose.randint(1, most[what]))

    def arm(self) -> None:
        """Kill this process when the moment has come."""
        left = [self.number]

        def count() -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        real = Store.attempt

        def attempt(store: Store, operation: str, **parameters: t.Any) -> dict[str, t.Any]:
            if self.what == "before":
                count()
            answer = real(store, operation, **parameters)
            if self.what == "after":
                count()
            return answer

        if self.what == "file":
            sys.addaudithook(lambda event, _arguments: count() if event in _CHANGES else None)
        setattr(Store, "attempt", attempt)  # noqa: B010  # For the type checker a method cannot be assigned.


def run_killed(work: Callable[[], object], moment: Moment) -> bool:
    """Do something in another process, and kill that; whether it was killed before it was over.

    :raises AssertionError: when it failed of itself.
    """
    child = os.fork()
    if not child:
        status = FAILED
        try:
            moment.arm()
            work()
            status = COMPLETED
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    if moment.what == "clock":
        time.sleep(moment.number / 1000)
        os.kill(child, signal.SIGKILL)
    _child, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (COMPLETED, -signal.SIGKILL), f"it ended with status {code}, at {moment}"
    return code != COMPLETED
