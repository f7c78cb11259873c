# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of a set: which of them a restore needs, and making those that the server lacks."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused

from ..base import RestoreWork
from .access import Access
from .client import Connection
from .parts import GLOBALS
from .pg_restore import read_small
from .raw_names import decoded, has_raw
from .roles import Roles
from .session import Session, quote_identifier


class SetRoles:
    """The roles of a set on the server of a target.

    :param connection: of the target.
    :param maintenance: opens a session beside the target.
    """

    def __init__(self, connection: Connection, access: Access, maintenance: t.Callable[..., Session]) -> None:
        self._connection = connection
        self._access = access
        self._maintenance = maintenance
        self._made: list[str] = []

    def check(self, work: RestoreWork, session: Session) -> None:
        """Check that the roles that the set needs are on the server, or can be made.

        :raises NotFound: when one is nowhere.
        :raises Refused: when one cannot be made.
        """
        needed, _members = self._missing(work, session)
        if not needed:
            return
        if self._access.owner in needed:
            raise NotFound(
                "restore a database",
                on=self._connection.describe(),
                why=f"the server has no role {self._access.owner}, which is to own everything",
                next_step="Create it (CREATE ROLE … NOLOGIN), or correct the option owner.",
            )
        raw = sorted(name for name in needed if has_raw(name))
        if raw:
            raise Refused(
                "restore a database",
                on=self._connection.describe(),
                why=f"the server lacks roles whose names are not UTF-8, and cannot be given them: {', '.join(raw)}",
                next_step="Create them from within a database of the encoding SQL_ASCII, or give everything to one role"
                " (options owner and access).",
            )
        unknown = sorted(needed - self._of_set(work).names)
        if unknown:
            raise NotFound(
                "restore a database",
                on=self._connection.describe(),
                why=f"roles that its objects name are neither on the server nor in the set: {', '.join(unknown)}",
                next_step="Create them (CREATE ROLE … NOLOGIN) and run again.",
            )
        if not session.value("SELECT rolsuper OR rolcreaterole AS value FROM pg_roles WHERE rolname = current_user"):
            raise Refused(
                "restore a database",
                on=self._connection.describe(),
                why=f"the server lacks roles, and this user may not create any: {', '.join(sorted(needed))}",
                next_step="Connect as a role that may create roles, or create them first.",
            )

    def _missing(self, work: RestoreWork, session: Session) -> tuple[set[str], set[str]]:
        facts = work.reader.description.engine_facts
        present = {row["rolname"] for row in session.rows("SELECT rolname FROM pg_roles")}
        return self._access.roles(facts) - present, self._access.members(facts) - present

    def _of_set(self, work: RestoreWork) -> Roles:
        text = bytearray()
        read_small(work, GLOBALS, text.extend)
        return Roles.parse(decoded(bytes(text), work.reader.description.engine_facts["database"]["encoding"]))

    def make(self, work: RestoreWork, session: Session) -> None:
        """Make the roles that are missing."""
        needed, members = self._missing(work, session)
        if not needed | members:
            return
        if not session.value("SELECT rolsuper OR rolcreaterole AS value FROM pg_roles WHERE rolname = current_user"):
            if members:
                work.warnings.append(
                    f"Roles that used the database are missing on the server: {', '.join(sorted(members))}"
                )
            return
        roles = self._of_set(work)
        members = {name for name in members if not has_raw(name)}
        making, withheld = roles.creation(needed | members)
        # Statements that hold password hashes belong in no server log and no error message.
        with self._maintenance(work.processes, terse=True) as making_session:
            if making_session.value("SELECT rolsuper AS value FROM pg_roles WHERE rolname = current_user"):
                making_session.execute("SET log_min_error_statement = panic; SET log_statement = none")
                making_session.execute("SET log_min_duration_statement = -1")
            making_session.execute("BEGIN")
            for statement in making:
                making_session.execute(statement, action="create the roles that the database needs")
            making_session.execute("COMMIT")
        self._made = sorted(roles.names & (needed | members))
        if self._made:
            work.warnings.append(f"Roles were created from the set: {', '.join(self._made)}")
        if withheld:
            work.warnings.append(
                f"Privileges beyond the database are not taken from a set; grant them: {'; '.join(withheld)}"
            )

    def keep(self) -> None:
        """Keep the roles that were made: they are the live database's now."""
        self._made = []

    def drop(self, session: Session) -> None:
        """Drop the roles that were made."""
        try:
            for name in self._made:
                session.execute(f"DROP ROLE IF EXISTS {quote_identifier(name)}", action="remove a role made for it")
        finally:
            self._made = []
