# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only what a restore of this very target has named is taken for what it kept."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines import staging
from ansible_collections.infitulua.backup.plugins.module_utils._engines.kept_name import stamp_of
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import names as family_names
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import create as postgresql_create

STAMP = "20260301T120000Z"


def of_libro(name: str) -> str | None:
    return stamp_of(name, lambda ending: "libro" + ending)


@pytest.mark.parametrize("again", ["", "_2", "_13"])
def test_what_a_restore_names_is_known(again: str) -> None:
    assert of_libro(f"libro__replaced_{STAMP}{again}") == STAMP


@pytest.mark.parametrize(
    "name",
    [
        "libro",
        "libro__replaced_",
        f"libros__replaced_{STAMP}",
        f"Libro__replaced_{STAMP}",
        f"otro_libro__replaced_{STAMP}",
        f"libro__replaced_{STAMP}_1",
        f"libro__replaced_{STAMP}_02",
        f"libro__replaced_{STAMP}-wal",
        f"libro__replaced_{STAMP}\n",
        f"libro__replaced_{STAMP}_copia",
        "libro__replaced_20261301T120000Z",
        "libro__replaced_20260230T120000Z",
        f"libro__replaced_{STAMP}__replaced_{STAMP}",
        "libro__restoring",
    ],
)
def test_what_only_looks_alike_is_not(name: str) -> None:
    assert of_libro(name) is None


@pytest.mark.parametrize("derive", [postgresql_create.derived_name, family_names.derived_name])
def test_a_name_that_was_cut_is_known_for_its_own_target_only(derive: t.Callable[[str, str], str]) -> None:
    long, other = "ñ" * 100 + "a", "ñ" * 100 + "b"
    name = derive(long, f"__replaced_{STAMP}")
    assert stamp_of(name, lambda ending: derive(long, ending)) == STAMP
    assert stamp_of(name, lambda ending: derive(other, ending)) is None


def test_a_path_that_was_cut_is_known_for_its_own_target_only() -> None:
    long, other = b"/srv/" + b"n" * 254, b"/srv/" + b"n" * 253 + b"m"
    name = staging.beside(long, f"__replaced_{STAMP}").decode()
    assert stamp_of(name, lambda ending: staging.beside(long, ending).decode()) == STAMP
    assert stamp_of(name, lambda ending: staging.beside(other, ending).decode()) is None
