# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees of files as a source: GNU tar, told by our own list what to archive.

Each path of a source is one archive and one payload file, so that one can be restored without the others. tar does
what it does best (owners by name and number, modes, times to the nanosecond, ACLs, extended attributes, holes, hard
links, any byte in a name); which names belong, and what is in the archive in the end, is known here.
"""

from __future__ import annotations

import functools
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._sets import filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.bag import PAYLOAD_DIRECTORY
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_all

from ..base import Dumped, Examination, SourceEngine
from ..names import Names, escape
from .gnu_tar import EXTRACT_OPTIONS, tar_version
from .options import NAME
from .source_paths import absolute, check_medium_outside, describe_paths, find_roots, resolve
from .tree_dump import TreeDump
from .walking import Excludes, Walked, walk


class FilesSource(SourceEngine):
    """Directories and files of one host, under one name.

    Options: ``paths`` (absolute; links are resolved), ``exclude`` (patterns; see :class:`Excludes`),
    ``one_file_system`` (do not enter what is mounted below a path).
    """

    name = NAME

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._paths = [absolute(path) for path in options.get("paths") or ()]
        self._excludes = Excludes(options.get("exclude") or ())
        self._one_file_system = bool(options.get("one_file_system"))

    def describe(self) -> str:
        """Return the paths."""
        return describe_paths(self._paths)

    def examine(self) -> Examination:
        """Walk the trees: every path is there and can be read, and so much is in them."""
        roots = find_roots(self._paths)
        total = 0
        unreadable = Names()
        for root in roots:
            walked = Walked()
            for _path in self._walk(root, walked, measure=True):
                pass
            total += walked.bytes
            unreadable.count += walked.unreadable.count
            unreadable.listed += walked.unreadable.listed
        if unreadable.count:
            raise BackupError(
                "read the files to back up",
                on=self.describe(),
                why=f"{unreadable.count} cannot be read: {unreadable.shown()}",
                next_step="Run as root, correct the permissions, or exclude them by name; nothing was written.",
                details=unreadable.listed,
            )
        return Examination(total, {"tar": tar_version()})

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        """One archive for each path."""
        roots = find_roots(self._paths)
        check_medium_outside(roots, os.fsencode(os.path.realpath(writer.partial.root)), self._excludes)
        dumps = [
            TreeDump(functools.partial(self._walk, measure=False), root, index, writer)
            for index, root in enumerate(roots)
        ]
        run_all([dump.run for dump in dumps], jobs=jobs, processes=writer.processes)
        warnings = [
            f"{escape(given)} is a symbolic link: what it points to, {escape(root)}, was backed up"
            for given, root in zip(self._paths, resolve(self._paths))
            if given != root
        ]
        for dump in dumps:
            warnings += dump.warnings()
        suffix = writer.filters.suffix(compress=True)
        return Dumped(
            parts=[dump.part for dump in dumps],
            content={
                "files": sum(dump.tally.files for dump in dumps),
                "bytes": sum(dump.tally.content_bytes for dump in dumps),
            },
            facts={
                "paths": [dump.facts() for dump in dumps],
                "exclude": self._excludes.patterns,
                "one_file_system": self._one_file_system,
            },
            warnings=warnings,
            restore_by_hand=[
                f"{filters.by_hand(f'{PAYLOAD_DIRECTORY}/{dump.file_name}{suffix}')}"
                f" | LC_ALL=C tar {' '.join(EXTRACT_OPTIONS).replace('*', chr(39) + '*' + chr(39))}"
                f" --directory=TARGET_DIRECTORY  # makes TARGET_DIRECTORY/{escape(os.path.basename(dump.root))},"
                f" which was {escape(dump.root)}"
                for dump in dumps
            ],
        )

    def _walk(self, root: bytes, walked: Walked, *, measure: bool) -> t.Iterator[bytes]:
        return walk(
            root, excludes=self._excludes, one_file_system=self._one_file_system, measure=measure, walked=walked
        )
