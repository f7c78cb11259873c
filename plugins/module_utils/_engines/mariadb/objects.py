# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the objects of a MariaDB database are made, sequences and packages among them.

Each is written as a line of its own that executes one statement, given in hexadecimal digits: nothing in it can be
taken for a second statement, or for a command to the client, and its character set is what the object was made with.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid

from ..mysql_family import objects
from ..mysql_family import programs as reading
from ..mysql_family.grants import unquote
from ..mysql_family.objects import COMMENT, SEQUENCE
from ..mysql_family.session import Session, qualified, quote_identifier, same_name
from ..mysql_family.statement_text import PIECES, TAKES_FROM_SEQUENCE
from . import catalogue
from .session import immediate

_DEFAULT = " DEFAULT "
# Of a column; one that is NOT NULL says so before.
_NULLABLE_AUTO_INCREMENT = re.compile(
    r" \w+(?:\([\d,]+\))?(?: unsigned)?(?: zerofill)?(?: INVISIBLE)?(?: WITHOUT SYSTEM VERSIONING)? AUTO_INCREMENT\b"
)
_LINE = re.compile(
    r"-- (?P<kind>[a-z ]+) (?P<name>(?:[0-9a-f]{2})+)\n"
    r"SET SESSION sql_mode = '(?P<mode>[A-Z0-9_,]*)', character_set_client = (?P<client>\w+),"
    r" collation_connection = (?P<collation>\w+), time_zone = '(?P<zone>[A-Za-z0-9_+:/-]+)';\n"
    r"(?:EXECUTE IMMEDIATE 'ALTER DATABASE COLLATE (?P<then>\w+)';\n)?"
    r"EXECUTE IMMEDIATE CONVERT\(x'(?P<statement>(?:[0-9a-f]{2})+)' USING utf8mb4\);\n"
    r"(?:EXECUTE IMMEDIATE 'ALTER DATABASE COLLATE (?P<now>\w+)';\n)?"
)


class Definition(objects.Definition):
    """One object."""

    @property
    def statements(self) -> list[str]:
        """Return the statements that make it in the current database of any session."""
        if self.database_collations is None:
            return [self.settings, immediate(self.statement)]
        then, now = (
            f"EXECUTE IMMEDIATE 'ALTER DATABASE COLLATE {collation}'" for collation in self.database_collations
        )
        return [self.settings, then, immediate(self.statement), now]

    def removal(self, database: str) -> list[str]:
        """Return what removes it from a database, in any session."""
        # Packages are known in this mode only.
        mode = "ORACLE" if self.kind.startswith("package") else ""
        drop = f"DROP {self.kind.upper()} IF EXISTS {qualified(database, self.name)}"
        return [f"SET SESSION sql_mode = '{mode}'", immediate(drop)]


def read(text: str, *, on: str) -> list[Definition]:
    """Return what :func:`write` wrote.

    :param on: the part, for messages.
    :raises SetInvalid: when it is anything else.
    """
    definitions = []
    end = 0
    for match in _LINE.finditer(text):
        if match.start() != end:
            break
        end = match.end()
        then, now = match["then"], match["now"]
        definition = Definition(
            match["kind"],
            bytes.fromhex(match["name"]).decode("utf-8", "surrogateescape"),
            bytes.fromhex(match["statement"]).decode("utf-8", "surrogateescape"),
            match["mode"],
            match["client"],
            match["collation"],
            match["zone"],
            (then, now) if then and now else None,
        )
        definition.check(on)
        definitions.append(definition)
    if end != len(text):
        raise SetInvalid(
            "read a database's objects",
            on=on,
            why=f"there is no valid statement at character {end}",
            next_step="Verify the set with set_verify; restore from another copy.",
        )
    return definitions


def without_lost_sequences(statement: str, there: t.Collection[str]) -> str:
    """Return the server's own text of a table, without defaults that take from sequences that are not in its database.

    :param statement: without the name of that database.
    """
    # As long as the text itself: what stands in quotes is hidden.
    outside = "".join(piece if piece[0] not in "'`" else "-" * len(piece) for piece in PIECES.findall(statement))
    for match in reversed(list(re.finditer(_DEFAULT, outside))):
        end = _end_of_expression(outside, match.end())
        if not set(_sequences_of(statement[match.end() : end])) <= {("", name) for name in there}:
            statement = statement[: match.start()] + statement[end:]
    return statement


def _end_of_expression(outside: str, start: int) -> int:
    """Return where an expression ends: at what follows it outside of parentheses.

    :param outside: the text, in which nothing stands in quotes.
    """
    depth = 0
    for position in range(start, len(outside)):
        character = outside[position]
        if depth == 0 and character in " ,)\n":
            return position
        depth += {"(": 1, ")": -1}.get(character, 0)
    return len(outside)


