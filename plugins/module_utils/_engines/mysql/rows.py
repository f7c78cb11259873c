# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the rows of MySQL's tables are written: where it has types of its own (see ``mysql_family.rows``).

A value of ENUM is its number: 0, which what is no value became once, reads as the text of none. A document of JSON is
its text; what it has of other types than JSON's (a date that a query put in) is text from then on, as for every tool.
"""

from __future__ import annotations

import typing as t

from ..mysql_family.catalogue import Table
from ..mysql_family.rows import load_assigning, select_writing

# Bytes with a meaning of their own, which go as digits.
_DIGITS = (
    *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"),
    *("geometrycollection", "geomcollection", "vector"),
)
_WRITTEN = {
    **dict.fromkeys(("bit", "enum"), "{} + 0"),
    **dict.fromkeys(_DIGITS, "HEX({})"),
    # It begins neither as the word NULL nor as an enclosure. As the text that it will be once it was loaded: a number
    # that was a DECIMAL is a DOUBLE then.
    "json": "CAST(CAST({} AS CHAR) AS JSON)",
}
# What is assigned from a variable, which holds the bytes of the value.
_ASSIGNED = {
    **dict.fromkeys(("bit", "enum"), "CAST({} AS UNSIGNED)"),
    **dict.fromkeys(_DIGITS, "UNHEX({})"),
    # No bytes without a character set are taken for a document.
    "json": "CONVERT({} USING utf8mb4)",
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
