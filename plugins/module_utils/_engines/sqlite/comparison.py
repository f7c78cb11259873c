# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restored database compared with what its set says of it.

What could not be examined, by the dump or by this host's SQLite, cannot be compared: it is reported, and is not
a difference.
"""

from __future__ import annotations

import typing as t

from ..base import Check
from ..content_digest import compare_digests
from ..counts import describe_counts
from .inspect import Found
from .set_files import FIXED


def compare(facts: t.Mapping[str, t.Any], found: Found) -> list[Check]:
    """Return the checks of a restored database; of a damaged one, its damage alone.

    :param facts: what the set says of it.
    """
    if found.damage:
        more = f" and {len(found.damage) - 5} more findings" if len(found.damage) > 5 else ""
        return [Check("integrity", False, f"it is damaged: {'; '.join(found.damage[:5])}{more}")]
    checks = [Check("integrity", True, "ok, as far as it can be examined here" if found.not_examined else "ok")]
    actual = found.facts()
    checks += [_equal(name, actual[name], facts[name]) for name in (*FIXED, "objects")]
    checks.append(_rules_broken(facts, found))
    violations = [facts["foreign_key_violations"], found.foreign_key_violations]
    if None in violations:
        checks.append(Check("foreign key violations", True, "they could not be looked for"))
    else:
        checks.append(_equal("foreign_key_violations", found.foreign_key_violations, facts["foreign_key_violations"]))
    checks.append(_rows(facts["rows"], found))
    return checks + _digests(facts["content_digests"], found.digests or {})


def warnings_of(facts: t.Mapping[str, t.Any], found: Found) -> list[str]:
    """Return what the operator should know of a comparison that found no difference."""
    known = facts["not_examined"]
    new = {name: why for name, why in found.not_examined.items() if name not in known}
    warnings = []
    if new:
        why = "; ".join(f"{name}: {why}" for name, why in list(new.items())[:10])
        warnings.append(f"restored in full, but not examined, since the SQLite of this host lacks what it needs: {why}")
    digests = facts["content_digests"] or {}
    without = [table for table, digest in digests.items() if digest is not None and table in (found.digests or {})]
    without = sorted(table for table in without if found.digests is None or found.digests[table] is None)
    if without:
        warnings.append(f"tables whose content could not be compared here: {', '.join(without[:10])}")
    return warnings


def _equal(name: str, actual: t.Any, expected: t.Any) -> Check:
    shown, said = (describe_counts(value) if isinstance(value, dict) else str(value) for value in (actual, expected))
    detail = shown if actual == expected else f"{shown}, the set says {said}"
    return Check(name.replace("_", " "), actual == expected, detail)


def _rules_broken(facts: t.Mapping[str, t.Any], found: Found) -> Check:
    """Of what was examined both times the count is the same; of anything else nothing is known."""
    if set(facts["not_examined"]) == set(found.not_examined):
        return _equal("rules_broken", found.rules_broken, facts["rules_broken"])
    return Check("rules broken", True, f"{found.rules_broken} in what could be examined here")


def _rows(expected: t.Mapping[str, int], found: Found) -> Check:
    differing = [
        f"{table}: {found.rows.get(table, 'no such table')}, the set says {count}"
        for table, count in expected.items()
        if found.rows.get(table) != count and table not in found.not_counted
    ]
    total = f"{sum(expected.values())} in {len(expected)} tables"
    if found.not_counted:
        total += f"; not counted here: {', '.join(sorted(found.not_counted)[:10])}"
    return Check("rows", not differing, "; ".join(differing[:20]) or total)


def _digests(expected: t.Mapping[str, str | None] | None, found: t.Mapping[str, str | None]) -> list[Check]:
    if expected is None:
        return []
    unknown = {table for digests in (expected, found) for table, digest in digests.items() if digest is None}
    wanted = {table: digest for table, digest in expected.items() if digest is not None and table not in unknown}
    there = {table: digest for table, digest in found.items() if digest is not None and table not in unknown}
    return compare_digests(wanted, there)
