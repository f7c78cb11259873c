# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Being told to stop: signals become an exception, so that every clean-up runs."""

from __future__ import annotations

import contextlib
import signal
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def interruptible(action: str, *, on: str) -> t.Iterator[None]:
    """Turns SIGTERM, SIGINT and SIGHUP into :class:`Interrupted`, once; further ones wait for the clean-up."""

    def stop(number: int, _frame: t.Optional[types.FrameType]) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(
            action,
            on=on,
            why=f"the run was told to stop ({signal.Signals(number).name})",
            next_step="Nothing incomplete was kept; run it again.",
        )

    previous = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
