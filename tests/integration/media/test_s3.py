# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The s3 medium against a real object store over TLS."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    NotFound,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import multipart, retries, store
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import upload as s3_upload
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import ObjectStore, make_certificates

from .conftest import SET_ID, BreakingLink, Connect, contents_of, copy_set, random_bytes, write_set

MIB = 1024 * 1024


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files go in parts too: 5 MiB is the least that the S3 API has."""
    monkeypatch.setattr(s3_upload, "MULTIPART_ABOVE_BYTES", 6 * MIB)
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * MIB)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One try for each call, so that a test of a dead link does not wait."""
    monkeypatch.setattr(retries, "DEADLINE_SECONDS", 0)
    monkeypatch.setattr(retries, "SILENCE_DEADLINE_SECONDS", 0)


def unfinished(object_store: ObjectStore, medium: S3Medium) -> list[str]:
    """The uploads in parts that dangle below a medium's prefix."""
    answer = object_store.client().list_multipart_uploads(Bucket=object_store.bucket)
    return [each["Key"] for each in answer.get("Uploads", ()) if each["Key"].startswith(medium.prefix)]


@pytest.mark.usefixtures("in_parts")
def test_a_set_comes_back_as_it_went(connect: Connect, disk: DirectoryMedium, vault: DirectoryMedium) -> None:
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"tree.tar.zst.age": random_bytes(17 * MIB), "ä name.age": b"x"})
    cloud = connect()

    for set_id in (SET_ID, big):
        out = copy_set(disk, cloud, set_id)
        back = copy_set(cloud, vault, set_id)
        assert (out.changed, out.verified, back.changed, back.verified) == (True, True, True, True)
        assert contents_of(vault.contents(set_id)) == contents_of(disk.contents(set_id))

    assert cloud.sets() == [SET_ID, big]
    assert cloud.sets(host="web1", source="files") == [big]
    assert cloud.sets(source="accounts") == [SET_ID]
    assert cloud.sets(host="web") == []
    assert cloud.holds(big) and not cloud.holds(SetId("web1", "files", "20261122T040001Z"))
    assert not copy_set(disk, cloud, big).changed
    with pytest.raises(AlreadyStored, match="this host stored it there"):
        cloud.store(big, disk.path(big))
    with pytest.raises(NotFound, match="no such set"):
        cloud.contents(SetId("web2", "files", "20261122T040000Z"))


def test_a_key_that_may_only_put_stores_everything_and_sees_nothing(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium
) -> None:
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"tree.tar.zst.age": random_bytes(11 * MIB)})
    server = connect(object_store.writer, retain_days=1)

    first = copy_set(disk, server, big)
    second = copy_set(disk, server, big)

    assert (first.changed, first.verified) == (True, False)
    assert not second.changed, "what this host remembers having stored is not stored again"
    for forbidden in (server.sets, lambda: server.holds(big), lambda: server.contents(big), lambda: server.remove(big)):
        with pytest.raises(AccessDenied, match="does not allow this key to do it"):
            forbidden()
    with pytest.raises(Refused, match="could not be verified"):
        copy_set(disk, server, big, move=True)
    assert disk.holds(big)
    systems_computer = connect(object_store.reader)
    assert contents_of(systems_computer.contents(big)) == contents_of(disk.contents(big))
    with pytest.raises(AccessDenied):
        systems_computer.remove(big)
    with pytest.raises(AccessDenied):
        systems_computer.store(SET_ID, disk.path(SET_ID))


def test_a_key_may_be_bound_to_its_own_host_s_part(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium
) -> None:
    other = SetId("web2", "accounts", "20261122T030000Z")
    write_set(disk, other, {"1.age": b"x"})
    server = connect(object_store.writers["web1"], prefix="")
    server.store(SET_ID, disk.path(SET_ID))
    with pytest.raises(AccessDenied):
        server.store(other, disk.path(other))
    assert server.probe(host="web1").write and not server.probe(host="web2").write
    connect(prefix="").remove(SET_ID)


@pytest.mark.usefixtures("in_parts")
def test_a_stolen_key_can_neither_alter_nor_spoil_what_was_stored(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, vault: DirectoryMedium
) -> None:
    write_set(disk, SetId("web1", "files", "20261122T040000Z"), {"tree.age": random_bytes(11 * MIB)})
    server = connect(object_store.writer, retain_days=1)
    for set_id in disk.sets():
        server.store(set_id, disk.path(set_id))
    time.sleep(1.1)
    thief = object_store.client(object_store.writer)
    for set_id in disk.sets():
        below = f"{server.prefix}/{set_id}/"
        for path in [*disk.contents(set_id).sizes(), "data/added.age"]:
            thief.put_object(Bucket=object_store.bucket, Key=below + path, Body=b"hostile")

    for set_id in disk.sets():
        assert copy_set(connect(object_store.reader), vault, set_id).verified
        assert contents_of(vault.contents(set_id)) == contents_of(disk.contents(set_id))


