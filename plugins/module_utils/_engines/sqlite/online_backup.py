# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A consistent copy of a database in use, through SQLite's own backup API (https://www.sqlite.org/backup.html).

The copy is a file without a name: it has one only while it is empty. Two connections are made to it, its name is
removed, and only then it is filled, so that however this process ends, nothing of the data stays.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import beginning_with

from . import connection as sqlite_connection
from .connection import connect, hold
from .inspect import distrust
from .snapshot import Snapshot

# A rollback-journal database is copied in steps between which writers write: one that waits keeps the next step from
# beginning (its PENDING lock), so that no pause is needed. Each write starts the copy anew; after so many the rest is
# done in one go, with writers held off, and for no longer than so.
MAX_RESTARTS = 5
LOCKED_SECONDS = 30.0
_STEP_BYTES = 4 * 1024 * 1024
# Offsets 18 and 19 of the header tell how to write and read the file: 1 rollback journal, 2 write-ahead log
# (https://www.sqlite.org/fileformat2.html#file_format_version_numbers).
_VERSIONS = 18
_ROLLBACK_VERSIONS = b"\x01\x01"
_BUSY, _LOCKED = 5, 6


class BusyTooLongError(Exception):
    """Another process holds the database."""


class _TooManyRestartsError(Exception):
    """The database changes faster than it is copied."""


class LockedTooLongError(Exception):
    """The copy that holds writers off takes too long."""


class Watch:
    """Watches while SQLite copies, and stops the copy at its limits.

    :param max_restarts: how many times the copy may start anew; None: any number.
    :param max_seconds: how long the copy may take.
    """

    def __init__(self, *, max_restarts: int | None = None, max_seconds: float | None = None) -> None:
        self.restarts = 0
        self._max_restarts = max_restarts
        self._deadline = None if max_seconds is None else time.monotonic() + max_seconds
        self._remaining: int | None = None
        self._busy_since: float | None = None

    def __call__(self, status: int, remaining: int, _total: int) -> None:
        """Note a step; SQLite calls it after each."""
        now = time.monotonic()
        if self._deadline is not None and now > self._deadline:
            raise LockedTooLongError
        if status in (_BUSY, _LOCKED):
            self._busy_since = self._busy_since or now
            if now - self._busy_since > sqlite_connection.BUSY_SECONDS:
                raise BusyTooLongError
            return
        self._busy_since = None
        if self._remaining is not None and remaining >= self._remaining and remaining:
            self.restarts += 1
            if self._max_restarts is not None and self.restarts > self._max_restarts:
                raise _TooManyRestartsError
        self._remaining = remaining


class Copy:
    """A database file without a name. Its space goes when this is left, or when this process ends.

    :param directory: on whose file system it takes its space.
    :param name: of the database, to tell whose an empty directory is that a killed process may leave.
    """

    def __init__(self, directory: str, name: str) -> None:
        self.descriptor = -1
        self._connections: list[sqlite3.Connection] = []
        self._directory = directory
        self._prefix = f".{name[:200]}.copy-"

    def __enter__(self) -> Copy:
        self._remove_dead()
        private = tempfile.mkdtemp(prefix=self._prefix, dir=self._directory)
        path = os.path.join(private, "copy")
        try:
            # sqlite3_open_v2 opens, and makes, the file at once; from then on each connection has its descriptor.
            for mode in ("rwc", "rw"):
                self._connections.append(connect(path, mode, one_thread=False))
            self.descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except BaseException:
            self.close()
            raise
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            os.rmdir(private)
        # Nothing is ever rolled back in a copy, and a journal would need a name.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE"):
            self._connections[0].execute(f"PRAGMA {pragma}")
        return self

    def __exit__(self, *_: t.Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the copy, which frees its space."""
        for connection in self._connections:
            connection.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _remove_dead(self) -> None:
        for path in beginning_with(os.path.join(self._directory, self._prefix)):
            with contextlib.suppress(OSError):
                if time.time() - os.lstat(path).st_mtime > 60:
                    file = os.path.join(path, "copy")
                    if os.path.lexists(file) and not os.path.getsize(file):
                        os.unlink(file)
                    os.rmdir(path)

    def fill(self, source: sqlite3.Connection, watch: Watch) -> None:
        """Copy the source, from the beginning, in steps."""
        [page_size] = source.execute("PRAGMA page_size").fetchone()
        pages = max(1, _STEP_BYTES // page_size)
        source.backup(self._connections[0], pages=pages, progress=watch, sleep=0.05)

    def snapshot(self) -> Snapshot:
        """Return what was copied, ready to be read and looked at."""
        writer, reader = self._connections
        writer.close()
        distrust(reader)
        # The header is read once, and stays in the connection's memory as long as its transaction lasts.
        with without_log(self.descriptor):
            hold(reader)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        size = os.fstat(self.descriptor).st_size
        return Snapshot(reader, self.descriptor, size, size)


@contextlib.contextmanager
def without_log(descriptor: int) -> t.Iterator[None]:
    """Present a file of ours to SQLite as a rollback-journal database.

    A copy of a WAL database says that it has a write-ahead log, and SQLite would want to make one beside it.
    """
    versions = os.pread(descriptor, 2, _VERSIONS)
    if not versions:
        yield
        return
    os.pwrite(descriptor, _ROLLBACK_VERSIONS, _VERSIONS)
    try:
        yield
    finally:
        os.pwrite(descriptor, versions, _VERSIONS)


@contextlib.contextmanager
def copied(path: str, directory: str) -> t.Iterator[tuple[Snapshot, dict[str, t.Any]]]:
    """Provide a copy of a database in use, and how it came about.

    :param directory: on whose file system it takes its space.
    :raises BusyTooLongError: when another process holds the database for over ``BUSY_SECONDS``.
    :raises LockedTooLongError: when it is written to all the time, and too large to be copied with writers held off.
    :raises sqlite3.Error: when it cannot be read, or the copy not be written.
    """
    name = os.path.basename(path)
    locked = False
    with contextlib.ExitStack() as stack:
        copy = stack.enter_context(Copy(directory, name))
        with contextlib.closing(connect(path, "rw")) as source:
            [mode] = source.execute("PRAGMA journal_mode").fetchone()
            watch = Watch(max_restarts=MAX_RESTARTS)
            if mode == "wal":
                hold(source)  # One read transaction: writers go on, and are not seen.
                copy.fill(source, Watch())
            else:
                try:
                    copy.fill(source, watch)
                except _TooManyRestartsError:
                    locked = True
                    copy.close()  # Half of one moment and half of another.
                    copy = stack.enter_context(Copy(directory, name))
                    hold(source)
                    copy.fill(source, Watch(max_seconds=LOCKED_SECONDS))
        yield copy.snapshot(), {"journal_mode": mode, "restarts": watch.restarts, "writers_held_off": locked}
