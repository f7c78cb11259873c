# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An institution in which nothing has run yet, and a PostgreSQL server of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from development.services.postgresql import PostgresqlServer, ServiceFailedError
from tests.integration.playbooks.killed.killed_house import KilledHouse

if t.TYPE_CHECKING:
    from development.services.object_store import ObjectStore

# What takes hours is asked for (``make kills``).
collect_ignore = [] if os.environ.get("KILLS") else ["test_killed_often.py"]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server with a database."""
    try:
        server = PostgresqlServer(17)
        server.start()
    except ServiceFailedError as error:
        pytest.skip(str(error))
    try:
        server.psql("CREATE DATABASE nomina")
        table = "CREATE TABLE empleado AS SELECT n, 'texto ' || n AS texto FROM generate_series(1, 3000) AS n"
        server.psql(f"{table}; ALTER TABLE empleado ADD PRIMARY KEY (n)", "nomina")
        yield server
    finally:
        server.stop()
        server.remove()


@pytest.fixture(scope="module")
def make_house(object_store: ObjectStore, server: PostgresqlServer) -> Iterator[Callable[[], KilledHouse]]:
    """Make an institution in which nothing has run yet; temporary files of what runs there are in it, too."""
    places: list[Path] = []
    with pytest.MonkeyPatch.context() as patch:

        def make() -> KilledHouse:
            # Not with those of the tests: these names are short enough for a socket.
            places.extend(Path(tempfile.mkdtemp(prefix=name, dir="/tmp")) for name in ("house-", "drill-"))
            directory, drill_path = places[-2:]
            drill_path.chmod(0o711)
            (directory / "tmp").mkdir(mode=0o700)
            patch.setenv("TMPDIR", str(directory / "tmp"))
            return KilledHouse(directory, object_store, server, drill_path)

        yield make
    for place in places:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def house(make_house: Callable[[], KilledHouse]) -> KilledHouse:
    return make_house()
