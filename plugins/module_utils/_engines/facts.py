# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a set says of its database has the shape that its engine writes: it may be hostile."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system.json_shape import Named, misfit

__all__ = ["Named", "check_shape", "malformed"]


def check_shape(facts: t.Any, shape: t.Any, *, on: str) -> None:
    """Compare a set's facts with a shape, see ``json_shape``.

    :param on: the set's id.
    :raises SetInvalid: when they differ, naming where.
    """
    where = misfit(facts, shape, "engine_facts")
    if where is not None:
        raise malformed(where, on=on)


def malformed(where: str, *, on: str) -> SetInvalid:
    """Return the error about facts that no engine of this collection wrote."""
    return SetInvalid(
        "read what a set says of its source",
        on=on,
        why=f"{where[:200]} in its backup.json is missing, or not what the engine writes",
        next_step="The set is damaged or not this collection's: report it, and restore from another one.",
    )
