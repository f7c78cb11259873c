# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drills may take: room that several of them share, processor time, processors; and telling a lack from a fault.

Every drill has a lock file in the work directory, which its supervisor holds, and writes into it how much room it
needs: so drills of this run, and of others that use the same directory, know of one another.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.free_space import free_bytes
from ansible_collections.infitulua.backup.plugins.module_utils._system.space import Need, Share

PREFIX = "drill-"
LOCK = ".lock"
_WAITING = b"waiting"
# A throw-away server and its clients. With less than this available, a drill waits for those beside it.
_MEMORY_BYTES = 512 * 1024**2

# How programs, servers and the operating system say that there was too little of something, or that they were ended.
_LACK = re.compile(
    r"no space left on device|disk quota exceeded|database or disk is full|the table '[^']*' is full"
    r"|cannot allocate memory|out of memory|memory exhausted|MemoryError|could not resize shared memory"
    r"|too many open files|resource temporarily unavailable|input/output error|read-only file system|stale file handle"
    r"|transport endpoint is not connected|(?:errcode|errno|os error|error):? (?:5|11|12|24|28|30|107|116|122)\b"
    r"|not supported in this installation|this build does not support"
    r"|killed by SIG(?:KILL|TERM|INT|HUP|XCPU|XFSZ)|terminated by signal (?:9|15|24|25)\b",
    re.IGNORECASE,
)


class NoRoom(Exception):
    """There is not enough room, and waiting for other drills would not make any."""


def shortage_in(*texts: str) -> str | None:
    """Return what was lacking on this host, in the words of the error that said so; None: nothing.

    A set that makes its server say such words gains nothing: its drill counts as not done.
    """
    for text in texts:
        match = _LACK.search(text)
        if match is not None:
            return match.group()
    return None


def room_taken(directory: str) -> int:
    """Return the bytes on the disk below a directory."""
    total = 0
    for current, _subdirectories, files in os.walk(directory):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(current, name)).st_blocks * 512
    return total


class DrillShare(Share):
    """What one drill needs of the work directory, and with it all drills that are running there, of other runs too.

    :param lock_path: of its lock file; the others are beside it.
    """

    is_given_back = True

    def __init__(self, lock_path: str) -> None:
        self._path = lock_path
        self._directory = os.path.dirname(lock_path)

    def reserve(self, needed: int) -> None:
        """Wait until the drill fits beside those that are running, and write down what it needs.

        :param needed: bytes.
        :raises NoRoom: when it would not fit without the others either.
        """
        free = self.claim(needed, lambda: free_bytes(self._directory))
        if free < needed:
            raise NoRoom(f"it would take about {needed} bytes, and {free} are free in {self._directory}")

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def others(self) -> list[Need]:
        found = []
        for name in os.listdir(self._directory):
            path = os.path.join(self._directory, name)
            if path == self._path or not (name.startswith(PREFIX) and name.endswith(LOCK)):
                continue
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    content = os.pread(descriptor, 100, 0)
                    if content not in (b"", _WAITING):
                        found.append(Need(int(content), room_taken(path[: -len(LOCK)])))
                finally:
                    os.close(descriptor)
        return found

    def keep(self, needed: int) -> None:
        self._write(b"%d" % needed)

    def wait(self) -> None:
        self._write(_WAITING)

    def may_begin(self, others: t.Sequence[Need]) -> bool:
        return not others or _memory_available() >= _MEMORY_BYTES

    def _write(self, content: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)


def is_waiting(lock: int) -> bool:
    """Whether the drill of this lock file waits for others."""
    return os.pread(lock, len(_WAITING), 0) == _WAITING


def _memory_available() -> int:
    with contextlib.suppress(OSError), open("/proc/meminfo", encoding="ascii") as stream:
        for line in stream:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return _MEMORY_BYTES


class ProcessorTime:
    """How much processor time each process of this host has taken with those that it has waited for, now."""

    def __init__(self) -> None:
        tick = os.sysconf("SC_CLK_TCK")
        self._children: dict[int, list[int]] = {}
        self._seconds: dict[int, float] = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as stream:
                # proc(5): the name, in parentheses, may hold anything; then come state, parent, …
                fields = stream.read().rpartition(b")")[2].split()
                self._children.setdefault(int(fields[1]), []).append(int(name))
                self._seconds[int(name)] = sum(map(int, fields[11:15])) / tick

    def used_by(self, process: int) -> float:
        """Return the processor time of a process and all its descendants, in seconds."""
        total = 0.0
        pending = [process]
        while pending:
            current = pending.pop()
            total += self._seconds.get(current, 0.0)
            pending += self._children.get(current, [])
        return total


def use_processors(count: int, slot: int) -> None:
    """Let this process, and all that comes from it, run on so many processors only.

    :param slot: drills side by side have different ones, and so different processors while there are enough.
    """
    allowed = sorted(os.sched_getaffinity(0))
    count = min(count, len(allowed))
    os.sched_setaffinity(0, {allowed[(slot * count + index) % len(allowed)] for index in range(count)})
