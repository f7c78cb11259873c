# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One path of a set on its way back: the archive through the guard into GNU tar, and what came of it."""

from __future__ import annotations

import collections
import functools
import os
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import write_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_there
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command

from ..base import Check, RestoreWork
from ..counts import counted, describe_counts
from ..names import escape, unescape
from ..staging import Staging, as_backup_error, sync_file_system
from . import owners as files_owners
from .gnu_tar import ENVIRONMENT, EXTRACT_OPTIONS, without_program
from .on_disk import count_tree
from .path_selection import PathMatches, PathSelection
from .set_facts import COUNTED, entries
from .tar_guard import ArchiveRefused, Tally, TarGuard

_SHOWN_WARNINGS = 20


class TreeRestore:
    """One path of a set on its way back."""

    def __init__(self, work: RestoreWork, entry: t.Mapping[str, t.Any], directory: bytes) -> None:
        self.work = work
        self.entry = entry
        self.root = unescape(entry["path"])
        self.archive_bytes = int(entry["archive_bytes"])
        self.file = work.reader.description.file(entry["part"])
        self.live = os.path.join(directory, self.root.lstrip(b"/"))
        self.bytes = self.archive_bytes  # What it takes, once restored.
        self.choice: PathMatches | None = None
        self.tally = Tally()
        self.staging = Staging(self.live, work.stamp)

    def places(self) -> list[bytes]:
        """Where what is restored will lie."""
        above = self.live[: len(self.live) - len(self.root)]
        return [self.live] if self.choice is None else [above + path for path in self.choice.meant]

    def find_matches(self, work: RestoreWork, only: PathSelection) -> None:
        """Read the archive, and note what matches in it."""
        choice = PathMatches(only, self.root)
        guard = TarGuard(
            os.path.basename(self.root),
            forward=lambda view: None,
            limit=self.archive_bytes,
            wanted=choice.match,
        )
        self._read(work, guard)
        self.choice = choice
        self.bytes = guard.tally.content_bytes

    def prepare(self) -> list[bytes]:
        """Make the staging directory; the parents that had to be made."""
        try:
            return self.staging.create()
        except OSError as error:
            raise as_backup_error("restore beside the target", self.live, error) from error

    def discard(self) -> None:
        """Remove the staging directory."""
        self.staging.undo()
        self.staging.close()

    def extract(self, work: RestoreWork) -> None:
        """Stream the archive through the guard into tar."""
        archive, archive_in = os.pipe()
        errors: list[BaseException] = []
        lines: list[str] = []
        unpacking = threading.Thread(target=self._unpack, args=(work, archive, lines, errors), daemon=True)

        reading = True

        def forward(view: memoryview) -> None:
            nonlocal reading
            if reading:
                try:
                    write_all(archive_in, view)
                except BrokenPipeError:
                    # tar has gone, and has been judged by its exit status before its end of the pipe was closed.
                    # When it was content it has seen the archive's end, and need not see the zeros that follow.
                    if errors:
                        raise
                    reading = False
            work.progress.advance(len(view))

        guard = TarGuard(
            os.path.basename(self.root),
            forward=forward,
            limit=self.archive_bytes,
            wanted=self.choice.is_chosen if self.choice is not None else None,
        )
        unpacking.start()
        try:
            try:
                self.tally = self._read(work, guard)
            except BrokenPipeError:
                pass  # tar has gone: it tells why.
            except BaseException:
                work.processes.cancel()
                raise
        finally:
            os.close(archive_in)
            unpacking.join()
        if errors:
            raise errors[0]
        for line in lines[:_SHOWN_WARNINGS]:
            work.warnings.append(f"{escape(self.root)}: tar: {line}")
        if len(lines) > _SHOWN_WARNINGS:
            work.warnings.append(f"{escape(self.root)}: tar: {len(lines) - _SHOWN_WARNINGS} more lines like these")
        try:
            sync_file_system(self.staging.path)
        except OSError as error:
            raise as_backup_error("bring the restored files to the disk", self.live, error) from error

    def _read(self, work: RestoreWork, guard: TarGuard) -> Tally:
        """Stream the archive through the guard.

        :raises SetInvalid: when the guard refuses it.
        """
        try:
            work.reader.run(
                self.file,
                [],
                processes=work.processes,
                action="read the payload of a set",
                next_step="The target is as it was. Restore from another copy of the set.",
                sink=guard.feed,
            )
            return guard.finish()
        except ArchiveRefused as error:
            work.processes.cancel()  # tar must not take what it has for all there is.
            raise SetInvalid(
                "restore files",
                on=f"{work.reader.set_id}, {self.file.path}",
                why=f"the archive contains what this collection never writes: {error}",
                next_step="The target is as it was. Do not use this set; find out who wrote it.",
            ) from error

    def _unpack(self, work: RestoreWork, archive: int, lines: list[str], errors: list[BaseException]) -> None:
        owner = "--same-owner" if os.geteuid() == 0 else "--no-same-owner"
        command = Command(
            [
                programs.find("tar"),
                *EXTRACT_OPTIONS,
                owner,
                "--restrict",
                "--quoting-style=escape",
                "--warning=no-timestamp",
                f"--directory={os.fsdecode(self.staging.content)}",
            ],
            environment=ENVIRONMENT,
        )
        try:
            [outcome] = work.processes.run(
                [command],
                action="extract files",
                on=escape(self.live),
                next_step="The target is as it was. See what tar says, correct it and run again.",
                stdin=archive,
            )
            lines += [without_program(line) for line in outcome.stderr.splitlines()]
        except BaseException as error:
            errors.append(error)
        finally:
            os.close(archive)

    def check(self) -> list[Check]:
        """Compare what lies in the staging directory with what the set says."""
        found, numbers = count_tree(self.staging.new) if is_there(self.staging.new) else ({}, None)
        # Where only some are restored, the guard has counted what it let through.
        said = self.entry if self.choice is None else {name: getattr(self.tally, name) for name in COUNTED}
        differing = [
            f"{counted(found.get(name, 0), name)}, the set says {said.get(name)}"
            for name in COUNTED
            if found.get(name, 0) != said.get(name)
        ]
        detail = "; ".join(differing) or describe_counts({name: found.get(name, 0) for name in COUNTED})
        unexpected = found.get("others", 0)
        return [
            Check(f"{escape(self.root)}: entries by type and bytes", not differing, detail),
            Check(f"{escape(self.root)}: no device nodes or sockets", not unexpected, f"{unexpected} found"),
            self._check_owners(numbers or collections.Counter()),
        ]

    def _check_owners(self, found: t.Counter[tuple[int, int]]) -> Check:
        """Only root can give files away; for anybody else, the archive is asked to whom it would give them."""
        owners = self.tally.owners
        said = owners if self.choice is not None else files_owners.from_facts(self.entry["owners"])
        if os.geteuid() == 0:
            name, wanted = f"{escape(self.root)}: owners", files_owners.on_disk(said)
            differing = [
                f"{found[pair]} members belong to {pair[0]}:{pair[1]}, the set says {wanted[pair]}"
                for pair in sorted(found.keys() | wanted.keys())
                if found[pair] != wanted[pair]
            ]
        else:
            name = f"{escape(self.root)}: owners in the archive"
            differing = [
                f"{owners[owner]} members belong to {escape(owner.user) or owner.uid}:"
                f"{escape(owner.group) or owner.gid}, the set says {said[owner]}"
                for owner in sorted(owners.keys() | said.keys())
                if owners[owner] != said[owner]
            ]
        detail = "; ".join(differing[:20]) or f"{sum(said.values())} members, {len(said)} owners"
        return Check(name, not differing, detail)


