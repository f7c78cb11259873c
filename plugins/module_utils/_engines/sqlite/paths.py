# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of databases that are one source or target: absolute, links resolved, and none another's journal."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from ..kept_name import BESIDE_SUFFIX, SWAPPING_SUFFIX
from ..names import given
from .connection import SIDECARS, shown


def main_and_attached(options: t.Mapping[str, t.Any]) -> tuple[str, list[str] | None]:
    """Return the paths that options name, links resolved: the main database's, and the attached ones' if given.

    :raises Refused: when one is missing or not absolute, or two are in each other's way.
    """
    main = _resolved(options.get("path"), "path must be given, and be absolute", "path: the database file")
    if options.get("attached") is None:
        return main, None
    why, what = "each path of attached must be absolute", "attached: the other database files"
    attached = [_resolved(path, why, what) for path in options["attached"]]
    refuse_clashes([main, *attached])
    return main, attached


def note_path(main: str) -> str:
    """Return where the note about a swap lies, as long as one is under way."""
    return main + SWAPPING_SUFFIX


def describe_paths(paths: t.Sequence[str]) -> str:
    """Return databases in a few words, the main one first."""
    more = f" and {', '.join(map(shown, paths[1:]))}" if len(paths) > 1 else ""
    return f"SQLite database{'s' if more else ''} {shown(paths[0])}{more}"


def _resolved(path: str | None, why: str, what: str) -> str:
    """Return a path with its links resolved.

    :raises Refused: when it is not absolute.
    """
    if not path or not path.startswith("/"):
        raise Refused("use a SQLite database", on=repr(path or ""), why=why, next_step=f"Give {what}.")
    return os.path.realpath(os.fsdecode(given(path)))


def refuse_clashes(paths: t.Sequence[str]) -> None:
    """Check that no two paths are one, and none is a name that another one needs.

    :raises Refused: when it is not so.
    """
    for place, path in enumerate(paths):
        for other in [*paths[:place], *paths[place + 1 :]]:
            if path == other or path in [other + tail for tail in (*SIDECARS, BESIDE_SUFFIX, SWAPPING_SUFFIX)]:
                raise _clash(
                    other, path, "they are one file" if path == other else "one has a name that the other needs"
                )


def refuse_one_file_twice(paths: t.Sequence[str]) -> None:
    """Check that no two paths, links among them, lead to one file.

    :raises Refused: when two do.
    """
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(path)
            other = seen.setdefault((status.st_dev, status.st_ino), path)
            if other != path:
                raise _clash(other, path, "they are two names (hard links) of one file")


def _clash(one: str, other: str, why: str) -> Refused:
    return Refused(
        "use SQLite databases together",
        on=f"{shown(one)}, {shown(other)}",
        why=why,
        next_step="Give each database once, in path or in attached, and under a name of its own.",
    )
