# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of media share: real sets, a real object store, a real SSH server, and a link that breaks."""

from __future__ import annotations

import contextlib
import functools
import itertools
import shutil
import socket
import threading
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.transfer import (
    Copied,
    CopyOptions,
    Transfer,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import write_tag_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress
from development.services.object_store import Credentials, ObjectStore
from development.services.sshd import SshServer, find_sshd
from tests.unit.plugins.module_utils import core

SET_ID = SetId("web1", "accounts", "20261122T030000Z")
Connect = Callable[..., S3Medium]
_numbers = itertools.count()


def write_set(
    medium: DirectoryMedium, set_id: SetId, payload: dict[str, bytes], *, signing_key: str | None = None
) -> None:
    """Write a complete set with this payload (file name to bytes)."""
    files = []
    with medium.locked(set_id.host, set_id.source), medium.begin(set_id) as partial:
        for name, data in payload.items():
            with partial.create(f"data/{name}") as file:
                file.write(data)
            files.append(PayloadFile(f"data/{name}", name, file.bytes, file.sha256, 0.1))
        description = Description(
            id=str(set_id),
            engine="files",
            series="400.8.1",
            organization="INFITULUÁ",
            run_id=None,
            started="2026-11-22T03:00:00Z",
            finished="2026-11-22T03:00:01Z",
            source_bytes=1,
            compression={"method": "zstd", "level": 3},
            encryption={"method": "none", "recipients": []},
            versions={},
            payload=files,
            engine_facts={},
            warnings=[],
            restore_by_hand=[],
        )
        write_tag_files(
            partial,
            description,
            sizes={file.path: file.bytes for file in files},
            manifest=bag.write_manifest({file.path: file.sha256 for file in files}),
            signing_key=signing_key,
        )


def random_bytes(count: int, seed: int = 1) -> bytes:
    """Bytes that no compression shrinks, the same ones every time."""
    import random

    return random.Random(seed).randbytes(count)


def contents_of(contents: bag.Contents) -> dict[str, bytes]:
    """Every file of a set."""
    found = {}
    for path in contents.sizes():
        with contents.open(path) as stream:
            found[path] = stream.read(-1)
    return found


def copy_set(origin: Medium, destination: Medium, set_id: SetId, **options: t.Any) -> Copied:
    """Copy one set, as the module set_copy does."""
    progress = Progress(None, operation="copy", subject=str(set_id))
    return Transfer(origin, destination, set_id, CopyOptions(**options), progress).run()


@pytest.fixture
def disk(tmp_path: Path) -> DirectoryMedium:
    """A directory medium with one set of a few small files."""
    root = tmp_path / "disk"
    root.mkdir()
    medium = DirectoryMedium(path=str(root))
    write_set(medium, SET_ID, {"1.zst.age": random_bytes(300_000), "2.zst.age": b"", "globals.age": b"roles"})
    return medium


@pytest.fixture
def vault(tmp_path: Path) -> DirectoryMedium:
    """An empty directory medium."""
    root = tmp_path / "vault"
    root.mkdir()
    return DirectoryMedium(path=str(root))


@pytest.fixture
def cramped_disk() -> Iterator[Path]:
    """A file system of 80 MiB, of its own."""
    path = core.mount_tmpfs(size="80m")
    yield path
    core.unmount(path)


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A real object store with TLS, versioning and Object Lock."""
    pytest.importorskip("botocore", reason="boto3 is not installed")
    with ObjectStore(tmp_path_factory.mktemp("object-store"), writers=["web1", "web2"]) as store:
        yield store


@pytest.fixture
def one_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all clients share what describes the service: each would read it anew, which takes longest."""
    session = pytest.importorskip("botocore.session")
    monkeypatch.setattr(session, "create_loader", functools.lru_cache(session.create_loader))


@pytest.fixture
def connect(object_store: ObjectStore, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Reach the store as one of its identities, each test below a prefix of its own."""
    opened: list[S3Medium] = []
    number = next(_numbers)

    def make(who: Credentials | None = None, **options: t.Any) -> S3Medium:
        who = who or object_store.admin
        values: dict[str, t.Any] = {
            "bucket": object_store.bucket,
            "prefix": f"{request.node.originalname}-{number}",
            "endpoint_url": object_store.endpoint_url,
            "access_key": who.access_key,
            "secret_key": who.secret_key,
            "ca_bundle": str(object_store.ca_file),
            "state_directory": str(tmp_path / f"state-{who.name}"),
        }
        opened.append(S3Medium(**{**values, **options}))
        return opened[-1]

    yield make
    for medium in opened:
        medium.close()


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A real SSH server that this user can log in to."""
    if shutil.which("rsync") is None or shutil.which("rrsync") is None:
        pytest.skip("rsync with rrsync is not installed")
    try:
        find_sshd()
    except Exception as error:
        pytest.skip(str(error))
    with SshServer(tmp_path_factory.mktemp("sshd")) as server:
        yield server


class BreakingLink:
    """A TCP proxy whose connections break after a number of bytes in one direction.

    :param limit: how many bytes one connection passes on to the server (or, ``downwards``, to the client).
    :param times: how many connections break; the later ones work.
    :param address: where it listens.
    """

    def __init__(
        self, port: int, *, limit: int, times: int = 1_000_000, downwards: bool = False, address: str = "127.0.0.1"
    ) -> None:
        self.target = port
        self.limit = limit
        self.times = times
        self.downwards = downwards
        self.broken = 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                self._sockets += [client, server]
                threading.Thread(target=self._pump, args=(client, server, not self.downwards), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, self.downwards), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                if not data:
                    break
                passed += len(data)
                if counts and passed > self.limit and self.broken < self.times:
                    self.broken += 1
                    break
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it and every connection."""
        self._listener.close()
        for each in self._sockets:
            each.close()


@pytest.fixture
def break_link() -> Iterator[Callable[..., BreakingLink]]:
    """Make proxies; they end with the test."""
    made: list[BreakingLink] = []

    def make(port: int, *, limit: int, **options: t.Any) -> BreakingLink:
        made.append(BreakingLink(port, limit=limit, **options))
        return made[-1]

    yield make
    for link in made:
        link.close()
