# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sqlite engine reads of SQLite's files by itself."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.connection import open_plain
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.in_place import has_log
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.inspect import Found
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.set_files import schema_names
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.super_journal import super_journal

MAGIC = bytes.fromhex("d9d505f920a163d7")
NAME = "/srv/año.db-mj0123ABCD9".encode()


def tail(name: bytes, *, length: int | None = None, total: int | None = None) -> bytes:
    """The end of a journal that names a super-journal."""
    signed = sum(byte - 256 if byte > 127 else byte for byte in name) % 2**32
    numbers = (len(name) if length is None else length, signed if total is None else total)
    return name + b"".join(number.to_bytes(4, "big") for number in numbers) + MAGIC


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"pages" * 100 + tail(NAME), NAME.decode()),
        (b"pages" * 100, None),
        (b"", None),
        (MAGIC, None),
        (b"\0" * 16, None),
        (tail(b""), None),
        (tail(NAME, total=1), None),
        (tail(NAME, length=len(NAME) + 1), None),
        (tail(NAME, length=2**32 - 1), None),
        (tail(NAME)[:-1], None),
        (tail(b"a\0b"), "a\0b"),
        (tail(NAME, total=sum(NAME)), NAME.decode()),
    ],
)
def test_the_super_journal_is_what_the_journals_end_names(tmp_path: Path, content: bytes, expected: str | None) -> None:
    journal = tmp_path / "a.db-journal"
    journal.write_bytes(content)
    assert super_journal(str(journal)) == expected


def test_no_journal_names_nothing(tmp_path: Path) -> None:
    assert super_journal(str(tmp_path / "a.db-journal")) is None


def test_what_is_no_file_is_neither_opened_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.db-journal")
    assert super_journal(str(tmp_path / "a.db-journal")) is None
    with pytest.raises(OSError, match="not a regular file"):
        open_plain(str(tmp_path / "a.db-journal"))


@pytest.mark.parametrize(("journal_mode", "expected"), [("wal", True), ("delete", False), ("persist", False)])
def test_whether_a_database_has_a_log_stands_in_its_header(tmp_path: Path, journal_mode: str, expected: bool) -> None:
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal_mode}")
        connection.execute("CREATE TABLE a (b)")
    assert has_log(path.read_bytes()[:100]) is expected
    assert not has_log(b"")


@pytest.mark.parametrize(
    ("originals", "expected"),
    [
        (["/srv/libro.db", "/srv/ventas.2026.sqlite"], ["libro", "ventas.2026"]),
        (["/a/libro.db", "/b/Libro.sqlite"], ["libro", "attached2"]),
        (["/a/main.db", "/a/TEMP"], ["attached1", "attached2"]),
        (["/a/attached2.db", "/a/main.db"], ["attached2", "attached2_"]),
        (["/a/line\nbreak.db", "/a/byte\udcff.db"], ["attached1", "attached2"]),
        (["/a/año nuevo", "/a/.db"], ["año nuevo", ".db"]),
    ],
)
def test_queries_know_attached_databases_by_names_that_are_theirs_alone(
    originals: list[str], expected: list[str]
) -> None:
    assert schema_names(originals) == expected
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for name in expected:
            connection.execute("ATTACH ':memory:' AS ?", (name,))


@pytest.mark.parametrize("stage", ['SELECT count(*) FROM "a"', "SELECT rowid, * FROM", "PRAGMA foreign_key_check"])
def test_a_look_that_is_ended_passes_nothing_over(tmp_path: Path, stage: str) -> None:
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, b REFERENCES a)")
        connection.executemany("INSERT INTO a (b) VALUES (?)", [(1,)] * 999)
        connection.commit()
        reached: list[str] = []
        connection.set_trace_callback(lambda said: reached.append(said) if said.startswith(stage) else None)
        connection.set_progress_handler(lambda: int(bool(reached)), 1)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            Found.read(connection, digests=True)
