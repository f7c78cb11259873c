# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database full of what only its application has: dumped and restored on hosts whose SQLite differs."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sqlite3
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import kept_data
from tests.integration.files.support import House, run_child

DEFINITIONS = {
    "words": "CREATE VIRTUAL TABLE words USING fts5(text, tokenize='signal_tokenizer')",
    "older": "CREATE VIRTUAL TABLE older USING fts4(text, tokenize=collating)",
    "places": "CREATE VIRTUAL TABLE places USING SpatialIndex(id)",
}


def application(path: Path) -> sqlite3.Connection:
    """A connection of the application."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("secret", 1, lambda value: value, deterministic=True)
    connection.create_collation("icu_root", lambda one, other: (one < other) - (one > other))
    return connection


def make(path: Path) -> None:
    """Tokenizers, a module, collations and functions, wherever a schema can name them."""
    with contextlib.closing(application(path)) as connection:
        connection.executescript("""
            CREATE VIRTUAL TABLE words USING fts5(text);
            CREATE VIRTUAL TABLE older USING fts4(text);
            CREATE VIRTUAL TABLE places USING rtree(id, low, high);
            CREATE TABLE person (name TEXT COLLATE icu_root PRIMARY KEY, upper AS (secret(name))) WITHOUT ROWID;
            CREATE TABLE album (title TEXT COLLATE icu_root UNIQUE, year CHECK (secret(year) > 0), owner);
            CREATE TABLE song (title REFERENCES album (title), length AS (secret(title)) VIRTUAL);
            CREATE INDEX by_secret ON album (secret(title)) WHERE secret(year) <> 1;
            CREATE VIEW seen AS SELECT secret(title) COLLATE icu_root AS t FROM album ORDER BY t COLLATE icu_root;
            CREATE TRIGGER noted AFTER INSERT ON song BEGIN SELECT secret(new.title); END;
            CREATE TABLE plain (id INTEGER PRIMARY KEY, text);
            INSERT INTO words VALUES ('el veloz murciélago'), ('hindú');
            INSERT INTO older VALUES ('comía feliz'), ('cardillo');
            INSERT INTO places VALUES (1, 2, 3);
            INSERT INTO person VALUES ('Zoe'), ('Ana');
            INSERT INTO album VALUES ('uno', 1990, 'Ana'), ('dos', 1991, 'Zoe');
            INSERT INTO song VALUES ('uno'), ('dos');
            INSERT INTO plain (text) VALUES ('a'), ('b'), ('c');
            PRAGMA writable_schema=ON;
        """)
        for name, sql in DEFINITIONS.items():
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, name))


def contents(path: Path) -> list[object]:
    """Everything, as the application sees it."""
    with contextlib.closing(application(path)) as connection:
        found: list[object] = list(connection.execute("SELECT * FROM sqlite_master ORDER BY name"))
        for table in ("person", "album", "song", "seen", "plain", "words_content", "older_content", "places_node"):
            found += [table, *connection.execute(f"SELECT * FROM {table}")]
        return found


@pytest.mark.parametrize("restores_newer", [False, True], ids=["restored by its own", "restored by a newer SQLite"])
@pytest.mark.parametrize("dumps_newer", [False, True], ids=["dumped by its own", "dumped by a newer SQLite"])
def test_a_database_of_an_application_is_dumped_and_restored_in_full(
    house: House, home: Path, dumps_newer: bool, restores_newer: bool
) -> None:
    if (dumps_newer or restores_newer) and importlib.util.find_spec("pysqlite3") is None:
        pytest.skip("there is no newer SQLite here")
    database = home / "app.db"
    make(database)
    expected = contents(database)
    options = {"path": str(database), "content_digest": True}
    _status, dumped = run_child(house.job("dump", "sqlite", options), newer_sqlite=dumps_newer)
    assert "ok" in dumped, dumped
    [set_id] = house.sets()
    description = json.loads((house.set_path(set_id) / "backup.json").read_text())
    [warning] = [line for line in description["warnings"] if line.startswith("not examined")]
    always = ["places: no such module: SpatialIndex", "album: ", "person: ", "its foreign keys: "]
    for named in [*always, *(["words: ", "older: "] if dumps_newer else [])]:
        assert named in warning
    assert description["content"]["rows"] > 10
    digests = description["engine_facts"]["content_digests"]
    assert digests["plain"]
    assert digests["album"]
    assert digests["song"] is None

    database.unlink()
    job = house.job("restore", "sqlite", {"path": str(database)}, set=str(set_id))
    _status, restored = run_child(job, newer_sqlite=restores_newer)
    assert "ok" in restored, restored
    told = " ".join(restored["ok"])
    assert ("words: " in told) == (restores_newer and not dumps_newer)
    assert contents(database) == expected


@pytest.mark.parametrize(
    ("view", "removed"),
    [("SELECT 1 AS t", 1), ("SELECT secret(1, 2) COLLATE nowhere AS t", 1), ("SELECT t FROM", 0)],
    ids=["sound", "of the application", "damaged"],
)
def test_what_was_replaced_stays_while_the_live_schema_is_damaged(
    house: House, home: Path, view: str, removed: int
) -> None:
    database = home / "app.db"
    make(database)
    dumped = house.dump("sqlite", {"path": str(database)})
    house.restore(dumped.set_id, "sqlite", {"path": str(database)}, replace=True)
    with contextlib.closing(application(database)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'seen'", (f"CREATE VIEW seen AS {view}",))
    pruned = kept_data.prune(find_engine("sqlite").kept({"path": str(database)}), keep_days=0)
    assert len(pruned.removed) == removed
    assert ["cannot be read" in error.why for error in pruned.failures] == [True] * (1 - removed)
