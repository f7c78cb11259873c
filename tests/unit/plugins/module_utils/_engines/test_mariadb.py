# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the MariaDB engine needs no server: streams planned, statements told from others, rights, options."""

from __future__ import annotations

import os
import threading
import time
import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.content_digest import digest_rows
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb import objects
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.registration import Mariadb
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.registration import Mysql
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import grants as accounts
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import preflight
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.catalogue import Column, Table
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.digest import join, lines
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.indexes import deferrable
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.objects import write
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.session import unescape
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.streams import plan
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registration import Registration
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

MIB = 1024 * 1024


def _table(name: str, size: int, *, key: str | None = "id", transactional: bool = True) -> Table:
    return Table(name, "InnoDB", size, transactional, (Column("id", "int"),), key)


def _cut(_table: Table, count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_a_large_table_is_cut_up_and_small_ones_share_a_stream() -> None:
    tables = [_table("grande", 900 * MIB), *(_table(f"t{number}", MIB) for number in range(100))]
    streams = plan(tables, 2, _cut)
    assert [piece.condition for stream in streams for piece in stream.pieces if piece.table.name == "grande"] == [
        *"0123"
    ]
    assert sorted(piece.table.name for stream in streams for piece in stream.pieces if piece.condition is None) == (
        sorted(f"t{number}" for number in range(100))
    )
    assert len(streams) <= 8


def test_one_job_has_one_stream() -> None:
    assert len(plan([_table("a", 900 * MIB), _table("b", MIB)], 1, _cut)) == 1


def test_a_table_without_a_number_for_a_key_stays_whole() -> None:
    streams = plan([_table("a", 900 * MIB, key=None), _table("b", 900 * MIB, key=None)], 2, _cut)
    assert [[piece.table.name for piece in stream.pieces] for stream in streams] == [["a"], ["b"]]


def test_locked_tables_come_first_so_that_they_are_free_again_soon() -> None:
    streams = plan([_table("a", 900 * MIB), _table("m", 1, transactional=False)], 2, _cut)
    assert streams[0].locked
    assert [piece.table.name for piece in streams[0].pieces] == ["m"]
    assert not any(stream.locked for stream in streams[1:])


DEFINITIONS = [
    objects.Definition("table", "a b", "CREATE TABLE `a b` (i int)"),
    objects.Definition(
        "view", "v", "CREATE ALGORITHM=UNDEFINED DEFINER=`a`@`%` SQL SECURITY DEFINER VIEW `v` AS SELECT 1"
    ),
    objects.Definition("function", "f", "CREATE DEFINER=`a`@`b` FUNCTION `f`(x int) RETURNS int RETURN 1", "ORACLE"),
    objects.Definition(
        "procedure", "p", "CREATE PROCEDURE `p`() DO 1", database_collations=("latin1_bin", "utf8mb4_general_ci")
    ),
    objects.Definition("package body", "p", 'CREATE DEFINER="a"@"b" PACKAGE BODY "p" AS END', zone="SYSTEM"),
]


def test_definitions_are_read_as_they_were_written() -> None:
    assert objects.read(write(DEFINITIONS), on="set") == DEFINITIONS


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("view", "DROP DATABASE victim"),
        ("view", "CREATE DATABASE `x`"),
        ("function", "CREATE FUNCTION `f` RETURNS STRING SONAME 'x.so'"),
        ("function", "CREATE FUNCTION f RETURNS STRING SONAME 'x(.so'"),
        ("user", "CREATE USER `x`"),
        ("trigger", "CREATE VIEW `v` AS SELECT 1"),
    ],
)
def test_a_definition_of_another_kind_is_refused(kind: str, statement: str) -> None:
    with pytest.raises(SetInvalid, match="statement of another kind"):
        objects.read(write([objects.Definition(kind, "x", statement)]), on="set")


@pytest.mark.parametrize("more", ["DROP DATABASE x;\n", "\\! id\n", "-- table 61\n"])
def test_a_text_with_anything_else_in_it_is_refused(more: str) -> None:
    with pytest.raises(SetInvalid, match="there is no valid statement"):
        objects.read(write(DEFINITIONS) + more, on="set")


