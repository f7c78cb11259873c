# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for SQLite databases in use: consistent through SQLite itself, never by just copying the file.

A database in WAL mode is read where it is (``_in_place``), any other from a copy (``_copy``). What is stored is
checked and counted (``_inspect``) at the same time (``_moment``). Several that an application changes together are one
source, and one moment (``_one_moment``).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    LockHeld,
    Refused,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Check,
    Dumped,
    Engine,
    Examination,
    Replaced,
    RestoreWork,
    TargetState,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import CONTENT_DIGEST_ARGUMENT
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import (
    BESIDE_SUFFIX,
    SWAPPING_SUFFIX,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite import _one_moment, _source_file, _swap
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._connection import SIDECARS, shown
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._set_files import (
    MOST_ATTACHED,
    PART,
    attached_part,
    files_of,
    schema_names,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._source_file import SourceFile
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._super_journal import (
    refuse_shared_transaction,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._target_file import (
    TargetFile,
    remove_kept,
)

_TARGET_BY_HAND = "TARGET_FILE"


class SqliteEngine(Engine):
    """One database file, and those that are attached to it.

    Source options: ``path`` (links are resolved), ``attached`` (paths of databases that are changed in the same
    transactions), ``scratch_directory`` (where copies take their space; each database's own directory when not given),
    ``content_digest`` (whether every row counts for a digest of its table). Target options: ``path``, ``attached``
    (paths for the attached databases of the set, in its order).
    """

    name = "sqlite"
    source_arguments = {
        "path": {"type": "path"},
        "attached": {"type": "list", "elements": "path"},
        "scratch_directory": {"type": "path"},
        **CONTENT_DIGEST_ARGUMENT,
    }
    target_arguments = {
        "path": {"type": "path"},
        "attached": {"type": "list", "elements": "path"},
    }

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._path = _resolved(options.get("path"), "path must be given, and be absolute", "path: the database file")
        given = options.get("attached")
        self._attached: list[str] | None = None
        if given is not None:
            why, what = "each path of attached must be absolute", "attached: the other database files"
            self._attached = [_resolved(path, why, what) for path in given]
            _refuse_clashes([self._path, *self._attached])
        self._scratch = options.get("scratch_directory")
        self._digests = bool(options.get("content_digest"))
        self._targets: list[TargetFile] = []

    def describe(self) -> str:
        """The files."""
        paths = [target.path for target in self._targets] or [self._path, *(self._attached or ())]
        more = f" and {', '.join(map(shown, paths[1:]))}" if len(paths) > 1 else ""
        return f"SQLite database{'s' if more else ''} {shown(paths[0])}{more}"

    # Dumping

    def _sources(self) -> list[SourceFile]:
        """The files, the main one first."""
        paths = [self._path, *(self._attached or ())]
        parts = [PART, *(attached_part(number, path) for number, path in enumerate(paths[1:], 1))]
        return [
            SourceFile(
                path,
                self._scratch or os.path.dirname(path),
                digests=self._digests,
                part=part,
                by_hand=_TARGET_BY_HAND if part == PART else f"{_TARGET_BY_HAND}.{part}",
            )
            for path, part in zip(paths, parts)
        ]

    def examine(self) -> Examination:
        """The files are there, are databases, can be read, and where they have to be copied the copies fit."""
        sources = self._sources()
        if len(sources) > MOST_ATTACHED + 1:
            raise Refused(
                "back up SQLite databases",
                on=self.describe(),
                why=f"{len(sources) - 1} are named as attached, and SQLite attaches {MOST_ATTACHED} at most",
                next_step="Name those that transactions change together; make sources of the others.",
            )
        if len(sources) > 1:
            self._refuse_half_swapped()
        headers = [source.header() for source in sources]
        _refuse_one_file_twice([source.path for source in sources])
        together = [source.path for source in sources[1:]]
        for source in sources:
            refuse_shared_transaction(source.path, [self._path, *together] if together else ())
        _source_file.check_scratch(
            [source for source, header in zip(sources, headers) if not source.is_read_in_place(header)]
        )
        return Examination(sum(source.size() for source in sources), {"sqlite": sqlite3.sqlite_version})

    def _refuse_half_swapped(self) -> None:
        note = _swap.note_path(self._path)
        if os.path.lexists(note):
            raise Refused(
                "back up SQLite databases",
                on=self.describe(),
                why=f"a restore of them is at work, or died while it put one after the other in place ({shown(note)})",
                next_step="Let it end, or restore again: the databases may be of two moments.",
            )

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        """Copies, checks, stores."""
        try:
            return self._dump(writer)
        except OSError as error:
            raise BackupError(
                "copy a SQLite database",
                on=self.describe(),
                why=describe_os_error(error),
                next_step="Correct what it names, then run again; nothing of the set was kept.",
            ) from error

    def _dump(self, writer: SetWriter) -> Dumped:
        sources = self._sources()
        owners = [os.stat(source.path) for source in sources]
        alone = len(sources) == 1
        stored = [sources[0].store_alone(writer)] if alone else _one_moment.store_together(sources, writer)
        facts = [source.facts(owner, one) for source, owner, one in zip(sources, owners, stored)]
        attached = [{"part": source.part, **fact} for source, fact in zip(sources[1:], facts[1:])]
        warnings = stored[0].found.warnings()
        for source, one in zip(sources[1:], stored[1:]):
            warnings += [f"{shown(source.path)}: {warning}" for warning in one.found.warnings()]
        return Dumped(
            parts=[source.part for source in sources],
            content={
                "rows": sum(sum(one.found.rows.values()) for one in stored),
                "bytes": sum(one.found.bytes_in_use for one in stored),
            },
            facts={**facts[0], **({"attached": attached} if attached else {})},
            warnings=warnings,
            restore_by_hand=[source.restored_by_hand(writer.filters) for source in sources],
        )

    # Restoring

    @classmethod
    def check_facts(cls, description: Description) -> None:
        """What the set says of each of its databases, and that it has a part for each."""
        super().check_facts(description)
        files_of(description)

    def inspect_target(self, work: RestoreWork) -> TargetState:
        """Whether there are databases, and whether anybody is in them."""
        targets = self._targets = self._choose_targets(work)
        needed: dict[int, int] = {}
        for target in targets:
            target.inspect()
            device = os.stat(target.directory).st_dev
            needed[device] = needed.get(device, 0) + target.file.bytes
            available = os.statvfs(target.directory)
            free = available.f_bavail * available.f_frsize
            if free < needed[device]:
                raise BackupError(
                    "restore a SQLite database",
                    on=shown(target.path),
                    why=f"{free} bytes are free there and {needed[device]} are needed",
                    next_step="Free space, or restore elsewhere; nothing was touched.",
                )
        _refuse_one_file_twice([target.path for target in targets])
        vanishing = _swap.going_to_vanish(self._path)
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
        _refuse_clashes([self._path, *paths])
        return [TargetFile(path, file) for path, file in zip([self._path, *paths], [main, *others])]

    def restore_beside(self, work: RestoreWork) -> None:
        """Writes each database into a file beside its target."""
        for target in self._targets:
            target.refuse_if_restoring()
        with self._targets[0].os_errors("take back what a dead restore left"):
            _swap.take_back_half(self._path)
        for target in self._targets:
            target.clear_dead()
        work.progress.stage("restoring", total_bytes=sum(target.file.bytes for target in self._targets))
        for target in self._targets:
            target.restore_beside(work)

    def check(self, work: RestoreWork) -> list[Check]:
        """Opens what was restored, and compares it with what the set says."""
        checks = self._targets[0].check()
        for target in self._targets[1:]:
            where = target.file.facts["path"]
            checks += [Check(f"{where}: {check.name}", check.passed, check.detail) for check in target.check()]
        return checks

    def swap(self, work: RestoreWork) -> str | None:
        """By rename, the old databases settled first so that nothing of them can be applied to the new ones."""
        return ", ".join(_swap.swap(self._targets, work)) or None

    def discard(self, work: RestoreWork) -> None:
        """Removes the files beside the target."""
        for target in self._targets:
            target.discard()

    # Asking what was restored

    def attached_by_name(self) -> dict[str, str]:
        """The path of each attached database that was restored, by the name that queries know it under."""
        _main, *others = self._targets
        names = schema_names([target.file.original or "" for target in others])
        return {name: target.path for name, target in zip(names, others)}

    # What restores have kept

    def _lives(self) -> list[TargetFile]:
        """The places of the target: of the set that was looked at, or else those that are named."""
        return self._targets or [TargetFile(path) for path in [self._path, *(self._attached or ())]]

    def replaced(self) -> list[Replaced]:
        """What restores of these databases have kept, oldest first."""
        found = [entry for live in self._lives() for entry in live.replaced()]
        return sorted(found, key=lambda entry: (entry.since, entry.name))

    def check_live(self) -> None:
        """Opens each database, and sees that it holds something.

        :raises BackupError: when one cannot be opened, or is empty.
        """
        for live in self._lives():
            live.check_live()

    def remove_replaced(self, entry: Replaced) -> None:
        """Removes a database that a restore has kept, with its journals."""
        for left in [live.beside for live in self._lives()] + [_swap.note_path(self._path)]:
            if os.path.lexists(left):
                raise LockHeld(
                    "remove what was replaced",
                    on=shown(self._path),
                    why=f"a restore of it is at work, or has died ({shown(left)} is there)",
                    next_step="Let it end, or restore again.",
                )
        remove_kept(entry.name)


def _resolved(path: str | None, why: str, what: str) -> str:
    """A path with its links resolved.

    :raises Refused: when it is not absolute.
    """
    if not path or not path.startswith("/"):
        raise Refused("use a SQLite database", on=repr(path or ""), why=why, next_step=f"Give {what}.")
    return os.path.realpath(path)


def _refuse_clashes(paths: t.Sequence[str]) -> None:
    """Sees to it that no two paths are one, and none is a name that another one needs.

    :raises Refused: when it is not so.
    """
    for place, path in enumerate(paths):
        for other in [*paths[:place], *paths[place + 1 :]]:
            if path == other or path in [other + tail for tail in (*SIDECARS, BESIDE_SUFFIX, SWAPPING_SUFFIX)]:
                raise _clash(
                    other, path, "they are one file" if path == other else "one has a name that the other needs"
                )


def _refuse_one_file_twice(paths: t.Sequence[str]) -> None:
    """Sees to it that no two paths, links among them, lead to one file.

    :raises Refused: when two do.
    """
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(path)
            other = seen.setdefault((status.st_dev, status.st_ino), path)
            if other != path:
                raise _clash(other, path, "they are two names (hard links) of one file")


def _clash(one: str, other: str, why: str) -> Refused:
    return Refused(
        "use SQLite databases together",
        on=f"{shown(one)}, {shown(other)}",
        why=why,
        next_step="Give each database once, in path or in attached, and under a name of its own.",
    )
