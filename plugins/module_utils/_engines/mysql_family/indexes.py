# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes of large tables of MariaDB and MySQL, made after their rows: sorted first, they cost less than row by row.

A table is made with all of its indexes, as the set says. Then those that can wait are dropped, and made again in the
server's own words when the rows are there. Foreign keys stay. MariaDB does not ask meanwhile for the indexes that they
need; MySQL does, so there these stay as well.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .session import Session, quote_identifier
from .statement_text import split_outside_quotes

# With fewer rows, two more statements cost more than they save.
_LARGE_ROWS = 50_000
_NAME = r"`(?:[^`]|``)*`"
_COLUMN = rf"{_NAME}(?:\(\d+\))?(?: DESC)?"
_INDEX = re.compile(
    rf"(?:UNIQUE )?KEY (?P<name>{_NAME}) \((?P<first>{_NAME})(?:\(\d+\))?(?: DESC)?(?:,{_COLUMN})*\)(?P<how>.*)",
    re.DOTALL,
)
_COUNTER = re.compile(rf"({_NAME}) .* AUTO_INCREMENT\b", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Deferred:
    """Indexes of one table that are made after its rows.

    :param definitions: as ALTER TABLE takes them, in the table's order.
    """

    table: str
    names: tuple[str, ...]
    definitions: tuple[str, ...]

    def drop(self, session: Session) -> None:
        """Remove them, while the table is empty."""
        self._alter(session, [f"DROP INDEX {name}" for name in self.names], "drop an index until the rows are there")

    def make(self, session: Session) -> None:
        """Make them.

        :raises ProcessFailed: when one cannot be made.
        """
        self._alter(session, [f"ADD {definition}" for definition in self.definitions], "restore the indexes of a table")

    def _alter(self, session: Session, changes: t.Sequence[str], action: str) -> None:
        # The tables that a foreign key refers to may be without their indexes as well.
        session.execute("SET SESSION foreign_key_checks = 0")
        statement = f"ALTER TABLE {quote_identifier(self.table)} {', '.join(changes)}"
        session.execute(session.immediate(statement), action=f"{action} ({self.table})")


def deferrable(statement: str, table: str, *, needed: t.Collection[str] = ()) -> Deferred | None:
    """Which indexes of a table can wait; None: none.

    :param statement: what makes it, in the server's words.
    :param needed: columns of which each index stays that begins with one.
    """
    body, _end, rest = statement.rpartition("\n) ")
    if not rest.startswith("ENGINE=InnoDB") or "WITH SYSTEM VERSIONING" in statement:
        return None
    entries = [entry.strip() for entry in split_outside_quotes(body.partition("(\n")[2], ",\n")]
    counters = [match.group(1) for entry in entries for match in [_COUNTER.match(entry)] if match]
    counters += map(quote_identifier, needed)
    chosen: list[tuple[str, str]] = []
    for entry in entries:
        if not re.match(r"(?:UNIQUE )?KEY ", entry):
            continue
        match = _INDEX.fullmatch(entry)
        if match is None or match["first"] in counters or "USING HASH" in match["how"]:
            # It stays, and those before it, so that they all come in the order that they had.
            chosen.clear()
        else:
            chosen.append((match["name"], entry))
    if not chosen:
        return None
    return Deferred(table, tuple(name for name, _entry in chosen), tuple(entry for _name, entry in chosen))


def defer(
    session: Session,
    row_counts: t.Mapping[str, int],
    *,
    needed: t.Callable[[str], t.Collection[str]] = lambda _table: (),
) -> dict[str, Deferred]:
    """Drop the indexes of the current database's large tables that can wait; table to what was dropped.

    :param row_counts: how many rows the tables will have.
    :param needed: columns of a table of which each index stays that begins with one.
    """
    found = {}
    for table, rows in row_counts.items():
        if rows >= _LARGE_ROWS:
            statement = session.execute(f"SHOW CREATE TABLE {quote_identifier(table)}")[0][1]
            deferred = deferrable(statement, table, needed=needed(table))
            if deferred is not None:
                found[table] = deferred
                found[table].drop(session)
    return found
