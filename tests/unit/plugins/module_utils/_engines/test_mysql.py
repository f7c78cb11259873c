# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the MySQL engine needs no server."""

from __future__ import annotations

import json

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import grants as accounts
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import objects
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.backup_account import (
    is_hash_of,
    stored_hash,
)
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.catalogue import read_version
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.client import ADVICE, Connection
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.objects import Definition
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.sha256_crypt import sha256_crypt
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.swap import Plan
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.grants import Account, grants
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.objects import write
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused, SetInvalid

DEFINITIONS = [
    Definition("table", "t `ñ`", "CREATE TABLE `t ``ñ``` (\n  `id` int\n)"),
    Definition("view", "v", "CREATE DEFINER=`a`@`b` VIEW `v` AS select 1"),
    Definition("procedure", "p", "CREATE PROCEDURE `p`()\nBEGIN\n-- it's\nDELIMITER ;\nEND", mode="ANSI_QUOTES"),
    Definition("trigger", "g", "CREATE TRIGGER `g` BEFORE INSERT ON `t` FOR EACH ROW SET NEW.a = 1"),
    Definition("event", "e", "CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1", zone="America/Bogota"),
]


def test_definitions_are_read_as_they_were_written() -> None:
    assert objects.read(write(DEFINITIONS), on="programs") == DEFINITIONS


@pytest.mark.parametrize("more", ["DROP DATABASE x;\n", "-- view 76\n", " "])
@pytest.mark.parametrize("first", [True, False])
def test_a_text_with_anything_else_in_it_is_refused(more: str, first: bool) -> None:
    text = write(DEFINITIONS)
    with pytest.raises(SetInvalid):
        objects.read(more + text if first else text + more, on="programs")


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("sequence", "CREATE SEQUENCE `x` START WITH 1"),
        ("package", "CREATE PACKAGE `x` AS END"),
        ("table", "CREATE TABLE `victima`.`x` (i int)"),
        ("view", "CREATE VIEW `otra` AS SELECT 1"),
        ("function", "CREATE FUNCTION `x` RETURNS STRING SONAME 'malo.so'"),
    ],
)
def test_a_definition_of_another_kind_is_refused(kind: str, statement: str) -> None:
    with pytest.raises(SetInvalid):
        Definition(kind, "x", statement).check("programs")


PLAN = Plan(
    live="conta",
    beside="conta__restoring",
    kept="conta__replaced_20261125T120000Z",
    there=["a"],
    new=["a", "b"],
    holds=True,
    options=(("latin1", "latin1_bin"), ("utf8mb4", "utf8mb4_0900_ai_ci")),
    old=DEFINITIONS[1:3],
    programs=DEFINITIONS[1:],
    grants=["GRANT SELECT ON `conta`.* TO `a`@`b`"],
    revokes=["REVOKE SELECT ON `conta`.* FROM `a`@`b`"],
    present=[],
)


def test_a_journal_is_read_as_it_was_written() -> None:
    assert Plan.from_lines(PLAN.to_lines(), live="conta", beside="conta__restoring") == PLAN


