# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away tree of files: a directory that a confined process restores into."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.confinement import PLACE

from ..base import Check, RestoreWork
from ..trial.confined_restore import ConfinedProcess, ConfinedRestore, as_checks
from ..trial.instance import Instance
from . import confined
from .target import FilesTarget

_TREE = "tree"


class _ConfinedFiles(ConfinedRestore, FilesTarget):
    """Restores files confined."""

    seconds_comparing = 0.0

    def check(self, work: RestoreWork) -> list[Check]:
        """Return what every restore checks, and every restored file against the archive, read a second time."""
        checks = super().check(work)
        begin = time.monotonic()
        checks += as_checks(self.confined.call("compare", work=work))
        self.seconds_comparing = time.monotonic() - begin
        return checks


class FilesInstance(Instance):
    """A directory in the instance's directory."""

    target_type = FilesTarget

    def __enter__(self) -> FilesInstance:
        os.mkdir(os.path.join(self.place.directory, _TREE), 0o700)
        programs = ("tar", "rm", "chmod")
        self._confined = ConfinedProcess(self.place, self.description, confined, self.target, programs)
        return self

    def __exit__(self, *exception: t.Any) -> None:
        super().__exit__(*exception)
        self._confined.close()

    @property
    def target(self) -> dict[str, t.Any]:
        return {"directory": os.path.join(PLACE, _TREE)}

    def bound_target(self) -> _ConfinedFiles:
        self._target = _ConfinedFiles(self.target)
        self._target.confined = self._confined
        return self._target

    @property
    def seconds_besides(self) -> float:
        return self._target.seconds_comparing

    def ask(self, query: str) -> str:
        raise Refused(
            "ask restored files",
            on=query,
            why="only databases answer queries",
            next_step="Remove the query, or name the source that it is for.",
        )
