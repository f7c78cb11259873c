# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying sets between any two media, and re-encrypting one for a single delivery."""

from __future__ import annotations

import dataclasses
import errno
import tempfile
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _bag, _filters, _verification
from ansible_collections.infitulua.backup.plugins.module_utils._description import Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._filters import Encryption
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import SetReader
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import write_tag_files
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium, ProgressCallback
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import (
    DirectoryContents,
    DirectoryMedium,
)


@dataclasses.dataclass(frozen=True)
class CopyOptions:
    """How sets are copied.

    :param move: remove the set from its origin once its copy is verified (by rename where one file system allows).
    :param verify: read the copy back where it landed and compare every byte with the manifests.
    :param require_verified: only copy sets that a set_verify has passed where they lie (directory media).
    :param spool: a local directory for sets that pass between two remote media.
    :param allowed_signers: demand a signature by the set's host when verifying.
    """

    move: bool = False
    verify: bool = True
    require_verified: bool = False
    spool: str | None = None
    allowed_signers: str | None = None


@dataclasses.dataclass(frozen=True)
class Copied:
    """One set's outcome.

    :param changed: False when the destination already held exactly this set.
    :param verified: whether the copy was read back where it landed.
    """

    set_id: SetId
    changed: bool
    bytes: int
    seconds: float
    verified: bool


def needed(origin: Medium, destination: Medium, set_id: SetId) -> bool:
    """Whether copying would change anything.

    :raises AlreadyStored: when the destination holds *another* set of this id.
    """
    try:
        present = destination.holds(set_id)
    except AccessDenied:
        # A put-only identity cannot look. What it has not stored itself, the conditional put decides.
        return not destination.has_stored(set_id, _tag_manifest(origin, set_id))
    if not present:
        return True
    if _bag.tag_manifest_digest(origin.contents(set_id)) != _bag.tag_manifest_digest(destination.contents(set_id)):
        raise AlreadyStored(
            "copy a set",
            on=f"{set_id} to {destination.describe()}",
            why="a different set of the same id is there",
            next_step="Verify both with set_verify; sets are never overwritten.",
        )
    return False


def _tag_manifest(medium: Medium, set_id: SetId) -> str:
    try:
        return _bag.read_text(medium.contents(set_id), _bag.TAG_MANIFEST)
    except (OSError, ValueError) as error:
        raise SetInvalid(
            "copy a set",
            on=f"{set_id} from {medium.describe()}",
            why=f"its {_bag.TAG_MANIFEST} cannot be read ({error})",
            next_step="Verify the set with set_verify; use another copy.",
        ) from error


def copy(
    origin: Medium,
    destination: Medium,
    set_id: SetId,
    options: CopyOptions,
    progress: Progress,
) -> Copied:
    """Copies one set: read once on its way, read back once where it landed.

    :raises SetInvalid: when the origin's set is bad, or the copy is not the same.
    :raises BackupError: when either medium fails; the destination then lists nothing new.
    """
    clock = time.monotonic()
    if options.require_verified and (
        not isinstance(origin, DirectoryMedium) or _verification.recall(origin, set_id) is None
    ):
        raise Refused(
            "copy a set",
            on=f"{set_id} from {origin.describe()}",
            why="it has not been verified there",
            next_step="Verify it first (set_verify, playbook infitulua.backup.step3_verify_result).",
        )
    if not needed(origin, destination, set_id):
        if options.move:
            # Nothing goes before its replacement is verified, however it came to be there.
            _remove_replaced(origin, set_id, _check_landed(destination, set_id, options, progress))
        return Copied(set_id, options.move, 0, round(time.monotonic() - clock, 3), options.move)
    size = sum(origin.contents(set_id).sizes().values())
    progress.stage("copying", total_bytes=size)
    renamed = options.move and _rename(origin, destination, set_id, options)
    if not renamed:
        _transfer(origin, destination, set_id, options, progress)
    verified = options.verify and _check_landed(destination, set_id, options, progress)
    if options.move and not renamed:
        _remove_replaced(origin, set_id, verified)
    if options.move and isinstance(origin, DirectoryMedium):
        _verification.forget(origin, set_id)
    return Copied(set_id, True, size, round(time.monotonic() - clock, 3), verified)


def _remove_replaced(origin: Medium, set_id: SetId, verified: bool) -> None:
    if not verified:
        raise Refused(
            "remove a set from its origin",
            on=f"{set_id} on {origin.describe()}",
            why="its copy could not be verified where it landed",
            next_step="Both copies are kept. Move with verify: true, to a medium that can be read.",
        )
    origin.remove(set_id)


def _rename(origin: Medium, destination: Medium, set_id: SetId, options: CopyOptions) -> bool:
    if not isinstance(origin, DirectoryMedium) or not isinstance(destination, DirectoryMedium):
        return False
    remembered = _verification.recall(origin, set_id)
    if remembered is None:
        remembered, _description = _verification.verify(origin, set_id, allowed_signers=options.allowed_signers)
    try:
        with origin.locked(set_id.host, set_id.source):
            destination.adopt(set_id, origin.path(set_id))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    _verification.remember(destination, set_id, remembered)
    return True


