# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of what restores make beside a target, and keep of it (``<target>__replaced_<stamp>``)."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import TIME_FORMAT

BESIDE_SUFFIX = "__restoring"
# The database that holds the journal of a swap that is running, or of one that was interrupted.
SWAPPING_SUFFIX = "__swapping"
INFIX = "__replaced_"
# Two within a second are told apart by a number, from 2 on.
_ENDING = re.compile(INFIX + r"([0-9]{8}T[0-9]{6}Z)(?:_(?:[2-9]|[1-9][0-9]+))?\Z")


def stamp_of(name: str, derive: t.Callable[[str], str]) -> str | None:
    """When a restore gave this name to what it replaced; None: no restore of this target can have.

    :param derive: makes of the ending of such a name the whole, as the restore does: with a target's name cut where
        it would be too long. So what only looks alike is not taken for one.
    """
    found = _ENDING.search(name)
    if found is None or derive(found.group()) != name:
        return None
    try:
        datetime.datetime.strptime(found.group(1), TIME_FORMAT)
    except ValueError:
        return None
    return found.group(1)


def kept_since(name: str) -> str | None:
    """When a restore (of whatever target) gave this name to what it replaced, as set ids write it; None: none did."""
    found = _ENDING.search(name)
    return found.group(1) if found is not None else None


def left_by_restore(name: str) -> bool:
    """Whether a restore (of whatever target) made what has this name, or keeps it."""
    return name.endswith((BESIDE_SUFFIX, SWAPPING_SUFFIX)) or kept_since(name) is not None
