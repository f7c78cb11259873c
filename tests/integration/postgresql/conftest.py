# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site

# The majors of Debian 12 and 13.
MAJORS = (15, 17)
# So small that a test database is spread over several streams.
SMALL_GROUP = 8 * 1024
_servers: dict[int, PostgresqlServer] = {}


def running_server(major: int) -> PostgresqlServer:
    """The server of this major, started when it is first needed; it ends with the tests."""
    if major not in _servers:
        server = PostgresqlServer(major)
        server.start()
        _servers[major] = server
    return _servers[major]


def stop_servers() -> None:
    """End those that run."""
    while _servers:
        _major, server = _servers.popitem()
        server.stop()
        server.remove()


@pytest.fixture(scope="session", autouse=True)
def _stop_servers() -> Iterator[None]:
    yield
    stop_servers()


@pytest.fixture(params=MAJORS, ids=lambda major: f"pg{major}")
def server(request: pytest.FixtureRequest) -> PostgresqlServer:
    """A server of each major."""
    return running_server(request.param)


@pytest.fixture
def server17() -> PostgresqlServer:
    """A server of one major, for what does not depend on it."""
    return running_server(17)


@pytest.fixture
def site() -> Iterator[Site]:
    """An empty medium, which other users can reach as well."""
    with tempfile.TemporaryDirectory(prefix="medium-") as directory:
        Path(directory).chmod(0o755)
        yield Site(Path(directory) / "medium")


@pytest.fixture
def many_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spreads even small tables over several streams, and takes the indexes of each for large ones."""
    from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import dump as postgresql_dump

    monkeypatch.setattr(postgresql_dump, "_GROUP_BYTES", SMALL_GROUP)
    monkeypatch.setattr(postgresql_dump, "_LARGE_TABLE_BYTES", SMALL_GROUP)
