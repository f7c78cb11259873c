# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of databases that stand beside another, and moving tables between them."""

from __future__ import annotations

import hashlib
import typing as t

from ..kept_name import BESIDE_SUFFIX
from .session import qualified

# MariaDB, "Identifier Names"; MySQL, "Identifier Length Limits": maximum length, characters.
NAME_CHARACTERS = 64


def derived_name(name: str, suffix: str, *, characters: int = NAME_CHARACTERS) -> str:
    """Return the name of a database beside another, cut (and told apart by a digest) where it would be too long."""
    room = characters - len(suffix)
    if len(name) > room:
        digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]
        name = name[: room - len(digest) - 1] + "~" + digest
    return name + suffix


def beside_name(name: str) -> str:
    """Return the name to restore under. GRANT takes it with backslashes before its wildcards, and counts those, too."""
    for characters in range(NAME_CHARACTERS, 0, -1):
        beside = derived_name(name, BESIDE_SUFFIX, characters=characters)
        if len(beside) + sum(beside.count(mark) for mark in "_%\\") <= NAME_CHARACTERS:
            return beside
    raise AssertionError("unreachable")


def renaming(moves: t.Sequence[tuple[str, str, str]]) -> str:
    """Return the statement that moves tables.

    :param moves: from which database, which table, into which.
    """
    steps = [f"{qualified(source, name)} TO {qualified(target, name)}" for source, name, target in moves]
    return f"RENAME TABLE {', '.join(steps)}"