def test_a_set_gives_rights_on_its_own_database_only() -> None:
    made = [
        "CREATE USER `a`@`b` IDENTIFIED BY PASSWORD '*00'",
        "GRANT SELECT ON `ledger`.* TO `a`@`b`",
        "GRANT ALL PRIVILEGES ON *.* TO `a`@`b`",
        "GRANT SELECT ON `mysql`.* TO `a`@`b`",
        "GRANT SELECT ON `ledger`.* TO `other`@`b`",
        "GRANT SUPER ON `ledger`.* TO `a`@`b`, `c`@`d`",
        "GRANT EXECUTE ON PROCEDURE `ledger`.`p` TO `a`@`b` WITH GRANT OPTION",
    ]
    place = "`new\\_one`"
    assert accounts.grants(made, (), database="ledger", target="new_one", place=place, for_roles=place) == []
    there = [accounts.Account("a", "b"), accounts.Account("other", "b")]
    assert accounts.grants(made, there, database="ledger", target="new_one", place=place, for_roles=place) == [
        "GRANT SELECT ON `new\\_one`.* TO `a`@`b`",
        "GRANT EXECUTE ON PROCEDURE `new_one`.`p` TO `a`@`b` WITH GRANT OPTION",
    ]


def test_what_is_given_can_be_taken_back() -> None:
    given = "GRANT EXECUTE ON PROCEDURE `new_one`.`p` TO `a`@`b` WITH GRANT OPTION"
    assert accounts.revocation(given) == "REVOKE EXECUTE, GRANT OPTION ON PROCEDURE `new_one`.`p` FROM `a`@`b`"
    with pytest.raises(ValueError, match="no grant"):
        accounts.revocation("DROP DATABASE x")


def test_what_a_client_prints_is_read_as_it_was() -> None:
    assert unescape("a\\tb\\nc\\\\n\\0") == "a\tb\nc\\n\0"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "database was not given"),
        ({"database": "d", "login_host": "h", "login_unix_socket": "/s"}, "were both given"),
        ({"database": "d", "ssl_mode": "prefer"}, "no ssl_mode prefer"),
        ({"database": "d", "login_password": "a\nhost=evil"}, "line break"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, str], why: str) -> None:
    with pytest.raises(Refused, match=why):
        Connection(options)


SHOWN = """CREATE TABLE `t` (
  `id` int(11) NOT NULL{counter},
  `a` varchar(9) DEFAULT ',\n  KEY `x` (`a`)',
  `b``,\n  KEY ` int(11) DEFAULT NULL COMMENT 'KEY `y` (`a`)',
  PRIMARY KEY (`id`),
  UNIQUE KEY `u` (`a`),
{more}  KEY `k,\n  KEY ``z``` (`b``,\n  KEY ` DESC,`a`(3)) COMMENT 'it''s, \\' one',
  FULLTEXT KEY `f` (`a`),
  CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `p` (`a`)
) ENGINE={engine} DEFAULT CHARSET=utf8mb4"""
LAST = "KEY `k,\n  KEY ``z``` (`b``,\n  KEY ` DESC,`a`(3)) COMMENT 'it''s, \\' one'"


@pytest.mark.parametrize(
    ("counter", "more", "engine", "waiting"),
    [
        ("", "", "InnoDB", ["UNIQUE KEY `u` (`a`)", LAST]),
        # One that must be there from the beginning, and so those before it: they stay in their order.
        (" AUTO_INCREMENT", "  KEY `n` (`id`,`a`),\n", "InnoDB", [LAST]),
        ("", "  UNIQUE KEY `h` (`a`) USING HASH,\n", "InnoDB", [LAST]),
        ("", "", "MyISAM", []),
        ("", "", "InnoDB WITH SYSTEM VERSIONING", []),
    ],
)
def test_indexes_that_can_wait_for_the_rows(counter: str, more: str, engine: str, waiting: list[str]) -> None:
    found = deferrable(SHOWN.format(counter=counter, more=more, engine=engine), "t")
    assert ([] if found is None else list(found.definitions)) == waiting


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_those_of_the_stream_wherever_its_pieces_end(size: int) -> None:
    stream = b"one\n\ntwo\\n\n" + b"x" * 50 + b"\nlast\n"
    chunks = iter([*(stream[at : at + size] for at in range(0, len(stream), size)), b""])
    assert list(lines(lambda: next(chunks))) == stream.split(b"\n")[:-1]


