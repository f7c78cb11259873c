# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that modules of several kinds share, and what they mean. No AnsibleModule here."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from .selection import SetSelection

# Options that choose among the sets of a medium.
SELECTION_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "sets": {"type": "list", "elements": "str"},
    "host": {"type": "str"},
    "source": {"type": "str"},
    "newest": {"type": "bool", "default": False},
    "at": {"type": "str"},
}


def make_selection(params: t.Mapping[str, t.Any]) -> SetSelection:
    """Which sets are meant, from a module's options.

    :raises BackupError: when an id is not one.
    """
    return SetSelection(
        # An empty list is none, not all: it may be what an earlier task found.
        ids=None if params.get("sets") is None else tuple(SetId.parse(text) for text in params["sets"]),
        host=params.get("host"),
        source=params.get("source"),
        newest=bool(params.get("newest")),
        at=params.get("at"),
    )


def spool_directory(params: t.Mapping[str, t.Any]) -> str | None:
    """Where sets from remote media are put meanwhile.

    :raises Refused: when it was named and does not exist.
    """
    spool = params.get("spool")
    if spool and not os.path.isdir(spool):
        raise Refused(
            "use a spool directory",
            on=spool,
            why="it does not exist",
            next_step="Create it (owner root, mode 0700) or name another one.",
        )
    return spool
