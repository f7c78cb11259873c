# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the rows of MySQL's tables are written: as MariaDB's (see ``mariadb_rows``), but for types that it has not got.

A value of ENUM is its number: 0, which what is no value became once, reads as the text of none. A document of JSON is
its text; what it has of other types than JSON's (a date that a query put in) is text from then on, as for every tool.
"""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _rows as mariadb_rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._catalogue import Column, Table
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._rows import FORMAT, Splitter, pieces
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import quote_identifier

__all__ = ["Splitter", "load", "pieces", "select", "without_value"]

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
    """The statement that prints the rows of a table.

    :param condition: which of them; None: all.
    """
    expressions = ", ".join(map(_expression, table.columns)) or "1"
    source = f"{quote_identifier(database)}.{quote_identifier(table.name)}"
    return f"SELECT {expressions} FROM {source}" + (f" WHERE {condition}" if condition else "")


def _expression(column: Column) -> str:
    if column.type in _WRITTEN:
        return _WRITTEN[column.type].format(quote_identifier(column.name))
    return mariadb_rows.expression(column)


def load(table: str, columns: t.Sequence[t.Sequence[str]], *, path: str) -> str:
    """The statement that reads the rows of a table of the current database.

    :param columns: name and type of each, in the order of the values.
    :param path: the local file to read them from.
    """
    names = []
    assignments = []
    for number, (name, kind) in enumerate(columns):
        quoted = quote_identifier(name)
        if kind in _ASSIGNED:
            names.append(f"@v{number}")
            assignments.append(f"{quoted} = {_ASSIGNED[kind].format(names[-1])}")
        else:
            names.append(quoted)
    statement = f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {quote_identifier(table)} {FORMAT}"
    statement += f" ({', '.join(names) or '@none'})"
    return statement + (f" SET {', '.join(assignments)}" if assignments else "")


def without_value(table: str, columns: t.Sequence[t.Sequence[str]]) -> str:
    """The expression of how many values of ENUM a table of the current database has that are none of its members.

    The server warns of each when it is loaded, and takes it. They are counted in the table, because counting them on
    their way, as for MariaDB, takes variables that are assigned in an expression, which MySQL is about to forget.
    """
    conditions = [f"COALESCE({quote_identifier(name)} + 0 = 0, 0)" for name, kind in columns if kind == "enum"]
    if not conditions:
        return "0"
    return f"(SELECT COALESCE(SUM({' + '.join(conditions)}), 0) FROM {quote_identifier(table)})"
