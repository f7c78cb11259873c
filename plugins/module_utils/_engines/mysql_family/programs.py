# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading how the programs of a database are made: its routines, views, triggers and events."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from .objects import EVENT, TRIGGER, VIEW, Definition
from .session import Session, qualified, quote_identifier, quote_literal, same_name
from .statement_text import without_database

_Definition = t.TypeVar("_Definition", bound=Definition)


def programs(
    kind: type[_Definition], session: Session, database: str, *, hidden: t.Collection[str] = ()
) -> list[_Definition]:
    """Return the session's routines, views, triggers and events, in the order in which they can be made.

    :param kind: the product's definitions.
    :param hidden: views of which SHOW CREATE VIEW shows nothing, as where a definer is gone.
    :raises ProcessFailed: when this account may not see one of them.
    """
    with session.reading():
        own = session.value("@@collation_database") or ""
        found = [
            *_routines(kind, session, database, own),
            *_views(kind, session, database, hidden),
            *_triggers(kind, session, database, own),
            *_events(kind, session, database, own),
        ]
    return [entry.executable() for entry in found]


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


def _routines(kind: type[_Definition], session: Session, database: str, own: str) -> list[_Definition]:
    found = []
    for row in _names(
        session,
        {"kind": "LOWER(ROUTINE_TYPE)", "name": "ROUTINE_NAME"},
        f"ROUTINES WHERE {same_name('ROUTINE_SCHEMA', database)} ORDER BY ROUTINE_TYPE, ROUTINE_NAME",
    ):
        routine, name = row["kind"], row["name"]
        fields = session.execute(f"SHOW CREATE {routine.upper()} {qualified(database, name)}")[0]
        statement = _shown(database, routine, name, fields[2])
        collations = _collations(fields[5], own)
        found.append(kind(routine, name, statement, fields[1], fields[3], fields[4], database_collations=collations))
    return found


def _views(kind: type[_Definition], session: Session, database: str, hidden: t.Collection[str]) -> list[_Definition]:
    found = []
    for name in view_names(session, database):
        if name in hidden:
            text, client, collation = _view_of_catalogue(session, database, name)
        else:
            shown = session.execute(f"SHOW CREATE VIEW {qualified(database, name)}")[0]
            _name, text, client, collation = shown[:4]
        statement = without_database(_shown(database, VIEW, name, text), database)
        found.append(kind(VIEW, name, statement, "", _client_of(session, statement, client), collation))
    return _in_order(found)


def view_names(session: Session, database: str) -> list[str]:
    """Return the names of the views of a database, whether they resolve or not."""
    source = f"TABLES WHERE {same_name('TABLE_SCHEMA', database)} AND TABLE_TYPE = 'VIEW' ORDER BY TABLE_NAME"
    return [row["name"] for row in _names(session, {"name": "TABLE_NAME"}, source)]


def _view_of_catalogue(session: Session, database: str, name: str) -> tuple[str, str, str]:
    """Return what makes a view that SHOW CREATE VIEW does not show, its character set and its collation."""
    has_algorithm = bool(session.execute("SHOW COLUMNS FROM information_schema.VIEWS LIKE 'ALGORITHM'"))
    (view,) = session.rows(
        {
            "query": "VIEW_DEFINITION",
            "definer": "DEFINER",
            "security": "SECURITY_TYPE",
            "check": "CHECK_OPTION",
            "client": "CHARACTER_SET_CLIENT",
            "collation": "COLLATION_CONNECTION",
            "algorithm": "ALGORITHM" if has_algorithm else "'UNDEFINED'",
        },
        f"information_schema.VIEWS WHERE {same_name('TABLE_SCHEMA', database)} AND {same_name('TABLE_NAME', name)}",
    )
    check = f" WITH {view['check']} CHECK OPTION" if view["check"] != "NONE" else ""
    statement = (
        f"CREATE ALGORITHM={view['algorithm']} DEFINER={_quoted_definer(view['definer'])}"
        f" SQL SECURITY {view['security']} VIEW {quote_identifier(name)} AS {view['query']}{check}"
    )
    return (statement if view["query"] else "NULL"), view["client"], view["collation"]


def _quoted_definer(definer: str) -> str:
    user, _at, host = definer.rpartition("@")
    # A role has no host.
    return quote_identifier(user) + (f"@{quote_identifier(host)}" if host else "")


def _client_of(session: Session, text: str, client: str) -> str:
    """Return the character set that a text is made in: its own, or ours if that lacks one of its characters."""
    if client == "utf8mb4" or text.isascii():
        return client
    literal = quote_literal(text)
    there_and_back = f"CAST(CONVERT(CONVERT({literal} USING {client}) USING utf8mb4) AS BINARY)"
    return client if session.value(f"{there_and_back} = CAST({literal} AS BINARY)") == "1" else "utf8mb4"


def _in_order(views: t.Sequence[_Definition]) -> list[_Definition]:
    """Return views after those that they name, so that they can be made one after the other."""
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


def _triggers(kind: type[_Definition], session: Session, database: str, own: str) -> list[_Definition]:
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
        statement = (
            f"CREATE DEFINER={_quoted_definer(row['definer'])} TRIGGER {quote_identifier(row['name'])}"
            f" {row['timing']} {row['event']}{columns} ON {quote_identifier(row['table'])}"
            f" FOR EACH ROW {row['statement']}"
        )
        collations = _collations(row["database_collation"], own)
        found.append(
            kind(
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


def _events(kind: type[_Definition], session: Session, database: str, own: str) -> list[_Definition]:
    found = []
    for row in _names(
        session,
        {"name": "EVENT_NAME"},
        f"EVENTS WHERE {same_name('EVENT_SCHEMA', database)} ORDER BY EVENT_NAME",
    ):
        name = row["name"]
        fields = session.execute(f"SHOW CREATE EVENT {qualified(database, name)}")[0]
        statement = _shown(database, EVENT, name, fields[3])
        collations = _collations(fields[6], own)
        found.append(kind(EVENT, name, statement, fields[1], fields[4], fields[5], fields[2], collations))
    return found
