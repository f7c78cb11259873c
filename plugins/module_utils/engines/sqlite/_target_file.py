# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database file of a target: what stands there, what is restored beside it, and what restores have kept of it."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import glob
import grp
import os
import pwd
import sqlite3
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._durable import sync_directory
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    LockHeld,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check, Replaced, RestoreWork
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import (
    BESIDE_SUFFIX,
    INFIX,
    stamp_of,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._connection import (
    SIDECARS,
    connect,
    holders,
    shown,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._copy import without_log
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._inspect import (
    FIXED,
    Found,
    compare,
    distrust,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._set_files import SetFile
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._super_journal import (
    JOURNAL,
    super_journal,
)

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
        """Checks, without changing anything, that it can be restored there.

        :raises Refused: when it cannot.
        """
        parent = self.directory
        if not os.path.isdir(parent) or not os.access(parent, os.W_OK | os.X_OK) or os.path.isdir(self.path):
            raise Refused(
                "restore a SQLite database",
                on=shown(self.path),
                why=f"{shown(parent)} is no directory that this user may write to, or the path is a directory itself",
                next_step="Make the directory with the owner it shall have, or correct the target's path.",
            )
        self.refuse_if_open()

    def exists(self) -> bool:
        """Whether there is a database, or one of its journals."""
        return any(os.path.lexists(self.path + tail) for tail in ("", *SIDECARS))

    def is_empty(self) -> bool:
        """Whether the database that is there holds nothing."""
        for tail in SIDECARS:
            if os.path.lexists(self.path + tail):
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
        """Sees to it that nobody is in it, as far as can be seen.

        :raises Refused: when somebody is.
        """
        who = holders(self.path)
        if who:
            raise Refused(
                "restore a SQLite database",
                on=shown(self.path),
                why=f"it is open in {', '.join(who)}, which would go on writing into the old one",
                next_step="Stop it, then run again; nothing was touched.",
            )

    # What is restored beside it

    def restore_beside(self, work: RestoreWork) -> None:
        """Writes the database into a file beside the target."""
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
                while chunk:
                    chunk = chunk[os.write(descriptor, chunk) :]

            work.reader.run(
                work.reader.description.file(self.file.part),
                [],
                processes=work.processes,
                action="read the payload of a set",
                next_step="The target is as it was. Restore from another copy of the set.",
                sink=write,
            )
            os.fsync(descriptor)

    def check(self) -> list[Check]:
        """Opens what was restored, and compares it with what the set says."""
        facts = self.file.facts
        try:
            # Not read-only: SQLite does not look at CHECK constraints then, and would find less than the dump did.
            with without_log(self._restoring), contextlib.closing(connect(self.beside, "rw")) as connection:
                distrust(connection)
                found = Found.of(connection, digests=facts["content_digests"] is not None)
        except sqlite3.Error as error:
            return [Check("integrity", False, str(error))]
        is_whole = not found.damage
        checks = [Check("integrity", is_whole, "ok" if is_whole else "; ".join(found.damage[:5]))]
        actual = found.facts()
        for name in (*FIXED, "objects", "rules_broken", "foreign_key_violations"):
            checks.append(
                Check(
                    name.replace("_", " "),
                    actual[name] == facts[name],
                    f"{actual[name]}" if actual[name] == facts[name] else f"{actual[name]}, the set says {facts[name]}",
                )
            )
        differing = [
            f"{table}: {actual['rows'].get(table, 'no such table')}, the set says {count}"
            for table, count in facts["rows"].items()
            if actual["rows"].get(table) != count
        ]
        total = f"{sum(facts['rows'].values())} in {len(facts['rows'])} tables"
        checks.append(Check("rows", not differing, "; ".join(differing[:20]) or total))
        return checks + compare(facts["content_digests"], found.digests or {})

    def discard(self) -> None:
        """Removes the file beside the target."""
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
        """Gives the restored file its owner and mode, and brings it to the disk."""
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

    def settle(self) -> None:
        """Has SQLite itself finish what the old database's journals hold, and proves that nobody is at work in it.

        :raises Refused: when somebody is.
        """
        if not os.path.lexists(self.path):
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
            if mode == "wal" and os.path.lexists(self.path + "-wal"):
                raise sqlite3.OperationalError("locked by a connection that cannot be seen")
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise Refused(
                    "restore a SQLite database",
                    on=shown(self.path),
                    why="another process is at work in it",
                    next_step="Stop it, then run again; nothing was touched.",
                ) from error
        except sqlite3.DatabaseError:
            pass  # Too damaged to be read: what journals it has left are kept with it.

    def keep(self, kept: str, undo: Undo) -> None:
        """Gives the old database a second name, and has its journals go along with that.

        :param undo: gets what takes it back, to be done last first.
        """
        if os.path.lexists(self.path):
            try:
                os.link(self.path, kept)
                undo.append(functools.partial(self._no_longer_keep, kept))
            except FileExistsError:
                raise
            except OSError:  # A file system without hard links: absent until the new one is there.
                os.rename(self.path, kept)
                undo.append(functools.partial(os.rename, kept, self.path))
        for tail in SIDECARS:
            if os.path.lexists(self.path + tail):
                os.rename(self.path + tail, kept + tail)
                undo.append(functools.partial(os.rename, kept + tail, self.path + tail))

    def _no_longer_keep(self, kept: str) -> None:
        if os.path.lexists(self.path):
            os.unlink(kept)
        else:  # The new one had taken its place, and was taken away.
            os.rename(kept, self.path)

    def put_in_place(self, undo: Undo) -> None:
        """Gives the restored database its name."""
        os.rename(self.beside, self.path)
        undo.append(functools.partial(os.rename, self.path, self.beside))

    def conclude(self) -> None:
        """The swap is complete."""
        self.swapped = True
        self._release()

    # What a dead restore has left

    def refuse_if_restoring(self) -> None:
        """Sees to it that no restore into this file is at work.

        :raises LockHeld: when one is.
        """
        descriptor = self._open_beside()
        if descriptor >= 0:
            try:
                self._lock(descriptor)
            finally:
                os.close(descriptor)

    def clear_dead(self) -> None:
        """Removes what a restore that died has left, and takes a swap back that it had only begun.

        :raises LockHeld: when a restore into the same target is at work.
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
        for kept in glob.glob(f"{glob.escape(self.path)}{INFIX}????????T??????Z*"):
            if os.path.exists(self.path) and os.path.samefile(kept, self.path):
                self.bring_journals_back(kept)
                os.unlink(kept)

    def bring_journals_back(self, kept: str) -> None:
        """Gives the journals of a database that was kept their names."""
        for tail in SIDECARS:
            if os.path.lexists(kept + tail) and not os.path.lexists(self.path + tail):
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
                why="another restore into it is at work",
                next_step="Wait for it to end; nothing was touched.",
            ) from None

    # What restores have kept

    def replaced(self) -> list[Replaced]:
        """What restores of this database have kept."""
        found = []
        for path in glob.glob(f"{glob.escape(self.path)}{INFIX}*"):
            since = stamp_of(path, lambda ending: self.path + ending)
            if since is None or not os.path.isfile(path) or os.path.islink(path):
                continue
            files = [path + tail for tail in ("", *SIDECARS) if os.path.lexists(path + tail)]
            size = sum(os.lstat(file).st_size for file in files)
            found.append(Replaced(path, since, size, ", ".join(holders(path)) or None))
        return found

    def check_live(self) -> None:
        """Opens the database, and sees that it holds something.

        :raises BackupError: when it cannot, or it is empty.
        """
        try:
            with contextlib.closing(connect(self.path, "rw")) as connection:
                connection.execute("PRAGMA query_only=ON")
                [objects] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                why = None if objects else "it is empty"
        except sqlite3.Error as error:
            why = f"it cannot be read: {error}"
        if why is not None:
            raise Refused(
                "remove what was replaced",
                on=shown(self.path),
                why=f"{why}, and what was replaced may be all there is",
                next_step="Look into both; remove what is not needed by hand.",
            )

    @contextlib.contextmanager
    def os_errors(self, action: str) -> t.Iterator[None]:
        """Makes of what the operating system says an error that an operator can act on."""
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


def remove_kept(name: str) -> None:
    """Removes a database that a restore has kept, with its journals.

    :raises BackupError: when it cannot.
    """
    try:
        # The database last: as long as it is there, what is left of it has its name and is found again.
        for tail in (*SIDECARS, ""):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name + tail)
        sync_directory(os.path.dirname(name))
    except OSError as error:
        raise BackupError(
            "remove what was replaced",
            on=shown(name),
            why=describe_os_error(error),
            next_step="Correct the permissions, or remove it by hand.",
        ) from error


def _number(look_up: t.Callable[[], int], otherwise: int) -> int:
    try:
        return look_up()
    except (KeyError, TypeError):
        return otherwise
