# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to database files, and who else has them open."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
import typing as t
import urllib.parse

from ..names import escape

SIDECARS = ("-wal", "-shm", "-journal")
# How long a lock that another process holds is waited for.
BUSY_SECONDS = 30.0
_SQLITE_BUSY, _SQLITE_LOCKED = 5, 6


def connect(
    path: str, mode: str, *, immutable: bool = False, timeout: float | None = None, one_thread: bool = True
) -> sqlite3.Connection:
    """Return a connection without Python's own transactions.

    :param mode: ``ro``, ``rw`` or ``rwc``. A source is opened ``rw``: only so SQLite takes part in locking, and rolls
        back what a crashed application has left, as every reader does.
    :param one_thread: False: it is made in one thread and used in another.
    """
    quoted = urllib.parse.quote_from_bytes(os.fsencode(path))
    uri = f"file:{quoted}?mode={mode}" + ("&immutable=1" if immutable else "")
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=BUSY_SECONDS if timeout is None else timeout,
        isolation_level=None,
        check_same_thread=one_thread,
    )
    # One object that this SQLite cannot make sense of must not keep it from reading the others.
    connection.execute("PRAGMA writable_schema=ON")
    return connection


def open_plain(path: str | bytes) -> t.BinaryIO:
    """Open a regular file for reading: anything else that an application's user put there is not waited for.

    :raises OSError: when it cannot be read, or is no regular file; none but such is opened (a tape would be rewound).
    """
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        mode = os.fstat(place).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return open(f"/proc/self/fd/{place}", "rb")
    finally:
        os.close(place)


def hold(connection: sqlite3.Connection) -> None:
    """Begin a read transaction that lasts until the connection is closed."""
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def holders(path: str) -> list[str]:
    """Return the processes that have the database or one of its journals open, as far as this user can see."""
    wanted = {}
    for tail in ("", *SIDECARS):
        with contextlib.suppress(OSError):
            status = os.stat(path + tail)
            wanted[(status.st_dev, status.st_ino)] = os.path.basename(path + tail)
    names = set(wanted.values())
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")) if wanted else ():
        directory = f"/proc/{process}/fd"
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(directory):
                with contextlib.suppress(OSError):
                    # The name first: stat(2) on a descriptor of a dead network file system would never return.
                    if os.path.basename(os.readlink(f"{directory}/{descriptor}")) not in names:
                        continue
                    status = os.stat(f"{directory}/{descriptor}")
                    if (status.st_dev, status.st_ino) in wanted:
                        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as stream:
                            found.append(f"process {process} ({stream.read().strip()})")
                        break
    return found


def is_locked(error: sqlite3.OperationalError) -> bool:
    """Whether SQLite could not go on because of another connection's lock."""
    code: int | None = getattr(error, "sqlite_errorcode", None)  # Since Python 3.11.
    if code is not None:
        return code & 0xFF in (_SQLITE_BUSY, _SQLITE_LOCKED)
    return "locked" in str(error) or "busy" in str(error)


def shown(path: str) -> str:
    """Return a path for messages."""
    return escape(os.fsencode(path))
