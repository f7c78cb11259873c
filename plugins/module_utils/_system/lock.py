# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on one source: an advisory lock that the kernel drops when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, LockHeld, describe_os_error


@contextlib.contextmanager
def locked(path: str, *, subject: str) -> t.Iterator[None]:
    """Hold an exclusive flock(2) on ``path`` (made where missing).

    :param subject: the source or medium that is locked, for the message.
    :raises LockHeld: at once, when another process holds it.
    :raises BackupError: when the lock file cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        raise BackupError(
            "lock a source",
            on=subject,
            why=describe_os_error(error),
            next_step="Run as the user that owns it, or correct its owner and mode; nothing was touched.",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise LockHeld(
                "start on a source",
                on=subject,
                why="another run is working on it" + (f" (process {holder})" if holder else ""),
                next_step="Wait for it to end; nothing was touched.",
            ) from None
        except OSError as error:
            raise BackupError(
                "lock a source",
                on=subject,
                why=describe_os_error(error),
                next_step="Use a file system that supports flock(2), or repair it; nothing was changed.",
            ) from error
        holder_id = os.getpid()
        # Only for the message to others: on a full disk the lock holds all the same, and what needs room will say so.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{holder_id}\n".encode(), 0)
        try:
            yield
        finally:
            # Closing is not enough: a process that another thread is just starting has a copy until its program
            # begins. A forked child that unwinds leaves its parent's lock alone.
            if os.getpid() == holder_id:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
