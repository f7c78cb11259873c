# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set to work with: written by the core itself, from real processes, by an engine made for these tests."""

from __future__ import annotations

import shutil
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core


@pytest.fixture
def medium(tmp_path: Path) -> core.DirectoryMedium:
    """An empty directory medium."""
    return core.medium_at(tmp_path / "disk")


@pytest.fixture
def vault(tmp_path: Path) -> core.DirectoryMedium:
    """A second directory medium on the same file system."""
    return core.medium_at(tmp_path / "vault")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> core.Keys:
    """Two age identities (the technician's and the director's) and two OpenSSH signing keys."""
    core.need("age", "age-keygen", "zstd", "ssh-keygen")
    return core.Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def small_disk() -> t.Iterator[Path]:
    """A file system of 4 MiB, of its own."""
    path = core.mount_tmpfs(size="4m")
    yield path
    core.unmount(path)


@pytest.fixture
def other_disk() -> t.Iterator[Path]:
    """Another file system than the other fixtures'."""
    path = core.mount_tmpfs(size="64m")
    yield path
    core.unmount(path)


@pytest.fixture
def no_leftover_processes() -> t.Iterator[None]:
    """Fails when the test leaves a process behind."""
    before = core.descendants()
    yield
    left = core.wait_until_gone(before)
    assert not left, f"left behind: {left}"


@pytest.fixture
def path_of_stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory first on PATH, for programs that fail on purpose."""
    directory = tmp_path / "stubs"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=":")
    assert shutil.which("sh")
    return directory
