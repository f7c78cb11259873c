# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How MariaDB's rows are written where it has types of its own (see ``mysql_family.rows``).

Where a row of a table with history is so still, its end is NULL, and not the server's end of all times: a newer
server would take that for a day of the past.
"""

from __future__ import annotations

import typing as t

from ..mysql_family.catalogue import Table
from ..mysql_family.rows import load_assigning, select_writing
from .catalogue import ROW_END, ROW_START

# What is bytes with a meaning of their own, and goes as digits.
_GEOMETRIES = frozenset(
    [
        *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"),
        "geometrycollection",
    ]
)
_DIGITS = _GEOMETRIES | {"vector", "uuid", "inet6", "inet4"}
# The last moment that a server's TIMESTAMP knows: since MariaDB 11.5 one of the year 2106, before that of 2038.
_END_OF_TIMES = "/*M!110500 COALESCE('2106-02-07 06:28:15.999999', */ '2038-01-19 03:14:07.999999' /*M!110500 ) */"
_WRITTEN = {
    ROW_START: "{}",
    ROW_END: f"NULLIF({{}}, {_END_OF_TIMES})",
    # A value of ENUM by its number: 0, which what is no value became once, reads as the text of none.
    **dict.fromkeys(("bit", "enum"), "{} + 0"),
    **dict.fromkeys(_DIGITS, "HEX({})"),
}
# What is assigned from a variable, which holds the bytes of the value.
_ASSIGNED = {
    **dict.fromkeys(("bit", "enum"), "CAST({0} AS UNSIGNED)"),
    ROW_END: f"COALESCE({{0}}, {_END_OF_TIMES})",
    **dict.fromkeys(_DIGITS, "UNHEX({0})"),
    # One that is empty is what a column NOT NULL made of NULL once, and does so again.
    **dict.fromkeys(_GEOMETRIES, "IF({0} = '', NULL, UNHEX({0}))"),
}


def select(database: str, table: Table, *, condition: str | None = None) -> str:
    """Return the statement that prints the rows of a table.

    :param condition: which of them; None: all.
    """
    return select_writing(database, table, _WRITTEN, condition=condition)


def load(table: str, columns: t.Sequence[t.Sequence[str]], *, path: str) -> str:
    """Return the statement that reads the rows of a table of the current database.

    :param columns: name and type of each, in the order of the values.
    :param path: the local file to read them from.
    """
    return load_assigning(table, columns, _ASSIGNED, path=path)
