# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of drills."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.drills.support import Range


@pytest.fixture
def place(tmp_path: Path) -> Range:
    """A house with a ledger and a tree."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    return Range(tmp_path)
