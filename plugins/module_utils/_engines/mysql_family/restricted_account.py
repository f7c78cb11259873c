# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that carries out what a set says, with no more rights than that needs."""

from __future__ import annotations

import secrets
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from ..base import RestoreWork
from .client import Connection
from .dialect import Dialect
from .discovery import SYSTEM_DATABASES
from .privileges import RestorePrivileges
from .server_error import error_number
from .session import Session, quote_identifier

# The last: the server wants to see passwords (strict_password_validation).
_NOT_TO_BE_MADE = (1044, 1045, 1227, 1396, 1372)


class RestrictedAccount:
    """An account with rights on the database beside a target only.

    :param connection: as whom the account is made.
    :param beside: the name of that database.
    """

    def __init__(self, connection: Connection, beside: str, *, dialect: Dialect, privileges: RestorePrivileges) -> None:
        self._connection = connection
        self._beside = beside
        self._dialect = dialect
        self._privileges = privileges
        self.name = f"infitulua-restore-{zlib.crc32(beside.encode('utf-8')):08x}"

    def create(self, work: RestoreWork) -> str | None:
        """Create the account for a set's rows.

        :returns: its password; None where no such account can be made, which is reported.
        """
        facts = work.reader.description.engine_facts
        # Of every kind of character that a server may ask for.
        password = f"{secrets.token_urlsafe(32)}-aA1"
        try:
            with self._dialect.session(work.processes, self._connection) as session:
                rights = [f"ALL ON {self._privileges.database(session, self._beside)}.*"]
                rights += [
                    f"REFERENCES ON {self._privileges.database(session, name)}.*" for name in other_databases(facts)
                ]
                rights += [f"{privilege} ON *.*" for privilege in self._privileges.required(session, facts)]
                for host in ("localhost", "%"):
                    account = f"'{self.name}'@'{host}'"
                    # By its hash: what is written down of statements has no password in it.
                    session.execute(f"CREATE USER {account} IDENTIFIED {self._privileges.identified(password)}")
                    for right in rights:
                        session.execute(self._dialect.immediate(f"GRANT {right} TO {account}"))
        except ProcessFailed as error:
            if error_number(error) not in _NOT_TO_BE_MADE:
                raise
            work.warnings.append(
                "The set was restored with all the rights of this account, because it may not make one with fewer"
            )
            return None
        return password

    def drop(self, session: Session) -> None:
        """Drop the account, if there is one; this account must be able to see the server's accounts."""
        for row in session.rows({"host": "Host"}, f"{self._dialect.accounts.USERS} WHERE User = '{self.name}'"):
            session.execute(f"DROP USER '{self.name}'@{quote_identifier(row['host'])}")


def other_databases(facts: t.Mapping[str, t.Any]) -> list[str]:
    """Return the databases that foreign keys of a set's tables refer to."""
    named = {database for database, _table in facts["references"]}
    return sorted(name for name in named if name.lower() not in SYSTEM_DATABASES)
