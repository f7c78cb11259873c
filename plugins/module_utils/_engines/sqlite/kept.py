# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have kept of SQLite databases: the files that they replaced."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import LockHeld
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_there

from ..base import KeptData, Replaced
from ..kept_name import BESIDE_SUFFIX
from .connection import shown
from .kept_file import check_live, find_kept, remove_kept
from .paths import main_and_attached, note_path


class SqliteKept(KeptData):
    """What restores of one database file, and of those attached to it, have kept.

    :param paths: of the live files, links resolved, the main one first.
    """

    def __init__(self, paths: t.Sequence[str]) -> None:
        self._paths = list(paths)

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> SqliteKept:
        """Return that of a target's files."""
        main, attached = main_and_attached(options)
        return cls([main, *(attached or ())])

    def replaced(self) -> list[Replaced]:
        """Return the files that restores have kept, oldest first."""
        found = [entry for path in self._paths for entry in find_kept(path)]
        return sorted(found, key=lambda entry: (entry.since, entry.name))

    def check_live(self) -> None:
        """Open each database, and check that it holds something.

        :raises BackupError: when one cannot be opened, or is empty.
        """
        for path in self._paths:
            check_live(path)

    def remove_replaced(self, entry: Replaced) -> None:
        """Remove a database that a restore has kept, with its journals."""
        for left in [path + BESIDE_SUFFIX for path in self._paths] + [note_path(self._paths[0])]:
            if is_there(left):
                raise LockHeld(
                    "remove what was replaced",
                    on=shown(self._paths[0]),
                    why=f"a restore of it is running or was interrupted ({shown(left)} is there)",
                    next_step="Wait for it to end, or restore again.",
                )
        remove_kept(entry.name)
