# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts are told in words, never as a Python dict or by the name of a field."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.counts import counted, describe_counts


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (1, "hard_links", "1 hard link"),
        (0, "hard_links", "0 hard links"),
        (1, "directories", "1 directory"),
        (2, "directories", "2 directories"),
        (1, "indexes", "1 index"),
        (4, "index", "4 indexes"),
        (2, "index column", "2 index columns"),
        (2, "base table", "2 tables"),
        (1, "policies", "1 policy"),
        (3, "policies", "3 policies"),
        (1, "materialized views", "1 materialized view"),
        (7, "content_bytes", "7 bytes"),
    ],
)
def test_a_count_is_told_in_words(number: int, kind: str, words: str) -> None:
    assert counted(number, kind) == words


def test_several_counts_are_one_list() -> None:
    assert describe_counts({"index": 4, "table": 1}) == "4 indexes, 1 table"
    assert describe_counts({}) == "none"
