# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook killed as often as KILLS says, each in a day of its own: ``make kills``.

The tests of every day kill each once, one after the other (``test_killed``).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from development.environment import ROOT
from tests.integration.playbooks.killed.killed_house import DAY, OF_AN_ADMINISTRATOR, SOURCES, KilledHouse
from tests.integration.playbooks.killed.killing import Moment, kill, prepare

SEED = os.environ["SEED"]  # Another one tries other moments.
TIMES = os.environ["KILLS"]  # How often each is killed; "all" is once.
PLAYBOOKS = sorted(
    {path.stem for path in (ROOT / "playbooks").glob("*.yml") if not path.match("*.meta.yml")} - OF_AN_ADMINISTRATOR
)
# A playbook that was faster than when it was measured has to be killed earlier.
ATTEMPTS = 4


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 1 + int(TIMES.replace("all", "1"))))
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_killed_at_any_moment_leaves_nothing_to_the_next_run(
    house: KilledHouse, make_house: Callable[[], KilledHouse], playbook: str, number: int
) -> None:
    chance = random.Random(f"{SEED} {playbook} {number}")
    source = chance.choice(sorted(SOURCES))
    if playbook not in house.seconds:
        house.measure(playbook, source)
    seconds = house.seconds[playbook]
    for attempt in range(ATTEMPTS):
        if playbook == "step1_prepare_media":
            house = make_house()  # Where all is prepared already, there is little to interrupt.
        day = f"interrumpida-{playbook}-{number}-{attempt}"
        before = prepare(house, playbook, day, source)
        moment = Moment(chance.uniform(0, seconds))
        if kill(house, playbook, day, source, moment):
            break
        seconds = moment.seconds
    else:
        pytest.fail(f"it ended {ATTEMPTS} times before it could be killed")
    if playbook == "step5_restore":
        assert house.content(source) in (before, house.whole[source]), "neither as it was nor restored"
    follow(house, playbook, day, source)


def follow(house: KilledHouse, playbook: str, day: str, source: str) -> None:
    """Check the next runs: the same playbook, where it is none of every day's, and then the day."""
    the_day = house.arguments("daily", day, source)
    if playbook in (*DAY, "daily"):
        house.must_run("daily", *the_day)
    else:
        house.must_run(playbook, *house.arguments(playbook, day, source))
    assert not house.left_over()
    assert {source: house.content(source) for source in SOURCES} == house.whole
    if playbook == "step1_prepare_media":
        house.must_run(playbook, changes_nothing=True)
        house.must_run("daily", *the_day)
    elif playbook not in (*DAY, "daily"):
        the_day = house.arguments("daily", "dia-1", source)
    house.agree()
    house.must_run("daily", *the_day, changes_nothing=True)
    assert not house.left_over()
