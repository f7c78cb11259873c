# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking into an inventory that is checked: its values, where they are written, and what was probably meant."""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory import Text, Variables
from ansible_collections.infitulua.backup.plugins.plugin_utils._origin import origin_of

_UNKNOWN_YET = ("{{", "{%", "__omit_place_holder__")


def value_of(variables: Variables, name: str) -> t.Any:
    """Return a variable's value; None where there is none, or it is not known yet and what needs it will tell."""
    try:
        value = variables.get(name)
    except Exception:  # Whatever a lookup of the inventory raises.
        return None
    # ansible-core before 2.19 returns a template that it cannot fill in yet as it is.
    return None if isinstance(value, str) and any(mark in value for mark in _UNKNOWN_YET) else value


def place_of(written: t.Any, text: Text) -> str:
    """Return the file and the line of something in the inventory, for messages; empty where they are not known."""
    origin = origin_of(written)
    return text["at_place"] % {"file": origin.file, "line": origin.line} if origin is not None else ""


def nearest(name: str, known: t.Iterable[str]) -> str:
    """Return the known name that was probably meant; ``?`` where none is known."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)), "?")
