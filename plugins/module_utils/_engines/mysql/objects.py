# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a MySQL database has beside its rows, as statements that make it: tables, views, routines, triggers, events.

A table is written as one statement in hexadecimal digits. The others are written as the text that they are, between two
delimiters of their own: MySQL prepares no routine and no trigger, so no digits can make one.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid

from ..mysql_family import objects
from ..mysql_family import programs as reading
from ..mysql_family.objects import EVENT, TABLE, TRIGGER, VIEW
from ..mysql_family.session import Session, qualified
from .session import immediate

_KINDS = frozenset({TABLE, VIEW, TRIGGER, EVENT, "function", "procedure"})
_HEAD = (
    r"-- (?P<kind>[a-z]+) (?P<name>(?:[0-9a-f]{2})+)\n"
    r"SET SESSION sql_mode = '(?P<mode>[A-Z0-9_,]*)', character_set_client = (?P<client>\w+),"
    r" collation_connection = (?P<collation>\w+), time_zone = '(?P<zone>[A-Za-z0-9_+:/-]+)';\n"
)
_ENTRY = re.compile(
    _HEAD + r"(?:SET @infitulua = CONVERT\(x'(?P<digits>(?:[0-9a-f]{2})+)' USING utf8mb4\);\n"
    r"PREPARE infitulua FROM @infitulua;\nEXECUTE infitulua;\nDEALLOCATE PREPARE infitulua;\n"
    r"|(?:ALTER DATABASE COLLATE (?P<then>\w+);\n)?"
    r"DELIMITER (?P<end>//[0-9a-f]{8})\n(?P<text>.*?)\n(?P=end)\nDELIMITER ;\n"
    r"(?:ALTER DATABASE COLLATE (?P<now>\w+);\n)?)",
    re.DOTALL,
)


class Definition(objects.Definition):
    """One object."""

    @property
    def statements(self) -> list[str]:
        """Return the statements that make a table in the current database of any session."""
        return [self.settings, immediate(self.statement)]

    @property
    def text(self) -> str:
        """Return the statements that make it, as a client reads them."""
        if self.kind == TABLE:
            return super().text
        end = f"//{secrets.token_hex(4)}"
        then = now = ""
        if self.database_collations is not None:
            then, now = (f"ALTER DATABASE COLLATE {collation};\n" for collation in self.database_collations)
        return f"{self.settings};\n{then}DELIMITER {end}\n{self.statement}\n{end}\nDELIMITER ;\n{now}"

    def executable(self) -> Definition:
        """Return the same object, of what a server shows of it: made so that one can execute it.

        Its text goes to the server as the bytes that it is, so it is in its own character set only where that has the
        same bytes for it, and in ours elsewhere; what its literals are in is the connection's, which stays. What
        collation its database had is not kept of a trigger: it is made while tables are held, and then no database can
        be altered.
        """
        client = self.client if _is_same_bytes(self.statement, self.client) else "utf8mb4"
        collations = None if self.kind == TRIGGER else self.database_collations
        return dataclasses.replace(self, client=client, database_collations=collations)

    def removal(self, database: str) -> list[str]:
        """Return what removes it from a database, in any session."""
        return [f"DROP {self.kind.upper()} IF EXISTS {qualified(database, self.name)}"]

    def check(self, on: str) -> None:
        super().check(on)
        if self.kind not in _KINDS:
            raise SetInvalid(
                "restore a database's objects",
                on=on,
                why=f"it lists {self.name} as a {self.kind}, which MySQL lacks",
                next_step="The set is not what this collection writes: report it, and restore from another one.",
            )


def _is_same_bytes(text: str, client: str) -> bool:
    """Whether a text is the same in a character set of clients as in utf8mb4."""
    if text.isascii():
        # The only one that has other letters for some of ASCII's characters.
        return client != "swe7"
    return client in ("utf8mb3", "utf8") and max(text) <= "\uffff"


def structure(session: Session, database: str, tables: t.Sequence[str]) -> list[Definition]:
    """Return the tables of a database."""
    return objects.tables(Definition, session, database, tables)


def elsewhere(statements: t.Mapping[str, str], database: str) -> list[Definition]:
    """Return the tables whose rows are elsewhere.

    :param statements: name to what makes it, as the server shows it.
    """
    return objects.elsewhere(Definition, statements, database)


def programs(session: Session, database: str, *, hidden: t.Collection[str] = ()) -> list[Definition]:
    """Return the routines, views, triggers and events of a database, in the order in which they can be made.

    :param hidden: views of which SHOW CREATE VIEW shows nothing, because a definer is gone.
    :raises ProcessFailed: when this account may not see one of them.
    """
    return reading.programs(Definition, session, database, hidden=hidden)


def read(text: str, *, on: str) -> list[Definition]:
    """Return what :func:`write` wrote.

    :param on: the part, for messages.
    :raises SetInvalid: when it is anything else.
    """
    definitions = []
    end = 0
    for match in _ENTRY.finditer(text):
        if match.start() != end or (match["kind"] == TABLE) != (match["digits"] is not None):
            break
        end = match.end()
        made = Definition(
            match["kind"],
            bytes.fromhex(match["name"]).decode("utf-8", "surrogateescape"),
            bytes.fromhex(match["digits"]).decode("utf-8", "surrogateescape") if match["digits"] else match["text"],
            match["mode"],
            match["client"],
            match["collation"],
            match["zone"],
            (match["then"], match["now"]) if match["then"] and match["now"] else None,
        )
        made.check(on)
        definitions.append(made)
    if end != len(text):
        raise SetInvalid(
            "read a database's objects",
            on=on,
            why=f"there is no valid statement at character {end}",
            next_step="Verify the set with set_verify; restore from another copy.",
        )
    return definitions
