# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite databases as nobody would think of: random schemas with random values, and their canonical form."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import struct
import typing as t
from pathlib import Path

_NAMES = ["plain", "with space", 'with "quotes"', "ñandú €", "select", "5", "-- comment", "a;b", "line\nbreak", "x'00'"]
_NAMES += ["%s", "[brackets]", "`tick`", "UPPER", "ümlaut", " ", "rowid", "_rowid_", "sqlite", "\\backslash\\", "t\tab"]
_TYPES = [
    "",
    "INTEGER",
    "INT",
    "TEXT",
    "BLOB",
    "REAL",
    "NUMERIC",
    "VARCHAR(10)",
    "DECIMAL(10,5)",
    "BOOLEAN",
    "DATETIME",
]
_STRICT_TYPES = ["INTEGER", "INT", "TEXT", "BLOB", "REAL", "ANY"]
_HAS_STRICT = sqlite3.sqlite_version_info >= (3, 37)


def application(path: Path) -> sqlite3.Connection:
    """A connection with a function and a collation that only the application has."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("app", 1, lambda value: value, deterministic=True)
    connection.create_collation("app", lambda one, other: (one < other) - (one > other))
    connection.text_factory = bytes
    return connection


class RandomDatabase:
    """Makes a database.

    :param seed: the same one makes the same database.
    """

    def __init__(self, path: Path, seed: int) -> None:
        self._random = random.Random(seed)
        self._names = self._random.sample(_NAMES, len(_NAMES))
        self._tables: list[str] = []
        with contextlib.closing(application(path)) as self._connection:
            self._make()

    def _make(self) -> None:
        choose, run = self._random.choice, self._connection.execute
        run("PRAGMA synchronous=OFF")
        run(f"PRAGMA page_size={choose([512, 1024, 4096, 8192, 65536])}")
        run(f"PRAGMA encoding='{choose(['UTF-8', 'UTF-16le', 'UTF-16be'])}'")
        run(f"PRAGMA auto_vacuum={choose([0, 1, 2])}")
        run(f"PRAGMA journal_mode={choose(['wal', 'delete', 'persist', 'truncate'])}")
        run(f"PRAGMA user_version={self._random.randrange(-(2**31), 2**31)}")
        run(f"PRAGMA application_id={self._random.randrange(-(2**31), 2**31)}")
        run("CREATE TABLE kept (id INTEGER PRIMARY KEY AUTOINCREMENT, value)")
        self._fill("kept", ["value"], 30)
        for _number in range(self._random.randrange(1, 6)):
            self._table()
        self._virtual_tables()
        self._views_and_triggers()
        # What was deleted leaves pages free, and half-filled ones.
        for table in self._tables:
            run(f"DELETE FROM {table} WHERE {self._random.choice(['1', 'random() % 2', '0', '0'])}")

    def _table(self) -> None:
        strict = _HAS_STRICT and self._random.random() < 0.3
        columns = [_quote(name) for name in self._random.sample(_NAMES, self._random.randrange(1, 7))]
        computed = self._random.random() < 0.4
        definitions = [self._column(column, strict) for column in columns]
        options = ["STRICT"] if strict else []
        if self._random.random() < 0.3:
            key = ", ".join(f"{column} {self._random.choice(['', 'DESC'])}" for column in columns[:2])
            definitions.append(f"PRIMARY KEY ({key})")
            options.append("WITHOUT ROWID")
        elif self._random.random() < 0.3:
            definitions.append(f"UNIQUE ({', '.join(columns[-2:])}) ON CONFLICT IGNORE")
        if computed:
            kind = self._random.choice(["VIRTUAL", "STORED"])
            expression = self._random.choice(
                [f"typeof({columns[0]})", f"length({columns[0]}) || 'x'", f"app({columns[0]})"]
            )
            definitions.insert(
                len(columns), f"computed {'ANY' if strict else ''} GENERATED ALWAYS AS ({expression}) {kind}"
            )
        name = _quote(self._names.pop())
        self._connection.execute(f"CREATE TABLE {name} ({', '.join(definitions)}) {', '.join(options)}")
        self._tables.append(name)
        self._fill(name, columns, self._random.choice([0, 1, 10, 200]))
        for number in range(self._random.randrange(3)):
            key = self._random.choice(
                [columns[0], f"{columns[-1]} DESC", f"{columns[0]} COLLATE NOCASE", f"{columns[0]} COLLATE app",
                 f"typeof({columns[-1]})", f"app({columns[0]})"]
            )  # fmt: skip
            where = self._random.choice(["", f"WHERE {columns[0]} IS NOT NULL", f"WHERE app({columns[0]}) > 1"])
            self._connection.execute(f"CREATE INDEX {_quote(f'index {number} of {name}')} ON {name} ({key}) {where}")

    def _column(self, name: str, strict: bool) -> str:
        choose = self._random.choice
        kind = choose(_STRICT_TYPES if strict else _TYPES)
        rule = choose(["", "", "", "NOT NULL", "DEFAULT 'it''s'", "DEFAULT (app(1))", "COLLATE NOCASE", "COLLATE app",
                       f"CHECK (typeof({name}) <> 'nothing')", f"CHECK (app({name}) IS NOT 'never')",
                       "REFERENCES kept (id)", "REFERENCES nowhere (at_all)"])  # fmt: skip
        return f"{name} {kind} {rule}"

    def _fill(self, table: str, columns: t.Sequence[str], count: int) -> None:
        marks = ", ".join("?" for _column in columns)
        statement = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        for _row in range(count):
            # A value that a type or a rule refuses is one less.
            with contextlib.suppress(sqlite3.IntegrityError):
                self._connection.execute(statement, [self._value() for _column in columns])

    def _value(self) -> t.Any:
        source = self._random
        kind = source.randrange(8)
        if kind == 0:
            return None
        if kind == 1:
            return source.choice([0, 1, -1, 2**63 - 1, -(2**63), source.randrange(-(2**40), 2**40)])
        if kind == 2:
            return struct.unpack(">d", bytes(source.randrange(256) for _byte in range(8)))[0]
        if kind == 3:
            return bytes(source.randrange(256) for _byte in range(source.choice([0, 1, 20, 5000])))
        if kind == 4:
            return source.choice([0.0, 1.5, float("inf"), -float("inf"), 1e-320, 3.0])
        size = source.choice([0, 1, 10, 3000])
        return "".join(source.choice("aZ09 ñ€𝄞\n\t\"'\\\x00\x1b%") for _character in range(size))

    def _virtual_tables(self) -> None:
        run = self._connection.execute
        modules = {name.decode() for (name,) in run("PRAGMA module_list")}
        if "fts5" in modules and self._random.random() < 0.7:
            more = self._random.choice(["", ", content=''", ", content=kept, content_rowid=id", ", prefix='2 3'"])
            run(f"CREATE VIRTUAL TABLE words USING fts5(value{more})")
            run("INSERT INTO words (rowid, value) VALUES (1, 'el veloz murciélago hindú'), (2, 'comía feliz')")
        if "fts4" in modules and self._random.random() < 0.5:
            run(f"CREATE VIRTUAL TABLE older USING fts4(value{self._random.choice(['', ', matchinfo=fts3'])})")
            run("INSERT INTO older VALUES ('cardillo y kiwi'), ('otro')")
        if "rtree" in modules and self._random.random() < 0.5:
            run("CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1)")
            for number in range(self._random.randrange(60)):
                run("INSERT INTO boxes VALUES (?, 1, 2, 3, ?)", (number, number + 4))
        run("PRAGMA writable_schema=ON")
        for name, changed in {"words": "value, tokenize='app'", "older": "value, tokenize=app"}.items():
            if self._random.random() < 0.3:
                run("UPDATE sqlite_master SET sql = replace(sql, 'value', ?) WHERE name = ?", (changed, name))
        run("PRAGMA writable_schema=OFF")

    def _views_and_triggers(self) -> None:
        run = self._connection.execute
        for view in self._random.sample(
            ["SELECT * FROM kept", "SELECT * FROM nothing_at_all", "SELECT app(value) FROM kept", "SELECT no_such(1)",
             "SELECT value COLLATE app AS v FROM kept ORDER BY v", "VALUES (1, 2)",
             "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"],
            3,
        ):  # fmt: skip
            run(f"CREATE VIEW {_quote(f'view {view[:20]}')} AS {view}")
        for event in self._random.sample(["INSERT", "UPDATE", "DELETE"], self._random.randrange(3)):
            body = self._random.choice(
                ["SELECT app(1)", "DELETE FROM nothing_at_all", "UPDATE kept SET value = 1 WHERE 0"]
            )
            run(f"CREATE TRIGGER on_{event} AFTER {event} ON kept BEGIN {body}; END")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def canonical(path: Path) -> list[t.Any]:
    """Everything that is in a database, as its application sees it: settings, schema, and rows with their classes."""
    with contextlib.closing(application(path)) as connection:
        found: list[t.Any] = [
            (pragma, connection.execute(f"PRAGMA {pragma}").fetchone())
            for pragma in ("page_size", "encoding", "auto_vacuum", "user_version", "application_id", "freelist_count")
        ]
        schema = connection.execute(
            "SELECT type, name, tbl_name, sql, rootpage FROM sqlite_master ORDER BY rowid"
        ).fetchall()
        found += schema
        for kind, name, _table, _sql, root in schema:
            if kind == b"table" and root:
                rows = connection.execute(f"SELECT * FROM {_quote(name.decode())}").fetchall()
                found.append((name, [[(type(value).__name__, repr(value)) for value in row] for row in rows]))
        return found
