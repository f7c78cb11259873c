# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL engine: one database, dumped in parallel streams from one snapshot, restored beside and swapped."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Check,
    Dumped,
    Engine,
    Examination,
    RestoreWork,
    TargetState,
)

SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
ARGUMENTS: t.Dict[str, t.Dict[str, t.Any]] = {
    "database": {"type": "str"},
    "login_host": {"type": "str"},
    "login_port": {"type": "int"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "login_unix_socket": {"type": "path"},
    "login_os_user": {"type": "str"},
    "ssl_mode": {"type": "str", "choices": SSL_MODES},
    "ca_cert": {"type": "path"},
    "client_directory": {"type": "path"},
}


class PostgresqlEngine(Engine):
    """One PostgreSQL database."""

    name = "postgresql"
    source_arguments = ARGUMENTS
    target_arguments = ARGUMENTS

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._options = options

    def describe(self) -> str:
        raise NotImplementedError

    def examine(self) -> Examination:
        raise NotImplementedError

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        raise NotImplementedError

    def inspect_target(self, work: RestoreWork) -> TargetState:
        raise NotImplementedError

    def restore_beside(self, work: RestoreWork) -> None:
        raise NotImplementedError

    def check(self, work: RestoreWork) -> t.List[Check]:
        raise NotImplementedError

    def swap(self, work: RestoreWork) -> t.Optional[str]:
        raise NotImplementedError

    def discard(self, work: RestoreWork) -> None:
        raise NotImplementedError
