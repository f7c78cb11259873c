# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many there are of each kind, in words."""

from __future__ import annotations

import typing as t

# What a catalogue or a set's field calls differently than a person.
_PLAIN = {"base table": "table", "content_bytes": "byte"}
_PLURALS = {"index": "indexes", "policy": "policies"}
_SINGULARS = {plural: singular for singular, plural in _PLURALS.items()} | {"directories": "directory"}


def counted(number: t.Any, kind: str) -> str:
    """Return "1 index", "4 indexes"; the kind may be given in either number."""
    name = _PLAIN.get(kind, kind).replace("_", " ")
    last = name.rpartition(" ")[2]
    singular = _SINGULARS.get(last, last[:-1] if last.endswith("s") and last not in _PLURALS else last)
    plural = _PLURALS.get(singular, singular[:-1] + "ies" if singular.endswith("y") else singular + "s")
    return f"{number} {name[: len(name) - len(last)]}{singular if number == 1 else plural}"


def describe_counts(counts: t.Mapping[str, t.Any]) -> str:
    """Return "4 indexes, 1 view"; "none" where nothing is counted."""
    return ", ".join(counted(number, kind) for kind, number in counts.items()) or "none"
