# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retry what the operating system refused for a transient reason."""

from __future__ import annotations

import errno
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted

# A cable, a disk that wakes up, too many files open, too little memory, a network file system that lost its server.
PASSING = frozenset(
    {
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOBUFS,
        errno.EAGAIN,
        errno.EBUSY,
        errno.EINTR,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
ATTEMPTS = 3
# The first pause; each further one is three times as long.
PAUSE_SECONDS = 0.3

_T = t.TypeVar("_T")


def is_passing(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is of a kind that passes."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in PASSING:
            return True
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__
    return False


def with_patience(work: t.Callable[[], _T]) -> _T:
    """Do the work; again after a pause, a few times, where it fails for a reason that passes."""
    pause = PAUSE_SECONDS
    for _attempt in range(ATTEMPTS - 1):
        try:
            return work()
        except Interrupted:
            raise
        except Exception as error:
            if not is_passing(error):
                raise
        time.sleep(pause)
        pause *= 3
    return work()
