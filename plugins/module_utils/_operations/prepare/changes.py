# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories and files of a host as they must be: what differs is changed, or in check mode said."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, temporary_files

ABSENT = "(absent)\n"
# In check mode, what nobody can know before a run has made it.
UNMADE = "(made by the first run)"
_NEXT_STEP = "Correct that, and repeat the step."
_UNMADE_ID = -1


class Changes:
    """What a module changes on a host, as it shows it.

    :param check_mode: say it, and change nothing.
    :ivar diff: the differences, as Ansible shows them. Never a secret.
    """

    def __init__(self, *, check_mode: bool) -> None:
        self.check_mode = check_mode
        self.diff: list[dict[str, str]] = []

    @property
    def changed(self) -> bool:
        """Tell whether anything differed."""
        return bool(self.diff)

    def note(self, path: str, *, before: str, after: str) -> None:
        """Note one difference."""
        self.diff.append({"before_header": path, "after_header": path, "before": before, "after": after})

    def directory(self, path: str, *, mode: str, owner: str | None = None, group: str | None = None) -> bool:
        """Make a directory, with those above it that are missing, or correct its mode, owner and group.

        :param mode: in octal digits.
        :param owner: None: as it is, and this user where it is made.
        :returns: whether it differed.
        :raises BackupError: when it cannot be done.
        """
        path = os.path.abspath(path)
        with _as_backup_error("make a directory", on=path):
            missing = _missing(path)
            wanted = (_octal(mode), self._user(owner), self._group(group))
            if missing:
                self.note(path, before=ABSENT, after=f"directory, {_shown(*wanted)}\n")
                if not self.check_mode:
                    _make(missing, *wanted)
                return True
            if not os.path.isdir(path):
                raise NotADirectoryError(0, "it is there already, and is no directory", path)
            return self._correct(path, *wanted)

    def text(
        self, path: str, text: str, *, mode: str, owner: str | None = None, group: str | None = None, shown: str = ""
    ) -> bool:
        """Write a file where it is missing or its text, mode, owner or group differ; never in part.

        :param shown: what is shown instead of its text.
        :returns: whether it differed.
        :raises BackupError: when it cannot be done.
        """
        with _as_backup_error("write a file", on=path):
            wanted = (_octal(mode), self._user(owner), self._group(group))
            before = read_text(path)
            if before == text:
                return self._correct(path, *wanted)
            known = ABSENT if before is None else "(other content, not shown)\n" if shown else before
            self.note(path, before=known, after=shown or text)
            if not self.check_mode:
                permissions, user, group_id = wanted
                ids = (-1 if user is None else user, -1 if group_id is None else group_id)
                durable.replace_file(path, text, mode=permissions, owner=ids)
            return True

    def known_text(self, path: str) -> str:
        """Return the text of a file that is to be written, empty where there is none.

        :raises BackupError: when it cannot be read.
        """
        with _as_backup_error("read a file", on=path):
            return read_text(path) or ""

    def only_for_owner(self, path: str) -> None:
        """Let nobody but its owner read a file that is there."""
        with _as_backup_error("keep a key to its owner", on=path):
            self._correct(path, 0o600, None, None)

    def _correct(self, path: str, mode: int, user: int | None, group: int | None) -> bool:
        status = os.stat(path)
        wanted = (mode, status.st_uid if user is None else user, status.st_gid if group is None else group)
        found = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        if found == wanted:
            return False
        self.note(path, before=f"{_shown(*found)}\n", after=f"{_shown(*wanted)}\n")
        if not self.check_mode:
            _set(path, *wanted)
        return True

    def _user(self, name: str | None) -> int | None:
        return self._id(name, lambda known: pwd.getpwnam(known).pw_uid)

    def _group(self, name: str | None) -> int | None:
        return self._id(name, lambda known: grp.getgrnam(known).gr_gid)

    def _id(self, name: str | None, look: t.Callable[[str], int]) -> int | None:
        if name is None:
            return None
        try:
            return look(name)
        except KeyError as error:
            if self.check_mode:
                return _UNMADE_ID  # A run makes the account before.
            raise LookupError(f"there is no {name} on this host") from error


def read_text(path: str) -> str | None:
    """Return a small file's text; None where there is no file.

    :raises OSError: as open(2) and read(2) do.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def _missing(path: str) -> list[str]:
    """List the directories that are to be made for a path, the topmost first."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing[::-1]


def _make(missing: t.Sequence[str], mode: int, user: int | None, group: int | None) -> None:
    """Make directories, each in the one before, all of them or none: nobody would correct those above the last one."""
    top = missing[0]
    within = os.path.dirname(top)
    with temporary_files.directory("new", within=within) as beside:
        for part in missing:
            path = os.path.join(beside, os.path.relpath(part, within))
            os.mkdir(path, 0o700)
            _set(path, mode, user, group)
            durable.sync_directory(path)
        os.rename(os.path.join(beside, os.path.basename(top)), top)
    durable.sync_directory(within)


def _set(path: str, mode: int, user: int | None, group: int | None) -> None:
    # First the owner: with it, the kernel takes the set-group-ID bit away.
    if user is not None or group is not None:
        os.chown(path, -1 if user is None else user, -1 if group is None else group)
    os.chmod(path, mode)


def _shown(mode: int, user: int | None, group: int | None) -> str:
    ids = {"owner": user, "group": group}
    known = {what: number for what, number in ids.items() if number is not None}
    shown = [f"{what} {UNMADE if number == _UNMADE_ID else number}" for what, number in known.items()]
    return ", ".join([f"mode {mode:04o}", *shown])


def _octal(mode: str) -> int:
    try:
        return int(mode, 8)
    except ValueError:
        raise BackupError(
            "set a mode", on=mode, why="it is not in octal digits", next_step="Give a mode such as 0700."
        ) from None


@contextlib.contextmanager
def _as_backup_error(what: str, *, on: str) -> t.Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(what, on=on, why=describe_os_error(error), next_step=_NEXT_STEP) from error
    except LookupError as error:
        raise BackupError(what, on=on, why=str(error), next_step=_NEXT_STEP) from error
