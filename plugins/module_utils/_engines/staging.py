# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting something restored in the place of something live, by rename, on the same file system.

For a target ``P`` the staging directory ``P__restoring`` (mode 0700: nobody else looks in or walks through) holds

- ``lock``: held while a restore is running; a staging directory whose lock is free belongs to a dead one;
- ``content/``: what is being restored, under the target's own name;
- ``swap``: from shortly before the swap on: under which name the old data is kept, and which inode is new.

The swap gives the new data the name ``P__replaced_<stamp>`` and exchanges it with ``P`` in one step (renameat2(2),
RENAME_EXCHANGE). Whenever the machine stops, ``P`` is the old or the new one, whole; and old data never stands under
a name that a later run removes. Where the file system cannot exchange, two renames do: for the moment between
them ``P`` is absent, and kept under its dated name.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import stat
import sys
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.durable import sync_directory
from ansible_collections.infitulua.backup.plugins.module_utils._system.lock import locked
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_directory, is_there
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Processes

from .kept_name import INFIX, stamp_of
from .names import escape

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_LOCK, _CONTENT, _SWAP = b"lock", b"content", b"swap"


def beside(path: bytes, suffix: str) -> bytes:
    """Return the name for something beside ``path``; shortened, and still its own, where it would be too long."""
    directory, name = os.path.split(path)
    tail = suffix.encode("ascii")
    if len(name) + len(tail) > 255:
        name = name[: 255 - len(tail) - 9] + b"-%08x" % zlib.crc32(name)
    return os.path.join(directory, name + tail)


