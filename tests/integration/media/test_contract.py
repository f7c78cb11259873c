# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every medium keeps, tried on every medium: a new one gets its line in ``PLACES``.

What is special to one (rights of keys, links that break, places that thieves take) is in a file of its own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import subprocess
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AlreadyStored,
    BackupError,
    NotFound,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Access, Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import MEDIA, make_medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import retries
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import upload as s3_upload
from ansible_collections.infitulua.backup.plugins.module_utils._media.ssh import rsync
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.operation import copy_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.reencryption import Reencryption
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.transfer import CopyOptions
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import ObjectStore
from development.services.sshd import SshServer
from tests.unit.plugins.module_utils import core

from .conftest import SET_ID, contents_of, copy_set, random_bytes, write_set

MIB = 1024 * 1024
OTHER = SetId("web1", "files", "20261122T040000Z")
NONE_THERE = SetId("web1", "files", "20261122T040001Z")
SEED = os.environ["SEED"]
_numbers = itertools.count()


class Place:
    """An empty place of one kind, and what its owner can do without the medium.

    :param options: that lead to it, with all rights.
    :param plant: puts a file there.
    :param removes: whether the medium removes sets.
    :param is_a_disk: whether its files are files of this machine, and no server's own.
    """

    def __init__(
        self,
        options: dict[str, t.Any],
        plant: Callable[[str, bytes], None],
        *,
        removes: bool = True,
        is_a_disk: bool = True,
        pause: float = 0.0,
    ) -> None:
        self.options = options
        self.plant = plant
        self.removes = removes
        self.is_a_disk = is_a_disk
        self.pause = pause
        self._opened: list[Medium] = []

    def connect(self) -> Medium:
        """Reach it anew, as another run would."""
        self._opened.append(make_medium(self.options))
        return self._opened[-1]

    def close(self) -> None:
        """Let it go."""
        for medium in self._opened:
            with medium:
                pass


def _plant_in(root: Path) -> Callable[[str, bytes], None]:
    def plant(path: str, data: bytes) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    return plant


def _directory(there: Path, _store: ObjectStore | None, _request: pytest.FixtureRequest) -> Place:
    return Place({"type": "directory", "path": str(there)}, _plant_in(there))


def _ssh(there: Path, _store: ObjectStore | None, request: pytest.FixtureRequest) -> Place:
    server: SshServer = request.getfixturevalue("ssh_server")
    options = {
        "type": "ssh",
        "ssh_host": server.host,
        "ssh_port": server.port,
        "ssh_user": server.user,
        "ssh_key_file": str(server.identity_file),
        "ssh_known_hosts_file": str(server.known_hosts_file),
        "ssh_remote_path": str(there),
    }
    return Place(options, _plant_in(there), removes=False)


def _s3(there: Path, store: ObjectStore | None, request: pytest.FixtureRequest) -> Place:
    tmp_path: Path = request.getfixturevalue("tmp_path")
    store = store or request.getfixturevalue("object_store")
    assert store is not None
    prefix = f"contract-{next(_numbers)}"
    options = {
        "type": "s3",
        "bucket": store.bucket,
        "prefix": prefix,
        "endpoint_url": store.endpoint_url,
        "access_key": store.admin.access_key,
        "secret_key": store.admin.secret_key,
        "ca_bundle": str(store.ca_file),
        "state_directory": str(tmp_path / "state"),
    }

    def plant(path: str, data: bytes) -> None:
        store.client().put_object(Bucket=store.bucket, Key=f"{prefix}/{path}", Body=data)

    return Place(options, plant, is_a_disk=False, pause=1.1)  # Its listing of versions knows seconds only.


