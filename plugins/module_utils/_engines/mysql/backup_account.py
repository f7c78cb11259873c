# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account of MySQL that backs databases up (see ``mysql_family.backup_account``).

It needs to see all of its databases, to hold back for a moment who writes (``FLUSH_TABLES``) and until all has been
read who alters (``BACKUP_ADMIN``), to know where the binary log stands (``REPLICATION CLIENT``), and to read how
routines (``SHOW_ROUTINE``) and, by choice, accounts are made. Whatever else it holds is superfluous.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound

from ..mysql_family.backup_account import UNLOCKED, FamilyAccount
from ..mysql_family.session import Session, quote_identifier, quote_literal
from ..server.account import AccountRequest, Right
from . import catalogue
from . import grants as accounts
from .dialect import MYSQL
from .password_hash import is_hash_of, stored_hash

_SHA2 = "caching_sha2_password"
# FLUSH_TABLES came with 8.0.23; before, only RELOAD let anybody flush.
_FLUSHING = (8, 0, 23)
_OF_DATABASE = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
_NAME = r"`(?:[^`]|``)*`"
_USER = rf"{_NAME}@{_NAME}"
_GRANT = re.compile(
    rf"GRANT (?P<what>.+?) ON (?P<level>(?:FUNCTION |PROCEDURE |LIBRARY )?(?:\*|{_NAME})\.(?:\*|{_NAME}))"
    rf" TO {_USER}(?P<rest>.*)",
    re.DOTALL,
)
_MEMBER = re.compile(rf"GRANT (?P<roles>{_USER}(?:,{_USER})*) TO {_USER}(?P<rest>.*)", re.DOTALL)
_PROXY = re.compile(r"GRANT PROXY ON (?P<whom>.+) TO (?P<rest>.*)", re.DOTALL)
# Between privileges; not between the columns of one.
_COMMA = re.compile(r", ?(?![^(]*\))")
_GRANTABLE = " WITH GRANT OPTION"


class MysqlAccount(FamilyAccount):
    """A user at a host."""

    name = MYSQL.name
    dialect = MYSQL
    socket = "auth_socket"
    own_accounts = ("root", "mysql.sys", "mysql.session", "mysql.infoschema", "")

    def __init__(self, request: AccountRequest) -> None:
        super().__init__(request)
        self._literal = False
        # What was given to it, beside what the server gives to everybody (mandatory_roles).
        self._roles: list[str] = []

    def _require(self, session: Session) -> None:
        super()._require(session)
        self._literal = accounts.is_literal(session)
        if self._request.local and not session.rows(
            {"name": "PLUGIN_NAME"},
            f"information_schema.PLUGINS WHERE PLUGIN_NAME = '{self.socket}' AND PLUGIN_STATUS = 'ACTIVE'",
        ):
            raise NotFound(
                "make an account",
                on=self.describe(),
                why=f"the server lacks the plugin {self.socket}, which lets the operating system authenticate users",
                next_step=f"INSTALL PLUGIN {self.socket} SONAME '{self.socket}.so', or set authentication: password.",
            )

    def _found(self, session: Session) -> dict[str, t.Any] | None:
        found = session.rows(
            {
                "plugin": "plugin",
                "secret": "HEX(authentication_string)",
                "locked": "account_locked",
                "expired": "password_expired",
                "more": "CONCAT(User_attributes)",
            },
            f"mysql.user WHERE {self._own_row}",
        )
        self._roles = [
            f"{quote_identifier(row['user'])}@{quote_identifier(row['host'])}"
            for row in session.rows(
                {"user": "FROM_USER", "host": "FROM_HOST"},
                f"mysql.role_edges WHERE TO_USER = {quote_literal(self._request.name)}"
                f" AND TO_HOST = {quote_literal(self._request.from_host)}",
            )
        ]
        return found[0] if found else None

    @property
    def _identified(self) -> str:
        if self._request.password is None:
            return f"WITH {self.socket}"
        return f"WITH {_SHA2} AS 0x{stored_hash(self._request.password).hex()}"

    @property
    def _identifying(self) -> tuple[str, ...]:
        if self._request.password is None:
            return super()._identifying
        return (*super()._identifying, f"ALTER USER {self._quoted} DISCARD OLD PASSWORD")

    def _identification(self, found: t.Mapping[str, t.Any]) -> t.Iterator[Right]:
        more = json.loads(found["more"] or "{}")
        # A second password, or a second factor.
        only = not {"additional_password", "multi_factor_authentication"} & set(more)
        secret = bytes.fromhex(found["secret"] or "")
        if self._request.password is None:
            fits = found["plugin"] == self.socket and not secret
        else:
            fits = found["plugin"] == _SHA2 and found["expired"] == "N" and is_hash_of(secret, self._request.password)
        yield Right(self._way if fits and only else "identified in another way")
        if found["locked"] == "N":
            yield Right(UNLOCKED)

    def _needed(self, session: Session) -> list[Right]:
        flushing = "FLUSH_TABLES" if catalogue.version(session) >= _FLUSHING else "RELOAD"
        found = [self._right(what, "*.*") for what in (flushing, "BACKUP_ADMIN", "SHOW_ROUTINE", "REPLICATION CLIENT")]
        if self._request.show_databases:
            found.append(self._right("SHOW DATABASES", "*.*"))
        if self._request.read_accounts:
            found.append(self._right("SELECT", "`mysql`.*"))
        of_database = [*_OF_DATABASE, *(["LOCK TABLES"] if self._request.lock_tables else [])]
        levels = {f"{accounts.pattern(name, literal=self._literal)}.*": name for name in self._request.databases}
        self._levels = {} if self._literal else {level: (name, of_database) for level, name in levels.items()}
        return found + [self._right(what, level) for level in levels for what in of_database]

    def change(self, take: t.Sequence[Right], give: t.Sequence[Right]) -> None:
        # The option of all comes last: a server that has taken it takes those of single rights from its tables only.
        super().change(sorted(take, key=lambda right: right.text == "GRANT OPTION on *.*"), give)

    def _read(self, line: str) -> t.Iterator[Right]:
        proxy, grant, member = (expression.match(line) for expression in (_PROXY, _GRANT, _MEMBER))
        if proxy:
            yield Right(f"PROXY on {proxy['whom']}", take=(f"REVOKE PROXY ON {proxy['whom']} FROM {self._quoted}",))
        elif grant:
            yield from self._read_grant(grant["what"], grant["level"], _GRANTABLE in grant["rest"])
        elif member:
            for role in [role for role in re.findall(_USER, member["roles"]) if role in self._roles]:
                yield Right(f"member of {role}", take=(f"REVOKE {role} FROM {self._quoted}",))
        else:
            raise self._not_understood(line)

    def _read_grant(self, what: str, level: str, grantable: bool) -> t.Iterator[Right]:
        names = [name for name in _COMMA.split(what) if name != "USAGE"]
        for name in names:
            if grantable and "_" in name:
                # Each of these has its own option to grant it, which goes with it only.
                again = self._right(name, level)
                yield Right(f"GRANT OPTION of {name} on {level}", take=(*again.take, *again.give))
            yield self._right(name, level)
        if grantable and not any("_" in name for name in names):
            yield self._right("GRANT OPTION", level)
