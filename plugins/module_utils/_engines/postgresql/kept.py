# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have kept of a PostgreSQL database: the databases that they replaced."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import KeptData, Replaced
from ..kept_name import INFIX, stamp_of
from . import catalogue, standing_still
from .client import Connection, clients
from .create import derived_name
from .restore_lock import restore_lock
from .session import Session, maintenance_session, quote_identifier, quote_literal

# Databases beside another, how large they are (where that may be known), and who is connected.
_BESIDES = """
SELECT b.datname AS name, CASE WHEN has_database_privilege(b.oid, 'CONNECT') THEN pg_database_size(b.oid) END AS bytes,
    (SELECT string_agg(DISTINCT coalesce(a.usename, 'the server') || ' from ' || coalesce(a.client_addr::text,
        'the socket'), ', ') FROM pg_stat_activity a WHERE a.datid = b.oid
        AND a.backend_type = 'client backend') AS users
FROM pg_database b WHERE b.datname LIKE {pattern}
"""


class PostgresqlKept(KeptData):
    """What restores of one database have kept.

    :param connection: of the live database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._name = connection.database
        self._lock = restore_lock(connection)

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> PostgresqlKept:
        """Return that of a target's database."""
        return cls(Connection(options))

    def replaced(self) -> list[Replaced]:
        """Return what restores of this database have kept, oldest first."""
        with self._asking() as processes, self._standing_by(processes) as session:
            rows = session.rows(_BESIDES.format(pattern=quote_literal(f"%{INFIX}%")))
        found = []
        for row in rows:
            since = stamp_of(row["name"], lambda ending: derived_name(self._name, ending))
            if since is not None:
                found.append(Replaced(row["name"], since, row["bytes"] or 0, row["users"]))
        return sorted(found, key=lambda entry: (entry.since, entry.name))

    def check_live(self) -> None:
        """Connect to the database, and check that it holds something.

        :raises BackupError: when it is not there, or empty.
        """
        with self._asking() as processes, Session(processes, self._connection) as session:
            empty = catalogue.is_empty(session)
        if empty:
            raise Refused(
                "remove what was replaced",
                on=self._connection.describe(),
                why="the database is empty, and the replaced data may be the only copy",
                next_step="Inspect both, and drop by hand what is not needed.",
            )

    def remove_replaced(self, entry: Replaced) -> None:
        """Drop a database that a restore has kept; not by force: somebody may just have come to look into it."""
        with self._asking(locked=True) as processes, self._standing_by(processes) as session:
            session.execute(f"ALTER DATABASE {quote_identifier(entry.name)} IS_TEMPLATE false")
            standing_still.detach(processes, self._connection, session, entry.name)
            session.execute(f"DROP DATABASE {quote_identifier(entry.name)}", action="remove what was replaced")

    @contextlib.contextmanager
    def _asking(self, *, locked: bool = False) -> t.Iterator[Processes]:
        """Make the connection ready, with any client.

        :param locked: while no restore of the database is running, and none can begin.
        :raises LockHeld: when one is running.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._connection)
            if not self._connection.has_client:
                self._connection.client = clients(self._connection.client_directory)[0]
            if locked:
                stack.enter_context(self._lock)
            yield stack.enter_context(Processes())

    def _standing_by(self, processes: Processes) -> Session:
        """Return a session beside the database."""
        return maintenance_session(processes, self._connection, other_than=self._name)
