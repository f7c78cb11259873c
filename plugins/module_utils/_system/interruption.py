# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn signals to stop into an exception, so that every clean-up runs."""

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


class _Deferred:
    """How many blocks hold interruptions back now (in the main thread, where signals arrive), and what waits."""

    blocks = 0
    waiting: Interrupted | None = None


def _deliver(interruption: Interrupted) -> None:
    if _Deferred.blocks:
        _Deferred.waiting = interruption
    else:
        raise interruption


@contextlib.contextmanager
def interruptible(action: str, *, on: str) -> t.Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGHUP into :class:`Interrupted`, once; further ones wait for the clean-up.

    A signal may arrive while Python runs what it does not let an exception out of (a finaliser, a weak reference's
    callback): then it comes again.
    """

    def stop(number: int, _frame: types.FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        _deliver(
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
        signal.signal(signal.SIGALRM, lambda _number, _frame: _deliver(interruption))
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
def no_longer_than(seconds: float, interruption: Interrupted) -> t.Iterator[None]:
    """Interrupt the block, once, when so many seconds have passed; from then on signals wait for the clean-up."""

    def stop(_number: int, _frame: types.FrameType | None) -> None:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
            return  # It was told to stop already, and is cleaning up.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        _deliver(interruption)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deferred() -> t.Iterator[None]:
    """Let an interruption wait until the block is left, where stopping half-way would leave something behind.

    For steps that are short and go together: starting a process and noting it, the renames of a swap.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Deferred.blocks += 1
    try:
        yield
    finally:
        _Deferred.blocks -= 1
        if not _Deferred.blocks and _Deferred.waiting is not None:
            interruption, _Deferred.waiting = _Deferred.waiting, None
            raise interruption  # pylint: disable=raising-bad-type  # it sees only the initial None


def release_in_child() -> bool:
    """Hold nothing back any more, in a process that has just been forked.

    :returns: whether an interruption came meanwhile: then this process is to end, too.
    """
    waited = _Deferred.waiting is not None
    _Deferred.blocks = 0
    _Deferred.waiting = None
    return waited
