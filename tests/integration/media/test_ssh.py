# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ssh medium against a real SSH server with real rsync and rrsync."""

from __future__ import annotations

import itertools
import os
import socket
import stat
import subprocess
import time
import typing as t
from collections.abc import Callable, Iterator
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
from ansible_collections.infitulua.backup.plugins.module_utils._media.ssh import rsync
from ansible_collections.infitulua.backup.plugins.module_utils._media.ssh.medium import SshMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.sshd import SshServer

from .conftest import SET_ID, BreakingLink, contents_of, copy_set, random_bytes, write_set

MIB = 1024 * 1024
READ = "rrsync -ro {}"
WRITE = "rrsync -wo {}"
WRITE_ONCE = "rrsync -wo -no-del -no-overwrite {}"
Connect = t.Callable[..., SshMedium]
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsync, "PAUSE_SECONDS", 0.05)


@pytest.fixture
def connect(ssh_server: SshServer) -> Iterator[Connect]:
    """Reach a directory through a key that is bound to it by a forced command; without one, by a free key."""
    opened: list[SshMedium] = []

    def make(directory: str | Path, forced: str | None, **options: t.Any) -> SshMedium:
        if forced is None:
            key, path = ssh_server.identity_file, str(directory)
        else:
            command = forced.format(directory)
            key, path = ssh_server.authorize(f"key{next(_numbers)}", command=command, restrict=True), "."
        values = {
            "ssh_host": ssh_server.host,
            "ssh_port": ssh_server.port,
            "ssh_user": ssh_server.user,
            "ssh_key_file": str(key),
            "ssh_known_hosts_file": str(ssh_server.known_hosts_file),
            "ssh_remote_path": path,
        }
        opened.append(SshMedium(**{**values, **options}))
        return opened[-1]

    yield make
    for medium in opened:
        medium.close()


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """The directory on the other host."""
    path = tmp_path / "far"
    path.mkdir()
    return path


def test_a_set_is_pulled_with_a_key_that_may_only_read(
    connect: Connect, disk: DirectoryMedium, vault: DirectoryMedium
) -> None:
    odd = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, odd, {"tree.age": random_bytes(3 * MIB), "año [1]* 'x' \"y\" $z;.age": b"odd", "a\nb %.age": b"nl"})
    server = connect(disk.root, READ)

    assert server.sets() == disk.sets() == [SET_ID, odd]
    assert server.sets(host="web1", source="files") == [odd]
    assert server.sets(host="web*") == []
    assert server.holds(SET_ID) and not server.holds(SetId("web1", "files", "20261122T040001Z"))
    for set_id in disk.sets():
        assert server.contents(set_id).sizes() == disk.contents(set_id).sizes()
        assert contents_of(server.contents(set_id)) == contents_of(disk.contents(set_id))
        assert copy_set(server, vault, set_id).verified
        assert contents_of(vault.contents(set_id)) == contents_of(disk.contents(set_id))
    modes = {path.stat().st_mode & 0o777 for path in Path(vault.path(odd)).rglob("*") if path.is_file()}
    assert modes == {0o440}
    with pytest.raises(NotFound, match="no such set"):
        server.contents(SetId("web9", "files", "20261122T040001Z"))


@pytest.mark.parametrize("forced", [WRITE, WRITE_ONCE, None], ids=["write-only", "write-once", "free"])
def test_a_set_is_stored_with_a_key_that_may_only_write(
    connect: Connect, disk: DirectoryMedium, far: Path, forced: str | None
) -> None:
    server = connect(far, forced)
    landed = DirectoryMedium(path=str(far))

    first = copy_set(disk, server, SET_ID)
    second = copy_set(disk, server, SET_ID)

    assert (first.changed, first.verified) == (True, forced is None)
    assert not second.changed
    assert contents_of(landed.contents(SET_ID)) == contents_of(disk.contents(SET_ID))
    with pytest.raises(AlreadyStored):
        server.store(SET_ID, disk.path(SET_ID))
    with pytest.raises(Refused, match="not removed over the network"):
        server.remove(SET_ID)
    if forced is not None:
        for forbidden in (server.sets, lambda: server.contents(SET_ID)):
            with pytest.raises(AccessDenied, match="bound to write and not read"):
                forbidden()


