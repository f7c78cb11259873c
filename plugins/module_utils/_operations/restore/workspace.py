# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one restore needs on a host while it lasts: directories of its own, and a key that is created for it alone.

The run that a workspace belongs to is in a file beside it, which is written before and removed after everything else:
a run that was killed leaves nothing that a later one does not find.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_directory, is_there
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, run_and_read

OWNER_SUFFIX = ".owner"
IDENTITY = "identity"
DELIVERED = "delivered"
_NAME = re.compile(r"restore-[0-9]{8}T[0-9]{6}Z-[0-9]{1,9}")
_NEW = ".new"
_LARGEST_OWNER = 16 * 1024

#: What identifies a run, as the lookup ``this_run`` gives it.
Run = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Parent:
    """A directory in which every restore has one of its own.

    :param path: made where missing only if it is the place of keys.
    :param owner: user and group of a restore's directory; None: this one's.
    """

    path: str
    owner: str | None = None


@dataclasses.dataclass(frozen=True)
class Workspaces:
    """The workspaces of a host.

    :param parents: where restores have directories; the first has the files that say which run each belongs to. None
        where there are no restores, but what interrupted ones left elsewhere is looked for.
    :param keys: where they have keys, best in memory (``/run``); None: this host keeps none.
    :param run: who asks.
    :param unknown_seconds: after so long, a workspace whose run may still be running is removed: nobody can know.
    """

    parents: tuple[Parent, ...]
    keys: str | None
    run: Run
    unknown_seconds: float

    def abandoned(self) -> list[str]:
        """Name the workspaces whose run has ended.

        :raises BackupError: when that cannot be determined.
        """
        if not self.parents:
            return []
        directory = self.parents[0].path
        try:
            names = sorted(os.listdir(directory)) if is_directory(directory) else []
        except OSError as error:
            raise _failed("look for interrupted restores", directory, error) from error
        found = []
        for entry in names:
            name, suffix = os.path.splitext(entry[: -len(_NEW)] if entry.endswith(_NEW) else entry)
            if suffix == OWNER_SUFFIX and _NAME.fullmatch(name) and self._is_dead(os.path.join(directory, entry)):
                found.append(name)
        return sorted(set(found))

    def _is_dead(self, path: str) -> bool:
        try:
            age = time.time() - os.lstat(path).st_mtime
            owner = _read_owner(path)
            if owner.get("host_boot") == _boot():
                # This host's clock may have been put right since; what it counts from its start is not.
                age = _uptime() - _number(owner.get("host_uptime"))
        except FileNotFoundError:
            return False  # Its run has just removed it.
        except (OSError, ValueError):
            owner = {}  # It is being written, or its run died at that.
        alive = is_at_work(owner, self.run)
        return not alive if alive is not None else age > self.unknown_seconds

    def make(self, name: str) -> str | None:
        """Make a restore's directories, and its key where this host keeps any.

        :returns: the key's public part, an age recipient.
        :raises Refused: when the name is not of its form.
        :raises BackupError: when they cannot be made.
        """
        _check_name(name)
        try:
            self._write_owner(name)
            for parent in self.parents:
                path = os.path.join(parent.path, name)
                os.mkdir(path, 0o700)
                if parent.owner is not None:
                    shutil.chown(path, parent.owner, parent.owner)
            if self.keys is None:
                return None
            os.makedirs(self.keys, 0o700, exist_ok=True)
            os.mkdir(os.path.join(self.keys, name), 0o700)
        except (OSError, LookupError) as error:
            raise _failed("prepare the workspace of a restore", name, error) from error
        return _make_identity(os.path.join(self.keys, name, IDENTITY))

    def _write_owner(self, name: str) -> None:
        path = os.path.join(self.parents[0].path, name + OWNER_SUFFIX)
        owner = {key: value for key, value in self.run.items() if key not in ("running", "ticks")}
        owner.update(host_boot=_boot(), host_uptime=_uptime())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(path + _NEW, flags, 0o600), "w", encoding="utf-8") as stream:
            json.dump(owner, stream)
        os.rename(path + _NEW, path)

    def receive(self, name: str, set_id: SetId, tag_manifest_sha256: str) -> bool:
        """Move a delivery out of reach of the account that delivered it, and check that it is what was sent.

        It goes from the restore's directory in the last parent, where the account that receives deliveries may write,
        into ``delivered`` in the first, which that account does not reach.

        :param tag_manifest_sha256: what the sender says that its tag manifest is: it names the exact content.
        :returns: whether anything was moved: it may have been before.
        :raises Refused: when the name is not of its form.
        :raises SetInvalid: when it is not what was sent.
        :raises BackupError: when it cannot be moved or read.
        """
        _check_name(name)
        delivered = self.delivered(name)
        arrived = not is_there(delivered)
        if arrived:
            try:
                shutil.move(os.path.join(self.parents[-1].path, name), delivered)
            except (OSError, shutil.Error) as error:
                raise _failed("receive a set for a restore", str(set_id), error) from error
        found = bag.tag_manifest_digest(DirectoryContents(os.path.join(delivered, str(set_id))))
        if found != tag_manifest_sha256:
            raise SetInvalid(
                "receive a set for a restore",
                on=str(set_id),
                why="what was delivered is not what was sent; somebody changed it on the way",
                next_step="Nothing was restored. Find out who can write to the directory of deliveries, and repeat"
                " the restore.",
            )
        return arrived

    def delivered(self, name: str) -> str:
        """Return the directory of the sets that a restore has received."""
        return os.path.join(self.parents[0].path, name, DELIVERED)

    def remove(self, name: str) -> bool:
        """Remove everything of a restore.

        :returns: whether anything was there.
        :raises Refused: when the name is not of its form.
        :raises BackupError: when something stays.
        """
        _check_name(name)
        places = [parent.path for parent in self.parents] + ([self.keys] if self.keys else [])
        owner = os.path.join(self.parents[0].path, name + OWNER_SUFFIX)
        # The key first: without it, what is left is unreadable.
        paths = [os.path.join(place, name) for place in reversed(places)] + [owner + _NEW, owner]
        try:
            there = [path for path in paths if is_there(path)]
            for path in there:
                _remove(path)
        except OSError as error:
            raise _failed("remove the workspace of a restore", name, error) from error
        return bool(there)

    def is_there(self, name: str) -> bool:
        """Tell whether a restore has a workspace here."""
        return is_there(os.path.join(self.parents[0].path, name + OWNER_SUFFIX))


