# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the modules that restore to a restore, and back to what they return."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import TargetState
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from ..known_sets import DATED_AFTER_NOW, SUSPECT, UNREADABLE, KnownSet
from ..options import spool_directory
from ..selection import SetSelection
from .kept_data import checked_keep_days, describe_replaced
from .restoring import RestoreRequest, RestoreResult

# How long a restore may take where nothing is said: far longer than any that goes on.
_LEAST_SECONDS = 3600
_SLOWEST_BYTES_PER_SECOND = 1024**2
_MOST_SECONDS = 10**8
# Options of every module that restores.
RESTORE_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "ticket": {"type": "str", "required": True},
    "set": {"type": "str"},
    "host": {"type": "str"},
    "source": {"type": "str"},
    "at": {"type": "str"},
    "identity_file": {"type": "path"},
    "replace": {"type": "bool", "default": False},
    "keep_replaced_days": {"type": "int"},
    "strict": {"type": "bool", "default": False},
    "max_seconds": {"type": "int"},
    "jobs": {"type": "int", "default": 2},
    "spool": {"type": "path"},
    "allowed_signers_file": {"type": "path"},
    "status_file": {"type": "path"},
}


def make_restore(params: t.Mapping[str, t.Any], *, engines: t.Sequence[str]) -> RestoreRequest:
    """Return the restore that a module's options ask for.

    :param engines: the engines that the module restores with.
    :raises NotFound: when there is no such set.
    :raises Refused: when the set is of another engine, or the target's options do not fit its engine.
    """
    medium = make_medium(params["medium"])
    if params["set"]:
        set_id = SetId.parse(params["set"])
    else:
        if not (params["host"] and params["source"]):
            raise Refused(
                "choose a set",
                on=medium.describe(),
                why="neither a set's id nor a host and a source were given",
                next_step="Give set, or host and source (and, if it is not to be the newest, at).",
            )
        choice = SetSelection(host=params["host"], source=params["source"], newest=True, at=params["at"]).resolve(
            medium
        )
        if not choice.sets:
            objections = [*map(_describe_objection, choice.passed_over)]
            objections += [f"{set_id}: {error.why.rstrip('.')}" for set_id, error in choice.ineligible]
            raise NotFound(
                "find a set",
                on=f"{params['host']}/{params['source']} on {medium.describe()}",
                why="it holds none"
                + (f" that is not after {params['at']}" if params["at"] else "")
                + (" but " + "; ".join(objections) if objections else ""),
                next_step="List what it holds with set_info, or use another medium.",
            )
        set_id = choice.sets[-1]
    description = read_description(set_id, medium.contents(set_id))
    if description.engine not in engines:
        raise Refused(
            "restore",
            on=str(set_id),
            why=f"it was written by the engine {description.engine}; this module restores {', '.join(engines)}",
            next_step="Use " + ("files_restore." if description.engine == "files" else "database_restore."),
        )
    return RestoreRequest(
        medium=medium,
        set_id=set_id,
        engine=find_engine(description.engine).target(params["target"]),
        ticket=params["ticket"],
        identity_files=(params["identity_file"],) if params["identity_file"] else (),
        replace=params["replace"],
        keep_replaced_days=checked_keep_days(params["keep_replaced_days"]),
        strict=params["strict"],
        max_seconds=_limit(params["max_seconds"], description.source_bytes),
        jobs=params["jobs"],
        spool=spool_directory(params),
        allowed_signers=params["allowed_signers_file"],
        status_file=params["status_file"],
    )


def _describe_objection(known: KnownSet) -> str:
    words = {SUSPECT: "is suspect", UNREADABLE: "cannot be read", DATED_AFTER_NOW: "is dated after now"}
    return f"{known.set_id}, which {words[str(known.objection)]}"


def describe_restore(result: RestoreResult) -> dict[str, t.Any]:
    """Return what a restoring module returns of a :class:`~.restoring.RestoreResult`."""
    return {
        "set": str(result.set_id),
        "engine": result.engine,
        "ticket": result.ticket,
        "target": result.target,
        "kept": result.kept,
        "removed": [describe_replaced(entry) for entry in result.removed],
        "checks": [dataclasses.asdict(check) for check in result.checks],
        "remarks": result.warnings,
        "left_out": [dataclasses.asdict(entry) for entry in result.left_out],
        "seconds": result.seconds,
        "diff": {
            "before": f"{result.target}: {_state(result.before)}\n"
            + "".join(f"{entry.name}\n" for entry in result.removed),
            "after": f"{result.target}: {result.set_id}\n",
        },
    }


def _limit(seconds: int | None, source_bytes: int) -> int:
    """How long a restore may take.

    :param seconds: what the operator says.
    :param source_bytes: the size of what was dumped, from which it follows otherwise.
    :raises Refused: when it is no time.
    """
    if seconds is None:
        return _LEAST_SECONDS + source_bytes // _SLOWEST_BYTES_PER_SECOND
    if not 0 < seconds <= _MOST_SECONDS:
        raise Refused(
            "limit the time of a restore",
            on=f"max_seconds {seconds}",
            why=f"it is not between 1 and {_MOST_SECONDS}",
            next_step="Give a number of seconds, or leave it out: then it is derived from the size of the source.",
        )
    return seconds


def _state(before: TargetState) -> str:
    if not before.exists:
        return "absent"
    return "empty" if before.empty else "holds data"