def test_the_media_copy_to_one_another_in_every_pair(
    connect: Connect, object_store: t.Any, disk: DirectoryMedium, far: Path, vault: DirectoryMedium, tmp_path: Path
) -> None:
    from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium

    cloud = S3Medium(
        bucket=object_store.bucket,
        prefix="pairs",
        endpoint_url=object_store.endpoint_url,
        access_key=object_store.admin.access_key,
        secret_key=object_store.admin.secret_key,
        ca_bundle=str(object_store.ca_file),
        state_directory=str(tmp_path / "state"),
    )
    second = tmp_path / "second"
    second.mkdir()
    near, other = connect(far, None), connect(second, None)
    with cloud:
        chain = [disk, near, cloud, vault]
        for origin, destination in itertools.pairwise(chain):
            assert copy_set(origin, destination, SET_ID, spool=str(tmp_path)).verified
        assert copy_set(cloud, other, SET_ID, spool=str(tmp_path)).verified
        for medium in (*chain, other):
            assert contents_of(medium.contents(SET_ID)) == contents_of(disk.contents(SET_ID))
            assert medium.sets() == [SET_ID]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "far", "second", "state", "vault"]


def test_a_different_set_of_the_same_id_is_never_overwritten(
    connect: Connect, disk: DirectoryMedium, far: Path
) -> None:
    landed = DirectoryMedium(path=str(far))
    write_set(landed, SET_ID, {"1.zst.age": b"another"})
    before = contents_of(landed.contents(SET_ID))
    for forced in (WRITE, None):
        with pytest.raises(AlreadyStored):
            copy_set(disk, connect(far, forced), SET_ID)
    with pytest.raises(AlreadyStored):
        connect(far, WRITE_ONCE).store(SET_ID, disk.path(SET_ID))
    assert contents_of(landed.contents(SET_ID)) == before


