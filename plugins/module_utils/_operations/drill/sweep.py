# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes what drills have left whose supervisor was killed: restored data, decrypted."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import shutil

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._system import temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.patience import with_patience

from .limits import LOCK, PREFIX


@dataclasses.dataclass
class Sweep:
    """What became of the directories of dead drills.

    :param removed: their names.
    :param left: why others could not be removed.
    """

    removed: list[str] = dataclasses.field(default_factory=list)
    left: list[BackupError] = dataclasses.field(default_factory=list)


def sweep_dead_drills(work_directory: str, *, check_mode: bool = False) -> Sweep:
    """Remove the directories of drills that no process holds any more.

    :param check_mode: only name them.
    :raises BackupError: when the work directory cannot be listed.
    """
    try:
        names = sorted(os.listdir(work_directory))
    except OSError as error:
        raise BackupError(
            "look for interrupted drills",
            on=work_directory,
            why=describe_os_error(error),
            next_step="Correct that, and repeat the step.",
        ) from error
    sweep = Sweep()
    for name in names:
        lock = os.path.join(work_directory, name)
        if not (name.startswith(PREFIX) and name.endswith(LOCK)) or os.path.islink(lock):
            continue
        try:
            if _remove_dead(lock, check_mode=check_mode):
                sweep.removed.append(name[: -len(LOCK)])
        except BackupError as error:
            sweep.left.append(error)
    return sweep


def _remove_dead(lock: str, *, check_mode: bool) -> bool:
    """Remove what a drill has left, by its lock; tell whether it was dead.

    :raises BackupError: when something stays.
    """
    directory = lock[: -len(LOCK)]
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False  # Another sweep was faster.
    except OSError as error:
        raise _left(directory, describe_os_error(error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not check_mode:
            remove_drill_directory(directory)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _left(directory, describe_os_error(error)) from error
    finally:
        os.close(descriptor)
    return True


def remove_drill_directory(directory: str) -> None:
    """Remove a drill's directory, whatever modes are in it, and its lock: that last, or no sweep would find the rest.

    :raises BackupError: when something stays.
    """
    # What was restored may forbid its owner to look into it.
    with contextlib.suppress(OSError):
        _open_to_owner(directory)
    if not temporary_files.remove_tree(directory):
        raise _left(directory, _obstacle(directory))
    try:
        with_patience(lambda: os.unlink(directory + LOCK))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _left(directory, describe_os_error(error)) from error
    except BackupError as error:
        raise _left(directory, error.why) from error


def _open_to_owner(directory: str) -> None:
    # Somebody may still put links there, until all has ended.
    for _current, subdirectories, _files, above in os.fwalk(directory):
        for name in subdirectories:
            with contextlib.suppress(OSError):
                found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
                try:
                    os.chmod(f"/proc/self/fd/{found}", 0o700)
                finally:
                    os.close(found)


def _obstacle(directory: str) -> str:
    """Say what keeps a directory from being removed."""
    try:
        shutil.rmtree(directory)
    except OSError as error:
        return describe_os_error(error)
    return "it did not go at once"


def _left(directory: str, why: str) -> BackupError:
    return BackupError(
        "remove what a drill has left",
        on=directory,
        why=why,
        next_step="It holds restored data, decrypted. The next drill tries again; otherwise remove it by hand.",
    )
