# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifying a set: every byte against its manifests, its identity, and its signature.

What passed on a local medium is remembered beside the sets, in ``.verifications/<host>/<source>/<time>.json``,
bound to the exact content (the tag manifest's SHA-256) and to the files as they lay there then (sizes and times of
modification): later steps demand it instead of reading everything again, and what was touched since does not count.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    SetInvalid,
    Unreadable,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium, Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag, signature
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback, no_progress

_DIRECTORY = ".verifications"
_FILES = "files_as_they_lay"


@dataclasses.dataclass(frozen=True)
class Verification:
    """A set that passed.

    :param verified: when, UTC, ISO 8601.
    :param bytes: how many bytes were read and hashed.
    :param tag_manifest_sha256: names the exact content.
    :param signed: whether a signature was demanded and found good.
    :param first_verified: when exactly this content first passed here, as far as is remembered; empty: with this one.
    """

    id: str
    verified: str
    bytes: int
    seconds: float
    tag_manifest_sha256: str
    signed: bool
    first_verified: str = ""

    @property
    def first(self) -> str:
        """When exactly this content first passed."""
        return self.first_verified or self.verified


def verify(
    medium: Medium,
    set_id: SetId,
    *,
    allowed_signers: str | None = None,
    progress: ProgressCallback = no_progress,
    payload_bytes: bool = True,
) -> tuple[Verification, Description]:
    """Read every byte of a set in place.

    :param allowed_signers: demand a signature by the set's host; None: signatures are not looked at.
    :param payload_bytes: False leaves the payload files unread: for who hashes them anyway, on the way elsewhere.
    :raises SetInvalid: when anything is wrong; its details list every finding.
    :raises Unreadable: when nothing that was read is wrong, and something could not be read.
    :raises BackupError: when the medium cannot be asked.
    """
    return verify_contents(
        medium.contents(set_id),
        set_id,
        where=medium.describe(),
        allowed_signers=allowed_signers,
        progress=progress,
        payload_bytes=payload_bytes,
    )


def verify_contents(
    contents: bag.Contents,
    set_id: SetId,
    *,
    where: str,
    allowed_signers: str | None = None,
    progress: ProgressCallback = no_progress,
    payload_bytes: bool = True,
) -> tuple[Verification, Description]:
    """As :func:`verify`, for the files of a set wherever they are, listed on a medium or not yet.

    :param where: for the message.
    """
    clock = time.monotonic()
    validation = bag.validate(contents, progress, payload_bytes=payload_bytes)
    findings = list(validation.findings)
    description: Description | None = None
    if not any(finding.kind in ("missing", "unreadable") and finding.path == "backup.json" for finding in findings):
        try:
            description = read_description(set_id, contents)
            if validation.tag_manifest_sha256:  # Else there is nothing to compare with.
                findings += _disagreements(set_id, description, validation)
        except SetInvalid as error:
            findings.append(bag.Finding("malformed", "backup.json", error.why))
        except Unreadable as error:
            findings.append(bag.Finding("unreadable", "backup.json", error.why))
    findings += _check_signature(contents, set_id, validation, allowed_signers)
    if findings or description is None:
        raise _failed(findings, on=f"{set_id} on {where}")
    verification = Verification(
        id=str(set_id),
        verified=host_clock.write(host_clock.now()),
        bytes=validation.bytes_read,
        seconds=round(time.monotonic() - clock, 3),
        tag_manifest_sha256=validation.tag_manifest_sha256,
        signed=allowed_signers is not None,
    )
    return verification, description


def _check_signature(
    contents: bag.Contents, set_id: SetId, validation: bag.Validation, allowed_signers: str | None
) -> list[bag.Finding]:
    """Return what is wrong with the signature. Its form is checked even without signers.

    :raises BackupError: when this host cannot check it.
    """
    if allowed_signers is None and bag.SIGNATURE not in validation.sizes:
        return []
    try:
        if allowed_signers is None:
            signature.read(contents, on=str(set_id))
        else:
            signature.verify(contents, signer=set_id.host, allowed_signers=allowed_signers)
    except Unreadable as error:
        return [bag.Finding("unreadable", bag.SIGNATURE, error.why)]
    except (SetInvalid, ProcessFailed) as error:
        return [bag.Finding("mismatch", bag.SIGNATURE, error.why)]
    return []


def _failed(findings: t.Sequence[bag.Finding], *, on: str) -> BackupError:
    """Return the error about a set that did not pass: damaged is only what was read and is wrong."""
    details = [str(finding) for finding in findings]
    why = bag.describe_findings(findings) or "it has no backup.json"
    if findings and all(finding.kind == "unreadable" for finding in findings):
        return Unreadable(
            "verify a set",
            on=on,
            why=why,
            next_step="Nothing is known about this copy. Check the disk that it is on, and verify it again.",
            details=details,
        )
    return SetInvalid(
        "verify a set",
        on=on,
        why=why,
        next_step="Do not restore from this copy; use another one, and find out what happened to this medium.",
        details=details,
    )