def test_nobody_deletes_a_retained_version(connect: Connect, object_store: ObjectStore, disk: DirectoryMedium) -> None:
    from botocore.exceptions import ClientError

    cloud = connect(retain_days=2)
    cloud.store(SET_ID, disk.path(SET_ID))
    admin = object_store.client()
    versions = admin.list_object_versions(Bucket=object_store.bucket, Prefix=f"{cloud.prefix}/{SET_ID}/")["Versions"]

    assert len(versions) == len(disk.contents(SET_ID).sizes())
    for version in versions:
        named = {"Bucket": object_store.bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
        retention = admin.get_object_retention(**named)["Retention"]
        left = retention["RetainUntilDate"] - datetime.datetime.now(datetime.timezone.utc)
        assert retention["Mode"] == "COMPLIANCE"
        assert datetime.timedelta(days=1, hours=23) < left < datetime.timedelta(days=2, minutes=1)
        for bypass in (False, True):
            with pytest.raises(ClientError, match="AccessDenied"):
                admin.delete_object(**named, BypassGovernanceRetention=bypass)


def race(
    cloud: S3Medium, set_id: SetId, origin: DirectoryMedium, number: int, start: threading.Barrier, outcomes: list[str]
) -> None:
    """Store a set at the same moment as another thread, and note the outcome."""
    start.wait()
    try:
        cloud.store(set_id, origin.path(set_id))
        outcomes.append(f"{number} won")
    except AlreadyStored:
        outcomes.append(f"{number} lost")


@pytest.mark.usefixtures("in_parts")
def test_of_two_writers_exactly_one_wins(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, vault: DirectoryMedium, tmp_path: Path
) -> None:
    for round_number in range(3):
        set_id = SetId("web1", "race", f"20261122T05000{round_number}Z")
        outcomes: list[str] = []
        start = threading.Barrier(2)
        racers = []
        for number, medium in enumerate((disk, vault)):
            write_set(medium, set_id, {"1.age": random_bytes(7 * MIB, seed=number)})
            cloud = connect(object_store.writer, state_directory=str(tmp_path / f"state-{number}"))

            racers.append(threading.Thread(target=race, args=(cloud, set_id, medium, number, start, outcomes)))
            racers[-1].start()
        for racer in racers:
            racer.join()

        assert sorted(outcome.split()[1] for outcome in outcomes) == ["lost", "won"], outcomes
        winner = (disk, vault)[int(next(outcome for outcome in outcomes if "won" in outcome).split()[0])]
        reader = connect(object_store.reader)
        assert contents_of(reader.contents(set_id)) == contents_of(winner.contents(set_id))
        assert unfinished(object_store, reader) == []


@pytest.mark.usefixtures("in_parts", "impatient")
def test_an_upload_goes_on_where_the_link_broke(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    break_link: Callable[..., BreakingLink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(multipart, "PARTS_AT_A_TIME", 1)
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"1.age": b"first", "2.age": random_bytes(22 * MIB)})
    link = break_link(object_store.port, limit=12 * MIB)
    sent: list[int] = []
    bad = connect(object_store.writer, endpoint_url=f"https://127.0.0.1:{link.port}")

    with pytest.raises(BackupError, match=r"bucket backups at https://127.0.0.1:\d+.*connection .* was lost"):
        bad.store(big, disk.path(big), sent.append)

    reader = connect(object_store.reader)
    assert link.broken and sum(sent) >= 10 * MIB
    assert reader.sets() == []
    assert unfinished(object_store, reader), "the parts that arrived are kept for the next run"

    link.times = link.broken
    objects_before = object_store.client().list_objects_v2(Bucket=object_store.bucket, Prefix=bad.prefix)["Contents"]
    sent_again: list[int] = []
    parts_sent: list[int] = []
    attempt = store.Store.attempt

    def count(self: t.Any, operation: str, **parameters: t.Any) -> t.Any:
        if operation == "upload_part":
            parts_sent.append(parameters["PartNumber"])
        return attempt(self, operation, **parameters)

    monkeypatch.setattr(store.Store, "attempt", count)
    bad.store(big, disk.path(big), sent_again.append)

    assert parts_sent == [3, 4, 5], "only the parts that had not arrived"
    assert sum(sent_again) == sum(disk.contents(big).sizes().values())
    assert contents_of(reader.contents(big)) == contents_of(disk.contents(big))
    assert unfinished(object_store, reader) == []
    objects_after = object_store.client().list_objects_v2(Bucket=object_store.bucket, Prefix=bad.prefix)["Contents"]
    assert all(each in objects_after for each in objects_before), "nothing was put a second time"


_UPLOAD = """
import json, sys
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import multipart, upload
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
upload.MULTIPART_ABOVE_BYTES, multipart.PART_BYTES, multipart.PARTS_AT_A_TIME = 6 << 20, 5 << 20, 1
options, set_id, directory = json.load(sys.stdin)
S3Medium(**options).store(SetId.parse(set_id), directory, lambda count: print(count, flush=True))
"""


def upload_in_child(options: dict[str, t.Any], directory: str, set_id: SetId) -> subprocess.Popen[str]:
    """Store a set in another process, which prints the bytes of each object or part as it arrives."""
    with tempfile.TemporaryFile("w+") as request:
        json.dump([options, str(set_id), directory], request)
        request.seek(0)
        return subprocess.Popen(
            [sys.executable, "-c", _UPLOAD],
            stdin=request,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )


@pytest.mark.parametrize("lines", [1, 3, 5])
def test_a_killed_upload_is_not_listed_and_the_next_run_completes_it(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, tmp_path: Path, lines: int
) -> None:
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"1.age": b"first", "2.age": random_bytes(17 * MIB), "3.age": b"last"})
    reader = connect(object_store.reader)
    who = object_store.writer
    options = {
        "bucket": object_store.bucket,
        "prefix": reader.prefix,
        "endpoint_url": object_store.endpoint_url,
        "access_key": who.access_key,
        "secret_key": who.secret_key,
        "ca_bundle": str(object_store.ca_file),
        "state_directory": str(tmp_path / "state"),
    }

    child = upload_in_child(options, disk.path(big), big)
    assert child.stdout is not None and child.stderr is not None
    for _line in range(lines):
        assert child.stdout.readline().strip(), child.stderr.read()
    assert who.secret_key.encode() not in Path(f"/proc/{child.pid}/cmdline").read_bytes()
    assert who.secret_key.encode() not in Path(f"/proc/{child.pid}/environ").read_bytes()
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert reader.sets() == []

    again = upload_in_child(options, disk.path(big), big)
    output, errors = again.communicate()
    assert again.returncode == 0, errors
    assert contents_of(reader.contents(big)) == contents_of(disk.contents(big))
    assert unfinished(object_store, reader) == []
    left = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert left and all(who.secret_key not in path.read_text() for path in left)
    assert {path.stat().st_mode & 0o077 for path in left if path.suffix == ".json"} == {0}
    assert who.secret_key not in output + errors


