# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restore_drill takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument

from ..options import SELECTION_ARGUMENTS, make_selection
from ..outermost import Answer
from .operation import DRILL_ARGUMENTS, DrillsReport, drill_sets

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **SELECTION_ARGUMENTS,
    **DRILL_ARGUMENTS,
    "medium": {**medium_argument(), "required": True},
}
NOTHING: dict[str, list[object]] = {
    "sets": [],
    "failures": [],
    "left_out": [],
    "overdue": [],
    "planned": [],
    "dated_after_now": [],
    "removed": [],
    "not_removed": [],
}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Drill the sets that are meant.

    :raises BackupError: when the medium cannot be listed, or a drill cannot be recorded.
    """
    with make_medium(params["medium"]) as medium:
        report = drill_sets(params, medium, make_selection(params), check_mode=check_mode)
    return answer_of(report, params["interval_days"])


def answer_of(report: DrillsReport, interval_days: int) -> Answer:
    """Return what is answered about drills, with a warning for each source that has not passed one for long."""
    warnings = [
        f"No set of {entry['source']} has passed a drill within {interval_days} days" for entry in report.overdue
    ]
    return Answer(report.result(), [*warnings, *report.not_removed], report.message)
