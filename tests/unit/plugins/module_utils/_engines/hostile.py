# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives that no backup of ours ever holds, built byte by byte: ways out of the target, or into confusion."""

from __future__ import annotations

import typing as t

ROOT = b"users"
BLOCK = 512


def header(
    name: bytes,
    kind: bytes = b"0",
    *,
    size: int = 0,
    mode: int = 0o644,
    link: bytes = b"",
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
    device: bytes = b"0000000\x000000000\x00",
    size_field: bytes | None = None,
    checksum: bytes | None = None,
) -> bytes:
    """One header block, as GNU tar writes it unless told otherwise."""
    block = bytearray(BLOCK)
    block[0 : len(name[:100])] = name[:100]
    block[100:108] = b"%07o\x00" % mode
    block[108:116] = block[116:124] = b"0000000\x00"
    block[124:136] = size_field if size_field is not None else b"%011o\x00" % size
    block[136:148] = b"15300611745\x00"
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157 : 157 + len(link[:100])] = link[:100]
    block[257:265] = magic
    block[265:269] = block[297:301] = b"root"
    block[329:345] = device
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = checksum if checksum is not None else b"%06o\x00 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    """Data up to the next block."""
    return data + bytes(-len(data) % BLOCK)


def record(key: bytes, value: bytes) -> bytes:
    """One record of an extended header."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def extended(*records: bytes, kind: bytes = b"x") -> bytes:
    """An extended header with these records."""
    body = b"".join(records)
    return header(ROOT + b"/PaxHeaders/x", kind, size=len(body), device=bytes(16)) + padded(body)


def file(name: bytes, content: bytes = b"evil\n", **more: t.Any) -> bytes:
    """A regular file."""
    return header(name, size=len(content), **more) + padded(content)


def directory(name: bytes) -> bytes:
    """A directory."""
    return header(name + b"/", b"5", mode=0o755)


def symlink(name: bytes, target: bytes) -> bytes:
    """A symbolic link."""
    return header(name, b"2", mode=0o777, link=target)


def hardlink(name: bytes, target: bytes) -> bytes:
    """A hard link."""
    return header(name, b"1", link=target)


END = bytes(2 * BLOCK)
TOP = directory(ROOT)


def archive(*members: bytes, top: bytes = TOP, end: bytes = END) -> bytes:
    """A whole archive below the root."""
    return top + b"".join(members) + end


def sparse_records(name: bytes, real: int) -> list[bytes]:
    """What describes a sparse file in the form 1.0."""
    values = {b"major": b"1", b"minor": b"0", b"name": name, b"realsize": b"%d" % real}
    return [record(b"GNU.sparse." + key, value) for key, value in values.items()]


def sparse(name: bytes, sparse_map: bytes, data: bytes, real: int, **records: bytes) -> bytes:
    """A sparse file in the form 1.0."""
    content = padded(sparse_map) + data
    values = {b"major": b"1", b"minor": b"0", b"name": name, b"realsize": b"%d" % real}
    values.update({key.encode(): value for key, value in records.items()})
    fields = [record(b"GNU.sparse." + key, value) for key, value in values.items()]
    return extended(*fields) + header(ROOT + b"/GNUSparseFile.1/x", size=len(content)) + padded(content)


# Archives of ours, for the tests to know that what follows is refused for its own sake.
HARMLESS: dict[str, bytes] = {
    "empty directory": archive(),
    "file": archive(file(b"users/a", b"x")),
    "single file": file(b"users", b"x") + END,
    "links": archive(file(b"users/a"), hardlink(b"users/b", b"users/a"), symlink(b"users/c", b"/etc/passwd")),
    "hard link to a symbolic link": archive(symlink(b"users/a", b"/x"), hardlink(b"users/b", b"users/a")),
    "directories": archive(file(b"users/z"), directory(b"users/a"), file(b"users/a/x"), directory(b"users/a/b")),
    "long name": archive(extended(record(b"path", b"users/" + b"n" * 200)) + file(b"users/" + b"n" * 94)),
    "sparse": archive(sparse(b"users/a", b"2\n0\n5\n100000\n0\n", b"12345", 100000)),
    "sparse with a second name": archive(
        extended(*sparse_records(b"users/\xff", 5), record(b"path", b"users/GNUSparseFile.123/\xff"))
        + header(b"users/GNUSparseFile.123/x", size=512 + 5)
        + padded(padded(b"1\n0\n5\n") + b"12345")
    ),
    "attributes": archive(
        extended(record(b"mtime", b"-1.5"), record(b"SCHILY.xattr.user.x", b"a\n=\0"), record(b"uid", b"3000000"))
        + file(b"users/a")
    ),
    "padded to a record": archive(end=bytes(20 * BLOCK)),
}

