# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing restored tables with what the set says of them."""

from __future__ import annotations

import dataclasses
import typing as t

from ..base import Check
from ..content_digest import compare_digests
from . import catalogue
from .check import check_sequences
from .digest import read
from .fill import Missing
from .session import Session

_SHOWN = 20


def check_tables(
    session: Session,
    facts: t.Mapping[str, t.Any],
    into: str,
    *,
    tables: t.Mapping[str, str],
    sequences: t.Mapping[str, str],
    missing: Missing,
) -> list[Check]:
    """Compare the tables of a schema with what the set says of them.

    :param facts: the set's.
    :param into: the schema.
    :param tables: their names in it to their names in the set.
    :param sequences: the same of their sequences.
    :param missing: what could not be restored of them.
    """
    there = [_without_ordinary(table, tables, missing) for table in catalogue.tables(session) if table.schema == into]
    digests: dict[str, str] = {}
    if facts["content_digests"] is None:
        counted = catalogue.count_rows(session, there)
    else:
        counted, digests = read(session, there)
    found = catalogue.contents(session)
    names = {table.name: tables.get(table.relation) for table in there if table.holds_rows}
    wrong = []
    for name, count in counted.items():
        original = names[name]
        # A replica cannot read unlogged tables: they come back empty and were not counted.
        expected = facts["row_counts"].get(original, 0)
        if count != expected:
            wrong.append(f"{original}: {count} instead of {expected}")
    lost = set(tables.values()) - set(names.values())
    wrong += [f"{name} is missing" for name in sorted(lost)]
    summary = f"{sum(counted.values())} rows in {len(counted)} tables"
    checks = [Check("row counts", not wrong, "; ".join(wrong[:_SHOWN]) or summary)]
    if facts["content_digests"] is not None:
        held = {original: digests[name] for name, original in names.items() if original and name in digests}
        # What was not read where it was dumped has none.
        said = {name: facts["content_digests"][name] for name in held if name in facts["content_digests"]}
        checks += compare_digests(said, {name: held[name] for name in said})
    expected_sequences = {new: facts["sequences"][old] for new, old in sequences.items()}
    checks.append(
        check_sequences(
            expected_sequences,
            {name: row for name, row in found["sequences"].items() if name in expected_sequences},
        )
    )
    broken = set() if missing.kinds else set(found["invalid_indexes"])
    checks.append(Check("indexes", not broken, f"invalid: {', '.join(sorted(broken))}" if broken else "all valid"))
    return checks


def _without_ordinary(table: catalogue.Table, tables: t.Mapping[str, str], missing: Missing) -> catalogue.Table:
    ordinary = missing.ordinary.get(tables.get(table.relation, ""), set())
    return dataclasses.replace(table, columns=[name for name in table.columns if name not in ordinary])
