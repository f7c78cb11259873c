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
import os
import shutil
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _durable
from ansible_collections.infitulua.backup.plugins.module_utils._bag import (
    BAGIT_TXT,
    CHUNK,
    expected_digests,
    is_safe_path,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AlreadyStored,
    BackupError,
    NotFound,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._lock import locked
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId, is_name, is_time
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import (
    Access,
    Medium,
    ProgressCallback,
    no_progress,
    prepare_path,
    require_digest,
)

PARTIAL_SUFFIX = ".partial"


class DirectoryMedium(Medium):
    """Sets in a local directory.

    :param path: the root; it must exist (step 1 makes it), so that a disk that is not mounted is noticed.
    :param require_mount: a path (the root or above it) that must be a mount point: refuses to fill the system
        disk when the backup disk is absent.
    """

    kind = "directory"
    arguments = {"path": {"type": "path"}, "require_mount": {"type": "path"}}

    def __init__(self, *, path: str, require_mount: str | None = None) -> None:
        self.root = os.path.normpath(path)
        self.require_mount = require_mount

    def describe(self) -> str:
        return f"directory {self.root}"

    def check_present(self) -> None:
        """Checks that the medium is really there.

        :raises NotFound: when it is not.
        """
        if self.require_mount and not os.path.ismount(self.require_mount):
            raise NotFound(
                "use a medium",
                on=self.describe(),
                why=f"nothing is mounted on {self.require_mount}",
                next_step="Mount the volume; nothing was written.",
            )
        if not os.path.isdir(self.root):
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
                    if is_time(time) and os.path.isfile(os.path.join(source_path, time, BAGIT_TXT)):
                        found.append(SetId(host_name, source_name, time))
        return sorted(found)

    def contents(self, set_id: SetId) -> DirectoryContents:
        path = self.path(set_id)
        if not os.path.isfile(os.path.join(path, BAGIT_TXT)):
            self.check_present()
            raise NotFound(
                "find a set",
                on=f"{set_id} on {self.describe()}",
                why="there is no such set",
                next_step="List the sets with set_info.",
            )
        return DirectoryContents(path)

    def local_path(self, set_id: SetId) -> str | None:
        return self.path(set_id)

    def path(self, set_id: SetId) -> str:
        """The directory of a set."""
        return os.path.join(self.source_path(set_id.host, set_id.source), set_id.time)

    def source_path(self, host: str, source: str) -> str:
        """The directory that holds the sets of one source."""
        return os.path.join(self.root, host, source)

    def holds(self, set_id: SetId) -> bool:
        self.check_present()
        return os.path.isfile(os.path.join(self.path(set_id), BAGIT_TXT))

    def free_bytes(self) -> int:
        self.check_present()
        status = os.statvfs(self.root)
        return status.f_bavail * status.f_frsize

    @contextlib.contextmanager
    def locked(self, host: str, source: str) -> t.Iterator[None]:
        """Holds the lock of one source, its directory made where missing, leftovers of dead runs removed.

        :raises LockHeld: when another run has it.
        """
        self.check_present()
        path = self.source_path(host, source)
        with self._as_backup_error("write to a medium"):
            _durable.make_directories(path, below=self.root)
        with locked(os.path.join(path, ".lock"), subject=f"{host}/{source} on {self.describe()}"):
            with self._as_backup_error("remove what a dead run left"):
                for name in self._entries(path):
                    # Whoever made it held this lock and died: the kernel gave us the lock.
                    if name.startswith(".") and name.endswith(PARTIAL_SUFFIX):
                        _remove_tree(os.path.join(path, name))
            yield

    def begin(self, set_id: SetId) -> PartialSet:
        """Begins a set. The caller holds the source's lock.

        :raises AlreadyStored: when the medium holds a set of this id.
        """
        if os.path.lexists(self.path(set_id)):
            raise AlreadyStored(
                "begin a set",
                on=f"{set_id} on {self.describe()}",
                why="a set of this id is there already",
                next_step="Sets are never overwritten; begin a second later.",
            )
        with self._as_backup_error("begin a set"):
            return PartialSet(self, set_id)

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
        """Takes a complete set over by renaming its directory, which must be on the same file system.

        :raises AlreadyStored: when the medium holds a set of this id.
        :raises OSError: EXDEV, and only that, when it is on another file system.
        """
        with self.locked(set_id.host, set_id.source):
            path = self.path(set_id)
            if os.path.lexists(path):
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
                _durable.sync_directory(os.path.dirname(path))
                _durable.sync_directory(os.path.dirname(directory))

    def probe(self, *, host: str | None = None) -> Access:
        self.check_present()
        path = os.path.join(self.root, f".probe-{os.getpid()}")
        data = os.urandom(4096)
        read = write = delete = False
        # Each may fail by itself: a full disk, a read-only file system, missing rights.
        with contextlib.suppress(OSError):
            with _durable.HashedFile(path) as file:
                file.write(data)
            write = True
            with open(path, "rb") as stream:
                read = stream.read() == data
        with contextlib.suppress(OSError):
            os.unlink(path)
            delete = True
        readable = os.access(self.root, os.R_OK | os.X_OK)
        return Access(list=readable, read=read if write else readable, write=write, delete=delete)

    def remove(self, set_id: SetId) -> None:
        with self.locked(set_id.host, set_id.source):
            path = self.path(set_id)
            leaving = os.path.join(os.path.dirname(path), f".{set_id.time}{PARTIAL_SUFFIX}")
            with self._as_backup_error(f"remove the set {set_id}"):
                os.rename(path, leaving)
                _durable.sync_directory(os.path.dirname(path))
                shutil.rmtree(leaving)

    def set_aside(self, set_id: SetId) -> str:
        """Moves a bad set to ``.rejected/``, where nothing lists it and somebody can look at it.

        :returns: where it is now.
        """
        rejected = os.path.join(self.root, ".rejected", set_id.host, set_id.source)
        with self.locked(set_id.host, set_id.source), self._as_backup_error(f"set the set {set_id} aside"):
            _durable.make_directories(rejected, below=self.root)
            target = os.path.join(rejected, set_id.time)
            if os.path.lexists(target):
                _remove_tree(target)
            os.rename(self.path(set_id), target)
            _durable.sync_directory(rejected)
            _durable.sync_directory(os.path.dirname(self.path(set_id)))
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
        return [name for name in self._entries(path) if is_name(name) and os.path.isdir(os.path.join(path, name))]


def _remove_tree(path: str) -> None:
    # A link that somebody put there goes itself, not what it leads to.
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)


