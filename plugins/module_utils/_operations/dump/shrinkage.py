# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a new set holds so much less than the one before that its source may have lost data."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

DEFAULT_MINIMUM_FRACTION = 0.5
STORED = "stored bytes"


def describe_shrinkage(found: Description, before: Description, *, minimum_fraction: float) -> str | None:
    """Why a set may not hold what its source should have given, in words; None when there is no reason to think so.

    :param found: the new set, with its payload.
    :param before: the last set of the source that is not suspect itself.
    :param minimum_fraction: of what that one holds, 0 to 1. Less is suspect; nothing where there was something always
        is.
    """
    now, then = _held(found), _held(before)
    if found.compression != before.compression:
        del then[STORED]
    for unit, count in then.items():
        if now.get(unit) == 0 < count:
            return f"it holds no {unit}, and {before.id} holds {count}"
        if now.get(unit, count) < count * minimum_fraction:
            return f"it holds {now[unit]} {unit}, less than {minimum_fraction} of the {count} of {before.id}"
    return None


def _held(description: Description) -> dict[str, int]:
    # The stored size sees what a count does not: the few large rows gone and the many small ones there. The size of
    # the source does not come in: it falls when a database is vacuumed, and stays when its rows are deleted.
    return {**description.content, STORED: description.stored_bytes}