def select_trees(work: RestoreWork, directory: bytes, paths: t.Sequence[bytes]) -> list[TreeRestore]:
    """Return the set's trees, or those that were asked for.

    :raises NotFound: when the set does not hold one.
    """
    trees = [TreeRestore(work, entry, directory) for entry in entries(work.reader.description)]
    if not paths:
        return trees
    by_path = {tree.root: tree for tree in trees}
    missing = [path for path in paths if path not in by_path]
    if missing:
        raise NotFound(
            "restore paths",
            on=", ".join(map(escape, missing)),
            why=f"the set {work.reader.set_id} holds {', '.join(map(escape, by_path))}",
            next_step="Name one of these paths; each is restored whole.",
        )
    return [by_path[path] for path in dict.fromkeys(paths)]


def choose_trees(work: RestoreWork, only: PathSelection, trees: t.Sequence[TreeRestore]) -> list[TreeRestore]:
    """Read the archives, to see in which of them is what is meant.

    :raises NotFound: when a pattern means nothing.
    """
    possible = [tree for tree in trees if only.may_lie_in(tree.root)]
    work.progress.stage("looking", total_bytes=sum(tree.archive_bytes for tree in possible))
    run_all(
        [functools.partial(tree.find_matches, work, only) for tree in possible],
        jobs=work.jobs,
        processes=work.processes,
    )
    chosen = [(tree, tree.choice) for tree in possible if tree.choice is not None and tree.choice.meant]
    found = {pattern for _tree, choice in chosen for pattern in choice.found}
    missing = [pattern for pattern in only.patterns if pattern not in found]
    if missing:
        raise NotFound(
            "restore some of the files",
            on=", ".join(map(escape, missing)),
            why=f"nothing in the set {work.reader.set_id} has such a name; it holds what lies in"
            f" {', '.join(escape(tree.root) for tree in trees)}",
            next_step="Correct the names (*.odt finds them anywhere), or try an earlier set: it may have been lost"
            " before this one was made.",
        )
    for tree, choice in chosen:
        if choice.linked:
            shown = ", ".join(map(escape, choice.linked[:10]))
            work.warnings.append(f"{escape(tree.root)}: {shown} came along, because hard links to it were asked for")
    return [tree for tree, _choice in chosen]