def _disagreements(set_id: SetId, description: Description, validation: bag.Validation) -> list[bag.Finding]:
    findings = []
    identifier = validation.info.get("External-Identifier")
    if identifier != str(set_id):
        why = f"External-Identifier is {identifier!r}, but the set is at {str(set_id)!r}"
        findings.append(bag.Finding("mismatch", bag.BAG_INFO_TXT, why))
    described = {file.path for file in description.payload}
    present = {path for path in validation.sizes if path.startswith(bag.PAYLOAD_DIRECTORY + "/")}
    for path in sorted(described ^ present):
        why = "backup.json names it" if path in described else "backup.json does not name it"
        findings.append(bag.Finding("missing" if path in described else "unexpected", path, why))
    for file in description.payload:
        if file.path in present:
            said = (file.bytes, file.sha256)
            found = (validation.sizes[file.path], validation.payload.get(file.path, file.sha256))
            if said != found:
                why = f"it says of {file.path} that it has {said[0]} bytes and the SHA-256 {said[1]}: it has not"
                findings.append(bag.Finding("mismatch", "backup.json", why))
    return findings


def remember(medium: Medium, set_id: SetId, verification: Verification) -> bool:
    """Write down that a set passed.

    :returns: whether it could: not on a medium of another host, nor on one that is read-only here; a set on it is
        no worse for that.
    """
    local = medium.local
    if local is None:
        return False
    path = _path(local, set_id)
    before = _read(path)
    if before is not None and before[0].tag_manifest_sha256 == verification.tag_manifest_sha256:
        first = min(before[0].first, verification.first)
        verification = dataclasses.replace(verification, first_verified=first)
    try:
        receipt = {**dataclasses.asdict(verification), _FILES: _files_as_they_lie(local, set_id)}
        durable.make_directories(os.path.dirname(path), below=local.root)
        durable.replace_file(path, json.dumps(receipt, indent=2) + "\n")
    except OSError:
        return False
    return True


def recall(medium: Medium, set_id: SetId, *, signed: bool = False) -> Verification | None:
    """Return the verification of exactly this content, if one is remembered and no file was touched since.

    :param signed: only one that demanded a signature counts.
    """
    local = medium.local
    if local is None:
        return None
    remembered = _read(_path(local, set_id))
    if remembered is None:
        return None
    verification, files = remembered
    try:
        unchanged = (
            files == _files_as_they_lie(local, set_id)
            and verification.id == str(set_id)
            and verification.tag_manifest_sha256 == bag.tag_manifest_digest(local.contents(set_id))
        )
    except (OSError, ValueError, BackupError):
        return None
    return verification if unchanged and (verification.signed or not signed) else None


def last_read(medium: LocalMedium, set_id: SetId) -> datetime.datetime | None:
    """Return when a set on a local medium was last read whole, UTC; None: it was touched since, or that is not known.

    One that was never verified there was written there, and hashed, at the time of its id.
    """
    remembered = recall(medium, set_id)
    if remembered is not None:
        return host_clock.read(remembered.verified)
    return None if os.path.lexists(_path(medium, set_id)) else set_id.moment


def _read(path: str) -> tuple[Verification, t.Any] | None:
    """Return a remembered verification, and the files as they lay then."""
    try:
        with open(path, encoding="utf-8") as stream:
            receipt = json.load(stream)
        files = receipt.pop(_FILES)
        return Verification(**receipt), files
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None


def forget(medium: Medium, set_id: SetId) -> bool:
    """Drop what is remembered of a set: it is gone, or it failed.

    :returns: whether nothing is remembered any more.
    """
    local = medium.local
    if local is None:
        return True
    try:
        os.unlink(_path(local, set_id))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _files_as_they_lie(medium: LocalMedium, set_id: SetId) -> str:
    """One digest over path, size and time of modification of every file: it changes when one is written to."""
    root = medium.path(set_id)
    lines = []
    for path in sorted(medium.contents(set_id).sizes()):
        status = os.lstat(os.path.join(root, path))
        lines.append(f"{os.fsencode(path)!r} {status.st_size} {status.st_mtime_ns}\n")
    return bag.sha256_of_text("".join(lines))


def _path(medium: LocalMedium, set_id: SetId) -> str:
    return os.path.join(medium.root, _DIRECTORY, set_id.host, set_id.source, set_id.time + ".json")
