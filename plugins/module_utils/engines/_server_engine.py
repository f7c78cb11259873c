# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engines of database servers have in common: how a server is reached, and that something else restores."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Check,
    Engine,
    Replaced,
    RestoreWork,
    TargetState,
)

LOGIN_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "database": {"type": "str"},
    "login_host": {"type": "str"},
    "login_port": {"type": "int"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "login_unix_socket": {"type": "path"},
    "login_os_user": {"type": "str"},
    # libpq's words, which say what is checked; MariaDB's and MySQL's clients are told the same in theirs.
    "ssl_mode": {"type": "str", "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]},
    "ca_cert": {"type": "path"},
    "client_directory": {"type": "path"},
}


class Reachable(t.Protocol):
    """How a server is reached. While it is entered, its secrets are where the clients find them."""

    def __enter__(self) -> t.Any:
        """Puts them there."""

    def __exit__(self, *_: t.Any) -> t.Any:
        """Takes them away."""

    def describe(self) -> str:
        """The database and its server, for messages."""


class Restores(t.Protocol):
    """Restores one database of a server, whole or in part; each method is the engine's of that name."""

    def inspect(self, work: RestoreWork) -> TargetState:
        """What stands there, changing nothing."""

    def restore_beside(self, work: RestoreWork) -> None:
        """Restores next to it."""

    def check(self, work: RestoreWork) -> list[Check]:
        """Compares what was restored with what the set says."""

    def swap(self, work: RestoreWork) -> str | None:
        """Puts it in place."""

    def discard(self) -> None:
        """Removes what was restored."""

    def replaced(self) -> list[Replaced]:
        """What restores have kept."""

    def check_live(self) -> None:
        """Refuses where the target is not there, or empty."""

    def remove_replaced(self, entry: Replaced) -> None:
        """Removes something that was kept."""


class ServerEngine(Engine):
    """One database of a server.

    :ivar _connection: how the server is reached; entered for as long as something is asked of it.
    :ivar _restoration: what restores.
    """

    _connection: Reachable
    _restoration: Restores

    def describe(self) -> str:
        return self._connection.describe()

    def inspect_target(self, work: RestoreWork) -> TargetState:
        with self._connection:
            return self._restoration.inspect(work)

    def restore_beside(self, work: RestoreWork) -> None:
        with self._connection:
            self._restoration.restore_beside(work)

    def check(self, work: RestoreWork) -> list[Check]:
        with self._connection:
            return self._restoration.check(work)

    def swap(self, work: RestoreWork) -> str | None:
        with self._connection:
            return self._restoration.swap(work)

    def discard(self, work: RestoreWork) -> None:
        with self._connection:
            self._restoration.discard()

    # What restores have kept

    def replaced(self) -> list[Replaced]:
        with self._connection:
            return self._restoration.replaced()

    def check_live(self) -> None:
        with self._connection:
            self._restoration.check_live()

    def remove_replaced(self, entry: Replaced) -> None:
        with self._connection:
            self._restoration.remove_replaced(entry)
