# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the rows of tables are written, so that LOAD DATA reads back every value as it was.

A line per row, a tab between values, as the client prints them in batch mode: it writes a backslash before what would
end a value or a line, and ``NULL`` for NULL. LOAD DATA takes the word for NULL, unless it stands in enclosures; so a
text that is this word, or begins with the enclosure, gets enclosures.

Rows, and not statements, because rows can do nothing but be rows; because mariadb-dump writes a FLOAT with six digits
only, so that 16777216 comes back as 16777200; and because LOAD DATA is faster.

What a product writes in a way of its own is in ``rows`` of each.

Several tables in one stream: before the rows of each stands a line with the stream's token and the table's number.
"""

from __future__ import annotations

import typing as t

from .catalogue import COUNTER, INTEGERS, Column, Table
from .session import quote_identifier

_ENCLOSURE = "x'01'"
# What never prints as the word NULL, nor with the enclosure first.
_PLAIN = frozenset(
    [
        *(*INTEGERS, COUNTER, "decimal", "double"),
        *("year", "date", "time", "datetime", "timestamp"),
    ]
)
FORMAT = (
    f"CHARACTER SET binary FIELDS TERMINATED BY '\\t' OPTIONALLY ENCLOSED BY {_ENCLOSURE} ESCAPED BY '\\\\'"
    " LINES TERMINATED BY '\\n'"
)


def _expression(column: Column, written: t.Mapping[str, str]) -> str:
    """Return what prints the value of a column."""
    name = quote_identifier(column.name)
    if column.type in written:
        return written[column.type].format(name)
    if column.type in _PLAIN:
        return name
    if column.type == "float":
        return f"CAST({name} AS DOUBLE)"
    # Evaluated for every value, of which nearly none begins so: the first byte is looked at once, and that is all.
    # Enclosures are bytes: to text of a character set of wide characters (utf16) they would come as such a character.
    return (
        f"IF(ASCII({name}) IN (1, 78) AND (ASCII({name}) = 1 OR LENGTH({name}) = 4),"
        f" CONCAT({_ENCLOSURE}, REPLACE(CAST({name} AS BINARY), {_ENCLOSURE}, x'0101'), {_ENCLOSURE}), {name})"
    )


def select_writing(database: str, table: Table, written: t.Mapping[str, str], *, condition: str | None = None) -> str:
    """Return the statement that prints the rows of a table.

    :param written: types whose values are printed in a way of their own, and by which expression.
    :param condition: which of them; None: all.
    """
    expressions = ", ".join(_expression(column, written) for column in table.columns) or "1"
    source = table.source(database, *([condition] if condition else []))
    return f"SELECT {expressions} FROM {source}"


def load_assigning(
    table: str, columns: t.Sequence[t.Sequence[str]], assigned: t.Mapping[str, str], *, path: str
) -> str:
    """Return the statement that reads the rows of a table of the current database.

    :param assigned: types whose values are assigned, from a variable that holds the bytes, and by which expression.
    """
    # Where anything is assigned, the server forgets of a counter that the file has a value for it.
    counters = {COUNTER: "{0}"} if any(kind in assigned for _name, kind in columns) else {}
    expressions = {**assigned, **counters}
    names = []
    assignments = []
    for number, (name, kind) in enumerate(columns):
        quoted = quote_identifier(name)
        if kind in expressions:
            names.append(f"@v{number}")
            assignments.append(f"{quoted} = {expressions[kind].format(names[-1])}")
        else:
            names.append(quoted)
    # What fails (an expression of a generated column) is a warning, and so a reason to look at the rows.
    statement = f"LOAD DATA LOCAL INFILE '{path}' IGNORE INTO TABLE {quote_identifier(table)} {FORMAT}"
    statement += f" ({', '.join(names) or '@none'})"
    return statement + (f" SET {', '.join(assignments)}" if assignments else "")


def pieces(key: str, least: int, greatest: int, count: int) -> list[str]:
    """Return conditions that cut a table into about equal ranges of its key, and leave nothing out.

    :param least: the smallest value of the key.
    :param greatest: the largest.
    :param count: into how many.
    """
    name = quote_identifier(key)
    bounds = [least + (greatest + 1 - least) * number // count for number in range(1, count)]
    edges: list[int | None] = [None, *sorted(set(bounds)), None]
    conditions = []
    for lower, upper in zip(edges, edges[1:]):
        limits = [f"{name} >= {lower}"] if lower is not None else []
        limits += [f"{name} < {upper}"] if upper is not None else []
        conditions.append(" AND ".join(limits) or "TRUE")
    return conditions


class Splitter:
    """Takes a stream of several tables apart.

    :param token: what a line begins with that says which table's rows follow.
    :param begin: called with the table's number when its rows begin.
    :param rows: called with their bytes, piece by piece.
    """

    def __init__(self, token: str, begin: t.Callable[[int], t.Any], rows: t.Callable[[bytes], t.Any]) -> None:
        self._mark = token.encode("ascii") + b"\t"
        self._begin = begin
        self._rows = rows
        self._rest = b""
        self._begun = False
        self._at_line_start = True

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of the stream.

        :raises ValueError: when a stream does not begin with a table, or a line of the token's has no number.
        """
        data = self._rest + bytes(chunk)
        self._rest = b""
        while data:
            at = self._find(data)
            if at is None:
                # The beginning of a mark may be at the end: it waits for more.
                cut = max(0, len(data) - len(self._mark) - 1)
                self._emit(data[:cut])
                self._rest = data[cut:]
                return
            end = data.find(b"\n", at)
            if end < 0:
                self._emit(data[:at])
                self._rest = data[at:]
                return
            self._emit(data[:at])
            self._begin(int(data[at + len(self._mark) : end]))
            self._begun = True
            self._at_line_start = True
            data = data[end + 1 :]

    def finish(self) -> None:
        """End the stream.

        :raises ValueError: when it ended within a mark.
        """
        if self._at_line_start and self._rest.startswith(self._mark):
            raise ValueError("the stream ends within a mark")
        self._emit(self._rest)
        self._rest = b""

    def _find(self, data: bytes) -> int | None:
        if self._at_line_start and data.startswith(self._mark):
            return 0
        at = data.find(b"\n" + self._mark)
        return None if at < 0 else at + 1

    def _emit(self, data: bytes) -> None:
        if data:
            if not self._begun:
                raise ValueError("the stream does not begin with a table")
            self._at_line_start = data.endswith(b"\n")
            self._rows(data)
