# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock on a database that is being restored."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import LockHeld


class RestoreLock:
    """Lets one restore of a target run at a time. The server drops the lock when this process dies.

    :param take: opens a session in the given stack and takes the server's lock in it; False if another session has it.
    :param describe: names the target, for messages.
    """

    def __init__(self, take: t.Callable[[contextlib.ExitStack], bool], describe: t.Callable[[], str]) -> None:
        self._take = take
        self._describe = describe
        self._session: contextlib.ExitStack | None = None

    @property
    def is_held(self) -> bool:
        """Whether this restore has the lock."""
        return self._session is not None

    def acquire(self) -> None:
        """Take the lock.

        :raises LockHeld: when another restore of the target has it.
        """
        with contextlib.ExitStack() as stack:
            if not self._take(stack):
                raise LockHeld(
                    "restore a database",
                    on=self._describe(),
                    why="another restore of it is running",
                    next_step="Wait for it to end; nothing was touched.",
                )
            self._session = stack.pop_all()

    def release(self) -> None:
        """Give the lock back. Nothing happens where it is not held."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> RestoreLock:
        self.acquire()
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()
