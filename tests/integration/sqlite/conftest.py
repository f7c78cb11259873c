# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the sqlite engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.files.support import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A medium and a key."""
    base = tmp_path / "house"
    base.mkdir()
    return House(base)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The directory where databases live."""
    directory = tmp_path / "srv"
    directory.mkdir()
    return directory
