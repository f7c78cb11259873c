# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set of this engine says of its source."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

from ..base import is_count
from ..facts import check_shape
from ..names import unescape
from . import owners

SHAPE: dict[str, t.Any] = {"paths": [{"part": str, "path": str}]}
COUNTED = ("directories", "files", "hard_links", "symbolic_links", "fifos", "content_bytes")


def check(description: Description) -> None:
    """Check what a set says of each of its paths, and that it has a part for each.

    :raises SetInvalid: when this engine has not written it.
    """
    check_shape(description.engine_facts, SHAPE, on=description.id)
    for entry in entries(description):
        description.file(entry["part"])


def entries(description: Description) -> list[t.Mapping[str, t.Any]]:
    """Return what a set says of its paths, checked: a set may come from anywhere.

    :raises SetInvalid: when it is not what this engine writes.
    """
    try:
        found = list(description.engine_facts["paths"])
        for entry in found:
            path = unescape(entry["path"])
            is_plain = path[:1] == b"/" and path[:2] not in (b"/", b"//") and b"\0" not in path
            if not is_plain or os.path.normpath(path) != path:
                raise ValueError(f"its path {entry['path']!r} is not one")
            if not all(is_count(entry[name]) for name in (*COUNTED, "archive_bytes")):
                raise ValueError(f"its counts of {entry['path']!r} are not numbers")
            owners.from_facts(entry["owners"])
        if not found or len({entry["path"] for entry in found}) != len(found):
            raise ValueError("it holds no path, or one twice")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SetInvalid(
            "read backup.json",
            on=description.id,
            why=f"its description of the files is invalid: {error}",
            next_step="Verify the set with set_verify; restore from another copy.",
        ) from error
    return found
