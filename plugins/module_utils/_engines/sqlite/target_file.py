# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database file of a target: what stands there, what is restored beside it, and what restores have kept of it."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import grp
import os
import pwd
import sqlite3
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    LockHeld,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import write_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import (
    beginning_with,
    is_directory,
    is_there,
)

from ..base import Check, RestoreWork
from ..kept_name import BESIDE_SUFFIX, INFIX, stamp_of
from .comparison import compare, warnings_of
from .confined_look import Look
from .connection import SIDECARS, connect, holders, is_locked, shown
from .inspect import Found, distrust
from .integrity import writer_of_file
from .online_backup import without_log
from .set_files import SetFile
from .super_journal import JOURNAL, super_journal

Undo = list[t.Callable[[], t.Any]]
_MAGIC = b"SQLite format 3\0"


class TargetFile:
    """One database file of a target.

    :param path: of it, links resolved.
    :param file: of the set that is to be put there; None where nothing is to be.
    """

    def __init__(self, path: str, file: SetFile | None = None) -> None:
        self.path = path
        self.beside = path + BESIDE_SUFFIX
        self.directory = os.path.dirname(path)
        self.swapped = False
        self._file = file
        self._restoring = -1  # Descriptor of the file beside the target.

    @property
    def file(self) -> SetFile:
        """What is to be put there."""
        if self._file is None:
            raise RuntimeError("nothing is to be restored there")
        return self._file

    # What stands there

    def inspect(self) -> None:
        """Check, without changing anything, that it can be restored there.

        :raises Refused: when it cannot.
        """
        parent = self.directory
        if not is_directory(parent) or not os.access(parent, os.W_OK | os.X_OK) or is_directory(self.path):
            raise Refused(
                "restore a SQLite database",
                on=shown(self.path),
                why=f"{shown(parent)} is not a directory that this user may write to, or the path is itself one",
                next_step="Make the directory with the owner it is to have, or correct the target's path.",
            )
        self.refuse_if_open()

    def exists(self) -> bool:
        """Whether there is a database, or one of its journals."""
        return any(is_there(self.path + tail) for tail in ("", *SIDECARS))

    def is_empty(self) -> bool:
        """Whether the database that is there holds nothing."""
        for tail in SIDECARS:
            if is_there(self.path + tail):
                return False
        try:
            if not os.path.getsize(self.path):
                return True
            # immutable: neither locks nor files are made, so nothing changes; nobody has it open.
            with contextlib.closing(connect(self.path, "ro", immutable=True)) as connection:
                return connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        except (OSError, sqlite3.Error):
            return False

    def refuse_if_open(self) -> None:
        """Check that nobody has it open, as far as can be seen.

        :raises Refused: when somebody is.
        """
        who = holders(self.path)
        if who:
            raise Refused(
                "restore a SQLite database",
                on=shown(self.path),
                why=f"it is open in {', '.join(who)}, which would continue to write to the old file",
                next_step="Stop it, then run again; nothing was touched.",
            )

    # What is restored beside it

    def restore_beside(self, work: RestoreWork) -> None:
        """Write the database into a file beside the target."""
        with self.os_errors("write the restored database"):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self.beside, flags, 0o600)
            self._restoring = descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            written = 0

            def write(chunk: memoryview) -> None:
                nonlocal written
                written += len(chunk)
                if written > self.file.bytes:
                    raise SetInvalid(
                        "restore a SQLite database",
                        on=str(work.reader.set_id),
                        why=f"its payload is larger than the {self.file.bytes} bytes that were written",
                        next_step="The target is as it was. Restore from another copy of the set.",
                    )
                work.progress.advance(len(chunk))
                write_all(descriptor, chunk)

            work.reader.run(
                work.reader.description.file(self.file.part),
                [],
                processes=work.processes,
                action="read the payload of a set",
                next_step="The target is as it was. Restore from another copy of the set.",
                sink=write,
            )
            os.fsync(descriptor)

    def check(self, work: RestoreWork) -> list[Check]:
        """Open what was restored, and compare it with what the set says."""
        facts = self.file.facts
        try:
            found = self._inspect_restored(work, digests=facts["content_digests"] is not None)
        except sqlite3.OperationalError as error:
            raise BackupError(
                "check a restored SQLite database",
                on=shown(self.path),
                why=str(error),
                next_step="Correct the cause, then run again. The target is as it was.",
            ) from error
        except sqlite3.Error as error:
            return [Check("integrity", False, f"it is damaged: {error}")]
        checks = compare(facts, found)
        if not found.damage:
            work.warnings += [f"{shown(self.path)}: {warning}" for warning in warnings_of(facts, found)]
        return checks

    def _inspect_restored(self, work: RestoreWork, *, digests: bool) -> Found:
        writer = max(writer_of_file(self._restoring), self.file.facts["written_by"])
        with without_log(self._restoring):
            if work.max_seconds is not None:
                return Look(self.beside, digests, writer, work.max_seconds).take(work.processes)
            # Not read-only: SQLite does not look at CHECK constraints then, and would find less than the dump did.
            with contextlib.closing(connect(self.beside, "rw")) as connection:
                distrust(connection)
                return Found.read(connection, digests=digests, writer=writer)

    def discard(self) -> None:
        """Remove the file beside the target."""
        if self._restoring >= 0:
            if not self.swapped:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.beside)
            self._release()

    def _release(self) -> None:
        if self._restoring >= 0:
            os.close(self._restoring)
            self._restoring = -1

    # The swap, step by step

    def adjust(self, work: RestoreWork) -> None:
        """Give the restored file its owner and mode, and bring it to the disk."""
        facts = self.file.facts
        if os.geteuid() == 0:
            uid = _number(lambda: pwd.getpwnam(facts["owner"]).pw_uid, facts["uid"])
            gid = _number(lambda: grp.getgrnam(facts["group"]).gr_gid, facts["gid"])
            os.fchown(self._restoring, uid, gid)
        elif facts["uid"] != os.geteuid():
            warning = "not run as root: the restored database belongs to this user and group"
            if warning not in work.warnings:
                work.warnings.append(warning)
        os.fchmod(self._restoring, int(facts["mode"], 8) & 0o777)
        os.fsync(self._restoring)

    def finish_journals(self) -> None:
        """Let SQLite itself finish what the old database's journals hold, and prove that nobody is using it.

        :raises Refused: when somebody is.
        """
        if not is_there(self.path):
            return
        with open(self.path, "rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                return  # No database any more: its journals are kept beside it as they are.
        if super_journal(self.path + JOURNAL) is not None:
            return  # Part of a transaction over several databases: not to be settled in one of them.
        try:
            with contextlib.closing(connect(self.path, "rw", timeout=5)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                connection.execute("COMMIT")
                [mode] = connection.execute("PRAGMA journal_mode").fetchone()
            # The last to leave a database removes its write-ahead log: somebody else is still in it.
            if mode == "wal" and is_there(self.path + "-wal"):
                raise sqlite3.OperationalError("locked by a connection that cannot be seen")
        except sqlite3.OperationalError as error:
            if is_locked(error):
                raise Refused(
                    "restore a SQLite database",
                    on=shown(self.path),
                    why="another process is using it",
                    next_step="Stop it, then run again; nothing was touched.",
                ) from error
        except sqlite3.DatabaseError:
            pass  # Too damaged to be read: what journals it has left are kept with it.

    def keep(self, kept: str, undo: Undo) -> None:
        """Give the old database a second name, and let its journals go along with that.

        :param undo: gets what takes it back, to be done last first.
        """
        if is_there(self.path):
            try:
                os.link(self.path, kept)
                undo.append(functools.partial(self._no_longer_keep, kept))
            except FileExistsError:
                raise
            except OSError:  # A file system without hard links: absent until the new one is there.
                os.rename(self.path, kept)
                undo.append(functools.partial(os.rename, kept, self.path))
        for tail in SIDECARS:
            if is_there(self.path + tail):
                os.rename(self.path + tail, kept + tail)
                undo.append(functools.partial(os.rename, kept + tail, self.path + tail))

    def _no_longer_keep(self, kept: str) -> None:
        if is_there(self.path):
            os.unlink(kept)
        else:  # The new one had taken its place, and was taken away.
            os.rename(kept, self.path)

    def put_in_place(self, undo: Undo) -> None:
        """Give the restored database its name."""
        os.rename(self.beside, self.path)
        undo.append(functools.partial(os.rename, self.path, self.beside))

    def conclude(self) -> None:
        """Complete the swap."""
        self.swapped = True
        self._release()

    # What a dead restore has left

    def refuse_if_restoring(self) -> None:
        """Check that no restore into this file is running.

        :raises LockHeld: when one is.
        """
        descriptor = self._open_beside()
        if descriptor >= 0:
            try:
                self._lock(descriptor)
            finally:
                os.close(descriptor)

    def clear_dead(self) -> None:
        """Remove what a restore that died has left, and take a swap back that it had only begun.

        :raises LockHeld: when a restore into the same target is running.
        """
        descriptor = self._open_beside()
        for tail in SIDECARS:  # Of nothing that we opened; SQLite would apply them to what we restore.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.beside + tail)
        if descriptor >= 0:
            try:
                self._lock(descriptor)
                os.unlink(self.beside)
            finally:
                os.close(descriptor)
        for kept in beginning_with(self.path + INFIX):
            named = stamp_of(kept, lambda ending: self.path + ending) is not None
            if named and is_there(self.path) and os.path.samefile(kept, self.path):
                self.bring_journals_back(kept)
                os.unlink(kept)

    def bring_journals_back(self, kept: str) -> None:
        """Give the journals of a database that was kept their names."""
        for tail in SIDECARS:
            if is_there(kept + tail) and not is_there(self.path + tail):
                os.rename(kept + tail, self.path + tail)

    def _open_beside(self) -> int:
        try:
            return os.open(self.beside, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return -1
        except OSError as error:
            raise self._os_error("remove what a dead restore left", error) from error

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeld(
                "restore a SQLite database",
                on=shown(self.path),
                why="another restore into it is running",
                next_step="Wait for it to end; nothing was touched.",
            ) from None

    @contextlib.contextmanager
    def os_errors(self, action: str) -> t.Iterator[None]:
        """Turn an error of the operating system into one that an operator can act on."""
        try:
            yield
        except OSError as error:
            raise self._os_error(action, error) from error

    def _os_error(self, action: str, error: OSError) -> BackupError:
        return BackupError(
            action,
            on=shown(self.path),
            why=describe_os_error(error),
            next_step="The target is as it was. Free space or correct the permissions, then run again.",
        )


def _number(look_up: t.Callable[[], int], otherwise: int) -> int:
    try:
        return look_up()
    except (KeyError, TypeError):
        return otherwise
