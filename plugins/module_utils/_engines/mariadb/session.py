# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking to MariaDB."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from ..mysql_family import session
from ..mysql_family.session import quote_literal
from ..mysql_family.settings import statement
from .settings import SETTINGS as OWN_SETTINGS

SETTINGS = statement(OWN_SETTINGS)


def immediate(statement: str) -> str:
    """Return a statement that executes this one, and no more than this one, whatever semicolons are in it."""
    return f"EXECUTE IMMEDIATE {quote_literal(statement)}"


class Session(session.Session):
    """One connection to MariaDB."""

    settings = SETTINGS
    # The client too takes what it prints for bytes: it escapes the same ones, and does not look for characters among
    # them, which takes it a third of its time.
    as_bytes = "charset binary\nSET NAMES utf8mb4;\nSET SESSION character_set_results = NULL;\n"

    @staticmethod
    def immediate(statement: str) -> str:
        return immediate(statement)

    def prepare_for_tables(self) -> None:
        """Nothing: every setting that changes them is among those of every session."""

    def compound(self, sql: str, *, action: str) -> None:
        """Run one compound statement (``BEGIN NOT ATOMIC … END``), which the server carries through by itself.

        :raises ProcessFailed: when it fails; the session has then ended.
        """
        # The client takes a delimiter of at most 15 characters.
        end = f"//{self._token[:8]}"
        self.send(f"DELIMITER {end}\n{sql}\n{end}\nDELIMITER ;\n")
        self.execute("DO 0", action=action)


def require_mariadb(asked: session.Session, what: str, *, on: str) -> str:
    """Return the server's version.

    :param what: what it is needed for, as a verb phrase.
    :raises Refused: when the server is another product.
    """
    version = asked.value("VERSION()") or ""
    if "MariaDB" not in version:
        raise Refused(
            what,
            on=on,
            why=f"the server is not MariaDB but {version}",
            next_step="For MySQL there is the engine mysql.",
        )
    return version
