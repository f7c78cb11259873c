# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running ``mysql`` client.

What comes from a set reaches the server as hexadecimal digits where it can: as a prepared statement, which is one
statement, whatever semicolons are in it. The server prepares no routine and no trigger; but it parses them before it
says so, and that it does say so (and not that there is a syntax error) tells that they are one statement as well.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from ..mysql_family import session
from ..mysql_family.server_error import error_number
from ..mysql_family.session import quote_literal
from ..mysql_family.settings import Setting, statement
from . import settings as mysql_settings

SETTINGS = statement(mysql_settings.SETTINGS)
_NO_STATEMENT_TO_PREPARE, _SYNTAX_ERROR = 1295, 1064


def immediate(statement: str) -> str:
    """Return statements that execute exactly this one statement, whatever semicolons it contains."""
    return (
        f"SET @infitulua = {quote_literal(statement)};\nPREPARE infitulua FROM @infitulua;\nEXECUTE infitulua;\n"
        "DEALLOCATE PREPARE infitulua"
    )


def raise_where(condition: str, message: str) -> str:
    """Return a statement that fails with a message where a condition holds. Outside a program there is no IF.

    :param message: an expression.
    """
    return f"SET @infitulua = IF({condition}, UUID_TO_BIN({message}), 0)"


class Session(session.Session):
    """One connection to MySQL."""

    settings = SETTINGS
    # The client's own commands are switched off, and that for its character set with them.
    as_bytes = "SET SESSION character_set_results = NULL;\n"

    @staticmethod
    def immediate(statement: str) -> str:
        return immediate(statement)

    def is_one_statement(self, text: str) -> bool:
        """Whether the server reads a text as one statement that it can execute. It is not executed.

        The session has ended where it does not.

        :raises ProcessFailed: when it cannot tell, as where a table is missing that the statement names.
        """
        prepared = f"SET @infitulua = {quote_literal(text)};\nPREPARE infitulua FROM @infitulua"
        try:
            self.execute(prepared, action="read a statement of a set")
        except ProcessFailed as error:
            number = error_number(error)
            if number in (_NO_STATEMENT_TO_PREPARE, _SYNTAX_ERROR):
                return number == _NO_STATEMENT_TO_PREPARE
            raise
        return True

    def once(self, sql: str, *, action: str) -> None:
        """Run statements, of which some came from a set, and end.

        :raises ProcessFailed: when one fails, or the client did not see where they end.
        """
        self.send_all(f"{sql}\nSELECT '{self._token}';\n")
        last = ""
        while True:
            line = self._readline()
            if line is None:
                break
            last = line
        if last != self._token:
            raise self.failure(action)

    def prepare_for_tables(self) -> None:
        refusing = mysql_settings.REFUSING if may_set_restricted(self) else ()
        for setting in _differing(self, "SESSION", [*mysql_settings.CHANGING, *refusing]):
            self.execute(
                f"SET SESSION {setting.name} = {setting.value}",
                action=f"make tables as they were, without {setting.name}",
            )


def _differing(asked: session.Session, scope: str, wanted: t.Sequence[Setting]) -> list[Setting]:
    """Return those of some settings that a session, or the server, has otherwise."""
    names = ", ".join(f"'{setting.name}'" for setting in wanted)
    shown = asked.execute(f"SHOW {scope} VARIABLES WHERE Variable_name IN ({names})")
    values = {line[0]: line[1] for line in shown}
    return [setting for setting in wanted if values.get(setting.name, setting.value) != setting.value]


def needs_right(asked: session.Session) -> bool:
    """Whether the account that creates tables needs the right to set restricted settings, or should get it."""
    if _differing(asked, "GLOBAL", mysql_settings.CHANGING):
        return True
    return bool(_differing(asked, "GLOBAL", mysql_settings.REFUSING)) and may_set_restricted(asked, grantable=True)


def may_set_restricted(asked: session.Session, *, grantable: bool = False) -> bool:
    """Whether the session's account has the right that restricted settings need.

    :param grantable: whether it may give it to others as well.
    """
    grants = [line[0] for line in asked.execute("SHOW GRANTS") if " ON *.* " in line[0]]
    grants = [grant for grant in grants if grant.endswith(" WITH GRANT OPTION") or not grantable]
    right = re.compile(r"^GRANT .*\b(?:SESSION_VARIABLES_ADMIN|ALL PRIVILEGES)\b")
    return any(map(right.match, grants))
