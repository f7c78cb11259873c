# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules over sets do with a list of sets: one that fails does not stop the others."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _bag, _copying, _verification
from ansible_collections.infitulua.backup.plugins.module_utils._description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._drill_record import DrillRecord
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._selection import Selection
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium


@dataclasses.dataclass
class SetsReport:
    """What a module over sets returns.

    :param sets: one entry per set that is as it should be.
    :param failures: one entry per set that is not.
    """

    sets: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    failures: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was (or would be) changed."""
        return any(entry.get("changed") for entry in [*self.sets, *self.failures])

    @property
    def message(self) -> str:
        """Every failure, in one message."""
        return " | ".join(entry["message"] for entry in self.failures)

    def result(self) -> dict[str, t.Any]:
        """The module's return values."""
        return {"changed": self.changed, "sets": self.sets, "failures": self.failures}

    def fail(self, set_id: SetId, error: BackupError, *, changed: bool = False) -> None:
        """Notes a failure."""
        self.failures.append(
            {"id": str(set_id), "message": error.message, "details": error.details, "changed": changed}
        )


@dataclasses.dataclass
class CopiesReport(SetsReport):
    """What the module that copies sets returns.

    :param left_out: one entry per set that was chosen and is suspect, with the reason.
    """

    left_out: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    def result(self) -> dict[str, t.Any]:
        """The module's return values."""
        return {**super().result(), "left_out": self.left_out}


def list_sets(medium: Medium, selection: Selection, *, drill_record: str | None = None) -> SetsReport:
    """Every chosen set with what its backup.json says. A set whose backup.json cannot be read is a failure.

    :param drill_record: directory of the record of drills: each set is told with its last one.
    :raises BackupError: when the medium cannot be listed.
    """
    report = SetsReport()
    for set_id in selection.choose(medium):
        try:
            description = read_description(set_id, medium.contents(set_id))
        except BackupError as error:
            report.fail(set_id, error)
            continue
        summary = _summary(medium, set_id, description)
        if drill_record is not None:
            drill = DrillRecord(drill_record).of_content(set_id, _bag.tag_manifest_digest(medium.contents(set_id)))
            summary["drill"] = dataclasses.asdict(drill) if drill else None
        report.sets.append(summary)
    return report


def _summary(medium: Medium, set_id: SetId, description: Description) -> dict[str, t.Any]:
    verification = _verification.recall(medium, set_id) if isinstance(medium, DirectoryMedium) else None
    return {
        "id": str(set_id),
        "host": set_id.host,
        "source": set_id.source,
        "time": set_id.time,
        "engine": description.engine,
        "series": description.series,
        "organization": description.organization,
        "run_id": description.run_id,
        "started": description.started,
        "finished": description.finished,
        "bytes": description.stored_bytes,
        "source_bytes": description.source_bytes,
        "encryption": description.encryption,
        "versions": description.versions,
        "content": description.content,
        "suspect": description.suspect,
        "accepted": description.accepted,
        "warnings": description.warnings,
        "restore_by_hand": description.restore_by_hand,
        "reencrypted": description.reencrypted is not None,
        "path": medium.local_path(set_id),
        "verified": verification.verified if verification else None,
    }


def verify_sets(
    medium: Medium,
    selection: Selection,
    *,
    allowed_signers: str | None,
    set_aside: bool,
    status_file: str | None,
    check_mode: bool,
) -> SetsReport:
    """Reads every byte of every chosen set, and remembers on a directory medium which passed.

    :param set_aside: move a set that failed out of the way (directory media).
    :raises BackupError: when the medium cannot be listed.
    """
    report = SetsReport()
    for set_id in selection.choose(medium):
        local = medium if isinstance(medium, DirectoryMedium) else None
        signed = allowed_signers is not None
        known = local is not None and _verification.recall(local, set_id, signed=signed) is not None
        progress = Progress(status_file, operation="verify", subject=str(set_id))
        try:
            progress.stage("verifying", total_bytes=sum(medium.contents(set_id).sizes().values()))
            verification, description = _verification.verify(
                medium, set_id, allowed_signers=allowed_signers, progress=progress.advance
            )
        except BackupError as error:
            aside = set_aside and local is not None and isinstance(error, SetInvalid)
            if local is not None and not check_mode:
                if not _verification.forget(local, set_id):
                    error.details.append("that it was once verified could not be forgotten: the medium is read-only")
                if aside:
                    aside = _set_aside(local, set_id, error)
            report.fail(set_id, error, changed=known or aside)
            continue
        finally:
            progress.finish()
        remembered = local is not None and (check_mode or _verification.remember(local, set_id, verification))
        report.sets.append(
            {
                **dataclasses.asdict(verification),
                "engine": description.engine,
                "series": description.series,
                "changed": remembered and not known,
                "remembered": remembered,
            }
        )
    return report


