# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which day a medium will be full, if it goes on filling as in the last weeks.

How much is free is written down at most once in six hours, in ``.free_space.jsonl`` at the medium's root: so whatever
fills the disk is counted, and no set need be read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, host_clock

_FILE = ".free_space.jsonl"
_INTERVAL = datetime.timedelta(hours=6)
# The period that is examined, the least that is enough, and the latest day that is given.
_PERIOD = datetime.timedelta(days=28)
_MINIMUM = datetime.timedelta(days=7)
_LATEST = datetime.timedelta(days=3650)
_DAY = datetime.timedelta(days=1)

#: When, and how many bytes were free.
Observation = tuple[datetime.datetime, int]


@dataclasses.dataclass(frozen=True)
class Forecast:
    """How a medium fills.

    :param free_bytes: how many bytes can still be stored.
    :param bytes_per_day: by how many bytes it fills each day; negative if it empties.
    :param full_on: the day on which it will be full; None: not within ten years.
    """

    free_bytes: int
    bytes_per_day: int
    full_on: datetime.date | None

    def describe(self) -> dict[str, t.Any]:
        """Return it as a module does."""
        return {**vars(self), "full_on": str(self.full_on) if self.full_on is not None else None}


def observe(medium: LocalMedium, *, now: datetime.datetime, freed_bytes: int, check_mode: bool) -> Forecast | None:
    """Write down how much is free on a medium, unless that was done a short time ago, and forecast.

    :param now: in the time zone that the day is of.
    :param freed_bytes: what a rehearsal would have freed.
    :returns: None where less than a week is known of it.
    """
    try:
        free = medium.free_bytes()
    except BackupError:
        return None
    path = os.path.join(medium.root, _FILE)
    known = [one for one in _read(path) if one[0] <= now]
    if not check_mode and (not known or now - known[-1][0] >= _INTERVAL):
        # Without it, a later forecast knows a little less.
        with contextlib.suppress(OSError):
            durable.append_line(path, json.dumps({"time": host_clock.write(now), "free_bytes": free}))
    return forecast(known, free_bytes=free + freed_bytes, now=now)


def forecast(known: t.Iterable[Observation], *, free_bytes: int, now: datetime.datetime) -> Forecast | None:
    """Return how a medium fills; None where less than a week is known of it.

    :param known: what was written down, none of it after now.
    :param now: in the time zone that the day is of.
    """
    begin, free_then = min((one for one in known if now - one[0] <= _PERIOD), default=(now, free_bytes))
    if now - begin < _MINIMUM:
        return None
    per_day = round((free_then - free_bytes) / ((now - begin) / _DAY))
    if per_day <= 0 or free_bytes / per_day > _LATEST / _DAY:
        return Forecast(free_bytes, per_day, None)
    return Forecast(free_bytes, per_day, (now + free_bytes / per_day * _DAY).date())


def _read(path: str) -> list[Observation]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = stream.read().split("\n")
    except OSError:
        return []
    found = []
    for line in lines:
        # Not a line of this format: half-written at a crash, or damaged.
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
            entry = json.loads(line)
            found.append((host_clock.read(entry["time"]), int(entry["free_bytes"])))
    return sorted(found)
