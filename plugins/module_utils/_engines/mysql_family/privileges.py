# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The privileges that a restore grants, in the words of one product."""

from __future__ import annotations

import abc
import typing as t

from .session import Session


class RestorePrivileges(abc.ABC):
    """One product's words. It holds nothing, so there is one of each product."""

    @abc.abstractmethod
    def database(self, session: Session, name: str) -> str:
        """Return a database as GRANT names all of it."""

    def is_literal(self, session: Session) -> bool:
        """Whether GRANT takes names of databases literally, and not as patterns."""
        del session
        return False

    def database_for_roles(self, session: Session, name: str) -> str:
        """Return a database as GRANT names all of it for an account whose privileges were by no pattern."""
        return self.database(session, name)

    @abc.abstractmethod
    def for_definers(self, beside: str) -> str:
        """Return the privileges without which a definer's programs cannot be made, and where.

        :param beside: the database beside the target.
        """

    @abc.abstractmethod
    def identified(self, password: str) -> str:
        """Return how CREATE USER says that an account has this password, by the hash that the server stores."""

    @abc.abstractmethod
    def required(self, session: Session, facts: t.Mapping[str, t.Any]) -> list[str]:
        """Return extra server privileges that the restoring account needs.

        :param facts: the set's.
        """
