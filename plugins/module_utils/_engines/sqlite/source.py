# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite databases in use, as a source: consistent through SQLite itself, never by just copying the file.

A database in WAL mode is read where it is (``in_place``), any other from a copy (``online_backup``). What is stored is
checked and counted (``inspect``) at the same time (``snapshot``). Several that an application changes together are one
source, and one snapshot (``joint_snapshot``).
"""

from __future__ import annotations

import os
import sqlite3
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_there

from ..base import Dumped, Examination, SourceEngine
from . import joint_snapshot, source_file
from .connection import shown
from .options import NAME
from .paths import describe_paths, main_and_attached, note_path, refuse_one_file_twice
from .set_files import MOST_ATTACHED, PART, attached_part
from .source_file import SourceFile
from .super_journal import refuse_shared_transaction

_TARGET_BY_HAND = "TARGET_FILE"


class SqliteSource(SourceEngine):
    """One database file, and those that are attached to it.

    Options: ``path`` (links are resolved), ``attached`` (paths of databases that are changed in the same
    transactions), ``scratch_directory`` (where copies take their space; each database's own directory when not given),
    ``content_digest`` (whether every row counts for a digest of its table).
    """

    name = NAME

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._path, self._attached = main_and_attached(options)
        self._scratch = options.get("scratch_directory")
        self._digests = bool(options.get("content_digest"))

    def describe(self) -> str:
        """Return the files."""
        return describe_paths([self._path, *(self._attached or ())])

    def _sources(self) -> list[SourceFile]:
        """Return the files, the main one first."""
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
        """Check that the files are databases that can be read, and that the copies fit where some must be copied."""
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
        refuse_one_file_twice([source.path for source in sources])
        together = [source.path for source in sources[1:]]
        for source in sources:
            refuse_shared_transaction(source.path, [self._path, *together] if together else ())
        source_file.check_scratch(
            [source for source, header in zip(sources, headers) if not source.is_read_in_place(header)]
        )
        return Examination(sum(source.size() for source in sources), {"sqlite": sqlite3.sqlite_version})

    def _refuse_half_swapped(self) -> None:
        note = note_path(self._path)
        if is_there(note):
            raise Refused(
                "back up SQLite databases",
                on=self.describe(),
                why=f"a restore of them is running or was interrupted while putting them in place ({shown(note)})",
                next_step="Wait for it to end, or restore again: the databases may be from different times.",
            )

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        """Copy, checks, stores."""
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
        stored = [sources[0].store_alone(writer)] if alone else joint_snapshot.store_together(sources, writer)
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
