# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for SQLite databases."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Check,
    Dumped,
    Engine,
    Examination,
    RestoreWork,
    TargetState,
)


class SqliteEngine(Engine):
    """The engine for SQLite databases."""

    name = "sqlite"
    source_arguments = {
        "path": {"type": "path"},
        "scratch_directory": {"type": "path"},
    }
    target_arguments = {
        "path": {"type": "path"},
    }

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self.options = options

    def describe(self) -> str:
        raise NotImplementedError

    def examine(self) -> Examination:
        raise NotImplementedError

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        raise NotImplementedError

    def inspect_target(self, work: RestoreWork) -> TargetState:
        raise NotImplementedError

    def restore_beside(self, work: RestoreWork) -> None:
        raise NotImplementedError

    def check(self, work: RestoreWork) -> t.List[Check]:
        raise NotImplementedError

    def swap(self, work: RestoreWork) -> t.Optional[str]:
        raise NotImplementedError

    def discard(self, work: RestoreWork) -> None:
        raise NotImplementedError
