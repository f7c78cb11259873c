# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite databases, in use and left by killed applications: dumped, destroyed, restored, compared row by row."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import shutil
import sqlite3
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite import connection as sqlite_connection
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite import source_file
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.connection import SIDECARS
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.source import SqliteSource
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from tests.integration.files.support import IS_ROOT, House, run_child, small_file_system, stub
from tests.integration.sqlite.support import (
    ACCOUNTS,
    BALANCE,
    bank,
    contents,
    execute,
    files_of,
    left_by_a_killed_application,
    query,
    teller,
)


@pytest.mark.parametrize("journal_mode", ["wal", "delete", "truncate", "persist"])
@pytest.mark.parametrize(("page_size", "encoding"), [(512, "UTF-8"), (4096, "UTF-16le"), (65536, "UTF-8")])
def test_every_row_and_every_setting_comes_back(
    house: House, home: Path, journal_mode: str, page_size: int, encoding: str
) -> None:
    database = home / "año 'nuevo' %20?#.db"
    execute(
        database,
        f"PRAGMA page_size={page_size}",
        f"PRAGMA encoding='{encoding}'",
        f"PRAGMA journal_mode={journal_mode}",
        "PRAGMA user_version=42",
        "PRAGMA application_id=-7",
        'CREATE TABLE "odd ""name"" ñ" (a, b TEXT COLLATE NOCASE, c GENERATED ALWAYS AS (typeof(a) || b) STORED)',
        "CREATE TABLE pairs (k TEXT, v BLOB, PRIMARY KEY (k, v)) WITHOUT ROWID",
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, parent REFERENCES counted (id))",
        "CREATE TABLE vacant (x)",
        "CREATE UNIQUE INDEX partial ON pairs (k) WHERE v IS NOT NULL AND k > 'z'",
        'CREATE VIEW seen AS SELECT a FROM "odd ""name"" ñ"',
        "CREATE TRIGGER quiet AFTER INSERT ON vacant BEGIN DELETE FROM vacant; END",
        "CREATE VIRTUAL TABLE words USING fts5(text)",
        "INSERT INTO words VALUES ('el veloz murciélago hindú')",
    )
    with contextlib.closing(sqlite3.connect(database)) as connection:
        odd: list[t.Any] = [None, 2**63 - 1, -(2**63), 1e308, float("inf"), "", "\x00nul", "línea\n", b"", "€" * 3000]
        odd.append(b"\xff" * 5000)
        connection.executemany('INSERT INTO "odd ""name"" ñ" (a, b) VALUES (?, ?)', [(a, b) for a in odd for b in "xy"])
        connection.executemany("INSERT INTO pairs VALUES (?, ?)", [(str(i), bytes([i])) for i in range(256)])
        connection.executemany("INSERT INTO counted (parent) VALUES (?)", [(i or None,) for i in range(100)])
        connection.execute("DELETE FROM counted WHERE id > 90")
        connection.commit()
        rows = connection.execute('SELECT rowid, *, typeof(a) FROM "odd ""name"" ñ"').fetchall()
        everything = list(connection.iterdump())
    os.chmod(database, 0o640)
    if IS_ROOT:
        os.chown(database, 1, 2)

    dumped = house.dump("sqlite", {"path": str(database)})
    for name in os.listdir(home):
        os.unlink(home / name)
    restored = house.restore(dumped.set_id, "sqlite", {"path": str(database)})

    assert files_of(home) == [database.name]
    assert (restored.kept, restored.before.exists) == (None, False)
    assert database.stat().st_mode & 0o7777 == 0o640
    assert not IS_ROOT or (database.stat().st_uid, database.stat().st_gid) == (1, 2)
    assert query(database, 'SELECT rowid, *, typeof(a) FROM "odd ""name"" ñ"') == rows
    assert contents(database) == everything
    assert query(database, "SELECT * FROM words WHERE words MATCH 'murciélago'") == [("el veloz murciélago hindú",)]
    assert query(database, "PRAGMA journal_mode") == [("wal" if journal_mode == "wal" else "delete",)]
    settings = {"page_size": page_size, "encoding": encoding, "user_version": 42, "application_id": -7}
    for pragma, value in settings.items():
        assert query(database, f"PRAGMA {pragma}") == [(value,)]


