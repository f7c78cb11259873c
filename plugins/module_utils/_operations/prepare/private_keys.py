# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys of a host: each made once, whole or not at all, never overwritten and never shown."""

from __future__ import annotations

import contextlib
import fcntl
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, programs, temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, run_and_read

from .changes import ABSENT, Changes

_MADE = "(made; never shown)\n"
_REPAIR = "Install the program that makes it (age, openssh-client) by hand, and repeat the step."


@contextlib.contextmanager
def one_run_at_a_time(directory: str) -> t.Iterator[None]:
    """Hold a directory of keys, so that two runs do not both make them.

    :raises BackupError: when it cannot be held.
    """
    # A file that nobody else can open: whoever could open the directory could hold it for ever.
    path = os.path.join(directory, ".lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _failed(directory, error) from error
    try:
        with contextlib.suppress(OSError):  # A file system without locks: there, keys are made all the same.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def provide_identity(path: str, changes: Changes) -> str:
    """Make an age identity where there is none.

    :returns: its public key; empty where check mode has not made it.
    :raises BackupError: when it cannot be made, or the one that is there cannot be read.
    """
    if _make(path, changes, lambda new: [programs.find("age-keygen"), "-o", new]):
        return ""
    try:
        return _read([programs.find("age-keygen"), "-y", path], path).strip()
    except ProcessFailed as error:
        raise ProcessFailed(
            "read the operational identity",
            on=path,
            why=error.why,
            next_step="It is never overwritten, because sets may be encrypted to it: put a copy of it back or, if no"
            " set has been written yet, move it away and run again.",
            details=error.details,
        ) from error


def provide_ssh_key(path: str, changes: Changes, *, comment: str) -> str:
    """Make an OpenSSH key pair where there is none; it has no passphrase.

    :returns: its public key, type and key; empty where check mode has not made it.
    :raises BackupError: when it cannot be made, or the one that is there cannot be read.
    """

    def argv(new: str) -> list[str]:
        return [programs.find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", new]

    if _make(path, changes, argv):
        return ""
    # OpenSSH reads no file that others can read, and check mode has not yet kept this one to its owner.
    readable, content = ("/dev/stdin", _content(path)) if changes.check_mode else (path, None)
    told = _read([programs.find("ssh-keygen"), "-y", "-P", "", "-f", readable], path, stdin=content)
    public = " ".join(told.split()[:2])
    # ssh-keygen and ssh believe what is beside a key, so it must be this one's.
    beside = f"{path}.pub"
    if " ".join(changes.known_text(beside).split()[:2]) != public:
        changes.text(beside, f"{public} {comment}\n", mode="0644")
    return public


def _make(path: str, changes: Changes, argv: t.Callable[[str], list[str]]) -> bool:
    """Make a key where there is none, or keep the one that is there to its owner.

    :returns: whether check mode has left it unmade.
    """
    if os.path.lexists(path):
        changes.only_for_owner(path)
        return False
    changes.note(path, before=ABSENT, after=_MADE)
    if changes.check_mode:
        return True
    try:
        with temporary_files.directory("key", within=os.path.dirname(path)) as directory:
            new = os.path.join(directory, os.path.basename(path))
            run_and_read(Command(argv(new)), action="make a key", on=path, next_step=_REPAIR)
            _take_over(new, path)
    except OSError as error:
        raise _failed(path, error) from error
    return False


def _take_over(new: str, path: str) -> None:
    """Give a key that was made its place. From here on it may be in use, so it is on the disk before.

    The public part of a key pair comes after the private one: what is beside a key is never another one's.
    """
    public = f"{new}.pub"
    _sync(new)
    os.link(new, path)  # Unlike rename(2), it replaces nothing.
    if os.path.lexists(public):
        _sync(public)
        os.replace(public, f"{path}.pub")
    durable.sync_directory(os.path.dirname(path))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(argv: t.Sequence[str], path: str, *, stdin: bytes | None = None) -> str:
    return run_and_read(
        Command(argv),
        action="read a key's public part",
        on=path,
        next_step="It is never overwritten: put a copy of it back, or move it away and run again.",
        stdin=stdin,
    )


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise BackupError(
            "read a key's public part",
            on=path,
            why=describe_os_error(error),
            next_step="Correct that, and repeat the step.",
        ) from error


def _failed(path: str, error: OSError) -> BackupError:
    return BackupError(
        "make a key", on=path, why=describe_os_error(error), next_step="Correct that, and repeat the step."
    )
