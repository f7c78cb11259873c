# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate for tar archives: reads the headers as an archive passes and lets nothing through that our own would not hold.

What comes out of a backup is hostile until proven otherwise. Libraries that sanitize any archive have been
bypassed again and again (CVE-2007-4559, CVE-2025-4517), mostly because two parsers, or a parser and the file
system, understood one name differently. So this one does not sanitize. It accepts exactly the subset of the
pax interchange format (POSIX.1-2017, "pax"; GNU tar manual, appendix "Tar Internals") that GNU tar writes with
``--format=posix`` from our list of names, where each fact has one place and one spelling, and refuses the rest.
The same gate stands behind tar when a set is written, so that no set exists that it would later refuse.

What holds for an archive that has passed:

- The first member is the root, by the name that was asked for; every other lies in a directory that came before
  it *as a directory*. Hence no absolute name, no ``..`` and no way through a symbolic link.
- The members of one directory come together and no name comes twice; a directory's never belonged to a symlink.
- A hard link points to a name in a directory of the archive, never at a directory.
- Only directories, regular files (sparse ones in the GNU 1.0 form), symbolic and hard links and FIFOs.
- Nothing but zeros follows the end.

Memory: the names of directories and of symbolic links, of the files of one directory, and of owners.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from .owners import MOST, Owner, Owners
from .sparse_map import SparseMap, is_stand_in
from .tar_header import (
    BLOCK,
    DEVICE_NUMBERS,
    MAX_EXTENDED_HEADER,
    MAX_PATH,
    SPARSE_KEYS,
    ZEROS_AFTER_DEVICE,
    ArchiveRefused,
    Numbers,
    check_component,
    padded,
    read_numbers,
    read_records,
    read_text,
    shown,
)

_ZERO_BLOCK = bytes(BLOCK)
# How many names of each kind a tally keeps.
MAX_LISTED = 100

_SETUID_SETGID = 0o6000
_OCTAL_SIZE_LIMIT = 8**11
_NAME_FIELD = 32
_CAPABILITY = b"SCHILY.xattr.security.capability"
_KINDS = {b"0": "files", b"1": "hard_links", b"2": "symbolic_links", b"5": "directories", b"6": "fifos"}


# Of a member: its name, whether it is a directory, and of a hard link the name that it points to.
Wanted = t.Callable[[bytes, bool, t.Optional[bytes]], bool]


@dataclasses.dataclass
class Tally:
    """What an archive holds.

    :param files: regular files, each counted once however many names it has.
    :param hard_links: further names of files that the archive holds already.
    :param content_bytes: sizes of the regular files, holes included.
    :param archive_bytes: size of the archive itself.
    :param privileged: how many files have a setuid or setgid bit or capabilities.
    :param privileged_names: the first of them.
    :param owners: how many members belong to whom.
    """

    directories: int = 0
    files: int = 0
    hard_links: int = 0
    symbolic_links: int = 0
    fifos: int = 0
    sparse_files: int = 0
    content_bytes: int = 0
    archive_bytes: int = 0
    privileged: int = 0
    privileged_names: list[bytes] = dataclasses.field(default_factory=list)
    owners: Owners = dataclasses.field(default_factory=collections.Counter)

    @property
    def members(self) -> int:
        """How many names the archive holds."""
        return self.directories + self.files + self.hard_links + self.symbolic_links + self.fifos