def test_a_wal_database_in_use_is_one_moment_and_its_writers_go_on(house: House, home: Path) -> None:
    database = home / "bank.db"
    bank(database, "wal")
    before = query(database, "SELECT count(*) FROM transfer")[0][0]
    with teller(database, seconds=3) as process:
        time.sleep(0.3)
        dumped = house.dump("sqlite", {"path": str(database)})
        assert process.stdout is not None
        slowest, total = process.stdout.readline().split()
    assert float(slowest) < 1, "a writer had to wait for the copy"
    house.restore(dumped.set_id, "sqlite", {"path": str(home / "copy.db")})

    assert query(home / "copy.db", "SELECT sum(balance) FROM account") == [(ACCOUNTS * BALANCE,)]
    [(booked,)] = query(home / "copy.db", "SELECT count(*) FROM transfer")
    assert before < booked < int(total), "the copy is not of a moment amid the writing"
    assert dumped.description is not None
    assert dumped.description.engine_facts["restarts"] == 0
    assert not dumped.description.engine_facts["writers_held_off"]


def test_a_rollback_database_that_is_written_to_all_the_time_is_one_moment(house: House, home: Path) -> None:
    database = home / "bank.db"
    bank(database, "delete")
    with teller(database, seconds=4, pause=0.005) as process:
        dumped = house.dump("sqlite", {"path": str(database)})
        assert process.stdout is not None
        slowest, _total = process.stdout.readline().split()
    assert float(slowest) < 5
    house.restore(dumped.set_id, "sqlite", {"path": str(home / "copy.db")})

    assert query(home / "copy.db", "SELECT sum(balance) FROM account") == [(ACCOUNTS * BALANCE,)]
    assert query(home / "copy.db", "PRAGMA integrity_check") == [("ok",)]
    assert dumped.description is not None
    assert dumped.description.engine_facts["restarts"] > 0


@pytest.mark.parametrize(
    ("journal_mode", "script"),
    [
        ("wal", "for i in range(500): connection.execute('INSERT INTO transfer (amount) VALUES (1)')"),
        (
            "delete",
            """
            connection.execute('PRAGMA cache_size=5')
            connection.execute('BEGIN')
            connection.execute('UPDATE bulk SET text = upper(text) || 1')
            connection.execute('DELETE FROM account')
            """,
        ),
    ],
    ids=["a write-ahead log", "a rollback journal of a half-written transaction"],
)
def test_what_a_killed_application_left_is_dumped_as_it_would_be_read(
    house: House, home: Path, journal_mode: str, script: str
) -> None:
    database = home / "bank.db"
    bank(database, journal_mode, bulk=2000)
    left_by_a_killed_application(database, script)
    assert set(files_of(home)) & {"bank.db-wal", "bank.db-journal"}
    twin = home / "twin"
    twin.mkdir()
    for name in os.listdir(home):
        if name.startswith("bank.db"):
            shutil.copyfile(home / name, twin / name)
    expected = contents(twin / "bank.db")

    dumped = house.dump("sqlite", {"path": str(database)})
    house.restore(dumped.set_id, "sqlite", {"path": str(home / "copy.db")})

    assert contents(home / "copy.db") == expected


