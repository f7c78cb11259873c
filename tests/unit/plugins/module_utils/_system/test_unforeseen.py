# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An unexpected error blames what was worked on, unless the code or the host is what it speaks of."""

from __future__ import annotations

import importlib
import sys
import types
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system import unforeseen


def no_such_module() -> None:
    importlib.import_module("a_module_that_nobody_has")


def module_read_in_part() -> t.Any:
    half: t.Any = types.ModuleType("half")
    return half.missing


def no_such_file() -> None:
    Path("/nonexistent/file").read_bytes()


def no_memory() -> t.NoReturn:
    raise MemoryError


def value_of_the_set() -> None:
    int("not a number")


def attribute_of_the_set() -> t.Any:
    described: t.Any = {}
    return described.checked


@pytest.mark.parametrize(
    ("work", "blamed"),
    [
        (no_such_module, False),
        pytest.param(
            module_read_in_part,
            False,
            marks=pytest.mark.skipif(sys.version_info < (3, 10), reason="only since 3.10 an error has its object"),
        ),
        (no_such_file, False),
        (no_memory, False),
        (value_of_the_set, True),
        (attribute_of_the_set, True),
    ],
)
def test_who_is_to_blame(
    work: t.Callable[[], t.Any], blamed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(unforeseen.ENVIRONMENT, str(tmp_path))
    with pytest.raises(BackupError) as caught, unforeseen.contained("drill a set", on="srv/a", blame=SetInvalid):
        work()
    assert isinstance(caught.value, SetInvalid) is blamed
    assert len(list(tmp_path.iterdir())) == 1
