# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite databases that need what only their application has: told from damage, whichever SQLite looks at them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.comparison import compare, warnings_of
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.connection import connect
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.inspect import Found, distrust
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.integrity import writer_of

# From here on integrity_check asks virtual tables too.
ASKS_VIRTUAL_TABLES = sqlite3.sqlite_version_info >= (3, 44)
NEWER = 9_999_999


def application(path: Path) -> sqlite3.Connection:
    """A connection with what only the application has."""
    connection = sqlite3.connect(path, isolation_level=None)
    for name in ("secret", "regexp", "match"):
        connection.create_function(name, -1, lambda *values: values[0], deterministic=True)
    connection.create_function("lower", 1, lambda value: f"<{value}>", deterministic=True)
    for name in ("app", "nocase"):
        connection.create_collation(name, lambda one, other: (one < other) - (one > other))
    return connection


def make(path: Path, *statements: str, definitions: dict[str, str] | None = None) -> None:
    """A database of the application.

    :param definitions: what stands in its schema in the end: name to SQL.
    """
    with contextlib.closing(application(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute("CREATE TABLE beside (id INTEGER PRIMARY KEY, x TEXT)")
        connection.execute("INSERT INTO beside (x) VALUES ('a'), ('b')")
        connection.execute("PRAGMA writable_schema=ON")
        for name, sql in (definitions or {}).items():
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, name))


def look(path: Path, *, writer: int | None = None) -> Found:
    """What is in it, as a dump looks at it."""
    number = writer_of(path.read_bytes()) if writer is None else writer
    with contextlib.closing(connect(str(path), "rw")) as connection:
        distrust(connection)
        connection.execute("BEGIN")
        return Found.read(connection, digests=True, writer=number)


