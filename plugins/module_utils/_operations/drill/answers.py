# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a restored database answers what the operator expects: compared as values, not as text."""

from __future__ import annotations

import decimal

_NULL = "NULL"
_SHOWN = 200


def agree(answer: str, expected: str) -> bool:
    """Compare an answer with what was expected of it.

    Numbers are compared as numbers, so ``0.00`` is ``0``, and ``NULL`` is what a database gives for NULL: nothing.

    :param answer: a line per row, columns separated by ``|``.
    :param expected: likewise.
    """
    found, wanted = _rows(answer), _rows(expected)
    return len(found) == len(wanted) and all(
        len(row) == len(other) and all(map(_same, row, other)) for row, other in zip(found, wanted)
    )


def describe(answer: str) -> str:
    """Return an answer as a message shows it: NULL has a name, and what is long is cut."""
    rows = ("|".join(field or _NULL for field in row) for row in _rows(answer))
    return "\n".join(rows)[:_SHOWN]


def _rows(text: str) -> list[list[str]]:
    return [[field.strip() for field in line.split("|")] for line in text.strip().splitlines() or [""]]


def _same(found: str, wanted: str) -> bool:
    if found == wanted or {found, wanted} == {"", _NULL}:
        return True
    try:
        # NaN is no number, and equals nothing.
        return decimal.Decimal(found) == decimal.Decimal(wanted)
    except decimal.InvalidOperation:
        return False
