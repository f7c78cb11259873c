# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of a source: which they are, and whether they can be backed up."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused, describe_os_error

from ..names import escape, given
from .walking import Excludes


def absolute(path: str) -> bytes:
    """Return a path as the operating system has it.

    :raises Refused: when it is not absolute.
    """
    if not path.startswith("/"):
        raise Refused(
            "use a path",
            on=repr(path),
            why="it is not absolute",
            next_step="Give the whole path, beginning with a slash.",
        )
    return b"/" + os.path.normpath(given(path)).lstrip(b"/")


def describe_paths(paths: t.Sequence[bytes]) -> str:
    """Return paths in a few words, for messages."""
    shown = ", ".join(escape(path) for path in paths[:5])
    return f"files {shown}" + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")


def resolve(paths: t.Sequence[bytes]) -> list[bytes]:
    """Return the paths, links resolved."""
    return [os.path.realpath(path) for path in paths]


def find_roots(paths: t.Sequence[bytes]) -> list[bytes]:
    """Return the paths of a source, links resolved.

    :raises BackupError: when one is missing, is not a file or directory, or lies in another.
    """
    if not paths:
        raise Refused(
            "back up files", on="no paths", why="the source names none", next_step="Give paths: what to back up."
        )
    roots = resolve(paths)
    for root in roots:
        try:
            mode = os.stat(root).st_mode
        except OSError as error:
            raise NotFound(
                "read a path to back up",
                on=escape(root),
                why=describe_os_error(error),
                next_step="Correct the source's paths, or bring back what is missing; nothing was written.",
            ) from error
        if root == b"/" or not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            raise Refused(
                "back up a path",
                on=escape(root),
                why="only directories and regular files can be restored beside and swapped",
                next_step="Name the directories in it that hold data.",
            )
    for outer in roots:
        for inner in roots:
            if inner is not outer and (inner + b"/").startswith(outer + b"/"):
                raise Refused(
                    "back up paths",
                    on=f"{escape(outer)}, {escape(inner)}",
                    why="one lies in the other",
                    next_step="Name only the outer one, or put them into two sources and exclude the inner one.",
                )
    return roots


def check_medium_outside(roots: t.Sequence[bytes], medium: bytes, excludes: Excludes) -> None:
    """Check that the medium of a set does not lie in what the set is to hold.

    :raises Refused: when it does, and is not excluded.
    """
    for root in roots:
        inside = medium
        while (inside + b"/").startswith(root + b"/") and inside != root:
            if excludes.match(inside, os.path.basename(inside)):
                break
            inside = os.path.dirname(inside)
        else:
            if inside == root:
                raise Refused(
                    "back up a path",
                    on=escape(root),
                    why=f"the medium {escape(medium)} lies in it, and each set would hold all earlier ones",
                    next_step="Exclude the medium's directory, or use a medium elsewhere.",
                )
