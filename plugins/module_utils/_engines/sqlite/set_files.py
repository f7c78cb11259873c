# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database files of a set: what it says of each, checked as far as it is relied upon, for it may be hostile."""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

from ..base import is_count
from ..names import unescape

# The part of the main database; those that are attached to it have parts of their own.
PART = "database"
_ATTACHED_PART = re.compile(r"attached-[0-9]{3}-[A-Za-z0-9._-]{1,60}")
# More than these no build of SQLite attaches (https://www.sqlite.org/limits.html#max_attached).
MOST_ATTACHED = 125
_OWN_SCHEMAS = ("main", "temp")
FIXED = ("page_size", "encoding", "user_version", "application_id", "auto_vacuum")


@dataclasses.dataclass(frozen=True)
class SetFile:
    """One database file of a set.

    :param original: where it was; None where nothing depends on that.
    """

    part: str
    facts: t.Mapping[str, t.Any]
    original: str | None

    @property
    def bytes(self) -> int:
        """How many bytes it has."""
        return int(self.facts["bytes"])


def attached_part(number: int, path: str) -> str:
    """Return the part of a database that is attached to the main one.

    :param number: of it in the source's list, from 1 on.
    """
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", os.path.splitext(os.path.basename(path))[0])[:60]
    return f"attached-{number:03d}-{readable}"


def files_of(description: Description) -> list[SetFile]:
    """Return the database files of a set, the main one first.

    :raises SetInvalid: when what it says of them is not what this engine writes.
    """
    facts = description.engine_facts
    try:
        good = _is_sound(facts)
        files = [SetFile(PART, facts, None)]
        if good and "attached" in facts:
            attached = facts["attached"]
            good = isinstance(attached, list) and 0 < len(attached) <= MOST_ATTACHED and all(map(_is_sound, attached))
            good = good and all(_ATTACHED_PART.fullmatch(entry["part"]) for entry in attached)
            files = [SetFile(PART, facts, _original(facts["path"]))]
            files += [SetFile(entry["part"], entry, _original(entry["path"])) for entry in attached]
            good = good and len({file.original for file in files}) == len(files)
            good = good and sorted(file.part for file in files) == sorted(file.part for file in description.payload)
    except (KeyError, TypeError, ValueError, AttributeError):
        good = False
    if not good:
        raise SetInvalid(
            "read backup.json",
            on=description.id,
            why="its description of the database is invalid",
            next_step="Verify the set with set_verify; restore from another copy.",
        )
    return files


def _is_sound(facts: t.Mapping[str, t.Any]) -> bool:
    good = all(is_count(facts[name]) for name in ("bytes", "uid", "gid"))
    good = good and max(facts["uid"], facts["gid"]) < 2**32 - 1 and isinstance(facts["rows"], dict)
    good = good and all(is_count(count) for count in facts["rows"].values())
    good = good and bool(re.fullmatch(r"[0-7]{4}", facts["mode"])) and all(name in facts for name in FIXED)
    good = good and all(name in facts for name in ("objects", "rules_broken", "foreign_key_violations"))
    not_examined = facts["not_examined"]
    good = good and is_count(facts["written_by"]) and isinstance(not_examined, dict)
    digests = facts["content_digests"]
    good = good and (digests is None or isinstance(digests, dict))
    return good and all(digest is None or isinstance(digest, str) for digest in (digests or {}).values())


def _original(text: str) -> str:
    """Return a path of a set.

    :raises ValueError: when it is not absolute, or not in its shortest form.
    """
    path = unescape(text)
    if path[:1] != b"/" or path[:2] in (b"/", b"//") or b"\0" in path or os.path.normpath(path) != path:
        raise ValueError(f"{text!r} is no path of a file")
    return os.fsdecode(path)


def schema_names(originals: t.Sequence[str]) -> list[str]:
    """Under which names queries know the attached databases.

    The base name of each, without its extension; where that is no name, or another has it, ``attached`` and its number.

    :param originals: where they were, in the order of the set.
    """
    names: list[str] = []
    taken = set(_OWN_SCHEMAS)
    for number, path in enumerate(originals, 1):
        name = os.path.splitext(os.path.basename(path))[0]
        if not name.isprintable() or name.casefold() in taken:
            name = f"attached{number}"
            while name in taken:
                name += "_"
        names.append(name)
        taken.add(name.casefold())
    return names
