# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file of tests begins with the same institution after its first day, which is prepared once."""

from __future__ import annotations

import typing as t

import pytest

from tests.integration.playbooks.house import House

if t.TYPE_CHECKING:
    from development.services.object_store import ObjectStore


@pytest.fixture(scope="session")
def first_day(tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore) -> House:
    """A prepared institution with one day of backups."""
    house = House(tmp_path_factory.mktemp("house"), object_store)
    house.keep()
    return house


@pytest.fixture(scope="module")
def house(first_day: House) -> House:
    """The institution as it was after its first day, whatever other files of tests have done in it."""
    first_day.bring_back()
    return first_day
