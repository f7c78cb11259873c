# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database has beside its rows, as statements that make it: tables, views, routines and more.

How each is written, so that nothing in it can be taken for another statement, is in ``objects`` of each product.
"""

from __future__ import annotations

import abc
import dataclasses
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid

from .session import Session, qualified
from .settings import SQL_MODE
from .statement_text import with_digits, without_database

_Definition = t.TypeVar("_Definition", bound="Definition")

TABLE, SEQUENCE, VIEW, TRIGGER, EVENT = "table", "sequence", "view", "trigger", "event"
# What a database's own comment is made by.
COMMENT = "comment"
ROUTINES = ("function", "procedure", "package", "package body")
# Tables are made as the server shows them to our own sessions.
OWN_MODE = SQL_MODE
# A table whose rows are elsewhere does not become one of the server's own, where this has not got its storage engine.
_ELSEWHERE_MODE = f"{OWN_MODE},NO_ENGINE_SUBSTITUTION"
_WORD = re.compile(r"[A-Za-z0-9_]+")
_MODES = re.compile(r"[A-Z0-9_,]*")
_ZONE = re.compile(r"[A-Za-z0-9_+:/-]+")
# In the mode ORACLE or ANSI_QUOTES names stand in double quotes.
_NAME = r"(?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\")"
_DEFINER = rf"(?:DEFINER={_NAME}(?:@{_NAME})? +)?"
_DEFINED_BY = re.compile(rf"DEFINER=({_NAME})(?:@({_NAME}))?")
# How each kind begins, up to its name. A function has a list of parameters: one of a shared library (SONAME) has none.
_BEGINNINGS = {
    TABLE: r"CREATE TABLE {name} \(",
    COMMENT: r"ALTER DATABASE COMMENT '(?:[^'\\]|''|\\\\)*'\Z",
    SEQUENCE: r"(?:CREATE|ALTER) SEQUENCE {name} ",
    VIEW: rf"CREATE (?:ALGORITHM=\w+ )?{_DEFINER}(?:SQL SECURITY \w+ )?VIEW {{name}} ",
    TRIGGER: rf"CREATE {_DEFINER}TRIGGER {{name}} \w+ \w+(?: OF (?:{_NAME}(?:, )?)+)? ON {_NAME} FOR EACH ROW ",
    EVENT: rf"CREATE {_DEFINER}EVENT {{name}} ",
    "function": rf"CREATE {_DEFINER}(?:AGGREGATE )?FUNCTION {{name}} *\(",
    "procedure": rf"CREATE {_DEFINER}PROCEDURE {{name}} *\(",
    "package": rf"CREATE {_DEFINER}PACKAGE {{name}}\s",
    "package body": rf"CREATE {_DEFINER}PACKAGE BODY {{name}}\s",
}


@dataclasses.dataclass(frozen=True)
class Definition(abc.ABC):
    """One object.

    :param mode: the sql_mode that it works in.
    :param client: the character set that its text is in.
    :param zone: the time zone that its times are in.
    :param statement: what makes it, without the name of the database.
    :param database_collations: the collation that its database had when it was made, which its parameters and variables
        keep, and the one that the database has; None: that is the same.
    """

    kind: str
    name: str
    statement: str
    mode: str = OWN_MODE
    client: str = "utf8mb4"
    collation: str = "utf8mb4_general_ci"
    zone: str = "+00:00"
    database_collations: tuple[str, str] | None = None

    @property
    def settings(self) -> str:
        """The statement that makes a session ready for it."""
        return (
            f"SET SESSION sql_mode = '{self.mode}', character_set_client = {self.client},"
            f" collation_connection = {self.collation}, time_zone = '{self.zone}'"
        )

    @property
    @abc.abstractmethod
    def statements(self) -> list[str]:
        """What makes it in the current database of any session, where statements can."""

    @property
    def text(self) -> str:
        """Return the statements that make it, as a client reads them."""
        return "".join(f"{statement};\n" for statement in self.statements)

    def executable(self: _Definition) -> _Definition:
        """Return the same object, of what a server shows of it: made so that one can execute it."""
        return self

    @property
    def definer(self) -> str | None:
        """In whose name it runs, as ``user@host`` (a role: ``role@``); None: in no account's."""
        match = _DEFINED_BY.search(self.statement)
        if match is None:
            return None
        return "@".join(part[1:-1].replace(part[0] * 2, part[0]) if part else "" for part in match.groups())

    @abc.abstractmethod
    def removal(self, database: str) -> list[str]:
        """Return what removes it from a database, in any session."""

    def check(self, on: str) -> None:
        """Check that it makes what it says and nothing else.

        :raises SetInvalid: when it does not.
        """
        names = "|".join(re.escape(f"{mark}{self.name.replace(mark, mark * 2)}{mark}") for mark in '`"')
        beginning = _BEGINNINGS.get(self.kind)
        if (
            beginning is None
            or not re.match(beginning.replace("{name}", f"(?:{names})"), self.statement)
            or not _MODES.fullmatch(self.mode)
            or not all(map(_WORD.fullmatch, (self.client, self.collation, *(self.database_collations or ()))))
            or not _ZONE.fullmatch(self.zone)
        ):
            raise SetInvalid(
                "restore a database's objects",
                on=on,
                why=f"the {self.kind} {self.name} is made by a statement of another kind: {self.statement[:80]!r}",
                next_step="The set is not what this collection writes: report it, and restore from another one.",
            )


def write(definitions: t.Iterable[Definition]) -> str:
    """Return the definitions as a text that a client can execute, and that each product reads again."""
    return "".join(
        f"-- {entry.kind} {entry.name.encode('utf-8', 'surrogateescape').hex()}\n{entry.text}" for entry in definitions
    )


def tables(
    kind: type[_Definition],
    session: Session,
    database: str,
    names: t.Iterable[str],
    *,
    changed: t.Callable[[str], str] = lambda statement: statement,
) -> list[_Definition]:
    """Return the tables of a database.

    :param kind: the product's definitions.
    :param changed: what becomes of the server's own text of each.
    """
    found = []
    for name in names:
        statement = session.execute(f"SHOW CREATE TABLE {qualified(database, name)}")[0][1]
        text = with_digits(changed(without_database(statement, database)))
        found.append(kind(TABLE, name, text).executable())
    return found


def elsewhere(kind: type[_Definition], statements: t.Mapping[str, str], database: str) -> list[_Definition]:
    """Return the tables whose rows are elsewhere.

    :param kind: the product's definitions.
    :param statements: name to what makes it, as the server shows it.
    """
    return [
        kind(TABLE, name, without_database(statement, database), _ELSEWHERE_MODE).executable()
        for name, statement in statements.items()
    ]
