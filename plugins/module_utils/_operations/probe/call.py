# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What medium_info takes and answers."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument

from ..outermost import Answer

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "medium": {**medium_argument(), "required": True},
    "probe": {"type": "bool", "default": False},
    "abilities": {"type": "bool", "default": False},
    "host": {"type": "str"},
}


def call(params: t.Mapping[str, t.Any]) -> Answer:
    """Describe a medium, and try what this host may do with it where that is asked for.

    :raises BackupError: when it cannot be reached.
    """
    result: dict[str, object] = {}
    with make_medium(params["medium"]) as medium:
        result.update(medium=medium.describe(), free_bytes=medium.free_bytes())
        if params["probe"]:
            result["access"] = dataclasses.asdict(medium.probe(host=params["host"]))
        if params["abilities"]:
            result["abilities"] = medium.abilities(host=params["host"], anew=params["probe"])
    return Answer({"changed": False, **result})
