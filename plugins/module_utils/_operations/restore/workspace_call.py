# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restore_workspace takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_directory
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..drill.sweep import sweep_dead_drills
from ..outermost import Answer
from .workspace import Parent, Workspaces

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": ["present", "received", "absent", "swept"], "default": "present"},
    "name": {"type": "str"},
    "set": {"type": "str"},
    "tag_manifest_sha256": {"type": "str"},
    "run": {"type": "dict", "required": True},
    "directories": {
        "type": "list",
        "elements": "dict",
        "options": {
            "path": {"type": "path", "required": True},
            "owner": {"type": "str"},
        },
    },
    "key_directory": {"type": "path", "no_log": False},
    "drill_directory": {"type": "path"},
    "spool_directory": {"type": "path"},
    "unknown_hours": {"type": "float", "default": 24},
    "sweep": {"type": "bool", "default": True},
}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Make, fill, remove or sweep workspaces.

    :raises BackupError: when a restore's own cannot be made, filled or removed.
    """
    workspaces = Workspaces(
        parents=tuple(Parent(directory["path"], directory["owner"]) for directory in params["directories"] or ()),
        keys=params["key_directory"],
        run=params["run"],
        unknown_seconds=params["unknown_hours"] * 3600,
    )
    name, recipient, delivered, changed = params["name"], None, None, False
    before = [name] if name and workspaces.is_there(name) else []
    if params["state"] == "present":
        changed = True
        if not check_mode:
            recipient = workspaces.make(name)
    elif params["state"] == "received":
        delivered = workspaces.delivered(name)
        set_id = SetId.parse(params["set"])
        changed = check_mode or workspaces.receive(name, set_id, params["tag_manifest_sha256"])
    elif params["state"] == "absent":
        changed = bool(before) if check_mode else workspaces.remove(name)
    # Its own work comes first: what others left, and cannot be removed, keeps no restore from beginning or ending.
    removed, left = _sweep(workspaces, check_mode=check_mode) if params["sweep"] else ([], [])
    if params["sweep"] and params["spool_directory"]:
        spool = temporary_files.remove_abandoned(params["spool_directory"], check_mode=check_mode)
        removed += spool.removed
        left += [error.message for error in spool.left]
    if params["sweep"] and params["drill_directory"]:
        try:
            with contained("look for interrupted drills", on=params["drill_directory"]):
                if is_directory(params["drill_directory"]):
                    sweep = sweep_dead_drills(params["drill_directory"], check_mode=check_mode)
                    removed += sweep.removed
                    left += [error.message for error in sweep.left]
        except BackupError as error:
            left.append(error.message)
    after = [name] if params["state"] in ("present", "received") else []
    result = {
        "changed": changed or bool(removed),
        "recipient": recipient,
        "delivered": delivered,
        "removed": removed,
        "not_removed": left,
        "diff": {
            "before": "".join(f"{entry}\n" for entry in [*removed, *before]),
            "after": "".join(f"{entry}\n" for entry in after),
        },
    }
    if params["state"] == "swept":
        return Answer(result, failure=" | ".join(left))
    return Answer(result, left)


def _sweep(workspaces: Workspaces, *, check_mode: bool) -> tuple[list[str], list[str]]:
    """Remove what interrupted restores have left.

    :returns: their names, and why others could not be removed.
    """
    removed, left = [], []
    try:
        abandoned = workspaces.abandoned()
    except BackupError as error:
        return [], [error.message]
    for name in abandoned:
        try:
            with contained("remove what an interrupted restore has left", on=name):
                if not check_mode:
                    workspaces.remove(name)
                removed.append(name)
        except BackupError as error:
            left.append(error.message)
    return removed, left
