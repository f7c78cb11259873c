# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of any name in a manifest: the same after writing and reading, and never out of the bag."""

from __future__ import annotations

import os

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag

hypothesis = pytest.importorskip("hypothesis", reason="the development environment brings it")
st = pytest.importorskip("hypothesis.strategies")

paths = st.text(st.characters(exclude_characters="/\\\0", exclude_categories=("Cs",)), min_size=1, max_size=40).map(
    "data/".__add__
)


@hypothesis.given(paths=st.sets(paths, max_size=8))
def test_a_manifest_reads_back_as_it_was_written(paths: set[str]) -> None:
    digests = {path: f"{number:064x}" for number, path in enumerate(sorted(paths)) if bag.is_safe_path(path)}
    text = bag.write_manifest(digests)
    assert len(text.encode().split(b"\n")) == len(digests) + 1
    assert bag.read_manifest(text, name="m") == (digests, [])


@hypothesis.given(text=st.text(max_size=200))
def test_no_text_leads_a_reader_out_of_the_bag_or_astray(text: str) -> None:
    digests, _findings = bag.read_manifest(text, name="m")
    for path in digests:
        assert os.path.normpath(os.path.join("/bag", path)).startswith("/bag/")
    bag.read_bag_info(text)