@pytest.mark.parametrize(
    ("journal_mode", "script"),
    [
        ("wal", 'connection.execute("UPDATE account SET balance = -1")'),
        (
            "delete",
            """
            connection.execute('PRAGMA cache_size=5')
            connection.execute('BEGIN')
            connection.execute('UPDATE bulk SET text = text || 1')
            connection.execute('UPDATE account SET balance = -2')
            """,
        ),
    ],
    ids=["wal", "hot journal"],
)
@pytest.mark.parametrize("damage", [False, True], ids=["sound", "damaged"])
def test_journals_of_the_old_database_are_never_applied_to_the_new(
    house: House, home: Path, journal_mode: str, script: str, damage: bool
) -> None:
    database = home / "bank.db"
    bank(database, journal_mode, bulk=2000)
    expected = contents(database)
    dumped = house.dump("sqlite", {"path": str(database)})
    left_by_a_killed_application(database, script)
    old = {name: (home / name).read_bytes() for name in os.listdir(home)}
    assert set(old) & {"bank.db-wal", "bank.db-journal"}
    if damage:
        database.write_bytes(b"no database at all" * 300)

    with pytest.raises(Refused, match="holds data"):
        house.restore(dumped.set_id, "sqlite", {"path": str(database)})
    assert {name: (home / name).read_bytes() for name in os.listdir(home)} == {
        **old,
        "bank.db": database.read_bytes(),
    }
    restored = house.restore(dumped.set_id, "sqlite", {"path": str(database)}, replace=True)

    assert contents(database) == expected
    assert restored.kept is not None
    if damage:
        assert Path(restored.kept).read_bytes().startswith(b"no database")
        assert Path(restored.kept + ("-wal" if journal_mode == "wal" else "-journal")).exists()
    else:
        minimum = query(Path(restored.kept), "SELECT min(balance) FROM account")
        assert minimum == [(-1 if journal_mode == "wal" else BALANCE,)], "the old database lost what its journal held"
    assert [name for name in files_of(home) if "replaced" not in name] == ["bank.db"]


def test_a_database_that_somebody_has_open_is_not_replaced(house: House, home: Path) -> None:
    database = home / "bank.db"
    bank(database, "wal", bulk=10)
    dumped = house.dump("sqlite", {"path": str(database)})
    with teller(database, seconds=60, pause=1) as process, pytest.raises(Refused) as caught:
        house.restore(dumped.set_id, "sqlite", {"path": str(database)}, replace=True)
    assert f"open in process {process.pid} (python" in caught.value.message
    assert "bank.db__restoring" not in files_of(home)
    house.restore(dumped.set_id, "sqlite", {"path": str(database)}, replace=True)


def test_a_locked_database_is_waited_for_only_so_long(
    house: House, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connection, "BUSY_SECONDS", 0.5)
    database = home / "bank.db"
    bank(database, "delete", bulk=10)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BackupError, match=rf"locked for over .*open in process {os.getpid()}"):
            house.dump("sqlite", {"path": str(database)})
        holder.execute("ROLLBACK")
    assert not house.sets()
    assert not house.leftovers()
    assert files_of(home) == ["bank.db"]


def damage_a_page(path: Path) -> None:
    """Overwrite the middle of the file."""
    with open(path, "r+b") as stream:
        stream.seek(path.stat().st_size // 8192 * 4096)
        stream.write(os.urandom(4096))


def lose_an_index_entry(path: Path) -> None:
    """Make an index and its table disagree."""
    execute(path, "CREATE INDEX by_text ON bulk (text)", "CREATE TABLE hidden AS SELECT * FROM sqlite_master")
    execute(path, "PRAGMA writable_schema=ON", "DELETE FROM sqlite_master WHERE name = 'by_text'")
    execute(path, "UPDATE bulk SET text = 'Changed' WHERE id = 5")
    execute(path, "PRAGMA writable_schema=ON",
            "INSERT INTO sqlite_master SELECT * FROM hidden WHERE name = 'by_text'")  # fmt: skip


def cut(path: Path) -> None:
    """Lose the last third."""
    os.truncate(path, path.stat().st_size // 3 * 2)


def encrypt(path: Path) -> None:
    """What an encrypted database looks like: nothing."""
    path.write_bytes(random.Random(3).randbytes(path.stat().st_size))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (damage_a_page, "it is damaged"),
        (lose_an_index_entry, "it is damaged: .*missing from index|it is damaged: .*index"),
        (cut, "it is damaged"),
        (encrypt, "does not begin as a SQLite database does"),
        (lambda path: path.unlink(), "there is no such file"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    ],
    ids=["page", "index", "cut", "encrypted", "missing", "directory"],
)
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_damaged_database_is_no_backup(
    house: House, home: Path, journal_mode: str, harm: Callable[[Path], None], message: str
) -> None:
    database = home / "bank.db"
    bank(database, journal_mode, bulk=2000)
    good = house.dump("sqlite", {"path": str(database)})
    harm(database)
    there = files_of(home)

    with pytest.raises(BackupError, match=message) as caught:
        house.dump("sqlite", {"path": str(database)})

    assert str(database) in caught.value.message
    assert house.sets() == [good.set_id]
    assert not house.leftovers()
    assert files_of(home) == there


def test_rows_that_break_rules_are_data_and_come_back(house: House, home: Path) -> None:
    database = home / "rules.db"
    execute(
        database,
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent (id), n CHECK (n > 0))",
        "PRAGMA ignore_check_constraints=ON",
        "INSERT INTO child VALUES (1, 99, -5), (2, 98, 5)",
    )
    dumped = house.dump("sqlite", {"path": str(database)})
    assert dumped.description is not None
    facts = dumped.description.engine_facts
    assert (facts["rules_broken"], facts["foreign_key_violations"]) == (1, 2)
    assert len(dumped.description.warnings) == 2
    house.restore(dumped.set_id, "sqlite", {"path": str(home / "again.db")})
    assert contents(home / "again.db") == contents(database)


