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
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _objects as mariadb_objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._objects import (
    EVENT,
    TABLE,
    TRIGGER,
    VIEW,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import (
    Session,
    immediate,
    quote_identifier,
)

__all__ = ["EVENT", "TABLE", "TRIGGER", "VIEW", "Definition", "definition", "programs", "read", "structure", "write"]

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


class Definition(mariadb_objects.Definition):
    """One object."""

    @property
    def statements(self) -> list[str]:
        """What makes a table in the current database of any session."""
        return [self.settings, immediate(self.statement)]

    @property
    def text(self) -> str:
        """What makes any other object, as a client reads it."""
        end = f"//{secrets.token_hex(4)}"
        then = now = ""
        if self.database_collations is not None:
            then, now = (f"ALTER DATABASE COLLATE {collation};\n" for collation in self.database_collations)
        return f"{self.settings};\n{then}DELIMITER {end}\n{self.statement}\n{end}\nDELIMITER ;\n{now}"

    def removal(self, database: str) -> list[str]:
        """What removes it from a database, in any session."""
        return [f"DROP {self.kind.upper()} IF EXISTS {quote_identifier(database)}.{quote_identifier(self.name)}"]

    def check(self, on: str) -> None:
        super().check(on)
        if self.kind not in _KINDS:
            raise SetInvalid(
                "restore a database's objects",
                on=on,
                why=f"MySQL has no {self.kind}, as which it holds {self.name}",
                next_step="The set is not what this collection writes: report it, and restore from another one.",
            )


def definition(found: mariadb_objects.Definition) -> Definition:
    """An object that was read the way that MySQL and MariaDB have in common.

    Its text is in our own character set; what its literals are in is the connection's, which stays. What collation its
    database had is not kept of a trigger: it is made while tables are held, and then no database can be altered.
    """
    collations = None if found.kind == TRIGGER else found.database_collations
    return Definition(**{**dataclasses.asdict(found), "client": "utf8mb4", "database_collations": collations})


def structure(session: Session, database: str, tables: t.Sequence[str]) -> list[Definition]:
    """The tables of a database."""
    return [definition(entry) for entry in mariadb_objects.structure(session, database, tables, [])]


def programs(session: Session, database: str) -> list[Definition]:
    """The routines, views, triggers and events of a database, in the order in which they can be made.

    :raises ProcessFailed: when this account may not see one of them.
    """
    return [definition(entry) for entry in mariadb_objects.programs(session, database)]


def write(definitions: t.Sequence[Definition]) -> str:
    """The definitions as a text that a client can execute and :func:`read` reads."""
    made = []
    for entry in definitions:
        made.append(f"-- {entry.kind} {entry.name.encode('utf-8', 'surrogateescape').hex()}\n")
        made.append("".join(f"{line};\n" for line in entry.statements) if entry.kind == TABLE else entry.text)
    return "".join(made)


def read(text: str, *, on: str) -> list[Definition]:
    """What :func:`write` wrote.

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
            why=f"what stands at character {end} is none",
            next_step="Verify the set with set_verify; restore from another copy.",
        )
    return definitions