@pytest.mark.usefixtures("in_parts", "impatient")
def test_an_upload_whose_set_is_gone_is_aborted(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, break_link: Callable[..., BreakingLink]
) -> None:
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"2.age": random_bytes(12 * MIB)})
    link = break_link(object_store.port, limit=3 * MIB)
    server = connect(object_store.writer)
    with pytest.raises(BackupError):
        connect(object_store.writer, endpoint_url=f"https://127.0.0.1:{link.port}").store(big, disk.path(big))
    # Its journal is that of the other endpoint; a direct one begun by hand stands for a broken direct upload.
    journals = server._journals
    key = f"{server.prefix}/{big}/data/2.age"
    begun = object_store.client(object_store.writer).create_multipart_upload(Bucket=object_store.bucket, Key=key)
    from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.journal import ObjectRecord, Upload

    record = ObjectRecord(12 * MIB, "0" * 64, upload_id=begun["UploadId"], part_bytes=5 * MIB)
    upload = Upload(str(big), "", "0" * 64, disk.path(big), objects={"data/2.age": record})
    journals.write(big, upload)
    assert server.abandon_uploads() == [], "the set is still here: it can be resumed"
    disk.remove(big)
    assert server.abandon_uploads() == [big]
    reader = connect(object_store.reader)
    assert len(unfinished(object_store, reader)) == 1
    link.times = link.broken
    through = connect(object_store.writer, endpoint_url=f"https://127.0.0.1:{link.port}")
    through.store(SET_ID, disk.path(SET_ID))
    assert unfinished(object_store, reader) == [], "every store begins with this cleaning"


def test_a_download_survives_a_lost_link(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    vault: DirectoryMedium,
    break_link: Callable[..., BreakingLink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_SECONDS", 0.01)
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"2.age": random_bytes(9 * MIB)})
    connect().store(big, disk.path(big))
    link = break_link(object_store.port, limit=2 * MIB, downwards=True, times=4)
    far = connect(object_store.reader, endpoint_url=f"https://127.0.0.1:{link.port}")

    assert copy_set(far, vault, big).verified
    assert link.broken == 4
    assert contents_of(vault.contents(big)) == contents_of(disk.contents(big))


