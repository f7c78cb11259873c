# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's key to the cloud, and the file where it is installed."""

from __future__ import annotations

import dataclasses
import os

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from .changes import Changes

_HEADER = "# Written by infitulua.backup.cloud_credentials; changes are lost.\n"


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
