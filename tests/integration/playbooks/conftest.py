# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file of tests has an institution of its own, so that the files can run side by side."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest

from tests.integration.playbooks.house import House

if t.TYPE_CHECKING:
    from development.services.object_store import ObjectStore


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore) -> Iterator[House]:
    """A prepared institution with one day of backups."""
    house = House(tmp_path_factory.mktemp("house"), object_store)
    yield house
    house.institution.write_inventory()
