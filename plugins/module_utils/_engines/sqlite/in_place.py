# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database in WAL mode, read where it is: its own file is the snapshot, and nothing is copied.

Writers of such a database append to its write-ahead log; only a checkpoint writes to the file itself. A reader of the
log's first M frames keeps every checkpoint from going beyond them (it holds the lock of its read mark, and where the
whole log was in the file already when it began, that of mark 0, without which no checkpoint writes at all). So where a
checkpoint that begins after the reader finds no frame that it could not write, reader, log and file are the same
moment, and the file stays so until the reader ends. A log can only be begun anew meanwhile, which writes to no
database file (https://www.sqlite.org/walformat.html#wal_locks; walTryBeginRead, walCheckpoint and walRestartLog in
SQLite's wal.c, 3.40 and 3.53).

Nobody is held off for that. What is written meanwhile stays in the log, which grows by it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError

from .connection import connect, hold, shown
from .inspect import distrust
from .snapshot import Snapshot

# A commit may come between reader and checkpoint, or somebody may still read an older moment. Then it is tried anew.
TRIES = 20
_PAUSE_SECONDS = 0.025
# Offset 19 of the header: how the file is read; 2 is with a write-ahead log
# (https://www.sqlite.org/fileformat2.html#file_format_version_numbers).
_READ_VERSION = 19
_WITH_LOG = 2


def has_log(header: bytes) -> bool:
    """Whether a database is in WAL mode, by the beginning of its file."""
    return header[_READ_VERSION : _READ_VERSION + 1] == bytes([_WITH_LOG])


class InPlace:
    """A database's own file, opened to be a snapshot of it; a context manager.

    :param path: of the database.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._before: os.stat_result | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> InPlace:
        # The first to be opened and the last to be closed: closing any descriptor of a file lets go of all locks that
        # this process has on it (fcntl_locking(2)), SQLite's among them.
        with contextlib.ExitStack() as stack:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, self._descriptor)
            self.reader = stack.enter_context(contextlib.closing(connect(self._path, "rw", one_thread=False)))
            self._checkpointer = stack.enter_context(contextlib.closing(connect(self._path, "rw")))
            distrust(self.reader)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: t.Any) -> None:
        self._stack.__exit__(*exception)

    def is_at_its_path(self) -> bool:
        """Whether the file that is open is still the one that has this path."""
        return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))

    def begin(self) -> Snapshot | None:
        """Return a snapshot that is wholly in the file, or None if there can be none.

        :raises sqlite3.Error: when it cannot be read.
        """
        if not _begin(self.reader, self._checkpointer) or not self.is_at_its_path():
            return None
        [pages] = self.reader.execute("PRAGMA page_count").fetchone()
        [page_size] = self.reader.execute("PRAGMA page_size").fetchone()
        before = os.fstat(self._descriptor)
        if before.st_size < pages * page_size:  # SQLite reads zeros for what is missing at the end.
            return None
        self._before = before
        return Snapshot(self.reader, self._descriptor, pages * page_size, before.st_size)

    def prove(self) -> None:
        """Check that the file has stayed as it was.

        :raises BackupError: when something has written to it meanwhile.
        """
        before, after = self._before, os.fstat(self._descriptor)
        stayed = before is not None and (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
        if not stayed or not self.reader.in_transaction:
            raise BackupError(
                "back up a SQLite database",
                on=shown(self._path),
                why="something wrote to its file, ignoring SQLite's locks, while it was read",
                next_step="Find what changes the file by other means than SQLite; then run again.",
            )


@contextlib.contextmanager
def in_place(path: str) -> t.Iterator[Snapshot | None]:
    """Provide the database's own file as a snapshot, or None if it cannot be one.

    :raises sqlite3.Error: when it cannot be read.
    :raises BackupError: at the end, when something has written to the file meanwhile.
    """
    with InPlace(path) as file:
        snapshot = file.begin()
        yield snapshot
        if snapshot is not None:
            file.prove()


def _begin(reader: sqlite3.Connection, checkpointer: sqlite3.Connection) -> bool:
    """Begin a read transaction whose snapshot is wholly in the database's file; False if there is none."""
    for connection in (reader, checkpointer):  # Opens the log, so that as little as can be is left to do then.
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            return False
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    for _try in range(TRIES):
        hold(reader)
        try:
            busy, in_log, in_file = checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.OperationalError:  # No space, no permission: what prevents a checkpoint prevents no reading.
            busy, in_log, in_file = 1, -1, -1
        if not busy and in_log == in_file >= 0:
            return True
        reader.execute("COMMIT")
        time.sleep(_PAUSE_SECONDS)
    return False
