# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ``mysql`` at work for us.

What comes from a set reaches the server as hexadecimal digits where it can: as a prepared statement, which is one
statement, whatever semicolons are in it. The server prepares no routine and no trigger; but it parses them before it
says so, and that it does say so (and not that there is a syntax error) tells that they are one statement as well.
"""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _session as mariadb_session
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    LOCK_WAIT_SECONDS,
    quote_identifier,
    quote_literal,
    same_name,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._client import advice

__all__ = ["SETTINGS", "Session", "immediate", "quote_identifier", "quote_literal", "raise_where", "same_name"]

# What the server's or the account's own settings must not change about our sessions. NO_AUTO_VALUE_ON_ZERO keeps a 0 a
# 0, NO_DIR_IN_CREATE keeps a set from choosing where its tables lie; not being strict lets odd dates be what they are.
# Sizes of tables are those of now, not those of a day ago; hashes of passwords are digits, whatever bytes they have.
SETTINGS = (
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,NO_DIR_IN_CREATE,ALLOW_INVALID_DATES', time_zone = '+00:00',"
    " wait_timeout = 604800, net_read_timeout = 86400, net_write_timeout = 86400, max_execution_time = 0,"
    f" lock_wait_timeout = {LOCK_WAIT_SECONDS}, innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS},"
    " sql_select_limit = 18446744073709551615, sql_quote_show_create = 1, sql_auto_is_null = 0, sql_safe_updates = 0,"
    " autocommit = 1, information_schema_stats_expiry = 0, explicit_defaults_for_timestamp = 1"
    " /*!80017 , print_identified_with_as_hex = 1 */"
    # The key that the server made of itself is a column as any other.
    " /*!80030 , show_gipk_in_create_table_and_information_schema = 1 */"
    # Tables of older servers refer to what is not unique.
    " /*!80400 , restrict_fk_on_non_standard_key = 0 */"
)
# What another setting makes of a table that a set makes as it was; setting them needs a right, so only where they are.
_CHANGING = {"sql_require_primary_key": "ON", "sql_generate_invisible_primary_key": "ON"}
_UNSUPPORTED = "ERROR 1295 "


def immediate(statement: str) -> str:
    """Statements that execute this one, and no more than this one, whatever semicolons are in it."""
    return (
        f"SET @infitulua = {quote_literal(statement)};\nPREPARE infitulua FROM @infitulua;\nEXECUTE infitulua;\n"
        "DEALLOCATE PREPARE infitulua"
    )


def raise_where(condition: str, message: str) -> str:
    """A statement that fails with a message where a condition holds. Outside a program there is no IF.

    :param message: an expression.
    """
    return f"SET @infitulua = IF({condition}, UUID_TO_BIN({message}), 0)"


class Session(mariadb_session.Session):
    """One connection to MySQL."""

    settings = SETTINGS
    # The client's own commands are switched off, and that for its character set with them.
    as_bytes = "SET SESSION character_set_results = NULL;\n"

    @staticmethod
    def advice(text: str, otherwise: str) -> str:
        return advice(text, otherwise)

    def is_one_statement(self, text: str) -> bool:
        """Whether the server reads a text as one statement that it can execute. It is not executed.

        The session has ended where it does not.

        :raises ProcessFailed: when it cannot tell, as where a table is missing that the statement names.
        """
        prepared = f"SET @infitulua = {quote_literal(text)};\nPREPARE infitulua FROM @infitulua"
        try:
            self.execute(prepared, action="read a statement of a set")
        except ProcessFailed as error:
            if _UNSUPPORTED in error.why:
                return True
            if "ERROR 1064 " in error.why:
                return False
            raise
        return True

    def once(self, sql: str, *, action: str) -> None:
        """Runs statements, of which some came from a set, and ends.

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
        """Sees to it that tables are made as a set says.

        :raises ProcessFailed: when the server's settings change them, and this account may not set others.
        """
        names = ", ".join(f"'{name}'" for name in _CHANGING)
        for name, value in self.execute(f"SHOW SESSION VARIABLES WHERE Variable_name IN ({names})"):
            if value == _CHANGING[name]:
                self.execute(f"SET SESSION {name} = OFF", action=f"make tables as they were, without {name}")


def changes_tables(session: Session) -> bool:
    """Whether the server's settings change tables that are made, which only an account with a right can avoid."""
    names = ", ".join(f"'{name}'" for name in _CHANGING)
    shown: t.Sequence[t.Sequence[str]] = session.execute(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
    return any(value == _CHANGING[name] for name, value in shown)
