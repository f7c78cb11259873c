# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a restored database is what its set says."""

from __future__ import annotations

import dataclasses
import typing as t

from ..base import Check
from ..content_digest import compare_digests
from ..counts import describe_counts
from . import catalogue
from .digest import LARGE_OBJECTS, read
from .fill import Missing
from .session import Session

# Which of the counted objects there may be fewer (or, of what was to be attached, more) of, by the kinds of the
# archive's entries that were left out.
_COUNTED = {
    "AGGREGATE": {"functions"},
    "CHECK CONSTRAINT": {"check constraints"},
    "CONSTRAINT": {"primary keys", "unique constraints", "exclusion constraints", "indexes"},
    "DOMAIN": {"domains, enumerations and ranges", "check constraints"},
    "EVENT TRIGGER": {"event triggers"},
    "FK CONSTRAINT": {"foreign keys"},
    "FOREIGN TABLE": {"foreign tables", "check constraints"},
    "FUNCTION": {"functions"},
    "INDEX": {"indexes"},
    "INDEX ATTACH": {"indexes", "primary keys", "unique constraints"},
    "MATERIALIZED VIEW": {"materialized views"},
    "POLICY": {"policies"},
    "PROCEDURE": {"functions"},
    "PUBLICATION": {"publications"},
    "SCHEMA": {"schemas"},
    "TABLE ATTACH": {"check constraints", "foreign keys", "primary keys", "unique constraints", "triggers", "indexes"},
    "TRIGGER": {"triggers", "constraint triggers"},
    "TYPE": {"domains, enumerations and ranges", "composite types"},
    "VIEW": {"views"},
}
_INDEX_KINDS = frozenset({"INDEX", "INDEX ATTACH", "CONSTRAINT", "TABLE ATTACH"})


def check(session: Session, facts: t.Mapping[str, t.Any], warnings: list[str], missing: Missing) -> list[Check]:
    """Compare the session's database with the facts of a set.

    :param warnings: gets a line for each difference that does not concern the data.
    :param missing: what was left out.
    """
    found = catalogue.contents(session)
    expected = facts["content_digests"]
    tables = [
        dataclasses.replace(table, columns=[x for x in table.columns if x not in missing.ordinary.get(table.name, ())])
        for table in catalogue.tables(session)
    ]
    digests: dict[str, str] = {}
    if expected is None:
        counts = catalogue.count_rows(session, tables)
    else:
        counts, digests = read(session, tables)
        if LARGE_OBJECTS in expected and LARGE_OBJECTS not in digests:
            warnings.append("Large objects were counted and not compared: this user may not read pg_largeobject")
        if LARGE_OBJECTS not in expected or LARGE_OBJECTS not in digests:
            expected = {name: digest for name, digest in expected.items() if name != LARGE_OBJECTS}
            digests.pop(LARGE_OBJECTS, None)
    for name in set(counts) - set(facts["row_counts"]):
        # A replica cannot read unlogged tables: they come back empty and were not counted.
        if counts[name] == 0:
            del counts[name]
            digests.pop(name, None)
    checks = [
        _compare(
            "row counts",
            facts["row_counts"],
            counts,
            summary=f"{sum(counts.values())} rows in {len(counts)} tables",
        ),
        _compare("objects", *_without(facts["objects"], found["objects"], missing)),
        _compare("large objects", facts["large_objects"], found["large_objects"]),
        _compare("extensions", sorted({*facts["extensions"]} - missing.extensions), sorted(found["extensions"])),
        _compare_unchecked(facts["constraints_not_validated"], found["constraints_not_validated"], missing),
        check_sequences(facts["sequences"], found["sequences"]),
        *compare_digests(expected, digests),
    ]
    broken = sorted(set(found["invalid_indexes"]) - set(facts["invalid_indexes"]))
    if missing.kinds & _INDEX_KINDS:
        # Of a partitioned table, those that lack the part of a partition.
        broken = []
    checks.append(Check("indexes", not broken, f"invalid: {', '.join(broken)}" if broken else "all valid"))
    return checks


def _without(
    expected: t.Mapping[str, int], found: t.Mapping[str, int], missing: Missing
) -> tuple[dict[str, int], dict[str, int]]:
    """Both, without the kinds of objects of which something was left out."""
    kinds = {kind for entry in missing.kinds for kind in _COUNTED.get(entry, ())}
    return (
        {kind: count for kind, count in expected.items() if kind not in kinds},
        {kind: count for kind, count in found.items() if kind not in kinds},
    )


def _compare_unchecked(expected: t.Sequence[str], found: t.Sequence[str], missing: Missing) -> Check:
    # Those that were left out cannot be told by name from an archive's list.
    lacking = set(expected) - set(found) if missing.kinds & {"CHECK CONSTRAINT", "FK CONSTRAINT", "DOMAIN"} else set()
    return _compare(
        "constraints not validated",
        [name for name in expected if name not in lacking],
        [name for name in found if name not in missing.unchecked],
    )


def _compare(name: str, expected: t.Any, found: t.Any, *, summary: str | None = None) -> Check:
    if expected == found:
        return Check(name, True, summary or f"as in the set: {_shown(found)}")
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [key for key in sorted({*expected, *found}) if expected.get(key) != found.get(key)]
        shown = [f"{key}: {found.get(key, 'missing')} instead of {expected.get(key, 'none')}" for key in keys[:20]]
        more = f" and {len(keys) - 20} more" if len(keys) > 20 else ""
        return Check(name, False, "; ".join(shown) + more)
    return Check(name, False, f"{_shown(found)} instead of {_shown(expected)}")


def _shown(value: t.Any) -> str:
    if isinstance(value, dict):
        return describe_counts(value)
    if isinstance(value, list):
        return ", ".join(str(entry) for entry in value) or "none"
    return str(value)


def check_sequences(expected: t.Mapping[str, t.Any], found: t.Mapping[str, t.Any]) -> Check:
    """Compare sequences. One is not bound to a snapshot: in a database in use it may be ahead of it, never behind."""
    wrong = []
    for name in sorted({*expected, *found}):
        if name not in expected or name not in found:
            wrong.append(f"{name} is {'missing' if name in expected else 'not in the set'}")
            continue
        before, after = expected[name]["last_value"], found[name]["last_value"]
        step = expected[name]["increment_by"]
        behind = after is None or (before is not None and (after - before) * step < 0)
        if before != after and behind and not expected[name]["cycle"]:
            wrong.append(f"{name} is at {after} instead of {before}")
    return Check("sequences", not wrong, "; ".join(wrong[:20]) or f"{len(found)} sequences, none behind the snapshot")
