# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MariaDB and MySQL have in common: why an object is not made, and names without their database."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.grants import is_on_routine
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.refusals import reason
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.server_error import (
    client_failed,
    error_number,
)
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.statement_text import (
    without_database,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed


def failed(stderr: str) -> ProcessFailed:
    return client_failed("make a view", on="caso", status=1, stderr=stderr, next_step=lambda _why: "Correct the cause.")


@pytest.mark.parametrize(
    ("why", "number", "expected"),
    [
        ("ERROR 1146 (42S02) at line 7: Table 'caso.x' doesn't exist", 1146, "Table 'caso.x' doesn't exist"),
        (
            "ERROR 1449 (HY000): The user 'a'@'b' does not exist\nERROR 1 (HY000): x",
            1449,
            "The user 'a'@'b' does not exist",
        ),
        # An error that may quote what makes the object, with the password in it.
        ("ERROR 1351 (HY000) at line 3: near 'PASSWORD 'clave''", 1351, "the server refuses it (ERROR 1351)"),
        # A text that is more than one statement.
        ("ERROR 1064 (42000) at line 3: near 'DROP DATABASE'", 1064, None),
        # What is wrong with the account, the server or the connection is nothing of the object's.
        ("ERROR 1142 (42000) at line 1: SELECT command denied to user 'a'@'b'", 1142, None),
        ("ERROR 1205 (HY000) at line 1: Lock wait timeout exceeded", 1205, None),
        ("ERROR 2013 (HY000) at line 1: Lost connection to server during query", 2013, None),
        ("the client ended with exit status 137", None, None),
    ],
)
def test_why_an_object_is_not_made(why: str, number: int | None, expected: str | None) -> None:
    assert error_number(failed(why)) == number
    assert reason(failed(why)) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select `w`.`f`(`t`.`i`) AS `z` from `t`", "select `f`(`t`.`i`) AS `z` from `t`"),
        # Of a definer who is gone: the server names the database before the columns, and not before the table.
        (
            "select `w`.`t`.`i` AS `i` from `t` where `w`.`t`.`j` > 0",
            "select `t`.`i` AS `i` from `t` where `t`.`j` > 0",
        ),
        # As the catalogue has it.
        ("select `w`.`a`.`i` from (`w`.`a` join `w`.`b`)", "select `a`.`i` from (`a` join `b`)"),
        # A table of the database's own name, another database, and a text stay as they are.
        ("select `w`.`i` AS `i` from `w`", "select `w`.`i` AS `i` from `w`"),
        ("select `o`.`w`.`i`, '`w`.`t`.`i`' from `o`.`w`", "select `o`.`w`.`i`, '`w`.`t`.`i`' from `o`.`w`"),
    ],
)
def test_names_lose_their_database(statement: str, expected: str) -> None:
    assert without_database(statement, "w") == expected


@pytest.mark.parametrize(
    ("grant", "is_on_it"),
    [
        ("GRANT EXECUTE ON FUNCTION `caso`.`sumaiva` TO `ana`@`%`", True),
        ("GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE `caso`.`SumaIva` TO `ana`@`%` WITH GRANT OPTION", True),
        ("GRANT EXECUTE ON FUNCTION `caso`.`otra` TO `ana`@`%`", False),
        ("GRANT SELECT ON `caso`.`SumaIva` TO `ana`@`%`", False),
        ("GRANT EXECUTE ON `caso`.* TO `ana`@`%`", False),
    ],
)
def test_rights_on_a_routine_go_with_it(grant: str, is_on_it: bool) -> None:
    assert is_on_routine(grant, "SumaIva") is is_on_it
