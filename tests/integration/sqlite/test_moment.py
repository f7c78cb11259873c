# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which moment of a database a set holds, where it was read, and how storing and checking end each other."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.inspect import Found
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible
from tests.integration.files.support import IS_ROOT, House, small_file_system, stub
from tests.integration.sqlite.support import ACCOUNTS, BALANCE, bank, contents, execute, files_of, query, teller

# Tries to bring the log into the database and to begin it anew, without ever waiting for readers.
CHECKPOINTER = """
    import sqlite3, sys, time
    connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
    print("open", flush=True)
    while True:
        for mode in ("PASSIVE", "FULL", "RESTART", "TRUNCATE"):
            try:
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            except sqlite3.OperationalError:
                pass
            time.sleep(0.002)
"""
SLOW = '[ "$1" = --version ] || sleep {}\nexec REAL "$@"'


@contextlib.contextmanager
def checkpointer(path: Path) -> Iterator[None]:
    """Another process that runs checkpoints all the time."""
    program = [sys.executable, "-c", textwrap.dedent(CHECKPOINTER), str(path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield
        finally:
            process.kill()


def facts_of(dumped: t.Any) -> dict[str, t.Any]:
    """What a set says of its database."""
    assert dumped.description is not None
    return t.cast("dict[str, t.Any]", dumped.description.engine_facts)


def test_a_wal_database_is_one_moment_though_writers_and_checkpoints_never_rest(
    house: House, home: Path, tmp_path: Path
) -> None:
    database = home / "bank.db"
    bank(database, "wal", bulk=5000)
    log = home / "bank.db-wal"
    with teller(database, seconds=20), teller(database, seconds=20), checkpointer(database):
        time.sleep(0.5)
        [(before,)] = query(database, "SELECT count(*) FROM transfer")
        # The file is read when much has been written since.
        late = f'[ "$1" = --version ] || {{ sleep 2; stat -c %s {log} > {tmp_path}/size; }}\nexec REAL "$@"'
        with stub(tmp_path / "bin", "zstd", late):
            dumped = house.dump("sqlite", {"path": str(database)})
        [(after,)] = query(database, "SELECT count(*) FROM transfer")
    facts = facts_of(dumped)
    assert facts["read_in_place"]
    assert (facts["restarts"], facts["writers_held_off"]) == (0, False)
    house.restore(dumped.set_id, "sqlite", {"path": str(home / "copy.db")})

    assert query(home / "copy.db", "SELECT sum(balance) FROM account") == [(ACCOUNTS * BALANCE,)]
    assert query(home / "copy.db", "PRAGMA integrity_check") == [("ok",)]
    [(booked,)] = query(home / "copy.db", "SELECT count(*) FROM transfer")
    assert before <= booked < after, "the set is not of a moment amid the writing"
    # What was written meanwhile, and no more, stayed in the log; and it is brought into the database afterwards.
    assert int((tmp_path / "size").read_text()) > 100_000
    assert query(database, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0
    assert not log.exists()


def test_an_older_reader_does_not_keep_a_wal_database_from_being_dumped(house: House, home: Path) -> None:
    database = home / "bank.db"
    bank(database, "wal", bulk=500)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM account").fetchone()
        execute(database, "UPDATE account SET balance = 7")
        dumped = house.dump("sqlite", {"path": str(database)})
        assert not facts_of(dumped)["read_in_place"]
    house.restore(dumped.set_id, "sqlite", {"path": str(home / "copy.db")})
    assert query(home / "copy.db", "SELECT min(balance), max(balance) FROM account") == [(7, 7)]
    assert query(home / "copy.db", "PRAGMA journal_mode") == [("wal",)]
    assert contents(home / "copy.db") == contents(database)


def test_only_the_database_is_read_where_its_file_is_longer(house: House, home: Path) -> None:
    database = home / "bank.db"
    bank(database, "wal", bulk=500)
    size = database.stat().st_size
    with database.open("ab") as stream:
        stream.write(b"left over" * 1000)
    dumped = house.dump("sqlite", {"path": str(database)})
    assert facts_of(dumped)["read_in_place"]
    assert facts_of(dumped)["bytes"] == size
    house.restore(dumped.set_id, "sqlite", {"path": str(home / "copy.db")})
    assert (home / "copy.db").read_bytes() == database.read_bytes()[:size]


@pytest.mark.skipif(not IS_ROOT, reason="mounting a small file system needs root")
def test_a_wal_database_needs_space_for_a_copy_only_where_it_is_copied(
    house: House, home: Path, tmp_path: Path
) -> None:
    database = home / "bank.db"
    bank(database, "wal", bulk=10_000)
    with (
        small_file_system(tmp_path / "scratch", "1m") as scratch,
        contextlib.closing(sqlite3.connect(database, isolation_level=None)) as reader,
    ):
        options = {"path": str(database), "scratch_directory": str(scratch)}
        house.dump("sqlite", options)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM account").fetchone()
        execute(database, "UPDATE account SET balance = 7")
        with pytest.raises(BackupError, match="bytes are free in"):
            house.dump("sqlite", options)
    assert len(house.sets()) == 1
    assert not house.leftovers()


def test_a_file_that_is_written_to_past_the_locks_is_no_backup(house: House, home: Path, tmp_path: Path) -> None:
    database = home / "bank.db"
    bank(database, "wal", bulk=500)
    harm = f'[ "$1" = --version ] || printf x | dd of={database} conv=notrunc bs=1 seek=200000 status=none'
    with (
        stub(tmp_path / "bin", "zstd", f'sleep 0.1; {harm}\nexec REAL "$@"'),
        pytest.raises(BackupError, match=r"ignoring SQLite's locks|it is damaged"),
    ):
        house.dump("sqlite", {"path": str(database)})
    assert not house.sets()
    assert not house.leftovers()


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_damage_that_is_found_ends_the_storing(house: House, home: Path, tmp_path: Path, journal_mode: str) -> None:
    database = home / "bank.db"
    bank(database, journal_mode, bulk=500)
    with database.open("r+b") as stream:
        stream.seek(4096 * 20)
        stream.write(os.urandom(4096))
    begun = time.monotonic()
    with stub(tmp_path / "bin", "zstd", SLOW.format(60)), pytest.raises(BackupError, match="it is damaged"):
        house.dump("sqlite", {"path": str(database)})
    assert time.monotonic() - begun < 30
    assert not house.sets()
    assert not house.leftovers()
    assert files_of(home) == ["bank.db"]


def look_forever(connection: sqlite3.Connection, **_options: object) -> Found:
    """What a look at a very large database is like."""
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
    ).fetchone()
    return Found()


def test_storing_that_fails_ends_the_look(
    house: House, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank(home / "bank.db", "wal", bulk=500)
    monkeypatch.setattr(Found, "read", look_forever)
    failing = '[ "$1" = --version ] && exec REAL "$@"; sleep 0.5; echo no more >&2; exit 3'
    with stub(tmp_path / "bin", "zstd", failing), pytest.raises(BackupError, match="zstd ended with exit status 3: no"):
        house.dump("sqlite", {"path": str(home / "bank.db")})
    assert not house.leftovers()


def test_being_told_to_stop_ends_the_look(house: House, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank(home / "bank.db", "wal", bulk=500)
    monkeypatch.setattr(Found, "read", look_forever)
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(Interrupted), interruptible("back up", on="bank"):
        house.dump("sqlite", {"path": str(home / "bank.db")})
    assert not house.sets()
    assert not house.leftovers()
    assert files_of(home) == ["bank.db"]