def test_the_digest_of_pieces_is_that_of_the_whole() -> None:
    rows = [b"1\ta", b"2\tNULL", b"2\tNULL", b"3\t"]
    pieces = [("t", digest_rows(rows[3:])[1]), ("u", digest_rows([])[1]), ("t", digest_rows(rows[:3])[1])]
    assert join(pieces) == {"t": digest_rows(rows)[1], "u": digest_rows([])[1]}


@pytest.mark.parametrize(
    ("patterns", "closest", "everywhere"),
    [
        ({"web\\_%": {"S", "T"}}, {"S", "T"}, {"S", "T"}),
        ({"web_a": {"S"}}, {"S"}, {"S"}),
        ({"webx%": {"S"}, "WEB\\_a": {"S"}, "web\\_": {"S"}, "eb\\_a": {"S"}}, set(), set()),
        ({"%": {"S", "T"}, "web\\_%": {"T", "U"}}, {"T", "U"}, {"T"}),
        ({"web\\_a": {"S"}, "web\\_%": {"S", "T"}}, {"S"}, {"S"}),
        # Which of two that are as close, nobody can say.
        ({"web_a": {"S", "T"}, "web_%": {"S"}}, {"S"}, {"S"}),
    ],
)
def test_rights_on_patterns_are_those_of_the_closest(
    patterns: dict[str, set[str]], closest: set[str], everywhere: set[str]
) -> None:
    assert accounts.of_patterns(patterns, "web_a") == closest
    assert accounts.of_patterns(patterns, "web_a", closest=False) == everywhere


def test_of_the_files_that_a_server_names_only_plain_ones_are_opened(tmp_path: Path) -> None:
    plain, pipe, link = tmp_path / "plain", tmp_path / "pipe", tmp_path / "link"
    plain.write_text(f"{os.getpid()}\n")
    link.symlink_to(plain)
    os.mkfifo(pipe)
    # This process's own beginning is what one that names its number must have said.
    with open("/proc/self/stat") as stream:
        ticks = int(stream.read().rpartition(")")[2].split()[19])
    with open("/proc/stat") as stream:
        started = next(int(line.split()[1]) for line in stream if line.startswith("btime "))
    started += ticks // os.sysconf("SC_CLK_TCK")
    assert preflight._is_here(str(plain), started)
    assert not preflight._is_here(str(plain), started - 3600)
    assert not preflight._is_here(str(link), started)
    # Whoever opens the pipe for writing waits until somebody opens it for reading.
    writing = threading.Thread(target=lambda: os.close(os.open(pipe, os.O_WRONLY)), daemon=True)
    writing.start()
    time.sleep(0.2)
    assert not preflight._is_here(str(pipe), started)
    time.sleep(0.2)
    assert writing.is_alive()
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
    writing.join(10)


def test_a_host_that_does_not_say_when_it_began_is_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pid").write_text(f"{os.getpid()}\n")
    real = open
    monkeypatch.setattr(
        "builtins.open",
        lambda path, *given, **more: real("/dev/null" if path == "/proc/stat" else path, *given, **more),
    )
    assert not preflight._is_here(str(tmp_path / "pid"), 0)


FACTS = {
    "version": "10.11.6",
    "database": {"name": "d", "character_set": "utf8mb4", "collation": "utf8mb4_bin"},
    "objects": {"base table": 1},
    "row_counts": {"ñ 😀": 1},
    "content_digests": None,
    "sequence_defaults": [["t", "c", "s"]],
    "references": [["d", "t"]],
    "lower_case_table_names": 0,
    "token": "0" * 32,
    "tables": {"t": [["c", "int"]]},
    "history": [],
    "streams": {},
}


@pytest.mark.parametrize("engine", [Mariadb, Mysql])
@pytest.mark.parametrize("name", ["a\0b", "\ud800", "\udc80"])
def test_names_that_no_server_can_have_are_refused(engine: type[Registration], name: str) -> None:
    def check(facts: t.Mapping[str, object]) -> None:
        engine.check_facts(t.cast(Description, SimpleNamespace(engine_facts=facts, payload=[], id="set")))

    check(FACTS)
    for changes in (
        {"row_counts": {name: 1}},
        {"tables": {"comment": [[name, "int"]]}},
        {"database": {**t.cast("dict[str, str]", FACTS["database"]), "name": name}},
        {"references": [["d", name]]},
        {"content_digests": {name: "x"}},
    ):
        with pytest.raises(SetInvalid, match=f"engine_facts.{next(iter(changes))} in its backup.json"):
            check({**FACTS, **changes})
