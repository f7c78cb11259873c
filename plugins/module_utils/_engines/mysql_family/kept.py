# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have kept of a database of MariaDB or MySQL: the databases that they replaced."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import KeptData, Replaced
from .client import Connection
from .dialect import Dialect
from .kept_database import find_kept
from .restore_lock import restore_lock
from .session import Session, quote_identifier


class FamilyKept(KeptData):
    """What restores of one database have kept.

    :param connection: of the live database.
    :cvar dialect: how the product is spoken to.
    """

    dialect: t.ClassVar[Dialect]

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._name = connection.database
        self._lock = restore_lock(connection, dialect=self.dialect)

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> FamilyKept:
        """Return that of a target's database."""
        return cls(cls.dialect.connection(options))

    @contextlib.contextmanager
    def _asking(self, *, locked: bool = False) -> t.Iterator[Session]:
        """Open a session.

        :param locked: while no restore of the database is running, and none can begin.
        :raises LockHeld: when one is running.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._connection)
            if locked:
                stack.enter_context(self._lock)
            stack.enter_context(self._connection.advice.giving())
            processes = stack.enter_context(Processes())
            yield stack.enter_context(self.dialect.session(processes, self._connection))

    def replaced(self) -> list[Replaced]:
        """Return what restores of this database have kept, oldest first."""
        with self._asking() as session:
            return find_kept(session, self._name)

    def check_live(self) -> None:
        """Check that the database is there and holds something.

        :raises BackupError: when it is not, or is empty.
        """
        with self._asking() as session:
            if not self.dialect.count_objects(session, self._name):
                raise Refused(
                    "remove what was replaced",
                    on=self._connection.describe(),
                    why="the database is not there or empty, and the replaced data may be the only copy",
                    next_step="Inspect both, and drop by hand what is not needed.",
                )

    def remove_replaced(self, entry: Replaced) -> None:
        """Drop a database that a restore has kept."""
        drop = self.dialect.immediate(f"DROP DATABASE {quote_identifier(entry.name)}")
        with self._asking(locked=True) as session:
            session.execute(drop, action="remove what was replaced")
