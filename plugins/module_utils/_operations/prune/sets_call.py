# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What set_prune takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from ..drill.record import FAILED, DrillRecord
from ..outermost import Answer
from ..selection import SetSelection
from ..sets_report import SetsReport
from .approval import Terms
from .approvers import APPROVALS_ARGUMENTS, make_approvers
from .hold import HOLD_ARGUMENTS, make_hold
from .plan import Context
from .policy import POLICY_ARGUMENTS, find_zone, make_policies, policy_of
from .sets import Elsewhere, PruneReport, Retention, SourcePolicy, prune_sets

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "medium": {**medium_argument(), "required": True},
    "host": {"type": "str"},
    "source": {"type": "str"},
    "policies": {"type": "dict", "default": {}},
    "source_policies": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "host": {"type": "str", "default": "*"},
            "source": {"type": "str", "required": True},
            **POLICY_ARGUMENTS,
        },
    },
    "holds": {"type": "list", "elements": "dict", "default": [], "options": HOLD_ARGUMENTS},
    "time_zone": {"type": "str", "default": "America/Bogota"},
    "verified_elsewhere": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "medium": {"type": "str", "required": True},
            "sets": {"type": "list", "elements": "dict", "required": True},
        },
    },
    "verified_here": {"type": "bool", "default": True},
    "keep_doubtful_days": {"type": "int", "default": 90},
    "known_misdated": {"type": "list", "elements": "str", "default": []},
    "drill_record_directory": {"type": "path"},
    "object_store": medium_argument(),
    "approvals": {"type": "dict", "options": APPROVALS_ARGUMENTS},
}
NOTHING: dict[str, t.Any] = {
    "sets": [],
    "failures": [],
    "dated_after_now": [],
    "removed_bytes": 0,
    "forecast": None,
    "object_store": None,
    "approvals": None,
}

Params = t.Mapping[str, t.Any]


def call(params: Params, *, check_mode: bool) -> Answer:
    """Remove what the retention policies keep no longer.

    :raises BackupError: when a policy, a hold or an approver makes no sense, or the medium cannot be listed.
    """
    retention = _retention(params)
    with make_medium(params["medium"]) as medium:
        selection = SetSelection(host=params["host"], source=params["source"])
        report = prune_sets(medium, selection, retention, check_mode=check_mode)
    result, failures = {**report.result(), "object_store": None}, [report.message]
    if params["object_store"] is not None:
        followed = _follow(params["object_store"], report, selection, retention.context, check_mode=check_mode)
        prepared = result["diff"]["prepared"] + "".join(map(_line, followed.sets))
        result.update(object_store=followed.result(), changed=report.changed or followed.changed)
        result["diff"] = {"prepared": prepared}
        failures.append(followed.message)
    return Answer(result, failure=" | ".join(filter(None, failures)))


def _line(copy: Params) -> str:
    """Return what the diff shows of one copy: removed, locked for longer, or as it was."""
    sign = "-" if not copy["kept"] else "+" if copy["changed"] else " "
    due = f" (locked until {copy['lock_due']})" if copy["kept"] and copy["changed"] else ""
    return f"{sign} copy of {copy['id']}  {copy['rule']}{due}\n"


def _follow(
    options: Params, report: PruneReport, selection: SetSelection, context: Context, *, check_mode: bool
) -> SetsReport:
    """Let the copies in an object store follow. That it does not answer changes nothing on the medium itself."""
    # With it come eleven files that nobody needs who has no object store.
    from .copies import Followed, follow

    try:
        with make_medium(options) as store:
            vault = Followed(report.kept, report.removed, report.unclear, report.agreed_holds)
            return follow(store, vault, selection, context, check_mode=check_mode)
    except BackupError as error:
        failed = SetsReport()
        failed.failures.append({"id": "", "message": error.message, "details": error.details, "changed": False})
        return failed


def _retention(params: Params) -> Retention:
    if params["keep_doubtful_days"] < 0:
        raise Refused(
            "apply retention",
            on=f"keep_doubtful_days {params['keep_doubtful_days']}",
            why="it is less than 0",
            next_step="Give a number of days.",
        )
    zone = find_zone(params["time_zone"])
    holds = [make_hold(options, zone) for options in params["holds"]]
    return Retention(
        policies=make_policies(params["policies"]),
        source_policies=[
            SourcePolicy(one["host"], one["source"], policy_of(one, f"{one['host']}/{one['source']}"))
            for one in params["source_policies"]
        ],
        context=Context(host_clock.now(), zone, holds, keep_doubtful_days=params["keep_doubtful_days"]),
        elsewhere=[_elsewhere(one["medium"], one["sets"]) for one in params["verified_elsewhere"]],
        verified_here=params["verified_here"],
        known_misdated=frozenset(params["known_misdated"]),
        drills=DrillRecord(params["drill_record_directory"]) if params["drill_record_directory"] else None,
        terms=Terms(
            make_approvers(params["approvals"]) if params["approvals"] is not None else None,
            params["time_zone"],
            params["holds"],
        ),
    )


def _elsewhere(name: str, sets: t.Sequence[Params]) -> Elsewhere:
    """Read what another medium holds, as modules list it: of a set that was not verified, they tell no digest."""
    verified = [one for one in sets if one.get("id") and one.get("tag_manifest_sha256")]
    failed = {str(one["id"]) for one in verified if (one.get("drill") or {}).get("outcome") == FAILED}
    return Elsewhere(name, {str(one["id"]): str(one["tag_manifest_sha256"]) for one in verified}, failed)
