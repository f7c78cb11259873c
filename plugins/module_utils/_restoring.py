# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one set: verify, look, restore beside, check, swap."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import tempfile
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _replaced, _verification
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    Interrupted,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import held_back
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import TIME_FORMAT, SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import SetReader
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Check,
    Engine,
    Replaced,
    RestoreWork,
    TargetState,
)
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium


@dataclasses.dataclass(frozen=True)
class RestoreRequest:
    """One set to restore.

    :param engine: bound to the target.
    :param ticket: the help-desk ticket that asks for it; a restore without one is refused.
    :param replace: whether a target that holds data may be replaced (it is kept under a dated name).
    :param jobs: streams at a time.
    :param spool: a local directory for a set that comes from a remote medium.
    :param allowed_signers: demand a signature by the set's host.
    :param status_file: where progress is written; None: nowhere.
    :param keep_replaced_days: for how long what restores of this target have replaced is kept; None: for ever.
    """

    medium: Medium
    set_id: SetId
    engine: Engine
    ticket: str
    identity_files: tuple[str, ...] = ()
    replace: bool = False
    jobs: int = 2
    spool: str | None = None
    allowed_signers: str | None = None
    status_file: str | None = None
    keep_replaced_days: int | None = None


@dataclasses.dataclass(frozen=True)
class RestoreResult:
    """What a restore did, or in check mode would do.

    :param target: the target in a few words.
    :param kept: the name under which what was there is kept; None when nothing was.
    :param removed: what earlier restores had kept, or this one, and is kept no longer.
    :param checks: empty in check mode.
    :param warnings: what the operator should know, though the restore is complete.
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


def restore(request: RestoreRequest, *, check_mode: bool = False) -> RestoreResult:
    """Restores the set, or, in check mode, goes just as far as it can without changing anything.

    :raises Refused: without a ticket, or when the target holds data and ``replace`` is off.
    :raises SetInvalid: when the set is bad, of another engine, or not what it says once restored.
    :raises BackupError: when anything fails; the target is then as it was.
    """
    if not request.ticket.strip():
        raise Refused(
            "restore",
            on=str(request.set_id),
            why="no help-desk ticket was given",
            next_step="Open a ticket and give its number: it is the record of the restore.",
        )
    clock = time.monotonic()
    progress = Progress(request.status_file, operation="restore", subject=str(request.set_id))
    try:
        with _local_set(request, progress) as (medium, directory), Processes() as processes:
            total = sum(medium.contents(request.set_id).sizes().values())
            progress.stage("verifying", total_bytes=total)
            _verification.verify(
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
            request.engine.check_facts(reader.description)
            reader.probe()
            stamp = datetime.datetime.now(datetime.timezone.utc).strftime(TIME_FORMAT)
            work = RestoreWork(reader, processes, progress, request.jobs, stamp)
            before = request.engine.inspect_target(work)
            if before.exists and not before.empty and not request.replace:
                raise Refused(
                    "restore",
                    on=before.target,
                    why="it exists and holds data",
                    next_step="Restore under another name, or say replace: true to put the set in its place"
                    " (what is there is kept under a dated name).",
                )
            removed = _remove_replaced(request, work, check_mode=True)
            kept = None
            checks: list[Check] = []
            if not check_mode:
                kept, checks = _carry_out(request.engine, work)
                removed = _remove_replaced(request, work)
    finally:
        progress.finish()
    return RestoreResult(
        set_id=request.set_id,
        engine=request.engine.name,
        ticket=request.ticket,
        target=before.target,
        before=before,
        kept=kept,
        checks=checks,
        warnings=work.warnings,
        seconds=round(time.monotonic() - clock, 3),
        removed=removed,
    )


def _remove_replaced(request: RestoreRequest, work: RestoreWork, *, check_mode: bool = False) -> list[Replaced]:
    """Removes what was replaced long enough ago. The restore is complete: what fails here is told, and no more."""
    if request.keep_replaced_days is None:
        return []
    if check_mode:
        return _replaced.prune(request.engine, keep_days=request.keep_replaced_days, check_mode=True).removed
    try:
        pruned = _replaced.prune(request.engine, keep_days=request.keep_replaced_days)
    except (BackupError, Interrupted) as error:
        work.warnings.append(f"The restore is complete, but what it replaced was not looked after: {error.message}")
        return []
    work.warnings += [f"What was replaced is still kept: {error.message}" for error in pruned.failures]
    work.warnings += [
        f"{entry.name} is still kept: it is in use by {entry.in_use}" for entry in pruned.left if entry.in_use
    ]
    return pruned.removed


def _carry_out(engine: Engine, work: RestoreWork) -> tuple[str | None, list[Check]]:
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
                why="what was restored is not what the set says: "
                + "; ".join(f"{check.name}: {check.detail}" for check in failed),
                next_step="The target was left as it was. Restore from another set, and report this one.",
                details=[f"{check.name}: {check.detail}" for check in failed],
            )
        work.progress.stage("swapping")
        swapped = False
        kept = None
        try:
            with held_back():  # Between two renames the target has no data.
                kept = engine.swap(work)
                swapped = True
        except Interrupted:
            if not swapped:
                raise
            # Told to stop while the last step was under way: the restore is complete, and says so.
        return kept, checks
    except BaseException:
        work.processes.cancel()
        # The cause is what the operator must see; a failing clean-up is repeated by the next run.
        with contextlib.suppress(BackupError, OSError):
            engine.discard(work)
        raise


@contextlib.contextmanager
def _local_set(request: RestoreRequest, progress: Progress) -> t.Iterator[tuple[Medium, str]]:
    local = request.medium.local_path(request.set_id)
    if local is not None:
        yield request.medium, local
        return
    with contextlib.ExitStack() as stack:
        try:
            spool = stack.enter_context(tempfile.TemporaryDirectory(prefix="restore-", dir=request.spool))
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