def sync_file_system(path: bytes) -> None:
    """Bring everything written to the file system of ``path`` to the disk (syncfs(2))."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if _LIBC.syncfs(descriptor):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), os.fsdecode(path))
    finally:
        os.close(descriptor)


def remove_tree(path: bytes) -> None:
    """Remove what a restore made, however deep. Nothing happens where there is nothing.

    :raises BackupError: when it cannot.
    """
    # Not shutil.rmtree: it recurses, and runs out of stack in a tree of a thousand levels.
    next_step = "Remove it by hand; nothing uses it."
    commands = [Command([programs.find("rm"), "-rf", "--", os.fsdecode(path)])]
    if os.geteuid() != 0 and os.path.isdir(path) and not os.path.islink(path):
        # Its owner may not remove what is in a directory of mode 0555, only root may.
        commands.insert(0, Command([programs.find("chmod"), "-R", "u+rwx", "--", os.fsdecode(path)]))
    with Processes() as processes:
        for command in commands:
            processes.run([command], action="remove what a restore left", on=escape(path), next_step=next_step)


def kept_beside(live: bytes) -> list[tuple[bytes, str]]:
    """Return what restores have kept beside a target: its path, and when it was replaced."""
    directory = os.path.dirname(live)
    found = []
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    for name in names:
        path = os.path.join(directory, name)
        since = stamp_of(os.fsdecode(path), lambda ending: os.fsdecode(beside(live, ending)))
        if since is not None:
            found.append((path, since))
    return sorted(found, key=lambda pair: (pair[1], pair[0]))


class Staging:
    """The staging directory of one target.

    :param live: the target's absolute path.
    :param stamp: names what is kept.
    """

    def __init__(self, live: bytes, stamp: str) -> None:
        self.live = live
        self._stamp = stamp
        self.kept = beside(live, INFIX + stamp)
        self.path = beside(live, "__restoring")
        self.content = os.path.join(self.path, _CONTENT)
        self.new = os.path.join(self.content, os.path.basename(live))
        self._stack = contextlib.ExitStack()
        self._parents: list[bytes] = []
        self._open = False
        self._swapped = False
        self._had_live = False
        self._exchanged = False

    def create(self) -> list[bytes]:
        """Make it, and the target's parents where they are missing, having removed what a dead restore left.

        :returns: the parents it made.
        :raises Refused: when something else has its name.
        :raises LockHeld: when another restore into the same target is running.
        :raises OSError: as mkdir(2) does.
        """
        parent = os.path.dirname(self.live)
        while not is_directory(parent):
            self._parents.append(parent)
            parent = os.path.dirname(parent)
        for directory in reversed(self._parents):
            os.mkdir(directory, 0o755)
            sync_directory(os.fsdecode(os.path.dirname(directory)))
        self.clear_dead()
        os.mkdir(self.path, 0o700)
        self._stack.enter_context(locked(os.fsdecode(os.path.join(self.path, _LOCK)), subject=escape(self.live)))
        self._open = True
        os.mkdir(self.content, 0o700)
        return list(reversed(self._parents))

    def refuse_foreign(self) -> bool:
        """Whether a staging directory is there.

        :raises Refused: when what has its name is not a restore's.
        """
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            return False
        ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
        if not ours or set(os.listdir(self.path)) - {_LOCK, _CONTENT, _SWAP, _SWAP + b".new"}:
            raise Refused(
                "restore beside the target",
                on=escape(self.live),
                why=f"{escape(self.path)} is there and was not made by a restore",
                next_step="Move it away, then run again; nothing was touched.",
            )
        return True

    def clear_dead(self) -> None:
        """Remove what a restore that died has left; never what was there before it.

        :raises Refused: when what has its name is not a restore's.
        :raises LockHeld: when the restore is alive.
        """
        if not self.refuse_foreign():
            return
        with locked(os.fsdecode(os.path.join(self.path, _LOCK)), subject=escape(self.live)):
            unused = self._unused_copy()
            if unused is not None:
                remove_tree(unused)
            remove_tree(self.path)

    def _unused_copy(self) -> bytes | None:
        # New data that had got the name of the kept data, and was never exchanged with the target.
        try:
            with open(os.path.join(self.path, _SWAP), "rb") as stream:
                note = json.load(stream)
            kept = os.path.join(os.path.dirname(self.live), os.path.basename(os.fsencode(note["kept"])))
            status = os.lstat(kept)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return kept if [status.st_dev, status.st_ino] == note["new"] else None

    def swap(self) -> bytes | None:
        """Put the new data in the target's place.

        :returns: the name under which the old is kept; None when there was none.
        :raises OSError: then nothing has changed.
        """
        again = 1
        while is_there(self.kept):  # Restored twice within a second.
            again += 1
            self.kept = beside(self.live, f"{INFIX}{self._stamp}_{again}")
        self._had_live = is_there(self.live)
        if not self._had_live:
            os.rename(self.new, self.live)
        elif self._can_exchange():
            self._write_note()
            os.rename(self.new, self.kept)
            try:
                _exchange(self.kept, self.live)
            except BaseException:
                os.rename(self.kept, self.new)
                raise
            self._exchanged = True
        else:
            os.rename(self.live, self.kept)
            try:
                os.rename(self.new, self.live)
            except BaseException:
                os.rename(self.kept, self.live)
                raise
        self._swapped = True
        sync_directory(os.fsdecode(os.path.dirname(self.live)))
        return self.kept if self._had_live else None

    def undo(self) -> None:
        """Take a swap back.

        :raises OSError: as rename(2) does.
        """
        if not self._swapped:
            return
        if self._exchanged:
            _exchange(self.kept, self.live)
            os.rename(self.kept, self.new)
        else:
            os.rename(self.live, self.new)
            if self._had_live:
                os.rename(self.kept, self.live)
        self._swapped = False
        sync_directory(os.fsdecode(os.path.dirname(self.live)))

    def close(self) -> None:
        """Remove the staging directory, and after a restore that was not swapped the parents it made.

        :raises BackupError: when it cannot.
        """
        if not self._open:
            return
        self._open = False
        try:
            remove_tree(self.path)
            if not self._swapped:
                for directory in self._parents:
                    with contextlib.suppress(OSError):
                        os.rmdir(directory)
        finally:
            self._stack.close()

    def _write_note(self) -> None:
        status = os.lstat(self.new)
        note = {"kept": os.fsdecode(os.path.basename(self.kept)), "new": [status.st_dev, status.st_ino]}
        path = os.path.join(self.path, _SWAP)
        with open(path + b".new", "wb") as stream:
            stream.write(json.dumps(note).encode("ascii"))
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(path + b".new", path)
        sync_directory(os.fsdecode(self.path))

    def _can_exchange(self) -> bool:
        """Whether this file system can: tried on two empty directories of the staging directory."""
        trial = [os.path.join(self.path, name) for name in (_SWAP, _SWAP + b".new")]
        for path in trial:
            os.mkdir(path)
        try:
            _exchange(*trial)
        except OSError:
            return False
        finally:
            for path in trial:
                os.rmdir(path)
        return True


def _exchange(first: bytes, second: bytes) -> None:
    """Exchange two names in one step.

    :raises OSError: as renameat2(2) does; EINVAL where the file system cannot.
    """
    sys.audit("infitulua.backup.exchange", first, second)
    try:
        renameat2 = _LIBC.renameat2
    except AttributeError:
        raise OSError("this system's C library has no renameat2") from None
    if renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), os.fsdecode(first))


def as_backup_error(action: str, on: bytes, error: OSError) -> BackupError:
    """Return an operating system's error as one that an operator can act on."""
    where = f" ({escape(os.fsencode(error.filename))})" if error.filename else ""
    return BackupError(
        action,
        on=escape(on),
        why=(error.strerror or str(error)) + where,
        next_step="Free space or correct the permissions, then run again; the target is as it was.",
    )


_LIBC = ctypes.CDLL(None, use_errno=True)