def _sequences_of(expression: str) -> list[tuple[str, str]]:
    """Return the sequences from which an expression takes: database (empty where none is said) and name."""
    pieces = PIECES.findall(expression)
    found = []
    for number, piece in enumerate(pieces):
        if piece[0] not in "'`" and TAKES_FROM_SEQUENCE.search(piece):
            said = pieces[number + 1 : number + 3]
            database = unquote(said.pop(0)[:-1]) if said[0].endswith("`.") else ""
            found.append((database, unquote(said[0])))
    return found


def with_nullable_auto_increment(statement: str) -> str:
    """Return the server's text of a table, with NULL added after each AUTO_INCREMENT column that allows it.

    The server does not print it, and without it the column would be NOT NULL.
    """
    pieces = PIECES.findall(statement)
    for number in range(1, len(pieces)):
        if pieces[number - 1][0] == "`" and (match := _NULLABLE_AUTO_INCREMENT.match(pieces[number])) is not None:
            pieces[number] = f"{match[0]} NULL{pieces[number][match.end() :]}"
    return "".join(pieces)


def structure(session: Session, database: str, tables: t.Sequence[str], sequences: t.Sequence[str]) -> list[Definition]:
    """Return comment, sequences and tables of a database; sequences first, because tables take values from them."""
    comment = catalogue.comment(session, database)
    found = [Definition(COMMENT, database, f"ALTER DATABASE COMMENT {comment}")] if comment != "''" else []
    for name in sequences:
        statement = session.execute(f"SHOW CREATE SEQUENCE {qualified(database, name)}")[0][1]
        found.append(Definition(SEQUENCE, name, statement))
        ((value,),) = session.execute(f"SELECT next_not_cached_value FROM {qualified(database, name)}")
        found.append(Definition(SEQUENCE, name, f"ALTER SEQUENCE {quote_identifier(name)} RESTART {int(value)}"))

    def changed(statement: str) -> str:
        return with_nullable_auto_increment(without_lost_sequences(statement, sequences))

    return found + objects.tables(Definition, session, database, tables, changed=changed)


def elsewhere(statements: t.Mapping[str, str], database: str) -> list[Definition]:
    """Return the tables whose rows are elsewhere.

    :param statements: name to what makes it, as the server shows it.
    """
    return objects.elsewhere(Definition, statements, database)


def programs(session: Session, database: str, *, hidden: t.Collection[str] = ()) -> list[Definition]:
    """Return the session's routines, views, triggers and events, in the order in which they can be made.

    :param hidden: views of which SHOW CREATE VIEW shows nothing, as where a definer is gone.
    :raises ProcessFailed: when this account may not see one of them.
    """
    return reading.programs(Definition, session, database, hidden=hidden)


def sequence_defaults(session: Session, database: str) -> list[tuple[str, str, str, str]]:
    """Return from which sequences the defaults of columns take: table, column, the sequence's database and name."""
    return [
        (row["table"], row["column"], *sequence)
        for row in _defaults(session, database)
        for sequence in dict.fromkeys(_sequences_of(row["value"]))
    ]


def moved_sequence_defaults(session: Session, database: str, new_database: str) -> list[str]:
    """Return the statements that point the sequence defaults of a database's tables to its new name.

    They are for after its tables were renamed into it: the server keeps the sequence's database in the table.

    :param new_database: where the tables and sequences will then be.
    """
    old, new = quote_identifier(database) + ".", quote_identifier(new_database) + "."
    changes: dict[str, list[str]] = {}
    for row in _defaults(session, database):
        pieces = PIECES.findall(row["value"])
        told = [
            new if piece == old and TAKES_FROM_SEQUENCE.search(before) else piece
            for before, piece in zip(["", *pieces[:-1]], pieces)
        ]
        if told != pieces:
            change = f"ALTER COLUMN {quote_identifier(row['column'])} SET DEFAULT {''.join(told)}"
            changes.setdefault(row["table"], []).append(change)
    # One ALTER per table: the server cannot open a table while any of its defaults uses a sequence that is gone.
    return [f"ALTER TABLE {qualified(new_database, table)} {', '.join(parts)}" for table, parts in changes.items()]


def _defaults(session: Session, database: str) -> list[dict[str, str]]:
    """Return the defaults that may take from sequences: table, column and the server's own text."""
    return session.rows(
        {"table": "TABLE_NAME", "column": "COLUMN_NAME", "value": "COLUMN_DEFAULT"},
        f"information_schema.COLUMNS WHERE {same_name('TABLE_SCHEMA', database)}"
        " AND COLUMN_DEFAULT LIKE '%val(%' ORDER BY TABLE_NAME, ORDINAL_POSITION",
    )
