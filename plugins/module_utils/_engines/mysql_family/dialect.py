# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MariaDB and MySQL do otherwise each, for what their dumps, restores and drills have in common."""

from __future__ import annotations

import abc
import typing as t

from .catalogue import Table
from .client import Connection
from .grants import ServerAccounts
from .indexes import Deferred
from .objects import Definition
from .session import Session


class Dialect(abc.ABC):
    """The dialect of one product. It holds nothing, so there is one of each product."""

    #: The engine's name.
    name: t.ClassVar[str]
    connection: t.ClassVar[type[Connection]]
    session: t.ClassVar[type[Session]]
    accounts: t.ClassVar[ServerAccounts]
    #: What makes a session ready for tables that refer to others, and for rows.
    loading: t.ClassVar[str]

    def immediate(self, statement: str) -> str:
        """Return statements that execute exactly this one statement, whatever semicolons it contains."""
        return self.session.immediate(statement)

    # What a server and its databases say of themselves

    @abc.abstractmethod
    def require(self, session: Session, what: str, *, on: str) -> str:
        """Return the server's version, in its own words.

        :param what: what it is needed for, as a verb phrase.
        :raises Refused: when the server is another product, or too old.
        """

    @abc.abstractmethod
    def properties(self, session: Session, database: str) -> dict[str, str] | None:
        """Return name, character set, collation and so on of a database, or None if there is no such database."""

    @abc.abstractmethod
    def options(self, facts: t.Mapping[str, t.Any]) -> str:
        """Return what CREATE DATABASE and ALTER DATABASE say of a database.

        :param facts: its properties.
        """

    @abc.abstractmethod
    def tables(self, session: Session, database: str) -> list[Table]:
        """Return the tables of a database whose rows are its own, the largest first."""

    @abc.abstractmethod
    def count_objects(self, session: Session, database: str) -> dict[str, int]:
        """Count the objects of each kind, without events, which are made last."""

    @abc.abstractmethod
    def position(self, session: Session) -> dict[str, str]:
        """Return the position of the server's binary log, or nothing if it keeps none.

        :raises ProcessFailed: when the server does not tell this account.
        """

    # How objects are made

    @abc.abstractmethod
    def programs(self, session: Session, database: str, *, hidden: t.Collection[str] = ()) -> t.Sequence[Definition]:
        """Return the session's routines, views, triggers and events, in the order in which they can be made.

        :param hidden: views of which SHOW CREATE VIEW shows nothing, as where a definer is gone.
        :raises ProcessFailed: when this account may not see one of them.
        """

    @abc.abstractmethod
    def elsewhere(self, statements: t.Mapping[str, str], database: str) -> t.Sequence[Definition]:
        """Return the tables whose rows are elsewhere.

        :param statements: name to what makes it, as the server shows it.
        """

    @abc.abstractmethod
    def read_objects(self, text: str, *, on: str) -> t.Sequence[Definition]:
        """Return what ``objects.write`` wrote.

        :param on: the part, for messages.
        :raises SetInvalid: when it is anything else.
        """

    # Rows

    @abc.abstractmethod
    def select(self, database: str, table: Table, *, condition: str | None = None) -> str:
        """Return the statement that prints the rows of a table.

        :param condition: which of them; None: all.
        """

    @abc.abstractmethod
    def load(self, table: str, columns: t.Sequence[t.Sequence[str]], *, path: str) -> str:
        """Return the statement that reads the rows of a table of the current database.

        :param columns: name and type of each, in the order of the values.
        :param path: the local file to read them from.
        """

    def before_load(self, facts: t.Mapping[str, t.Any], table: str) -> t.Sequence[str]:
        """Return the statements that come before that.

        :param facts: the set's.
        """
        del facts, table
        return ()

    @abc.abstractmethod
    def defer(self, session: Session, row_counts: t.Mapping[str, int]) -> dict[str, Deferred]:
        """Drop indexes of the session's database that can wait for the rows; table to what was dropped.

        :param row_counts: how many rows the tables will have.
        """
