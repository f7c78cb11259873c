# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the values of MariaDB and MySQL as they were, as far as it needs no server."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.content_digest import digest_rows
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb import settings
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.catalogue import VersionedTable
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.objects import (
    Definition,
    without_lost_sequences,
)
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.rows import load
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.session import SETTINGS, Session
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import settings as mysql_settings
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import events
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import virtual_columns as virtual
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.as_written import warning_in
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.catalogue import Column
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.digest import LinesDigest
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.settings import statement
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.statement_text import with_digits


def test_commands_by_hand_begin_with_the_settings_of_the_module() -> None:
    """One statement, with what only newer servers know as comments that they execute."""
    said = statement([*settings.SETTINGS, *settings.LOADING])
    assert said.startswith(SETTINGS.partition(" /*")[0])
    assert "ALLOW_INVALID_DATES" in said
    assert said.endswith(" /*M!101106 , note_verbosity = 'basic' */")
    assert "\n" not in said
    for found in (settings.SETTINGS, mysql_settings.BY_HAND):
        names = [setting.name for setting in found]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("said", "warning"),
    [
        ("0\n", None),
        ("2\nWarning\t1265\tData truncated for column 'a' at row 1\n", "Data truncated for column 'a' at row 1"),
        ("7\n", "values were changed by loading them"),
        ("", "values were changed by loading them"),
    ],
)
def test_a_warning_is_heard_whatever_the_server_keeps_of_it(said: str, warning: str | None) -> None:
    assert warning_in(said) == warning


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_lines_in_pieces_have_the_digest_of_the_lines(size: int) -> None:
    rows = [b"1\ta", b"", b"\\N", b"x" * 50]
    data = b"".join(row + b"\n" for row in rows)
    digest = LinesDigest()
    for start in range(0, len(data), size):
        digest.feed(memoryview(data)[start : start + size])
    assert digest.text() == digest_rows(rows)[1]


def test_a_counter_is_assigned_where_anything_is() -> None:
    counter, number, bits = ["id", "auto_increment"], ["n", "int"], ["b", "bit"]
    assert load("t", [counter, number], path="f").endswith("(`id`, `n`)")
    assert load("t", [counter, bits], path="f").endswith("(@v0, @v1) SET `id` = @v0, `b` = CAST(@v1 AS UNSIGNED)")


def test_bytes_that_are_no_characters_become_digits() -> None:
    shown = b"CREATE TABLE `t'x` (\n `a` binary(3) DEFAULT '\x91\\0''',\n `b` varchar(9) DEFAULT '\xc3\xb1\\n'\n)"
    statement = shown.decode("utf-8", "surrogateescape")
    assert with_digits(statement) == (
        "CREATE TABLE `t'x` (\n `a` binary(3) DEFAULT x'910027',\n `b` varchar(9) DEFAULT 'ñ\\n'\n)"
    )
    assert with_digits("DEFAULT 'ñ\\0'") == "DEFAULT 'ñ\\0'"


def test_only_defaults_of_sequences_that_are_gone_are_left_out() -> None:
    statement = "(`a` int DEFAULT nextval(`s``1`) COMMENT ' DEFAULT nextval(`s``1`)', `b` int DEFAULT nextval(`s2`))"
    assert without_lost_sequences(statement, ["s`1", "s2"]) == statement
    assert without_lost_sequences(statement, ["s2"]) == (
        "(`a` int COMMENT ' DEFAULT nextval(`s``1`)', `b` int DEFAULT nextval(`s2`))"
    )


def test_defaults_that_compute_with_a_sequence_that_is_gone_are_left_out_whole() -> None:
    statement = (
        "(`a` int DEFAULT (10 + (nextval(`s1`) - lastval(`s2`))) COMMENT 'x', `b` int NOT NULL DEFAULT 'nextval(`s2`)',"
        " `c` text DEFAULT concat('A, ',nextval(`s1`)), `d` int DEFAULT nextval(`otra`.`s1`)\n)"
    )
    assert without_lost_sequences(statement, ["s1"]) == (
        "(`a` int COMMENT 'x', `b` int NOT NULL DEFAULT 'nextval(`s2`)',"
        " `c` text DEFAULT concat('A, ',nextval(`s1`)), `d` int\n)"
    )


