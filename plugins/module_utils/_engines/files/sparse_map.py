# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sparse files in an archive: the map of their regions, in the GNU 1.0 form."""

from __future__ import annotations

from .tar_header import BLOCK, DECIMAL, ArchiveRefused, padded


class SparseMap:
    """The map at the beginning of a sparse file's data: how many regions, then offset and length of each.

    :param stored: size of map and regions together.
    :param real: size of the file.
    """

    def __init__(self, *, stored: int, real: int) -> None:
        self._stored = stored
        self._real = real
        self._tail = b""
        self._regions: int | None = None
        self._offset: int | None = None
        self._end = 0
        self._bytes = 0
        self._length = 0

    def read(self, block: bytes) -> bool:
        """Take the next block; whether it was the last of the map.

        :raises ArchiveRefused: when the map contradicts itself, its file, or its own end.
        """
        self._length += BLOCK
        if self._length > padded(self._stored):
            raise ArchiveRefused("a sparse file's map that does not end")
        lines = (self._tail + block).split(b"\n")
        self._tail = lines.pop()
        for line in lines:
            if self._done:
                raise ArchiveRefused("a sparse file's map that goes on after its end")
            self._take(line)
        if self._done:
            if self._tail.strip(b"\0") or self._length + self._bytes != self._stored or self._end > self._real:
                raise ArchiveRefused("a sparse file's map that does not fit its file")
            return True
        if len(self._tail) > 20:
            raise ArchiveRefused("a sparse file's map that is none")
        return False

    @property
    def _done(self) -> bool:
        return self._regions == 0 and self._offset is None

    def _take(self, line: bytes) -> None:
        if not DECIMAL.fullmatch(line):
            raise ArchiveRefused("a sparse file's map that is none")
        number = int(line)
        if self._regions is None:
            self._regions = number
        elif self._offset is None:
            if number < self._end:
                raise ArchiveRefused("a sparse file's map whose regions overlap")
            self._offset = number
        else:
            self._end = self._offset + number
            self._bytes += number
            self._offset = None
            self._regions -= 1


def is_stand_in(path: bytes, name: bytes) -> bool:
    """Whether a sparse file's second name is the one that tar makes for readers that know no sparse files.

    It writes it as a record where the file's own name is not ASCII, cut off where a header's field ends, and reads it
    nowhere.
    """
    directory, _slash, last = name.rpartition(b"/")
    head = (directory or b".") + b"/GNUSparseFile."
    if not path.startswith(head):
        return bool(path) and head.startswith(path)
    process, slash, rest = path[len(head) :].partition(b"/")
    return (process.isdigit() or not (process or slash)) and last.startswith(rest)
