# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of what tables hold, by which a restored table is proven equal to the dumped one, and not only as long.

A row is the bytes that its engine writes it as. A table's digest is the sum of the SHA-256 of its rows modulo 2**256:
the order of the rows does not matter, every row counts as often as it is there, and chance changes always show.
It finds damage, loss and mistakes; against a forger it proves nothing (the set's signature does).

Where a digest stands in a set's facts it is text that begins with the name of how it was made, so that digests made
in different ways are never taken for different content.
"""

from __future__ import annotations

import hashlib
import typing as t

from .base import Check

# The option of a source that asks for digests. They cost a second reading of every row, which is why it is off.
CONTENT_DIGEST_ARGUMENT: dict[str, dict[str, t.Any]] = {"content_digest": {"type": "bool"}}
CHECK_NAME = "content digests"
_MODULUS = 1 << 256
_METHOD = "sha256-sum"


def digest_rows(rows: t.Iterable[bytes]) -> tuple[int, str]:
    """How many rows there are, and their digest.

    :param rows: one after the other, in any order; only one of them is held in memory.
    """
    total = 0
    count = 0
    sha256, number = hashlib.sha256, int.from_bytes
    for row in rows:
        total += number(sha256(row).digest(), "big")
        count += 1
    return count, digest_text(total)


def digest_text(total: int, *, method: str = _METHOD) -> str:
    """Return a digest as it stands in a set's facts.

    :param total: the sum; only its remainder modulo 2**256 counts.
    :param method: how the sum was made, a word without a colon.
    """
    return f"{method}:{total % _MODULUS:064x}"


def compare_digests(expected: t.Mapping[str, str] | None, found: t.Mapping[str, str]) -> list[Check]:
    """Return the comparison of a restored database's digests with those of its set.

    :param expected: table to digest; None: the set has none.
    :returns: one check, or none where the set has no digests.
    """
    if expected is None:
        return []
    wrong = sorted(table for table in {*expected, *found} if expected.get(table) != found.get(table))
    if not wrong:
        return [Check(CHECK_NAME, True, f"{len(found)} tables hold exactly what was dumped")]
    more = f" and {len(wrong) - 20} more" if len(wrong) > 20 else ""
    return [Check(CHECK_NAME, False, f"the content differs in {', '.join(wrong[:20])}{more}")]
