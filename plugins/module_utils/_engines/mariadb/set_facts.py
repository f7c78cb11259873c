# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set of this engine says of its source."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

from ..facts import Named
from ..mysql_family import set_facts

SHAPE: dict[str, t.Any] = {
    "version": str,
    "database": {"name": str, "character_set": str, "collation": str},
    "objects": Named(int),
    "row_counts": Named(int),
    "content_digests": (dict, type(None)),
    "sequence_defaults": [[str]],
    "references": [[str]],
    "lower_case_table_names": int,
    "token": str,
    "tables": Named([[str]]),
    "history": [str],
    "streams": Named([str]),
}


def _is_wrong(sequence_defaults: t.Any) -> bool:
    return any(len(entry) != 3 for entry in sequence_defaults)


def check(description: Description) -> None:
    """Check that a set says of its source what this engine writes.

    :raises SetInvalid: when it does not.
    """
    set_facts.check(description, SHAPE, {"sequence_defaults": _is_wrong})
