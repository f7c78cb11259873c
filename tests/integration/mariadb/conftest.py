# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from development.services.mariadb import MariadbServer
from tests.integration.mariadb.support import Site, drop_all

# The versions of Debian 12 and 13.
VERSIONS = ("10.11", "11.8")
# So small that a test database is spread over several streams.
SMALL_STREAM = 8 * 1024
_servers: dict[str, MariadbServer] = {}


def running_server(version: str) -> MariadbServer:
    """The server of this version, started when it is first needed; it ends with the tests."""
    if version not in _servers:
        server = MariadbServer(version)
        server.start()
        _servers[version] = server
    return _servers[version]


def stop_servers() -> None:
    """End those that run."""
    while _servers:
        _version, server = _servers.popitem()
        server.remove()


@pytest.fixture(scope="session", autouse=True)
def _stop_servers() -> Iterator[None]:
    yield
    stop_servers()


@pytest.fixture(params=VERSIONS, ids=lambda version: f"mariadb{version}")
def server(request: pytest.FixtureRequest) -> Iterator[MariadbServer]:
    """A server of each version, without databases of other tests."""
    found = running_server(request.param)
    drop_all(found)
    yield found
    found.start()
    drop_all(found)


@pytest.fixture
def server1011() -> Iterator[MariadbServer]:
    """A server of one version, for what does not depend on it."""
    found = running_server("10.11")
    drop_all(found)
    yield found
    found.start()
    drop_all(found)


@pytest.fixture
def site() -> Iterator[Site]:
    """An empty medium, which other users can reach as well."""
    with tempfile.TemporaryDirectory(prefix="medium-") as directory:
        Path(directory).chmod(0o755)
        yield Site(Path(directory) / "medium")


@pytest.fixture
def many_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spreads even small tables over several streams, cuts them up, and makes their indexes after their rows."""
    from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import indexes, streams

    monkeypatch.setattr(streams, "_STREAM_BYTES", SMALL_STREAM)
    monkeypatch.setattr(indexes, "_LARGE_ROWS", 1)
