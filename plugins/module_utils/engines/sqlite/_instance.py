# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away SQLite database: files that a confined process restores, checks and asks."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._confinement import PLACE
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Engine
from ansible_collections.infitulua.backup.plugins.module_utils.engines._confined_restore import (
    ConfinedProcess,
    ConfinedRestore,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instance import Instance
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._engine import SqliteEngine
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._set_files import files_of


class _ConfinedSqlite(ConfinedRestore, SqliteEngine):
    """Restores a SQLite database confined."""


class SqliteInstance(Instance):
    """A database file, and those attached to it, in the instance's directory."""

    def __enter__(self) -> SqliteInstance:
        self._confined = ConfinedProcess(self.place, self.description, self.target, ())
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

    def engine(self) -> Engine:
        engine = _ConfinedSqlite(self.target)
        engine.confined = self._confined
        return engine

    def ask(self, query: str) -> str:
        return str(self._confined.call("ask", query=query))
