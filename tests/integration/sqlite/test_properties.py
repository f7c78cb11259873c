# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of any SQLite database: it comes back as it was, by the module and by hand, and none is called damaged.

The seed of a database stands in its test's name; one of them is new in each run (SEED).
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.integration.files.support import House
from tests.integration.sqlite.random_database import RandomDatabase, canonical

SEEDS = [*range(1, 9), int(os.environ["SEED"])]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_database_comes_back_as_it_was(house: House, home: Path, seed: int) -> None:
    database, attached = home / "any.db", home / "attached\udcff.db"
    RandomDatabase(database, seed)
    options: dict[str, object] = {"path": str(database), "content_digest": bool(seed % 3)}
    paths = [database]
    if seed % 4 == 0:
        RandomDatabase(attached, -seed)
        options["attached"] = [str(attached)]
        paths.append(attached)
    expected = [canonical(path) for path in paths]
    dumped = house.dump("sqlite", options)
    assert dumped.description is not None
    for entry in home.iterdir():
        entry.unlink()

    restored = house.restore(dumped.set_id, "sqlite", {"path": str(database)}, max_seconds=60 if seed % 2 else None)
    assert [check for check in restored.checks if not check.passed] == []
    assert [canonical(path) for path in paths] == expected

    if len(paths) == 1:
        house.by_hand(dumped.set_id, home / "by-hand.db", "TARGET_FILE")
        assert canonical(home / "by-hand.db") == expected[0]
    # What came back can be backed up again, and is the same.
    again = house.dump("sqlite", options, source="again")
    assert again.description is not None
    for name in ("rows", "objects", "content_digests", "rules_broken", "not_examined"):
        assert again.description.engine_facts[name] == dumped.description.engine_facts[name]


@pytest.mark.parametrize("seed", SEEDS[:3] + SEEDS[-1:])
def test_any_database_with_a_torn_page_is_called_damaged_or_reads_the_same(house: House, home: Path, seed: int) -> None:
    """A page that is free, or part of one, may hold anything."""
    database = home / "any.db"
    RandomDatabase(database, seed)
    canonical(database)  # Brings a write-ahead log into the file.
    expected = canonical(database)
    shutil.copyfile(database, home / "torn.db")
    source = random.Random(seed)
    size = max(512, int.from_bytes(database.read_bytes()[16:18], "big"))
    with open(home / "torn.db", "r+b") as stream:
        stream.seek(source.randrange(size, os.path.getsize(database) - 8))
        stream.write(source.randbytes(8))
    try:
        dumped = house.dump("sqlite", {"path": str(home / "torn.db"), "content_digest": True})
    except Exception as error:
        assert "it is damaged" in str(error), seed
        return
    restored = house.restore(dumped.set_id, "sqlite", {"path": str(home / "again.db")}, max_seconds=60)
    assert all(check.passed for check in restored.checks)
    # Values may have changed within a row; which rows there are has not.
    assert [entry[0] for entry in canonical(home / "again.db")] == [entry[0] for entry in expected]
