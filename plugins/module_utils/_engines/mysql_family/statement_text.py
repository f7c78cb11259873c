# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of statements as a server shows them: what of them is changed, and what stands in quotes there."""

from __future__ import annotations

import re

from .session import quote_identifier

# Strings and names, which nothing is to be changed in, and whatever is between.
PIECES = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`(?:\.)?|[^'`]+", re.DOTALL)
#: The end of what uses a sequence (MariaDB, "SEQUENCE Functions").
TAKES_FROM_SEQUENCE = re.compile(r"\b(?:next|last|set)val\(\Z", re.IGNORECASE)
_BEFORE_TABLES = re.compile(r"\b(?:from|join)[\s(]*\Z", re.IGNORECASE)
# Bytes that are no characters, as they are decoded; and what a letter after a backslash stands for.
_BYTES = re.compile(r"[\udc80-\udcff]")
_ESCAPES = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "b": "\b", "Z": "\x1a"}


def without_database(statement: str, database: str) -> str:
    """Return the server's own text of a table or a view, without the database's name where it shows that needlessly.

    In a session whose current database it is, it names the database before functions and sequences; of what a view
    names and is gone, before columns as well; and as the catalogue has the query of a view, before tables too.
    """
    qualifier = quote_identifier(database) + "."
    pieces = PIECES.findall(statement)
    if "".join(pieces) != statement:
        return statement
    kept = []
    for number, piece in enumerate(pieces):
        before = pieces[number - 1] if number else ""
        name = pieces[number + 1] if number + 1 < len(pieces) else ""
        after = pieces[number + 2] if number + 2 < len(pieces) else ""
        needless = (
            after.startswith("(")
            or TAKES_FROM_SEQUENCE.search(before)
            or name.endswith("`.")
            or _BEFORE_TABLES.search(before)
        )
        if piece != qualifier or not needless:
            kept.append(piece)
    return "".join(kept)


def with_digits(statement: str) -> str:
    """Return the server's own text of a table, with hexadecimal digits for texts that are bytes.

    It shows the default of a BINARY, or a member of a binary ENUM, as the bytes that they are. In a statement, which is
    text, those that are no characters would become question marks.
    """
    if not _BYTES.search(statement):
        return statement
    return "".join(
        f"x'{_literal_bytes(piece).hex()}'" if piece[0] == "'" and _BYTES.search(piece) else piece
        for piece in PIECES.findall(statement)
    )


def _literal_bytes(literal: str) -> bytes:
    """Return what a text in single quotes stands for."""
    inner = re.sub(
        r"\\(.)|''", lambda match: _ESCAPES.get(match[1], match[1]) if match[1] else "'", literal[1:-1], flags=re.DOTALL
    )
    return inner.encode("utf-8", "surrogateescape")


def outside_quotes(text: str) -> str:
    """Return a text of the server's without its strings and names."""
    return "".join(piece for piece in PIECES.findall(text) if piece[0] not in "'`")


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Return a text of the server's in parts, where a separator stands outside of strings and names."""
    parts = [""]
    for piece in PIECES.findall(text):
        first, *others = [piece] if piece[0] in "'`" else piece.split(separator)
        parts[-1] += first
        parts += others
    return parts
