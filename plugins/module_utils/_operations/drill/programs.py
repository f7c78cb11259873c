# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this host has the programs for its drills: what drill_info takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts import instances
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._engines.trial.instance import NotAvailable

from ..outermost import Answer

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "servers": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "engine": {
                "type": "str",
                "required": True,
                "choices": [name for name in instances.NAMES if name != "files"],
            },
            "version": {"type": "str", "required": True},
            "programs_directory": {"type": "path"},
        },
    },
}


def call(params: t.Mapping[str, t.Any]) -> Answer:
    """Look for the programs that restore the sets of some servers for trial."""
    missing = [entry for server in params["servers"] for entry in _missing(server)]
    return Answer({"changed": False, "missing": missing})


def _missing(server: t.Mapping[str, t.Any]) -> t.Iterator[dict[str, t.Any]]:
    try:
        find_engine(server["engine"]).instance().check_programs(server["version"], server["programs_directory"])
    except NotAvailable as error:
        yield {
            "engine": server["engine"],
            "version": server["version"],
            "message": f"{error.why}. {error.next_step}",
            "packages": error.packages,
        }
