# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Being told to stop: signals become an exception, so that every clean-up runs."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


_AGAIN_SECONDS = 0.01


class _Held:
    """How many blocks hold interruptions back now (in the main thread, where signals arrive), and what waits."""

    blocks = 0
    waiting: Interrupted | None = None


@contextlib.contextmanager
def interruptible(action: str, *, on: str) -> t.Iterator[None]:
    """Turns SIGTERM, SIGINT and SIGHUP into :class:`Interrupted`, once; further ones wait for the clean-up.

    A signal may arrive while Python runs what it does not let an exception out of (a finaliser, a weak reference's
    callback): then it comes again.
    """

    def deliver(interruption: Interrupted) -> None:
        if _Held.blocks:
            _Held.waiting = interruption
        else:
            raise interruption

    def stop(number: int, _frame: types.FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        deliver(
            Interrupted(
                action,
                on=on,
                why=f"the run was told to stop ({signal.Signals(number).name})",
                next_step="Nothing incomplete was kept; run it again.",
            )
        )

    def swallowed(unraisable: t.Any) -> None:
        interruption = unraisable.exc_value
        if not isinstance(interruption, Interrupted):
            report(unraisable)
            return
        previous.setdefault(signal.SIGALRM, signal.getsignal(signal.SIGALRM))
        signal.signal(signal.SIGALRM, lambda _number, _frame: deliver(interruption))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)

    report, sys.unraisablehook = sys.unraisablehook, swallowed
    previous: dict[signal.Signals, t.Any] = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        sys.unraisablehook = report
        if signal.SIGALRM in previous:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def held_back() -> t.Iterator[None]:
    """Lets an interruption wait until the block is left, where stopping half-way would leave something behind.

    For steps that are short and go together: starting a process and noting it, the renames of a swap.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Held.blocks += 1
    try:
        yield
    finally:
        _Held.blocks -= 1
        if not _Held.blocks and _Held.waiting is not None:
            interruption, _Held.waiting = _Held.waiting, None
            raise interruption  # pylint: disable=raising-bad-type  # it sees only the initial None


def let_go() -> None:
    """In a process that has just been forked: nothing is held back any more, and what waits is its parent's."""
    _Held.blocks = 0
    _Held.waiting = None
