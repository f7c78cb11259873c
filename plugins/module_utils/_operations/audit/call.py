# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What set_audit takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument

from ..drill.record import DrillRecord
from ..options import SELECTION_ARGUMENTS, make_selection
from ..outermost import Answer
from ..rereading import REREADING_ARGUMENTS, make_rereading
from .operation import audit_sets

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **SELECTION_ARGUMENTS,
    "medium": {**medium_argument(), "required": True},
    "reference": {"type": "path", "required": True},
    **REREADING_ARGUMENTS,
    "drill_record_directory": {"type": "path"},
    "drill_days": {"type": "int", "default": 30},
    "status_file": {"type": "path"},
}
NOTHING: dict[str, list[object]] = {
    "sets": [],
    "missing": [],
    "remarks": [],
    "failures": [],
    "lost": [],
    "left_out": [],
    "drill_due": [],
}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Compare what a medium holds with a reference, a directory medium on this host.

    :raises BackupError: when either cannot be listed.
    """
    reference = {"type": "directory", "path": params["reference"]}
    with make_medium(params["medium"]) as store, make_medium(reference) as trusted:
        directory = params["drill_record_directory"]
        report = audit_sets(
            store,
            trusted,
            make_selection(params),
            rereading=make_rereading(params),
            drills=DrillRecord(directory) if directory is not None else None,
            drill_days=params["drill_days"],
            status_file=params["status_file"],
            check_mode=check_mode,
        )
        last_trial = store.last_trial("read_only")
    return Answer({**report.result(), "last_trial": last_trial}, failure=report.message)
