# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed drill means: the set is bad, or this host could not drill it, which says nothing about the set."""

from __future__ import annotations

import dataclasses
import time

from ansible_collections.infitulua.backup.plugins.module_utils._engines.trial.instance import (
    Instance,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    Cancelled,
    NotStarted,
    ProcessFailed,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from .limits import shortage_in
from .record import FAILED, NOT_DONE, Drill, now
from .request import DrillRequest

_LOG_SECONDS = 5


def not_done(request: DrillRequest, set_id: SetId, begin: float, why: str) -> Drill:
    """Return the outcome of a drill that this host could not carry out.

    :param begin: when it was begun, by the monotonic clock.
    """
    error = BackupError(
        "drill a set",
        on=f"{set_id} on {request.medium_name}",
        why=why,
        next_step="Nothing is known about the set. Raise the limit or free some space, and drill again.",
    )
    seconds = round(time.monotonic() - begin, 3)
    return Drill(str(set_id), NOT_DONE, now(), request.medium_name, seconds=seconds, message=error.message)


def ended(drill: Drill, outcome: str, error: BackupError) -> Drill:
    return dataclasses.replace(drill, outcome=outcome, drilled=now(), message=error.message, details=error.details)


def judge_preparation(drill: Drill, error: BackupError) -> Drill:
    """Give the outcome of a drill that failed before anything was restored."""
    if isinstance(error, (SetInvalid, ProcessFailed)):
        return judge_failure(drill, error, None)
    return ended(drill, NOT_DONE, error)


def judge_failure(drill: Drill, error: BackupError, instance: Instance | None) -> Drill:
    """Judge a drill that did not pass: the set is to blame, or this host, of which nothing follows for the set."""
    if instance is not None and instance.attack() is not None:
        return ended(drill, FAILED, error)
    lack = shortage_behind(error, instance)
    if lack is None and not isinstance(error, (NotStarted, Cancelled)):
        return ended(drill, FAILED, error)
    why = f"this host lacked something ({lack}): {error.why}" if lack is not None else error.why
    unknown = BackupError(
        "drill a set",
        on=drill_subject(drill),
        why=why,
        next_step="Nothing is known about the set. Free disk space or memory, or install what is missing, and drill"
        " again.",
        details=error.details,
    )
    return ended(drill, NOT_DONE, unknown)


def shortage_behind(error: BackupError, instance: Instance | None) -> str | None:
    """Return what this host lacked when something failed; None: nothing that was reported.

    A client may tell that its server is lost before the server's log tells why: that is waited for.
    """
    is_lost = instance is not None and instance.is_lost(error)
    end = time.monotonic() + (_LOG_SECONDS if is_lost else 0)
    while True:
        lack = shortage_in(error.why, *error.details, instance.troubles() if instance is not None else "")
        lack = instance.shortage() if lack is None and instance is not None else lack
        if lack is not None or time.monotonic() >= end:
            return lack
        time.sleep(0.1)


def refuse_attack(drill: Drill, instance: Instance) -> None:
    """Refuse a set that wanted more than to be restored: on a real server nothing would confine it.

    :raises SetInvalid: when its instance has seen that.
    """
    tried = instance.attack()
    if tried is not None:
        raise SetInvalid(
            "drill a set",
            on=drill_subject(drill),
            why=f"something in it tried an operation that no backup performs: {tried}",
            next_step="Do not restore it. Find out who put that into the database; restore from an older set.",
        )


def drill_subject(drill: Drill) -> str:
    """Return a drilled set and where it lay, for messages."""
    return f"{drill.id} on {drill.medium}"