WORDS = "INSERT INTO f (x) VALUES ('hola mundo')"
ROWS = "INSERT INTO t (a) VALUES ('x'), ('y')"
# What needs the application: how it is made, what its schema says in the end, and which objects are named.
NEEDY: dict[str, tuple[list[str], dict[str, str], set[str]]] = {
    "tokenizer of fts3": (
        ["CREATE VIRTUAL TABLE f USING fts3(x)", WORDS],
        {"f": "CREATE VIRTUAL TABLE f USING fts3(x, tokenize=apptok)"},
        {"f"} if ASKS_VIRTUAL_TABLES else set(),
    ),
    "tokenizer of fts4": (
        ["CREATE VIRTUAL TABLE f USING fts4(x)", WORDS],
        {"f": "CREATE VIRTUAL TABLE f USING fts4(x, tokenize=apptok 'a' 'b')"},
        {"f"} if ASKS_VIRTUAL_TABLES else set(),
    ),
    "tokenizer of fts5": (
        ["CREATE VIRTUAL TABLE f USING fts5(x)", WORDS],
        {"f": "CREATE VIRTUAL TABLE f USING fts5(x, tokenize='apptok b')"},
        {"f"} if ASKS_VIRTUAL_TABLES else set(),
    ),
    "compression of fts4": (
        ["CREATE VIRTUAL TABLE f USING fts4(x)", WORDS],
        {"f": "CREATE VIRTUAL TABLE f USING fts4(x, compress=secret, uncompress=secret)"},
        {"f"} if ASKS_VIRTUAL_TABLES else set(),
    ),
    "content of fts4 in a view with a function": (
        ["CREATE TABLE doc (id INTEGER PRIMARY KEY, x)", "CREATE VIEW v AS SELECT id AS rowid, secret(x) AS x FROM doc",
         "CREATE VIRTUAL TABLE f USING fts4(x, content=v)", "INSERT INTO doc VALUES (1, 'hola')",
         "INSERT INTO f (rowid, x) VALUES (1, 'hola')"],
        {},
        {"f"} if ASKS_VIRTUAL_TABLES else set(),
    ),
    "module": (
        ["CREATE VIRTUAL TABLE f USING fts5(x)"],
        {"f": 'CREATE VIRTUAL TABLE f USING "SpatialIndex"(x)'},
        {"f"},
    ),
    "collation of an index": (["CREATE TABLE t (a)", "CREATE INDEX i ON t (a COLLATE app)", ROWS], {}, {"t"}),
    "collation of a primary key": (["CREATE TABLE t (a COLLATE app PRIMARY KEY) WITHOUT ROWID", ROWS], {}, {"t"}),
    "collation of a foreign key": (
        ["CREATE TABLE p (a TEXT COLLATE app PRIMARY KEY)", "CREATE TABLE t (a REFERENCES p (a))",
         "INSERT INTO p VALUES ('x'), ('y')", ROWS],
        {},
        {"p", "its foreign keys"},
    ),
    "collation of a rule": (["CREATE TABLE t (a, CHECK (a COLLATE app <> 'q'))", ROWS], {}, {"t"}),
    "function of an index": (["CREATE TABLE t (a)", "CREATE INDEX i ON t (secret(a))", ROWS], {}, {"t"}),
    "function of a partial index": (
        ["CREATE TABLE t (a)", "CREATE INDEX i ON t (a) WHERE secret(a) > 1", ROWS], {}, {"t"}),
    "function of a rule": (["CREATE TABLE t (a CHECK (secret(a) <> 'q'))", ROWS], {}, {"t"}),
    "REGEXP in a rule": (["CREATE TABLE t (a CHECK ((a REGEXP 'x') IS NOT NULL))", ROWS], {}, {"t"}),
    "MATCH in a rule": (["CREATE TABLE t (a)", ROWS], {"t": "CREATE TABLE t (a CHECK (a MATCH 'x'))"}, set()),
    "function with other arguments": (["CREATE TABLE t (a)", "CREATE INDEX i ON t (abs(a))", ROWS],
                                      {"i": "CREATE INDEX i ON t (abs(a, 1, 2))"}, {"its schema"}),
    "own function of a known name": (
        ["CREATE TABLE t (a)", "CREATE UNIQUE INDEX i ON t (lower(a))", ROWS], {}, {"i"}),
    "own collation of a known name": (
        ["CREATE TABLE t (a COLLATE NOCASE)", "CREATE INDEX i ON t (a)", ROWS, "INSERT INTO t (a) VALUES ('m'), ('n')"],
        {},
        {"i"},
    ),
    "content of fts4 that has changed": (
        ["CREATE TABLE doc (id INTEGER PRIMARY KEY, x)", "CREATE VIRTUAL TABLE f USING fts4(x, content=doc)",
         "INSERT INTO doc VALUES (1, 'hola')"],
        {},
        {"f"} if ASKS_VIRTUAL_TABLES else set(),
    ),
    "content of fts4 that is not kept": (
        ["CREATE VIRTUAL TABLE f USING fts4(x, content='')", "INSERT INTO f (rowid, x) VALUES (1, 'hola')"],
        {},
        {"f"} if ASKS_VIRTUAL_TABLES else set(),
    ),
    "function of a stored column": (["CREATE TABLE t (a, b AS (secret(a)) STORED)", ROWS], {}, set()),
    "function of a computed column": (["CREATE TABLE t (a, b AS (secret(a)))", ROWS], {}, set()),
    "function of a computed column with a rule": (["CREATE TABLE t (a, b AS (secret(a)) NOT NULL)", ROWS], {}, {"t"}),
    "function of a default": (
        ["CREATE TABLE t (a, b DEFAULT (secret(1)))", "INSERT INTO t VALUES ('x', 1)"], {}, set()),
    "function of a view": (["CREATE TABLE t (a)", "CREATE VIEW v AS SELECT secret(a) FROM t"], {}, set()),
    "function of a trigger": (
        ["CREATE TABLE t (a)", "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT secret(1); END"], {}, set()),
    "syntax of a newer SQLite": (
        ["CREATE TABLE t (a)", "CREATE VIEW v AS SELECT a FROM t", ROWS],
        {"v": "CREATE VIEW v AS SELECT a FROM t ANTI SEMI JOIN u"},
        {"its schema"},
    ),
    "table option of a newer SQLite": (
        ["CREATE TABLE t (a)", ROWS], {"t": "CREATE TABLE t (a) NOVEL"}, {"its schema"}),
}  # fmt: skip


@pytest.mark.parametrize("need", NEEDY)
def test_what_only_the_application_has_is_no_damage_and_is_named(tmp_path: Path, need: str) -> None:
    statements, definitions, named = NEEDY[need]
    path = tmp_path / "app.db"
    make(path, *statements, definitions=definitions)
    found = look(path, writer=NEWER if "newer" in need else None)
    assert found.damage == []
    assert found.rules_broken == 0
    assert named <= set(found.not_examined)
    assert found.rows["beside"] == 2
    assert found.digests is not None
    assert found.digests["beside"] is not None
    for name in found.not_examined:
        [warning] = [warning for warning in found.warnings() if warning.startswith("not examined")]
        assert f"{name}: " in warning
    # The same, restored.
    facts = {**found.facts()}
    assert [check for check in compare(facts, found) if not check.passed] == []
    assert warnings_of(facts, found) == []


