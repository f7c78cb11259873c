# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for SQLite databases in use: consistent through SQLite itself, never by just copying the file.

A database in WAL mode is read where it is (``_in_place``), any other from a copy (``_copy``). What is stored is
checked and counted (``_inspect``) at the same time (``_moment``).
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import glob
import grp
import os
import pwd
import re
import sqlite3
import stat
import typing as t

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
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import CONTENT_DIGEST_ARGUMENT
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import INFIX, stamp_of
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite import _connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._connection import (
    SIDECARS,
    connect,
    holders,
    open_plain,
    shown,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._copy import (
    LOCKED_SECONDS,
    BusyTooLongError,
    LockedTooLongError,
    copied,
    without_log,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._in_place import has_log, in_place
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._inspect import (
    FIXED,
    Found,
    compare,
    distrust,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._moment import Moment
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._super_journal import (
    JOURNAL,
    refuse_shared_transaction,
    super_journal,
)

PART = "database"
FILE_NAME = "database.sqlite3"
_SCRATCH_FLOOR = 16 * 1024 * 1024
_MAGIC = b"SQLite format 3\0"


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
        return f"SQLite database {shown(self._path)}"

    # Dumping

    def examine(self) -> Examination:
        """The file is there, is a database, can be read, and where it has to be copied the copy fits."""
        header = self._header()
        refuse_shared_transaction(self._path)
        size = self._size()
        if not has_log(header) or not self._can_be_checkpointed():
            self._check_scratch(size)
        return Examination(size, {"sqlite": sqlite3.sqlite_version})

    def _header(self) -> bytes:
        """The beginning of the file; to be read while no connection to it is open in this process."""
        try:
            with open_plain(self._path) as stream:
                header = stream.read(100)
        except FileNotFoundError as error:
            raise NotFound(
                "read a SQLite database",
                on=shown(self._path),
                why="there is no such file",
                next_step="Correct the source's path, or bring the database back; nothing was written.",
            ) from error
        except OSError as error:
            raise BackupError(
                "read a SQLite database",
                on=shown(self._path),
                why=describe_os_error(error),
                next_step="Run as root or as the database's owner; nothing was written.",
            ) from error
        if header and header[:16] != _MAGIC:
            raise BackupError(
                "read a SQLite database",
                on=shown(self._path),
                why="it does not begin as a SQLite database does: it is something else, damaged, or encrypted",
                next_step="Correct the path, or back it up as a file (engine files) while nothing writes to it.",
            )
        return header

    def _size(self) -> int:
        size = os.stat(self._path).st_size
        with contextlib.suppress(OSError):
            size += os.stat(self._path + "-wal").st_size
        return size

    def _can_be_checkpointed(self) -> bool:
        """Whether this user may write to a database in WAL mode, without which it is not read in place."""
        sidecars = [self._path + tail for tail in SIDECARS]
        writable = all(os.access(path, os.W_OK) for path in (self._path, *filter(os.path.lexists, sidecars)))
        return writable and os.access(os.path.dirname(self._path), os.W_OK | os.X_OK)

    def _check_scratch(self, size: int) -> None:
        if not os.path.isdir(self._scratch) or not os.access(self._scratch, os.W_OK | os.X_OK):
            raise Refused(
                "copy a SQLite database",
                on=shown(self._path),
                why=f"{shown(self._scratch)} is no directory that this user may write to",
                next_step="Give scratch_directory: a directory with as much free space as the database is large.",
            )
        available = os.statvfs(self._scratch)
        free = available.f_bavail * available.f_frsize
        if free < size + _SCRATCH_FLOOR:
            raise BackupError(
                "copy a SQLite database",
                on=shown(self._path),
                why=f"{free} bytes are free in {shown(self._scratch)} and about {size + _SCRATCH_FLOOR} are needed",
                next_step="Free space there, or give another scratch_directory; nothing was written.",
            )

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        """Copies, checks, stores."""
        try:
            return self._dump(writer)
        except OSError as error:
            raise BackupError(
                "copy a SQLite database",
                on=shown(self._path),
                why=describe_os_error(error),
                next_step="Correct what it names, then run again; nothing of the set was kept.",
            ) from error

    def _dump(self, writer: SetWriter) -> Dumped:
        owner = os.stat(self._path)
        moment, found, how = self._stored(writer)
        suffix = writer.filters.suffix(compress=True)
        by_hand = _filters.by_hand(f"{PAYLOAD_DIRECTORY}/{FILE_NAME}{suffix}")
        return Dumped(
            parts=[PART],
            content={"rows": sum(found.rows.values()), "bytes": found.bytes_in_use},
            facts={
                "path": shown(self._path),
                "bytes": moment.bytes,
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
                f"{by_hand} > TARGET_FILE  # was {shown(self._path)}; no TARGET_FILE-wal or -journal may lie beside it"
            ],
        )

    def _stored(self, writer: SetWriter) -> tuple[Moment, Found, dict[str, t.Any]]:
        """Stores a moment of the live database; what was found in it, and how it came about."""
        refuse_shared_transaction(self._path)  # Once more: SQLite would settle it as soon as it is asked anything.
        try:
            if has_log(self._header()):
                with in_place(self._path) as moment:
                    if moment is not None:
                        how = {"read_in_place": True, "journal_mode": "wal", "restarts": 0, "writers_held_off": False}
                        return moment, self._store(writer, moment), how
                self._check_scratch(self._size())
            with copied(self._path, self._scratch) as (moment, how):
                return moment, self._store(writer, moment), {"read_in_place": False, **how}
        except (BusyTooLongError, LockedTooLongError, sqlite3.Error) as error:
            raise self._explain(error) from error

    def _store(self, writer: SetWriter, moment: Moment) -> Found:
        stream = Stream(
            part=PART,
            name=FILE_NAME,
            commands=moment.reading(),
            stdin=moment.descriptor,
            action=f"store {self.describe()}",
            next_step="See the cause; nothing of the set was kept.",
        )
        return moment.store(writer, stream, self._look)

    def _look(self, connection: sqlite3.Connection) -> Found:
        try:
            found = Found.of(connection, digests=self._digests)
        except sqlite3.Error as error:
            raise self._damaged([str(error)]) from error
        if found.damage:
            raise self._damaged(found.damage)
        return found

    def _explain(self, error: Exception) -> BackupError:
        text = str(error)
        next_step = "Nothing was written. See the cause, then run again."
        if isinstance(error, LockedTooLongError):
            why = f"it is written to all the time, and a copy with writers held off takes over {LOCKED_SECONDS:.0f} s"
            next_step = "Set it to PRAGMA journal_mode=WAL, which lets both go on, or back it up at a quiet time."
        elif isinstance(error, BusyTooLongError) or "locked" in text or "busy" in text:
            who = ", ".join(holders(self._path)) or "no process that this user can see"
            why = f"it has been locked for over {_connection.BUSY_SECONDS:.0f} s; open in {who}"
            next_step = "End the transaction that holds it, then run again; nothing was written."
        elif "malformed" in text or "not a database" in text:
            return self._damaged([text])
        elif "full" in text:
            why = f"{text} in {shown(self._scratch)}"
            next_step = "Free space there, or give another scratch_directory; nothing was written."
        else:
            why = text
        return BackupError("copy a SQLite database", on=shown(self._path), why=why, next_step=next_step)

    def _damaged(self, findings: t.Sequence[str]) -> BackupError:
        return BackupError(
            "back up a SQLite database",
            on=shown(self._path),
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
                on=shown(self._path),
                why=f"{shown(parent)} is no directory that this user may write to, or the path is a directory itself",
                next_step="Make the directory with the owner it shall have, or correct the target's path.",
            )
        available = os.statvfs(parent)
        free = available.f_bavail * available.f_frsize
        if free < facts["bytes"]:
            raise BackupError(
                "restore a SQLite database",
                on=shown(self._path),
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
            with contextlib.closing(connect(self._path, "ro", immutable=True)) as connection:
                return connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        except (OSError, sqlite3.Error):
            return False

    def _refuse_if_open(self) -> None:
        who = holders(self._path)
        if who:
            raise Refused(
                "restore a SQLite database",
                on=shown(self._path),
                why=f"it is open in {', '.join(who)}, which would go on writing into the old one",
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
            with without_log(self._restoring), contextlib.closing(connect(self._beside, "rw")) as connection:
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
        if super_journal(self._path + JOURNAL) is not None:
            return  # Part of a transaction over several databases: not to be settled in one of them.
        try:
            with contextlib.closing(connect(self._path, "rw", timeout=5)) as connection:
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
                    on=shown(self._path),
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
                    on=shown(self._path),
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
            found.append(Replaced(path, since, size, ", ".join(holders(path)) or None))
        return sorted(found, key=lambda entry: (entry.since, entry.name))

    def check_live(self) -> None:
        """Opens the database, and sees that it holds something.

        :raises BackupError: when it cannot, or it is empty.
        """
        try:
            with contextlib.closing(connect(self._path, "rw")) as connection:
                connection.execute("PRAGMA query_only=ON")
                [objects] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                why = None if objects else "it is empty"
        except sqlite3.Error as error:
            why = f"it cannot be read: {error}"
        if why is not None:
            raise Refused(
                "remove what was replaced",
                on=shown(self._path),
                why=f"{why}, and what was replaced may be all there is",
                next_step="Look into both; remove what is not needed by hand.",
            )

    def remove_replaced(self, entry: Replaced) -> None:
        """Removes a database that a restore has kept, with its journals."""
        if os.path.lexists(self._beside):
            raise LockHeld(
                "remove what was replaced",
                on=shown(self._path),
                why=f"a restore of it is at work, or has died ({shown(self._beside)} is there)",
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
                on=shown(entry.name),
                why=describe_os_error(error),
                next_step="Correct the permissions, or remove it by hand.",
            ) from error

    def _os_error(self, action: str, error: OSError) -> BackupError:
        return BackupError(
            action,
            on=shown(self._path),
            why=describe_os_error(error),
            next_step="The target is as it was. Free space or correct the permissions, then run again.",
        )


def _facts(work: RestoreWork) -> t.Mapping[str, t.Any]:
    """What the set says of its database, checked as far as it is relied upon.

    :raises SetInvalid: when it is not what this engine writes.
    """
    facts = work.reader.description.engine_facts
    try:
        good = all(is_count(facts[name]) for name in ("bytes", "uid", "gid"))
        good = good and max(facts["uid"], facts["gid"]) < 2**32 - 1 and isinstance(facts["rows"], dict)
        good = good and all(is_count(count) for count in facts["rows"].values())
        good = good and bool(re.fullmatch(r"[0-7]{4}", facts["mode"])) and all(name in facts for name in FIXED)
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