_LINKED_AWAY = symlink(b"users/away", b"/tmp")

_A, _AWAY = file(b"users/a"), b"users/away"

HOSTILE: dict[str, bytes] = {
    # Names that leave the target.
    "absolute name": archive(file(b"/tmp/canary")),
    "absolute root": archive(top=directory(b"/users")),
    "dot-dot": archive(file(b"users/../../canary")),
    "dot-dot as root": archive(top=directory(b"..")),
    "dot-dot at the end": archive(header(b"users/../", b"5", mode=0o755)),
    "dot as root": archive(file(b"./canary"), top=directory(b".")),
    "another root": archive(file(b"other/canary")),
    "another root, first": archive(top=directory(b"other")),
    "two roots": archive(directory(b"users2"), file(b"users2/canary")),
    "beside the root": archive(file(b"canary")),
    "root that is a symbolic link": symlink(b"users", b"/tmp") + file(b"users/canary") + END,
    "root that is a hard link": hardlink(b"users", b"/etc/passwd") + END,
    "file root with something in it": file(b"users") + file(b"users/canary") + END,
    "empty component": archive(file(b"users//canary")),
    "dot component": archive(file(b"users/./canary")),
    "empty name": archive(file(b"")),
    "name hidden behind NUL": archive(file(b"users/a\0/../../../tmp/canary")),
    "prefix field": archive(file(b"canary", prefix=b"/tmp")),
    "name too long for any directory": archive(extended(record(b"path", b"users/" + b"n" * 256)) + file(b"x")),
    "path too long": archive(extended(record(b"path", b"users" + b"/n" * 3000)) + file(b"x")),
    "member of a directory that is not there": archive(file(b"users/missing/canary")),
    "member of a file": archive(_A, file(b"users/a/canary")),
    "member of an earlier directory": archive(directory(b"users/a"), directory(b"users/b"), file(b"users/a/late")),
    # Ways through links that the archive makes itself.
    "file through a symbolic link": archive(_LINKED_AWAY, file(_AWAY + b"/canary")),
    "directory through a symbolic link": archive(_LINKED_AWAY, directory(_AWAY + b"/canary")),
    "symbolic link replaced by a directory": archive(_LINKED_AWAY, directory(_AWAY), file(_AWAY + b"/canary")),
    "directory replaced by a symbolic link": archive(directory(_AWAY), _LINKED_AWAY, file(_AWAY + b"/canary")),
    "file through a chain of symbolic links": archive(
        symlink(b"users/a", b"."), symlink(b"users/b", b"a/.."), file(b"users/b/canary")
    ),
    "symbolic link written through": archive(symlink(b"users/a", b"/tmp/canary"), _A),
    "hard link to a symbolic link made a directory": archive(
        _LINKED_AWAY, hardlink(b"users/b", b"users/away"), directory(b"users/b"), file(b"users/b/canary")
    ),
    "hard link written through": archive(hardlink(b"users/a", b"/etc/passwd"), _A),
    "hard link outside": archive(hardlink(b"users/a", b"/etc/passwd")),
    "hard link upwards": archive(hardlink(b"users/a", b"users/../../canary")),
    "hard link relative": archive(hardlink(b"users/a", b"../canary")),
    "hard link beside the root": archive(hardlink(b"users/a", b"canary")),
    "hard link through a symbolic link": archive(_LINKED_AWAY, hardlink(b"users/b", _AWAY + b"/canary")),
    "hard link to a directory": archive(directory(b"users/a"), hardlink(b"users/a/b", b"users/a")),
    "hard link to itself": archive(hardlink(b"users/a", b"users/a")),
    "hard link with content": archive(_A, header(b"users/b", b"1", link=b"users/a", size=5) + padded(b"evil\n")),
    "hard link outside by record": archive(
        extended(record(b"linkpath", b"/etc/passwd")) + hardlink(b"users/b", b"users/a"), _A
    ),
    # Names that come twice.
    "file twice": archive(_A, _A),
    "directory twice": archive(directory(b"users/a"), directory(b"users/a")),
    "root twice": archive(TOP),
    "directory where a file was": archive(_A, directory(b"users/a")),
    "file where a directory was": archive(directory(b"users/a"), header(b"users/a", b"0")),
    # What is no file.
    "character device": archive(header(b"users/null", b"3", device=b"0000001\x000000003\x00")),
    "block device": archive(header(b"users/disk", b"4", device=b"0000010\x000000000\x00")),
    "device numbers on a file": archive(header(b"users/a", b"0", device=b"0000001\x000000003\x00")),
    "contiguous file": archive(header(b"users/a", b"7")),
    "old regular type": archive(header(b"users/a", b"\0")),
    "regular file that ends with a slash": archive(file(b"users/a/")),
    "directory without its slash": archive(header(b"users/a", b"5", mode=0o755)),
    "directory with two slashes": archive(header(b"users/a//", b"5", mode=0o755)),
    "unknown type": archive(header(b"users/a", b"Z")),
    "GNU long name": archive(header(b"././@LongLink", b"L", size=12) + padded(b"/tmp/canary\0"), _A),
    "GNU long link": archive(
        header(b"././@LongLink", b"K", size=12) + padded(b"/tmp/canary\0"), symlink(b"users/a", b"b")
    ),
    "GNU old sparse": archive(header(b"users/a", b"S")),
    "GNU dump directory": archive(header(b"users/a/", b"D")),
    "GNU multi-volume": archive(header(b"users/a", b"M")),
    "GNU volume label": archive(header(b"users/a", b"V")),
    "Solaris extended header": archive(extended(record(b"path", b"/tmp/canary"), kind=b"X"), _A),
    # Records that say something else than the header.
    "global header": archive(extended(record(b"path", b"/tmp/canary"), kind=b"g"), _A),
    "path by record": archive(extended(record(b"path", b"/tmp/canary")) + _A),
    "path by record, upwards": archive(extended(record(b"path", b"users/../../canary")) + _A),
    "path twice": archive(extended(record(b"path", b"users/a"), record(b"path", b"/tmp/canary")) + _A),
    "path with NUL": archive(extended(record(b"path", b"users/a\0/tmp/canary")) + _A),
    "empty path": archive(extended(record(b"path", b"")) + _A),
    "link path on a file": archive(extended(record(b"linkpath", b"/etc/passwd")) + _A),
    "two sizes": archive(extended(record(b"size", b"99999999999")) + _A),
    "size that hides a member": archive(extended(record(b"size", b"1024")) + header(b"users/a"), file(b"/tmp/canary")),
    "negative size": archive(extended(record(b"size", b"-1")) + header(b"users/a")),
    "size on a directory": archive(extended(record(b"size", b"99999999999")) + directory(b"users/a")),
    "two extended headers": archive(extended(record(b"mtime", b"1")), extended(record(b"mtime", b"2")), _A),
    "extended header at the end": archive(extended(record(b"mtime", b"1"))),
    "header charset": archive(extended(record(b"hdrcharset", b"BINARY")) + _A),
    "comment": archive(extended(record(b"comment", b"hello")) + _A),
    "deleting record": archive(extended(record(b"path", b"")) + _A),
    "unknown record": archive(extended(record(b"GNU.volume.filename", b"x")) + _A),
    "attribute without a name": archive(extended(record(b"SCHILY.xattr.", b"x")) + _A),
    "uid that is no number": archive(extended(record(b"uid", b"0x0")) + _A),
    "time that is no number": archive(extended(record(b"mtime", b"now")) + _A),
    "record without an end": archive(extended(b"20 path=/tmp/canary!") + _A),
    "record longer than its header": archive(extended(b"99999 path=users/a\n") + _A),
    "record of length zero": archive(extended(b"0 path=users/a\n") + _A),
    "record with a leading zero": archive(extended(b"017 path=users/a\n") + _A),
    "record with a sign": archive(extended(b"+17 path=users/a\n") + _A),
    "record without a key": archive(extended(b"6 abc\n") + _A),
    "empty extended header": archive(extended() + _A),
    "huge extended header": archive(header(b"users/x", b"x", size=8**10, device=bytes(16))),
    # Sparse files that two readers would see differently.
    "sparse name outside": archive(sparse(b"/tmp/canary", b"1\n0\n5\n", b"12345", 5)),
    "sparse form 0.0": archive(sparse(b"users/a", b"1\n0\n5\n", b"12345", 5, major=b"0")),
    "sparse form 0.1": archive(extended(record(b"GNU.sparse.map", b"0,5"), record(b"GNU.sparse.size", b"5")) + _A),
    "sparse with a path of its own": archive(
        extended(
            record(b"GNU.sparse.major", b"1"),
            record(b"GNU.sparse.minor", b"0"),
            record(b"GNU.sparse.name", b"users/a"),
            record(b"GNU.sparse.realsize", b"5"),
            record(b"path", b"/tmp/canary"),
        )
        + file(b"users/b", padded(b"1\n0\n5\n") + b"12345")
    ),
    "half sparse": archive(extended(record(b"GNU.sparse.name", b"/tmp/canary")) + _A),
    "sparse directory": archive(
        sparse(b"users/a/", b"0\n", b"", 0).replace(header(b"users/GNUSparseFile.1/x", size=512), directory(b"users/a"))
    ),
    "sparse without a map": archive(sparse(b"users/a", b"", b"", 5)),
    "sparse map of letters": archive(sparse(b"users/a", b"one\n", b"", 5)),
    "sparse map that does not end": archive(sparse(b"users/a", b"1000\n0\n5\n", b"12345", 5)),
    "sparse map with a line too long": archive(sparse(b"users/a", b"1" * 600, b"", 5)),
    "sparse map backwards": archive(sparse(b"users/a", b"2\n100\n5\n0\n5\n", b"1234567890", 200)),
    "sparse map beyond the file": archive(sparse(b"users/a", b"1\n100\n5\n", b"12345", 50)),
    "sparse map for more than there is": archive(sparse(b"users/a", b"1\n0\n500\n", b"12345", 500)),
    "sparse map for less than there is": archive(sparse(b"users/a", b"1\n0\n1\n", b"12345", 5)),
    "sparse map with something behind it": archive(sparse(b"users/a", b"1\n0\n5\n\0junk", b"12345", 5)),
    "sparse map that goes on": archive(sparse(b"users/a", b"1\n0\n5\n7\n", b"12345", 5)),
    # Headers that are none.
    "wrong checksum": archive(header(b"users/a", checksum=b"000000\x00 ")),
    "signed checksum": archive(header(b"users/\xff", checksum=b"%06o\x00 " % 1)),
    "old tar's format": archive(header(b"users/a", magic=bytes(8))),
    "GNU's own format": archive(header(b"users/a", magic=b"ustar  \x00")),
    "size in base 256": archive(header(b"users/a", size_field=b"\x80" + bytes(10) + b"\x05") + padded(b"evil\n")),
    "size with spaces": archive(header(b"users/a", size_field=b"         5\x00\x00") + padded(b"evil\n")),
    "negative size in octal": archive(header(b"users/a", size_field=b"-0000000005\x00")),
    "mode beyond permissions": archive(header(b"users/a", mode=0o120777)),
    "content of a directory": archive(header(b"users/a/", b"5", size=512) + padded(b"evil")),
    "content of a symbolic link": archive(header(b"users/a", b"2", link=b"b", size=512) + padded(b"evil")),
    "content of a FIFO": archive(header(b"users/a", b"6", size=512) + padded(b"evil")),
    "symbolic link to nothing": archive(header(b"users/a", b"2")),
    "file with a target": archive(header(b"users/a", b"0", link=b"/etc/passwd")),
    "not an archive": b"#!/bin/sh\ntouch /tmp/canary\n".ljust(2048, b"\n"),
    # Ends that are none.
    "no end": archive(_A, end=b""),
    "half an end": archive(_A, end=bytes(BLOCK)),
    "cut in a header": archive(_A)[: BLOCK + 100],
    "cut in a file": archive(file(b"users/a", b"x" * 2000))[: 4 * BLOCK],
    "member after the end": archive() + file(b"/tmp/canary"),
    "member after half an end": archive(bytes(BLOCK), file(b"/tmp/canary")),
    "another archive after the end": archive() + archive(top=directory(b"/tmp")),
    "junk after the end": archive() + b"junk",
    "nothing": b"",
    "only an end": END,
}
