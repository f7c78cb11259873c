# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away tree of files: a directory that a confined process restores into."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._confinement import PLACE
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check, Engine, RestoreWork
from ansible_collections.infitulua.backup.plugins.module_utils.engines._confined_restore import (
    ConfinedProcess,
    ConfinedRestore,
    as_checks,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instance import Instance
from ansible_collections.infitulua.backup.plugins.module_utils.engines.files._engine import FilesEngine

_TREE = "tree"


class _ConfinedFiles(ConfinedRestore, FilesEngine):
    """Restores files confined."""

    seconds_comparing = 0.0

    def check(self, work: RestoreWork) -> list[Check]:
        """What every restore checks, and every restored file against the archive, read a second time."""
        checks = super().check(work)
        begin = time.monotonic()
        checks += as_checks(self.confined.call("compare", work=work))
        self.seconds_comparing = time.monotonic() - begin
        return checks


class FilesInstance(Instance):
    """A directory in the instance's directory."""

    def __enter__(self) -> FilesInstance:
        os.mkdir(os.path.join(self.place.directory, _TREE), 0o700)
        programs = ("tar", "rm", "chmod")
        self._confined = ConfinedProcess(self.place, self.description, self.target, programs)
        return self

    def __exit__(self, *exception: t.Any) -> None:
        super().__exit__(*exception)
        self._confined.close()

    @property
    def target(self) -> dict[str, t.Any]:
        return {"directory": os.path.join(PLACE, _TREE)}

    def engine(self) -> Engine:
        self._engine = _ConfinedFiles(self.target)
        self._engine.confined = self._confined
        return self._engine

    @property
    def seconds_besides(self) -> float:
        return self._engine.seconds_comparing

    def ask(self, query: str) -> str:
        raise Refused(
            "ask restored files",
            on=query,
            why="only databases answer queries",
            next_step="Remove the query, or name the source that it is for.",
        )
