# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ssh medium."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._bag import Contents
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium, ProgressCallback, no_progress


class SshMedium(Medium):
    """Sets in a directory of another host."""

    kind = "ssh"
    arguments = {
        "ssh_host": {"type": "str"},
        "ssh_port": {"type": "int"},
        "ssh_user": {"type": "str"},
        "ssh_key_file": {"type": "path"},
        "ssh_known_hosts_file": {"type": "path"},
        "ssh_remote_path": {"type": "str"},
    }

    def __init__(self, *, ssh_host: str, **options: t.Any) -> None:
        self.host = ssh_host
        self.options = options

    def describe(self) -> str:
        return f"directory on host {self.host}"

    def sets(self, *, host: t.Optional[str] = None, source: t.Optional[str] = None) -> t.List[SetId]:
        raise NotImplementedError

    def contents(self, set_id: SetId) -> Contents:
        raise NotImplementedError

    def store(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        raise NotImplementedError

    def remove(self, set_id: SetId) -> None:
        raise NotImplementedError
