# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the contract of engines."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.postgresql.conftest import stop_servers
from tests.integration.postgresql.support import Site

from .support import Disk


@pytest.fixture(scope="session", autouse=True)
def _stop_servers() -> Iterator[None]:
    yield
    stop_servers()


@pytest.fixture
def medium_disk() -> Iterator[Disk]:
    """A disk that other users can reach as well, for sets."""
    with tempfile.TemporaryDirectory(prefix="medium-") as directory:
        disk = Disk(Path(directory))
        Path(directory).chmod(0o755)
        yield disk
        disk.close()


@pytest.fixture
def site(medium_disk: Disk) -> Site:
    """An empty medium."""
    return Site(medium_disk.path / "medium")
