# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away SQLite database: files that a confined process restores, checks and asks."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.confinement import PLACE

from ..trial.confined_restore import ConfinedProcess, ConfinedRestore
from ..trial.instance import Instance
from . import confined
from .set_files import files_of
from .target import SqliteTarget


class _ConfinedSqlite(ConfinedRestore, SqliteTarget):
    """Restores a SQLite database confined."""


class SqliteInstance(Instance):
    """A database file, and those attached to it, in the instance's directory."""

    target_type = SqliteTarget

    def __enter__(self) -> SqliteInstance:
        self._confined = ConfinedProcess(self.place, self.description, confined, self.target, ())
        return self

    def __exit__(self, *exception: t.Any) -> None:
        super().__exit__(*exception)
        self._confined.close()

    @property
    def target(self) -> dict[str, t.Any]:
        attached = [
            os.path.join(PLACE, f"attached-{number:03d}.db")
            for number, _file in enumerate(files_of(self.description)[1:], 1)
        ]
        return {"path": os.path.join(PLACE, "drill.db"), **({"attached": attached} if attached else {})}

    def bound_target(self) -> _ConfinedSqlite:
        target = _ConfinedSqlite(self.target)
        target.confined = self._confined
        return target

    def ask(self, query: str) -> str:
        return str(self._confined.call("ask", query=query))
