# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pauses between the tries of a call, longer each time and at random, until a deadline."""

from __future__ import annotations

import random
import threading
import time

# A store that has answered is waited for this long, from the first failure on; one that never has, not so long.
DEADLINE_SECONDS = 180.0
SILENCE_DEADLINE_SECONDS = 15.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 20.0


class Retries:
    """What is left of the patience with one call, or with one download that makes no progress.

    :param stopped: when set, there is none left.
    """

    def __init__(self, stopped: threading.Event | None = None) -> None:
        self.tries = 1
        self._stopped = stopped or threading.Event()
        self._first_failure: float | None = None

    @property
    def seconds(self) -> int:
        """For how long it has failed."""
        return 0 if self._first_failure is None else round(time.monotonic() - self._first_failure)

    def pause(self, *, has_answered: bool) -> bool:
        """Wait before the next try; False: there is no time left for one.

        :param has_answered: whether the store has ever answered this process.
        """
        now = time.monotonic()
        if self._first_failure is None:
            self._first_failure = now
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (self.tries - 1))
        # Between half of it and all of it, so that many hosts that failed together do not come back together.
        seconds = random.uniform(longest / 2, longest)
        deadline = self._first_failure + (DEADLINE_SECONDS if has_answered else SILENCE_DEADLINE_SECONDS)
        if now + seconds > deadline or self._stopped.wait(seconds):
            return False
        self.tries += 1
        return True
