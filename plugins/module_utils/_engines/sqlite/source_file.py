# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database file of a source: what is known of it beforehand, how it is stored, and what is said when that fails."""

from __future__ import annotations

import contextlib
import dataclasses
import grp
import os
import pwd
import sqlite3
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    Refused,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import filters as set_filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.bag import PAYLOAD_DIRECTORY
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import Filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils._system.free_space import Needs, free_bytes

from . import connection as sqlite_connection
from .connection import SIDECARS, holders, open_plain, shown
from .in_place import has_log, in_place
from .inspect import Found
from .integrity import writer_of
from .online_backup import LOCKED_SECONDS, BusyTooLongError, LockedTooLongError, copied
from .snapshot import LookTooLongError, Snapshot
from .super_journal import refuse_shared_transaction

_SCRATCH_FLOOR = 16 * 1024 * 1024
_MAGIC = b"SQLite format 3\0"


@dataclasses.dataclass(frozen=True)
class StoredFile:
    """One file that is in the set.

    :param bytes: of the database.
    :param how: how its snapshot was taken.
    """

    bytes: int
    found: Found
    how: dict[str, t.Any]


class SourceFile:
    """One database file of a source.

    :param path: of it, links resolved.
    :param scratch: where a copy takes its space.
    :param part: of the set that it becomes.
    :param by_hand: what whoever restores by hand writes in the place of its name.
    """

    def __init__(self, path: str, scratch: str, *, digests: bool, part: str, by_hand: str) -> None:
        self.path = path
        self.scratch = scratch
        self.part = part
        self._digests = digests
        self._writer = 0
        self._by_hand = by_hand

    def header(self) -> bytes:
        """Return the beginning of the file; to be read while no connection to it is open in this process.

        :raises BackupError: when it is not there, or no database.
        """
        try:
            with open_plain(self.path) as stream:
                header = stream.read(100)
        except FileNotFoundError as error:
            raise NotFound(
                "read a SQLite database",
                on=shown(self.path),
                why="there is no such file",
                next_step="Correct the source's path, or bring the database back; nothing was written.",
            ) from error
        except OSError as error:
            raise BackupError(
                "read a SQLite database",
                on=shown(self.path),
                why=describe_os_error(error),
                next_step="Run as root or as the database's owner; nothing was written.",
            ) from error
        if header and header[:16] != _MAGIC:
            raise BackupError(
                "read a SQLite database",
                on=shown(self.path),
                why="it does not begin as a SQLite database does: it is something else, damaged, or encrypted",
                next_step="Correct the path, or back it up as a file (engine files) while nothing writes to it.",
            )
        # Now, since a copy says that this process's SQLite has written it.
        self._writer = writer_of(header)
        return header

    def is_read_in_place(self, header: bytes) -> bool:
        """Whether it will most likely need no copy: it is in WAL mode, and this user may write to it."""
        sidecars = [self.path + tail for tail in SIDECARS]
        writable = all(os.access(path, os.W_OK) for path in (self.path, *filter(os.path.lexists, sidecars)))
        return has_log(header) and writable and os.access(os.path.dirname(self.path), os.W_OK | os.X_OK)

    def size(self) -> int:
        """Its size, with its write-ahead log."""
        size = os.stat(self.path).st_size
        with contextlib.suppress(OSError):
            size += os.stat(self.path + "-wal").st_size
        return size

    def store_alone(self, writer: SetWriter) -> StoredFile:
        """Store a snapshot of the live database."""
        refuse_shared_transaction(self.path)  # Once more: SQLite would settle it as soon as it is asked anything.
        with self.explained():
            if has_log(self.header()):
                with in_place(self.path) as snapshot:
                    if snapshot is not None:
                        how = {"read_in_place": True, "journal_mode": "wal", "restarts": 0, "writers_held_off": False}
                        return StoredFile(snapshot.bytes, self.store(writer, snapshot), how)
                check_scratch([self])
            with copied(self.path, self.scratch) as (snapshot, how):
                return StoredFile(snapshot.bytes, self.store(writer, snapshot), {"read_in_place": False, **how})

    def store(self, writer: SetWriter, snapshot: Snapshot) -> Found:
        """Store a snapshot, and inspect it meanwhile.

        :returns: what was found in it.
        :raises BackupError: when it is damaged.
        """
        stream = Stream(
            part=self.part,
            name=self._file_name,
            commands=snapshot.reading(),
            stdin=snapshot.descriptor,
            action=f"store SQLite database {shown(self.path)}",
            next_step="See the cause; nothing of the set was kept.",
        )
        with self.explained():
            return snapshot.store(writer, stream, self._inspect)

    @property
    def _file_name(self) -> str:
        return f"{self.part}.sqlite3"

    def _inspect(self, connection: sqlite3.Connection) -> Found:
        try:
            found = Found.read(connection, digests=self._digests, writer=self._writer)
        except (sqlite3.OperationalError, MemoryError) as error:
            raise self._explain(error) from error
        except sqlite3.Error as error:
            raise self._damaged([str(error)]) from error
        if found.damage:
            raise self._damaged(found.damage)
        return found

    def facts(self, owner: os.stat_result, stored: StoredFile) -> dict[str, t.Any]:
        """For backup.json.

        :param owner: the file's, from before it was stored.
        """
        return {
            "path": shown(self.path),
            "bytes": stored.bytes,
            "mode": f"{stat.S_IMODE(owner.st_mode):04o}",
            "uid": owner.st_uid,
            "gid": owner.st_gid,
            "owner": _name(lambda: pwd.getpwuid(owner.st_uid).pw_name),
            "group": _name(lambda: grp.getgrgid(owner.st_gid).gr_name),
            **stored.how,
            **stored.found.facts(),
        }

    def restored_by_hand(self, filters: Filters) -> str:
        """Return the command that restores it without this collection."""
        reading = set_filters.by_hand(f"{PAYLOAD_DIRECTORY}/{self._file_name}{filters.suffix(compress=True)}")
        target = self._by_hand
        return f"{reading} > {target}  # was {shown(self.path)}; no {target}-wal or -journal may lie beside it"

    @contextlib.contextmanager
    def explained(self) -> t.Iterator[None]:
        """Turn an error of SQLite into one that an operator can act on."""
        try:
            yield
        except (BusyTooLongError, LockedTooLongError, LookTooLongError, sqlite3.Error) as error:
            raise self._explain(error) from error

    def _explain(self, error: Exception) -> BackupError:
        text = str(error) or "out of memory"
        next_step = "Nothing was written. See the cause, then run again."
        if isinstance(error, LockedTooLongError):
            why = f"it is written to all the time, and a copy with writers held off takes over {LOCKED_SECONDS:.0f} s"
            next_step = "Set it to PRAGMA journal_mode=WAL, which lets both go on, or back it up at a quiet time."
        elif isinstance(error, LookTooLongError):
            why = "inspecting it does not end: an index, a computed column or a rule in its schema takes very long"
            next_step = "Nothing was written. Look for what it computes; back it up as a file (engine files) meanwhile."
        elif isinstance(error, BusyTooLongError) or "locked" in text or "busy" in text:
            who = ", ".join(holders(self.path)) or "no process that this user can see"
            why = f"it has been locked for over {sqlite_connection.BUSY_SECONDS:.0f} s; open in {who}"
            next_step = "End the transaction that holds it, then run again; nothing was written."
        elif "malformed" in text or "not a database" in text:
            return self._damaged([text])
        elif "full" in text:
            why = f"there is no more room in {shown(self.scratch)} ({text})"
            next_step = "Free space there, or give another scratch_directory; nothing was written."
        elif "readonly" in text:
            why = f"this user may only read it, and SQLite has to lock it ({text})"
            next_step = "Run as root or as the database's owner; nothing was written."
        else:
            why = text
        return BackupError("copy a SQLite database", on=shown(self.path), why=why, next_step=next_step)

    def _damaged(self, findings: t.Sequence[str]) -> BackupError:
        return BackupError(
            "back up a SQLite database",
            on=shown(self.path),
            why=f"it is damaged: {'; '.join(findings[:5])}",
            next_step="Restore it from an earlier set, or recover it (sqlite3 .recover); a damaged copy is no backup.",
            details=findings,
        )


def check_scratch(files: t.Sequence[SourceFile]) -> None:
    """Check that copies of these databases fit where they are made.

    :raises BackupError: when they do not, or cannot be made there.
    """
    needs = Needs(reserve=_SCRATCH_FLOOR)
    for file in files:
        if not os.path.isdir(file.scratch) or not os.access(file.scratch, os.W_OK | os.X_OK):
            raise Refused(
                "copy a SQLite database",
                on=shown(file.path),
                why=f"{shown(file.scratch)} is not a directory that this user may write to",
                next_step="Give scratch_directory: a directory with as much free space as the database is large.",
            )
        needed, free = needs.add(file.scratch, file.size()), free_bytes(file.scratch)
        if free < needed:
            raise BackupError(
                "copy a SQLite database",
                on=shown(file.path),
                why=f"{free} bytes are free in {shown(file.scratch)} and about {needed} are needed",
                next_step="Free space there, or give another scratch_directory; nothing was written.",
            )


def _name(look_up: t.Callable[[], str]) -> str | None:
    try:
        return look_up()
    except KeyError:
        return None
