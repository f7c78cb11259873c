# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite databases as a target: restored into files beside it, and swapped by rename, all or none (``swap``)."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.free_space import Needs, free_bytes

from ..base import Check, RestoreWork, TargetEngine, TargetState
from . import ask
from . import swap as swapping
from .connection import shown
from .kept import SqliteKept
from .options import NAME
from .paths import describe_paths, main_and_attached, refuse_clashes, refuse_one_file_twice
from .set_files import files_of, schema_names
from .target_file import TargetFile


class SqliteTarget(TargetEngine):
    """One database file, and those that are attached to it.

    Options: ``path``, ``attached`` (paths for the attached databases of the set, in its order).
    """

    name = NAME

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._path, self._attached = main_and_attached(options)
        self._targets: list[TargetFile] = []

    def describe(self) -> str:
        """Return the files."""
        return describe_paths(self._paths())

    def _paths(self) -> list[str]:
        """Return the places of the set that was looked at, or else those that are named."""
        return [target.path for target in self._targets] or [self._path, *(self._attached or ())]

    def inspect_target(self, work: RestoreWork) -> TargetState:
        """Whether there are databases, and whether anybody is in them."""
        targets = self._targets = self._choose_targets(work)
        needs = Needs()
        for target in targets:
            target.inspect()
            needed, free = needs.add(target.directory, target.file.bytes), free_bytes(target.directory)
            if free < needed:
                raise BackupError(
                    "restore a SQLite database",
                    on=shown(target.path),
                    why=f"{free} bytes are free there and {needed} are needed",
                    next_step="Free space, or restore elsewhere; nothing was touched.",
                )
        refuse_one_file_twice([target.path for target in targets])
        vanishing = swapping.going_to_vanish(self._path)
        there = [target for target in targets if target.exists() and target.path not in vanishing]
        return TargetState(self.describe(), bool(there), all(target.is_empty() for target in there))

    def _choose_targets(self, work: RestoreWork) -> list[TargetFile]:
        """Where each file of the set is put."""
        main, *others = files_of(work.reader.description)
        originals = [file.original or "" for file in others]
        if self._attached is not None:
            paths = self._attached
        elif main.original == self._path:
            paths = [os.path.realpath(path) for path in originals]
        else:
            paths = [os.path.join(os.path.dirname(self._path), os.path.basename(path)) for path in originals]
        if len(paths) != len(others):
            raise Refused(
                "restore SQLite databases",
                on=str(work.reader.set_id),
                why=f"it holds {len(others)} attached databases ({', '.join(map(shown, originals)) or 'none'}), and"
                f" attached names {len(paths)}",
                next_step="Give attached: one path for each, in this order, [] for none (in step 5, in"
                " backup_restore_target); or leave it out.",
            )
        refuse_clashes([self._path, *paths])
        return [TargetFile(path, file) for path, file in zip([self._path, *paths], [main, *others])]

    def restore_beside(self, work: RestoreWork) -> None:
        """Write each database into a file beside its target."""
        for target in self._targets:
            target.refuse_if_restoring()
        with self._targets[0].os_errors("take back what a dead restore left"):
            swapping.take_back_half(self._path)
        for target in self._targets:
            with target.os_errors("remove what a dead restore left"):
                target.clear_dead()
        work.progress.stage("restoring", total_bytes=sum(target.file.bytes for target in self._targets))
        for target in self._targets:
            target.restore_beside(work)

    def check(self, work: RestoreWork) -> list[Check]:
        """Open what was restored, and compare it with what the set says."""
        checks = self._targets[0].check(work)
        for target in self._targets[1:]:
            where = target.file.facts["path"]
            checks += [Check(f"{where}: {check.name}", check.passed, check.detail) for check in target.check(work)]
        return checks

    def swap(self, work: RestoreWork) -> str | None:
        """By rename, the old databases settled first so that nothing of them can be applied to the new ones."""
        return ", ".join(swapping.swap(self._targets, work)) or None

    def discard(self, work: RestoreWork) -> None:
        """Remove the files beside the target."""
        for target in self._targets:
            target.discard()

    # Asking what was restored

    def ask(self, query: str) -> str:
        """Return the answer to a query, as :func:`.ask.ask` gives it; it knows each attached database by its name.

        :raises BackupError: when it cannot be answered.
        """
        _main, *others = self._targets
        names = schema_names([target.file.original or "" for target in others])
        return ask.ask(self._path, query, {name: target.path for name, target in zip(names, others)})

    def kept_data(self) -> SqliteKept:
        """Return what restores of these databases have kept."""
        return SqliteKept(self._paths())
