# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib

from ansible_collections.infitulua.backup.plugins.module_utils._engines.content_digest import (
    compare_digests,
    digest_rows,
)

ROWS = [b"1\tana", b"2\tluis", b"2\tluis"]


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert digest_rows(ROWS) == digest_rows(reversed(ROWS))


def test_how_often_a_row_is_there_matters() -> None:
    assert digest_rows(ROWS)[1] != digest_rows(ROWS[:2])[1]
    # Exclusive or, for one, would take a pair of equal rows for none.
    assert digest_rows([ROWS[0]])[1] != digest_rows([ROWS[0], ROWS[1], ROWS[1]])[1]


def test_one_changed_byte_changes_it() -> None:
    assert digest_rows([b"1\tana"])[1] != digest_rows([b"1\tanA"])[1]


def test_values_exchanged_between_rows_change_it() -> None:
    assert digest_rows([b"1\tana", b"2\tluis"])[1] != digest_rows([b"1\tluis", b"2\tana"])[1]


def test_it_is_the_sum_of_the_digests_and_says_so() -> None:
    total = sum(int.from_bytes(hashlib.sha256(row).digest(), "big") for row in ROWS) % 2**256
    assert digest_rows(ROWS) == (3, f"sha256-sum:{total:064x}")
    assert digest_rows([]) == (0, "sha256-sum:" + "0" * 64)


def test_a_set_without_digests_is_not_checked_by_them() -> None:
    assert compare_digests(None, {}) == []


def test_what_differs_is_named() -> None:
    expected = {"a": digest_rows(ROWS)[1], "b": digest_rows([])[1]}
    (same,) = compare_digests(expected, dict(expected))
    assert same.passed
    (changed,) = compare_digests(expected, {"a": digest_rows(ROWS[:2])[1], "c": digest_rows([])[1]})
    assert not changed.passed
    assert changed.detail.endswith("a, b, c")
