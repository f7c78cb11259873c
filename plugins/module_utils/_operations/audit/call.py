# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What set_audit takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument

from ..options import SELECTION_ARGUMENTS, make_selection
from ..outermost import Answer
from .operation import audit_sets

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **SELECTION_ARGUMENTS,
    "medium": {**medium_argument(), "required": True},
    "reference": {"type": "path", "required": True},
    "status_file": {"type": "path"},
}
NOTHING: dict[str, list[object]] = {"sets": [], "missing": [], "remarks": [], "failures": []}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Compare what a medium holds with a reference, a directory medium on this host.

    :raises BackupError: when either cannot be listed.
    """
    reference = {"type": "directory", "path": params["reference"]}
    with make_medium(params["medium"]) as store, make_medium(reference) as trusted:
        selection = make_selection(params)
        report = audit_sets(store, trusted, selection, status_file=params["status_file"], check_mode=check_mode)
    return Answer(report.result(), failure=report.message)
