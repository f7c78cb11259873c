# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens on which day of a simulation: every forty days the same misfortunes, of another size each time."""

from __future__ import annotations

import dataclasses
import datetime
import random

BLOCK = 40
DAY = datetime.timedelta(days=1)
USUAL = {"daily": 5, "weekly": 3, "monthly": 2, "yearly": 2}
LONGER = {"daily": 9, "weekly": 5, "monthly": 4, "yearly": 3, "minimum_days": 6}
SHORTER = {"last": 2, "weekly": 2, "monthly": 2, "yearly": 2}


@dataclasses.dataclass(frozen=True)
class Happening:
    """What is special about a day.

    :param at: when backups are made, by the clocks on the wall.
    :param server_ahead: how far its clock is ahead; behind, where less than 0.
    :param holds: the days whose sets are held from now on, counted from the first of the simulation; empty: none.
    :param failed_drill: whether the newest set of the day before turns out not to be restorable.
    :param lost: whether the vault loses its oldest set; ``found``: it is fetched out of the cloud.
    """

    at: tuple[datetime.time, ...] = (datetime.time(0, 30),)
    policy: dict[str, int] = dataclasses.field(default_factory=lambda: USUAL)
    server_ahead: datetime.timedelta = datetime.timedelta()
    systems_ahead: datetime.timedelta = datetime.timedelta()
    holds: range = range(0)
    has_cloud: bool = True
    failed_drill: bool = False
    lost: bool = False
    found: bool = False


def happenings(days: int, choose: random.Random) -> list[Happening]:
    """Return what happens on each of so many days."""
    found: list[Happening] = []
    while len(found) < days:
        found += _block(len(found), choose)
    return found[:days]


def _block(begin: int, choose: random.Random) -> list[Happening]:
    some_days = choose.randint(1, 3) * DAY + choose.randint(0, 86399) * DAY / 86400
    minutes = choose.randint(6, 50) * datetime.timedelta(minutes=1)
    dead = choose.randint(6, 8)
    more: dict[int, dict[str, object]] = {
        2: {"at": (datetime.time(0, 30), datetime.time(choose.randint(1, 22), 30))},
        4: {"failed_drill": True},
        **{day: {"has_cloud": False} for day in (6, 7)},
        **{day: {"at": ()} for day in range(9, 9 + dead)},
        18: {"server_ahead": some_days},
        22: {"server_ahead": -some_days},
        25: {"lost": True},
        26: {"systems_ahead": -some_days},
        28: {"found": True, "at": (datetime.time(23, 50),)},
        29: {"systems_ahead": some_days},
        33: {"server_ahead": minutes, "at": (datetime.time(0, 5), datetime.time(12, 0), datetime.time(23, 30))},
    }
    block = []
    for day in range(BLOCK):
        policy = LONGER if 20 <= day < 30 else SHORTER if day >= 34 else USUAL
        holds = range(begin, begin + 3) if 5 <= day < 31 else range(0)
        block.append(dataclasses.replace(Happening(policy=policy, holds=holds), **more.get(day, {})))  # type: ignore[arg-type]
    return block
