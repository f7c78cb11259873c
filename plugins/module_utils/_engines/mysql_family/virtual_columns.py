# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual columns whose expression fails for a row that a table holds.

An INSERT does not compute them, but LOAD DATA does, and is refused (ERROR 1690: out of range). So
where that happens the columns are made after the rows, in their places and in the server's own words. Those that an
index, a check or another column needs were computed for every row, and stay; where one of these comes after them in
the table, the server would compute them after all, and says so.
"""

from __future__ import annotations

import dataclasses
import re
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from .server_error import server_error
from .session import Session, quote_identifier
from .statement_text import outside_quotes, split_outside_quotes

_NAME = re.compile(r"`(?:[^`]|``)*`")
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")
# The class of SQL's own states for a value that does not fit: "data exception".
_DATA_EXCEPTION = "22"


def may_be_at_fault(error: ProcessFailed) -> bool:
    """Whether a load may have failed for an expression."""
    found = server_error(error)
    return found is not None and found.state.startswith(_DATA_EXCEPTION)


@dataclasses.dataclass(frozen=True)
class Withheld:
    """Virtual columns of one table that are made after its rows.

    :param statement: what makes the table, in the server's words.
    :param columns: name, as SQL has it, and definition of each.
    :param after: name to what stands before it, as SQL has it.
    """

    table: str
    statement: str
    columns: tuple[tuple[str, str], ...]
    after: t.Mapping[str, str]

    def drop(self, session: Session) -> None:
        """Remove them."""
        quoted = quote_identifier(self.table)
        changes = ", ".join(f"DROP COLUMN {name}" for name, _definition in self.columns)
        session.execute(
            session.immediate(f"ALTER TABLE {quoted} {changes}"), action="make virtual columns after the rows"
        )

    def make(self, session: Session) -> None:
        """Make them.

        :raises ProcessFailed: when they cannot be made as they were.
        """
        quoted = quote_identifier(self.table)
        changes = ", ".join(f"ADD COLUMN {definition} {self.after[name]}" for name, definition in self.columns)
        action = f"restore the virtual columns of a table ({self.table})"
        session.execute(session.immediate(f"ALTER TABLE {quoted} {changes}"), action=action)
        made = session.execute(f"SHOW CREATE TABLE {quoted}")[0][1]
        if _COUNTER.sub("", made) != _COUNTER.sub("", self.statement):
            raise ProcessFailed(
                action,
                on=self.table,
                why="the recreated table differs from the original",
                next_step="The target was left as it was. Report this; until then restore the other tables by name.",
            )


def find(statement: str, table: str) -> Withheld | None:
    """Return a table's virtual columns that can be made after its rows; None: it has none, or its engine computes them.

    :param statement: what makes it, in the server's words.
    """
    head, _end, options = statement.rpartition("\n) ")
    if not options.startswith("ENGINE=InnoDB"):
        return None
    body = head.partition("(\n")[2]
    entries = [entry.strip() for entry in split_outside_quotes(body, ",\n")]
    found = []
    after = {}
    previous = "FIRST"
    for number, entry in enumerate(entries):
        match = _NAME.match(entry)
        if match is None:
            continue
        bare = outside_quotes(entry)
        others = [*entries[:number], *entries[number + 1 :], options]
        is_virtual = " GENERATED ALWAYS AS (" in bare and ") VIRTUAL" in bare
        if is_virtual and not any(match[0] in other for other in others):
            found.append((match[0], entry))
            after[match[0]] = previous
        previous = f"AFTER {match[0]}"
    return Withheld(table, statement, tuple(found), after) if found else None


class Registry:
    """The tables of one restore whose virtual columns are made after the rows."""

    def __init__(self) -> None:
        self._found: dict[str, Withheld] = {}
        self._lock = threading.Lock()

    def withhold(self, session: Session, table: str) -> bool:
        """Remove the virtual columns of a table of which a load failed, unless another load of it has; False: none."""
        with self._lock:
            if table not in self._found:
                statement = session.execute(f"SHOW CREATE TABLE {quote_identifier(table)}")[0][1]
                found = find(statement, table)
                if found is None:
                    return False
                found.drop(session)
                self._found[table] = found
            return True

    def pop(self, table: str) -> Withheld | None:
        """Return what is to be made of a table whose rows are there."""
        with self._lock:
            return self._found.pop(table, None)
