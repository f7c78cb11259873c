# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set says of its source is compared with what its engine writes, before anything uses it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.facts import Named, check_shape
from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid

SHAPE: dict[str, t.Any] = {
    "version": str,
    "rows": Named(int),
    "comment": (str, type(None)),
    "streams": Named([str]),
    "database": {"name": str, "template": bool},
}
GOOD: dict[str, t.Any] = {
    "version": "17.2",
    "rows": {"a": 1, "b": 0},
    "comment": None,
    "streams": {"rows-01": ["a", "b"], "rows-02": []},
    "database": {"name": "ledger", "template": False},
    "more": "is no harm",
}


def test_facts_of_the_right_shape_are_taken() -> None:
    check_shape(GOOD, SHAPE, on="srv/ledger/20261122T030000Z")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"version": 17}, "engine_facts.version"),
        ({"rows": [1]}, "engine_facts.rows"),
        ({"rows": {"a": True}}, "engine_facts.rows.a"),
        ({"rows": {"a": "1"}}, "engine_facts.rows.a"),
        ({"comment": 3}, "engine_facts.comment"),
        ({"streams": {"rows-01": ["a", None]}}, r"engine_facts.streams.rows-01\[1\]"),
        ({"database": {"name": "ledger"}}, "engine_facts.database.template"),
        ({"database": None}, "engine_facts.database"),
    ],
)
def test_facts_of_another_shape_are_named(changes: dict[str, t.Any], where: str) -> None:
    with pytest.raises(SetInvalid, match=f"{where} in its backup.json is missing, or not what the engine writes"):
        check_shape({**GOOD, **changes}, SHAPE, on="srv/ledger/20261122T030000Z")


@pytest.mark.parametrize("facts", [None, [], "facts", {}])
def test_what_are_no_facts_at_all(facts: t.Any) -> None:
    with pytest.raises(SetInvalid):
        check_shape(facts, SHAPE, on="srv/ledger/20261122T030000Z")