class DirectoryContents:
    """The files of a set in a local directory.

    :param path: the set's directory. Anything in it that is not a plain file or directory counts as a file
        that cannot be opened, so that validation names it.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def sizes(self) -> dict[str, int]:
        sizes = {}

        def fail(error: OSError) -> None:
            raise BackupError(
                "list a set",
                on=self.path,
                why=describe_os_error(error),
                next_step="Check the owner and mode, and the health of the disk.",
            ) from error

        for directory, subdirectories, files in os.walk(self.path, onerror=fail):
            links = [name for name in subdirectories if os.path.islink(os.path.join(directory, name))]
            for name in files + links:
                full = os.path.join(directory, name)
                sizes[os.path.relpath(full, self.path)] = os.lstat(full).st_size
        return sizes

    def open(self, path: str) -> t.BinaryIO:
        if not is_safe_path(path):
            raise PermissionError(errno.EPERM, "the path leads out of the set", path)
        full = os.path.join(self.path, path)
        # A link, a FIFO or a device put in a file's place must neither lead away nor hang us, nor be opened at all:
        # opening some devices does something. O_NOFOLLOW and O_NONBLOCK for one that comes in between.
        _require_plain_file(os.lstat(full), path)
        descriptor = os.open(full, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            _require_plain_file(os.fstat(descriptor), path)
            return open(descriptor, "rb", buffering=0)
        except BaseException:
            os.close(descriptor)
            raise


def _require_plain_file(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file", path)


class PartialSet:
    """A set under construction. Leaving the context without :meth:`commit` removes it."""

    def __init__(self, medium: DirectoryMedium, set_id: SetId) -> None:
        self.set_id = set_id
        self.medium = medium
        self._final = medium.path(set_id)
        self.path = os.path.join(os.path.dirname(self._final), f".{set_id.time}{PARTIAL_SUFFIX}")
        _durable.make_directory(self.path)
        self._open = True

    def create(self, path: str, progress: ProgressCallback = no_progress) -> _durable.HashedFile:
        """A new file of the set."""
        return _durable.HashedFile(prepare_path(self.path, path, self.set_id), progress=progress)

    def commit(self) -> None:
        """Makes the set appear, whole, under its id.

        :raises OSError: when the disk does not take it.
        """
        _durable.sync_tree(self.path)
        os.rename(self.path, self._final)
        _durable.sync_directory(os.path.dirname(self._final))
        self._open = False

    def __enter__(self) -> PartialSet:
        return self

    def __exit__(self, *_: t.Any) -> None:
        if self._open:
            self._open = False
            shutil.rmtree(self.path, ignore_errors=True)
