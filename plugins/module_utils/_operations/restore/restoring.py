# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one set: verify, look, restore beside, check, swap."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import (
    Check,
    LeftOut,
    Replaced,
    RestoreWork,
    TargetEngine,
    TargetState,
)
from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts.set_facts import check_facts
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    Interrupted,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import SetReader
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import TIME_FORMAT, SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock, temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import deferred, no_longer_than
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

from ..verify import set_verification
from . import kept_data

# Objects named in one message; details have them all.
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class RestoreRequest:
    """One set to restore.

    :param engine: bound to the target.
    :param ticket: the help-desk ticket that asks for it; a restore without one (a letter or digit) is refused.
    :param replace: whether a target that holds data may be replaced (it is kept under a dated name).
    :param jobs: streams at a time.
    :param spool: a local directory for a set that comes from a remote medium.
    :param allowed_signers: demand a signature by the set's host.
    :param status_file: where progress is written; None: nowhere.
    :param max_seconds: how long it may take, and confines what evaluates the set's content; None: the caller sees to
        both.
    :param keep_replaced_days: for how long what restores of this target have replaced is kept; None: for ever.
    :param strict: refuse to put in the target's place what lacks an object of the set.
    """

    medium: Medium
    set_id: SetId
    engine: TargetEngine
    ticket: str
    identity_files: tuple[str, ...] = ()
    replace: bool = False
    jobs: int = 2
    spool: str | None = None
    allowed_signers: str | None = None
    status_file: str | None = None
    keep_replaced_days: int | None = None
    strict: bool = False
    max_seconds: int | None = None


@dataclasses.dataclass(frozen=True)
class RestoreResult:
    """What a restore did, or in check mode would do.

    :param target: the target in a few words.
    :param kept: the name under which what was there is kept; None when nothing was.
    :param removed: what earlier restores had kept, or this one, and is kept no longer.
    :param checks: empty in check mode.
    :param warnings: what the operator should know, though the restore is complete.
    :param left_out: objects of the set that were not made; in check mode, those of which the dump knew.
    """

    set_id: SetId
    engine: str
    ticket: str
    target: str
    before: TargetState
    kept: str | None
    checks: list[Check]
    warnings: list[str]
    seconds: float
    removed: list[Replaced] = dataclasses.field(default_factory=list)
    left_out: list[LeftOut] = dataclasses.field(default_factory=list)


def restore(request: RestoreRequest, *, check_mode: bool = False) -> RestoreResult:
    """Restore the set or, in check mode, go just as far as it can without changing anything.

    :raises Refused: without a ticket, or when the target holds data and ``replace`` is off.
    :raises SetInvalid: when the set is bad, of another engine, or not what it says once restored.
    :raises BackupError: when anything fails; the target is then as it was.
    """
    if not any(map(str.isalnum, request.ticket)):
        raise Refused(
            "restore",
            on=str(request.set_id),
            why="no help-desk ticket was given",
            next_step="Open a ticket and give its number, which is recorded with the restore.",
        )
    clock = time.monotonic()
    progress = Progress(request.status_file, operation="restore", subject=str(request.set_id))
    try:
        with _time_limit(request), _local_set(request, progress) as (medium, directory), Processes() as processes:
            total = sum(medium.contents(request.set_id).sizes().values())
            progress.stage("verifying", total_bytes=total)
            set_verification.verify(
                medium, request.set_id, allowed_signers=request.allowed_signers, progress=progress.advance
            )
            reader = SetReader(request.set_id, directory, identity_files=request.identity_files)
            if reader.description.engine != request.engine.name:
                raise SetInvalid(
                    "restore",
                    on=str(request.set_id),
                    why=f"it was written by the engine {reader.description.engine}, the target is one of"
                    f" {request.engine.name}",
                    next_step="Name a target of the set's engine, or another set.",
                )
            check_facts(reader.description)
            reader.probe()
            stamp = host_clock.now().strftime(TIME_FORMAT)
            work = RestoreWork(
                reader, processes, progress, request.jobs, stamp, request.max_seconds, strict=request.strict
            )
            before = request.engine.inspect_target(work)
            if before.exists and not before.empty and not request.replace:
                raise Refused(
                    "restore",
                    on=before.target,
                    why="it exists and holds data",
                    next_step="Restore under another name, or set replace: true to replace it (the replaced data is"
                    " kept under a name with the date).",
                )
            removed = _remove_replaced(request, work, check_mode=True)
            kept = None
            checks: list[Check] = []
            if check_mode:
                _predict_left_out(request, work)
            else:
                kept, checks = _carry_out(request, work)
                removed = _remove_replaced(request, work)
    finally:
        progress.finish()
    left_out = "A restore will leave out" if check_mode else "Left out:"
    return RestoreResult(
        set_id=request.set_id,
        engine=request.engine.name,
        ticket=request.ticket,
        target=before.target,
        before=before,
        kept=kept,
        checks=checks,
        warnings=[*work.warnings, *(f"{left_out} {entry.describe()}" for entry in work.left_out)],
        left_out=work.left_out,
        seconds=round(time.monotonic() - clock, 3),
        removed=removed,
    )