@pytest.mark.parametrize(
    "changes",
    [
        {"live": "mysql"},
        {"beside": "otra"},
        {"kept": "otra"},
        {"kept": "otra__replaced_20261125T120000Z"},
        {"there": [1]},
        {"options": [["utf8mb4; DROP DATABASE x; --", "utf8mb4_bin"], []]},
        {"options": "utf8mb4"},
        {"options": [["utf8mb4"], ["utf8mb4"]]},
        {"grants": ["GRANT ALL PRIVILEGES ON *.* TO `a`@`b`"]},
        {"grants": ["GRANT ALL PRIVILEGES ON `otra`.* TO `a`@`b`"]},
        {"grants": ["GRANT SELECT ON `conta`.* TO `a`@`b`; DROP DATABASE x"]},
        {"grants": [["GRANT SELECT ON `conta`.* TO `a`@`b`"]]},
        {"present": ["DROP DATABASE x"]},
        {"revokes": ["DROP DATABASE x"]},
        {"revokes": ["REVOKE SELECT ON `conta`.* FROM `root`@`localhost`"]},
        {"more": 1},
    ],
)
def test_a_journal_that_reaches_beyond_its_target_is_not_read(changes: dict[str, object]) -> None:
    head, *others = PLAN.to_lines()
    with pytest.raises(ValueError, match=r"not what a restore of conta writes|TypeError"):
        Plan.from_lines([json.dumps({**json.loads(head), **changes}), *others], live="conta", beside="conta__restoring")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["x"],
        ["[]"],
        [json.dumps({"live": "conta"})],
        [PLAN.to_lines()[0], json.dumps({"part": "script"})],
        [PLAN.to_lines()[0], PLAN.to_lines()[1].replace('"old"', '"script"')],
        [PLAN.to_lines()[0], PLAN.to_lines()[1].replace("CREATE DEFINER", "DROP DATABASE x; CREATE DEFINER")],
    ],
)
def test_a_journal_of_something_else_is_not_read(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Plan.from_lines(lines, live="conta", beside="conta__restoring")


def test_tables_are_held_while_their_triggers_are_gone() -> None:
    plan = Plan("l", "b", "k", ["t"], ["t"], True, ((), ()), DEFINITIONS[3:4], DEFINITIONS[3:4], [], [], [])
    steps = ["LOCK TABLES", "DROP TRIGGER IF EXISTS `l`.`g`", b"RENAME TABLE".hex(), "CREATE TRIGGER", "UNLOCK"]
    places = [plan.script().index(step) for step in steps]
    assert places == sorted(places)
    assert "LOCK TABLES `l`.`t` WRITE, `b`.`t` WRITE" in plan.script()


def test_a_set_gives_rights_on_its_own_database_only() -> None:
    made = [
        "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 0x24 REQUIRE NONE",
        "GRANT SELECT, UPDATE (`a`, `b`) ON `mi\\_conta`.`t` TO `app`@`%`",
        "GRANT ALL PRIVILEGES ON `mi_conta`.* TO `app`@`%` WITH GRANT OPTION",
        "GRANT ALL PRIVILEGES ON `otra`.* TO `app`@`%`",
        "GRANT ALL PRIVILEGES ON `mi_conta`.* TO `ajena`@`%`",
        "GRANT ALL PRIVILEGES ON *.* TO `app`@`%`",
        "GRANT SELECT ON `mi_conta`.* TO `app`@`%`; DROP DATABASE x",
    ]
    made.append("GRANT SELECT ON `mi\\_conta`.* TO `app`@`%`")
    found = grants(made, [Account("app", "%")], database="mi_conta", target="x_y", place="`x\\_y`", for_roles="`x_y`")
    assert found == [
        "GRANT SELECT, UPDATE (`a`, `b`) ON `x_y`.`t` TO `app`@`%`",
        "GRANT ALL PRIVILEGES ON `x_y`.* TO `app`@`%` WITH GRANT OPTION",
        "GRANT SELECT ON `x\\_y`.* TO `app`@`%`",
    ]


def test_statements_of_accounts_are_read_as_they_were_written() -> None:
    made = ["CREATE USER `a`@`b` ATTRIBUTE '{\"x\": \"it''s; \\n\"}'", "GRANT `r`@`%` TO `a`@`b`"]
    assert accounts.read(accounts.write(made)) == made
    assert accounts.read("DROP DATABASE x;\n" + accounts.write(made)) == made


@pytest.mark.parametrize(
    ("text", "version"), [("9.7.4-2", (9, 7, 4)), ("8.0.36-0ubuntu0.22.04.1", (8, 0, 36)), ("x", (0, 0, 0))]
)
def test_versions(text: str, version: tuple[int, int, int]) -> None:
    assert read_version(text) == version


def test_what_mysql_calls_otherwise_is_advised_on_and_the_rest_as_for_mariadb() -> None:
    assert "ssl_mode: disable" in ADVICE.next_step("ERROR 2061 (HY000): Authentication requires secure connection", "")
    assert "SHOW_ROUTINE" in ADVICE.next_step("ERROR 1227 (42000): Access denied", "")
    assert "local_infile" in ADVICE.next_step("ERROR 3948 (42000): Loading local data is disabled", "")
    assert ADVICE.next_step("something else", "otherwise") == "otherwise"


def test_options_that_its_client_does_not_know_are_refused() -> None:
    Connection({"database": "d", "ssl_mode": "prefer"})
    with pytest.raises(Refused, match="no ssl_mode allow"):
        Connection({"database": "d", "ssl_mode": "allow"})


@pytest.mark.parametrize(
    ("password", "salt", "rounds", "expected"),
    [
        # As the C library's crypt(3) says.
        ("Hello world!", b"saltstring", 5000, b"5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        ("x", b"a", 1000, b"VbIDF0arCpWJaQNqhQUNvv2q0J63xNeUoG4WUjSmlQD"),
        ("ñandú " * 20, b"0123456789abcdef", 5000, b"FzIGHeApfVQNhOYwMRcOmdjl/vj/WLTyy3OfLwjSjmA"),
    ],
)
def test_a_password_s_hash_is_that_of_the_c_library(password: str, salt: bytes, rounds: int, expected: bytes) -> None:
    assert sha256_crypt(password.encode(), salt, rounds=rounds) == expected


def test_what_is_kept_of_a_password_is_of_that_password_only() -> None:
    secret = stored_hash("una clave")
    assert is_hash_of(secret, "una clave")
    assert not is_hash_of(secret, "otra clave")
    assert not is_hash_of(b"", "una clave")
    assert secret != stored_hash("una clave")
