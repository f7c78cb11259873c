# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What set_verify takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument

from ..options import SELECTION_ARGUMENTS, make_selection
from ..outermost import Answer
from ..rereading import REREADING_ARGUMENTS, make_rereading
from .operation import verify_sets

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **SELECTION_ARGUMENTS,
    "medium": {**medium_argument(), "required": True},
    "allowed_signers_file": {"type": "path"},
    "set_aside": {"type": "bool", "default": False},
    **REREADING_ARGUMENTS,
    "status_file": {"type": "path"},
}
NOTHING: dict[str, list[object]] = {"sets": [], "failures": [], "left_out": [], "dated_after_now": []}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Verify the sets that are meant.

    :raises BackupError: when the medium cannot be listed.
    """
    with make_medium(params["medium"]) as medium:
        report = verify_sets(
            medium,
            make_selection(params),
            rereading=make_rereading(params),
            allowed_signers=params["allowed_signers_file"],
            set_aside=params["set_aside"],
            status_file=params["status_file"],
            check_mode=check_mode,
        )
    return Answer(report.result(), failure=report.message)
