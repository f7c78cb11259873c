# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of MariaDB and MySQL whose last time is past.

A server drops such an event at once when it is made, unless it is to be preserved on completion; then it is disabled.
So a restore makes it preserved: it is there to be looked at, and does not run.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .objects import EVENT, Definition
from .session import Session, same_name

_SHOWN = 20
# As SHOW CREATE EVENT writes it. Names stand in quotes of either kind, and no name ends within one.
_SCHEDULE = re.compile(
    r"(?P<head>CREATE (?:DEFINER=\S.*? )?EVENT .+? ON SCHEDULE"
    r" (?:AT '(?P<at>[0-9: .-]+)'|EVERY (?:'[^']*'|\d+) \w+(?: STARTS '[0-9: .-]+')?(?: ENDS '(?P<ends>[0-9: .-]+)')?))"
    r" ON COMPLETION NOT PRESERVE(?P<rest> (?P<state>ENABLE|DISABLE).*)",
    re.DOTALL,
)
_Definition = t.TypeVar("_Definition", bound=Definition)


def preserve_past(
    session: Session, programs: t.Sequence[_Definition], *, seconds: int = 0
) -> tuple[list[_Definition], list[str]]:
    """Return the programs, past events made to be preserved, and the names of those that were enabled.

    :param seconds: an event that is due within this many seconds counts as past.
    """
    made = []
    names = []
    for entry in programs:
        match = _SCHEDULE.fullmatch(entry.statement) if entry.kind == EVENT else None
        last = match and (match["at"] or match["ends"])
        if match is None or last is None or not _is_past(session, last, entry.zone, seconds):
            made.append(entry)
            continue
        statement = f"{match['head']} ON COMPLETION PRESERVE{match['rest']}"
        made.append(dataclasses.replace(entry, statement=statement))
        if match["state"] == "ENABLE":
            names.append(entry.name)
    return made, names


def _is_past(session: Session, moment: str, zone: str, seconds: int) -> bool:
    # Unknown where the server has no such time zone: then it says so when the event is made.
    soon = f"UTC_TIMESTAMP() + INTERVAL {seconds} SECOND"
    return session.value(f"CONVERT_TZ('{moment}', '{zone}', '+00:00') <= {soon}") == "1"


def tell_past(names: t.Sequence[str]) -> list[str]:
    """Return what an operator should know of events whose time is past."""
    if not names:
        return []
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = f"{', '.join(names[:_SHOWN])}{more}"
    return [
        (
            "The time of these events is past or comes within a minute: a restore keeps them, disabled (see that what"
            f" they should have done is done, then drop them): {shown}"
        )
    ]


def missing(session: Session, database: str, programs: t.Sequence[Definition]) -> list[str]:
    """Return the names of events that a database has not got."""
    rows = session.rows(
        {"name": "EVENT_NAME"}, f"information_schema.EVENTS WHERE {same_name('EVENT_SCHEMA', database)}"
    )
    there = {row["name"] for row in rows}
    return [entry.name for entry in programs if entry.kind == EVENT and entry.name not in there]