@pytest.mark.usefixtures("impatient")
def test_a_download_that_stays_cut_fails_and_leaves_nothing(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    vault: DirectoryMedium,
    break_link: Callable[..., BreakingLink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"2.age": random_bytes(4 * MIB)})
    connect().store(big, disk.path(big))
    link = break_link(object_store.port, limit=40_000, downwards=True)
    far = connect(object_store.reader, endpoint_url=f"https://127.0.0.1:{link.port}")

    with pytest.raises(BackupError, match="connection"):
        copy_set(far, vault, big)
    assert vault.sets() == []
    assert [path.name for path in Path(vault.root).rglob("*") if "partial" in path.name] == []


def test_a_file_that_is_not_what_its_manifest_says_is_not_accepted(
    connect: Connect, disk: DirectoryMedium, in_parts: None, object_store: ObjectStore
) -> None:
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"2.age": random_bytes(7 * MIB)})
    for set_id, name in ((SET_ID, "1.zst.age"), (big, "2.age")):
        path = Path(disk.path(set_id), "data", name)
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.chmod(0o600)
        path.write_bytes(data)
        cloud = connect()
        with pytest.raises(SetInvalid, match="manifest"):
            cloud.store(set_id, disk.path(set_id))
        assert cloud.sets() == []
        assert unfinished(object_store, cloud) == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("down", r"no connection to https://127.0.0.1:\d+ \(.*refused.*network"),
        ("name", r"no connection to https://no-such-store.invalid"),
        ("key", r"refuses the credentials \(InvalidAccessKeyId\)"),
        ("secret", r"refuses the credentials \(SignatureDoesNotMatch\)"),
        ("authority", r"certificate of https://127.0.0.1:\d+ is not trusted.*ca_bundle"),
        ("bucket", r"there is no such bucket"),
    ],
    ids=["down", "name", "key", "secret", "authority", "bucket"],
)
def test_every_failure_is_one_clear_message(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, tmp_path: Path, fault: str, says: str
) -> None:
    secret = "canary-secret-of-the-test"
    with contextlib.closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        (tmp_path / "other").mkdir()
        options: dict[str, dict[str, t.Any]] = {
            "down": {"endpoint_url": f"https://127.0.0.1:{port}"},
            "name": {"endpoint_url": "https://no-such-store.invalid"},
            "key": {"access_key": "AKNOBODY", "secret_key": secret},
            "secret": {"secret_key": secret},
            "authority": {"ca_bundle": str(make_certificates(tmp_path / "other")[0])},
            "bucket": {"bucket": "no-such-bucket"},
        }
        cloud = connect(**options[fault])
        for call in (cloud.sets, lambda: cloud.store(SET_ID, disk.path(SET_ID)), lambda: cloud.contents(SET_ID)):
            with pytest.raises(BackupError, match=says) as caught:
                call()
            message = caught.value.message
            assert "bucket " in message and "at https://" in message and "\n" not in message
            assert secret not in message and object_store.admin.secret_key not in message


def test_a_clock_that_is_wrong_is_named(object_store: ObjectStore, connect: Connect) -> None:
    cloud = connect()
    import botocore.auth

    real = botocore.auth.get_current_datetime if hasattr(botocore.auth, "get_current_datetime") else None
    if real is None:
        pytest.skip("this botocore reads the clock in another way")
    behind = datetime.timedelta(hours=2)
    botocore.auth.get_current_datetime = lambda *args, **named: real(*args, **named) - behind
    try:
        with pytest.raises(BackupError, match="clock differs too much"):
            cloud.sets()
    finally:
        botocore.auth.get_current_datetime = real


def test_credentials_come_from_a_profile_and_never_from_elsewhere(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials"
    who = object_store.writer
    file.write_text(f"[backup]\naws_access_key_id = {who.access_key}\naws_secret_access_key = {who.secret_key}\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    keyless = {"access_key": None, "secret_key": None, "credentials_file": str(file)}
    server = connect(profile="backup", **keyless)
    server.store(SET_ID, disk.path(SET_ID))
    assert connect(object_store.reader).sets() == [SET_ID]
    may_not = dict.fromkeys(("list", "read", "delete", "list_versions", "delete_versions"), False)
    assert server.probe(host="web1").__dict__ == {**may_not, "write": True}
    with pytest.raises(NotFound, match="could not be found"):
        connect(profile="nobody", **keyless)


def test_sets_whose_journal_was_lost_are_not_mistaken_for_ours(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, tmp_path: Path
) -> None:
    connect(object_store.writer).store(SET_ID, disk.path(SET_ID))
    for _time in range(2):
        with pytest.raises(AlreadyStored, match="not in this host's journal"):
            connect(object_store.writer, state_directory=str(tmp_path / "new")).store(SET_ID, disk.path(SET_ID))