def test_a_link_to_a_database_is_followed(house: House, home: Path) -> None:
    bank(home / "bank.db", "wal", bulk=10)
    (home / "link.db").symlink_to("bank.db")
    dumped = house.dump("sqlite", {"path": str(home / "link.db")})
    assert dumped.description is not None
    assert dumped.description.engine_facts["path"] == str(home / "bank.db")


def test_an_empty_file_is_an_empty_database_and_an_empty_target(house: House, home: Path) -> None:
    (home / "empty.db").touch()
    dumped = house.dump("sqlite", {"path": str(home / "empty.db")})
    house.restore(dumped.set_id, "sqlite", {"path": str(home / "empty.db")})
    bank(home / "bank.db", "delete", bulk=10)
    full = house.dump("sqlite", {"path": str(home / "bank.db")})
    restored = house.restore(full.set_id, "sqlite", {"path": str(home / "empty.db")})
    assert restored.before.empty
    assert contents(home / "empty.db") == contents(home / "bank.db")


def test_the_copy_never_has_a_name(house: House, home: Path, tmp_path: Path) -> None:
    bank(home / "bank.db", "wal", bulk=2000)
    seen = tmp_path / "seen"
    with stub(tmp_path / "bin", "zstd", f'[ "$1" = --version ] || ls -A {home} > {seen}\nexec REAL "$@"'):
        house.dump("sqlite", {"path": str(home / "bank.db")})
    assert [name for name in seen.read_text().split() if not name.startswith("bank.db")] == []


