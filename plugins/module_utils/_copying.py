# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying sets between any two media, and re-encrypting one for a single delivery."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import tempfile
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _bag, _filters, _verification
from ansible_collections.infitulua.backup.plugins.module_utils._description import Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._filters import Encryption
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import SetReader, read_description
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
    try:
        copied = _copy(origin, destination, set_id, options, progress)
    except OSError as error:
        raise BackupError(
            "copy a set",
            on=f"{set_id} from {origin.describe()} to {destination.describe()}",
            why=describe_os_error(error),
            next_step="Correct the cause and run again; nothing incomplete was kept, and the origin is as it was.",
        ) from error
    return dataclasses.replace(copied, seconds=round(time.monotonic() - clock, 3))


def plan(origin: Medium, destination: Medium, set_id: SetId, options: CopyOptions) -> bool:
    """Whether the destination lacks the set; everything that can be refused before a byte is copied is refused here.

    :raises BackupError: when the copy could not be made.
    """
    if _is_same_place(origin, destination, set_id):
        raise Refused(
            "copy a set",
            on=f"{set_id} from {origin.describe()} to {destination.describe()}",
            why="both are the same place",
            next_step="Name two places; nothing was touched.",
        )
    signed = options.allowed_signers is not None
    if options.require_verified and (
        not isinstance(origin, DirectoryMedium) or _verification.recall(origin, set_id, signed=signed) is None
    ):
        raise Refused(
            "copy a set",
            on=f"{set_id} from {origin.describe()}",
            why="it has not been verified there" + (" with its signature" if signed else ""),
            next_step="Verify it first (set_verify, playbook infitulua.backup.step3_verify_result).",
        )
    return needed(origin, destination, set_id)


def _is_same_place(origin: Medium, destination: Medium, set_id: SetId) -> bool:
    if isinstance(origin, DirectoryMedium) and isinstance(destination, DirectoryMedium):
        # However the paths are spelled: a moved set's only copy would be removed.
        with contextlib.suppress(OSError):
            if os.path.samefile(origin.root, destination.root):
                return True
            return os.path.samefile(origin.path(set_id), destination.path(set_id))
        return False
    return origin.kind == destination.kind and origin.describe() == destination.describe()


def _copy(origin: Medium, destination: Medium, set_id: SetId, options: CopyOptions, progress: Progress) -> Copied:
    if not plan(origin, destination, set_id, options):
        if options.move:
            # Nothing goes before its replacement is verified, however it came to be there.
            _remove_replaced(origin, set_id, _check_landed(destination, set_id, options, progress, ours=False))
        return Copied(set_id, options.move, 0, 0.0, options.move)
    size = sum(origin.contents(set_id).sizes().values())
    progress.stage("copying", total_bytes=size)
    renamed = options.move and _rename(origin, destination, set_id, options)
    if not renamed:
        _transfer(origin, destination, set_id, options, progress)
    verified = options.verify and _check_landed(destination, set_id, options, progress, ours=True)
    if options.move and not renamed:
        _remove_replaced(origin, set_id, verified)
    return Copied(set_id, True, size, 0.0, verified)


def _remove_replaced(origin: Medium, set_id: SetId, verified: bool) -> None:
    if not verified:
        raise Refused(
            "remove a set from its origin",
            on=f"{set_id} on {origin.describe()}",
            why="its copy could not be verified where it landed",
            next_step="Both copies are kept. Move with verify: true, to a medium that can be read.",
        )
    origin.remove(set_id)
    if isinstance(origin, DirectoryMedium):
        _verification.forget(origin, set_id)


def _rename(origin: Medium, destination: Medium, set_id: SetId, options: CopyOptions) -> bool:
    if not isinstance(origin, DirectoryMedium) or not isinstance(destination, DirectoryMedium):
        return False
    if os.stat(origin.path(set_id)).st_dev != os.stat(destination.root).st_dev:
        return False
    signed = options.allowed_signers is not None
    remembered = _verification.recall(origin, set_id, signed=signed)
    if remembered is None:
        remembered, _description = _verification.verify(origin, set_id, allowed_signers=options.allowed_signers)
    try:
        with origin.locked(set_id.host, set_id.source):
            destination.adopt(set_id, origin.path(set_id))
    except OSError as error:
        if error.errno != errno.EXDEV:  # Bind mounts and subvolumes are other file systems for rename(2) only.
            raise
        return False
    _verification.remember(destination, set_id, remembered)
    _verification.forget(origin, set_id)
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
            verification = _check_fetched(origin, set_id, partial.path, options, progress)
            partial.commit()
        if verification is not None:  # It was read back where it lies: once is enough.
            _verification.remember(destination, set_id, verification)
    else:
        with tempfile.TemporaryDirectory(prefix="set-", dir=options.spool) as spool:
            origin.fetch(set_id, spool, progress.advance)
            _check_fetched(origin, set_id, spool, options, progress)
            destination.store(set_id, spool, progress.advance)


