# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that is safe on a terminal and in a report, no matter who chose it: the name of a file, a server, a set."""

from __future__ import annotations

import re
import typing as t

# What a terminal obeys or what changes the order of what is read: C0 (but for tab and line feed), DEL, C1, marks and
# overrides of direction, line and paragraph separators, the byte order mark, annotations, tags, and half surrogates
# (a file's name may be no text at all: PEP 383).
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return the text with an escape (``\x1b``, ``\u202e``) for each character that is not to reach a terminal."""
    return _UNPRINTABLE.sub(_escape, text)


def printable_line(text: str) -> str:
    r"""As :func:`printable`, on one line: a line feed is shown as ``\n``, so that no name makes a line of its own."""
    return printable(text).replace("\n", "\\n")


def printable_value(value: t.Any) -> t.Any:
    """Return a value of JSON's with every text in it, the names of its entries too, made printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_value(name): printable_value(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable_value(inner) for inner in value]
    return value


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
