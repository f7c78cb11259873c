# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypting a set anew, from one directory into another."""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium
from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable_line
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag, filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import Encryption
from ansible_collections.infitulua.backup.plugins.module_utils._sets.partial import PartialSet
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import SetReader
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import write_tag_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

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

    def check_recipients(self) -> None:
        """Encrypt a few bytes to the recipients.

        :raises ProcessFailed: when age refuses one of them.
        """
        filters.Filters(self.encryption).check()


@dataclasses.dataclass(frozen=True)
class EncryptedCopy:
    """The copy of a set from one directory medium in another, its payload encrypted anew."""

    origin: LocalMedium
    destination: LocalMedium
    set_id: SetId
    keys: Reencryption
    progress: Progress

    def check_keys(self) -> None:
        """Check that the identity reads the original, and that the recipients can be encrypted to.

        :raises BackupError: when a key does not fit.
        """
        self.keys.check_recipients()
        self._reader().probe()

    def write(self, original_sha256: str) -> int:
        """Write the copy in one streaming pass.

        :param original_sha256: of the tag manifest of the original, as it was verified.
        :returns: the bytes of the copy.
        :raises BackupError: when the identity does not fit, or a medium fails.
        """
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
            values["reencrypted"] = {"tag_manifest_sha256": original_sha256}
            write_tag_files(
                partial,
                Description(**values),
                sizes={file.path: file.bytes for file in payload},
                manifest=bag.write_manifest({file.path: file.sha256 for file in payload}),
            )
        return sum(DirectoryContents(self.destination.path(self.set_id)).sizes().values())

    def _reader(self) -> SetReader:
        return SetReader(self.set_id, self.origin.path(self.set_id), identity_files=self.keys.identity_files)

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
