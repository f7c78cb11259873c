# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypting a set anew, for a single delivery.

So a server restores with a key made for that one delivery, and never holds the key to its older backups.
"""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AlreadyStored,
    BackupError,
    Refused,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium
from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable_line
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag, filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import Encryption
from ansible_collections.infitulua.backup.plugins.module_utils._sets.partial import PartialSet
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import SetReader, read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import write_tag_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

from ..verify import set_verification
from .transfer import Copied, Transfer

# A key as age-keygen makes it (https://age-encryption.org/v1, X25519). For another kind age may run a program that the
# recipient names, and who is delivered to has named it.
_RECIPIENT = re.compile(r"age1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{58}")


@dataclasses.dataclass(frozen=True)
class Reencryption:
    """Whom a delivered copy is encrypted to, and what reads the original.

    :raises Refused: when a recipient is no public key of age.
    """

    identity_files: tuple[str, ...]
    recipients: tuple[str, ...]

    def __post_init__(self) -> None:
        for recipient in self.recipients:
            if not _RECIPIENT.fullmatch(recipient):
                raise Refused(
                    "re-encrypt a set",
                    on=printable_line(recipient[:100]) or "an empty recipient",
                    why="it is not an age public key",
                    next_step="Give the key that age-keygen creates for this one delivery.",
                )

    @property
    def encryption(self) -> Encryption:
        """How the delivered copy is encrypted."""
        return Encryption(filters.AGE, self.recipients)


@dataclasses.dataclass(frozen=True)
class Delivery:
    """One set on its way from one local medium to another, its payload encrypted anew on the way.

    :param allowed_signers: demand that the original is signed by its host (the copy is not: it is another content).
    :param verify_origin: read every byte of the original, even where it is remembered as verified.
    """

    origin: LocalMedium
    destination: LocalMedium
    set_id: SetId
    keys: Reencryption
    progress: Progress
    allowed_signers: str | None = None
    verify_origin: bool = False

    @classmethod
    def replacing(cls, transfer: Transfer, keys: Reencryption) -> Delivery:
        """Return the delivery that encrypts what ``transfer`` would only copy.

        :raises Refused: when one of the media is not of this host.
        """
        origin, destination = transfer.origin.local, transfer.destination.local
        if origin is None or destination is None:
            raise Refused(
                "re-encrypt a set",
                on=f"{transfer.set_id} from {transfer.origin.describe()} to {transfer.destination.describe()}",
                why="both media must be directories on this host",
                next_step="Fetch the set into a directory first, re-encrypt it there, and copy the result.",
            )
        options = transfer.options
        return cls(
            origin,
            destination,
            transfer.set_id,
            keys,
            transfer.progress,
            options.allowed_signers,
            options.verify_origin,
        )

    def would_change(self) -> bool:
        """Whether the destination lacks the set, encrypted to these recipients. Checks the keys; changes nothing.

        :raises AlreadyStored: when the destination holds it, encrypted to others.
        :raises BackupError: when a key does not fit.
        """
        encryption = self.keys.encryption
        if self.destination.holds(self.set_id):
            description = read_description(self.set_id, self.destination.contents(self.set_id))
            present = description.encryption.get("recipients", [])
            if set(present) == set(encryption.recipients):
                return False
            raise AlreadyStored(
                "re-encrypt a set",
                on=f"{self.set_id} to {self.destination.describe()}",
                why=f"it is already there, encrypted to {', '.join(present) or 'nobody'}",
                next_step="Remove that copy, or deliver to another directory; sets are never overwritten.",
            )
        filters.Filters(encryption).check()
        self._reader().probe()
        return True

    def run(self) -> Copied:
        """Copy the set, once it is verified, in one streaming pass.

        :raises BackupError: when the identity does not fit, or a medium fails.
        """
        clock = time.monotonic()
        try:
            # Before a key is tried on it: a bad set must not pass for a key that does not fit.
            verification = self._verify() if self.verify_origin else None
            stored = self._store(verification) if self.would_change() else None
        except OSError as error:
            raise BackupError(
                "re-encrypt a set",
                on=f"{self.set_id} to {self.destination.describe()}",
                why=describe_os_error(error),
                next_step="Correct the cause and run again; nothing incomplete was kept, and the origin is as it was.",
            ) from error
        return Copied(self.set_id, stored is not None, stored or 0, round(time.monotonic() - clock, 3), False)

    def _reader(self) -> SetReader:
        return SetReader(self.set_id, self.origin.path(self.set_id), identity_files=self.keys.identity_files)

    def _verify(self) -> set_verification.Verification:
        signers = self.allowed_signers
        verification, _checked = set_verification.verify(self.origin, self.set_id, allowed_signers=signers)
        return verification

    def _store(self, verification: set_verification.Verification | None) -> int:
        """Store the copy; return its bytes.

        :param verification: of the original; None where it has not been read yet: what is remembered then counts.
        """
        if verification is None:
            signed = self.allowed_signers is not None
            verification = set_verification.recall(self.origin, self.set_id, signed=signed) or self._verify()
        reader = self._reader()
        encryption = self.keys.encryption
        payload: list[PayloadFile] = []
        self.progress.stage("encrypting anew", total_bytes=reader.description.stored_bytes)
        locked = self.destination.locked(self.set_id.host, self.set_id.source)
        with locked, self.destination.begin(self.set_id) as partial:
            with Processes() as processes:
                for file in reader.description.payload:
                    payload.append(self._encrypt(reader, file, partial, processes))
            values = {**vars(reader.description), "payload": payload}
            values["encryption"] = {"method": encryption.method, "recipients": list(encryption.recipients)}
            # After the check of the manifest; what follows was written for payload files without that layer.
            opened = _opened_by_hand(reader.description.payload)
            values["restore_by_hand"] = [*values["restore_by_hand"][:1], *opened, *values["restore_by_hand"][1:]]
            values["reencrypted"] = {"tag_manifest_sha256": verification.tag_manifest_sha256}
            write_tag_files(
                partial,
                Description(**values),
                sizes={file.path: file.bytes for file in payload},
                manifest=bag.write_manifest({file.path: file.sha256 for file in payload}),
            )
        return sum(DirectoryContents(self.destination.path(self.set_id)).sizes().values())

    def _encrypt(self, reader: SetReader, file: PayloadFile, partial: PartialSet, processes: Processes) -> PayloadFile:
        started = time.monotonic()
        commands = list(filters.Filters(self.keys.encryption).writing(compress=False))
        if file.path.endswith(filters.AGE_SUFFIX):
            path = file.path
            commands = [*filters.reading(filters.AGE_SUFFIX, reader.identity_files), *commands]
        else:
            path = file.path + filters.AGE_SUFFIX
        progress = self.progress.advance
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


def _opened_by_hand(payload: t.Iterable[PayloadFile]) -> list[str]:
    """Return the commands that open the layer which files that were not encrypted get."""
    return [
        f"age -d -i IDENTITY_FILE -o {file.path} {file.path}{filters.AGE_SUFFIX}"
        for file in payload
        if not file.path.endswith(filters.AGE_SUFFIX)
    ]
