# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set whose archive is hostile: refused, nothing written outside, nothing left, the target as it was."""

from __future__ import annotations

import dataclasses
import os
import pwd
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import Dumped, Examination
from ansible_collections.infitulua.backup.plugins.module_utils._engines.files.source import FilesSource
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter, Stream
from tests.integration.files.support import IS_ROOT, House, picture
from tests.unit.plugins.module_utils._engines.hostile import HARMLESS, HOSTILE, extended, file, record
from tests.unit.plugins.module_utils._engines.hostile import archive as archive_of

COUNTED = {"directories": 1, "files": 1, "hard_links": 0, "symbolic_links": 0, "fifos": 0, "content_bytes": 5}

OWNERS = [{"user": "root", "group": "root", "uid": 0, "gid": 0, "members": 2}]


class Forger(FilesSource):
    """Writes an archive, and a description of it, that are whatever they are told to be."""

    def __init__(self, archive: bytes, path: str, length: int, owners: t.Any) -> None:
        super().__init__({"paths": ["/anywhere"]})
        self._forged = archive
        entry = {"part": "x", "path": path, "archive_bytes": length, "privileged": 0, "owners": owners, **COUNTED}
        self._facts = {"paths": [entry]}

    def examine(self) -> Examination:
        """Nothing to look at."""
        return Examination(1, {})

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        """Store it."""
        writer.store(Stream(part="x", name="x.tar", commands=[], stdin=self._forged, action="forge", next_step=""))
        return Dumped(["x"], {}, self._facts, [], [])


def forge(house: House, archive: bytes, path: str, length: int | None = None, *, owners: t.Any = ...) -> SetId:
    """A set that is whole, encrypted to us, with right checksums, and forged."""
    engine = Forger(archive, path, len(archive) if length is None else length, OWNERS if owners is ... else owners)
    set_id = dumping.dump(dataclasses.replace(house.request("files", {"paths": ["/x"]}), engine=engine)).set_id
    assert set_id is not None
    return set_id


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A live tree, and beside it everything that a hostile archive might reach for."""
    live = tmp_path / "srv" / "users"
    live.mkdir(parents=True)
    (live / "file").write_text("live")
    (live / "away").symlink_to(tmp_path)
    (tmp_path / "canary").write_text("alive")
    return live


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_touches_nothing(house: House, target: Path, name: str) -> None:
    set_id = forge(house, HOSTILE[name], str(target))
    before = picture(os.fsencode(target))
    around = set(os.listdir(target.parent.parent))
    with pytest.raises(SetInvalid, match="contains what this collection never writes"):
        house.restore(set_id, "files", {}, replace=True)
    assert picture(os.fsencode(target)) == before
    assert os.listdir(target.parent) == ["users"]
    assert set(os.listdir(target.parent.parent)) == around
    assert (target.parent.parent / "canary").read_text() == "alive"
    assert not os.path.lexists("/tmp/canary")


def test_an_archive_that_grows_beyond_what_was_written_is_stopped(house: House, target: Path) -> None:
    """A bomb: a few stored bytes that become very many."""
    archive = HARMLESS["single file"] + bytes(300_000_000)
    set_id = forge(house, archive, str(target), 10_000)
    with pytest.raises(SetInvalid, match="longer than the 10000 bytes"):
        house.restore(set_id, "files", {}, replace=True)
    assert os.listdir(target.parent) == ["users"]


@pytest.mark.parametrize("path", ["relative", "/", "/a/../etc", "//etc", "/etc/", "/a\\", "/a\\x00b", "", None, 7])
def test_a_path_of_a_hostile_description_is_refused(house: House, path: str) -> None:
    set_id = forge(house, HARMLESS["empty directory"], path)
    with pytest.raises(SetInvalid, match=r"its description of the files is invalid|engine_facts.paths.0..path "):
        house.restore(set_id, "files", {"directory": str(house.base / "out")})
    assert not (house.base / "out").exists()


def test_what_is_in_the_archive_has_to_be_what_the_description_says(house: House, target: Path) -> None:
    set_id = forge(house, HARMLESS["links"], str(target))
    with pytest.raises(SetInvalid, match=r"1 hard link, the set says 0"):
        house.restore(set_id, "files", {}, replace=True)
    assert os.listdir(target.parent) == ["users"]


@pytest.mark.parametrize(
    "owners",
    [None, "root", [{"user": "root"}], [{**OWNERS[0], "members": -1}], [{**OWNERS[0], "user": "a\\x00"}]],
    ids=["none", "text", "half", "negative", "NUL"],
)
def test_owners_that_are_none_are_refused(house: House, owners: t.Any) -> None:
    set_id = forge(house, HARMLESS["file"], "/users", owners=owners)
    with pytest.raises(SetInvalid, match="its description of the files is invalid"):
        house.restore(set_id, "files", {"directory": str(house.base / "out")})
    assert not (house.base / "out").exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
def test_files_that_belong_to_others_than_the_set_says_replace_nothing(house: House, target: Path) -> None:
    archive = archive_of(file(b"users/a", b"12345"))
    assert house.restore(forge(house, archive, str(target)), "files", {"directory": str(house.base / "out")}).checks
    nobody = pwd.getpwnam("nobody")
    others = [{**OWNERS[0], "members": 1}, {**OWNERS[0], "user": "nobody", "members": 1}]
    set_id = forge(house, archive, str(target), owners=others)
    with pytest.raises(
        BackupError, match=f"2 members belong to 0:0, the set says 1; 0 members belong to {nobody.pw_uid}:0, the set"
    ):
        house.restore(set_id, "files", {}, replace=True)
    assert os.listdir(target.parent) == ["users"]


@pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
@pytest.mark.parametrize(
    ("number", "extended_number", "wanted"),
    [(1234, None, pwd.getpwnam("nobody").pw_uid), (0, 3_000_000, 3_000_000)],
    ids=["known by name", "too large for the header"],
)
def test_a_name_that_has_another_number_here_is_taken_as_tar_takes_it(
    house: House, target: Path, number: int, extended_number: int | None, wanted: int
) -> None:
    member = bytearray(file(b"users/a", b"12345"))
    member[108:116] = b"%07o\0" % number
    member[265:297] = b"nobody".ljust(32, b"\0")
    member[148:156] = b" " * 8
    member[148:156] = b"%06o\0 " % sum(member[:512])
    before = extended(record(b"uid", b"%d" % extended_number)) if extended_number else b""
    owner = {"user": "nobody", "group": "root", "uid": number, "gid": 0, "members": 1}
    if extended_number:
        owner.update(user="", uid=extended_number)
    owners = [{**OWNERS[0], "members": 1}, owner]
    set_id = forge(house, archive_of(before + bytes(member)), str(target), owners=owners)
    house.restore(set_id, "files", {}, replace=True)
    assert (target / "a").stat().st_uid == wanted
