# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What set_info takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument

from ..options import SELECTION_ARGUMENTS, make_selection
from ..outermost import Answer
from .operation import ListReport, list_media, list_sets

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **SELECTION_ARGUMENTS,
    "medium": {**medium_argument(), "required": True},
    "further_media": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "medium": {**medium_argument(), "required": True},
            "only_if_none": {"type": "bool", "default": False},
        },
    },
    "drill_record_directory": {"type": "path"},
}
NOTHING: dict[str, list[object]] = {
    "sets": [],
    "failures": [],
    "passed_over": [],
    "dated_after_now": [],
    "further_media": [],
}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """List the sets that are meant, on one medium after another.

    :raises BackupError: when the first cannot be listed.
    """
    del check_mode  # It changes nothing.

    def look(options: t.Mapping[str, t.Any]) -> ListReport:
        with make_medium(options) as medium:
            return list_sets(medium, make_selection(params), drill_record=params["drill_record_directory"])

    media = [{"medium": params["medium"], "only_if_none": False}, *params["further_media"]]
    answers = list_media(media, look)
    warnings = [failure["message"] for answer in answers for failure in answer["failures"]]
    result = {name: value for name, value in answers[0].items() if name not in ("looked", "msg")}
    return Answer({**result, "further_media": answers[1:]}, warnings, failure=answers[0].get("msg", ""))
