# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What backup_compliance_info takes and answers."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument

from ..drill.record import DrillRecord
from ..outermost import Answer
from .operation import Place, judge_sources

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "host": {"type": "str", "required": True},
    "media": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "medium": {**medium_argument(), "required": True},
            "off_site": {"type": "bool", "default": False},
        },
    },
    "sources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "rpo_hours": {"type": "float"}},
    },
    "rpo_hours": {"type": "float", "default": 26.0},
    "drill_record_directory": {"type": "path"},
}
NOTHING: dict[str, list[object]] = {"sources": []}


def call(params: t.Mapping[str, t.Any]) -> Answer:
    """Judge the sources of a host.

    :raises BackupError: when the first medium cannot be listed.
    """
    default = params["rpo_hours"]
    rpo_hours = {one["name"]: default if one["rpo_hours"] is None else one["rpo_hours"] for one in params["sources"]}
    directory = params["drill_record_directory"]
    with contextlib.ExitStack() as stack:
        places = [
            Place(one["name"], stack.enter_context(make_medium(one["medium"])), one["off_site"])
            for one in params["media"]
        ]
        verdicts, failures = judge_sources(
            places[0],
            places[1:],
            params["host"],
            rpo_hours,
            drills=DrillRecord(directory) if directory is not None else None,
            default_rpo_hours=default,
        )
    sources = [{**dataclasses.asdict(verdict), "met": verdict.is_met} for verdict in verdicts]
    return Answer({"changed": False, "sources": sources}, [error.message for error in failures])
