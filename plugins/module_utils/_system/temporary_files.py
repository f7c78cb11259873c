# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary files and directories that the next run removes where this one was killed.

Each is locked (flock(2)) for as long as it is used. The kernel drops the lock of a process that dies, however it dies:
what has a name of ours, belongs to this user and is not locked, nobody uses.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error

from .presence import is_there

# All directories begin with this, so that the others' in the same place are left alone.
PREFIX = "infitulua-backup-"
_DIRECTORY = re.compile(re.escape(PREFIX) + r"[a-z]+-[0-9a-f]{16}")
# What write_beside() makes: the file's name, a process id, random digits.
NEW_SUFFIX = ".new"
_NEW = re.compile(r".+\.[0-9]+\.[0-9a-f]{8}" + re.escape(NEW_SUFFIX))
_OLD_SECONDS = 24 * 3600
_PROBE = re.compile(r"\.probe-[0-9]+\.[0-9a-f]{8}")


@contextlib.contextmanager
def directory(purpose: str, *, within: str | None = None, sweep: bool = True) -> t.Iterator[str]:
    """Provide a new directory (mode 0700) that is removed at the end; what dead runs left in the same place goes first.

    :param purpose: a word for its name.
    :param within: where it is made; None: where temporary files belong.
    :param sweep: False leaves what dead runs left to who tells it (:func:`remove_abandoned`).
    :raises OSError: when it cannot be made.
    """
    within = within or tempfile.gettempdir()
    if sweep:
        remove_abandoned(within)
    path, descriptor = _make_directory(os.path.join(within, f"{PREFIX}{purpose}-"))
    owner = os.getpid()
    try:
        yield path
    finally:
        if os.getpid() == owner:  # A forked child that unwinds leaves its parent's alone.
            remove_tree(path)
        os.close(descriptor)


def remove_tree(path: str) -> bool:
    """Remove a directory and all in it, again after a pause where something did not go.

    :returns: whether nothing is left.
    """
    for pause in (0.0, 0.2, 0.6):
        time.sleep(pause)
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            if not is_there(path):
                return True
    return False


def _make_directory(beginning: str) -> tuple[str, int]:
    while True:
        path = beginning + secrets.token_hex(8)
        os.mkdir(path, 0o700)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # Another run took it for abandoned before it was locked.
        if _lock(descriptor) and _is_at(descriptor, path):
            return path, descriptor
        os.close(descriptor)
        with contextlib.suppress(OSError):
            os.rmdir(path)  # Another run only looks at it.


def new_file(path: str, *, mode: int) -> tuple[int, str]:
    """Return a new, locked file beside ``path`` that is to take its place; and its name. Those of dead runs go first.

    :returns: its descriptor, and its path.
    :raises OSError: when it cannot be made.
    """
    remove_abandoned(os.path.dirname(path))
    return _make_file(lambda: f"{path}.{os.getpid()}.{secrets.token_hex(4)}{NEW_SUFFIX}", mode)


def probe_file(within: str) -> tuple[int, str]:
    """As :func:`new_file`, a file for trying whether one can be written."""
    remove_abandoned(within)
    return _make_file(lambda: os.path.join(within, f".probe-{os.getpid()}.{secrets.token_hex(4)}"), 0o600)


def _make_file(name: t.Callable[[], str], mode: int) -> tuple[int, str]:
    while True:
        path = name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, mode)
        if _lock(descriptor) and _is_at(descriptor, path):
            return descriptor, path
        os.close(descriptor)


@dataclasses.dataclass
class Abandoned:
    """What dead runs had left in a directory.

    :param removed: the names of what was removed.
    :param left: why the rest was not.
    """

    removed: list[str] = dataclasses.field(default_factory=list)
    left: list[BackupError] = dataclasses.field(default_factory=list)


def remove_abandoned(within: str, *, check_mode: bool = False) -> Abandoned:
    """Remove what dead runs of this user left in a directory; what cannot be removed stays for the next time.

    :param check_mode: only name it.
    """
    found = Abandoned()
    try:
        names = sorted(os.listdir(within or os.curdir))
    except FileNotFoundError:
        return found
    except OSError as error:
        found.left.append(_not_removed(within, error))
        return found
    for name in names:
        if _DIRECTORY.fullmatch(name) or _NEW.fullmatch(name) or _PROBE.fullmatch(name):
            path = os.path.join(within, name)
            try:
                if _remove_if_abandoned(path, check_mode=check_mode):
                    found.removed.append(name)
            except (BlockingIOError, FileNotFoundError):
                pass  # In use, or gone meanwhile.
            except OSError as error:
                if _is_old(path):
                    found.left.append(_not_removed(path, error))
    return found


def _not_removed(path: str, error: OSError) -> BackupError:
    return BackupError(
        "remove what interrupted runs have left",
        on=path,
        why=describe_os_error(error),
        next_step="Correct that, and repeat the step.",
    )


def _is_old(path: str) -> bool:
    """Whether something is older than any run: a file system without locks says nothing of who uses it."""
    try:
        return time.time() - os.lstat(path).st_mtime > _OLD_SECONDS
    except OSError:
        return False


def _remove_if_abandoned(path: str, *, check_mode: bool) -> bool:
    status = os.lstat(path)
    is_directory = stat.S_ISDIR(status.st_mode)
    if status.st_uid != os.geteuid() or not (is_directory or stat.S_ISREG(status.st_mode)):
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(descriptor, path):
            return False
        if is_directory and not check_mode:
            shutil.rmtree(path)
        elif not check_mode:
            os.unlink(path)
        return True
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Take the lock of what was just made; False: another run takes it for abandoned at this moment."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # A file system without locks: there, nothing is taken for abandoned either.
    return True


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False