def _set_aside(medium: DirectoryMedium, set_id: SetId, error: BackupError) -> bool:
    try:
        error.details.append(f"it was set aside as {medium.set_aside(set_id)}")
    except BackupError as problem:
        error.details.append(f"it could not be set aside: {problem.why}")
        return False
    return True


@dataclasses.dataclass(frozen=True)
class Reencryption:
    """Whom a delivered copy is encrypted to, and what reads the original."""

    identity_files: tuple[str, ...]
    recipients: tuple[str, ...]


def copy_sets(
    origin: Medium,
    destination: Medium,
    selection: Selection,
    *,
    except_sets: t.Collection[SetId],
    options: _copying.CopyOptions,
    reencryption: Reencryption | None,
    status_file: str | None,
    check_mode: bool,
) -> CopiesReport:
    """Copies every chosen set that the destination does not hold; a suspect one only where its id is given.

    :param except_sets: ids that are left out.
    :raises BackupError: when the origin cannot be listed, or the request makes no sense.
    """
    report = CopiesReport()
    if reencryption is not None and options.move:
        raise Refused(
            "encrypt sets anew",
            on=f"{origin.describe()} to {destination.describe()}",
            why="a set that is delivered stays where it comes from, and move was asked for",
            next_step="Drop move, or the recipients.",
        )
    for set_id in selection.choose(origin):
        if set_id in except_sets:
            continue
        progress = Progress(status_file, operation="copy", subject=str(set_id))
        try:
            suspect = read_description(set_id, origin.contents(set_id)).suspect if selection.ids is None else None
            if suspect:
                report.left_out.append({"id": str(set_id), "reason": suspect})
                continue
            if check_mode:
                changes = _changes(origin, destination, set_id, options, reencryption)
                copied = _copying.Copied(set_id, changes, 0, 0.0, False)
            else:
                copied = _copy(origin, destination, set_id, options, reencryption, progress)
        except BackupError as error:
            report.fail(set_id, error)
            continue
        finally:
            progress.finish()
        report.sets.append(
            {
                "id": str(set_id),
                "changed": copied.changed,
                "bytes": copied.bytes,
                "seconds": copied.seconds,
                "verified": copied.verified,
                "path": destination.local_path(set_id),
            }
        )
    return report


def _changes(
    origin: Medium,
    destination: Medium,
    set_id: SetId,
    options: _copying.CopyOptions,
    reencryption: Reencryption | None,
) -> bool:
    """What :func:`_copy` would tell as changed; what it would refuse is refused here too."""
    if reencryption is None:
        return _copying.plan(origin, destination, set_id, options) or options.move
    origin, destination = _directories(origin, destination, set_id)
    return _copying.plan_reencryption(
        origin,
        destination,
        set_id,
        identity_files=reencryption.identity_files,
        recipients=reencryption.recipients,
    )


def _copy(
    origin: Medium,
    destination: Medium,
    set_id: SetId,
    options: _copying.CopyOptions,
    reencryption: Reencryption | None,
    progress: Progress,
) -> _copying.Copied:
    if reencryption is None:
        return _copying.copy(origin, destination, set_id, options, progress)
    origin, destination = _directories(origin, destination, set_id)
    return _copying.reencrypt(
        origin,
        destination,
        set_id,
        identity_files=reencryption.identity_files,
        recipients=reencryption.recipients,
        progress=progress,
        allowed_signers=options.allowed_signers,
    )


def _directories(origin: Medium, destination: Medium, set_id: SetId) -> tuple[DirectoryMedium, DirectoryMedium]:
    if isinstance(origin, DirectoryMedium) and isinstance(destination, DirectoryMedium):
        return origin, destination
    raise Refused(
        "encrypt a set anew",
        on=f"{set_id} from {origin.describe()} to {destination.describe()}",
        why="both media must be directories of this host",
        next_step="Fetch the set into a directory first, encrypt it anew there, and copy the result on.",
    )
