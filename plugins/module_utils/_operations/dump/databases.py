# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What database_dump takes and answers."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts import database_sources
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import source_arguments
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import medium_argument
from ansible_collections.infitulua.backup.plugins.module_utils._system.priority import lower_priority
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..discover.operation import SURVEY_ARGUMENTS, survey
from ..outermost import Answer
from ..sources import MANY_ARGUMENTS
from .operation import DUMP_ARGUMENTS, SOURCE_ARGUMENTS, dump_sources

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **DUMP_ARGUMENTS,
    "medium": {**medium_argument(), "required": True},
    "sources": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            **SOURCE_ARGUMENTS,
            "engine": {"type": "str", "choices": database_sources.NAMES, "required": True},
            **source_arguments(database_sources.NAMES),
            **MANY_ARGUMENTS,
        },
    },
    "survey": {"type": "dict"},
}
NOTHING: dict[str, list[object]] = {"sets": [], "failures": [], "dated_after_now": [], "gone": []}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Dump databases and, where that is asked for, look for those that no source covers."""
    lower_priority(params)
    report = dump_sources(params, check_mode=check_mode)
    warnings = list(report.all_warnings())
    found = {"survey": _survey(params, warnings)} if params["survey"] is not None else {}
    return Answer({**report.result(), "gone": report.gone_sources(), **found}, warnings, report.message)


def _survey(params: t.Mapping[str, t.Any], warnings: list[str]) -> dict[str, t.Any]:
    checked = ArgumentSpecValidator(SURVEY_ARGUMENTS).validate(params["survey"])
    if checked.error_messages:
        return {"msg": "; ".join(checked.error_messages)}
    try:
        with contained("list databases", on=params["host"]):
            report = survey({**params, **checked.validated_parameters})
    except BackupError as error:
        return {"msg": error.message}
    warnings += report.warnings
    return {"unprotected": report.unprotected, "unknown": report.unknown, "ignored": report.ignored}
