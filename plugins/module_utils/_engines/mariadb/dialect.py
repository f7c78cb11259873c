# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB's dialect (see ``mysql_family.dialect``)."""

from __future__ import annotations

import typing as t

from ..mysql_family import catalogue as shared_catalogue
from ..mysql_family import indexes
from ..mysql_family.catalogue import Table
from ..mysql_family.dialect import Dialect
from ..mysql_family.grants import ServerAccounts
from ..mysql_family.indexes import Deferred
from ..mysql_family.objects import Definition
from ..mysql_family.session import Session
from ..mysql_family.settings import PATIENT, statement
from . import catalogue, grants, objects, rows, settings
from . import session as own
from .client import Connection

_HISTORY = statement(settings.HISTORY)


class MariadbDialect(Dialect):
    """MariaDB's dialect."""

    name = "mariadb"
    connection = Connection
    session = own.Session
    accounts: t.ClassVar[ServerAccounts] = grants
    loading = statement([*settings.LOADING, *PATIENT])

    def require(self, session: Session, what: str, *, on: str) -> str:
        return own.require_mariadb(session, what, on=on)

    def properties(self, session: Session, database: str) -> dict[str, str] | None:
        return catalogue.properties(session, database)

    def options(self, facts: t.Mapping[str, t.Any]) -> str:
        return catalogue.options(facts)

    def tables(self, session: Session, database: str) -> list[Table]:
        return catalogue.tables(session, database)

    def count_objects(self, session: Session, database: str) -> dict[str, int]:
        return shared_catalogue.count_objects(session, database)

    def position(self, session: Session) -> dict[str, str]:
        return catalogue.position(session)

    def programs(self, session: Session, database: str, *, hidden: t.Collection[str] = ()) -> t.Sequence[Definition]:
        return objects.programs(session, database, hidden=hidden)

    def elsewhere(self, statements: t.Mapping[str, str], database: str) -> t.Sequence[Definition]:
        return objects.elsewhere(statements, database)

    def read_objects(self, text: str, *, on: str) -> t.Sequence[Definition]:
        return objects.read(text, on=on)

    def select(self, database: str, table: Table, *, condition: str | None = None) -> str:
        return rows.select(database, table, condition=condition)

    def load(self, table: str, columns: t.Sequence[t.Sequence[str]], *, path: str) -> str:
        return rows.load(table, columns, path=path)

    def before_load(self, facts: t.Mapping[str, t.Any], table: str) -> t.Sequence[str]:
        return [_HISTORY] if table in facts["history"] else []

    def defer(self, session: Session, row_counts: t.Mapping[str, int]) -> dict[str, Deferred]:
        return indexes.defer(session, row_counts)


MARIADB = MariadbDialect()
