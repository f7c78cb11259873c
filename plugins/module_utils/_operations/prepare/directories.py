# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories that hold sets: made, mounted, with room, and proved by writing."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium

from .changes import Changes

_NEXT_STEP = "Check the file system and its mount options."


@dataclasses.dataclass(frozen=True)
class Directory:
    """A directory as it must be.

    :param owner: None: as it is, and this user where it is made.
    :param require_mount: itself or one above it that must be a mount point.
    :param minimum_free_bytes: how much room there must be.
    :param probe: whether to write, flush, read and remove a small file.
    """

    path: str
    mode: str
    owner: str | None
    group: str | None
    require_mount: str | None
    minimum_free_bytes: int | None
    probe: bool

    @property
    def medium(self) -> DirectoryMedium:
        """The directory as a medium."""
        return DirectoryMedium(path=self.path, require_mount=self.require_mount)


def provide(directories: t.Sequence[Directory], changes: Changes) -> list[dict[str, t.Any]]:
    """Make or correct directories, in this order, then try each.

    :returns: what is known of each: ``path``, ``free_bytes``, None where check mode has not made it.
    :raises BackupError: when one cannot be made or used, or has too little room.
    """
    for directory in directories:
        if directory.require_mount:
            DirectoryMedium(path=directory.require_mount, require_mount=directory.require_mount).check_present()
    differed = [
        changes.directory(entry.path, mode=entry.mode, owner=entry.owner, group=entry.group) for entry in directories
    ]
    return [
        {"path": entry.path, "free_bytes": None if changes.check_mode and new else _try(entry, changes.check_mode)}
        for entry, new in zip(directories, differed)
    ]


def _try(directory: Directory, check_mode: bool) -> int:
    medium = directory.medium
    free, needed = medium.free_bytes(), directory.minimum_free_bytes or 0
    if free < needed:
        raise BackupError(
            "prepare a medium",
            on=medium.describe(),
            why=f"{_readable(free)} are free and {_readable(needed)} must be",
            next_step="Free some space, or lower the minimum.",
        )
    if directory.probe and not check_mode:
        access = dataclasses.asdict(medium.probe())
        # There are no versions in a directory.
        lacking = ", ".join(name for name, may in access.items() if may is False)
        if lacking:
            raise BackupError(
                "prepare a medium",
                on=medium.describe(),
                why=f"it could not be tried to {lacking}",
                next_step=_NEXT_STEP,
            )
    return free


def _readable(count: int) -> str:
    units = ("bytes", "KB", "MB", "GB", "TB")
    step = min(len(units) - 1, max(count.bit_length() - 1, 0) // 10)
    return f"{count / 1024**step:.{2 if step else 0}f} {units[step]}"
