# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of the tables of a SQLite database, see ``content_digest``.

A row is its rowid, where the table has one, and its values in the order of the columns, those that are computed among
them. Each is written by its storage class (https://www.sqlite.org/datatype3.html), so that the number 1, the text '1'
and the blob x'31' are three values:

======= ==================================================
NULL    ``n``
INTEGER ``i``, the number in decimal, ``;``
REAL    ``r``, its eight bytes (IEEE 754, big-endian)
TEXT    ``t``, its length in UTF-8 in decimal, ``:``, UTF-8
BLOB    ``b``, its length in decimal, ``:``, its bytes
======= ==================================================
"""

from __future__ import annotations

import sqlite3
import struct
import typing as t

from ..content_digest import digest_rows

_REAL = struct.Struct(">d")


class _Text(bytes):
    """A text as it is stored, which need not be valid UTF-8, and is no blob."""


def digest_table(connection: sqlite3.Connection, table: str) -> str:
    """Return the digest of one table.

    :param table: its name, quoted.
    :raises sqlite3.OperationalError: also when its rows cannot be computed without what only the application brings.
    :raises sqlite3.DatabaseError: when the database cannot be read.
    """
    before = connection.text_factory
    connection.text_factory = _Text
    try:
        try:
            rows = connection.execute(f"SELECT rowid, * FROM {table} NOT INDEXED")
        except sqlite3.OperationalError:  # WITHOUT ROWID.
            rows = connection.execute(f"SELECT * FROM {table} NOT INDEXED")
        return digest_rows(_serialized(rows))[1]
    finally:
        connection.text_factory = before


def _serialized(rows: t.Iterable[tuple[t.Any, ...]]) -> t.Iterator[bytes]:
    pack = _REAL.pack
    for row in rows:
        parts = []
        for value in row:
            kind = type(value)
            if kind is int:
                parts.append(b"i%d;" % value)
            elif kind is _Text:
                parts.append(b"t%d:%b" % (len(value), value))
            elif value is None:
                parts.append(b"n")
            elif kind is float:
                parts.append(b"r" + pack(value))
            else:
                parts.append(b"b%d:%b" % (len(value), value))
        yield b"".join(parts)