@pytest.mark.skipif(not IS_ROOT, reason="mounting a small file system needs root")
def test_a_full_scratch_directory_is_told_and_leaves_nothing(
    house: House, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = home / "bank.db"
    bank(database, "delete", bulk=30_000)
    with small_file_system(tmp_path / "scratch", "8m") as scratch:
        options = {"path": str(database), "scratch_directory": str(scratch)}
        with pytest.raises(BackupError, match="bytes are free in"):
            house.dump("sqlite", options)
        # Enough when it was looked at, and taken by somebody else since.
        monkeypatch.setattr(source_file, "check_scratch", lambda _files: None)
        with pytest.raises(BackupError, match=rf"no more room in {scratch} \(.*full"):
            house.dump("sqlite", options)
        assert os.listdir(scratch) == []
    assert not house.sets()
    assert not house.leftovers()


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_dump_killed_anywhere_leaves_no_set_and_no_data(house: House, home: Path, journal_mode: str) -> None:
    database = home / "bank.db"
    bank(database, journal_mode, bulk=200)
    everything = contents(database)
    step = 0
    while True:
        step += 1
        job = house.job("dump", "sqlite", {"path": str(database)}, die_at=step, within=str(house.base.parent))
        status, answer = run_child(job)
        if status == 0:
            break
        assert not house.sets()
        for name in files_of(home):
            if not name.startswith("bank.db"):
                assert not any(path.stat().st_size for path in (home / name).rglob("*")), "a copy with a name"
        assert contents(database) == everything
    assert step > 5
    assert "ok" in answer
    assert not house.leftovers()
    for stale in home.glob(".bank.db.copy-*"):
        os.utime(stale, (0, 0))
    house.dump("sqlite", {"path": str(database)})
    assert files_of(home) == ["bank.db"]


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_restore_killed_anywhere_leaves_the_old_or_the_new(house: House, home: Path, journal_mode: str) -> None:
    database = home / "bank.db"
    bank(database, journal_mode, bulk=200)
    new = contents(database)
    dumped = house.dump("sqlite", {"path": str(database)})
    step = 0
    while True:
        for path in home.iterdir():
            path.unlink()
        bank(database, journal_mode, bulk=100)
        left_by_a_killed_application(database, "connection.execute('INSERT INTO transfer (amount) VALUES (77)')")
        shutil.copytree(home, home.parent / f"twin-{step}")
        old = contents(home.parent / f"twin-{step}" / "bank.db")
        step += 1
        more = {"die_at": step, "within": str(home), "set": str(dumped.set_id), "replace": True}
        job = house.job("restore", "sqlite", {"path": str(database)}, **more)
        status, _answer = run_child(job)
        if status == 0:
            break
        twin = home.parent / f"after-{step}"
        shutil.copytree(home, twin)
        found = contents(twin / "bank.db")
        assert found in (old, new)
        kept = [name for name in files_of(home) if "__replaced_" in name and not name.endswith(SIDECARS)]
        if found == new:
            assert contents(twin / kept[0]) == old
        restored = house.restore(dumped.set_id, "sqlite", {"path": str(database)}, replace=True)
        assert contents(database) == new
        assert restored.kept is not None
        assert contents(Path(restored.kept)) == found
        assert not any(path.samefile(database) for path in home.iterdir() if path != database)
        assert not any("__restoring" in name for name in files_of(home))
    assert step > 5


def test_it_is_restored_by_hand(house: House, home: Path) -> None:
    bank(home / "bank.db", "wal", bulk=1000)
    dumped = house.dump("sqlite", {"path": str(home / "bank.db")})
    house.by_hand(dumped.set_id, home / "by-hand.db", "TARGET_FILE")
    assert contents(home / "by-hand.db") == contents(home / "bank.db")


def everything(path: Path) -> None:
    """A database with every kind of value and of table."""
    execute(
        path,
        "CREATE TABLE typed (value, twice GENERATED ALWAYS AS (value || value) VIRTUAL)",
        "CREATE TABLE pairs (k TEXT, v BLOB, PRIMARY KEY (k, v)) WITHOUT ROWID",
        "CREATE TABLE named (rowid TEXT, oid REAL, _rowid_ BLOB)",
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        'CREATE TABLE "odd ""name"" ñ" (x)',
        "CREATE TABLE vacant (x)",
        "CREATE VIRTUAL TABLE words USING fts5(text)",
        "INSERT INTO words VALUES ('el veloz murciélago hindú'), ('otro')",
        "INSERT INTO counted DEFAULT VALUES",
    )
    with contextlib.closing(sqlite3.connect(path)) as connection:
        odd: list[t.Any] = [None, 2**63 - 1, -(2**63), 1, 1.0, "1", b"1", float("inf"), -float("inf"), float("nan")]
        odd += [5e-324, 0.1, "", b"", "\x00nul\x00", b"\x00", "línea\n", b"\xff" * 5000]
        connection.executemany("INSERT INTO typed VALUES (?)", [(value,) for value in odd])
        connection.execute("INSERT INTO typed VALUES (CAST(x'ff00fe' AS TEXT))")  # A text that is no UTF-8.
        connection.executemany("INSERT INTO pairs VALUES (?, ?)", [(str(i), bytes([i])) for i in range(256)])
        connection.executemany("INSERT INTO named VALUES (?, ?, ?)", [("a", 0.5, b"b"), ("a", 0.5, b"b")])
        connection.execute('INSERT INTO "odd ""name"" ñ" VALUES (1)')
        connection.commit()


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16be"])
def test_a_restored_table_is_proven_to_hold_what_was_dumped(house: House, home: Path, encoding: str) -> None:
    database = home / "typed.db"
    execute(database, f"PRAGMA encoding='{encoding}'")
    everything(database)
    dumped = house.dump("sqlite", {"path": str(database), "content_digest": True})
    assert dumped.description is not None
    digests = dumped.description.engine_facts["content_digests"]
    assert {"typed", "pairs", "named", "counted", 'odd "name" ñ', "vacant", "words_content", "words_data"} <= set(
        digests
    )
    assert "words" not in digests  # A virtual table's rows are those of its own tables.
    assert all(digest.startswith("sha256-sum:") for digest in digests.values())
    assert digests == house_digests(house, home, database)

    restored = house.restore(dumped.set_id, "sqlite", {"path": str(home / "again.db")})
    (check,) = (check for check in restored.checks if check.name == "content digests")
    assert check.passed
    assert check.detail == f"{len(digests)} tables hold exactly what was dumped"


def house_digests(house: House, home: Path, database: Path) -> dict[str, str]:
    """The digests of the same rows in another order on the disk."""
    copy = home / "vacuumed.db"
    execute(database, f"VACUUM INTO '{copy}'")
    dumped = house.dump("sqlite", {"path": str(copy), "content_digest": True}, source="vacuumed")
    assert dumped.description is not None
    return t.cast("dict[str, str]", dumped.description.engine_facts["content_digests"])


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE typed SET value = 1.0 WHERE rowid = 4", "typed"),
        ("UPDATE typed SET value = '1' WHERE rowid = 7", "typed"),
        ("UPDATE typed SET value = -value WHERE rowid = 8", "typed"),
        ("UPDATE typed SET value = CAST(x'ff00ff' AS TEXT) WHERE value = CAST(x'ff00fe' AS TEXT)", "typed"),
        ("UPDATE typed SET rowid = 1000 WHERE rowid = 1", "typed"),
        ("UPDATE pairs SET v = x'00' WHERE k = '7'", "pairs"),
        ("UPDATE named SET _rowid_ = 'b' WHERE oid = 0.5", "named"),
    ],
)
def test_as_many_rows_with_one_other_value_are_other_content(house: House, home: Path, change: str, table: str) -> None:
    database = home / "typed.db"
    everything(database)
    dumped = house.dump("sqlite", {"path": str(database), "content_digest": True})
    execute(database, change)
    changed = house.dump("sqlite", {"path": str(database), "content_digest": True}, source="changed")
    assert dumped.description is not None
    assert changed.description is not None
    before, after = dumped.description.engine_facts, changed.description.engine_facts
    assert before["rows"] == after["rows"]
    differing = {name for name in before["content_digests"]
                 if before["content_digests"][name] != after["content_digests"][name]}  # fmt: skip
    assert differing == {table}


