# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have kept of trees of files: the trees that they replaced."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import LockHeld, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_there

from ..base import KeptData, Replaced
from ..names import escape, unescape
from ..staging import beside, kept_beside, remove_tree
from .on_disk import count_tree, is_empty, mounted_below
from .source_paths import absolute, resolve


def live_places(directory: bytes, paths: t.Sequence[bytes]) -> list[bytes]:
    """Return where the paths of a set are restored.

    :param directory: what they are put under; ``/`` is their original place.
    """
    return [os.path.join(directory, path.lstrip(b"/")) for path in resolve(paths)]


class FilesKept(KeptData):
    """What restores of some paths have kept.

    :param lives: the places of what is in use.
    """

    def __init__(self, lives: t.Sequence[bytes]) -> None:
        self._lives = list(lives)

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> FilesKept:
        """Return that of a target's ``directory`` and ``paths``."""
        directory = absolute(options["directory"]) if options.get("directory") else b"/"
        return cls(live_places(directory, [absolute(path) for path in options.get("paths") or ()]))

    def replaced(self) -> list[Replaced]:
        """Return what restores of these paths have kept, oldest first."""
        found = []
        for live in self._lives:
            for path, since in kept_beside(live):
                mounted = mounted_below(path)
                size = 0 if mounted else count_tree(path)[0]["content_bytes"]
                found.append(Replaced(escape(path), since, size, mounted))
        return sorted(found, key=lambda entry: (entry.since, entry.name))

    def check_live(self) -> None:
        """Check that each path is there and holds something.

        :raises BackupError: when one is not, or is empty.
        """
        for live in self._lives:
            if is_empty(live) is not False:
                raise Refused(
                    "remove what was replaced",
                    on=escape(live),
                    why="it is not there or empty, and the replaced data may be the only copy",
                    next_step="Inspect both, and remove by hand what is not needed.",
                )

    def remove_replaced(self, entry: Replaced) -> None:
        """Remove a tree or file that a restore has kept."""
        path = unescape(entry.name)
        for live in self._lives:
            staging = beside(live, "__restoring")
            if is_there(staging):
                raise LockHeld(
                    "remove what was replaced",
                    on=escape(live),
                    why=f"a restore of it is running or was interrupted ({escape(staging)} is there)",
                    next_step="Wait for it to end, or restore again.",
                )
        remove_tree(path)
