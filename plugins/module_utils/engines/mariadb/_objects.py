# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a MariaDB database has beside its rows, as statements that make it: tables, sequences, views, routines and more.

Each is written as a line of its own that executes one statement, given in hexadecimal digits: nothing in it can be
taken for a second statement, or for a command to the client, and its character set is what the object was made with.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    Session,
    immediate,
    quote_identifier,
    same_name,
)

TABLE, SEQUENCE, VIEW, TRIGGER, EVENT = "table", "sequence", "view", "trigger", "event"
ROUTINES = ("function", "procedure", "package", "package body")
# Tables are made as the server shows them to our own sessions.
_OWN_MODE = "NO_AUTO_VALUE_ON_ZERO,NO_DIR_IN_CREATE"
_WORD = re.compile(r"[A-Za-z0-9_]+")
_MODES = re.compile(r"[A-Z0-9_,]*")
_ZONE = re.compile(r"[A-Za-z0-9_+:/-]+")
# Strings and names, which nothing is to be changed in, and whatever is between.
_PIECES = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`(?:\.)?|[^'`]+", re.DOTALL)
# In the mode ORACLE or ANSI_QUOTES names stand in double quotes.
_NAME = r"(?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\")"
_DEFINER = rf"(?:DEFINER={_NAME}(?:@{_NAME})? +)?"
_DEFINED_BY = re.compile(rf"DEFINER=({_NAME})(?:@({_NAME}))?")
# How each kind begins, up to its name. A function has a list of parameters: one of a shared library (SONAME) has none.
_BEGINNINGS = {
    TABLE: r"CREATE TABLE {name} \(",
    SEQUENCE: r"(?:CREATE|ALTER) SEQUENCE {name} ",
    VIEW: rf"CREATE (?:ALGORITHM=\w+ )?{_DEFINER}(?:SQL SECURITY \w+ )?VIEW {{name}} ",
    TRIGGER: rf"CREATE {_DEFINER}TRIGGER {{name}} \w+ \w+(?: OF (?:{_NAME}(?:, )?)+)? ON {_NAME} FOR EACH ROW ",
    EVENT: rf"CREATE {_DEFINER}EVENT {{name}} ",
    "function": rf"CREATE {_DEFINER}(?:AGGREGATE )?FUNCTION {{name}} *\(",
    "procedure": rf"CREATE {_DEFINER}PROCEDURE {{name}} *\(",
    "package": rf"CREATE {_DEFINER}PACKAGE {{name}}\s",
    "package body": rf"CREATE {_DEFINER}PACKAGE BODY {{name}}\s",
}
_LINE = re.compile(
    r"-- (?P<kind>[a-z ]+) (?P<name>(?:[0-9a-f]{2})+)\n"
    r"SET SESSION sql_mode = '(?P<mode>[A-Z0-9_,]*)', character_set_client = (?P<client>\w+),"
    r" collation_connection = (?P<collation>\w+), time_zone = '(?P<zone>[A-Za-z0-9_+:/-]+)';\n"
    r"(?:EXECUTE IMMEDIATE 'ALTER DATABASE COLLATE (?P<then>\w+)';\n)?"
    r"EXECUTE IMMEDIATE CONVERT\(x'(?P<statement>(?:[0-9a-f]{2})+)' USING utf8mb4\);\n"
    r"(?:EXECUTE IMMEDIATE 'ALTER DATABASE COLLATE (?P<now>\w+)';\n)?"
)


@dataclasses.dataclass(frozen=True)
class Definition:
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
    mode: str = _OWN_MODE
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
    def statements(self) -> list[str]:
        """What makes it in the current database of any session."""
        if self.database_collations is None:
            return [self.settings, immediate(self.statement)]
        then, now = (
            f"EXECUTE IMMEDIATE 'ALTER DATABASE COLLATE {collation}'" for collation in self.database_collations
        )
        return [self.settings, then, immediate(self.statement), now]

    @property
    def definer(self) -> str | None:
        """In whose name it runs, as ``user@host`` (a role: ``role@``); None: in no account's."""
        match = _DEFINED_BY.search(self.statement)
        if match is None:
            return None
        return "@".join(part[1:-1].replace(part[0] * 2, part[0]) if part else "" for part in match.groups())

    def removal(self, database: str) -> list[str]:
        """What removes it from a database, in any session."""
        # Packages are known in this mode only.
        mode = "ORACLE" if self.kind.startswith("package") else ""
        drop = f"DROP {self.kind.upper()} IF EXISTS {quote_identifier(database)}.{quote_identifier(self.name)}"
        return [f"SET SESSION sql_mode = '{mode}'", immediate(drop)]

    def check(self, on: str) -> None:
        """Sees to it that it makes what it says, and nothing else.

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


def write(definitions: t.Sequence[Definition]) -> str:
    """The definitions as a text that a client can execute and :func:`read` reads."""
    return "".join(
        f"-- {entry.kind} {entry.name.encode('utf-8', 'surrogateescape').hex()}\n"
        + "".join(f"{statement};\n" for statement in entry.statements)
        for entry in definitions
    )


def read(text: str, *, on: str) -> list[Definition]:
    """What :func:`write` wrote.

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
            why=f"what stands at character {end} is none",
            next_step="Verify the set with set_verify; restore from another copy.",
        )
    return definitions


