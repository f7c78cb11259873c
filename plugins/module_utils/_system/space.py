# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk space that several jobs share: what one has reserved and not used yet is not free for another."""

from __future__ import annotations

import abc
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


class Need(t.NamedTuple):
    """What another one has kept for itself, and how much of that it has taken already, bytes."""

    kept: int
    taken: int


class Share(abc.ABC):
    """What one of several keeps of a room for itself."""

    # Whether what the others have taken is free again when they have ended.
    is_given_back: t.ClassVar[bool]

    @abc.abstractmethod
    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Lock the table of reservations, so that only one job at a time reads and changes it."""

    @abc.abstractmethod
    def others(self) -> list[Need]:
        """Return what each of the others has kept."""

    @abc.abstractmethod
    def keep(self, needed: int) -> None:
        """Write down what this one needs."""

    def wait(self) -> None:  # noqa: B027 - not all tell it
        """Write down that this one waits for others."""

    def may_begin(self, others: t.Sequence[Need]) -> bool:
        """Whether there is enough of everything else."""
        return True

    def claim(self, needed: int, free_bytes: t.Callable[[], int]) -> int:
        """Keep room, as soon as there is enough beside what the others will still take.

        It waits for others only where it would fit without them: by the time that they have ended, they may have taken
        less than they kept.

        :param needed: bytes.
        :param free_bytes: says how many are free now.
        :returns: how many are free now; fewer than needed: nothing was kept.
        """
        while True:
            with self.locked():
                others = self.others()
                free = free_bytes()  # Only now: what others take meanwhile must not count as free.
                owed = sum(max(0, other.kept - other.taken) for other in others)
                if free - owed >= needed and self.may_begin(others):
                    self.keep(needed)
                    return free
                if free + (sum(other.taken for other in others) if self.is_given_back else 0) < needed:
                    return free
                self.wait()
            time.sleep(_LOOK_EVERY_SECONDS)


class Room:
    """What the dumps of one run still need of one medium. Made before the processes that share it.

    :param count: how many dumps there are.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._table = mmap.mmap(-1, max(count, 1) * _SLOT.size)
        # Locked by range and process (fcntl(2)), not by descriptor: the processes share that.
        self._lock = os.memfd_create("room", os.MFD_CLOEXEC)

    def close(self) -> None:
        """Give it back."""
        self._table.close()
        os.close(self._lock)

    def share(self, index: int) -> DumpShare:
        """One dump's share."""
        return DumpShare(self, index)

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Hold the table against other processes."""
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def write(self, index: int, needed: int, written: int) -> None:
        """Note one dump's needs."""
        _SLOT.pack_into(self._table, index * _SLOT.size, needed, written)

    def read(self, index: int) -> Need:
        """One dump's needs."""
        return Need(*_SLOT.unpack_from(self._table, index * _SLOT.size))


class DumpShare(Share):
    """One dump's share of the room."""

    is_given_back = False  # What others have written stays.

    def __init__(self, room: Room, index: int) -> None:
        self._room = room
        self._index = index

    def locked(self) -> contextlib.AbstractContextManager[None]:
        return self._room.locked()

    def others(self) -> list[Need]:
        return [self._room.read(index) for index in range(self._room.count) if index != self._index]

    def keep(self, needed: int) -> None:
        self._room.write(self._index, needed, 0)

    def written(self, count: int) -> None:
        """Note how much of it has been written."""
        with self.locked():
            self._room.write(self._index, self._room.read(self._index).kept, count)

    def release(self) -> None:
        """Give up what was kept."""
        with self.locked():
            self._room.write(self._index, 0, 0)