class TarGuard:
    """Reads one archive as it passes.

    :param root: the name of the first member, without a slash.
    :param forward: called with what has been read and found good, in order.
    :param limit: an archive of more bytes is refused; None: any size.
    :param wanted: of each member, by its name, whether it is forwarded; None: all are. The tally counts those only.
    """

    def __init__(
        self,
        root: bytes,
        *,
        forward: t.Callable[[memoryview], t.Any],
        limit: int | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        check_component(root)
        self.tally = Tally()
        self._root = root
        self._forward = forward
        self._limit = limit
        self._wanted = wanted
        self._members = 0
        self._forwarding = True
        self._turns: list[tuple[int, bool]] = []  # Where in the chunk at hand forwarding begins or stops.
        self._held = b""
        self._skip = 0  # Bytes of the current member's data, with padding, that are still to come.
        self._map: SparseMap | None = None
        self._zero_blocks = 0
        self._directories: set[bytes] = set()
        self._symbolic_links: set[bytes] = set()
        self._current: bytes | None = None  # The directory whose members are coming.
        self._here: set[bytes] = set()

    def feed(self, chunk: memoryview) -> None:
        """Take the next bytes of the archive.

        :raises ArchiveRefused: nothing of what is refused has been forwarded, nor anything after it.
        """
        self.tally.archive_bytes += len(chunk)
        if self._limit is not None and self.tally.archive_bytes > self._limit:
            raise ArchiveRefused(f"it is longer than the {self._limit} bytes that were written")
        data = memoryview(self._held + bytes(chunk)) if self._held else chunk
        position = self._read(data)
        self._hand_on(data, position)
        self._held = bytes(data[position:])

    def _hand_on(self, data: memoryview, end: int) -> None:
        start = 0
        for position, forwarding in self._turns:
            if self._forwarding and position > start:
                self._forward(data[start:position])
            start, self._forwarding = position, forwarding
        self._turns.clear()
        if self._forwarding and end > start:
            self._forward(data[start:end])

    def finish(self) -> Tally:
        """Say that the archive is at its end.

        :raises ArchiveRefused: when it is not.
        """
        if self._held or self._skip or self._zero_blocks < 2:
            raise ArchiveRefused(f"it ends too early, after {self.tally.archive_bytes} bytes")
        if not self._members:
            raise ArchiveRefused("it is empty")
        return self.tally

    def _read(self, data: memoryview) -> int:
        length = len(data)
        position = 0
        while position < length:
            if self._skip:
                if self._map is not None:
                    if length - position < BLOCK:
                        break
                    if self._map.read(bytes(data[position : position + BLOCK])):
                        self._map = None
                    self._skip -= BLOCK
                    position += BLOCK
                    continue
                step = min(self._skip, length - position)
                self._skip -= step
                position += step
                continue
            if length - position < BLOCK:
                break
            header = bytes(data[position : position + BLOCK])
            if self._zero_blocks or header == _ZERO_BLOCK:
                if header != _ZERO_BLOCK:
                    raise ArchiveRefused("something follows its end")
                self._turns.append((position, True))
                self._zero_blocks += 1
                position += BLOCK
                continue
            if header[156:157] != b"x":
                self._turns.append((position, self._member(header, {})))
                position += BLOCK
                continue
            size = self._extended_size(header)
            whole = BLOCK + padded(size) + BLOCK
            if length - position < whole:
                break  # Forward an extended header only together with the member that it describes.
            body = bytes(data[position + BLOCK : position + BLOCK + size])
            main = bytes(data[position + whole - BLOCK : position + whole])
            self._turns.append((position, self._member(main, read_records(body))))
            position += whole
        return position

    def _extended_size(self, header: bytes) -> int:
        size = read_numbers(header).size
        if not 0 < size <= MAX_EXTENDED_HEADER:
            raise ArchiveRefused(f"an extended header of {size} bytes")
        return size

    def _member(self, header: bytes, records: dict[bytes, bytes]) -> bool:
        """Check a member; whether it is forwarded."""
        kind = header[156:157]
        if kind not in _KINDS:
            raise ArchiveRefused(f"a member of type {kind!r}, no file, directory, link or FIFO ({shown(header[:100])})")
        numbers = read_numbers(header)
        mode, size = numbers.mode, numbers.size
        if header[329:345] not in DEVICE_NUMBERS or header[345:] != ZEROS_AFTER_DEVICE:
            raise ArchiveRefused(f"a header of another format ({shown(header[:100])})")
        user, group = read_text(header[265:297]), read_text(header[297:329])
        name = read_text(header[:100])
        link = read_text(header[157:257])
        logical = size
        if records:
            sparse = SPARSE_KEYS & records.keys()
            if sparse:
                if sparse != SPARSE_KEYS or kind != b"0" or not size:
                    raise ArchiveRefused(f"half a description of a sparse file ({shown(name)})")
                if (records[b"GNU.sparse.major"], records[b"GNU.sparse.minor"]) != (b"1", b"0"):
                    raise ArchiveRefused(f"a sparse file of another form than 1.0 ({shown(name)})")
                name = records[b"GNU.sparse.name"]
                if b"path" in records and not is_stand_in(records[b"path"], name):
                    raise ArchiveRefused(f"a sparse file with another name beside its own ({shown(name)})")
                logical = int(records[b"GNU.sparse.realsize"])
            else:
                name = records.get(b"path", name)
            if b"linkpath" in records:
                if kind not in (b"1", b"2"):
                    raise ArchiveRefused(f"a link's target for what is no link ({shown(name)})")
                link = records[b"linkpath"]
            if b"size" in records:
                # GNU tar writes 0 into the header where the size does not fit; any other pair has two meanings.
                large = int(records[b"size"])
                if size or large < _OCTAL_SIZE_LIMIT or kind != b"0":
                    raise ArchiveRefused(f"two sizes for one member ({shown(name)})")
                size = large
                logical = logical if sparse else large
        else:
            sparse = frozenset()
        if size and kind != b"0":
            raise ArchiveRefused(f"content where there is none ({shown(name)})")
        if bool(link) != (kind in (b"1", b"2")):
            raise ArchiveRefused(f"a link without a target, or a target without a link ({shown(name)})")
        self._place(kind, name, link)
        self._members += 1
        self._skip = padded(size)
        if sparse:
            self._map = SparseMap(stored=size, real=logical)
        plain = name[:-1] if kind == b"5" else name
        if self._wanted is not None and not self._wanted(plain, kind == b"5", link if kind == b"1" else None):
            return False
        if kind != b"1":
            self._count_owner(user, group, numbers, records)
        self._count(kind, name, mode, logical, records)
        self.tally.sparse_files += bool(sparse)
        return True

    def _place(self, kind: bytes, name: bytes, link: bytes) -> None:
        """Check where a member goes, against what has come before it."""
        if kind == b"5":
            if not name.endswith(b"/"):
                raise ArchiveRefused(f"a directory without its slash ({shown(name)})")
            name = name[:-1]
        if self._current is None:
            if self._members or name != self._root or kind not in (b"0", b"5"):
                raise ArchiveRefused(f"{shown(name)} outside of {shown(self._root)}")
            self._enter(name, kind)
            return
        if len(name) > MAX_PATH:
            raise ArchiveRefused(f"a path of {len(name)} bytes")
        parent, slash, last = name.rpartition(b"/")
        check_component(last)
        if not slash:
            raise ArchiveRefused(f"{shown(name)} outside of {shown(self._root)}")
        if kind == b"5":
            if parent not in self._directories:
                raise ArchiveRefused(f"{shown(name)}: {shown(parent)} is no directory of the archive")
            if name in self._directories or name in self._symbolic_links or self._is_here(parent, last):
                raise ArchiveRefused(f"{shown(name)} twice")
            self._enter(name, kind)
            return
        if parent != self._current:
            raise ArchiveRefused(f"{shown(name)}: {shown(parent)} is not the directory that came last")
        if last in self._here or name in self._directories:
            raise ArchiveRefused(f"{shown(name)} twice")
        self._here.add(last)
        if kind == b"2":
            self._symbolic_links.add(name)
        elif kind == b"1":
            where, slash, what = link.rpartition(b"/")
            check_component(what)
            if not slash or where not in self._directories or link in self._directories or link == name:
                raise ArchiveRefused(f"{shown(name)}: a hard link to {shown(link)}, which is no file of the archive")
            if link in self._symbolic_links:
                self._symbolic_links.add(name)  # link(2) does not follow: this is a symbolic link as well.

    def _is_here(self, parent: bytes, last: bytes) -> bool:
        return parent == self._current and last in self._here

    def _enter(self, name: bytes, kind: bytes) -> None:
        if kind == b"5":
            self._directories.add(name)
            self._current = name
            self._here = set()

    def _count_owner(self, user: bytes, group: bytes, numbers: Numbers, records: dict[bytes, bytes]) -> None:
        """Count a member as its owner's.

        tar looks up the names of the header itself, none of which is cut off; a number of the extended header, which is
        there where it is too large for the header, goes before (decode_header and xheader_decode in GNU tar).
        """
        owner = Owner(
            user if b"uid" not in records and len(user) < _NAME_FIELD else b"",
            group if b"gid" not in records and len(group) < _NAME_FIELD else b"",
            int(records.get(b"uid", numbers.uid)),
            int(records.get(b"gid", numbers.gid)),
        )
        self.tally.owners[owner] += 1
        if len(self.tally.owners) > MOST:
            raise ArchiveRefused(f"files of more than {MOST} owners")

    def _count(self, kind: bytes, name: bytes, mode: int, size: int, records: dict[bytes, bytes]) -> None:
        tally = self.tally
        attribute = _KINDS[kind]
        setattr(tally, attribute, getattr(tally, attribute) + 1)
        if kind == b"0":
            tally.content_bytes += size
            if mode & _SETUID_SETGID or _CAPABILITY in records:
                tally.privileged += 1
                if len(tally.privileged_names) < MAX_LISTED:
                    tally.privileged_names.append(name)
