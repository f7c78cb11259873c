# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard lets our own archives through, byte for byte, and nothing else."""

from __future__ import annotations

import contextlib
import functools
import io
import tarfile
from collections import Counter

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.files.owners import Owner
from ansible_collections.infitulua.backup.plugins.module_utils._engines.files.tar_guard import (
    ArchiveRefused,
    Tally,
    TarGuard,
)
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils._engines.hostile import (
    END,
    HARMLESS,
    HOSTILE,
    ROOT,
    archive,
    directory,
    extended,
    file,
    header,
    record,
)


def guarded(data: bytes, *, chunk: int = 1 << 20, limit: int | None = None) -> tuple[bytes, Tally]:
    """What comes out of the guard, and its tally."""
    out = bytearray()
    guard = TarGuard(ROOT, forward=out.extend, limit=limit)
    for position in range(0, len(data), chunk):
        guard.feed(memoryview(data)[position : position + chunk])
    return bytes(out), guard.finish()


@pytest.mark.parametrize("chunk", [1, 511, 512, 513, 1 << 20])
@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_ours_passes_unchanged_however_it_is_cut(name: str, chunk: int) -> None:
    data, tally = guarded(HARMLESS[name], chunk=chunk)
    assert data == HARMLESS[name]
    assert tally.archive_bytes == len(data)


@pytest.mark.parametrize("chunk", [100, 512, 1 << 20])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_ours_is_refused_however_it_is_cut(name: str, chunk: int) -> None:
    out = bytearray()
    guard = TarGuard(ROOT, forward=out.extend)
    with pytest.raises(ArchiveRefused):
        for position in range(0, len(HOSTILE[name]), chunk):
            guard.feed(memoryview(HOSTILE[name])[position : position + chunk])
        guard.finish()
    # Whatever was let through before is harmless by itself: it names nothing but what the root holds.
    for member in members(bytes(out)):
        assert member == "users" or (member.startswith("users/") and ".." not in member.split("/"))


def members(data: bytes) -> list[str]:
    """The names that another reader finds in the beginning of an archive."""
    names = []
    # What it says of an archive that is cut off within a sparse file's map is a ValueError.
    with contextlib.suppress(tarfile.TarError, ValueError), tarfile.open(fileobj=io.BytesIO(data), mode="r|") as reader:
        for member in reader:
            names.append(member.name)
            if member.islnk():
                names.append(member.linkname)
    return names


def test_everything_is_counted() -> None:
    data = archive(
        file(b"users/a", b"x" * 1000, mode=0o4755),
        header(b"users/p", b"6"),
        header(b"users/s", b"2", link=b"a"),
        header(b"users/h", b"1", link=b"users/a"),
        extended(record(b"SCHILY.xattr.security.capability", b"\1\0")) + file(b"users/c", b"yy"),
        directory(b"users/d"),
    )
    _out, tally = guarded(data)
    assert tally == Tally(
        directories=2,
        files=2,
        hard_links=1,
        symbolic_links=1,
        fifos=1,
        content_bytes=1002,
        archive_bytes=len(data),
        privileged=2,
        privileged_names=[b"users/a", b"users/c"],
        owners=Counter({Owner(b"root", b"root", 0, 0): 6}),
    )
    assert tally.members == 7


def test_a_number_of_an_extended_header_goes_before_names_and_header() -> None:
    number = 3_000_000
    numbers = extended(record(b"uid", b"%d" % number) + record(b"gid", b"%d" % (number + 1)))
    named = extended(record(b"uname", b"n" * 40))
    _out, tally = guarded(archive(numbers + file(b"users/a", b"x"), named + file(b"users/b", b"x")))
    assert tally.owners == {Owner(b"", b"", number, number + 1): 1, Owner(b"root", b"root", 0, 0): 2}


def test_a_name_that_fills_its_field_is_one_that_was_cut_off() -> None:
    data = bytearray(file(b"users", b"x") + END)
    data[265:297] = b"n" * 32
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    _out, tally = guarded(bytes(data))
    assert tally.owners == {Owner(b"", b"root", 0, 0): 1}


def test_an_archive_longer_than_it_was_is_refused() -> None:
    data = archive(file(b"users/a", b"x" * 5000))
    assert guarded(data, limit=len(data))[0] == data
    with pytest.raises(ArchiveRefused, match="longer than"):
        guarded(data, limit=len(data) - 1)


@pytest.mark.parametrize("root", [b"", b".", b"..", b"a/b", b"a\0b", b"n" * 256])
def test_a_root_that_is_no_name_is_refused(root: bytes) -> None:
    with pytest.raises(ArchiveRefused):
        TarGuard(root, forward=lambda view: None)


def test_no_changed_byte_makes_anything_but_ours_or_nothing() -> None:
    """Every byte of a header, changed: refused, or still an archive within its root."""
    data = HARMLESS["links"] + HARMLESS["attributes"]
    for position in range(512 * 4):
        for value in (0, 0x2F, 0x2E, 0xFF):
            changed = bytearray(data)
            changed[position] = value
            out = bytearray()
            guard = TarGuard(ROOT, forward=out.extend)
            with contextlib.suppress(ArchiveRefused):
                guard.feed(memoryview(bytes(changed)))
            for member in members(bytes(out)):
                assert member.split("/")[0] == "users"


def is_one_of(wanted: set[str], name: bytes, is_directory: bool, _link: bytes | None) -> bool:
    """Directories, and files of these names."""
    return is_directory or name.decode() in wanted


@pytest.mark.parametrize("chunk", [1, 511, 512, 700, 1 << 20])
def test_of_what_is_ours_only_what_is_wanted_passes_however_it_is_cut(chunk: int) -> None:
    inside = {f"users/{name}": bytes([number]) * size for number, (name, size) in
              enumerate([("a", 0), ("b", 3), ("c", 512), ("d", 2000), ("e", 1)])}  # fmt: skip
    body = b"".join(file(name.encode(), content) for name, content in inside.items())
    data = archive(body)
    for wanted in ({"users/b"}, {"users/a", "users/d"}, {"users/e"}, set(inside)):
        out = bytearray()
        guard = TarGuard(b"users", forward=out.extend, wanted=functools.partial(is_one_of, wanted))
        for position in range(0, len(data), chunk):
            guard.feed(memoryview(data)[position : position + chunk])
        tally = guard.finish()
        with tarfile.open(fileobj=io.BytesIO(bytes(out))) as found:
            read = {member.name: found.extractfile(member).read() for member in found if member.isfile()}  # type: ignore[union-attr]
        assert read == {name: inside[name] for name in wanted}
        assert (tally.files, tally.content_bytes) == (len(wanted), sum(len(inside[name]) for name in wanted))
        assert tally.archive_bytes == len(data)