def _transfer(origin: Medium, destination: Medium, set_id: SetId, options: CopyOptions, progress: Progress) -> None:
    local = origin.local_path(set_id)
    if local is not None:
        # All but the payload's bytes, which the storing compares with the manifest on their way.
        _verification.verify(origin, set_id, allowed_signers=options.allowed_signers, payload_bytes=False)
        destination.store(set_id, local, progress.advance)
    elif isinstance(destination, DirectoryMedium):
        with destination.locked(set_id.host, set_id.source), destination.begin(set_id) as partial:
            origin.fetch(set_id, partial.path, progress.advance)
            _check_fetched(origin, set_id, partial.path, options)
            partial.commit()
    else:
        with tempfile.TemporaryDirectory(prefix="set-", dir=options.spool) as spool:
            origin.fetch(set_id, spool, progress.advance)
            _check_fetched(origin, set_id, spool, options)
            destination.store(set_id, spool, progress.advance)


def _check_fetched(origin: Medium, set_id: SetId, directory: str, options: CopyOptions) -> None:
    if not options.verify:
        return
    validation = _bag.validate(DirectoryContents(directory))
    if validation.findings:
        raise SetInvalid(
            "copy a set",
            on=f"{set_id} from {origin.describe()}",
            why="; ".join(map(str, validation.findings)),
            next_step="Nothing was stored. Use another copy of this set, and look after this medium.",
            details=[str(finding) for finding in validation.findings],
        )


def _check_landed(destination: Medium, set_id: SetId, options: CopyOptions, progress: Progress) -> bool:
    if isinstance(destination, DirectoryMedium) and _verification.recall(destination, set_id) is not None:
        return True
    try:
        progress.stage("reading back", total_bytes=sum(destination.contents(set_id).sizes().values()))
        verification, _description = _verification.verify(
            destination, set_id, allowed_signers=options.allowed_signers, progress=progress.advance
        )
    except AccessDenied:
        return False  # Put-only: its checksums were checked by the receiving end; a reader audits later.
    except SetInvalid:
        if isinstance(destination, DirectoryMedium):
            destination.remove(set_id)
        raise
    if isinstance(destination, DirectoryMedium):
        _verification.remember(destination, set_id, verification)
    return True


def reencrypt(
    origin: DirectoryMedium,
    destination: DirectoryMedium,
    set_id: SetId,
    *,
    identity_files: t.Sequence[str],
    recipients: t.Sequence[str],
    progress: Progress,
) -> Copied:
    """Copies one verified set, its payload encrypted anew to other recipients, in one streaming pass.

    So a server restores with a key made for that one delivery, and never holds the key to its older backups.

    :raises BackupError: when the identity does not fit, or a medium fails.
    """
    clock = time.monotonic()
    verification = _verification.recall(origin, set_id)
    if verification is None:
        verification, _checked = _verification.verify(origin, set_id)
    reader = SetReader(set_id, origin.path(set_id), identity_files=identity_files)
    encryption = Encryption(_filters.AGE, tuple(recipients))
    encrypting = _filters.Filters(encryption).writing(compress=False)
    payload: list[PayloadFile] = []
    progress.stage("encrypting anew", total_bytes=reader.description.stored_bytes)
    with destination.locked(set_id.host, set_id.source), destination.begin(set_id) as partial:
        with Processes() as processes:
            for file in reader.description.payload:
                payload.append(_reencrypt_file(reader, file, encrypting, partial, processes, progress.advance))
        values = {**vars(reader.description), "payload": payload}
        values["encryption"] = {"method": encryption.method, "recipients": list(encryption.recipients)}
        values["reencrypted"] = {"tag_manifest_sha256": verification.tag_manifest_sha256}
        write_tag_files(
            partial,
            Description(**values),
            sizes={file.path: file.bytes for file in payload},
            manifest=_bag.write_manifest({file.path: file.sha256 for file in payload}),
        )
    stored = sum(DirectoryContents(destination.path(set_id)).sizes().values())
    return Copied(set_id, True, stored, round(time.monotonic() - clock, 3), False)


def _reencrypt_file(
    reader: SetReader,
    file: PayloadFile,
    encrypting: t.Sequence[t.Any],
    partial: t.Any,
    processes: Processes,
    progress: ProgressCallback,
) -> PayloadFile:
    started = time.monotonic()
    commands = list(encrypting)
    if file.path.endswith(_filters.AGE_SUFFIX):
        path = file.path
        commands = [*_filters.reading(_filters.AGE_SUFFIX, reader.identity_files), *commands]
    else:
        path = file.path + _filters.AGE_SUFFIX
    with DirectoryContents(reader.directory).open(file.path) as stream, partial.create(path, progress) as target:
        processes.run(
            commands,
            action="encrypt a set for its delivery",
            on=f"{reader.set_id}, {file.path}",
            next_step="Give an identity of one of the set's recipients. Nothing was delivered.",
            stdin=stream,
            sink=target.write,
        )
    return PayloadFile(path, file.part, target.bytes, target.sha256, round(time.monotonic() - started, 3))