def without_database(statement: str, database: str) -> str:
    """The server's own text of a table or a view, without the database's name where it shows that needlessly.

    In a session whose current database it is, it names the database only before functions and sequences.
    """
    qualifier = quote_identifier(database) + "."
    pieces = _PIECES.findall(statement)
    if "".join(pieces) != statement:
        return statement
    kept = []
    for number, piece in enumerate(pieces):
        before = pieces[number - 1] if number else ""
        after = pieces[number + 2] if number + 2 < len(pieces) else ""
        if piece != qualifier or not (after.startswith("(") or before.lower().endswith("nextval(")):
            kept.append(piece)
    return "".join(kept)


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """A text of the server's in parts, where a separator stands outside of strings and names."""
    parts = [""]
    for piece in _PIECES.findall(text):
        first, *others = [piece] if piece[0] in "'`" else piece.split(separator)
        parts[-1] += first
        parts += others
    return parts


def structure(session: Session, database: str, tables: t.Sequence[str], sequences: t.Sequence[str]) -> list[Definition]:
    """The sequences and tables of a database; sequences first, because tables take values from them."""
    found = []
    for name in sequences:
        qualified = f"{quote_identifier(database)}.{quote_identifier(name)}"
        statement = session.execute(f"SHOW CREATE SEQUENCE {qualified}")[0][1]
        found.append(Definition(SEQUENCE, name, statement))
        ((value,),) = session.execute(f"SELECT next_not_cached_value FROM {qualified}")
        found.append(Definition(SEQUENCE, name, f"ALTER SEQUENCE {quote_identifier(name)} RESTART {int(value)}"))
    for name in tables:
        qualified = f"{quote_identifier(database)}.{quote_identifier(name)}"
        statement = session.execute(f"SHOW CREATE TABLE {qualified}")[0][1]
        found.append(Definition(TABLE, name, without_database(statement, database)))
    return found


def sequence_defaults(session: Session, database: str) -> list[list[str]]:
    """Columns whose default is the next value of a sequence of the database: table, column, sequence.

    The server keeps the sequence's database in the table: whoever renames the table into another one must tell it.
    """
    value = re.compile(rf"nextval\({re.escape(quote_identifier(database))}\.`((?:[^`]|``)*)`\)", re.IGNORECASE)
    return [
        [row["table"], row["column"], match.group(1).replace("``", "`")]
        for row in session.rows(
            {"table": "TABLE_NAME", "column": "COLUMN_NAME", "value": "COLUMN_DEFAULT"},
            f"information_schema.COLUMNS WHERE {same_name('TABLE_SCHEMA', database)}"
            " AND COLUMN_DEFAULT LIKE '%nextval(%' ORDER BY TABLE_NAME, ORDINAL_POSITION",
        )
        for match in [value.fullmatch(row["value"])]
        if match is not None
    ]


def programs(session: Session, database: str) -> list[Definition]:
    """The routines, views, triggers and events of the session's database, in the order in which they can be made.

    :raises ProcessFailed: when this account may not see one of them.
    """
    own = session.value("@@collation_database") or ""
    return [
        *_routines(session, database, own),
        *_views(session, database),
        *_triggers(session, database, own),
        *_events(session, database, own),
    ]


def _collations(then: str, now: str) -> tuple[str, str] | None:
    return None if then == now else (then, now)


def _names(session: Session, columns: t.Mapping[str, str], source: str) -> list[dict[str, t.Any]]:
    return session.rows(columns, f"information_schema.{source}")


def _shown(database: str, kind: str, name: str, statement: str) -> str:
    if statement == "NULL":
        raise ProcessFailed(
            "dump a database's objects",
            on=f"{kind} {name} of the database {database}",
            why="this account may not see how it is made (ERROR 1142)",
            next_step="Grant the account SHOW CREATE ROUTINE, or SELECT on mysql.proc, and SHOW VIEW.",
        )
    return statement