def test_a_key_reaches_nothing_but_its_directory_and_its_direction(
    connect: Connect, ssh_server: SshServer, disk: DirectoryMedium, far: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_text("secret")
    (far / "link").symlink_to(tmp_path)
    reader = connect(far, READ)
    with pytest.raises(AccessDenied, match="bound to read and not write"):
        reader.store(SET_ID, disk.path(SET_ID))
    assert (reader.probe().list, reader.probe().write) == (True, False)
    writer = connect(far, WRITE_ONCE)
    assert (writer.probe().list, writer.probe().write) == (False, True)
    key = ssh_server.directory / f"id_key{next(_numbers) - 1}"
    for path in ("../outside", str(tmp_path / "outside"), "link/outside"):
        for key in sorted(ssh_server.directory.glob("id_key*[0-9]"))[-2:]:
            shell = " ".join(["ssh", *ssh_server.ssh_arguments(key)[1:-1]])
            argv = ["rsync", "-e", shell, f"{ssh_server.host}:{path}", str(tmp_path / "stolen")]
            subprocess.run(argv, capture_output=True, timeout=30, check=False)
            assert not (tmp_path / "stolen").is_file()
    with pytest.raises(Exception, match="status"):
        ssh_server.run("id", identity_file=key)
    assert sorted(path.name for path in far.iterdir()) == ["link"]


def test_what_a_hostile_host_shows_is_not_believed(
    connect: Connect, disk: DirectoryMedium, vault: DirectoryMedium, tmp_path: Path
) -> None:
    root = Path(disk.root)
    outside = tmp_path / "outside"
    outside.write_text("secret of this host")
    for name in ("..hidden", ".web", "we b", "-rf", "web1\nweb2", "$(id)"):
        directory = root / name / "accounts" / "20261122T030000Z"
        directory.mkdir(parents=True)
        (directory / "bagit.txt").write_text("x")
    for time_name in ("20261322T030000Z", "latest", ".20261122T030000Z.partial"):
        (root / "web1" / "accounts" / time_name).mkdir()
        (root / "web1" / "accounts" / time_name / "bagit.txt").write_text("x")
    linked = root / "web1" / "accounts" / "20261123T030000Z"
    linked.mkdir()
    (linked / "bagit.txt").symlink_to(outside)
    server = connect(disk.root, READ)
    assert server.sets() == [SET_ID]

    data = Path(disk.path(SET_ID)) / "data"
    for name, make in {
        "link": lambda path: path.symlink_to(outside),
        "fifo": os.mkfifo,
        "socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
    }.items():
        make(data / name)
        contents = server.contents(SET_ID)
        assert f"data/{name}" in contents.sizes()
        with pytest.raises(OSError, match="not a plain file"):
            contents.open(f"data/{name}")
        target = tmp_path / f"fetched-{name}"
        target.mkdir()
        server.fetch(SET_ID, str(target))
        assert not (target / "data" / name).exists(), "what is no plain file never arrives"
        (data / name).unlink()
    payload = data / "1.zst.age"
    payload.unlink()
    payload.symlink_to(outside)
    with pytest.raises(SetInvalid):
        copy_set(server, vault, SET_ID)
    assert vault.sets() == []


def test_a_listing_without_end_is_cut_off(
    connect: Connect, disk: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rsync, "MAX_LISTING_BYTES", 300)
    server = connect(disk.root, READ)
    with pytest.raises(BackupError, match="listing is longer"):
        server.contents(SET_ID)


def test_what_a_killed_transfer_left_over_is_not_of_the_set(
    connect: Connect, disk: DirectoryMedium, far: Path, vault: DirectoryMedium
) -> None:
    left = far / str(SET_ID) / "data"
    left.mkdir(parents=True)
    (left / ".1.zst.age.Ab12Cd").write_bytes(b"half")
    connect(far, WRITE_ONCE).store(SET_ID, disk.path(SET_ID))
    assert copy_set(connect(far, READ), vault, SET_ID).verified


@pytest.mark.parametrize("times", [2, 1000], ids=["now and then", "for good"])
def test_a_pull_survives_a_link_that_breaks_now_and_then(
    connect: Connect,
    ssh_server: SshServer,
    disk: DirectoryMedium,
    vault: DirectoryMedium,
    break_link: Callable[..., BreakingLink],
    tmp_path: Path,
    times: int,
) -> None:
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"1.age": random_bytes(4 * MIB), "2.age": random_bytes(4 * MIB, seed=2)})
    link = break_link(ssh_server.port, limit=3 * MIB if times < 1000 else 500_000, times=times, downwards=True)
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(ssh_server.known_hosts_file.read_text().replace(str(ssh_server.port), str(link.port)))
    server = connect(disk.root, READ, ssh_port=link.port, ssh_known_hosts_file=str(known_hosts))
    if times < 1000:
        assert copy_set(server, vault, big).verified
        assert contents_of(vault.contents(big)) == contents_of(disk.contents(big))
        assert link.broken == 2
    else:
        with pytest.raises(BackupError, match=r"connection to 127.0.0.1, port \d+ was lost"):
            copy_set(server, vault, big)
        assert vault.sets() == []
        assert [path for path in Path(vault.root).rglob("*") if "partial" in path.name] == []


def test_an_interrupted_store_is_not_listed_and_the_next_one_completes_it(
    connect: Connect,
    ssh_server: SshServer,
    disk: DirectoryMedium,
    far: Path,
    break_link: Callable[..., BreakingLink],
    tmp_path: Path,
) -> None:
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"1.age": random_bytes(MIB), "2.age": random_bytes(4 * MIB, seed=2)})
    link = break_link(ssh_server.port, limit=3 * MIB)
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(ssh_server.known_hosts_file.read_text().replace(str(ssh_server.port), str(link.port)))
    options = {"ssh_port": link.port, "ssh_known_hosts_file": str(known_hosts)}
    landed = DirectoryMedium(path=str(far))
    with pytest.raises(BackupError, match="was lost"):
        connect(far, WRITE_ONCE, **options).store(big, disk.path(big))
    assert landed.sets() == []
    link.times = link.broken
    end = time.monotonic() + 20
    while time.monotonic() < end:  # The far end notices the broken link in its own time, and then tidies up.
        try:
            connect(far, WRITE_ONCE, **options).store(big, disk.path(big))
            break
        except BackupError as error:
            assert "another transfer" in error.why
            time.sleep(0.5)
    assert contents_of(connect(far, READ).contents(big)) == contents_of(disk.contents(big))


