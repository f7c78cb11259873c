# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Names and texts that are no UTF-8, as text that can be stored, shown, and given back as it is shown.

A database of the encoding SQL_ASCII holds whatever bytes its clients sent. A byte that is not part of UTF-8 is written
as ``\xf1``; where a name has such letters itself, its backslash is written ``\x5c``, so that each text has one form.
Names of roles, databases and tablespaces belong to all databases and are in the encoding of whoever made them.
"""

from __future__ import annotations

import re

# Encodings of databases that the server converts into no other.
RAW_ENCODINGS = ("SQL_ASCII", "MULE_INTERNAL")
_ESCAPED = re.compile(r"\\x(5c|[89a-f][0-9a-f])")
# What is not UTF-8, as Python's surrogateescape reads it.
_BYTE = re.compile("[\udc80-\udcff]")
_ONE_BYTE = re.compile(r"LATIN\d+|ISO_8859_\d+|WIN\d+|KOI8[RU]")
# Encodings of one byte per character, in PostgreSQL's words and in Python's.
_CODECS = {"LATIN1": "latin-1", "LATIN9": "iso8859-15", "WIN1252": "cp1252"}


def printable(text: str) -> str:
    """Return a text with the bytes in it that are no UTF-8 written out."""
    return _BYTE.sub(lambda found: f"\\x{ord(found.group()) - 0xDC00:02x}", text)


def from_raw(text: str) -> str:
    """Return a text of a database with such an encoding, so that :func:`to_raw` gives it back."""
    return printable(_ESCAPED.sub(lambda found: f"\\x5c{found.group()[1:]}", text))


def to_raw(text: str) -> str:
    """Return the text again, its bytes as Python's surrogateescape has them."""

    def byte(found: re.Match[str]) -> str:
        number = int(found.group(1), 16)
        return chr(number if number < 0x80 else 0xDC00 + number)

    return _ESCAPED.sub(byte, text)


def has_one_byte(encoding: str) -> bool:
    """Whether every byte is a character in an encoding, in PostgreSQL's words: then no name is invalid in it."""
    return _ONE_BYTE.fullmatch(encoding) is not None


def has_raw(name: str) -> bool:
    """Whether a name, as it is shown, is no UTF-8."""
    return _ESCAPED.search(name) is not None


def decoded(data: bytes, encoding: str) -> str:
    """Decode what pg_dumpall wrote of a server's roles: UTF-8, or the encoding of the database that it was asked in.

    :param encoding: PostgreSQL's name of it.
    """
    text = data.decode("utf-8", "surrogateescape")
    codec = _CODECS.get(encoding)
    if codec is not None:
        text = _BYTE.sub(lambda found: bytes([ord(found.group()) - 0xDC00]).decode(codec, "surrogateescape"), text)
    return printable(text)
