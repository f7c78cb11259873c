# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to an object store: bandwidth, an HTTP proxy, IPv6."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import multipart, retries, upload
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import ObjectStore

from .conftest import SET_ID, BreakingLink, Connect, contents_of, copy_set, random_bytes, write_set

MIB = 1024 * 1024
BIG = SetId("web1", "files", "20261122T040000Z")


class HttpProxy:
    """A proxy that only passes on connections (RFC 9110, CONNECT).

    :param admits: whether it does.
    """

    def __init__(self, *, admits: bool = True) -> None:
        self.asked: list[str] = []
        self._admits = admits
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            method, target, _version = head.split(b"\r\n")[0].decode().split(" ")
            self.asked.append(f"{method} {target}")
            if not self._admits:
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            host, _colon, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()

    def close(self) -> None:
        """End it, also for the thread that waits for connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def http_proxy() -> Iterator[Callable[..., HttpProxy]]:
    """Make proxies; they end with the test."""
    made: list[HttpProxy] = []

    def make(**options: t.Any) -> HttpProxy:
        made.append(HttpProxy(**options))
        return made[-1]

    yield make
    for each in made:
        with contextlib.suppress(OSError):
            each.close()


def test_everything_goes_through_the_proxy_that_is_named(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    http_proxy: Callable[..., HttpProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named, of_environment = http_proxy(), http_proxy()
    monkeypatch.setenv("HTTPS_PROXY", of_environment.url)
    for name in ("https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    connect(proxy_url=named.url).store(SET_ID, disk.path(SET_ID))

    assert set(named.asked) == {f"CONNECT 127.0.0.1:{object_store.port}"}
    assert of_environment.asked == []
    assert connect().holds(SET_ID)
    assert of_environment.asked, "without proxy_url, the environment decides"


def test_a_proxy_that_does_not_admit_or_is_not_there_is_named(
    connect: Connect, http_proxy: Callable[..., HttpProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "SILENCE_DEADLINE_SECONDS", 0)
    gone = http_proxy()
    gone.close()
    for proxy in (http_proxy(admits=False), gone):
        with pytest.raises(BackupError, match=f"the proxy {proxy.url} does not connect to https://127.0.0.1"):
            connect(proxy_url=proxy.url).sets()


def test_a_store_is_reached_by_ipv6(
    connect: Connect,
    object_store: ObjectStore,
    disk: DirectoryMedium,
    vault: DirectoryMedium,
    break_link: Callable[..., BreakingLink],
) -> None:
    relay = break_link(object_store.port, limit=10**9, address="::1")
    cloud = connect(endpoint_url=f"https://[::1]:{relay.port}")
    copy_set(disk, cloud, SET_ID)
    assert copy_set(cloud, vault, SET_ID).verified
    assert contents_of(vault.contents(SET_ID)) == contents_of(disk.contents(SET_ID))


def test_the_rate_of_uploads_and_downloads_is_kept_apart(
    connect: Connect, disk: DirectoryMedium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MULTIPART_ABOVE_BYTES", 6 * MIB)
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * MIB)
    write_set(disk, BIG, {"2.age": random_bytes(12 * MIB)})
    slow_up = connect(bandwidth={"upload": "4M"})
    begin = time.monotonic()
    slow_up.store(BIG, disk.path(BIG))
    assert 2.8 < time.monotonic() - begin < 6
    for medium, least, most in ((slow_up, 0, 1.8), (connect(bandwidth={"download": "6M"}), 1.8, 5)):
        (tmp_path / "fetched").mkdir()
        begin = time.monotonic()
        medium.fetch(BIG, str(tmp_path / "fetched"))
        assert least < time.monotonic() - begin < most
        shutil.rmtree(tmp_path / "fetched")
