# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that one application changes in the same transactions: one moment, one set, and back together."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite import connection as sqlite_connection
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite import online_backup
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.source import SqliteSource
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.target_file import TargetFile
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, LockHeld, Refused, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.replaced import prune_replaced
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import kept_data
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from tests.integration.files.support import IS_ROOT, House, run_child
from tests.integration.sqlite.support import ACCOUNTS, BALANCE, bank, contents, execute, files_of, query

# Each transaction takes from an account of one database, gives to one of the other, and books it in both.
TELLER = """
    import random, sqlite3, sys, time
    connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
    connection.execute("ATTACH ? AS other", (sys.argv[2],))
    slowest = 0
    print("open", flush=True)
    end = time.time() + float(sys.argv[3])
    while time.time() < end:
        one, other = random.randint(1, 200), random.randint(1, 200)
        amount = random.randint(1, 50)
        begun = time.time()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE main.account SET balance = balance - ? WHERE id = ?", (amount, one))
        connection.execute("UPDATE other.account SET balance = balance + ? WHERE id = ?", (amount, other))
        connection.execute("INSERT INTO main.transfer (amount) VALUES (?)", (amount,))
        connection.execute("INSERT INTO other.transfer (amount) VALUES (?)", (amount,))
        connection.execute("COMMIT")
        slowest = max(slowest, time.time() - begun)
        time.sleep(0.001)
    print(slowest, connection.execute("SELECT count(*) FROM transfer").fetchone()[0], flush=True)
"""


