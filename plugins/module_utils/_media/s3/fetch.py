# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching a set: small objects whole, large ones in parts, several at a time."""

from __future__ import annotations

import functools
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.partial import prepare_path
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_drawn
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback

from .contents import S3Contents

AT_A_TIME = 8
# Objects above the first size come in parts of the second.
PARTS_ABOVE_BYTES = 64 * 1024 * 1024
PART_BYTES = 32 * 1024 * 1024

_Piece = t.Callable[[], "Exception | None"]


class Fetch:
    """The files of one set on their way into an empty local directory, each on the disk when :meth:`run` returns."""

    def __init__(self, contents: S3Contents, set_id: SetId, directory: str, progress: ProgressCallback) -> None:
        self._contents = contents
        self._set_id = set_id
        self._directory = directory
        self._progress = progress
        self._counting = threading.Lock()
        self._stopped = threading.Event()
        self._failure: Exception | None = None
        self._files: dict[str, durable.PartsFile] = {}

    def run(self) -> None:
        """Fetch them. A failure stops the others.

        :raises OSError: when the link or the disk fails.
        :raises BackupError: when the store withholds one.
        """
        pieces = self._pieces()
        try:
            run_drawn(lambda: self._next(pieces), jobs=AT_A_TIME, cancel=self._stopped.set, then=self._note)
        finally:
            for file in self._files.values():
                file.abandon()
        if self._failure is not None:
            raise self._failure
        durable.sync_files(self._files)
        durable.sync_tree(self._directory)

    def _pieces(self) -> t.Iterator[_Piece]:
        for path, size in sorted(self._contents.sizes().items()):
            target = prepare_path(self._directory, path, self._set_id)
            begins = range(0, size, PART_BYTES) if size > PARTS_ABOVE_BYTES else (0,)
            length = PART_BYTES if size > PARTS_ABOVE_BYTES else size
            file = durable.PartsFile(target, size, parts=len(begins))
            self._files[target] = file
            for begin in begins:
                yield functools.partial(self._fetch, path, file, begin, min(size, begin + length))

    def _next(self, pieces: t.Iterator[_Piece]) -> _Piece | None:
        return None if self._failure is not None else next(pieces, None)

    def _note(self, failure: Exception | None) -> None:
        if failure is not None:
            self._failure = self._failure or failure
            self._stopped.set()

    def _fetch(self, path: str, file: durable.PartsFile, begin: int, end: int) -> Exception | None:
        try:
            with self._contents.download(path, begin=begin, end=end, stopped=self._stopped) as stream:
                position = begin
                for chunk in self._chunks(stream):
                    file.write(chunk, position)
                    position += len(chunk)
                    with self._counting:
                        self._progress(len(chunk))
            if position == end:
                file.finish_part(begin, end)
            return None
        except Exception as error:
            return error

    def _chunks(self, stream: t.BinaryIO) -> t.Iterator[memoryview]:
        buffer = memoryview(bytearray(bag.CHUNK))
        while not self._stopped.is_set():
            count = t.cast(t.Any, stream).readinto(buffer)
            if not count:
                return
            yield buffer[:count]