@pytest.mark.parametrize("need", NEEDY)
def test_what_this_host_cannot_examine_is_no_difference_to_what_another_host_dumped(tmp_path: Path, need: str) -> None:
    statements, definitions, named = NEEDY[need]
    path = tmp_path / "app.db"
    make(path, *statements, definitions=definitions)
    found = look(path, writer=NEWER if "newer" in need else None)
    facts = {**found.facts(), "not_examined": {}, "foreign_key_violations": 0, "rules_broken": 0}
    for table in found.not_counted:
        facts["rows"] = {**facts["rows"], table: 2}
    facts["content_digests"] = {table: digest or "sha256-sum:0" for table, digest in (found.digests or {}).items()}
    assert [check for check in compare(facts, found) if not check.passed] == []
    told = " ".join(warnings_of(facts, found))
    assert all(f"{name}: " in told for name in named)


@pytest.mark.parametrize(
    ("need", "column"),
    [("collation of an index", "a COLLATE app"), ("function of a rule", "a"), ("function of an index", "secret(a)")],
)
def test_damage_of_what_needs_the_application_is_found_all_the_same(tmp_path: Path, need: str, column: str) -> None:
    path = tmp_path / "app.db"
    make(path, *NEEDY[need][0], f"CREATE INDEX IF NOT EXISTS more ON t ({column})")
    with contextlib.closing(application(path)) as connection:
        connection.execute("WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
                           " INSERT INTO t (a) SELECT hex(randomblob(40)) FROM n")  # fmt: skip
        [[size]] = connection.execute("PRAGMA page_size").fetchall()
        [[root]] = connection.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 't'"
                                      " ORDER BY name DESC LIMIT 1").fetchall()  # fmt: skip
    with open(path, "r+b") as stream:
        stream.seek((root - 1) * size + 12)
        stream.write(b"\xff" * 40)
    assert look(path).damage != []


