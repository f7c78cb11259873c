# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What set_copy takes and answers."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.temporary_files import (
    Abandoned,
    remove_abandoned,
)

from ..list.operation import list_sets
from ..options import SELECTION_ARGUMENTS, make_selection, spool_directory
from ..outermost import Answer
from ..removed_sets import removed_sets
from ..selection import SetSelection
from .operation import CopiesReport, copy_sets
from .reencryption import Reencryption
from .transfer import CopyOptions

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **SELECTION_ARGUMENTS,
    "origin": {**medium_argument(), "required": True},
    "destination": {**medium_argument(), "required": True},
    "except_sets": {"type": "list", "elements": "str", "default": []},
    "except_those_in": {"type": "path"},
    "only_fit": {"type": "bool", "default": False},
    "list_destination": {"type": "bool", "default": False},
    "drill_record_directory": {"type": "path"},
    "move": {"type": "bool", "default": False},
    "verify": {"type": "bool", "default": True},
    "require_verified": {"type": "bool", "default": False},
    "identity_file": {"type": "path"},
    "recipients": {"type": "list", "elements": "str"},
    "verify_origin": {"type": "bool", "default": False},
    "anew": {"type": "bool", "default": False},
    "spool": {"type": "path"},
    "sweep": {"type": "bool", "default": True},
    "allowed_signers_file": {"type": "path"},
    "status_file": {"type": "path"},
}
NOTHING: dict[str, list[object]] = {
    "sets": [],
    "failures": [],
    "dated_after_now": [],
    "left_out": [],
    "absent": [],
    "removed": [],
}

_TOLD_REMOVED = datetime.timedelta(days=90)

Params = t.Mapping[str, t.Any]
Listed = dict[str, t.Any]


def call(params: Params, *, check_mode: bool) -> Answer:
    """Copy the sets that are meant, and list what is asked for besides."""
    swept = Abandoned()
    if params["spool"] and params["sweep"]:
        swept = remove_abandoned(params["spool"], check_mode=check_mode)
    left_out = list(params["except_sets"])
    excepted: Listed = {}
    if params["except_those_in"] is not None:
        with make_medium({"type": "directory", "path": params["except_those_in"]}) as medium:
            there = _list(params, medium)
        left_out += [entry["id"] for entry in [*there["sets"], *there["removed_sets"]]]
        excepted["excepted"] = _told(there)
    try:
        report, listed = _copy(params, left_out, check_mode=check_mode)
    except BackupError as error:
        result = {"details": error.details, **NOTHING, **excepted, "removed": swept.removed}
        return Answer(result, [problem.message for problem in swept.left], error.message)
    copied = "".join(f"{entry['id']}\n" for entry in report.sets if entry["changed"])
    diff = {"before": "", "after": copied, "before_header": "sets copied", "after_header": "sets copied"}
    result = {"diff": diff, **report.result(), **listed, **excepted, "removed": swept.removed}
    result["changed"] = bool(result["changed"] or swept.removed)
    return Answer(result, [error.message for error in swept.left], report.message)


def _list(params: Params, medium: Medium) -> Listed:
    there = SetSelection(host=params["host"], source=params["source"])
    listed = list_sets(medium, there, drill_record=params["drill_record_directory"]).result()
    removed = removed_sets(medium.local, host=there.host, source=there.source) if medium.local is not None else []
    listed_ids = {entry["id"] for entry in listed["sets"]}
    return {
        **{name: listed[name] for name in ("sets", "failures", "dated_after_now")},
        # One that is there all the same has come back, or was never removed in the end.
        "removed_sets": [
            {"id": one.id, "tag_manifest_sha256": one.tag_manifest_sha256, "rule": one.rule, "removed": one.removed}
            for one in removed
            if one.id not in listed_ids
        ],
    }


def _told(listed: Listed) -> Listed:
    """Return a list as it is told: of what was removed long ago, nobody has anything any more."""
    since = host_clock.write(host_clock.now() - _TOLD_REMOVED)
    return {**listed, "removed_sets": [one for one in listed["removed_sets"] if one["removed"] >= since]}


def _copy(params: Params, excepted: t.Iterable[str], *, check_mode: bool) -> tuple[CopiesReport, Listed]:
    """Copy, and list the destination where that is asked for."""
    identities = (params["identity_file"],) if params["identity_file"] else ()
    with make_medium(params["origin"]) as origin, make_medium(params["destination"]) as destination:
        report = copy_sets(
            origin,
            destination,
            make_selection(params),
            except_sets=frozenset(SetId.parse(text) for text in excepted),
            options=CopyOptions(
                move=params["move"],
                verify=params["verify"],
                require_verified=params["require_verified"],
                spool=spool_directory(params),
                allowed_signers=params["allowed_signers_file"],
                verify_origin=params["verify_origin"],
                anew=params["anew"],
            ),
            reencryption=Reencryption(identities, tuple(params["recipients"])) if params["recipients"] else None,
            status_file=params["status_file"],
            check_mode=check_mode,
            only_fit=params["only_fit"],
        )
        told: Listed = {"last_trial": destination.last_trial("put_only")}
        if params["list_destination"]:
            told["destination"] = _told(_list(params, destination))
        return report, told
