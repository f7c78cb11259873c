# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One drill: a set restored into a throw-away instance, checked and timed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import Check, LeftOut
from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts.instances import make_instance
from ansible_collections.infitulua.backup.plugins.module_utils._engines.trial.instance import (
    Instance,
    NotAvailable,
    Place,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..restore import restoring
from . import answers
from .limits import LOCK, DrillShare, NoRoom
from .record import FAILED, NOT_DONE, PASSED, Drill, now
from .request import DrillRequest, Query
from .verdict import drill_subject, ended, judge_failure, refuse_attack, shortage_behind

# Restoring takes the source's size, its indexes and the write-ahead log.
_ROOM_FACTOR = 1.5
_ROOM_BYTES = 512 * 1024 * 1024


def carry_out(request: DrillRequest, set_id: SetId, directory: str, *, user: str | None) -> Drill:
    """Do what :func:`_carry_out` does, and turn any error that the set causes into an outcome."""
    try:
        with contained("drill a set", on=f"{set_id} on {request.medium_name}", blame=SetInvalid):
            return _carry_out(request, set_id, directory, user=user)
    except BackupError as error:
        drill = Drill(str(set_id), NOT_DONE, now(), request.medium_name)
        return ended(drill, FAILED if isinstance(error, SetInvalid) else NOT_DONE, error)


def _carry_out(request: DrillRequest, set_id: SetId, directory: str, *, user: str | None) -> Drill:
    """Restore a set into a throw-away instance, and check it.

    :param directory: holds ``i`` for the instance and ``spool``; the caller removes it.
    :param user: of throw-away servers; None: the current one.
    """
    drill = Drill(str(set_id), NOT_DONE, now(), request.medium_name)
    instance: Instance | None = None
    stack = contextlib.ExitStack()
    try:
        medium = stack.enter_context(request.open_medium())
        contents = medium.contents(set_id)
        description = read_description(set_id, contents)
        drill = dataclasses.replace(
            drill,
            engine=description.engine,
            series=description.series,
            tag_manifest_sha256=bag.tag_manifest_digest(contents),
            source_bytes=description.source_bytes,
            age_seconds=_age(set_id),
        )
        _check_room(request, medium, set_id, directory, description.source_bytes)
        with Processes() as processes:
            place = Place(os.path.join(directory, "i"), processes, user, request.programs_directory, request.jobs)
            instance = make_instance(place, description)
            with instance:
                result = restoring.restore(
                    restoring.RestoreRequest(
                        medium=medium,
                        set_id=set_id,
                        engine=instance.bound_target(),
                        ticket="drill",
                        identity_files=request.identity_files,
                        replace=True,
                        jobs=request.jobs,
                        spool=os.path.join(directory, "spool"),
                        allowed_signers=request.allowed_signers,
                        status_file=request.status_file,
                    )
                )
                refuse_attack(drill, instance)
                lack = instance.shortage() if result.left_out else None
                if lack is not None:
                    names = "; ".join(entry.describe() for entry in result.left_out)
                    why = f"it lacks something ({lack}), and without that a restore leaves out {names}"
                    raise NotAvailable(why, "Install what is missing on this host, and drill again.")
                seconds = max(0.0, result.seconds - instance.seconds_besides)
                checks = [*result.checks, *instance.examine()]
                wrong_questions = _ask_queries(request.queries, set_id, instance, checks)
    except NotAvailable as error:
        unavailable = BackupError("drill a set", on=drill_subject(drill), why=error.why, next_step=error.next_step)
        return ended(drill, NOT_DONE, unavailable)
    except (SetInvalid, ProcessFailed) as error:
        return judge_failure(drill, error, instance)
    except BackupError as error:
        return ended(drill, NOT_DONE, error)
    finally:
        stack.close()
    drill = dataclasses.replace(
        drill,
        outcome=PASSED,
        drilled=now(),
        restore_seconds=round(seconds, 3),
        bytes_per_second=round(description.source_bytes / max(seconds, 0.001)),
        checks=[dataclasses.asdict(check) for check in checks],
        warnings=result.warnings,
        left_out=_unforeseen(instance.foretold(result.left_out), description),
    )
    wrong = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    if wrong:
        invalid = SetInvalid(
            "drill a set",
            on=drill_subject(drill),
            why="the restored data is not right: " + "; ".join(wrong[:5]),
            next_step="Do not rely on this set; restore from another one, and find out what happened.",
            details=wrong,
        )
        return judge_failure(drill, invalid, instance)
    if wrong_questions:
        unasked = BackupError(
            "ask a restored database",
            on=drill_subject(drill),
            why="; ".join(wrong_questions),
            next_step="All other checks passed. Correct the query (backup_drill_queries), and drill again.",
            details=wrong_questions,
        )
        return ended(drill, NOT_DONE, unasked)
    return drill


def _unforeseen(left_out: t.Sequence[LeftOut], description: Description) -> list[str]:
    """Return what a restore leaves out and the dump did not know of."""
    known = {(entry["kind"], entry["name"]) for entry in description.unrestorable}
    return [entry.describe() for entry in left_out if (entry.kind, entry.name) not in known]


def _ask_queries(queries: t.Sequence[Query], set_id: SetId, instance: Instance, checks: list[Check]) -> list[str]:
    """Ask the restored data what the operator wants to know.

    :param checks: takes one more for each answer.
    :returns: the questions that could not be asked, each with the reason. A set is not to blame for them: what it
        lacks, the other checks see.
    :raises ProcessFailed: when the server was lost, or lacked something of this host.
    """
    wrong = []
    for query in queries:
        if not query.concerns(set_id):
            continue
        try:
            answer = instance.ask(query.query)
        except BackupError as error:
            if isinstance(error, ProcessFailed) and shortage_behind(error, instance) is not None:
                raise
            wrong.append(f"{query.name}: {error.why}")
            continue
        passed = answers.agree(answer, query.expected)
        shown = answers.describe(answer)
        checks.append(Check(query.name, passed, shown if passed else f"{shown} instead of {query.expected}"))
    return wrong


def _age(set_id: SetId) -> int:
    return max(0, round((host_clock.now() - set_id.moment).total_seconds()))


def _check_room(request: DrillRequest, medium: Medium, set_id: SetId, directory: str, source_bytes: int) -> None:
    needed = int(source_bytes * _ROOM_FACTOR) + (_ROOM_BYTES if source_bytes > _ROOM_BYTES else 0)
    if medium.local_path(set_id) is None:
        needed += sum(medium.contents(set_id).sizes().values())
    allowed = request.limits.bytes
    next_step = "Free some space, or name another work_directory."
    if allowed is not None and needed > allowed:
        raise NotAvailable(f"it would take about {needed} bytes, and {allowed} are allowed", next_step)
    try:
        DrillShare(directory + LOCK).reserve(needed)
    except NoRoom as error:
        raise NotAvailable(str(error), next_step) from error
