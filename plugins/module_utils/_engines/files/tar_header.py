# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers of the pax interchange format, as GNU tar writes them for our archives; any other is refused."""

from __future__ import annotations

import re
import typing as t

BLOCK = 512
# Attributes are at most 64 KiB each (xattr(7)) and a path is at most 4096 bytes: no header of ours is larger.
MAX_EXTENDED_HEADER = 4 * 1024 * 1024
MAX_PATH = 4095
MAX_NAME = 255
ZEROS_AFTER_DEVICE = bytes(167)
DEVICE_NUMBERS = (b"0000000\x000000000\x00", bytes(16))
_NUMBERS = re.compile(rb"([0-7]{7})\0([0-7]{7})\0([0-7]{7})\0([0-7]{11})\0([0-7]{11})\0([0-7]{6})\0 ")
# Eight out of ten extended headers hold nothing else.
_ONLY_MTIME = re.compile(rb"([1-9][0-9]) mtime=-?[0-9]{1,19}(?:\.[0-9]{1,9})?\n")
_MTIME = re.compile(rb"-?[0-9]{1,19}(?:\.[0-9]{1,9})?")
DECIMAL = re.compile(rb"0|[1-9][0-9]{0,18}")
SPARSE_KEYS = frozenset((b"GNU.sparse.major", b"GNU.sparse.minor", b"GNU.sparse.name", b"GNU.sparse.realsize"))
_PLAIN_KEYS = SPARSE_KEYS | {
    b"path",
    b"linkpath",
    b"size",
    b"uid",
    b"gid",
    b"uname",
    b"gname",
    b"mtime",
    b"SCHILY.acl.access",
    b"SCHILY.acl.default",
}
_XATTR_PREFIX = b"SCHILY.xattr."


class ArchiveRefused(Exception):
    """The archive holds something that ours never do."""


def padded(size: int) -> int:
    return (size + BLOCK - 1) // BLOCK * BLOCK


def check_component(name: bytes) -> None:
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name or len(name) > MAX_NAME:
        raise ArchiveRefused(f"a name that is none: {shown(name)}")


class Numbers(t.NamedTuple):
    mode: int
    uid: int
    gid: int
    size: int


def read_numbers(header: bytes) -> Numbers:
    """Return the numbers of a header that is whole and of the right format."""
    found = _NUMBERS.fullmatch(header[100:156])
    if found is None or header[257:265] != b"ustar\x0000":
        raise ArchiveRefused(f"a header of another format ({shown(header[:100])})")
    # The sum of all bytes, those of the checksum itself taken as spaces (POSIX.1-2017, pax, "ustar").
    if int(found.group(6), 8) != sum(header) - sum(header[148:156]) + 256:
        raise ArchiveRefused(f"a header whose checksum is wrong ({shown(header[:100])})")
    mode = int(found.group(1), 8)
    if mode > 0o7777:
        raise ArchiveRefused(f"a mode that is none ({shown(header[:100])})")
    return Numbers(mode, int(found.group(2), 8), int(found.group(3), 8), int(found.group(4), 8))


def read_text(field: bytes) -> bytes:
    text, _nul, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise ArchiveRefused(f"something hidden behind the end of a name ({shown(text)})")
    return text


def read_records(body: bytes) -> dict[bytes, bytes]:
    """Return the records of an extended header."""
    only = _ONLY_MTIME.fullmatch(body)
    if only is not None and int(only.group(1)) == len(body):
        return {}
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(body):
        space = body.find(b" ", position, position + 9)
        digits = body[position:space] if space > 0 else b""
        if not digits or not DECIMAL.fullmatch(digits):
            raise ArchiveRefused("an extended header that is malformed")
        end = position + int(digits)
        if end > len(body) or end <= space or body[end - 1 : end] != b"\n":
            raise ArchiveRefused("an extended header that is malformed")
        key, equals, value = body[space + 1 : end - 1].partition(b"=")
        if not equals or key in records:
            raise ArchiveRefused(f"an extended header that is malformed or says {shown(key)} twice")
        _check_record(key, value)
        records[key] = value
        position = end
    return records


def _check_record(key: bytes, value: bytes) -> None:
    if key.startswith(_XATTR_PREFIX):
        if len(key) == len(_XATTR_PREFIX) or b"\0" in key:
            raise ArchiveRefused("an extended attribute without a name")
        return
    if key not in _PLAIN_KEYS:
        raise ArchiveRefused(f"a record that our archives never hold: {shown(key)}")
    if key == b"mtime":
        good = _MTIME.fullmatch(value) is not None
    elif key in (b"size", b"uid", b"gid") or (key in SPARSE_KEYS and key != b"GNU.sparse.name"):
        good = DECIMAL.fullmatch(value) is not None
    else:
        good = bool(value) and b"\0" not in value
    if not good:
        raise ArchiveRefused(f"a value that is none for {shown(key)}: {shown(value)}")


def shown(name: bytes) -> str:
    return name.rstrip(b"\0")[:200].decode("utf-8", "backslashreplace")
