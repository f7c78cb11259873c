# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The privileges that a restore grants in MariaDB."""

from __future__ import annotations

import typing as t

from ..mysql_family.privileges import RestorePrivileges
from ..mysql_family.session import Session
from . import grants
from .password_hash import native_hash


class MariadbPrivileges(RestorePrivileges):
    """MariaDB's words."""

    def database(self, session: Session, name: str) -> str:
        return grants.pattern(name)

    def for_definers(self, beside: str) -> str:
        return f"ALL ON {grants.pattern(beside)}.*"

    def identified(self, password: str) -> str:
        return f"VIA mysql_native_password USING '{native_hash(password)}'"

    def required(self, session: Session, facts: t.Mapping[str, t.Any]) -> list[str]:
        return ["BINLOG REPLAY"] if facts["history"] else []
