# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory medium: a hard disk, a mounted volume, the vault.

``<root>/<host>/<source>/<time>/`` is a set. A set under construction is ``.<time>.partial``: fsynced file by file,
then renamed, and its parent fsynced. Beside the sets, and never counted as one: the ``.lock`` of each source, and
``.verifications/`` and ``.rejected/`` at the root.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AlreadyStored,
    BackupError,
    LockHeld,
    NotFound,
    Unreadable,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.bag import (
    BAGIT_TXT,
    CHUNK,
    TAG_MANIFEST,
    expected_digests,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.partial import PARTIAL_SUFFIX, PartialSet
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId, is_name, is_time
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.free_space import free_bytes
from ansible_collections.infitulua.backup.plugins.module_utils._system.lock import locked
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_directory, is_file, is_there
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback, no_progress

from .base import Access, LocalMedium, require_digest


class DirectoryMedium(LocalMedium):
    """Sets in a local directory.

    :param path: the root; it must exist (step 1 makes it), so that a disk that is not mounted is noticed.
    :param require_mount: a path (the root or above it) that must be a mount point: refuses to fill the system
        disk when the backup disk is absent.
    """

    kind = "directory"

    def __init__(self, *, path: str, require_mount: str | None = None) -> None:
        self.root = os.path.normpath(path)
        self.require_mount = require_mount

    def describe(self) -> str:
        return f"directory {self.root}"

    def check_present(self) -> None:
        if self.require_mount and not os.path.ismount(self.require_mount):
            raise NotFound(
                "use a medium",
                on=self.describe(),
                why=f"nothing is mounted on {self.require_mount}",
                next_step="Mount the volume; nothing was written.",
            )
        with self._as_backup_error("use a medium"):
            is_present = is_directory(self.root)
        if not is_present:
            raise NotFound(
                "use a medium",
                on=self.describe(),
                why="the directory does not exist",
                next_step="Prepare the medium (playbook infitulua.backup.step1_prepare_media), or mount its volume.",
            )

    def sets(self, *, host: str | None = None, source: str | None = None) -> list[SetId]:
        self.check_present()
        found = []
        for host_name in [host] if host else self._names(self.root):
            host_path = os.path.join(self.root, host_name)
            for source_name in [source] if source else self._names(host_path):
                source_path = os.path.join(host_path, source_name)
                for time in self._entries(source_path):
                    if is_time(time) and self._may_be_set(os.path.join(source_path, time)):
                        found.append(SetId(host_name, source_name, time))
        return sorted(found)

    @staticmethod
    def _may_be_set(path: str) -> bool:
        """Whether a directory is a set. If that cannot be determined, it is listed: opening it says why."""
        try:
            return is_file(os.path.join(path, BAGIT_TXT))
        except OSError:
            return True

    def contents(self, set_id: SetId) -> DirectoryContents:
        path = self.path(set_id)
        if not self._is_set(set_id):
            self.check_present()
            raise NotFound(
                "find a set",
                on=f"{set_id} on {self.describe()}",
                why="there is no such set",
                next_step="List the sets with set_info.",
            )
        return DirectoryContents(path)

    def path(self, set_id: SetId) -> str:
        return os.path.join(self.source_path(set_id.host, set_id.source), set_id.time)

    def source_path(self, host: str, source: str) -> str:
        """Return the directory that holds the sets of one source."""
        return os.path.join(self.root, host, source)

    def holds(self, set_id: SetId) -> bool:
        self.check_present()
        return self._is_set(set_id)

    def _is_set(self, set_id: SetId) -> bool:
        try:
            return is_file(os.path.join(self.path(set_id), BAGIT_TXT))
        except OSError as error:
            raise Unreadable(
                "look for a set",
                on=f"{set_id} on {self.describe()}",
                why=describe_os_error(error),
                next_step="Check the owner and mode, and the health of the disk.",
            ) from error

    def free_bytes(self) -> int:
        self.check_present()
        return free_bytes(self.root)

    @contextlib.contextmanager
    def locked(self, host: str, source: str) -> t.Iterator[None]:
        self.check_present()
        path = self.source_path(host, source)
        with self._as_backup_error("write to a medium"):
            durable.make_directories(path, below=self.root)
        with locked(os.path.join(path, ".lock"), subject=f"{host}/{source} on {self.describe()}"):
            with self._as_backup_error("remove what a dead run left"):
                for name in self._entries(path):
                    # The process that made it held this lock and died: the kernel gave us the lock.
                    if name.startswith(".") and name.endswith(PARTIAL_SUFFIX):
                        _remove_tree(os.path.join(path, name))
            yield

    @contextlib.contextmanager
    def reading(self, set_id: SetId) -> t.Iterator[None]:
        # A set's files never change, so its first serves as the lock: nothing is left beside it.
        with contextlib.ExitStack() as stack:
            # What cannot be opened, whoever reads it says; where there are no locks, nothing is ever removed.
            with contextlib.suppress(OSError):
                stream = stack.enter_context(open(self._lock_file(set_id), "rb"))
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield

    def check_unread(self, set_id: SetId) -> None:
        with self._unread(set_id):
            pass

    def remove_unread(self, set_id: SetId, note: t.Callable[[], None]) -> None:
        with self.locked(set_id.host, set_id.source), self._unread(set_id):
            note()
            self._remove_directory(set_id)

    @contextlib.contextmanager
    def _unread(self, set_id: SetId) -> t.Iterator[None]:
        """Let nobody begin to read a set.

        :raises LockHeld: when somebody does already.
        """
        with contextlib.ExitStack() as stack:
            try:
                stream = stack.enter_context(open(self._lock_file(set_id), "rb"))
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    if error.errno != errno.EBADF:
                        raise
                    # NFS lets only whoever opened it for writing lock alone (flock(2), NFS details).
                    writable = stack.enter_context(open(self._lock_file(set_id), "r+b"))
                    fcntl.flock(writable, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockHeld(
                    "remove a set",
                    on=f"{set_id} on {self.describe()}",
                    why="a restore, a drill or a copy is reading it",
                    next_step="Nothing was removed; a later run removes it.",
                ) from None
            except OSError as error:
                raise BackupError(
                    "remove a set",
                    on=f"{set_id} on {self.describe()}",
                    why=describe_os_error(error),
                    next_step="Run as the user that owns it, or correct its owner and mode; nothing was removed.",
                ) from error
            yield

    def _lock_file(self, set_id: SetId) -> str:
        return os.path.join(self.path(set_id), BAGIT_TXT)

    def begin(self, set_id: SetId) -> PartialSet:
        with self._as_backup_error("begin a set"):
            is_taken = is_there(self.path(set_id))
        if is_taken:
            raise AlreadyStored(
                "begin a set",
                on=f"{set_id} on {self.describe()}",
                why="a set of this id is there already",
                next_step="Sets are never overwritten; start a second later.",
            )
        with self._as_backup_error("begin a set"):
            return PartialSet(self.root, set_id)

    def store(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        source = DirectoryContents(directory)
        expected = expected_digests(source)
        storing = self._as_backup_error(f"store the set {set_id}")
        with storing, self.locked(set_id.host, set_id.source), self.begin(set_id) as partial:
            for path in sorted(source.sizes()):
                with source.open(path) as stream, partial.create(path, progress) as file:
                    while True:
                        chunk = stream.read(CHUNK)
                        if not chunk:
                            break
                        file.write(chunk)
                require_digest(path, found=file.sha256, expected=expected, set_id=set_id)
            partial.commit()

    def adopt(self, set_id: SetId, directory: str) -> None:
        with self.locked(set_id.host, set_id.source):
            path = self.path(set_id)
            with self._as_backup_error(f"move the set {set_id}"):
                is_taken = is_there(path)
            if is_taken:
                raise AlreadyStored(
                    "move a set",
                    on=f"{set_id} on {self.describe()}",
                    why="a set of this id is there already",
                    next_step="Compare the two with set_verify; sets are never overwritten.",
                )
            try:
                os.rename(directory, path)
            except OSError as error:
                if error.errno == errno.EXDEV:
                    raise
                with self._as_backup_error(f"move the set {set_id}"):
                    raise
            with self._as_backup_error(f"move the set {set_id}"):
                durable.sync_directory(os.path.dirname(path))
                durable.sync_directory(os.path.dirname(directory))

    def probe(self, *, host: str | None = None) -> Access:
        self.check_present()
        data = os.urandom(4096)
        read = write = delete = False
        # Each may fail by itself: a full disk, a read-only file system, missing rights.
        with contextlib.suppress(OSError):
            descriptor, path = temporary_files.probe_file(self.root)
            try:
                with contextlib.suppress(OSError):
                    write = os.write(descriptor, data) == len(data)
                    os.fsync(descriptor)
                    read = os.pread(descriptor, len(data) + 1, 0) == data
            finally:
                os.close(descriptor)
                os.unlink(path)
            delete = True
        readable = os.access(self.root, os.R_OK | os.X_OK)
        return Access(list=readable, read=read if write else readable, write=write, delete=delete)

    def remove(self, set_id: SetId) -> None:
        with self.locked(set_id.host, set_id.source):
            self._remove_directory(set_id)

    def _remove_directory(self, set_id: SetId) -> None:
        path = self.path(set_id)
        leaving = os.path.join(os.path.dirname(path), f".{set_id.time}{PARTIAL_SUFFIX}")
        with self._as_backup_error(f"remove the set {set_id}"):
            os.rename(path, leaving)
            durable.sync_directory(os.path.dirname(path))
            shutil.rmtree(leaving)

    def set_aside(self, set_id: SetId) -> str:
        rejected = os.path.join(self.root, ".rejected", set_id.host, set_id.source)
        with self.locked(set_id.host, set_id.source), self._as_backup_error(f"set the set {set_id} aside"):
            durable.make_directories(rejected, below=self.root)
            target = os.path.join(rejected, set_id.time)
            number = 1
            while is_there(target) and not _is_same(target, self.path(set_id)):
                number += 1  # Another set of this id: it may be the good one.
                target = os.path.join(rejected, f"{set_id.time}.{number}")
            if is_there(target):
                _remove_tree(target)
            os.rename(self.path(set_id), target)
            durable.sync_directory(rejected)
            durable.sync_directory(os.path.dirname(self.path(set_id)))
        return target

    @contextlib.contextmanager
    def _as_backup_error(self, action: str) -> t.Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BackupError(
                action,
                on=self.describe(),
                why=describe_os_error(error),
                next_step="Correct the cause and run again; nothing incomplete is kept.",
            ) from error

    def _entries(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise BackupError(
                "list a medium",
                on=self.describe(),
                why=describe_os_error(error),
                next_step="Check the medium's owner and mode, and run as the user that may read it.",
            ) from error

    def _names(self, path: str) -> list[str]:
        with self._as_backup_error("list a medium"):
            return [name for name in self._entries(path) if is_name(name) and is_directory(os.path.join(path, name))]


def _is_same(one: str, other: str) -> bool:
    """Whether two directories have the very same tag manifest; not, where one of them cannot be read."""
    try:
        with (
            open(os.path.join(one, TAG_MANIFEST), "rb") as first,
            open(os.path.join(other, TAG_MANIFEST), "rb") as second,
        ):
            return first.read() == second.read()
    except OSError:
        return False


def _remove_tree(path: str) -> None:
    # A link that somebody put there goes itself, not what it leads to.
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)