PLACES = {"directory": _directory, "s3": _s3, "ssh": _ssh}


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An empty place of each kind. Large objects begin at a few megabytes, so that sets of the tests have some."""
    (tmp_path / "there").mkdir()
    monkeypatch.setattr(s3_upload, "MULTIPART_ABOVE_BYTES", 2 * MIB)
    monkeypatch.setattr(rsync, "PAUSE_SECONDS", 0.05)
    there = PLACES[request.param](tmp_path / "there", None, request)
    yield there
    there.close()


@pytest.fixture(params=sorted(PLACES))
def cramped_place(
    request: pytest.FixtureRequest, cramped_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """An empty place of each kind, on a file system of 80 MiB."""
    monkeypatch.setattr(rsync, "PAUSE_SECONDS", 0.05)
    with contextlib.ExitStack() as stack:
        store = None
        if request.param == "s3":
            pytest.importorskip("botocore", reason="boto3 is not installed")
            store = stack.enter_context(ObjectStore(cramped_disk / "store"))
        (cramped_disk / "there").mkdir()
        there = PLACES[request.param](cramped_disk / "there", store, request)
        yield there
        there.close()


def test_every_kind_of_medium_is_held_to_the_contract() -> None:
    assert sorted(PLACES) == sorted(MEDIA)


def test_sets_come_back_as_they_went(place: Place, disk: DirectoryMedium, vault: DirectoryMedium) -> None:
    write_set(
        disk, OTHER, {"tree.age": random_bytes(3 * MIB), "año [1]* 'x' \"y\" $z;.age": b"odd", "nothing.age": b""}
    )
    medium = place.connect()
    assert medium.sets() == []
    for set_id in disk.sets():
        out = copy_set(disk, medium, set_id)
        assert (out.changed, out.verified) == (True, True)
        assert not copy_set(disk, place.connect(), set_id).changed, "a second time there is nothing to do"
        back = copy_set(place.connect(), vault, set_id)
        assert (back.changed, back.verified) == (True, True)
        assert contents_of(vault.contents(set_id)) == contents_of(disk.contents(set_id))
        assert contents_of(medium.contents(set_id)) == contents_of(disk.contents(set_id))
        assert medium.contents(set_id).sizes() == disk.contents(set_id).sizes()
    assert medium.sets() == disk.sets() == [SET_ID, OTHER]
    assert medium.sets(host="web1", source="files") == [OTHER]
    assert medium.sets(host="web*") == medium.sets(host="web") == []
    assert medium.holds(OTHER)
    assert not medium.holds(NONE_THERE)
    with pytest.raises(NotFound, match="no such set"):
        medium.contents(NONE_THERE)


def test_a_set_is_never_overwritten(place: Place, disk: DirectoryMedium, vault: DirectoryMedium) -> None:
    place.connect().store(SET_ID, disk.path(SET_ID))
    write_set(vault, SET_ID, {"1.zst.age": b"another"})
    for origin in (disk, vault):
        with pytest.raises(AlreadyStored):
            place.connect().store(SET_ID, origin.path(SET_ID))
    with pytest.raises(AlreadyStored):
        copy_set(vault, place.connect(), SET_ID)
    assert contents_of(place.connect().contents(SET_ID)) == contents_of(disk.contents(SET_ID))


def test_check_mode_says_exactly_what_a_run_does_and_touches_nothing(place: Place, disk: DirectoryMedium) -> None:
    write_set(disk, OTHER, {"tree.age": random_bytes(3 * MIB)})
    place.connect().store(SET_ID, disk.path(SET_ID))

    def copied(*, check_mode: bool) -> list[tuple[str, bool]]:
        report = copy_sets(
            disk,
            place.connect(),
            SetSelection(),
            except_sets=(),
            options=CopyOptions(),
            reencryption=None,
            status_file=None,
            check_mode=check_mode,
        )
        assert report.failures == []
        return [(entry["id"], entry["changed"]) for entry in report.sets]

    foretold = copied(check_mode=True)
    assert foretold == [(str(SET_ID), False), (str(OTHER), True)]
    assert place.connect().sets() == [SET_ID]
    assert copied(check_mode=False) == foretold
    assert copied(check_mode=True) == copied(check_mode=False) == [(str(SET_ID), False), (str(OTHER), False)]


def test_a_file_gone_bad_never_becomes_part_of_a_listed_set(place: Place, disk: DirectoryMedium) -> None:
    path = Path(disk.path(SET_ID), "data", "1.zst.age")
    path.chmod(0o600)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(SetInvalid):
        place.connect().store(SET_ID, disk.path(SET_ID))
    assert place.connect().sets() == []


def test_killed_anywhere_it_is_not_listed_and_the_next_time_completes_it(place: Place, disk: DirectoryMedium) -> None:
    chance = random.Random(SEED)
    write_set(disk, OTHER, {f"{number}.age": random_bytes(200_000, seed=number) for number in range(5)})
    for bytes_before in sorted(chance.randrange(1, 1_000_000) for _turn in range(3)):
        print(f"SEED={SEED}: killed after {bytes_before} bytes")
        child = os.fork()
        if not child:
            stored = 0

            def count(more: int, most: int = bytes_before) -> None:
                nonlocal stored
                stored += more
                if stored >= most:
                    os._exit(9)

            try:
                make_medium(place.options).store(OTHER, disk.path(OTHER), count)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        if place.connect().holds(OTHER):
            break  # Its last byte came before the process was told.
        assert place.connect().sets() == []
    copy_set(disk, place.connect(), OTHER)
    assert place.connect().sets() == [OTHER]
    assert contents_of(place.connect().contents(OTHER)) == contents_of(disk.contents(OTHER))


def test_a_full_disk_is_told_lists_nothing_and_harms_nothing(
    cramped_place: Place, disk: DirectoryMedium, cramped_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "DEADLINE_SECONDS", 2)  # A store answers 500 then, which can pass.
    copy_set(disk, cramped_place.connect(), SET_ID)
    write_set(disk, OTHER, {"tree.age": random_bytes(50 * MIB)})
    filler = cramped_disk / "filler"
    filler.write_bytes(bytes(40 * MIB))
    with pytest.raises(BackupError, match=r"Could not (store|copy) (a|the) set"):
        copy_set(disk, cramped_place.connect(), OTHER)
    assert cramped_place.connect().sets() == [SET_ID]
    assert contents_of(cramped_place.connect().contents(SET_ID)) == contents_of(disk.contents(SET_ID))
    filler.unlink()
    if not cramped_place.is_a_disk:
        return  # How an object store recovers is its own affair.
    assert copy_set(disk, cramped_place.connect(), OTHER).verified, "what the first time left is not in the way"
    assert cramped_place.connect().sets() == [SET_ID, OTHER]


def test_a_set_is_delivered_from_and_to_every_medium_encrypted_to_a_key_of_its_own(
    place: Place, disk: DirectoryMedium, vault: DirectoryMedium, tmp_path: Path
) -> None:
    core.need("age", "age-keygen")
    delivery, stranger = _identity(tmp_path / "delivery"), _identity(tmp_path / "stranger")
    spool = tmp_path / "spool"
    spool.mkdir()
    plain = DirectoryMedium(path=str(tmp_path / "plain"))
    os.mkdir(plain.root)
    for set_id in (SET_ID, OTHER):
        write_set(plain, set_id, {"tree": random_bytes(300_000), "empty": b""})
    copy_set(plain, place.connect(), SET_ID)

    def deliver(set_id: SetId, origin: Medium, destination: Medium, to: str, **options: t.Any) -> dict[str, t.Any]:
        report = copy_sets(
            origin,
            destination,
            SetSelection(ids=(set_id,)),
            except_sets=(),
            options=CopyOptions(spool=str(spool)),
            reencryption=Reencryption((), (to,)),
            status_file=None,
            check_mode=options.pop("check_mode", False),
        )
        assert os.listdir(spool) == []
        [entry] = report.sets + report.failures
        return entry

    assert deliver(SET_ID, place.connect(), vault, delivery, check_mode=True)["changed"]
    assert vault.sets() == []
    fetched = deliver(SET_ID, place.connect(), vault, delivery)
    assert fetched["changed"]
    assert fetched["tag_manifest_sha256"] == bag.tag_manifest_digest(vault.contents(SET_ID))
    assert not deliver(SET_ID, place.connect(), vault, delivery)["changed"]
    assert "already there, encrypted to" in deliver(SET_ID, place.connect(), vault, stranger)["message"]

    sent = deliver(OTHER, plain, place.connect(), delivery)
    assert (sent["changed"], sent["verified"]) == (True, place.options["type"] != "directory")
    assert sent["tag_manifest_sha256"] == bag.tag_manifest_digest(place.connect().contents(OTHER))
    assert not deliver(OTHER, plain, place.connect(), delivery)["changed"]

    copy_set(place.connect(), vault, OTHER)
    for set_id in (SET_ID, OTHER):
        assert decrypted(vault, set_id, tmp_path / "delivery") == payload_of(plain, set_id)


def _identity(path: Path) -> str:
    """A new age identity at a path; its public key."""
    subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True, timeout=60)
    shown = subprocess.run(["age-keygen", "-y", str(path)], check=True, capture_output=True, text=True, timeout=60)
    return shown.stdout.strip()


def payload_of(medium: DirectoryMedium, set_id: SetId) -> dict[str, bytes]:
    """The payload files of a set."""
    return {path: data for path, data in contents_of(medium.contents(set_id)).items() if path.startswith("data/")}


def decrypted(medium: DirectoryMedium, set_id: SetId, identity: Path) -> dict[str, bytes]:
    """The payload files of a delivered set as they were before its delivery."""
    found = {}
    for path, data in payload_of(medium, set_id).items():
        age = ["age", "-d", "-i", str(identity)]
        found[path.removesuffix(".age")] = subprocess.run(age, input=data, check=True, capture_output=True).stdout
    return found


def test_only_what_is_a_set_in_its_place_is_one(place: Place, disk: DirectoryMedium) -> None:
    place.connect().store(SET_ID, disk.path(SET_ID))
    for path in (
        "web1/accounts/yesterday/bagit.txt",
        "web1/accounts/20261122T030000/bagit.txt",
        "web1/20261122T030000Z/bagit.txt",
        "web1/accounts/20261122T050000Z/manifest-sha256.txt",
        "web1/.hidden/20261122T050000Z/bagit.txt",
        "-rf/accounts/20261122T050000Z/bagit.txt",
        "notes.txt",
    ):
        place.plant(path, b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    assert place.connect().sets() == [SET_ID]


def test_a_removed_set_is_gone_and_can_be_stored_again(place: Place, disk: DirectoryMedium) -> None:
    medium = place.connect()
    medium.store(SET_ID, disk.path(SET_ID))
    if not place.removes:
        with pytest.raises(Refused, match="not removed over the network"):
            medium.remove(SET_ID)
        assert medium.sets() == [SET_ID]
        return
    medium.remove(SET_ID)
    assert medium.sets() == []
    for gone in (medium.contents, medium.remove):
        with pytest.raises(BackupError):
            gone(SET_ID)
    time.sleep(place.pause)
    assert copy_set(disk, place.connect(), SET_ID).verified


def test_a_probe_tells_what_is_possible_and_lists_no_set(place: Place) -> None:
    first, second = place.connect().probe(), place.connect().probe()
    assert first == second
    assert isinstance(first, Access)
    assert first.list is True
    assert place.connect().sets() == []