def _check_fetched(
    origin: Medium, set_id: SetId, directory: str, options: CopyOptions, progress: Progress
) -> _verification.Verification | None:
    if not options.verify:
        return None
    contents = DirectoryContents(directory)
    progress.stage("reading back", total_bytes=sum(contents.sizes().values()))
    verification, _description = _verification.verify_contents(
        contents,
        set_id,
        where=f"its way from {origin.describe()} (nothing was stored)",
        allowed_signers=options.allowed_signers,
        progress=progress.advance,
    )
    return verification


def _check_landed(destination: Medium, set_id: SetId, options: CopyOptions, progress: Progress, *, ours: bool) -> bool:
    """Whether the copy is whole where it landed.

    :param ours: this run stored it, and may take it away again when it is bad.
    """
    local = destination if isinstance(destination, DirectoryMedium) else None
    signed = options.allowed_signers is not None
    if local is not None and _verification.recall(local, set_id, signed=signed) is not None:
        return True
    try:
        progress.stage("reading back", total_bytes=sum(destination.contents(set_id).sizes().values()))
        verification, _description = _verification.verify(
            destination, set_id, allowed_signers=options.allowed_signers, progress=progress.advance
        )
    except AccessDenied:
        return False  # Put-only: its checksums were checked by the receiving end; a reader audits later.
    except SetInvalid:
        if local is not None and ours:
            local.remove(set_id)
        raise
    if local is not None:
        _verification.remember(local, set_id, verification)
    return True


def reencrypt(
    origin: DirectoryMedium,
    destination: DirectoryMedium,
    set_id: SetId,
    *,
    identity_files: t.Sequence[str],
    recipients: t.Sequence[str],
    progress: Progress,
    allowed_signers: str | None = None,
) -> Copied:
    """Copies one verified set, its payload encrypted anew to other recipients, in one streaming pass.

    So a server restores with a key made for that one delivery, and never holds the key to its older backups.

    :param allowed_signers: demand that the original is signed by its host (the copy is not: it is another content).
    :raises BackupError: when the identity does not fit, or a medium fails.
    """
    clock = time.monotonic()
    if not plan_reencryption(origin, destination, set_id, identity_files=identity_files, recipients=recipients):
        return Copied(set_id, False, 0, round(time.monotonic() - clock, 3), False)
    verification = _verification.recall(origin, set_id, signed=allowed_signers is not None)
    if verification is None:
        verification, _checked = _verification.verify(origin, set_id, allowed_signers=allowed_signers)
    reader = SetReader(set_id, origin.path(set_id), identity_files=identity_files)
    encryption = Encryption(_filters.AGE, tuple(recipients))
    encrypting = _filters.Filters(encryption).writing(compress=False)
    opened = [
        f"age -d -i IDENTITY_FILE -o {file.path} {file.path}{_filters.AGE_SUFFIX}"
        for file in reader.description.payload
        if not file.path.endswith(_filters.AGE_SUFFIX)
    ]
    payload: list[PayloadFile] = []
    progress.stage("encrypting anew", total_bytes=reader.description.stored_bytes)
    with destination.locked(set_id.host, set_id.source), destination.begin(set_id) as partial:
        with Processes() as processes:
            for file in reader.description.payload:
                payload.append(_reencrypt_file(reader, file, encrypting, partial, processes, progress.advance))
        values = {**vars(reader.description), "payload": payload}
        values["encryption"] = {"method": encryption.method, "recipients": list(encryption.recipients)}
        # After the check of the manifest; what follows was written for payload files without that layer.
        values["restore_by_hand"] = [*values["restore_by_hand"][:1], *opened, *values["restore_by_hand"][1:]]
        values["reencrypted"] = {"tag_manifest_sha256": verification.tag_manifest_sha256}
        write_tag_files(
            partial,
            Description(**values),
            sizes={file.path: file.bytes for file in payload},
            manifest=_bag.write_manifest({file.path: file.sha256 for file in payload}),
        )
    stored = sum(DirectoryContents(destination.path(set_id)).sizes().values())
    return Copied(set_id, True, stored, round(time.monotonic() - clock, 3), False)


def plan_reencryption(
    origin: DirectoryMedium,
    destination: DirectoryMedium,
    set_id: SetId,
    *,
    identity_files: t.Sequence[str],
    recipients: t.Sequence[str],
) -> bool:
    """Whether the destination lacks the set, encrypted to these recipients. Checks the keys; changes nothing.

    :raises AlreadyStored: when the destination holds it, encrypted to others.
    :raises BackupError: when a key does not fit.
    """
    encryption = Encryption(_filters.AGE, tuple(recipients))
    if destination.holds(set_id):
        present = read_description(set_id, destination.contents(set_id)).encryption.get("recipients", [])
        if set(present) == set(encryption.recipients):
            return False
        raise AlreadyStored(
            "encrypt a set anew",
            on=f"{set_id} to {destination.describe()}",
            why=f"it is there already, encrypted to {', '.join(present) or 'nobody'}",
            next_step="Remove that copy, or deliver to another directory; sets are never overwritten.",
        )
    _filters.Filters(encryption).check()
    SetReader(set_id, origin.path(set_id), identity_files=identity_files).probe()
    return True


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
