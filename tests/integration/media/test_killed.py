# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL to uploads and prunings at moments of chance: nothing is listed half, nothing is lost, nothing is left.

Each is killed again and again until it is over, ten times in all; ``make kills`` does so a hundred times each
(``MEDIA_KILLS``). SEED chooses the moments. One thing is left: an upload in parts whose process died before it could
write down that it has begun. A key that may only put cannot find it again; the bucket's own rule ends it, which
``prepare_cloud`` sets.
"""

from __future__ import annotations

import datetime
import os
import random
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import multipart
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import upload as s3_upload
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import ObjectStore

from .conftest import Connect, contents_of, random_bytes, write_set
from .killed_process import Moment, run_killed
from .test_cloud_retention import House

SEED = os.environ["SEED"]
KILLS = int(os.environ.get("MEDIA_KILLS") or 20) // 2
MIB = 1024 * 1024
FIRST = datetime.datetime(2026, 11, 22, 3, tzinfo=datetime.timezone.utc)


class Uploads:
    """A server that uploads sets, some of whose files go in parts, and the bucket as others see it."""

    def __init__(self, disk: DirectoryMedium, connect: Connect, store: ObjectStore, state: Path) -> None:
        self.disk, self.connect, self.store, self.state = disk, connect, store, state
        self.reader = connect(store.reader)
        self.client = store.client()
        self.complete: list[SetId] = []
        self.never_learned: set[str] = set()

    def make(self, number: int) -> SetId:
        """Make a set with a file of three parts."""
        set_id = SetId.at("web1", "files", FIRST + datetime.timedelta(hours=number))
        payload = {"1.age": b"first", "2.age": random_bytes(11 * MIB, seed=number), "3.age": b"", "4.age": b"last"}
        write_set(self.disk, set_id, payload)
        return set_id

    def upload(self, set_id: SetId) -> None:
        """Do what the server does; in a process that may die."""
        lock = {"retain_days": 1, "retain_mode": "governance"}
        medium = self.connect(self.store.writer, state_directory=str(self.state), **lock)
        medium.store(set_id, self.disk.path(set_id))

    def look(self, set_id: SetId) -> None:
        """Check after a kill that the set is whole or not there, and that the earlier ones are."""
        listed = self.reader.sets()
        assert set(self.complete) <= set(listed) <= {*self.complete, set_id}
        if set_id in listed:
            self.check_whole(set_id)
        journals = "".join(path.read_text() for path in self.state.rglob("*.json"))
        unknown = {upload for upload in self.unfinished() if upload not in journals}
        assert self.never_learned <= unknown
        assert len(unknown - self.never_learned) <= 1, "only the one that it was about to write down"
        self.never_learned = unknown

    def check_whole(self, set_id: SetId) -> None:
        """Check that a set in the bucket is the one on the disk."""
        reader = self.connect(self.store.reader)  # Another one has read nothing yet.
        assert contents_of(reader.contents(set_id)) == contents_of(self.disk.contents(set_id))

    def unfinished(self) -> set[str]:
        """Return the uploads in parts that were begun."""
        answer = self.client.list_multipart_uploads(Bucket=self.store.bucket, Prefix=self.reader.prefix)
        return {upload["UploadId"] for upload in answer.get("Uploads", ())}

    def check_nothing_is_left(self) -> None:
        """Check that every object is of a set, and stands once; that no upload, and no half a journal, is left."""
        pages = self.client.get_paginator("list_object_versions")
        found = [
            version["Key"]
            for page in pages.paginate(Bucket=self.store.bucket, Prefix=f"{self.reader.prefix}/")
            for version in page.get("Versions", ())
        ]
        prefix = self.reader.prefix
        own = [f"{prefix}/{each}/{path}" for each in self.complete for path in self.disk.contents(each).sizes()]
        assert sorted(key for key in found if not key.endswith("/.probe")) == sorted(own)
        assert self.unfinished() == self.never_learned
        times = {f"{set_id.time}.json" for set_id in self.complete}
        assert {path.name for path in self.state.rglob("*") if path.is_file()} == {*times, ".lock", ".abilities.json"}
        for set_id in self.complete:
            self.check_whole(set_id)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("one_loader")
def test_uploads_killed_at_any_moment_go_on_and_leave_nothing(
    connect: Connect, object_store: ObjectStore, vault: DirectoryMedium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_upload, "MULTIPART_ABOVE_BYTES", 6 * MIB)
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * MIB)
    choose = random.Random(f"{SEED} uploads")
    uploads = Uploads(vault, connect, object_store, tmp_path / "state-of-web1")
    kills = 0
    while kills < KILLS:
        set_id = uploads.make(len(uploads.complete))
        killed = True
        while killed and kills < KILLS:
            moment = Moment.some(choose, requests=10, changes=60, milliseconds=400)
            killed = run_killed(lambda set_id=set_id: uploads.upload(set_id), moment)  # type: ignore[misc]
            kills += killed
            uploads.look(set_id)
        if killed:
            uploads.upload(set_id)
        uploads.check_whole(set_id)
        uploads.complete.append(set_id)
    uploads.check_nothing_is_left()
    print(f"SEED={SEED}: {len(uploads.complete)} sets, {kills} kills, {len(uploads.never_learned)} never learned of")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("one_loader")
def test_prunings_killed_at_any_moment_go_on_and_lose_nothing(
    connect: Connect, object_store: ObjectStore, tmp_path: Path
) -> None:
    choose = random.Random(f"{SEED} prunings")
    kills = rounds = 0
    while kills < KILLS:
        (tmp_path / f"house-{rounds}").mkdir()
        (tmp_path / f"house-{rounds}" / "vault").mkdir()
        vault = DirectoryMedium(path=str(tmp_path / f"house-{rounds}" / "vault"))
        house = House(tmp_path / f"house-{rounds}", in_round(connect, rounds), object_store, vault)
        kills += kill_prunings(house, choose, KILLS - kills)
        rounds += 1
    print(f"SEED={SEED}: {rounds} vaults, {kills} kills")


def in_round(connect: Connect, number: int) -> Connect:
    """Give each round a part of the bucket of its own."""

    def make(who: t.Any = None, **options: t.Any) -> S3Medium:
        return connect(who, **{"prefix": f"killed-prunings-{SEED}-{number}", **options})

    return make


def kill_prunings(house: House, choose: random.Random, most: int) -> int:
    """Prune a vault and the cloud behind it, killed again and again; return how often."""
    locked = house.back_up(14, retain_days=2, retain_mode="governance")
    expired = house.back_up(*range(13, 13 - min(most, 8), -1))
    kept = house.back_up(5, 4)
    whole = {set_id: contents_of(house.vault.contents(set_id)) for set_id in [*locked, *expired, *kept]}
    policy = {"400.8.1": {"daily": len(kept)}}
    kills = 0
    while kills < most:
        moment = Moment.some(choose, requests=8, changes=60, milliseconds=250)
        if not run_killed(lambda: succeed(house, policy), moment):
            break
        kills += 1
        check_that_all_is_whole(house, kept, whole)
    succeed(house, policy)
    check_that_all_is_whole(house, kept, whole)
    assert house.prune(policy)[0]["changed"] is False
    assert house.vault.sets() == kept
    reader = house.reach(house.store.reader)
    assert reader.sets() == [*locked, *kept]
    assert {set_id for set_id in whole if house.locks_of(set_id)} == {*locked, *kept}
    assert None not in {until for set_id in kept for until in house.locks_of(set_id)}
    assert [set_id for set_id in expired if reader.audited_once(set_id)] == []
    assert not house.audit().failures
    left = [path for path in house.directory.rglob("*") if path.match("*.partial") or path.match("*.new*")]
    assert left == []
    return kills


def succeed(house: House, policy: dict[str, t.Any]) -> None:
    """Prune, without a failure."""
    _result, failure = house.prune(policy)
    assert failure == "", failure


def check_that_all_is_whole(house: House, kept: list[SetId], whole: dict[SetId, dict[str, bytes]]) -> None:
    """Check that whatever is listed can be read to its last byte, and that what the policy keeps is listed."""
    reader = house.reach(house.store.reader)
    assert set(kept) <= set(reader.sets())
    for set_id in reader.sets():
        assert contents_of(reader.contents(set_id)) == whole[set_id]
    assert set(kept) <= set(house.vault.sets())
    for set_id in house.vault.sets():
        set_verification.verify(house.vault, set_id)
