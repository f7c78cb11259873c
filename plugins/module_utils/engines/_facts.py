# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a set says of its database has the shape that its engine writes: it may be hostile, or from elsewhere.

A shape is a type; a tuple of types, one of which it must be; a dict of name to shape, all of which must be there; a
list with one shape, that of each entry; or :class:`Named`, for a dict whose names are anything.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid


@dataclasses.dataclass(frozen=True)
class Named:
    """A dict with any names.

    :param shape: of each value.
    """

    shape: t.Any


def _misfit(value: t.Any, shape: t.Any, path: str) -> str | None:
    if isinstance(shape, Named):
        if not isinstance(value, dict):
            return path
        found = (_misfit(entry, shape.shape, f"{path}.{name}") for name, entry in value.items())
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            return path
        missing = next((name for name in shape if name not in value), None)
        if missing is not None:
            return f"{path}.{missing}"
        found = (_misfit(value[name], inner, f"{path}.{name}") for name, inner in shape.items())
    elif isinstance(shape, list):
        if not isinstance(value, list):
            return path
        found = (_misfit(entry, shape[0], f"{path}[{number}]") for number, entry in enumerate(value))
    else:
        # JSON's true is no number.
        wrong = not isinstance(value, shape) or (isinstance(value, bool) and shape is int)
        return path if wrong else None
    return next((misfit for misfit in found if misfit is not None), None)


def check_shape(facts: t.Any, shape: t.Any, *, on: str) -> None:
    """Compares a set's facts with a shape.

    :param on: the set's id.
    :raises SetInvalid: when they differ, naming where.
    """
    misfit = _misfit(facts, shape, "engine_facts")
    if misfit is not None:
        raise malformed(misfit, on=on)


def malformed(where: str, *, on: str) -> SetInvalid:
    """The error about facts that no engine of this collection wrote."""
    return SetInvalid(
        "read what a set says of its source",
        on=on,
        why=f"{where} in its backup.json is missing, or not what the engine writes",
        next_step="The set is damaged or not this collection's: report it, and restore from another one.",
    )
