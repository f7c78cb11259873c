# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are on the disk when we say so: written once, hashed on the way, fsynced with their directory."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import threading
import types
import typing as t

from . import temporary_files
from .pipes import write_all

FILE_MODE = 0o440
DIRECTORY_MODE = 0o750
# How much may be dirty before the kernel is told to start writing, so that the final fsync has little left to do.
_WRITEBACK_BYTES = 32 * 1024 * 1024


class HashedFile:
    """A new file, hashed while it is written.

    :param path: must not exist yet.
    :raises OSError: as open(2), write(2) and fsync(2) do.
    """

    def __init__(self, path: str, *, progress: t.Callable[[int], None] = lambda count: None) -> None:
        self.path = path
        self.bytes = 0
        self._progress = progress
        self._digest = hashlib.sha256()
        self._flushed = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor: int | None = os.open(path, flags, FILE_MODE)
        # Whatever the umask: who pulls sets reads them by their group. Some file systems have no modes.
        with contextlib.suppress(OSError):
            os.fchmod(self._descriptor, FILE_MODE)

    def write(self, chunk: bytes | memoryview) -> None:
        """Write all of ``chunk``."""
        if self._descriptor is None:
            raise ValueError("the file is closed")
        view = memoryview(chunk)
        self._digest.update(view)
        length = len(view)
        write_all(self._descriptor, view)
        self.bytes += length
        if self.bytes - self._flushed >= _WRITEBACK_BYTES:
            # posix_fadvise(2): on Linux, DONTNEED starts writing dirty pages out and drops clean ones, so that a
            # backup does not push the database's own pages out of memory.
            os.posix_fadvise(self._descriptor, self._flushed, self.bytes - self._flushed, os.POSIX_FADV_DONTNEED)
            self._flushed = self.bytes
        self._progress(length)

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written so far, hexadecimal."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Bring the file to the disk (fsync) and close it."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def abandon(self) -> None:
        """Close the file without waiting for the disk."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> HashedFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


class PartsFile:
    """A new file that is written in parts, by several threads at a time; the last one closes it.

    It is on the disk after :func:`sync_files`: of many files, that costs far less once than for each as it ends.

    :param path: must not exist yet.
    :param size: of the whole, in bytes; the disk has room for it when this returns.
    :param parts: in how many parts it comes.
    :raises OSError: as open(2), fallocate(2) and write(2) do.
    """

    def __init__(self, path: str, size: int, *, parts: int) -> None:
        self._left = parts
        self._lock = threading.Lock()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor: int | None = os.open(path, flags, FILE_MODE)
        try:
            with contextlib.suppress(OSError):
                os.fchmod(self._descriptor, FILE_MODE)
            if size:
                os.posix_fallocate(self._descriptor, 0, size)
        except BaseException:
            self.abandon()
            raise

    def write(self, chunk: memoryview, offset: int) -> None:
        """Write all of ``chunk`` at a place in the file."""
        if self._descriptor is None:
            raise ValueError("the file is closed")
        while len(chunk):
            count = os.pwrite(self._descriptor, chunk, offset)
            chunk, offset = chunk[count:], offset + count

    def finish_part(self, begin: int, end: int) -> None:
        """Count a part that is complete, from ``begin`` to ``end``. The last one closes the file."""
        with self._lock:
            if self._descriptor is not None:
                # As in HashedFile: its pages begin to go to the disk.
                os.posix_fadvise(self._descriptor, begin, end - begin, os.POSIX_FADV_DONTNEED)
            self._left -= 1
        if not self._left:
            self.abandon()

    def abandon(self) -> None:
        """Close the file, if it is open. Nobody writes any more."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def sync_files(paths: t.Iterable[str]) -> None:
    """Bring the contents of files to the disk (fsync(2)).

    :raises OSError: when the disk did not take one, also earlier.
    """
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_directory(path: str) -> None:
    """Make one directory of :data:`DIRECTORY_MODE`, whatever the umask; a set-group-ID bit it inherits stays.

    :raises OSError: as mkdir(2) does; there is none then.
    """
    os.mkdir(path, DIRECTORY_MODE)
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        with contextlib.suppress(OSError):
            os.rmdir(path)
        raise
    if stat.S_IMODE(mode) & ~stat.S_ISGID != DIRECTORY_MODE:
        with contextlib.suppress(OSError):  # Some file systems have no modes.
            os.chmod(path, DIRECTORY_MODE | (mode & stat.S_ISGID))


def sync_directory(path: str) -> None:
    """Flush a directory's entries to the disk (fsync(2): a new file needs this in addition to its own)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: str) -> None:
    """Fsync every directory below ``path``, deepest first, and ``path`` itself."""

    def fail(error: OSError) -> None:
        raise error

    for directory, _subdirectories, _files in os.walk(path, topdown=False, onerror=fail):
        sync_directory(directory)


def make_directories(path: str, *, below: str) -> None:
    """Make ``path`` and its parents down from ``below`` (which exists), each entry brought to the disk."""
    missing = []
    current = path
    while current != below and not os.path.isdir(current):
        missing.append(current)
        current = os.path.dirname(current)
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):
            make_directory(directory)
        sync_directory(os.path.dirname(directory))


def append_line(path: str, line: str) -> None:
    """Add a line to a file (made where missing, its directory is there), on the disk when this returns.

    Half a line that a crash left before it stays as it is, on a line of its own. Safe for several writers.

    :param line: without its end.
    :raises OSError: when that fails.
    """
    data = line.encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(os.path.dirname(path))


def replace_file(path: str, text: str, *, mode: int = 0o640, owner: tuple[int, int] | None = None) -> None:
    """Write a small file so that a reader, or a crash, sees the old or the new text and nothing between.

    :param owner: its user and group, -1 for this one's; the mode is then exact, whatever the umask.
    :raises OSError: when it cannot.
    """
    descriptor, temporary = temporary_files.new_file(path, mode=mode if owner is None else 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
            if owner is not None:
                os.fchown(descriptor, *owner)
                os.fchmod(descriptor, mode)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(path))
