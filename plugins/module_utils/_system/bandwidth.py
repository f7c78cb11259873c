# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast bytes may go over a network: the option ``bandwidth`` of a medium, and a token bucket that keeps it."""

from __future__ import annotations

import re
import threading
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_RATE = re.compile(r"([0-9]{1,12})([KMG]?)")
_ENTRY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]),(\S+)")
# Below this, stores and proxies take a connection for dead.
LEAST_BYTES_PER_SECOND = 4 * 1024
# At most so much is asked for at once: the wait for it is short at any rate, and a change of the rate is soon felt.
PIECE_BYTES = 16 * 1024
# A pause is not slept for shorter than this: the bytes of the time between go at once.
_SHORTEST_WAIT_SECONDS = 0.01


class Timetable:
    """The rate of each time of the day, in the local time zone of this host.

    :param text: a rate in bytes per second such as ``512K`` or ``2M`` (1024 and 1024²), or ``off``: no limit; or times
        from which rates hold, every day, such as ``08:00,512K 19:00,off``.
    :raises ValueError: when it is none of these.
    """

    def __init__(self, text: str) -> None:
        entries = text.split()
        if len(entries) == 1 and "," not in entries[0]:
            self._entries = [(0, _rate(entries[0]))]
            return
        self._entries = []
        for entry in entries:
            match = _ENTRY.fullmatch(entry)
            if match is None:
                raise ValueError(f"{entry!r} is no time and rate such as 08:00,512K")
            self._entries.append((int(match.group(1)) * 60 + int(match.group(2)), _rate(match.group(3))))
        minutes = [minute for minute, _rate_then in self._entries]
        if not minutes or minutes != sorted(set(minutes)):
            raise ValueError("its times do not ascend, each once")

    def rate(self, moment: float) -> int | None:
        """Return the bytes per second at a moment (seconds since the epoch); None: no limit."""
        local = time.localtime(moment)
        minute = local.tm_hour * 60 + local.tm_min
        # Before the first time of a day, the last one of the day before holds.
        return next((rate for begin, rate in reversed(self._entries) if begin <= minute), self._entries[-1][1])


class Bandwidth:
    """A token bucket for all threads that send, or all that receive. Safe from any thread.

    :param timetable: None: no limit.
    :param clock: seconds, monotonic.
    :param wall_clock: seconds since the epoch, for the timetable.
    """

    def __init__(
        self,
        timetable: Timetable | None,
        *,
        clock: t.Callable[[], float] = time.monotonic,
        wall_clock: t.Callable[[], float] = time.time,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._timetable = timetable
        self._clock = clock
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = 0.0

    @property
    def rate(self) -> int | None:
        """Bytes per second now; None: no limit."""
        return None if self._timetable is None else self._timetable.rate(self._wall_clock())

    def piece(self, wanted: int) -> int:
        """Return how many of the wanted bytes to ask for at once."""
        return wanted if self.rate is None else min(wanted, PIECE_BYTES)

    def take(self, count: int) -> None:
        """Wait until bytes that have gone, or are just going, are within the rate."""
        rate = self.rate
        if rate is None:
            return
        with self._lock:
            now = self._clock()
            self._free_at = max(now, self._free_at) + count / rate
            wait = self._free_at - now
        if wait >= _SHORTEST_WAIT_SECONDS:
            self._sleep(wait)


def read_bandwidth(bandwidth: t.Mapping[str, str | None] | None, on: str) -> tuple[Timetable | None, Timetable | None]:
    """Return the timetables of uploads and of downloads; None: no limit.

    :param bandwidth: the option; None: not given.
    :param on: the medium, for messages.
    :raises Refused: when one makes no sense.
    """
    upload, download = (_read(name, (bandwidth or {}).get(name), on) for name in ("upload", "download"))
    return upload, download


def _read(name: str, text: str | None, on: str) -> Timetable | None:
    if not text or text == "False":  # As YAML reads off.
        return None
    try:
        return Timetable(text)
    except ValueError as error:
        raise Refused(
            "use a medium",
            on=on,
            why=f"bandwidth.{name} is {text!r}: {error}",
            next_step="Give bytes per second such as 512K or 2M (4K at least), off, or a timetable such as"
            " '08:00,512K 19:00,off'.",
        ) from error


def _rate(text: str) -> int | None:
    if text == "off":
        return None
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no rate such as 512K, 2M or off")
    rate = int(match.group(1)) * _UNITS[match.group(2)]
    if rate < LEAST_BYTES_PER_SECOND:
        raise ValueError(f"{text!r} is less than {LEAST_BYTES_PER_SECOND} bytes per second")
    return rate
