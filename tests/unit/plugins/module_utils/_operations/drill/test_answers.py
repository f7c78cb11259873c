# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer is right where its values are: a good ledger does not fail for two decimal places."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill import answers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("0.00", "0"),
        ("0", "0.00"),
        ("-0.00", "0"),
        ("1e3", "1000"),
        ("12.50|a", "12.5|a"),
        ("", "NULL"),
        ("3000|", "3000|NULL"),
        ("1|x\n2|y", " 1 | x\n2|y\n"),
        ("sí", "sí"),
        ("NaN", "NaN"),
    ],
)
def test_what_is_the_same_value_agrees(answer: str, expected: str) -> None:
    assert answers.agree(answer, expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("0.01", "0"),
        ("", "0"),
        ("NULL", "0"),
        ("1|2", "1"),
        ("1\n2", "1"),
        ("1\n2", "2\n1"),
        ("uno", "1"),
        ("NaN", "0"),
        ("a|b", "a|c"),
    ],
)
def test_what_is_another_value_does_not(answer: str, expected: str) -> None:
    assert not answers.agree(answer, expected)


def test_a_message_says_null_where_nothing_came_and_cuts_what_is_long() -> None:
    assert answers.describe("") == "NULL"
    assert answers.describe("3|\n4|x") == "3|NULL\n4|x"
    assert len(answers.describe("x" * 1000)) == 200