def is_at_work(owner: Run, run: Run) -> bool | None:
    """Tell whether the run that a workspace belongs to is still running.

    :param owner: that run.
    :param run: this one, which knows what runs on its machine.
    :returns: None when that cannot be known from here.
    """
    if not owner.get("machine") or owner["machine"] != run.get("machine"):
        return None
    if owner.get("boot") != run.get("boot"):
        return False  # The machine was started again since.
    if owner.get("namespace") != run.get("namespace") or run.get("running") is None:
        return None
    if not owner.get("listed"):
        return None  # Its program is not named like those that are listed.
    if _number(owner.get("started")) >= _number(run.get("ticks")):
        return True  # It began after the list was made, as this run waited for its turn or for the connection.
    return f"{owner.get('process')}:{owner.get('started')}" in run["running"]


def _number(value: t.Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _boot() -> str:
    """Return an id of this host's boot; it differs from start to start."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()


def _uptime() -> float:
    """Return the seconds since this host's start, whatever its clock says."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _read_owner(path: str) -> Run:
    # Others may write into no such directory, but a link or a pipe costs nothing to refuse.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with open(os.open(path, flags), encoding="utf-8") as stream:
        owner = json.loads(stream.read(_LARGEST_OWNER))
    if not isinstance(owner, dict):
        raise ValueError("not a run")  # noqa: TRY004  # A file's content, and no argument.
    return owner


def _make_identity(path: str) -> str:
    command = Command([programs.find("age-keygen"), "-o", path])
    next_step = "Install age on this host, and repeat the restore."
    run_and_read(command, action="create a key for this restore", on=path, next_step=next_step)
    command = Command([programs.find("age-keygen"), "-y", path])
    return run_and_read(command, action="read a key's public part", on=path, next_step=next_step).strip()


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refused(
            "use a restore's workspace",
            on=repr(name),
            why="its name does not have the form of a restore's name (restore-20261122T171503Z-4711)",
            next_step="Give such a name.",
        )


def _remove(path: str) -> None:
    # Another run may be removing it too: what it was faster at is gone, and the rest still has to go.
    while is_there(path):
        with contextlib.suppress(FileNotFoundError):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)


def _failed(what: str, on: str, error: Exception) -> BackupError:
    why = describe_os_error(error) if isinstance(error, OSError) else str(error)
    return BackupError(what, on=on, why=why, next_step="Correct that, and repeat the step.")
