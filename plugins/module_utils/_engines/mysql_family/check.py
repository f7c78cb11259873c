# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing a restored database with what its set says."""

from __future__ import annotations

import typing as t

from ..base import Check, LeftOut
from . import elsewhere


def without(counts: t.Mapping[str, int], left_out: t.Sequence[LeftOut]) -> dict[str, int]:
    """How many objects of each kind there are to be where some were left out."""
    kinds = [elsewhere.COUNTED_AS if entry.kind == "table" else entry.kind for entry in left_out]
    rest = {kind: count - kinds.count(kind) for kind, count in counts.items()}
    return {kind: count for kind, count in rest.items() if count or not counts[kind]}


def compare(name: str, expected: t.Mapping[str, int], found: t.Mapping[str, int], summary: str) -> Check:
    """One comparison of counts."""
    if expected == found:
        return Check(name, True, summary or "none")
    keys = [key for key in sorted({*expected, *found}) if expected.get(key) != found.get(key)]
    shown = [f"{key}: {found.get(key, 'missing')} instead of {expected.get(key, 'none')}" for key in keys[:20]]
    return Check(name, False, "; ".join(shown) + (f" and {len(keys) - 20} more" if len(keys) > 20 else ""))
