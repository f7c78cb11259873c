# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from development.services.mysql import MysqlServer, NotAvailableError
from tests.integration.mysql.support import Site, drop_all

# So small that a test database is spread over several streams.
SMALL_STREAM = 8 * 1024
_servers: dict[bool, MysqlServer] = {}


def running_server(*, tls: bool = False) -> MysqlServer:
    """The server, started when it is first needed; it ends with the tests."""
    if tls not in _servers:
        try:
            server = MysqlServer(tls=tls, settings={"federated": "ON"})
        except NotAvailableError as error:
            pytest.skip(str(error))
        server.start()
        _servers[tls] = server
    return _servers[tls]


def stop_servers() -> None:
    """End those that run."""
    while _servers:
        _tls, server = _servers.popitem()
        server.remove()


@pytest.fixture(scope="session", autouse=True)
def _stop_servers() -> Iterator[None]:
    yield
    stop_servers()


@pytest.fixture
def server() -> Iterator[MysqlServer]:
    """The server, without databases of other tests."""
    found = running_server()
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