def _routines(session: Session, database: str, own: str) -> list[Definition]:
    found = []
    for row in _names(
        session,
        {"kind": "LOWER(ROUTINE_TYPE)", "name": "ROUTINE_NAME"},
        f"ROUTINES WHERE {same_name('ROUTINE_SCHEMA', database)} ORDER BY ROUTINE_TYPE, ROUTINE_NAME",
    ):
        kind, name = row["kind"], row["name"]
        qualified = f"{quote_identifier(database)}.{quote_identifier(name)}"
        fields = session.execute(f"SHOW CREATE {kind.upper()} {qualified}")[0]
        statement = _shown(database, kind, name, fields[2])
        collations = _collations(fields[5], own)
        found.append(Definition(kind, name, statement, fields[1], fields[3], fields[4], database_collations=collations))
    return found


def _views(session: Session, database: str) -> list[Definition]:
    found = []
    for row in _names(
        session,
        {"name": "TABLE_NAME"},
        f"TABLES WHERE {same_name('TABLE_SCHEMA', database)} AND TABLE_TYPE = 'VIEW' ORDER BY TABLE_NAME",
    ):
        name = row["name"]
        fields = session.execute(f"SHOW CREATE VIEW {quote_identifier(database)}.{quote_identifier(name)}")[0]
        statement = without_database(_shown(database, VIEW, name, fields[1]), database)
        # Its text is in our own character set, whatever it was made in.
        found.append(Definition(VIEW, name, statement, "", "utf8mb4", fields[3]))
    return _in_order(found)


def _in_order(views: t.Sequence[Definition]) -> list[Definition]:
    """Views after those that they name, so that they can be made one after the other."""
    waiting = {view.name: view for view in views}
    ordered = []
    while waiting:
        ready = [
            view
            for view in waiting.values()
            if not any(name != view.name and quote_identifier(name) in view.statement for name in waiting)
        ]
        # What only seems to go in a circle (a column of a view's name) is left to chance.
        for view in ready or list(waiting.values()):
            ordered.append(waiting.pop(view.name))
    return ordered


def _triggers(session: Session, database: str, own: str) -> list[Definition]:
    # Not SHOW CREATE TRIGGER, which shows what was typed, with the database's name wherever it was typed.
    found = []
    for row in _names(
        session,
        {
            "name": "TRIGGER_NAME",
            "timing": "ACTION_TIMING",
            "event": "EVENT_MANIPULATION",
            "table": "EVENT_OBJECT_TABLE",
            "statement": "ACTION_STATEMENT",
            "mode": "SQL_MODE",
            "definer": "DEFINER",
            "client": "CHARACTER_SET_CLIENT",
            "collation": "COLLATION_CONNECTION",
            "database_collation": "DATABASE_COLLATION",
        },
        f"TRIGGERS WHERE {same_name('TRIGGER_SCHEMA', database)}"
        " ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER",
    ):
        columns = _updated_columns(session, database, row["name"])
        user, _at, host = row["definer"].rpartition("@")
        # A role has no host.
        definer = quote_identifier(user) + (f"@{quote_identifier(host)}" if host else "")
        statement = (
            f"CREATE DEFINER={definer} TRIGGER {quote_identifier(row['name'])}"
            f" {row['timing']} {row['event']}{columns} ON {quote_identifier(row['table'])}"
            f" FOR EACH ROW {row['statement']}"
        )
        collations = _collations(row["database_collation"], own)
        found.append(
            Definition(
                TRIGGER,
                row["name"],
                statement,
                row["mode"],
                row["client"],
                row["collation"],
                database_collations=collations,
            )
        )
    return found


def _updated_columns(session: Session, database: str, trigger: str) -> str:
    # Since MariaDB 11.8 a trigger may be one of certain columns' updates only.
    table = "information_schema.TABLES WHERE TABLE_SCHEMA = 'information_schema'"
    if not session.rows({"name": "TABLE_NAME"}, f"{table} AND TABLE_NAME = 'TRIGGERED_UPDATE_COLUMNS'"):
        return ""
    names = _names(
        session,
        {"name": "EVENT_OBJECT_COLUMN"},
        f"TRIGGERED_UPDATE_COLUMNS WHERE {same_name('TRIGGER_SCHEMA', database)}"
        f" AND {same_name('TRIGGER_NAME', trigger)}",
    )
    return f" OF {', '.join(quote_identifier(row['name']) for row in names)}" if names else ""


def _events(session: Session, database: str, own: str) -> list[Definition]:
    found = []
    for row in _names(
        session,
        {"name": "EVENT_NAME"},
        f"EVENTS WHERE {same_name('EVENT_SCHEMA', database)} ORDER BY EVENT_NAME",
    ):
        name = row["name"]
        fields = session.execute(f"SHOW CREATE EVENT {quote_identifier(database)}.{quote_identifier(name)}")[0]
        statement = _shown(database, EVENT, name, fields[3])
        collations = _collations(fields[6], own)
        found.append(Definition(EVENT, name, statement, fields[1], fields[4], fields[5], fields[2], collations))
    return found
