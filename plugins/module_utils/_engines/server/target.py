# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database of a server as a target: how the server is reached, and that something else restores."""

from __future__ import annotations

import typing as t

from ..base import Check, RestoreWork, TargetEngine, TargetState


class Reachable(t.Protocol):
    """How a server is reached. While it is entered, its secrets are where the clients find them."""

    def __enter__(self) -> t.Any:
        """Put them there."""

    def __exit__(self, *_: t.Any) -> t.Any:
        """Take them away."""

    def describe(self) -> str:
        """Return the database and its server, for messages."""


class Restores(t.Protocol):
    """Restores one database of a server, whole or in part; each method is the engine's of that name."""

    def inspect(self, work: RestoreWork) -> TargetState:
        """Return what stands there, changing nothing."""

    def restore_beside(self, work: RestoreWork) -> None:
        """Restore next to it."""

    def check(self, work: RestoreWork) -> list[Check]:
        """Compare what was restored with what the set says."""

    def swap(self, work: RestoreWork) -> str | None:
        """Put it in place."""

    def discard(self) -> None:
        """Remove what was restored."""


class ServerTarget(TargetEngine):
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
