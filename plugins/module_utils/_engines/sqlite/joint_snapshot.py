# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One snapshot of several databases that an application changes in the same transactions (``ATTACH``).

A transaction over several files holds the write lock of each until it is committed in all: in a rollback mode until
the super-journal is gone, in WAL mode until the last log has its commit. So while one process holds the write locks of
all, each such transaction is in all of them or in none; a reader of each that begins then sees that moment, whatever
is written once the locks are let go (https://www.sqlite.org/atomiccommit.html#multi_file_commit; vdbeCommit in
SQLite's vdbeaux.c, 3.40).

The locks are held for as long as the readers take to begin: milliseconds, and half a second where somebody reads an
older moment of a file in WAL mode. Files in that mode are then read where they are, or copied, and nobody waits. In a
rollback mode a reader keeps every commit waiting, and so these files are copied first, one after the other.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter

from . import connection, online_backup, source_file
from .connection import connect, hold, is_locked, shown
from .in_place import InPlace
from .online_backup import BusyTooLongError, Copy, Watch
from .snapshot import Snapshot
from .source_file import SourceFile, StoredFile
from .super_journal import refuse_shared_transaction

# How long a second write lock is waited for while a first is held: who holds the second may be waiting for the first.
_PATIENCE_SECONDS = 0.1
_LOOK_EVERY_SECONDS = 0.002


class _HeldTooLongError(Exception):
    """Another process holds one of the databases.

    :param file: which.
    """

    def __init__(self, file: SourceFile) -> None:
        super().__init__(file.path)
        self.file = file


class _Opened:
    """One of the databases, opened; a context manager.

    The descriptor of ``InPlace`` is opened first and closed last, as it says.
    """

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.snapshot: Snapshot | None = None
        self.read_in_place = False
        self.journal_mode = ""
        self._own = InPlace(file.path)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _Opened:
        with self.file.explained(), contextlib.ExitStack() as stack:
            stack.enter_context(self._own)
            self._gate = stack.enter_context(contextlib.closing(connect(self.file.path, "rw")))
            # Undoes or takes over what a dead application has left, so that it is not done with writers held off.
            self._gate.execute("SELECT count(*) FROM sqlite_master").fetchone()
            [self.journal_mode] = self._gate.execute("PRAGMA journal_mode").fetchone()
            self._gate.execute("PRAGMA busy_timeout=0")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: t.Any) -> None:
        self._stack.__exit__(*exception)

    def hold_writers_off(self, seconds: float) -> bool:
        """Take the write lock; False: it was not to be had for so long."""
        end = time.monotonic() + seconds
        with self.file.explained():
            while True:
                try:
                    self._gate.execute("BEGIN IMMEDIATE")
                    return True
                except sqlite3.OperationalError as error:
                    if not is_locked(error):
                        raise
                if time.monotonic() > end:
                    return False
                time.sleep(_LOOK_EVERY_SECONDS)

    def let_writers_go_on(self) -> None:
        """Give the write lock back, where it is held."""
        if self._gate.in_transaction:
            self._gate.execute("ROLLBACK")

    def begin(self) -> None:
        """Begin to read this snapshot."""
        with self.file.explained():
            if not self._own.is_at_its_path():
                raise BackupError(
                    "back up a SQLite database",
                    on=shown(self.file.path),
                    why="another file was put in its place while it was opened",
                    next_step="Run again once nobody replaces it.",
                )
            self.snapshot = self._own.begin()
            self.read_in_place = self.snapshot is not None
            if not self._own.reader.in_transaction:
                hold(self._own.reader)

    def copy(self, stack: contextlib.ExitStack, watch: Watch) -> None:
        """Copy what is being read, and end the reading."""
        with self.file.explained():
            copy = stack.enter_context(Copy(self.file.scratch, os.path.basename(self.file.path)))
            copy.fill(self._own.reader, watch)
            self._own.reader.close()
            self.snapshot = copy.snapshot()

    def prove(self) -> None:
        """Check that what was read where it is has stayed as it was.

        :raises BackupError: when it has not.
        """
        if self.read_in_place:
            self._own.prove()

    def how(self) -> dict[str, t.Any]:
        """Return how its snapshot was taken."""
        return {
            "read_in_place": self.read_in_place,
            "journal_mode": self.journal_mode,
            "restarts": 0,
            "writers_held_off": self.journal_mode != "wal",
        }


def store_together(files: t.Sequence[SourceFile], writer: SetWriter) -> list[StoredFile]:
    """Store one snapshot of all of these databases.

    :raises BackupError: naming the database that it cannot be had of.
    """
    paths = [file.path for file in files]
    for file in files:
        file.header()
        refuse_shared_transaction(file.path, paths)  # Once more: SQLite settles it as soon as it is asked anything.
    try:
        return _store_opened(files, writer)
    except _HeldTooLongError as error:
        held = error.file
    with held.explained():  # None is open here any more, so that only others are named.
        raise BusyTooLongError


def _store_opened(files: t.Sequence[SourceFile], writer: SetWriter) -> list[StoredFile]:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(_Opened(file)) for file in files]
        try:
            _hold_writers_off(opened)
            for one in opened:
                one.begin()
        finally:
            for one in opened:
                one.let_writers_go_on()
        to_copy = [one for one in opened if not one.read_in_place]
        source_file.check_scratch([one.file for one in to_copy])
        # Whoever commits waits for the readers of a rollback mode: for all of them together no longer than for one.
        deadline = time.monotonic() + online_backup.LOCKED_SECONDS
        for one in sorted(to_copy, key=lambda one: one.journal_mode == "wal"):
            left = None if one.journal_mode == "wal" else max(0.0, deadline - time.monotonic())
            one.copy(stack, Watch(max_seconds=left))
        stored = [
            StoredFile(one.snapshot.bytes, one.file.store(writer, one.snapshot), one.how())
            for one in opened
            if one.snapshot is not None
        ]
        for one in opened:
            one.prove()
    return stored


def _hold_writers_off(opened: t.Sequence[_Opened]) -> None:
    """Take the write locks of all.

    None is waited for with another in hand: an application that takes them in another order would wait for us as we
    for it. The one whose lock was not available is tried first next time.
    """
    end = time.monotonic() + connection.BUSY_SECONDS * len(opened)
    order = list(opened)
    while True:
        held = None
        for one in order:
            if not one.hold_writers_off(connection.BUSY_SECONDS if one is order[0] else _PATIENCE_SECONDS):
                held = one
                break
        if held is None:
            return
        for one in order:
            one.let_writers_go_on()
        if held is order[0] or time.monotonic() > end:
            raise _HeldTooLongError(held.file)
        order.remove(held)
        order.insert(0, held)
