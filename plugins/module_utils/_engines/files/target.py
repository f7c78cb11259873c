# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees of files as a target: GNU tar, guarded, extracts beside what is there, and a rename puts it in its place."""

from __future__ import annotations

import functools
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.free_space import Needs, free_bytes
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_all

from ..base import Check, RestoreWork, TargetEngine, TargetState
from ..names import escape
from ..staging import as_backup_error
from .kept import FilesKept, live_places
from .on_disk import is_empty, nearest_parent
from .options import NAME
from .path_selection import PathSelection
from .source_paths import absolute, describe_paths
from .tree_restore import TreeRestore, choose_trees, select_trees


class FilesTarget(TargetEngine):
    """Where directories and files of one host are restored.

    Options: ``directory`` (what the paths are put under; ``/`` is their original place), ``paths`` (only these of the
    set's), ``only`` (of what is in them, only what these patterns mean; see :class:`PathSelection`).
    """

    name = NAME

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._paths = [absolute(path) for path in options.get("paths") or ()]
        self._only = PathSelection(options["only"]) if options.get("only") else None
        directory = options.get("directory")
        self._directory = absolute(directory) if directory else b"/"
        self._trees: list[TreeRestore] = []

    def describe(self) -> str:
        """Return the paths."""
        return describe_paths(self._paths)

    def inspect_target(self, work: RestoreWork) -> TargetState:
        """Return what stands at the paths."""
        trees = self._trees = select_trees(work, self._directory, self._paths)
        if self._only is not None:
            trees = self._trees = choose_trees(work, self._only, trees)
        needs = Needs()
        exists, empty = False, True
        for tree in trees:
            free_on, usable = nearest_parent(tree.live)
            if not usable:
                raise Refused(
                    "restore",
                    on=escape(tree.live),
                    why=f"{escape(free_on)} is not a directory that this user may write to",
                    next_step="Run as root, or restore into another directory.",
                )
            needed, free = needs.add(free_on, tree.bytes), free_bytes(free_on)
            if free < needed:
                raise BackupError(
                    "restore",
                    on=escape(tree.live),
                    why=f"{free} bytes are free there and about {needed} are needed",
                    next_step="Free space, or restore into a directory on a larger file system; nothing was touched.",
                )
            if os.path.ismount(tree.live):
                raise Refused(
                    "restore",
                    on=escape(tree.live),
                    why="a file system is mounted there, and a mount point cannot be swapped by rename",
                    next_step="Restore into a directory on it (directory: …) and move what is needed.",
                )
            tree.staging.refuse_foreign()
            state = is_empty(tree.live)
            if self._only is not None and state is False:
                raise Refused(
                    "restore some of the files",
                    on=escape(tree.live),
                    why="it is there, and would be replaced by those few files",
                    next_step="Restore into a directory of their own (directory: …) and copy them from there.",
                )
            exists = exists or state is not None
            empty = empty and state is not False
        places = [path for tree in trees for path in tree.places()]
        shown = ", ".join(escape(path) for path in places[:5])
        more = f" and {len(places) - 5} more" if len(places) > 5 else ""
        return TargetState(f"files {shown}{more}", exists, empty)

    def restore_beside(self, work: RestoreWork) -> None:
        """Extract each archive into its staging directory."""
        work.progress.stage("restoring", total_bytes=sum(tree.archive_bytes for tree in self._trees))
        for tree in self._trees:
            made = tree.prepare()
            if made:
                work.warnings.append(
                    f"The set does not say whose {', '.join(map(escape, made))} is: it was made for this restore, and"
                    f" belongs to user {os.geteuid()}, mode 0755. Where somebody else is to own it, use chown and chmod"
                )
        run_all(
            [functools.partial(tree.extract, work) for tree in self._trees], jobs=work.jobs, processes=work.processes
        )
        if os.geteuid() != 0:
            work.warnings.append("not run as root: everything restored belongs to this user and group")
        for tree in self._trees:
            if tree.tally.privileged:
                work.warnings.append(
                    f"{escape(tree.root)}: {tree.tally.privileged} files were restored with setuid or setgid bits or"
                    f" capabilities, the first: {', '.join(map(escape, tree.tally.privileged_names[:10]))}"
                )

    def check(self, work: RestoreWork) -> list[Check]:
        """Count what was extracted, by type and in bytes."""
        return [check for tree in self._trees for check in tree.check()]

    def restored(self) -> list[tuple[t.Mapping[str, t.Any], bytes]]:
        """Return what the set says of each path, and the directory in which it lies until it is swapped."""
        return [(tree.entry, tree.staging.content) for tree in self._trees]

    def swap(self, work: RestoreWork) -> str | None:
        """All paths, or none."""
        kept: list[bytes] = []
        try:
            for tree in self._trees:
                old = tree.staging.swap()
                if old is not None:
                    kept.append(old)
        except OSError as error:
            for tree in reversed(self._trees):
                tree.staging.undo()
            raise as_backup_error("put the restored files in their place", tree.live, error) from error
        for tree in self._trees:
            try:
                tree.staging.close()
            except BackupError as error:
                work.warnings.append(error.message)
            except OSError as error:
                work.warnings.append(as_backup_error("remove what a restore left", tree.staging.path, error).message)
        return ", ".join(escape(path) for path in kept) or None

    def discard(self, work: RestoreWork) -> None:
        """Remove the staging directories."""
        for tree in reversed(self._trees):
            tree.discard()

    def kept_data(self) -> FilesKept:
        """Return what restores of these paths have kept."""
        return FilesKept([tree.live for tree in self._trees] or live_places(self._directory, self._paths))
