# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Names of files as bytes, since any byte but NUL and the slash may stand in one, and as text that shows each byte.

There is one notation, wherever a name is shown or given: ``\\`` is a backslash, ``\xHH`` a byte that is no printable
text, and everything else stands for itself. So whatever is shown can be given back as it is.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

# How many names of each kind a result lists; all of them are counted.
MAX_LISTED = 100
_GIVEN = re.compile(rb"\\(?:(\\)|x([0-9A-Fa-f]{2}))?")
# Characters that mean more than themselves in a pattern, as a pattern writes them when they do not.
_PLAIN = {b"*": b"[*]", b"?": b"[?]", b"[": b"[[]"}
_ESCAPE = re.compile(r"\\(?:(\\)|x([0-9a-f]{2}))")
_TAR_ESCAPE = re.compile(rb"\\(?:([0-7]{3})|(.))", re.DOTALL)
_TAR_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def escape(name: bytes) -> str:
    r"""Return a name as printable text: ``\xHH`` for each byte that is not, ``\\`` for a backslash. Loses nothing."""
    text = []
    for character in name.decode("utf-8", "surrogateescape"):
        if character == "\\":
            text.append("\\\\")
        elif character.isprintable() and not "\udc80" <= character <= "\udcff":
            text.append(character)
        else:
            text += [f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape")]
    return "".join(text)


def unescape(text: str) -> bytes:
    """Return the name that :func:`escape` wrote.

    :raises ValueError: when it cannot have written this.
    """

    def plain(match: t.Match[str]) -> str:
        return "\\" if match.group(1) else bytes([int(match.group(2), 16)]).decode("latin-1")

    # Byte by byte: the text is taken to latin-1, where each byte is one character, and back.
    name = _ESCAPE.sub(plain, text.encode("utf-8").decode("latin-1")).encode("latin-1")
    if escape(name) != text:
        raise ValueError(f"{text!r} is not a name as backup.json writes it")
    return name


def given(text: str) -> bytes:
    """Return the name that an operator gives as :func:`escape` writes it; what is not escaped stands for itself.

    :raises Refused: when a backslash begins no escape.
    """
    return _given(text, {})


def given_pattern(text: str) -> bytes:
    """Return a pattern of names (``*``, ``?``, ``[…]``) in the same notation: what is escaped is no wildcard.

    :raises Refused: when a backslash begins no escape.
    """
    return _given(text, _PLAIN)


def _given(text: str, plain: t.Mapping[bytes, bytes]) -> bytes:
    def decoded(match: t.Match[bytes]) -> bytes:
        if match.group(1):
            return b"\\"
        if not match.group(2) or match.group(2) == b"00":
            raise Refused(
                "use a name",
                on=text,
                why="a backslash is followed neither by another one nor by x and two hexadecimal digits (but 00)",
                next_step=r"Write a backslash as \\, and a non-text byte as \xHH, as messages do.",
            )
        byte = bytes.fromhex(match.group(2).decode())
        return plain.get(byte, byte)

    try:
        name = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        why, next_step = "it is not valid text", r"Write a non-text byte as \xHH, as messages do."
        raise Refused("use a name", on=text, why=why, next_step=next_step) from error
    return _GIVEN.sub(decoded, name)


def from_tar(quoted: bytes) -> bytes:
    """Return a name out of GNU tar's messages, written with ``--quoting-style=escape``."""

    def plain(match: t.Match[bytes]) -> bytes:
        if match.group(1):
            return bytes([int(match.group(1), 8) & 0xFF])
        return _TAR_LETTERS.get(match.group(2), match.group(2))

    return _TAR_ESCAPE.sub(plain, quoted)


@dataclasses.dataclass
class Names:
    """Names that something happened to: all counted, the first of them listed."""

    count: int = 0
    listed: list[str] = dataclasses.field(default_factory=list)

    def add(self, name: bytes, remark: str = "") -> None:
        """Count a name."""
        self.count += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(escape(name) + (f" ({remark})" if remark else ""))

    def facts(self) -> dict[str, t.Any]:
        """For backup.json."""
        return {"count": self.count, "first": list(self.listed)}

    def shown(self, limit: int = 10) -> str:
        """For a message."""
        more = self.count - min(limit, len(self.listed))
        return ", ".join(self.listed[:limit]) + (f" and {more} more" if more else "")
