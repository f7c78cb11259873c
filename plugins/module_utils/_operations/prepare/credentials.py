# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's key to the cloud: installed, and proved to be able to do what it must and nothing else."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium

from .changes import Changes

_NEXT_STEP = "Correct its policy at the provider and run again."
_HEADER = "# Written by infitulua.backup.cloud_credentials; changes are lost.\n"


@dataclasses.dataclass(frozen=True)
class Rights:
    """What a kind of key must be able to do.

    :param also: what else it may do; nothing besides these.
    :param policy: the same in the words of the provider.
    """

    may: frozenset[str]
    policy: str
    also: frozenset[str] = frozenset()


RIGHTS = {
    "put_only": Rights(
        frozenset({"write"}),
        "A server's key may s3:PutObject, s3:AbortMultipartUpload and s3:PutObjectRetention, and nothing else.",
    ),
    "read_only": Rights(
        frozenset({"list", "read"}),
        "The systems computer's key may s3:GetObject* and s3:ListBucket*, and nothing else.",
        also=frozenset({"list_versions"}),
    ),
    "retention": Rights(
        frozenset({"list", "list_versions", "delete_versions"}),
        "The systems computer's retention key may s3:ListBucket*, s3:GetObjectRetention, s3:PutObjectRetention and"
        " s3:DeleteObjectVersion, and nothing else.",
    ),
}


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A key, and the file where it is installed."""

    access_key: str
    secret_key: str = dataclasses.field(repr=False)
    file: str
    profile: str

    def check(self) -> None:
        """Check that this can be a key.

        :raises Refused: when it is empty, or would be more than one line.
        """
        for name, value in (("access key", self.access_key), ("secret key", self.secret_key)):
            if not value or value != "".join(value.split()):
                raise Refused(
                    "install the cloud key",
                    on=self.file,
                    why=f"its {name} is empty or contains a space",
                    next_step="Set backup_cloud_access_key and backup_cloud_secret_key for this host, encrypted with "
                    "ansible-vault.",
                )

    def install(self, changes: Changes, *, directory_mode: str) -> None:
        """Write the file, which only its owner reads.

        :raises BackupError: when it cannot be written.
        """
        changes.directory(os.path.dirname(self.file), mode=directory_mode)
        changes.text(self.file, self._text(self.secret_key), mode="0600", shown=self._text("(not shown)"))

    def _text(self, secret_key: str) -> str:
        key = f"aws_access_key_id = {self.access_key}\naws_secret_access_key = {secret_key}\n"
        return f"{_HEADER}[{self.profile}]\n{key}"


def prove(medium: Medium, rights: Rights, *, host: str | None) -> dict[str, t.Any]:
    """Try to list, read, write and delete.

    :param host: the server below whose part of the bucket the key is tried; None: anywhere.
    :returns: what it may do.
    :raises Refused: when that is more or less than it must.
    :raises BackupError: when it cannot be tried.
    """
    found = dataclasses.asdict(medium.probe(host=host))
    excess = ", ".join(name for name, may in found.items() if may and name not in rights.may | rights.also)
    # What could not be tried is not proved.
    lack = ", ".join(name for name, may in found.items() if may is None or (not may and name in rights.may))
    if excess or lack:
        why = f"it may {excess}, which it must not" if excess else f"it cannot {lack}"
        raise Refused(
            "accept the cloud key",
            on=medium.describe(),
            why=why,
            next_step=f"{rights.policy} {_NEXT_STEP}",
        )
    return found
