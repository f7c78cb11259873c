# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for SQLite databases in use: a consistent copy through SQLite's own backup API, never by copying the file.

The copy is a file without a name: it has one only while it is empty. Two connections are made to it, its name is
removed, and only then it is filled (https://www.sqlite.org/backup.html), so that however this process ends, nothing
of the data stays. The copy is checked and counted, and what was checked is what is stored.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import glob
import grp
import os
import pwd
import re
import sqlite3
import stat
import tempfile
import time
import typing as t
import urllib.parse

from ansible_collections.infitulua.backup.plugins.module_utils import _filters
from ansible_collections.infitulua.backup.plugins.module_utils._bag import PAYLOAD_DIRECTORY
from ansible_collections.infitulua.backup.plugins.module_utils._durable import sync_directory
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    LockHeld,
    NotFound,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Check,
    Dumped,
    Engine,
    Examination,
    Replaced,
    RestoreWork,
    TargetState,
    is_count,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import (
    CONTENT_DIGEST_ARGUMENT,
    compare_digests,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._names import escape
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import INFIX, stamp_of
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._digest import digest_table

PART = "database"
FILE_NAME = "database.sqlite3"
SIDECARS = ("-wal", "-shm", "-journal")
# How long a lock that another process holds is waited for.
BUSY_SECONDS = 30.0
# A rollback-journal database is copied in steps between which writers write. Each write starts the copy anew; after
# so many the rest is done in one go, with writers held off, and for no longer than so.
MAX_RESTARTS = 5
LOCKED_SECONDS = 30.0
_PAUSE_SECONDS = 0.001
_STEP_BYTES = 4 * 1024 * 1024
_SCRATCH_FLOOR = 16 * 1024 * 1024
_MAGIC = b"SQLite format 3\0"
# Offsets 18 and 19 of the header tell how to write and read the file: 1 rollback journal, 2 write-ahead log
# (https://www.sqlite.org/fileformat2.html#file_format_version_numbers).
_VERSIONS = 18
_ROLLBACK_VERSIONS = b"\x01\x01"
_BUSY, _LOCKED = 5, 6
_MAX_FINDINGS = 100
# A row that breaks a rule of its own table is data; everything else that integrity_check finds is damage.
_RULE_BROKEN = re.compile(r"(?:NULL|NUMERIC|TEXT|BLOB|non-[A-Z]+) value in |CHECK constraint failed in ")
_FIXED = ("page_size", "encoding", "user_version", "application_id", "auto_vacuum")


class SqliteEngine(Engine):
    """One database file.

    Source options: ``path`` (links are resolved), ``scratch_directory`` (where the copy takes its space; the
    database's own directory when not given), ``content_digest`` (whether every row counts for a digest of its table).
    Target options: ``path``.
    """

    name = "sqlite"
    source_arguments = {
        "path": {"type": "path"},
        "scratch_directory": {"type": "path"},
        **CONTENT_DIGEST_ARGUMENT,
    }
    target_arguments = {
        "path": {"type": "path"},
    }

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        path = options.get("path")
        if not path or not path.startswith("/"):
            raise Refused(
                "use a SQLite database",
                on=repr(path or ""),
                why="path must be given, and be absolute",
                next_step="Give path: the database file.",
            )
        self._path = os.path.realpath(path)
        self._scratch = options.get("scratch_directory") or os.path.dirname(self._path)
        self._digests = bool(options.get("content_digest"))
        self._restoring = -1  # Descriptor of the file beside the target.
        self._swapped = False

    def describe(self) -> str:
        """The file."""
        return f"SQLite database {_shown(self._path)}"

    # Dumping

    def examine(self) -> Examination:
        """The file is there, is a database, can be read, and its copy fits."""
        try:
            with open(self._path, "rb") as stream:
                status = os.fstat(stream.fileno())
                header = stream.read(100) if stat.S_ISREG(status.st_mode) else b""
        except FileNotFoundError as error:
            raise NotFound(
                "read a SQLite database",
                on=_shown(self._path),
                why="there is no such file",
                next_step="Correct the source's path, or bring the database back; nothing was written.",
            ) from error
        except OSError as error:
            raise BackupError(
                "read a SQLite database",
                on=_shown(self._path),
                why=describe_os_error(error),
                next_step="Run as root or as the database's owner; nothing was written.",
            ) from error
        if not stat.S_ISREG(status.st_mode) or (status.st_size and header[:16] != _MAGIC):
            raise BackupError(
                "read a SQLite database",
                on=_shown(self._path),
                why="it does not begin as a SQLite database does: it is something else, damaged, or encrypted",
                next_step="Correct the path, or back it up as a file (engine files) while nothing writes to it.",
            )
        size = status.st_size
        with contextlib.suppress(OSError):
            size += os.stat(self._path + "-wal").st_size
        self._check_scratch(size)
        return Examination(size, {"sqlite": sqlite3.sqlite_version})

    def _check_scratch(self, size: int) -> None:
        if not os.path.isdir(self._scratch) or not os.access(self._scratch, os.W_OK | os.X_OK):
            raise Refused(
                "copy a SQLite database",
                on=_shown(self._path),
                why=f"{_shown(self._scratch)} is no directory that this user may write to",
                next_step="Give scratch_directory: a directory with as much free space as the database is large.",
            )
        available = os.statvfs(self._scratch)
        free = available.f_bavail * available.f_frsize
        if free < size + _SCRATCH_FLOOR:
            raise BackupError(
                "copy a SQLite database",
                on=_shown(self._path),
                why=f"{free} bytes are free in {_shown(self._scratch)} and about {size + _SCRATCH_FLOOR} are needed",
                next_step="Free space there, or give another scratch_directory; nothing was written.",
            )

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        """Copies, checks, stores."""
        try:
            return self._dump(writer)
        except OSError as error:
            raise BackupError(
                "copy a SQLite database",
                on=_shown(self._path),
                why=describe_os_error(error),
                next_step="Correct what it names, then run again; nothing of the set was kept.",
            ) from error

    def _dump(self, writer: SetWriter) -> Dumped:
        owner = os.stat(self._path)
        with contextlib.ExitStack() as stack:
            copy, how = self._filled(stack)
            try:
                found = copy.inspect(digests=self._digests)
            except sqlite3.Error as error:
                raise self._damaged([str(error)]) from error
            if found.damage:
                raise self._damaged(found.damage)
            writer.store(
                Stream(
                    part=PART,
                    name=FILE_NAME,
                    commands=[],
                    stdin=copy.descriptor,
                    action=f"store {self.describe()}",
                    next_step="See the cause; nothing of the set was kept.",
                )
            )
            size = os.fstat(copy.descriptor).st_size
        suffix = writer.filters.suffix(compress=True)
        by_hand = _filters.by_hand(f"{PAYLOAD_DIRECTORY}/{FILE_NAME}{suffix}")
        return Dumped(
            parts=[PART],
            content={"rows": sum(found.rows.values()), "bytes": found.bytes_in_use},
            facts={
                "path": _shown(self._path),
                "bytes": size,
                "mode": f"{stat.S_IMODE(owner.st_mode):04o}",
                "uid": owner.st_uid,
                "gid": owner.st_gid,
                "owner": _name(lambda: pwd.getpwuid(owner.st_uid).pw_name),
                "group": _name(lambda: grp.getgrgid(owner.st_gid).gr_name),
                **how,
                **found.facts(),
            },
            warnings=found.warnings(),
            restore_by_hand=[
                f"{by_hand} > TARGET_FILE  # was {_shown(self._path)}; no TARGET_FILE-wal or -journal may lie beside it"
            ],
        )

    def _filled(self, stack: contextlib.ExitStack) -> tuple[_Copy, dict[str, t.Any]]:
        """A copy of the live database, and how it came about."""
        name = os.path.basename(self._path)
        try:
            copy = stack.enter_context(_Copy(self._scratch, name))
            with contextlib.closing(_connect(self._path, "rw")) as source:
                [mode] = source.execute("PRAGMA journal_mode").fetchone()
                [page_size] = source.execute("PRAGMA page_size").fetchone()
                pages = max(1, _STEP_BYTES // page_size)
                restarts = 0
                locked = False
                if mode == "wal":
                    _hold(source)  # One read transaction: writers go on, and are not seen.
                    copy.fill(source, pages, _Watch(pause=0, max_restarts=None, max_seconds=None))
                else:
                    watch = _Watch(pause=_PAUSE_SECONDS, max_restarts=MAX_RESTARTS, max_seconds=None)
                    try:
                        copy.fill(source, pages, watch)
                    except _TooManyRestartsError:
                        locked = True
                        copy.close()  # Half of one moment and half of another.
                        copy = stack.enter_context(_Copy(self._scratch, name))
                        _hold(source)
                        copy.fill(source, pages, _Watch(pause=0, max_restarts=None, max_seconds=LOCKED_SECONDS))
                    restarts = watch.restarts
        except (_BusyTooLongError, _LockedTooLongError, sqlite3.Error) as error:
            raise self._explain(error) from error
        return copy, {"journal_mode": mode, "restarts": restarts, "writers_held_off": locked}

    def _explain(self, error: Exception) -> BackupError:
        text = str(error)
        next_step = "Nothing was written. See the cause, then run again."
        if isinstance(error, _LockedTooLongError):
            why = f"it is written to all the time, and a copy with writers held off takes over {LOCKED_SECONDS:.0f} s"
            next_step = "Set it to PRAGMA journal_mode=WAL, which lets both go on, or back it up at a quiet time."
        elif isinstance(error, _BusyTooLongError) or "locked" in text or "busy" in text:
            holders = ", ".join(_holders(self._path)) or "no process that this user can see"
            why = f"it has been locked for over {BUSY_SECONDS:.0f} s; open in {holders}"
            next_step = "End the transaction that holds it, then run again; nothing was written."
        elif "malformed" in text or "not a database" in text:
            return self._damaged([text])
        elif "full" in text:
            why = f"{text} in {_shown(self._scratch)}"
            next_step = "Free space there, or give another scratch_directory; nothing was written."
        else:
            why = text
        return BackupError("copy a SQLite database", on=_shown(self._path), why=why, next_step=next_step)

    def _damaged(self, findings: t.Sequence[str]) -> BackupError:
        return BackupError(
            "back up a SQLite database",
            on=_shown(self._path),
            why=f"it is damaged: {'; '.join(findings[:5])}",
            next_step="Restore it from an earlier set, or recover it (sqlite3 .recover); a damaged copy is no backup.",
            details=findings,
        )

    # Restoring

    def inspect_target(self, work: RestoreWork) -> TargetState:
        """Whether there is a database, and whether anybody is in it."""
        parent = os.path.dirname(self._path)
        facts = _facts(work)
        if not os.path.isdir(parent) or not os.access(parent, os.W_OK | os.X_OK) or os.path.isdir(self._path):
            raise Refused(
                "restore a SQLite database",
                on=_shown(self._path),
                why=f"{_shown(parent)} is no directory that this user may write to, or the path is a directory itself",
                next_step="Make the directory with the owner it shall have, or correct the target's path.",
            )
        available = os.statvfs(parent)
        free = available.f_bavail * available.f_frsize
        if free < facts["bytes"]:
            raise BackupError(
                "restore a SQLite database",
                on=_shown(self._path),
                why=f"{free} bytes are free there and {facts['bytes']} are needed",
                next_step="Free space, or restore elsewhere; nothing was touched.",
            )
        self._refuse_if_open()
        exists = os.path.lexists(self._path) or any(os.path.lexists(self._path + tail) for tail in SIDECARS)
        return TargetState(self.describe(), exists, not exists or self._is_empty())

    def _is_empty(self) -> bool:
        for tail in SIDECARS:
            if os.path.lexists(self._path + tail):
                return False
        try:
            if not os.path.getsize(self._path):
                return True
            # immutable: neither locks nor files are made, so nothing changes; nobody has it open.
            with contextlib.closing(_connect(self._path, "ro", immutable=True)) as connection:
                return connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        except (OSError, sqlite3.Error):
            return False

    def _refuse_if_open(self) -> None:
        holders = _holders(self._path)
        if holders:
            raise Refused(
                "restore a SQLite database",
                on=_shown(self._path),
                why=f"it is open in {', '.join(holders)}, which would go on writing into the old one",
                next_step="Stop it, then run again; nothing was touched.",
            )

    @property
    def _beside(self) -> str:
        return self._path + "__restoring"

    def restore_beside(self, work: RestoreWork) -> None:
        """Writes the database into a file beside the target."""
        facts = _facts(work)
        self._clear_dead()
        work.progress.stage("restoring", total_bytes=facts["bytes"])
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._beside, flags, 0o600)
            self._restoring = descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            written = 0

            def write(chunk: memoryview) -> None:
                nonlocal written
                written += len(chunk)
                if written > facts["bytes"]:
                    raise SetInvalid(
                        "restore a SQLite database",
                        on=str(work.reader.set_id),
                        why=f"its payload is larger than the {facts['bytes']} bytes that were written",
                        next_step="The target is as it was. Restore from another copy of the set.",
                    )
                work.progress.advance(len(chunk))
                while chunk:
                    chunk = chunk[os.write(descriptor, chunk) :]

            work.reader.run(
                work.reader.description.file(PART),
                [],
                processes=work.processes,
                action="read the payload of a set",
                next_step="The target is as it was. Restore from another copy of the set.",
                sink=write,
            )
            os.fsync(descriptor)
        except OSError as error:
            raise self._os_error("write the restored database", error) from error

    def check(self, work: RestoreWork) -> list[Check]:
        """Opens what was restored, and compares it with what the set says."""
        facts = _facts(work)
        try:
            # Not read-only: SQLite does not look at CHECK constraints then, and would find less than the dump did.
            with _without_log(self._restoring), contextlib.closing(_connect(self._beside, "rw")) as connection:
                found = _Found.of(connection, digests=facts["content_digests"] is not None)
        except sqlite3.Error as error:
            return [Check("integrity", False, str(error))]
        is_whole = not found.damage
        checks = [Check("integrity", is_whole, "ok" if is_whole else "; ".join(found.damage[:5]))]
        actual = found.facts()
        for name in (*_FIXED, "objects", "rules_broken", "foreign_key_violations"):
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
        return checks + _compare_digests(facts["content_digests"], found.digests or {})

    def swap(self, work: RestoreWork) -> str | None:
        """By rename, the old database settled first so that nothing of it can be applied to the new one."""
        self._refuse_if_open()
        kept = f"{self._path}{INFIX}{work.stamp}"
        again = 1
        while any(os.path.lexists(kept + tail) for tail in ("", *SIDECARS)):  # Restored twice within a second.
            again += 1
            kept = f"{self._path}{INFIX}{work.stamp}_{again}"
        directory = os.path.dirname(self._path)
        try:
            self._adjust(_facts(work), work)
            os.fsync(self._restoring)
            had = os.path.lexists(self._path) or any(os.path.lexists(self._path + tail) for tail in SIDECARS)
            if os.path.lexists(self._path):
                self._settle()
            # The old database gets a second name, its journals go along, and only then the new one takes its place.
            # Wherever this stops, no journal of the old lies beside the new, and the old can be put together again.
            with _undone_on_failure() as undo:
                if os.path.lexists(self._path):
                    self._keep(kept, undo)
                for tail in SIDECARS:
                    if os.path.lexists(self._path + tail):
                        os.rename(self._path + tail, kept + tail)
                        undo.append(functools.partial(os.rename, kept + tail, self._path + tail))
                sync_directory(directory)
                os.rename(self._beside, self._path)
            sync_directory(directory)
        except OSError as error:
            raise self._os_error("put the restored database in its place", error) from error
        self._swapped = True
        self._release()
        return kept if had else None

    def _keep(self, kept: str, undo: list[t.Callable[[], t.Any]]) -> None:
        try:
            os.link(self._path, kept)
            undo.append(lambda: os.unlink(kept))
        except FileExistsError:
            raise
        except OSError:  # A file system without hard links: absent for the moment between two renames.
            os.rename(self._path, kept)
            undo.append(lambda: os.rename(kept, self._path))

    def _settle(self) -> None:
        """Has SQLite itself finish what the old database's journals hold, and proves that nobody is at work in it.

        :raises Refused: when somebody is.
        """
        with open(self._path, "rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                return  # No database any more: its journals are kept beside it as they are.
        try:
            with contextlib.closing(_connect(self._path, "rw", timeout=5)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                connection.execute("COMMIT")
                [mode] = connection.execute("PRAGMA journal_mode").fetchone()
            # The last to leave a database removes its write-ahead log: somebody else is still in it.
            if mode == "wal" and os.path.lexists(self._path + "-wal"):
                raise sqlite3.OperationalError("locked by a connection that cannot be seen")
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise Refused(
                    "restore a SQLite database",
                    on=_shown(self._path),
                    why="another process is at work in it",
                    next_step="Stop it, then run again; nothing was touched.",
                ) from error
        except sqlite3.DatabaseError:
            pass  # Too damaged to be read: what journals it has left are kept with it.

    def _adjust(self, facts: t.Mapping[str, t.Any], work: RestoreWork) -> None:
        if os.geteuid() == 0:
            uid = _number(lambda: pwd.getpwnam(facts["owner"]).pw_uid, facts["uid"])
            gid = _number(lambda: grp.getgrnam(facts["group"]).gr_gid, facts["gid"])
            os.fchown(self._restoring, uid, gid)
        elif facts["uid"] != os.geteuid():
            work.warnings.append("not run as root: the restored database belongs to this user and group")
        os.fchmod(self._restoring, int(facts["mode"], 8) & 0o777)

    def discard(self, work: RestoreWork) -> None:
        """Removes the file beside the target."""
        if self._restoring >= 0:
            if not self._swapped:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._beside)
            self._release()

    def _release(self) -> None:
        if self._restoring >= 0:
            os.close(self._restoring)
            self._restoring = -1

    def _clear_dead(self) -> None:
        """Removes what a restore that died has left, and takes a swap back that it had only begun.

        :raises LockHeld: when a restore into the same target is at work.
        """
        try:
            descriptor = os.open(self._beside, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            descriptor = -1
        except OSError as error:
            raise self._os_error("remove what a dead restore left", error) from error
        for tail in SIDECARS:  # Of nothing that we opened; SQLite would apply them to what we restore.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._beside + tail)
        if descriptor >= 0:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(self._beside)
            except BlockingIOError:
                raise LockHeld(
                    "restore a SQLite database",
                    on=_shown(self._path),
                    why="another restore into it is at work",
                    next_step="Wait for it to end; nothing was touched.",
                ) from None
            finally:
                os.close(descriptor)
        for kept in glob.glob(f"{glob.escape(self._path)}{INFIX}????????T??????Z*"):
            if os.path.exists(self._path) and os.path.samefile(kept, self._path):
                for tail in SIDECARS:
                    if os.path.lexists(kept + tail) and not os.path.lexists(self._path + tail):
                        os.rename(kept + tail, self._path + tail)
                os.unlink(kept)

    # What restores have kept

    def replaced(self) -> list[Replaced]:
        """What restores of this database have kept, oldest first."""
        found = []
        for path in glob.glob(f"{glob.escape(self._path)}{INFIX}*"):
            since = stamp_of(path, lambda ending: self._path + ending)
            if since is None or not os.path.isfile(path) or os.path.islink(path):
                continue
            files = [path + tail for tail in ("", *SIDECARS) if os.path.lexists(path + tail)]
            size = sum(os.lstat(file).st_size for file in files)
            found.append(Replaced(path, since, size, ", ".join(_holders(path)) or None))
        return sorted(found, key=lambda entry: (entry.since, entry.name))

    def check_live(self) -> None:
        """Opens the database, and sees that it holds something.

        :raises BackupError: when it cannot, or it is empty.
        """
        try:
            with contextlib.closing(_connect(self._path, "rw")) as connection:
                connection.execute("PRAGMA query_only=ON")
                [objects] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                why = None if objects else "it is empty"
        except sqlite3.Error as error:
            why = f"it cannot be read: {error}"
        if why is not None:
            raise Refused(
                "remove what was replaced",
                on=_shown(self._path),
                why=f"{why}, and what was replaced may be all there is",
                next_step="Look into both; remove what is not needed by hand.",
            )

    def remove_replaced(self, entry: Replaced) -> None:
        """Removes a database that a restore has kept, with its journals."""
        if os.path.lexists(self._beside):
            raise LockHeld(
                "remove what was replaced",
                on=_shown(self._path),
                why=f"a restore of it is at work, or has died ({_shown(self._beside)} is there)",
                next_step="Let it end, or restore again.",
            )
        try:
            # The database last: as long as it is there, what is left of it has its name and is found again.
            for tail in (*SIDECARS, ""):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.name + tail)
            sync_directory(os.path.dirname(self._path))
        except OSError as error:
            raise BackupError(
                "remove what was replaced",
                on=_shown(entry.name),
                why=describe_os_error(error),
                next_step="Correct the permissions, or remove it by hand.",
            ) from error

    def _os_error(self, action: str, error: OSError) -> BackupError:
        return BackupError(
            action,
            on=_shown(self._path),
            why=describe_os_error(error),
            next_step="The target is as it was. Free space or correct the permissions, then run again.",
        )


class _BusyTooLongError(Exception):
    """Another process holds the database."""


class _TooManyRestartsError(Exception):
    """The database changes faster than it is copied."""


class _LockedTooLongError(Exception):
    """The copy that holds writers off takes too long."""


class _Watch:
    """Looks on while SQLite copies, and gives up where it is told to.

    :param pause: seconds between two steps, for writers.
    :param max_restarts: so many are one too many less one.
    :param max_seconds: how long the copy may take.
    """

    def __init__(self, *, pause: float, max_restarts: int | None, max_seconds: float | None) -> None:
        self.restarts = 0
        self._pause = pause
        self._max_restarts = max_restarts
        self._deadline = None if max_seconds is None else time.monotonic() + max_seconds
        self._remaining: int | None = None
        self._busy_since: float | None = None

    def __call__(self, status: int, remaining: int, _total: int) -> None:
        """Called by SQLite after each step."""
        now = time.monotonic()
        if self._deadline is not None and now > self._deadline:
            raise _LockedTooLongError
        if status in (_BUSY, _LOCKED):
            self._busy_since = self._busy_since or now
            if now - self._busy_since > BUSY_SECONDS:
                raise _BusyTooLongError
            return
        self._busy_since = None
        if self._remaining is not None and remaining >= self._remaining and remaining:
            self.restarts += 1
            if self._max_restarts is not None and self.restarts > self._max_restarts:
                raise _TooManyRestartsError
        self._remaining = remaining
        if self._pause and remaining:
            time.sleep(self._pause)


class _Copy:
    """A database file without a name. Its space goes when this is left, or when this process ends.

    :param directory: on whose file system it takes its space.
    :param name: of the database, to tell whose an empty directory is that a killed process may leave.
    """

    def __init__(self, directory: str, name: str) -> None:
        self.descriptor = -1
        self._connections: list[sqlite3.Connection] = []
        self._directory = directory
        self._prefix = f".{name[:200]}.copy-"

    def __enter__(self) -> _Copy:
        self._remove_dead()
        private = tempfile.mkdtemp(prefix=self._prefix, dir=self._directory)
        path = os.path.join(private, "copy")
        try:
            # sqlite3_open_v2 opens, and makes, the file at once; from then on each connection has its descriptor.
            for mode in ("rwc", "rw"):
                self._connections.append(_connect(path, mode))
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
        """Lets the copy go, and its space with it."""
        for connection in self._connections:
            connection.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _remove_dead(self) -> None:
        for path in glob.glob(os.path.join(glob.escape(self._directory), glob.escape(self._prefix) + "*")):
            with contextlib.suppress(OSError):
                if time.time() - os.lstat(path).st_mtime > 60:
                    file = os.path.join(path, "copy")
                    if os.path.lexists(file) and not os.path.getsize(file):
                        os.unlink(file)
                    os.rmdir(path)

    def fill(self, source: sqlite3.Connection, pages: int, watch: _Watch) -> None:
        """Copies the source, from the beginning, so many pages at a time."""
        source.backup(self._connections[0], pages=pages, progress=watch, sleep=0.05)

    def inspect(self, *, digests: bool) -> _Found:
        """Checks and counts the copy, which is then ready to be read through its descriptor."""
        writer, reader = self._connections
        writer.close()
        try:
            with _without_log(self.descriptor):
                return _Found.of(reader, digests=digests)
        finally:
            reader.close()
            os.lseek(self.descriptor, 0, os.SEEK_SET)


@contextlib.contextmanager
def _without_log(descriptor: int) -> t.Iterator[None]:
    """Lets a file of ours pass for a rollback-journal database.

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


@dataclasses.dataclass
class _Found:
    """What is in a database.

    :param damage: findings of integrity_check that make it unfit.
    :param bytes_in_use: its size without the pages that deleted rows have left free.
    :param rules_broken: how many rows break a rule (NOT NULL, CHECK, STRICT) of their own table.
    :param foreign_key_violations: None: cannot be told.
    :param unchecked: why its integrity could not be checked as a whole.
    :param digests: of each table; None within it: cannot be told; None: not asked for.
    """

    fixed: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    objects: dict[str, int] = dataclasses.field(default_factory=dict)
    rows: dict[str, int] = dataclasses.field(default_factory=dict)
    not_counted: list[str] = dataclasses.field(default_factory=list)
    damage: list[str] = dataclasses.field(default_factory=list)
    bytes_in_use: int = 0
    rules_broken: int = 0
    foreign_key_violations: int | None = None
    unchecked: str | None = None
    digests: dict[str, str | None] | None = None

    @classmethod
    def of(cls, connection: sqlite3.Connection, *, digests: bool) -> _Found:
        """Looks at everything.

        :raises sqlite3.DatabaseError: when it cannot be read.
        """
        # A database from elsewhere is hostile until proven otherwise (https://www.sqlite.org/security.html); and
        # nothing of it may spill into a temporary file.
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "temp_store=MEMORY", "query_only=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
        found = cls(digests={} if digests else None)
        found._check(connection)
        if found.damage:
            return found
        for name in _FIXED:
            [found.fixed[name]] = connection.execute(f"PRAGMA {name}").fetchone()
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        [free] = connection.execute("PRAGMA freelist_count").fetchone()
        found.bytes_in_use = (pages - free) * found.fixed["page_size"]
        found.objects = dict(connection.execute("SELECT type, count(*) FROM sqlite_master GROUP BY type ORDER BY type"))
        tables = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table' ORDER BY name")
        for table, root in tables.fetchall():
            quoted = '"' + table.replace('"', '""') + '"'
            if not root:  # A virtual table: its rows are in other tables, or nowhere.
                continue
            try:
                [found.rows[table]] = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()
            except sqlite3.OperationalError as error:
                found.not_counted.append(f"{table} ({error})")
            if found.digests is not None:
                found.digests[table] = digest_table(connection, quoted)
        try:
            found.foreign_key_violations = sum(1 for violation in connection.execute("PRAGMA foreign_key_check"))
        except sqlite3.OperationalError:
            found.foreign_key_violations = None
        return found

    def _check(self, connection: sqlite3.Connection) -> None:
        try:
            for [finding] in connection.execute("PRAGMA integrity_check(1000000)"):
                if finding == "ok":
                    continue
                if _RULE_BROKEN.match(finding):
                    self.rules_broken += 1
                elif len(self.damage) < _MAX_FINDINGS:
                    self.damage.append(finding)
        except sqlite3.OperationalError as error:
            # An index or a rule that uses what only the application brings along.
            if not re.search(r"no such (function|module|collation|tokenizer)|unsafe use of", str(error)):
                raise
            self.unchecked = str(error)

    def facts(self) -> dict[str, t.Any]:
        """For backup.json."""
        return {
            **self.fixed,
            "objects": self.objects,
            "rows": self.rows,
            "rows_not_counted": self.not_counted,
            "integrity": self.unchecked or "ok",
            "rules_broken": self.rules_broken,
            "foreign_key_violations": self.foreign_key_violations,
            "content_digests": self.digests,
        }

    def warnings(self) -> list[str]:
        """For the operator."""
        warnings = []
        if self.unchecked:
            warnings.append(f"the integrity of the copy could not be checked as a whole: {self.unchecked}")
        if self.rules_broken:
            warnings.append(f"{self.rules_broken} rows break a rule of their own table (NOT NULL, CHECK or STRICT)")
        if self.foreign_key_violations:
            warnings.append(f"{self.foreign_key_violations} rows refer to rows that are not there (foreign keys)")
        if self.not_counted:
            warnings.append(f"rows could not be counted: {', '.join(self.not_counted[:10])}")
        without = sorted(table for table, digest in (self.digests or {}).items() if digest is None)
        if without:
            warnings.append(f"tables without a content digest, which need the application: {', '.join(without[:10])}")
        return warnings


def _compare_digests(expected: t.Mapping[str, str | None] | None, found: t.Mapping[str, str | None]) -> list[Check]:
    """Where a table could not be digested when it was dumped there is nothing to compare."""
    if expected is None:
        return []
    wanted = {table: digest for table, digest in expected.items() if digest is not None}
    there = {table: digest or "none" for table, digest in found.items() if expected.get(table, "") is not None}
    return compare_digests(wanted, there)


def _connect(path: str, mode: str, *, immutable: bool = False, timeout: float | None = None) -> sqlite3.Connection:
    """A connection without Python's own transactions.

    :param mode: ``ro``, ``rw`` or ``rwc``. A source is opened ``rw``: only so SQLite takes part in locking, and rolls
        back what a crashed application has left, as every reader does.
    """
    quoted = urllib.parse.quote_from_bytes(os.fsencode(path))
    uri = f"file:{quoted}?mode={mode}" + ("&immutable=1" if immutable else "")
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS if timeout is None else timeout, isolation_level=None)


def _hold(connection: sqlite3.Connection) -> None:
    """Begins a read transaction that lasts until the connection is closed."""
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _holders(path: str) -> list[str]:
    """The processes that have the database or one of its journals open, as far as this user can see."""
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


def _facts(work: RestoreWork) -> t.Mapping[str, t.Any]:
    """What the set says of its database, checked as far as it is relied upon.

    :raises SetInvalid: when it is not what this engine writes.
    """
    facts = work.reader.description.engine_facts
    try:
        good = all(is_count(facts[name]) for name in ("bytes", "uid", "gid"))
        good = good and max(facts["uid"], facts["gid"]) < 2**32 - 1 and isinstance(facts["rows"], dict)
        good = good and all(is_count(count) for count in facts["rows"].values())
        good = good and bool(re.fullmatch(r"[0-7]{4}", facts["mode"])) and all(name in facts for name in _FIXED)
        good = good and all(name in facts for name in ("objects", "rules_broken", "foreign_key_violations"))
        digests = facts["content_digests"]
        good = good and (digests is None or isinstance(digests, dict))
        good = good and all(digest is None or isinstance(digest, str) for digest in (digests or {}).values())
    except (KeyError, TypeError):
        good = False
    if not good:
        raise SetInvalid(
            "read backup.json",
            on=str(work.reader.set_id),
            why="its description of the database is not one",
            next_step="Verify the set with set_verify; restore from another copy.",
        )
    return facts


@contextlib.contextmanager
def _undone_on_failure() -> t.Iterator[list[t.Callable[[], t.Any]]]:
    """Steps back, last first, what has been done when something then fails."""
    steps: list[t.Callable[[], t.Any]] = []
    try:
        yield steps
    except BaseException:
        for step in reversed(steps):
            step()
        raise


def _name(look_up: t.Callable[[], str]) -> str | None:
    try:
        return look_up()
    except KeyError:
        return None


def _number(look_up: t.Callable[[], int], otherwise: int) -> int:
    try:
        return look_up()
    except (KeyError, TypeError):
        return otherwise


def _shown(path: str) -> str:
    return escape(os.fsencode(path))