class Pair:
    """Two databases between which money moves, in two directories."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.main, self.other = home / "caja.db", home / "libros" / "libro mayor.db"
        self.other.parent.mkdir()

    @property
    def options(self) -> dict[str, t.Any]:
        """The source."""
        return {"path": str(self.main), "attached": [str(self.other)]}

    def fill(self, journal_modes: t.Sequence[str] = ("delete", "delete"), *, bulk: int = 50) -> None:
        """Make both."""
        for path, mode in zip((self.main, self.other), journal_modes):
            bank(path, mode, bulk=bulk)

    def contents(self) -> list[list[str]]:
        """All of both."""
        return [contents(self.main), contents(self.other)]

    def destroy(self) -> None:
        """Remove every file in both directories."""
        for directory in (self.home, self.other.parent):
            for path in directory.iterdir():
                if path.is_file():
                    path.unlink()

    def files(self) -> dict[str, bytes]:
        """Every file in both directories."""
        return {str(path): path.read_bytes() for path in sorted(self.home.rglob("*")) if path.is_file()}


@pytest.fixture
def pair(home: Path) -> Pair:
    """Two databases, not made yet."""
    return Pair(home)


@contextlib.contextmanager
def teller(pair: Pair, *, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Another process that moves money from one database to the other all the time."""
    program = [sys.executable, "-c", textwrap.dedent(TELLER), str(pair.main), str(pair.other), str(seconds)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()


def sound(paths: t.Sequence[Path]) -> int:
    """How many transfers these databases hold, in which no money was made or lost between them."""
    total = sum(query(path, "SELECT sum(balance) FROM account")[0][0] for path in paths)
    assert total == len(paths) * ACCOUNTS * BALANCE
    booked = {query(path, "SELECT count(*), sum(amount) FROM transfer")[0] for path in paths}
    assert len(booked) == 1, "one has a transfer that the other has not"
    assert all(query(path, "PRAGMA integrity_check") == [("ok",)] for path in paths)
    return int(booked.pop()[0])


def facts_of(dumped: t.Any) -> list[dict[str, t.Any]]:
    """What a set says of each of its databases."""
    facts = dumped.description.engine_facts
    return [facts, *facts["attached"]]


@pytest.mark.parametrize(
    "journal_modes", [("wal", "wal"), ("delete", "delete"), ("wal", "delete")], ids=["wal", "rollback", "mixed"]
)
def test_money_that_moves_between_databases_is_in_all_of_them_or_in_none(
    house: House, pair: Pair, journal_modes: tuple[str, str]
) -> None:
    pair.fill(journal_modes, bulk=5000)
    with teller(pair, seconds=20), teller(pair, seconds=4) as process:
        time.sleep(0.5)
        [(before,)] = query(pair.main, "SELECT count(*) FROM transfer")
        dumped = [house.dump("sqlite", pair.options) for _time in range(2)]
        [(after,)] = query(pair.main, "SELECT count(*) FROM transfer")
        assert process.stdout is not None
        slowest, _total = process.stdout.readline().split()
    assert float(slowest) < 15, "the application had to wait for more than the moment and the copies"
    places = {"path": str(pair.home / "copy.db"), "attached": [str(pair.home / "copy of the other.db")]}
    for one in dumped:
        house.restore(one.set_id, "sqlite", places, replace=True)
        booked = sound([pair.home / "copy.db", pair.home / "copy of the other.db"])
        assert before <= booked <= after, "the set is not of a moment amid the writing"
        before = booked
        for facts, mode in zip(facts_of(one), journal_modes):
            assert (facts["journal_mode"], facts["read_in_place"]) == (mode, mode == "wal")
            assert facts["writers_held_off"] == (mode != "wal")


def test_where_somebody_reads_an_older_moment_a_copy_is_of_the_same_moment(house: House, pair: Pair) -> None:
    pair.fill(("wal", "wal"), bulk=2000)
    with (
        contextlib.closing(sqlite3.connect(pair.other, isolation_level=None)) as reader,
        teller(pair, seconds=10),
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM account").fetchone()
        time.sleep(0.5)
        dumped = house.dump("sqlite", pair.options)
    assert [facts["read_in_place"] for facts in facts_of(dumped)] == [True, False]
    places = {"path": str(pair.home / "copy.db"), "attached": [str(pair.home / "copy of the other.db")]}
    house.restore(dumped.set_id, "sqlite", places)
    assert sound([pair.home / "copy.db", pair.home / "copy of the other.db"]) > 0


def test_both_come_back_to_where_they_were_row_for_row(house: House, pair: Pair, tmp_path: Path) -> None:
    pair.fill(("wal", "delete"))
    execute(pair.other, "CREATE TABLE only_here (x)", "INSERT INTO only_here VALUES ('ñ'), (NULL), (x'00')")
    os.chmod(pair.other, 0o640)
    if IS_ROOT:
        os.chown(pair.other, 1, 2)
    there = pair.contents()
    dumped = house.dump("sqlite", {**pair.options, "content_digest": True})
    assert dumped.description is not None
    assert [file.part for file in dumped.description.payload] == ["database", "attached-001-libro_mayor"]
    assert dumped.description.source_bytes == sum(path.stat().st_size for path in (pair.main, pair.other))
    rows = [sum(facts["rows"].values()) for facts in facts_of(dumped)]
    assert dumped.description.content["rows"] == sum(rows) == 2 * ACCOUNTS + 100 + 3

    pair.destroy()
    predicted = house.restore(dumped.set_id, "sqlite", {"path": str(pair.main)}, check_mode=True)
    assert not pair.files()
    restored = house.restore(dumped.set_id, "sqlite", {"path": str(pair.main)})

    assert restored.target == predicted.target == f"SQLite databases {pair.main} and {pair.other}"
    assert (restored.kept, restored.before.exists) == (None, False)
    assert pair.contents() == there
    assert list(pair.files()) == sorted([str(pair.main), str(pair.other)])
    assert pair.other.stat().st_mode & 0o7777 == 0o640
    assert not IS_ROOT or (pair.other.stat().st_uid, pair.other.stat().st_gid) == (1, 2)
    names = {check.name for check in restored.checks if check.passed}
    assert {"integrity", "content digests", f"{pair.other}: integrity", f"{pair.other}: content digests"} <= names

    house.by_hand(dumped.set_id, tmp_path / "by-hand.db", "TARGET_FILE")
    assert contents(tmp_path / "by-hand.db") == there[0]
    assert contents(tmp_path / "by-hand.db.attached-001-libro_mayor") == there[1]


def test_what_was_replaced_is_kept_and_removed_together(house: House, pair: Pair) -> None:
    pair.fill()
    dumped = house.dump("sqlite", pair.options)
    new = pair.contents()
    for path in (pair.main, pair.other):
        execute(path, "UPDATE account SET balance = -3")
    old = pair.contents()
    with pytest.raises(Refused, match="holds data"):
        house.restore(dumped.set_id, "sqlite", pair.options)
    restored = house.restore(dumped.set_id, "sqlite", pair.options, replace=True)
    assert pair.contents() == new
    assert restored.kept is not None
    kept = [Path(name) for name in restored.kept.split(", ")]
    assert [contents(path) for path in kept] == old
    assert len({path.name.split("__replaced_")[1] for path in kept}) == 1

    kept_files = find_engine("sqlite").kept(pair.options)
    assert sorted(entry.name for entry in kept_files.replaced()) == sorted(map(str, kept))
    aside = pair.other.with_name("aside")
    pair.other.rename(aside)
    assert [error.on for error in kept_data.prune(kept_files, keep_days=0).failures] == [str(pair.other)]
    aside.rename(pair.other)
    note = pair.main.with_name("caja.db__swapping")
    note.touch(0o600)
    (failure, _another) = kept_data.prune(kept_files, keep_days=0).failures
    assert isinstance(failure, LockHeld)
    with pytest.raises(Refused, match="may be from different times"):
        house.dump("sqlite", pair.options)
    note.unlink()
    blank = dict.fromkeys(["database", "path", "attached", "paths", "directory"])
    targets = [{**blank, **pair.options, "name": "caja", "engine": "sqlite"}]
    targets += [{**blank, "name": "vieja", "engine": "sqlite", "path": str(kept[0]), "attached": [str(kept[1])]}]
    report = prune_replaced({"keep_days": 0, "targets": targets}, check_mode=False)
    assert not report.failures
    assert not report.changed, "what another source works in was removed"
    assert len(kept_data.prune(kept_files, keep_days=0).removed) == 2
    assert list(pair.files()) == sorted([str(pair.main), str(pair.other)])


def test_restored_elsewhere_the_others_lie_beside_the_main_one(house: House, pair: Pair) -> None:
    pair.fill()
    dumped = house.dump("sqlite", pair.options)
    there = pair.files()
    elsewhere = pair.home / "elsewhere"
    elsewhere.mkdir()
    house.restore(dumped.set_id, "sqlite", {"path": str(elsewhere / "a.db")})
    assert files_of(elsewhere) == ["a.db", "libro mayor.db"]
    assert [contents(elsewhere / name) for name in files_of(elsewhere)] == pair.contents()
    assert {name: text for name, text in pair.files().items() if not name.startswith(f"{elsewhere}/")} == there

    for wrong, message in (
        ({"path": str(elsewhere / "libro mayor.db")}, "they are one file"),
        ({"path": str(elsewhere / "b.db"), "attached": []}, "it holds 1 attached databases .*and attached names 0"),
        ({"path": str(elsewhere / "b.db"), "attached": [str(elsewhere / "b.db-wal")]}, "a name that the other needs"),
    ):
        with pytest.raises(Refused, match=message):
            house.restore(dumped.set_id, "sqlite", wrong, replace=True)
    assert files_of(elsewhere) == ["a.db", "libro mayor.db"]


def test_one_that_is_open_keeps_all_from_being_replaced(house: House, pair: Pair) -> None:
    pair.fill()
    dumped = house.dump("sqlite", pair.options)
    there = pair.files()
    with (
        contextlib.closing(sqlite3.connect(pair.other)) as connection,
        pytest.raises(Refused, match=rf"{pair.other}.*it is open in process {os.getpid()}"),
    ):
        connection.execute("SELECT count(*) FROM account").fetchone()
        house.restore(dumped.set_id, "sqlite", pair.options, replace=True)
    assert pair.files() == there


def test_a_swap_that_fails_on_the_second_is_taken_back_in_the_first(
    house: House, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.fill()
    dumped = house.dump("sqlite", pair.options)
    execute(pair.main, "UPDATE account SET balance = -3")
    there = pair.files()
    put_in_place = TargetFile.put_in_place

    def fail_on_the_second(file: TargetFile, undo: t.Any) -> None:
        if file.path == str(pair.other):
            assert query(pair.main, "SELECT min(balance) FROM account") == [(BALANCE,)], (
                "the first has not been swapped"
            )
            raise OSError(5, "Input/output error")
        put_in_place(file, undo)

    monkeypatch.setattr(TargetFile, "put_in_place", fail_on_the_second)
    with pytest.raises(BackupError, match="Input/output error") as caught:
        house.restore(dumped.set_id, "sqlite", pair.options, replace=True)
    assert str(pair.other) in caught.value.message
    assert pair.files() == there


def test_a_restore_killed_between_two_swaps_is_taken_back_by_the_next(house: House, pair: Pair, tmp_path: Path) -> None:
    pair.fill()
    dumped = house.dump("sqlite", pair.options)
    new = pair.contents()
    seen = []
    step, touched = 0, False
    while True:
        pair.destroy()
        pair.fill(bulk=20)
        old = pair.contents()
        step += 1
        more = {"die_at": step, "within": "db__", "set": str(dumped.set_id), "replace": True}
        status, answer = run_child(house.job("restore", "sqlite", pair.options, **more))
        if status == 0:
            assert "ok" in answer, answer
            break
        twin = tmp_path / f"after-{step}-{touched}"
        shutil.copytree(pair.home, twin)
        found = [contents(twin / path.relative_to(pair.home)) for path in (pair.main, pair.other)]
        assert found[0] in (old[0], new[0])
        assert found[1] in (old[1], new[1])
        state = (found[0] == new[0], found[1] == new[1])
        half = state == (True, False)
        if half and touched:  # Somebody goes on with the half.
            execute(pair.main, "INSERT INTO transfer (amount) VALUES (77)")
            found[0] = contents(pair.main)
        seen.append(state)
        restored = house.restore(dumped.set_id, "sqlite", pair.options, replace=True)
        assert pair.contents() == new
        assert restored.kept is not None
        kept = [contents(Path(name)) for name in restored.kept.split(", ")]
        left = [name for name in pair.files() if "__replaced_" in name]
        if state == (True, True) or (half and touched):
            assert kept == found
            assert len(left) == (4 if state == (True, True) else 3), "what was there before is lost"
        else:
            assert kept == old, "what was replaced is not together"
            assert len(left) == 2
        assert not any(name.endswith(("__restoring", "__swapping", ".new")) for name in pair.files())
        if half and not touched:
            step, touched = step - 1, True  # Once more.
    assert {(False, False), (True, False), (True, True)} <= set(seen)


def test_a_half_of_what_was_not_there_before_is_no_data_to_be_replaced(house: House, pair: Pair) -> None:
    pair.fill()
    dumped = house.dump("sqlite", pair.options)
    new = pair.contents()

    def killed_at(step: int) -> bool:
        """Whether the first is there then."""
        pair.destroy()
        more = {"die_at": step, "within": "db__", "set": str(dumped.set_id)}
        run_child(house.job("restore", "sqlite", pair.options, **more))
        return pair.main.exists()

    first, last = 1, 100
    while first < last:
        middle = (first + last) // 2
        first, last = (first, middle) if killed_at(middle) else (middle + 1, last)
    assert killed_at(first)
    assert not pair.other.exists()

    house.restore(dumped.set_id, "sqlite", pair.options)
    assert pair.contents() == new
    assert list(pair.files()) == sorted([str(pair.main), str(pair.other)])


def damage(path: Path) -> None:
    """Overwrite a page amid the file."""
    with path.open("r+b") as stream:
        stream.seek(4096 * 20)
        stream.write(os.urandom(4096))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (damage, "it is damaged"),
        (lambda path: path.unlink(), "there is no such file"),
        (lambda path: path.write_bytes(b"nothing" * 100), "does not begin as a SQLite database does"),
    ],
    ids=["damaged", "missing", "something else"],
)
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_one_that_is_no_good_fails_the_dump_with_its_name(
    house: House, pair: Pair, journal_mode: str, harm: Callable[[Path], None], message: str
) -> None:
    pair.fill((journal_mode, journal_mode), bulk=500)
    harm(pair.other)
    with pytest.raises(BackupError, match=message) as caught:
        house.dump("sqlite", pair.options)
    assert str(pair.other) in caught.value.message
    assert not house.sets()
    assert not house.leftovers()
    assert files_of(pair.home) == ["caja.db", "libros"]
    execute(pair.main, "UPDATE account SET balance = 1")


def test_a_file_is_named_once(house: House, pair: Pair) -> None:
    pair.fill()
    (pair.home / "link.db").symlink_to(pair.other)
    (pair.home / "second name.db").hardlink_to(pair.main)
    for attached in ([pair.main], [pair.other, pair.other], [pair.other, pair.home / "link.db"], ["relative.db"]):
        with pytest.raises(Refused, match=r"they are one file|must be absolute"):
            house.dump("sqlite", {"path": str(pair.main), "attached": [str(path) for path in attached]})
    with pytest.raises(Refused, match=r"two names \(hard links\) of one file"):
        house.dump("sqlite", {"path": str(pair.main), "attached": [str(pair.home / "second name.db")]})
    assert not house.sets()


@pytest.mark.parametrize("held", ["main", "other"])
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_one_that_is_locked_is_waited_for_only_so_long_and_nobody_waits_for_us(
    house: House, pair: Pair, monkeypatch: pytest.MonkeyPatch, held: str, journal_mode: str
) -> None:
    monkeypatch.setattr(sqlite_connection, "BUSY_SECONDS", 0.5)
    pair.fill((journal_mode, journal_mode))
    path, free = (pair.main, pair.other) if held == "main" else (pair.other, pair.main)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            BackupError, match=rf"{path}\): it has been locked for over .*open in process {os.getpid()}"
        ):
            house.dump("sqlite", pair.options)
        with contextlib.closing(sqlite3.connect(free, timeout=0)) as writer:
            writer.execute("UPDATE account SET balance = 1")
            writer.commit()
        holder.execute("ROLLBACK")
    assert not house.sets()
    assert not house.leftovers()


