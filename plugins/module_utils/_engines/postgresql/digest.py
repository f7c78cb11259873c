# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of what a PostgreSQL database holds, the same on every server and major version that holds the same.

Rows are read by COPY, which plans nothing and computes nothing: it runs no code that a table's owner wrote, only the
output functions of types. A row is its line of COPY's text format, in the database's own encoding.
"""

from __future__ import annotations

import hashlib
import itertools
import typing as t

from ..content_digest import digest_rows
from .catalogue import Table
from .session import Session, quote_identifier

# Stands among the digests of tables, whose names have a dot.
LARGE_OBJECTS = "large objects"
# No conversion: what one encoding cannot say in another would end the reading.
_RAW = "SET client_encoding = 'SQL_ASCII'"
# A query, and yet safe: nobody can put an index or statistics on this table.
_PAGES = "COPY (SELECT loid, pageno, data FROM pg_catalog.pg_largeobject ORDER BY loid, pageno) TO STDOUT"
_MAY_READ_PAGES = "SELECT has_table_privilege('pg_catalog.pg_largeobject', 'SELECT') AS value"
_SERVER = "SELECT current_setting('server_encoding') AS encoding, current_setting('block_size')::int AS block_size"
_ZEROS = bytes(1024 * 1024)


def read(session: Session, tables: t.Sequence[Table]) -> tuple[dict[str, int], dict[str, str]]:
    """Table name to number of rows, and to digest; where they can be read, large objects have a digest too.

    One session reads all: hashing short rows is one thread's work in Python, and more sessions would wait for it.

    :param session: best one for bulk. Its transaction's snapshot is what is read.
    :raises ProcessFailed: when anything cannot be read.
    """
    server = session.rows(_SERVER)[0]
    large_objects = reads_large_objects(session)
    session.execute(_RAW)
    counts: dict[str, int] = {}
    digests: dict[str, str] = {}
    for table in sorted((table for table in tables if table.holds_rows), key=lambda table: table.name):
        lines = session.lines(_copy(table, server["encoding"]), action="read the rows for their digests")
        counts[table.name], digests[table.name] = digest_rows(lines)
    if large_objects:
        lines = session.lines(_PAGES, action="read the large objects for their digest")
        # Four large-object pages fit into a page of the server's (PostgreSQL, LOBLKSIZE).
        _count, digests[LARGE_OBJECTS] = digest_rows(_large_objects(lines, server["block_size"] // 4))
    session.execute(f"SET client_encoding = '{session.client_encoding}'")
    return counts, digests


def reads_large_objects(session: Session) -> bool:
    """Whether the user may read what large objects hold."""
    return bool(session.value(_MAY_READ_PAGES))


def _copy(table: Table, encoding: str) -> str:
    """COPY of all columns that store something, by name: after a restore their order may be another (inheritance)."""
    # These two take the statement's bytes as they are; for the others it is written in ASCII.
    quote = quote_identifier if encoding in ("UTF8", "SQL_ASCII") else ascii_identifier
    columns = ", ".join(quote(column) for column in sorted(table.columns))
    choice = f" ({columns})" if columns else ""
    return f"COPY {quote(table.schema)}.{quote(table.relation)}{choice} TO STDOUT"


def ascii_identifier(name: str) -> str:
    """Return a name as SQL's delimited identifier, with Unicode escapes for what is not ASCII."""
    escaped = "".join(
        {'"': '""', "\\": "\\\\"}.get(character, character) if character.isascii() else f"\\+{ord(character):06X}"
        for character in name
    )
    return f'U&"{escaped}"'


def _large_objects(lines: t.Iterable[bytes], page_bytes: int) -> t.Iterator[bytes]:
    """One row per large object, from the lines of its pages in order: its number, its size, the SHA-256 of its content.

    :param lines: number, page, data in hexadecimal digits. A page may be short or missing: then the rest is zeros,
        which a restore writes.
    """
    for oid, pages in itertools.groupby((line.split(b"\t") for line in lines), key=lambda fields: fields[0]):
        content = hashlib.sha256()
        size = 0
        for _oid, page, data in pages:
            gap = int(page) * page_bytes - size
            size += gap
            while gap > 0:
                content.update(_ZEROS[:gap])
                gap -= len(_ZEROS)
            # COPY writes the backslash of \x… twice.
            chunk = bytes.fromhex(data[3:].decode("ascii"))
            content.update(chunk)
            size += len(chunk)
        yield b"%s %d %s" % (oid, size, content.digest())
