# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting restored databases in the place of the live ones, by rename: all, or none.

Each old database gets a second name, its journals go along, and only when that is done for all do the new ones take
their places, one rename right after the other. Wherever this stops, no journal of an old one lies beside a new one, and
each old one can be put together again.

No system renames several files in one step. Where there are several, a note beside the main one (``<path>__swapping``)
tells meanwhile which files they are, under which names the old ones are kept, and which are new. A restore that finds
one takes the half that was done back, so that the old ones are together again before it begins; not so where somebody
has written to a new one since, which is then live data like any other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._system.durable import sync_directory
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_there

from ..base import RestoreWork
from ..kept_name import INFIX
from .connection import SIDECARS, shown
from .paths import note_path
from .target_file import TargetFile, Undo

_ACTION = "put the restored database in its place"
_MOST_BYTES = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class _Noted:
    """One database of a note.

    :param had: whether a database, or a journal of one, was there.
    :param new: device, inode, size and time of modification (nanoseconds) of the new one.
    """

    path: str
    kept: str
    had: bool
    new: tuple[int, ...]

    def is_new(self) -> bool:
        """Whether the new one has taken its place."""
        return _identity(self.path)[:2] == self.new[:2]

    def is_untouched(self) -> bool:
        """Whether nobody has written to the new one."""
        return _identity(self.path) == self.new and not any(is_there(self.path + tail) for tail in SIDECARS)

    def take_back(self) -> None:
        """Put the old one together again; what was done already is not done twice."""
        is_new = self.is_new()
        if is_new and (not self.had or any(is_there(self.kept + tail) for tail in SIDECARS)):
            os.unlink(self.path)  # Never is a journal beside a database that is not its own.
            is_new = False
        TargetFile(self.path).bring_journals_back(self.kept)
        if is_there(self.kept):
            if is_new or not is_there(self.path):
                os.rename(self.kept, self.path)
            elif os.path.samefile(self.kept, self.path):
                os.unlink(self.kept)
        sync_directory(os.path.dirname(self.path))


def swap(files: t.Sequence[TargetFile], work: RestoreWork) -> list[str]:
    """Put the restored files in their places.

    :param files: the main one first.
    :returns: the names under which the old ones are kept.
    """
    for file in files:
        file.refuse_if_open()
    ending = _free_ending(files, work.stamp)
    had = [file.exists() for file in files]
    directories = sorted({file.directory for file in files})
    for file in files:
        with file.os_errors(_ACTION):
            file.adjust(work)
            file.finish_journals()
    note = [_Noted(file.path, file.path + ending, old, _identity(file.beside)) for file, old in zip(files, had)]
    with _undone_on_failure() as undo:
        if len(files) > 1:
            with files[0].os_errors(_ACTION):
                undo.append(functools.partial(_remove_note, files[0].path))
                _write_note(files[0].path, note)
        for file in files:
            with file.os_errors(_ACTION):
                file.keep(file.path + ending, undo)
        with files[0].os_errors(_ACTION):
            for directory in directories:
                sync_directory(directory)
        for file in files:
            with file.os_errors(_ACTION):
                file.put_in_place(undo)
    with files[0].os_errors(_ACTION):
        for directory in directories:
            sync_directory(directory)
    for file in files:
        file.conclude()
    if len(files) > 1:
        try:
            _remove_note(files[0].path)
        except OSError as error:
            work.warnings.append(
                f"The restore is complete, but {shown(note_path(files[0].path))} could not be removed: remove it by"
                f" hand ({describe_os_error(error)})"
            )
    return [file.path + ending for file, old in zip(files, had) if old]


def take_back_half(main: str) -> None:
    """Take a swap back that a dead restore had done by half.

    :raises Refused: when what has the note's name is not a restore's.
    """
    noted = _read_note(main)
    for one in reversed(_to_take_back(noted)):
        one.take_back()
    if noted:
        _remove_note(main)


def going_to_vanish(main: str) -> list[str]:
    """Return the new files, where nothing was before, that :func:`take_back_half` will remove. Changes nothing.

    :raises Refused: when what has the note's name is not a restore's.
    """
    return [one.path for one in _to_take_back(_read_note(main)) if one.is_new() and not one.had]


def _to_take_back(noted: t.Sequence[_Noted]) -> t.Sequence[_Noted]:
    new = [one for one in noted if one.is_new()]
    # All: it was complete. One that somebody has written to holds what is nowhere else.
    return [] if len(new) == len(noted) or not all(one.is_untouched() for one in new) else noted


def _free_ending(files: t.Sequence[TargetFile], stamp: str) -> str:
    """One ending for all of what is kept."""
    ending = f"{INFIX}{stamp}"
    again = 1
    while any(is_there(file.path + ending + tail) for file in files for tail in ("", *SIDECARS)):
        again += 1  # Restored twice within a second.
        ending = f"{INFIX}{stamp}_{again}"
    return ending


def _identity(path: str) -> tuple[int, ...]:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _write_note(main: str, noted: t.Sequence[_Noted]) -> None:
    path = note_path(main)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path + ".new", flags, 0o600), "wb") as stream:
        stream.write(json.dumps([dataclasses.asdict(one) for one in noted]).encode("ascii"))
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(path + ".new", path)
    sync_directory(os.path.dirname(path))


def _remove_note(main: str) -> None:
    for path in (note_path(main) + ".new", note_path(main)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    sync_directory(os.path.dirname(main))


def _read_note(main: str) -> list[_Noted]:
    """Return what a note tells; nothing where there is none.

    :raises Refused: when what has its name was not made by a restore.
    """
    path = note_path(main)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _foreign(main) from error
    with open(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise _foreign(main)
        try:
            entries = json.loads(stream.read(_MOST_BYTES))
            return [
                _Noted(str(entry["path"]), str(entry["kept"]), bool(entry["had"]), tuple(map(int, entry["new"])))
                for entry in entries
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise _foreign(main) from error


def _foreign(main: str) -> Refused:
    return Refused(
        "restore a SQLite database",
        on=shown(main),
        why=f"{shown(note_path(main))} is there and was not made by a restore of this user",
        next_step="Run as the user who restored before, or move it away; nothing was touched.",
    )


@contextlib.contextmanager
def _undone_on_failure() -> t.Iterator[Undo]:
    """Step back, last first, what has been done when something then fails."""
    steps: Undo = []
    try:
        yield steps
    except BaseException:
        for step in reversed(steps):
            step()
        raise