def _remove_replaced(request: RestoreRequest, work: RestoreWork, *, check_mode: bool = False) -> list[Replaced]:
    """Remove what was replaced long enough ago. The restore is complete: a failure here is only reported."""
    if request.keep_replaced_days is None:
        return []
    if check_mode:
        return kept_data.prune(
            request.engine.kept_data(), keep_days=request.keep_replaced_days, check_mode=True
        ).removed
    try:
        pruned = kept_data.prune(request.engine.kept_data(), keep_days=request.keep_replaced_days)
    except (BackupError, Interrupted) as error:
        work.warnings.append(f"The restore is complete, but the replaced data was not cleaned up: {error.message}")
        return []
    work.warnings += [f"What was replaced is still kept: {error.message}" for error in pruned.failures]
    work.warnings += [
        f"{entry.name} is still kept: it is in use by {entry.in_use}" for entry in pruned.left if entry.in_use
    ]
    return pruned.removed


def _predict_left_out(request: RestoreRequest, work: RestoreWork) -> None:
    known = (LeftOut(**entry) for entry in work.reader.description.unrestorable)
    work.left_out += [entry for entry in known if entry not in work.left_out]
    _refuse_if_strict(request, work)


def _refuse_if_strict(request: RestoreRequest, work: RestoreWork) -> None:
    """Refuse an incomplete restore where a complete one was demanded.

    :raises Refused: when anything was left out and the request is strict.
    """
    if request.strict and work.left_out:
        raise Refused(
            "restore",
            on=str(request.set_id),
            why=f"{len(work.left_out)} of its objects cannot be created: "
            + "; ".join(entry.describe() for entry in work.left_out[:_SHOWN]),
            next_step="The target was left as it was. Restore without strict to get everything else, or provide what"
            " these objects need.",
            details=[entry.describe() for entry in work.left_out],
        )


def _carry_out(request: RestoreRequest, work: RestoreWork) -> tuple[str | None, list[Check]]:
    engine = request.engine
    try:
        work.progress.stage("restoring", total_bytes=work.reader.description.stored_bytes)
        engine.restore_beside(work)
        work.progress.stage("checking")
        checks = engine.check(work)
        failed = [check for check in checks if not check.passed]
        if failed:
            raise SetInvalid(
                "restore",
                on=str(work.reader.set_id),
                why="the restored data is not what the set says: "
                + "; ".join(f"{check.name}: {check.detail}" for check in failed),
                next_step="The target was left as it was. Restore from another set, and report this one.",
                details=[f"{check.name}: {check.detail}" for check in failed],
            )
        _refuse_if_strict(request, work)
        work.progress.stage("swapping")
        swapped = False
        kept = None
        try:
            with deferred():  # Between two renames the target has no data.
                kept = engine.swap(work)
                swapped = True
        except Interrupted:
            if not swapped:
                raise
            # Told to stop during the last step: the restore is complete, and says so.
        return kept, checks
    except BaseException:
        work.processes.cancel()
        # The cause is what the operator must see; a failing clean-up is repeated by the next run.
        with contextlib.suppress(BackupError, OSError):
            engine.discard(work)
        raise


def _time_limit(request: RestoreRequest) -> contextlib.AbstractContextManager[None]:
    if request.max_seconds is None:
        return contextlib.nullcontext()
    return no_longer_than(
        request.max_seconds,
        Interrupted(
            "restore",
            on=str(request.set_id),
            why=f"it took longer than the limit of {request.max_seconds} seconds (max_seconds)",
            next_step="The target is as it was. Find out what delays it, or raise max_seconds, and run again.",
        ),
    )


@contextlib.contextmanager
def _local_set(request: RestoreRequest, progress: Progress) -> t.Iterator[tuple[Medium, str]]:
    local = request.medium.local_path(request.set_id)
    if local is not None:
        with request.medium.reading(request.set_id):
            yield request.medium, local
        return
    with contextlib.ExitStack() as stack:
        try:
            spool = stack.enter_context(temporary_files.directory("restore", within=request.spool))
            medium = DirectoryMedium(path=spool)
            total = sum(request.medium.contents(request.set_id).sizes().values())
            progress.stage("fetching", total_bytes=total)
            with medium.locked(request.set_id.host, request.set_id.source), medium.begin(request.set_id) as partial:
                request.medium.fetch(request.set_id, partial.path, progress.advance)
                partial.commit()
        except OSError as error:
            raise BackupError(
                "fetch a set for a restore",
                on=f"{request.set_id} from {request.medium.describe()}",
                why=describe_os_error(error),
                next_step="Give a spool directory with room for the set. The target was not touched.",
            ) from error
        yield medium, medium.path(request.set_id)
