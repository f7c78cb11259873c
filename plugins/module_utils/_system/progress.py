# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a long operation, as a small JSON file that anybody who may read it can watch."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import threading
import time
import typing as t

from . import temporary_files

# Called with the number of bytes just read or stored.
ProgressCallback = t.Callable[[int], None]


def no_progress(count: int) -> None:
    """Count nothing."""


class Progress:
    """Counts bytes and writes them, at most once a second, to a status file.

    The file is one JSON object: ``operation``, ``subject`` (a source or a set id), ``stage``, ``bytes`` (done),
    ``total_bytes`` (expected; null when unknown), ``bytes_per_second`` (since the start), ``started`` and
    ``updated`` (UTC), ``finished`` (bool). It is replaced by rename, so a reader never sees half of it, and it is
    only for the eye: nothing decides by it, and failing to write it fails nothing.

    :param path: the status file; None: none.
    :param total_bytes: how many bytes are expected; None: not known.
    :param tell: called with what the file would hold, as often as it would be written; None: nobody.
    """

    def __init__(
        self,
        path: str | None,
        *,
        operation: str,
        subject: str,
        total_bytes: int | None = None,
        tell: t.Callable[[dict[str, t.Any]], None] | None = None,
    ) -> None:
        self._path = path
        self._tell = tell
        self._lock = threading.Lock()
        self._operation = operation
        self._subject = subject
        self._stage = "starting"
        self._total = total_bytes
        self._bytes = 0
        self._started = time.time()
        self._written = 0.0
        self._write(finished=False)

    @property
    def bytes(self) -> int:
        """Bytes done so far."""
        return self._bytes

    def stage(self, stage: str, *, total_bytes: int | None = None) -> None:
        """Enter a new stage; a given total starts the count anew."""
        with self._lock:
            self._stage = stage
            if total_bytes is not None:
                self._total = total_bytes
                self._bytes = 0
                self._started = time.time()
            self._write(finished=False)

    def advance(self, count: int) -> None:
        """Add ``count`` bytes done. Safe from any thread."""
        with self._lock:
            self._bytes += count
            if time.time() - self._written >= 1:
                self._write(finished=False)

    def finish(self) -> None:
        """Write the last state."""
        with self._lock:
            self._write(finished=True)

    def _write(self, *, finished: bool) -> None:
        self._written = time.time()
        if self._path is None and self._tell is None:
            return
        elapsed = max(self._written - self._started, 1e-6)
        state = {
            "operation": self._operation,
            "subject": self._subject,
            "stage": self._stage,
            "bytes": self._bytes,
            "total_bytes": self._total,
            "bytes_per_second": round(self._bytes / elapsed),
            "started": utc(self._started),
            "updated": utc(self._written),
            "finished": finished,
        }
        if self._path is not None:
            write_status(self._path, state)
        if self._tell is not None:
            self._tell(state)


def write_status(path: str, state: t.Mapping[str, t.Any]) -> None:
    """Replace a status file, where that can be done."""
    with contextlib.suppress(OSError):
        descriptor, temporary = temporary_files.new_file(path, mode=0o644)
        try:
            with open(descriptor, "w", encoding="utf-8") as stream:
                json.dump(state, stream)
                stream.flush()
                os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


class SharedStatus:
    """One status file for several operations that are under way together.

    Where there is only one, it holds that one's state. Otherwise it holds one state for all of them, with what each of
    those that are running has reported, as ``under_way``.

    :param path: the status file; None: none.
    :param subject: what they have in common.
    :param count: how many operations there are.
    """

    def __init__(self, path: str | None, *, operation: str, subject: str, count: int) -> None:
        self._path = path
        self._operation = operation
        self._subject = subject
        self._count = count
        self._started = time.time()
        self._written = 0.0

    def write(self, told: t.Mapping[int, dict[str, t.Any]], *, under_way: t.Sequence[int], ended: int) -> None:
        """Write the state, at most twice a second but for the last.

        :param told: what each operation has reported last, by its number.
        :param under_way: the numbers of those under way.
        """
        finished = ended == self._count
        now = time.time()
        if self._path is None or not told or (now - self._written < 0.5 and not finished):
            return
        self._written = now
        if self._count == 1:
            write_status(self._path, told[0])
            return
        states = [told[number] for number in under_way if number in told]
        done = sum(state["bytes"] for state in told.values())
        state = combined(self._operation, self._subject, states, started=self._started, ended=ended, count=self._count)
        elapsed = max(now - self._started, 1e-6)
        write_status(
            self._path,
            {
                **state,
                "bytes": done,
                "total_bytes": None,
                "bytes_per_second": round(done / elapsed),
            },
        )


def combined(
    operation: str, subject: str, states: t.Sequence[dict[str, t.Any]], *, started: float, ended: int, count: int
) -> dict[str, t.Any]:
    """One state for several operations that run at the same time, with what each has reported as ``under_way``.

    :param states: of those under way.
    :param started: when the first began, seconds since the epoch.
    :param ended: how many have ended.
    :param count: how many there are.
    """
    totals = [state["total_bytes"] for state in states]
    return {
        "operation": operation,
        "subject": subject,
        "stage": f"{ended} of {count} done",
        "bytes": sum(state["bytes"] for state in states),
        "total_bytes": sum(totals) if totals and None not in totals else None,
        "bytes_per_second": sum(state["bytes_per_second"] for state in states),
        "started": utc(started),
        "updated": utc(time.time()),
        "finished": ended == count,
        "under_way": list(states),
    }


def utc(moment: float) -> str:
    """Return a moment (seconds since the epoch) as ISO 8601 writes it, UTC, to the second."""
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