# Takes the locks in the other order, and has no patience.
CONTRARY = """
    import sqlite3, sys, time
    first, second = (sqlite3.connect(path, timeout=2, isolation_level=None) for path in sys.argv[1:])
    first.execute("BEGIN IMMEDIATE")
    print("held", flush=True)
    time.sleep(2)
    second.execute("BEGIN IMMEDIATE")
    second.execute("COMMIT")
    first.execute("COMMIT")
"""


def test_an_application_that_locks_in_another_order_does_not_wait_for_us_as_we_for_it(house: House, pair: Pair) -> None:
    pair.fill(("wal", "wal"))
    program = [sys.executable, "-c", textwrap.dedent(CONTRARY), str(pair.other), str(pair.main)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        house.dump("sqlite", pair.options)
    assert process.returncode == 0


def test_copies_that_hold_writers_off_for_too_long_are_given_up(
    house: House, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online_backup, "LOCKED_SECONDS", 0.0)
    pair.fill()
    with pytest.raises(BackupError, match="a copy with writers held off takes over"):
        house.dump("sqlite", pair.options)
    assert not house.leftovers()
    assert list(pair.files()) == sorted([str(pair.main), str(pair.other)])


def test_an_attached_database_that_lost_its_rows_makes_a_set_suspect(house: House, pair: Pair) -> None:
    pair.fill()
    execute(pair.other, "INSERT INTO transfer SELECT id + 1000, 1 FROM account")
    assert house.dump("sqlite", pair.options).suspect is None
    execute(pair.other, *(f"DELETE FROM {table}" for table in ("transfer", "account", "bulk")))
    suspect = house.dump("sqlite", pair.options).suspect
    assert suspect is not None
    assert "rows, less than" in suspect


def lying_set(house: House, pair: Pair, lie: Callable[[dict[str, t.Any]], None]) -> SetId | None:
    """A set that says something else of itself than what was dumped."""
    engine = SqliteSource(pair.options)
    dump = engine.dump

    def lying(*args: t.Any, **more: t.Any) -> t.Any:
        dumped = dump(*args, **more)
        lie(dumped.facts)
        return dumped

    engine.dump = lying  # type: ignore[method-assign]
    request = dataclasses.replace(house.request("sqlite", pair.options), engine=engine)
    return dumping.dump(request).set_id


@pytest.mark.parametrize(
    "lie",
    [
        lambda facts: facts["attached"][0].update(path="libro.db"),
        lambda facts: facts["attached"][0].update(path=facts["path"]),
        lambda facts: facts["attached"][0].update(part="../../x"),
        lambda facts: facts["attached"].append(facts["attached"][0]),
        lambda facts: facts.update(attached=[]),
    ],
    ids=["relative", "twice", "part", "more than there are", "none"],
)
def test_a_hostile_set_is_refused_before_anything_is_touched(
    house: House, pair: Pair, lie: Callable[[dict[str, t.Any]], None]
) -> None:
    pair.fill()
    set_id = lying_set(house, pair, lie)
    there = pair.files()
    with pytest.raises(SetInvalid, match="its description of the database is invalid"):
        house.restore(set_id, "sqlite", pair.options, replace=True)
    assert pair.files() == there


def test_one_that_is_not_what_the_set_says_keeps_all_from_being_replaced(house: House, pair: Pair) -> None:
    pair.fill()
    set_id = lying_set(house, pair, lambda facts: facts["attached"][0]["rows"].update(account=7))
    there = pair.files()
    with pytest.raises(SetInvalid, match=rf"{pair.other}: rows: account: 200, the set says 7"):
        house.restore(set_id, "sqlite", pair.options, replace=True)
    assert pair.files() == there
