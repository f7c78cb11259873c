# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room on a medium, shared by dumps that run at the same time: what one will still need is not free for another."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import time
import typing as t

# Of each dump: how many bytes it said that it needs, and how many it has written.
_SLOT = struct.Struct("=QQ")
_LOOK_EVERY_SECONDS = 0.5


class Room:
    """What the dumps of one run still need of one medium. Made before the processes that share it.

    :param count: how many dumps there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._size = max(count, 1) * _SLOT.size
        self._table = mmap.mmap(-1, self._size)
        # Locked by range and process (fcntl(2)), not by descriptor: the processes share that.
        self._lock = os.memfd_create("room", os.MFD_CLOEXEC)

    def close(self) -> None:
        """Gives it back."""
        self._table.close()
        os.close(self._lock)

    def share(self, index: int) -> Share:
        """One dump's share."""
        return Share(self, index)

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Holds the table against other processes."""
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def write(self, index: int, needed: int, written: int) -> None:
        """Notes one dump's needs."""
        _SLOT.pack_into(self._table, index * _SLOT.size, needed, written)

    def read(self, index: int) -> tuple[int, int]:
        """One dump's needs."""
        needed, written = _SLOT.unpack_from(self._table, index * _SLOT.size)
        return needed, written

    def outstanding(self, *, but: int) -> int:
        """What all but one have still to write, bytes."""
        needs = [self.read(index) for index in range(self._count) if index != but]
        return sum(max(0, needed - written) for needed, written in needs)


class Share:
    """One dump's share of the room."""

    def __init__(self, room: Room, index: int) -> None:
        self._room = room
        self._index = index

    def claim(self, needed: int, free_bytes: t.Callable[[], int]) -> int:
        """Keeps room for this dump, as soon as there is enough beside what the others will still write.

        It waits for others only where it would fit without them: by the time that they have ended, they may have taken
        less than they kept.

        :param needed: bytes.
        :param free_bytes: says how many are free on the medium now.
        :returns: how many are free now; fewer than needed: nothing was kept.
        """
        while True:
            with self._room.locked():
                free = free_bytes()
                outstanding = self._room.outstanding(but=self._index)
                if free - outstanding >= needed:
                    self._room.write(self._index, needed, 0)
                    return free
            if free < needed or not outstanding:
                return free
            time.sleep(_LOOK_EVERY_SECONDS)

    def written(self, count: int) -> None:
        """Notes how much of it has been written."""
        with self._room.locked():
            needed, _written = self._room.read(self._index)
            self._room.write(self._index, needed, count)

    def release(self) -> None:
        """Gives up what was kept."""
        with self._room.locked():
            self._room.write(self._index, 0, 0)
