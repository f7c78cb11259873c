# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of databases whose schema never ends, or takes all memory: ended at the limit, and nothing is touched."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite import inspect, integrity, snapshot
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.confined_look import Look
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system import confinement
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from tests.integration.drills.support import watching
from tests.integration.files.support import IS_ROOT, House
from tests.integration.sqlite.support import contents, execute, files_of

# Computed for every row by whoever checks the index.
ENDLESS = "length(printf('%.*c', 60000000, x))"
GREEDY = "length(zeroblob(900000000) || x)"
Confined = t.Literal["bubblewrap", "no bubblewrap", "bubblewrap that may not"]


@pytest.fixture(params=["bubblewrap", "no bubblewrap", "bubblewrap that may not"])
def confined(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Confined]:
    """What hosts are like."""
    if request.param == "no bubblewrap":
        monkeypatch.setattr(confinement, "confined", lambda **_options: None)
    if request.param == "bubblewrap that may not":
        monkeypatch.setattr(confinement, "confined", lambda **_options: ["/bin/false"])
    yield request.param


def make(path: Path, expression: str) -> None:
    """A database with an index on an expression that was not computed yet."""
    execute(
        path,
        "CREATE TABLE t (x)",
        "CREATE INDEX i ON t (x)",
        "WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT i FROM n",
        "PRAGMA writable_schema=ON",
        f"UPDATE sqlite_master SET sql = 'CREATE INDEX i ON t ({expression})' WHERE name = 'i'".replace(
            "'%.*c'", "''%.*c''"
        ),
    )


def hostile(house: House, home: Path, monkeypatch: pytest.MonkeyPatch, expression: str) -> t.Any:
    """A set that somebody made whose dump looks at nothing; its id."""
    make(home / "hostile.db", expression)
    with monkeypatch.context() as blind:
        blind.setattr(inspect, "check_integrity", lambda _connection, **_options: integrity.Integrity())
        return house.dump("sqlite", {"path": str(home / "hostile.db")}).set_id


def lookers() -> list[int]:
    """The users of the processes that look at a database now."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if b".confined_look import main" in Path("/proc", entry, "cmdline").read_bytes():
                found.append(os.stat(f"/proc/{entry}").st_uid)
                found += [int(line.split()[2]) for line in Path("/proc", entry, "status").read_text().splitlines()
                          if line.startswith("Uid:")]  # fmt: skip
    return found


def all_gone() -> bool:
    """Whether none looks any more, those of tests beside this one left aside: they end by themselves, ours never."""
    end = time.monotonic() + 20
    while lookers() and time.monotonic() < end:
        time.sleep(0.05)
    return not lookers()


def test_a_schema_that_never_ends_is_ended_at_the_limit(
    house: House, home: Path, monkeypatch: pytest.MonkeyPatch, confined: Confined
) -> None:
    set_id = hostile(house, home, monkeypatch, ENDLESS)
    target = home / "live.db"
    execute(target, "CREATE TABLE live (x)", "INSERT INTO live VALUES (1)")
    before = files_of(home), contents(target)
    for seconds in (3, 30):  # On a busy host three seconds pass before it comes to that.
        begin = time.monotonic()
        with watching(lookers) as seen, pytest.raises(Interrupted) as caught:
            house.restore(set_id, "sqlite", {"path": str(target)}, replace=True, max_seconds=seconds)
        assert time.monotonic() - begin < seconds + 30
        said = f"it took longer than the limit of {seconds} seconds (max_seconds). The target is as it was."
        assert said in caught.value.message
        assert (files_of(home), contents(target)) == before
        assert all_gone()
        users = {user for sample in seen for user in sample}
        if users - {0} or (users and not IS_ROOT):
            break
    assert users
    assert not IS_ROOT or users - {0}, "it looked as root"


def test_a_dump_that_never_ends_is_ended_and_explained(
    house: House, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "LOOK_SECONDS", 1)
    make(home / "endless.db", ENDLESS)
    begin = time.monotonic()
    with pytest.raises(BackupError, match="inspecting it does not end: an index, a computed column or a rule"):
        house.dump("sqlite", {"path": str(home / "endless.db")})
    assert time.monotonic() - begin < 15
    assert house.sets() == []
    assert house.leftovers() == []


def test_a_schema_that_takes_all_memory_is_told(tmp_path: Path, confined: Confined) -> None:
    make(tmp_path / "greedy.db", GREEDY)
    look = Look(str(tmp_path / "greedy.db"), False, 0, 60, memory=500 * 1024**2)
    with Processes() as processes, pytest.raises(BackupError, match="takes more than the 524288000 bytes of memory"):
        look.take(processes)


def test_processor_time_is_limited_by_itself(tmp_path: Path) -> None:
    make(tmp_path / "endless.db", ENDLESS)
    look = Look(str(tmp_path / "endless.db"), False, 0, 1)
    with Processes() as processes, pytest.raises(BackupError, match="may take 1 seconds of processor time, was ended"):
        look.take(processes)


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_look_in_a_process_of_its_own_sees_the_same(
    house: House, home: Path, journal_mode: str, confined: Confined
) -> None:
    database = home / "año 'nuevo' %20?#.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.create_collation("app", lambda one, other: (one < other) - (one > other))
        connection.execute(f"PRAGMA journal_mode={journal_mode}")
        connection.execute("CREATE TABLE t (a COLLATE app UNIQUE, b CHECK (b > 0))")
        connection.execute("CREATE TABLE u (b CHECK (b > 0))")
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute("INSERT INTO u VALUES (-1), (1)")
        connection.execute("CREATE VIRTUAL TABLE f USING fts5(x)")
        connection.execute("INSERT INTO f VALUES ('hola')")
    dumped = house.dump("sqlite", {"path": str(database), "content_digest": True})
    here = house.restore(dumped.set_id, "sqlite", {"path": str(home / "here.db")})
    there = house.restore(dumped.set_id, "sqlite", {"path": str(home / "there.db")}, max_seconds=60)
    assert there.checks == here.checks
    assert {check.name for check in there.checks} >= {"rules broken", "content digests"}
    assert (home / "here.db").read_bytes() == (home / "there.db").read_bytes()
    assert not [name for name in files_of(home) if "__restoring" in name]


def test_damage_is_told_as_it_is_without_a_limit(house: House, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_id = hostile(house, home, monkeypatch, "x) WHERE (x > 1000")
    said = []
    for max_seconds in (None, 60):
        with pytest.raises(SetInvalid, match="integrity: it is damaged: wrong # of entries in index i") as caught:
            house.restore(set_id, "sqlite", {"path": str(home / "again.db")}, max_seconds=max_seconds)
        said.append(caught.value.message)
        assert files_of(home) == ["hostile.db"]
    assert said[0] == said[1]
