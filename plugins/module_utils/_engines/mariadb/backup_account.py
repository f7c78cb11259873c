# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account of MariaDB that backs databases up (see ``mysql_family.backup_account``).

It needs to see all of its databases, to hold commits back for a moment (``RELOAD``), to know where the binary log then
stands, and to read how routines and, by choice, accounts are made. Whatever else it holds is superfluous.
"""

from __future__ import annotations

import json
import re
import typing as t

from ..mysql_family.backup_account import UNLOCKED, FamilyAccount
from ..mysql_family.session import Session
from ..server.account import Right
from .dialect import MARIADB
from .grants import pattern
from .password_hash import native_hash

_OF_SERVER = ("RELOAD", "BINLOG MONITOR")
_OF_DATABASE = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
_NATIVE = "mysql_native_password"
_NAME = r"`(?:[^`]|``)*`"
_GRANT = re.compile(
    rf"GRANT (?P<what>.+?) ON (?P<level>(?:FUNCTION |PROCEDURE |PACKAGE BODY |PACKAGE )?(?:\*|{_NAME})\.(?:\*|{_NAME}))"
    rf" TO {_NAME}@{_NAME}(?P<rest>.*)",
    re.DOTALL,
)
_MEMBER = re.compile(rf"GRANT (?P<role>{_NAME}) TO {_NAME}@{_NAME}(?P<rest>.*)", re.DOTALL)
_PROXY = re.compile(r"GRANT PROXY ON (?P<whom>.+) TO (?P<rest>.*)", re.DOTALL)
_DEFAULT_ROLE = re.compile(rf"SET DEFAULT ROLE (?P<role>{_NAME}) FOR ")
# Between privileges; not between the columns of one.
_COMMA = re.compile(r", (?![^(]*\))")
_GRANTABLE = " WITH GRANT OPTION"


class MariadbAccount(FamilyAccount):
    """A user at a host."""

    name = MARIADB.name
    dialect = MARIADB
    socket = "unix_socket"
    own_accounts = ("root", "mysql", "mariadb.sys", "PUBLIC", "")

    def _found(self, session: Session) -> dict[str, t.Any] | None:
        found = session.rows({"priv": "CONCAT(Priv)"}, f"mysql.global_priv WHERE {self._own_row}")
        kept: dict[str, t.Any] | None = json.loads(found[0]["priv"]) if found else None
        return kept

    @property
    def _identified(self) -> str:
        if self._request.password is None:
            return f"VIA {self.socket}"
        return f"VIA {_NATIVE} USING '{native_hash(self._request.password)}'"

    def _identification(self, found: t.Mapping[str, t.Any]) -> t.Iterator[Right]:
        plugin, secret = found.get("plugin"), found.get("authentication_string") or ""
        # An empty entry stands for the one beside the list.
        only = not any(found.get("auth_or") or ())
        if self._request.password is None:
            fits = only and plugin == self.socket and not secret
        else:
            fits = only and plugin == _NATIVE and secret == native_hash(self._request.password)
        yield Right(self._way if fits else "identified in another way")
        if not found.get("account_locked"):
            yield Right(UNLOCKED)

    def _needed(self, session: Session) -> list[Right]:
        found = [self._right(what, "*.*") for what in _OF_SERVER]
        if self._request.show_databases:
            found.append(self._right("SHOW DATABASES", "*.*"))
        of_database = list(_OF_DATABASE) + (["LOCK TABLES"] if self._request.lock_tables else [])
        if self._request.read_accounts:
            found.append(self._right("SELECT", "`mysql`.*"))
        elif any(line[0].upper() == "SHOW CREATE ROUTINE" for line in session.execute("SHOW PRIVILEGES")):
            of_database.append("SHOW CREATE ROUTINE")
        else:
            found.append(self._right("SELECT", "`mysql`.`proc`"))
        self._levels = {f"{pattern(name)}.*": (name, of_database) for name in self._request.databases}
        return found + [self._right(what, level) for level in self._levels for what in of_database]

    def _read(self, line: str) -> t.Iterator[Right]:
        grant, member, proxy, default = (
            expression.match(line) for expression in (_GRANT, _MEMBER, _PROXY, _DEFAULT_ROLE)
        )
        if proxy:
            yield Right(f"PROXY on {proxy['whom']}", take=(f"REVOKE PROXY ON {proxy['whom']} FROM {self._quoted}",))
        elif grant:
            for what in _COMMA.split(grant["what"]):
                if what != "USAGE":
                    yield self._right(what, grant["level"])
            if _GRANTABLE in grant["rest"]:
                yield self._right("GRANT OPTION", grant["level"])
        elif member:
            yield Right(f"member of {member['role']}", take=(f"REVOKE {member['role']} FROM {self._quoted}",))
        elif default:
            yield Right(f"default role {default['role']}", take=(f"SET DEFAULT ROLE NONE FOR {self._quoted}",))
        else:
            raise self._not_understood(line)
