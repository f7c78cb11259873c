# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a call on an object store is tried again."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import retries
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.retries import Retries


class Stopped(threading.Event):
    """Nobody really waits: the clock is moved on."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0)
        return self.is_set()


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Stopped:
    """What tells a call to stop, and the pauses that were made."""
    event = Stopped()
    monkeypatch.setattr(retries.time, "monotonic", lambda: 1000 + sum(event.pauses))
    return event


@pytest.mark.parametrize(
    ("has_answered", "deadline"),
    [(True, retries.DEADLINE_SECONDS), (False, retries.SILENCE_DEADLINE_SECONDS)],
)
def test_it_goes_on_until_the_deadline_and_not_longer(stopped: Stopped, has_answered: bool, deadline: float) -> None:
    patience = Retries(stopped)
    while patience.pause(has_answered=has_answered):
        pass
    assert deadline - retries.LONGEST_PAUSE_SECONDS <= sum(stopped.pauses) <= deadline
    assert patience.tries == len(stopped.pauses) + 1
    assert patience.seconds == round(sum(stopped.pauses))


def test_pauses_grow_and_are_never_the_same(stopped: Stopped) -> None:
    patience = Retries(stopped)
    while patience.pause(has_answered=True):
        pass
    first, last = stopped.pauses[0], stopped.pauses[-1]
    assert retries.FIRST_PAUSE_SECONDS / 2 <= first <= retries.FIRST_PAUSE_SECONDS
    assert retries.LONGEST_PAUSE_SECONDS / 2 <= last <= retries.LONGEST_PAUSE_SECONDS
    assert len(set(stopped.pauses)) == len(stopped.pauses)


def test_whoever_is_stopped_does_not_try_again(stopped: Stopped) -> None:
    stopped.set()
    assert not Retries(stopped).pause(has_answered=True)