def test_rsync_keeps_the_rate_that_holds_when_a_set_begins(
    connect: Connect, disk: DirectoryMedium, far: Path, tmp_path: Path
) -> None:
    big = SetId("web1", "files", "20261122T040000Z")
    write_set(disk, big, {"1.age": random_bytes(3 * MIB)})
    hour = time.localtime().tm_hour
    timetable = f"{hour:02}:00,2M" + (f" {hour + 2:02}:00,off" if hour < 22 else "")
    begin = time.monotonic()
    connect(far, WRITE_ONCE, bandwidth={"upload": timetable}).store(big, disk.path(big))
    assert 1.2 < time.monotonic() - begin < 8
    (tmp_path / "fetched").mkdir()
    begin = time.monotonic()
    connect(far, READ, bandwidth={"upload": "4K", "download": "2M"}).fetch(big, str(tmp_path / "fetched"))
    assert 1.2 < time.monotonic() - begin < 8


def test_a_file_gone_bad_never_becomes_part_of_a_listed_set(connect: Connect, disk: DirectoryMedium, far: Path) -> None:
    path = Path(disk.path(SET_ID), "data", "1.zst.age")
    path.chmod(0o600)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(SetInvalid, match="mismatch"):
        connect(far, WRITE_ONCE).store(SET_ID, disk.path(SET_ID))
    assert DirectoryMedium(path=str(far)).sets() == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("unknown", "host key of 127.0.0.1, port [0-9]+ is not in the known-hosts file"),
        ("changed", "is not the one in the known-hosts file.*somebody may be intercepting the connection"),
        ("key", "does not accept the key for the user"),
        ("open key", "others may read the private key"),
        ("down", "no connection to 127.0.0.1, port [0-9]+ .connection refused"),
        ("name", "no connection to no-such-host.invalid, port [0-9]+ .could not resolve"),
        ("path", "does not exist.*mount its volume"),
    ],
    ids=["unknown", "changed", "key", "open-key", "down", "name", "path"],
)
def test_every_failure_is_one_clear_message(
    connect: Connect, ssh_server: SshServer, disk: DirectoryMedium, tmp_path: Path, fault: str, says: str
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("")
    own = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(own)], check=True, timeout=30)
    directory: str | Path = disk.root
    options: dict[str, t.Any] = {}
    if fault == "unknown":
        options["ssh_known_hosts_file"] = str(known)
    elif fault == "changed":
        kind, key = own.with_suffix(".pub").read_text().split()[:2]
        known.write_text(f"[{ssh_server.host}]:{ssh_server.port} {kind} {key}\n")
        options["ssh_known_hosts_file"] = str(known)
    elif fault == "key":
        options["ssh_key_file"] = str(own)
    elif fault == "open key":
        own.chmod(0o644)
        public_key = own.with_suffix(".pub").read_text().strip()
        ssh_server.authorize("open", command=READ.format(disk.root), restrict=True, public_key=public_key)
        options["ssh_key_file"] = str(own)
    elif fault == "down":
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            options["ssh_port"] = nobody.getsockname()[1]
    elif fault == "name":
        options["ssh_host"] = "no-such-host.invalid"
    else:
        directory = tmp_path / "missing"
    server = connect(directory, READ, **options)
    for call in (server.sets, lambda: server.store(SET_ID, disk.path(SET_ID)), lambda: server.contents(SET_ID)):
        if fault == "path" and call is not server.sets:
            continue
        with pytest.raises(BackupError, match=says) as caught:
            call()
        assert f"{server._rsync.host}, port {server._rsync.port}" in caught.value.message
        assert "\n" not in caught.value.message


@pytest.mark.parametrize("forced", [READ, None], ids=["forced", "free"])
def test_a_path_that_is_missing_far_away_is_named(connect: Connect, far: Path, forced: str | None) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        connect(far / "missing", forced).sets()
