# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The privileges that a restore grants in MySQL."""

from __future__ import annotations

import typing as t

from ..mysql_family.privileges import RestorePrivileges
from ..mysql_family.session import Session, quote_identifier, quote_literal, same_name
from . import grants
from .password_hash import stored_hash
from .session import needs_right


class MysqlPrivileges(RestorePrivileges):
    """MySQL's words."""

    def database(self, session: Session, name: str) -> str:
        return grants.pattern(name, literal=self.is_literal(session))

    def is_literal(self, session: Session) -> bool:
        return grants.is_literal(session)

    def database_for_roles(self, session: Session, name: str) -> str:
        # As an account with an active role needs it to call functions; but for no other database that it is a pattern
        # of.
        others = session.rows(
            {"name": "SCHEMA_NAME"},
            f"information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE {quote_literal(name)}"
            f" AND NOT ({same_name('SCHEMA_NAME', name)})",
        )
        return self.database(session, name) if others else quote_identifier(name)

    def for_definers(self, beside: str) -> str:
        # Not by a pattern, which the server does not follow where a role is active.
        return f"EXECUTE ON {quote_identifier(beside)}.*"

    def identified(self, password: str) -> str:
        return f"WITH caching_sha2_password AS 0x{stored_hash(password).hex()}"

    def required(self, session: Session, facts: t.Mapping[str, t.Any]) -> list[str]:
        return ["SESSION_VARIABLES_ADMIN"] if needs_right(session) else []