def test_virtual_columns_that_nothing_needs_can_wait() -> None:
    statement = (
        "CREATE TABLE `t` (\n  `a` int(11) COMMENT ' GENERATED ALWAYS AS (1) VIRTUAL',\n"
        "  `b` int(11) GENERATED ALWAYS AS (`a` - 1) VIRTUAL COMMENT 'x, )',\n"
        "  `c` int(11) GENERATED ALWAYS AS (`a` + 1) VIRTUAL,\n"
        "  `d` int(11) GENERATED ALWAYS AS (`a` * 2) STORED,\n  KEY `k` (`c`)\n) ENGINE=InnoDB"
    )
    found = virtual.find(statement, "t")
    assert found is not None
    assert [name for name, _definition in found.columns] == ["`b`"]
    assert found.after["`b`"] == "AFTER `a`"
    assert virtual.find(statement.replace("InnoDB", "MyISAM"), "t") is None


def test_a_history_is_read_without_what_was_at_no_moment() -> None:
    columns = (Column("id", "int"), Column("s", "timestamp row start"), Column("e", "timestamp row end"))
    table = VersionedTable("h", "InnoDB", 1, True, columns, None)
    assert table.source("d", "`id` < 5") == (
        "`d`.`h` FOR SYSTEM_TIME ALL WHERE (`id` < 5) AND (`s` < `e` AND `s` <> '0000-00-00 00:00:00')"
    )


class _Clock:
    """A session whose server finds every moment past that it is asked of."""

    def __init__(self) -> None:
        self.asked = ""

    def value(self, expression: str) -> str:
        self.asked = expression
        return "1"


def test_an_event_that_is_due_soon_counts_as_past() -> None:
    clock = _Clock()
    text = "CREATE EVENT `e` ON SCHEDULE AT '2030-01-01 00:00:00' ON COMPLETION NOT PRESERVE ENABLE DO SELECT 1"
    _made, names = events.preserve_past(t.cast("Session", clock), [Definition("event", "e", text)], seconds=60)
    assert names == ["e"]
    assert "INTERVAL 60 SECOND" in clock.asked


@pytest.mark.parametrize(
    ("schedule", "made", "told"),
    [
        ("AT '2020-01-01 00:00:00' ON COMPLETION NOT PRESERVE ENABLE", "PRESERVE ENABLE", True),
        ("AT '2020-01-01 00:00:00' ON COMPLETION NOT PRESERVE DISABLE", "PRESERVE DISABLE", False),
        ("AT '2020-01-01 00:00:00' ON COMPLETION PRESERVE ENABLE", "PRESERVE ENABLE", False),
        ("EVERY 1 DAY STARTS '2020-01-01 00:00:00' ON COMPLETION NOT PRESERVE ENABLE", "NOT PRESERVE ENABLE", False),
        ("EVERY '1:2' HOUR_MINUTE ENDS '2020-01-01' ON COMPLETION NOT PRESERVE ENABLE", "PRESERVE ENABLE", True),
    ],
)
def test_an_event_that_a_server_would_drop_is_made_to_stay(schedule: str, made: str, told: bool) -> None:
    text = f"CREATE DEFINER=`a b`@`%` EVENT `AT 'x' ON COMPLETION NOT PRESERVE` ON SCHEDULE {schedule} DO SELECT 'y'"
    entry = Definition("event", "AT 'x' ON COMPLETION NOT PRESERVE", text)
    entry.check("a set")
    (found,), names = events.preserve_past(t.cast(Session, _Clock()), [entry])
    assert found.statement.endswith(f" ON COMPLETION {made} DO SELECT 'y'")
    found.check("a set")
    assert bool(names) == told