def test_a_database_that_is_not_what_its_digests_say_does_not_replace_anything(house: House, home: Path) -> None:
    database = home / "typed.db"
    everything(database)
    engine = SqliteSource({"path": str(database), "content_digest": True})
    dump = engine.dump

    def lying(*args: t.Any, **more: t.Any) -> t.Any:
        dumped = dump(*args, **more)
        dumped.facts["content_digests"]["typed"] = "sha256-sum:" + "0" * 64
        return dumped

    engine.dump = lying  # type: ignore[method-assign]
    request = dataclasses.replace(house.request("sqlite", {"path": str(database)}), engine=engine)
    made = dumping.dump(request)
    with pytest.raises(SetInvalid, match="content digests: the content differs in typed"):
        house.restore(made.set_id, "sqlite", {"path": str(home / "again.db")})
    assert files_of(home) == ["typed.db"]


def test_rows_that_only_the_application_can_compute_have_no_digest(house: House, home: Path) -> None:
    database = home / "app.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.create_function("secret", 1, lambda value: value, deterministic=True)
        connection.execute("CREATE TABLE plain (x)")
        connection.execute("CREATE TABLE needy (x, y GENERATED ALWAYS AS (secret(x)) VIRTUAL)")
        connection.execute("INSERT INTO needy VALUES (1)")
    dumped = house.dump("sqlite", {"path": str(database), "content_digest": True})
    assert dumped.description is not None
    assert dumped.description.engine_facts["content_digests"]["needy"] is None
    assert any("needy" in warning and "content digest" in warning for warning in dumped.description.warnings)
    restored = house.restore(dumped.set_id, "sqlite", {"path": str(home / "again.db")})
    assert all(check.passed for check in restored.checks)
