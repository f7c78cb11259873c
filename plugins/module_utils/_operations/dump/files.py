# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What files_archive takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts import file_sources
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import source_arguments
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import medium_argument
from ansible_collections.infitulua.backup.plugins.module_utils._system.priority import lower_priority

from ..outermost import Answer
from .operation import DUMP_ARGUMENTS, SOURCE_ARGUMENTS, dump_sources

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **DUMP_ARGUMENTS,
    "medium": {**medium_argument(), "required": True},
    "sources": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {**SOURCE_ARGUMENTS, **source_arguments(file_sources.NAMES)},
    },
}
NOTHING: dict[str, list[object]] = {"sets": [], "failures": [], "dated_after_now": []}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Archive directory trees."""
    lower_priority(params)
    report = dump_sources(params, check_mode=check_mode)
    return Answer(report.result(), report.all_warnings(), report.message)
