# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong between a host and an object store: nothing is stored twice, listed half, or sent again in vain."""

from __future__ import annotations

import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AlreadyStored, BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import (
    fetch,
    multipart,
    retries,
    small_objects,
    store,
    upload,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.journal import STORED, Journals
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import ObjectStore

from .conftest import SET_ID, Connect, contents_of, copy_set, random_bytes, write_set
from .faulty_link import FaultyLink, Request, Rule

MIB = 1024 * 1024
BIG = SetId("web1", "files", "20261122T040000Z")
MANY = SetId("web1", "many", "20261122T050000Z")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files go in parts too, and nobody waits long."""
    monkeypatch.setattr(upload, "MULTIPART_ABOVE_BYTES", 6 * MIB)
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * MIB)
    monkeypatch.setattr(fetch, "PARTS_ABOVE_BYTES", 6 * MIB)
    monkeypatch.setattr(fetch, "PART_BYTES", 5 * MIB)
    monkeypatch.setattr(retries, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(store, "READ_TIMEOUT_SECONDS", 1)


@pytest.fixture
def link(object_store: ObjectStore) -> Iterator[Callable[[Rule], FaultyLink]]:
    """Make links; they end with the test."""
    made: list[FaultyLink] = []

    def make(rule: Rule) -> FaultyLink:
        made.append(FaultyLink(object_store, rule))
        return made[-1]

    yield make
    for each in made:
        each.close()


def never(_request: Request) -> None:
    """Let every request pass."""


def versions(object_store: ObjectStore, medium: S3Medium, set_id: SetId) -> collections.Counter[str]:
    """How many versions each object of a set has."""
    prefix = f"{medium.prefix}/{set_id}/"
    answer = object_store.client().list_object_versions(Bucket=object_store.bucket, Prefix=prefix)
    return collections.Counter(each["Key"][len(prefix) :] for each in answer.get("Versions", ()))


def unfinished(object_store: ObjectStore, medium: S3Medium) -> list[str]:
    """The uploads in parts that dangle below a medium's prefix."""
    answer = object_store.client().list_multipart_uploads(Bucket=object_store.bucket)
    return [each["Key"] for each in answer.get("Uploads", ()) if each["Key"].startswith(medium.prefix)]


def journal_of(medium: S3Medium, set_id: SetId) -> dict[str, t.Any]:
    """What this host knows of an upload."""
    journals: Journals = medium._journals
    known: dict[str, t.Any] = json.loads(Path(journals.path(set_id)).read_text())
    return known


@pytest.mark.parametrize("fault", ["reset", "stall", "500", "503", "SlowDown", "429", "lost"])
def test_a_write_that_fails_once_is_stored_once(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, link: Callable[[Rule], FaultyLink], fault: str
) -> None:
    write_set(disk, BIG, {"1.age": b"first", "2.age": random_bytes(11 * MIB), "3.age": b"last"})
    direct = connect(object_store.writer)
    direct.store(SET_ID, disk.path(SET_ID))  # The abilities are known by now.

    def once(request: Request) -> str | None:
        doubtful = ("/data/1.age", "/data/2.age", f"/{bag.TAG_MANIFEST}", f"/{bag.BAGIT_TXT}")
        return fault if request.is_write and request.number == 1 and request.path.endswith(doubtful) else None

    faulty = link(once)
    connect(object_store.writer, endpoint_url=faulty.endpoint_url).store(BIG, disk.path(BIG))

    reader = connect(object_store.reader)
    assert {request.number for request in faulty.seen if request.is_write} >= {1, 2}
    assert versions(object_store, reader, BIG) == dict.fromkeys(disk.contents(BIG).sizes(), 1)
    assert contents_of(reader.contents(BIG)) == contents_of(disk.contents(BIG))
    assert unfinished(object_store, reader) == []


@pytest.mark.parametrize("fault", ["reset", "truncated", "stall", "SlowDown"])
def test_a_download_that_breaks_goes_on(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    vault: DirectoryMedium,
    link: Callable[[Rule], FaultyLink],
    fault: str,
) -> None:
    write_set(disk, BIG, {"1.age": b"first", "2.age": random_bytes(11 * MIB)})
    connect().store(BIG, disk.path(BIG))
    faulty = link(lambda request: fault if request.number == 1 and "/data/" in request.path else None)

    assert copy_set(connect(object_store.reader, endpoint_url=faulty.endpoint_url), vault, BIG).verified

    assert contents_of(vault.contents(BIG)) == contents_of(disk.contents(BIG))


def test_a_store_in_a_storm_is_waited_for_until_the_deadline(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    link: Callable[[Rule], FaultyLink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "DEADLINE_SECONDS", 1.5)
    monkeypatch.setattr(retries, "LONGEST_PAUSE_SECONDS", 0.2)
    storm = link(lambda request: "SlowDown" if request.is_write and "/data/" in request.path else None)
    server = connect(object_store.writer, endpoint_url=storm.endpoint_url)

    with pytest.raises(BackupError, match=r"SlowDown.*, \d+ times in a row, for [12] seconds.*goes on where it"):
        server.store(SET_ID, disk.path(SET_ID))

    tries = collections.Counter(request.path for request in storm.seen if "/data/" in request.path)
    assert min(tries.values()) > 4, "it is tried again and again, not a fixed number of times"
    assert connect(object_store.reader).sets() == []
    monkeypatch.setattr(retries, "SILENCE_DEADLINE_SECONDS", 0.1)
    begin = time.monotonic()
    with pytest.raises(BackupError, match="SlowDown"):
        server.store(SET_ID, disk.path(SET_ID))
    assert time.monotonic() - begin < 1.2, "a store that was given up is not waited for as long again"
    storm.rule = never
    server.store(SET_ID, disk.path(SET_ID))
    assert contents_of(connect(object_store.reader).contents(SET_ID)) == contents_of(disk.contents(SET_ID))


def test_what_has_arrived_before_a_cut_is_not_sent_again(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    link: Callable[[Rule], FaultyLink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "DEADLINE_SECONDS", 0)
    write_set(disk, BIG, {"2.age": random_bytes(33 * MIB)})
    faulty = link(lambda request: "reset" if (request.part or 0) > 3 else None)
    server = connect(object_store.writer, endpoint_url=faulty.endpoint_url)

    with pytest.raises(BackupError, match="was lost"):
        server.store(BIG, disk.path(BIG))

    arrived = {int(number) for number in journal_of(server, BIG)["objects"]["data/2.age"]["parts"]}
    assert arrived and arrived <= {1, 2, 3}
    faulty.seen.clear()
    faulty.rule = never
    server.store(BIG, disk.path(BIG))
    left = {number: min(5 * MIB, 33 * MIB - (number - 1) * 5 * MIB) for number in {*range(1, 8)} - arrived}
    assert faulty.bytes_of_parts() == left
    assert sum(request.size for request in faulty.seen) < sum(left.values()) + 8192, "and little else is sent"
    assert versions(object_store, connect(object_store.reader), BIG) == dict.fromkeys(disk.contents(BIG).sizes(), 1)


_UPLOAD = """
import json, sys
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import multipart, upload
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
upload.MULTIPART_ABOVE_BYTES, multipart.PART_BYTES, multipart.PARTS_AT_A_TIME = 6 << 20, 5 << 20, 2
options, set_id, directory = json.load(sys.stdin)
S3Medium(**options).store(SetId.parse(set_id), directory, lambda count: None)
"""


def upload_in_child(options: dict[str, t.Any], directory: str, set_id: SetId) -> subprocess.Popen[str]:
    """Store a set in another process."""
    with tempfile.TemporaryFile("w+") as request:
        json.dump([options, str(set_id), directory], request)
        request.seek(0)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.Popen([sys.executable, "-c", _UPLOAD], stdin=request, text=True, env=environment)


def test_what_a_killed_run_has_sent_is_not_sent_again(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    link: Callable[[Rule], FaultyLink],
    tmp_path: Path,
) -> None:
    write_set(disk, BIG, {"2.age": random_bytes(33 * MIB)})
    faulty = link(lambda request: "stall" if (request.part or 0) > 4 else None)
    who = object_store.writer
    reader = connect(object_store.reader)
    options = {
        "bucket": object_store.bucket,
        "prefix": reader.prefix,
        "endpoint_url": faulty.endpoint_url,
        "access_key": who.access_key,
        "secret_key": who.secret_key,
        "ca_bundle": str(object_store.ca_file),
        "state_directory": str(tmp_path / "state"),
    }
    child = upload_in_child(options, disk.path(BIG), BIG)
    while len(_parts(tmp_path / "state")) < 4:
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert reader.sets() == []

    faulty.seen.clear()
    faulty.rule = never
    again = upload_in_child(options, disk.path(BIG), BIG)

    assert again.wait() == 0
    assert faulty.bytes_of_parts() == {5: 5 * MIB, 6: 5 * MIB, 7: 3 * MIB}
    assert versions(object_store, reader, BIG) == dict.fromkeys(disk.contents(BIG).sizes(), 1)
    assert contents_of(reader.contents(BIG)) == contents_of(disk.contents(BIG))


def _parts(state: Path) -> dict[str, t.Any]:
    """The parts that a journal notes, of any object."""
    for path in state.rglob(f"{BIG.time}.json"):
        objects = json.loads(path.read_text())["objects"]
        return dict(objects.get("data/2.age", {}).get("parts", {}))
    return {}


def test_many_small_files_go_side_by_side_with_few_writes_of_the_journal(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(disk, MANY, {f"{number}.age": random_bytes(2000, number) for number in range(300)})
    server = connect(object_store.writer)
    server.store(SET_ID, disk.path(SET_ID))
    order: list[str] = []
    writes: list[int] = []
    attempt, write = store.Store.attempt, Journals.write

    def note(self: t.Any, operation: str, **parameters: t.Any) -> t.Any:
        name = parameters.get("Key", "").rpartition("/")[2]
        order.append(f"begin {name}")
        answer = attempt(self, operation, **parameters)
        order.append(f"end {name}")
        return answer

    def count(self: t.Any, set_id: SetId, known: t.Any) -> None:
        writes.append(len(known.objects))
        write(self, set_id, known)

    monkeypatch.setattr(store.Store, "attempt", note)
    monkeypatch.setattr(Journals, "write", count)
    sent: list[int] = []
    server.store(MANY, disk.path(MANY), sent.append)

    assert order[:2] == [f"begin {bag.TAG_MANIFEST}", f"end {bag.TAG_MANIFEST}"], "the claim comes first"
    assert order[-2:] == [f"begin {bag.BAGIT_TXT}", f"end {bag.BAGIT_TXT}"], "what makes it a set comes last"
    under_way = most = 0
    for entry in order:
        under_way += 1 if entry.startswith("begin") else -1
        most = max(most, under_way)
    assert most == small_objects.OBJECTS_AT_A_TIME
    assert len(writes) < 12
    assert sum(sent) == sum(disk.contents(MANY).sizes().values())
    assert contents_of(connect(object_store.reader).contents(MANY)) == contents_of(disk.contents(MANY))


def test_one_small_file_that_fails_stops_the_others_and_keeps_what_was_done(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    link: Callable[[Rule], FaultyLink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "DEADLINE_SECONDS", 0)
    write_set(disk, MANY, {f"{number:03}.age": random_bytes(2000, number) for number in range(100)})
    faulty = link(lambda request: "503" if request.path.endswith("/data/040.age") else None)
    server = connect(object_store.writer, endpoint_url=faulty.endpoint_url)

    with pytest.raises(BackupError, match="ServiceUnavailable"):
        server.store(MANY, disk.path(MANY))

    known = journal_of(server, MANY)["objects"]
    stored = {path for path, record in known.items() if record["state"] == STORED}
    assert 30 < len(stored) < 60
    assert len(known) - len(stored) <= small_objects.OBJECTS_AT_A_TIME, "what was never sent is not in doubt"
    reader = connect(object_store.reader)
    assert set(versions(object_store, reader, MANY)) >= stored
    assert reader.sets() == []
    faulty.seen.clear()
    faulty.rule = never
    server.store(MANY, disk.path(MANY))
    again = {request.path.partition(f"{MANY}/")[2] for request in faulty.seen if request.is_write}
    assert not again & stored
    assert versions(object_store, reader, MANY) == dict.fromkeys(disk.contents(MANY).sizes(), 1)


def test_an_object_of_somebody_else_among_many_is_not_taken_for_ours(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium
) -> None:
    write_set(disk, MANY, {f"{number}.age": random_bytes(2000, number) for number in range(50)})
    server = connect(object_store.writer)
    key = f"{server.prefix}/{MANY}/data/30.age"
    object_store.client(object_store.writer).put_object(Bucket=object_store.bucket, Key=key, Body=b"hostile")

    for _time in range(2):
        with pytest.raises(AlreadyStored, match=r"data/30\.age of a set of this id already exists"):
            server.store(MANY, disk.path(MANY))

    assert versions(object_store, connect(object_store.reader), MANY)["data/30.age"] == 1
    assert connect(object_store.reader).sets() == []
