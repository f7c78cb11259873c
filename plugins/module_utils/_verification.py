# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifying a set: every byte against its manifests, its identity, and its signature.

What passed on a directory medium is remembered beside the sets, in ``.verifications/<host>/<source>/<time>.json``,
bound to the exact content (the tag manifest's SHA-256) and to the files as they lay there then (sizes and times of
modification): later steps demand it instead of reading everything again, and what was touched since does not count.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import time

from ansible_collections.infitulua.backup.plugins.module_utils import _bag, _durable, _signature
from ansible_collections.infitulua.backup.plugins.module_utils._description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium, ProgressCallback, no_progress
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium

_DIRECTORY = ".verifications"
_FILES = "files_as_they_lay"


@dataclasses.dataclass(frozen=True)
class Verification:
    """A set that passed.

    :param verified: when, UTC, ISO 8601.
    :param bytes: how many bytes were read and hashed.
    :param tag_manifest_sha256: names the exact content.
    :param signed: whether a signature was demanded and found good.
    """

    id: str
    verified: str
    bytes: int
    seconds: float
    tag_manifest_sha256: str
    signed: bool


def verify(
    medium: Medium,
    set_id: SetId,
    *,
    allowed_signers: str | None = None,
    progress: ProgressCallback = no_progress,
    payload_bytes: bool = True,
) -> tuple[Verification, Description]:
    """Reads every byte of a set where it lies.

    :param allowed_signers: demand a signature by the set's host; None: signatures are not looked at.
    :param payload_bytes: False leaves the payload files unread: for who hashes them anyway, on the way elsewhere.
    :raises SetInvalid: when anything is wrong; its details list every finding.
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
    contents: _bag.Contents,
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
    validation = _bag.validate(contents, progress, payload_bytes=payload_bytes)
    findings = list(validation.findings)
    description: Description | None = None
    if not any(finding.kind in ("missing", "unreadable") and finding.path == "backup.json" for finding in findings):
        try:
            description = read_description(set_id, contents)
            findings += _disagreements(set_id, description, validation)
        except SetInvalid as error:
            findings.append(_bag.Finding("malformed", "backup.json", error.why))
    if allowed_signers is not None:
        try:
            _signature.verify(contents, signer=set_id.host, allowed_signers=allowed_signers)
        except BackupError as error:
            findings.append(_bag.Finding("mismatch", _bag.SIGNATURE, error.why))
    if findings or description is None:
        raise SetInvalid(
            "verify a set",
            on=f"{set_id} on {where}",
            why=_bag.describe_findings(findings) or "it has no backup.json",
            next_step="Do not restore from this copy; use another one, and find out what happened to this medium.",
            details=[str(finding) for finding in findings],
        )
    verification = Verification(
        id=str(set_id),
        verified=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        bytes=validation.bytes_read,
        seconds=round(time.monotonic() - clock, 3),
        tag_manifest_sha256=validation.tag_manifest_sha256,
        signed=allowed_signers is not None,
    )
    return verification, description


def _disagreements(set_id: SetId, description: Description, validation: _bag.Validation) -> list[_bag.Finding]:
    findings = []
    if validation.info.get("External-Identifier") != str(set_id):
        why = f"External-Identifier is {validation.info.get('External-Identifier')!r}, the set lies at {str(set_id)!r}"
        findings.append(_bag.Finding("mismatch", _bag.BAG_INFO_TXT, why))
    described = {file.path for file in description.payload}
    present = {path for path in validation.sizes if path.startswith(_bag.PAYLOAD_DIRECTORY + "/")}
    for path in sorted(described ^ present):
        why = "backup.json names it" if path in described else "backup.json does not name it"
        findings.append(_bag.Finding("missing" if path in described else "unexpected", path, why))
    return findings


def remember(medium: DirectoryMedium, set_id: SetId, verification: Verification) -> bool:
    """Writes down that a set passed.

    :returns: whether it could: a medium may be read-only here, and a set on it is no worse for that.
    """
    path = _path(medium, set_id)
    try:
        receipt = {**dataclasses.asdict(verification), _FILES: _files_as_they_lie(medium, set_id)}
        _durable.make_directories(os.path.dirname(path), below=medium.root)
        _durable.replace_file(path, json.dumps(receipt, indent=2) + "\n")
    except OSError:
        return False
    return True


def recall(medium: DirectoryMedium, set_id: SetId, *, signed: bool = False) -> Verification | None:
    """The verification of exactly this content, if one is remembered and no file was touched since.

    :param signed: only one that demanded a signature counts.
    """
    try:
        with open(_path(medium, set_id), encoding="utf-8") as stream:
            receipt = json.load(stream)
        files = receipt.pop(_FILES)
        verification = Verification(**receipt)
        unchanged = (
            files == _files_as_they_lie(medium, set_id)
            and verification.id == str(set_id)
            and verification.tag_manifest_sha256 == _bag.tag_manifest_digest(medium.contents(set_id))
        )
    except (OSError, ValueError, TypeError, AttributeError, KeyError, BackupError):
        return None
    return verification if unchanged and (verification.signed or not signed) else None


def forget(medium: DirectoryMedium, set_id: SetId) -> bool:
    """Drops what is remembered of a set: it is gone, or it failed.

    :returns: whether nothing is remembered any more.
    """
    try:
        os.unlink(_path(medium, set_id))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _files_as_they_lie(medium: DirectoryMedium, set_id: SetId) -> str:
    """One digest over path, size and time of modification of every file: it changes when one is written to."""
    root = medium.path(set_id)
    lines = []
    for path in sorted(medium.contents(set_id).sizes()):
        status = os.lstat(os.path.join(root, path))
        lines.append(f"{os.fsencode(path)!r} {status.st_size} {status.st_mtime_ns}\n")
    return _bag.sha256_of_text("".join(lines))


def _path(medium: DirectoryMedium, set_id: SetId) -> str:
    return os.path.join(medium.root, _DIRECTORY, set_id.host, set_id.source, set_id.time + ".json")