DAMAGED_KEYS = {
    "NOCASE": ("CREATE TABLE t (a TEXT COLLATE NOCASE UNIQUE)", None),
    "RTRIM": ("CREATE TABLE t (a)", "CREATE INDEX i ON t (a COLLATE RTRIM)"),
    "lower()": ("CREATE TABLE t (a)", "CREATE INDEX i ON t (upper(a), a)"),
    "partial": ("CREATE TABLE t (a COLLATE NOCASE)", "CREATE INDEX i ON t (a) WHERE (a) IS NOT NULL"),
    "partial by another column": ("CREATE TABLE t (a COLLATE NOCASE, b)", "CREATE INDEX i ON t (a) WHERE b IS NULL"),
    "without rowid": (
        "CREATE TABLE t (a COLLATE NOCASE, b INTEGER PRIMARY KEY) WITHOUT ROWID", "CREATE INDEX i ON t (a)"),
    "collation of the application": ("CREATE TABLE t (a COLLATE app UNIQUE)", None),
    "beside an index of the application": (
        "CREATE TABLE t (a, x AS (1), CHECK (secret(1)))", "CREATE INDEX i ON t (a COLLATE NOCASE)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED_KEYS)
def test_a_damaged_key_is_damage_whatever_the_order_of_the_index(tmp_path: Path, kind: str) -> None:
    """The count of the entries is right, and none is out of its place."""
    path = tmp_path / "app.db"
    table, index = DAMAGED_KEYS[kind]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_collation("app", lambda one, other: (one < other) - (one > other))
        connection.create_function("secret", -1, lambda *_values: 1, deterministic=True)
        connection.execute(table)
        if index:
            connection.execute(index)
        more = ", b" if "without" in kind else ""
        for number in range(30):
            values = f"'Usuario{number:02}z'" + (f", {number}" if more else "")
            connection.execute(f"INSERT INTO t (a{more}) VALUES ({values})")
        [[root]] = connection.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index'").fetchall()
        [[size]] = connection.execute("PRAGMA page_size").fetchall()
    assert look(path).damage == []
    data = bytearray(path.read_bytes())
    wanted = b"USUARIO17Z" if "()" in kind else b"Usuario17z"
    place = data.index(wanted, (root - 1) * size)
    assert place < root * size
    data[place + 9] ^= 1
    path.write_bytes(data)
    found = look(path)
    assert found.damage != []
    assert found.not_examined.keys() <= {"t"}


def test_what_may_be_damage_of_an_index_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    make(path, *NEEDY["own function of a known name"][0])
    [warning] = [warning for warning in look(path).warnings() if warning.startswith("not examined")]
    assert "or the index is damaged (REINDEX" in warning


def test_findings_that_sqlite_does_not_tell_hide_no_damage(tmp_path: Path) -> None:
    """Of a table by itself it tells no more than a hundred."""
    path = tmp_path / "app.db"
    make(
        path,
        "CREATE TABLE t (a, b TEXT COLLATE NOCASE)",
        "CREATE INDEX z ON t (b)",
        "CREATE INDEX own ON t (lower(a))",
        "CREATE TABLE needy (a CHECK (secret(a) <> 'q'))",
        "WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 150)"
        " INSERT INTO t SELECT 'A' || i, 'texto' || i FROM n",
    )
    found = look(path)
    assert found.damage == []
    assert {"own", "needy"} <= set(found.not_examined)
    with contextlib.closing(application(path)) as connection:
        [[root]] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'z'").fetchall()
        [[size]] = connection.execute("PRAGMA page_size").fetchall()
    data = bytearray(path.read_bytes())
    place = data.index(b"texto77", (root - 1) * size)
    assert place < root * size
    data[place + 5] ^= 8
    path.write_bytes(data)
    assert look(path).damage != []


@pytest.mark.parametrize("need", ["collation of an index", "module", "tokenizer of fts5", "syntax of a newer SQLite"])
def test_damage_beside_what_needs_the_application_is_found(tmp_path: Path, need: str) -> None:
    statements, definitions, _named = NEEDY[need]
    path = tmp_path / "app.db"
    make(path, *statements, "CREATE TABLE torn (a, b)", "CREATE INDEX torn_by_a ON torn (a)",
         "INSERT INTO torn VALUES (1, 2)", definitions=definitions)  # fmt: skip
    with contextlib.closing(application(path)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        [row] = connection.execute("SELECT * FROM sqlite_master WHERE name = 'torn_by_a'").fetchall()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'torn_by_a'")
    with contextlib.closing(application(path)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("INSERT INTO torn VALUES (3, 4)")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
    found = look(path, writer=NEWER if "newer" in need else None)
    assert any("torn_by_a" in finding for finding in found.damage)
    [check] = compare(found.facts(), found)
    assert (check.name, check.passed) == ("integrity", False)
    assert check.detail.startswith("it is damaged: ")
    assert "torn_by_a" in check.detail


@pytest.mark.parametrize(
    "sql", ["CREATE VIEW v AS SELECT a FROM t ANTI SEMI JOIN u", "CREATE TABLE other (a)", "CREATE VIEW v AS \x01"]
)
def test_a_schema_of_nonsense_that_no_newer_sqlite_wrote_is_damage(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "app.db"
    make(path, "CREATE TABLE t (a)", "CREATE VIEW v AS SELECT a FROM t", definitions={"v": sql})
    with pytest.raises(sqlite3.DatabaseError, match="malformed database schema"):
        look(path)


def test_a_row_that_breaks_a_rule_counts_beside_what_cannot_be_examined(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    make(path, *NEEDY["function of a rule"][0], "CREATE TABLE strange (n CHECK (n > 0))",
         "PRAGMA ignore_check_constraints=ON", "INSERT INTO strange VALUES (-1), (1)")  # fmt: skip
    found = look(path)
    assert (found.rules_broken, found.damage) == (1, [])
    assert set(found.not_examined) == {"t"}


@pytest.mark.parametrize("collation", ["icu root", "ñ", "a-b", "x'y"])
def test_a_collation_may_have_any_name(tmp_path: Path, collation: str) -> None:
    path = tmp_path / "app.db"
    make(path, "CREATE TABLE t (a UNIQUE)", ROWS, definitions={"t": f'CREATE TABLE t (a COLLATE "{collation}" UNIQUE)'})
    found = look(path)
    assert found.damage == []
    assert set(found.not_examined) == {"t"}


def test_a_newer_sqlite_judges_alike() -> None:
    if importlib.util.find_spec("pysqlite3") is None or sqlite3.__name__ != "sqlite3":
        pytest.skip("the development environment brings another SQLite, where there is one for the machine")
    program = (
        "import sys, pysqlite3; sys.modules['sqlite3'] = pysqlite3; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "-q", "-p", "no:xdist", "--no-cov", "-k", "not newer", __file__],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stdout[-4000:]
