# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._system import local_servers
from development.services.mariadb import MariadbServer
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server whose owner logs in by its socket."""
    with PostgresqlServer(17) as server:
        for path in (server.directory, server.socket):
            path.chmod(0o755)
        yield server


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariadbServer]:
    """A MariaDB server whose administrator logs in by its socket."""
    with MariadbServer("11.8") as server:
        server.directory.chmod(0o755)
        yield server


@pytest.fixture
def usual_places(
    postgresql: PostgresqlServer, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Makes the places of the tests' servers the usual ones, and one more, which is empty."""
    more = Path(tempfile.mkdtemp(prefix="sockets-"))
    more.chmod(0o755)
    monkeypatch.setattr(local_servers, "POSTGRESQL_SOCKETS", (f"{postgresql.socket}/.s.PGSQL.*", f"{more}/.s.PGSQL.*"))
    monkeypatch.setattr(local_servers, "MARIADB_SOCKETS", (str(mariadb.socket), f"{more}/*.sock"))
    yield more
    shutil.rmtree(more)


@pytest.fixture
def site() -> Iterator[Site]:
    """An empty medium."""
    with tempfile.TemporaryDirectory(prefix="medium-") as directory:
        yield Site(Path(directory) / "medium")
