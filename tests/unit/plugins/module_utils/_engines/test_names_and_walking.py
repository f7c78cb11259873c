# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of files as text: any name comes back, and no two names look alike."""

from __future__ import annotations

import os
import random
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines import names
from ansible_collections.infitulua.backup.plugins.module_utils._engines.files.path_selection import PathSelection
from ansible_collections.infitulua.backup.plugins.module_utils._engines.files.walking import Excludes, Walked, walk
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain", "plain"),
        ("año €".encode(), "año €"),
        (b"back\\slash", "back\\\\slash"),
        (b"\\x41", "\\\\x41"),
        (b"new\nline\x7f", "new\\x0aline\\x7f"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202egnp.exe".encode(), "\\xe2\\x80\\xaegnp.exe"),
    ],
)
def test_a_name_is_shown_so_that_each_byte_can_be_seen(name: bytes, text: str) -> None:
    assert names.escape(name) == text
    assert names.unescape(text) == name


def test_any_name_comes_back() -> None:
    source = random.Random(7)
    for _round in range(5000):
        name = source.randbytes(source.randrange(30)) if hasattr(source, "randbytes") else os.urandom(30)
        assert names.unescape(names.escape(name)) == name
        assert names.escape(name).isprintable()


@pytest.mark.parametrize("seed", range(20))
def test_any_name_can_be_given_back_as_it_is_shown_or_as_it_is(seed: int) -> None:
    source = random.Random(seed)
    alphabet = [bytes([byte]) for byte in b"\\x4*?[]!\n\x1b\xff '\"a."] + ["ñ".encode(), "\u202e".encode()]
    for _round in range(300):
        name = b"".join(source.choice(alphabet) for _part in range(source.randrange(1, 12)))
        shown = names.escape(name)
        assert names.given(shown) == name, (seed, name)
        if b"\\" not in name:
            assert names.given(os.fsdecode(name)) == name, (seed, name)
        other = name + b"-"
        found = PathSelection([shown])
        assert found.matching(b"/srv/" + name) == [name], (seed, name)
        assert PathSelection([f"/srv/{shown}"]).matching(b"/srv/" + name) == [b"/srv/" + name], (seed, name)
        assert Excludes([shown]).match(b"/srv/" + name, name), (seed, name)
        # Where each wildcard is escaped it means itself alone.
        alone = "".join(f"\\x{ord(c):02x}" if c in "*?[" else c for c in shown)
        assert PathSelection([alone]).matching(b"/srv/" + name) == [name], (seed, name)
        assert PathSelection([alone]).matching(b"/srv/" + other) == [], (seed, name)


@pytest.mark.parametrize("text", ["\\", "\\a", "a\\x4", "\\xZZ", "a\\", "\\\\\\", "\\x00", "\ud800"])
def test_a_name_that_is_given_wrongly_is_refused_with_the_notation(text: str) -> None:
    with pytest.raises(Refused, match=r"as \\xHH, as messages do"):
        names.given(text)
    with pytest.raises(Refused):
        PathSelection([text])
    with pytest.raises(Refused):
        Excludes([text])


@pytest.mark.parametrize("text", ["\\", "\\x4", "\\xZZ", "\\x41", "line\n", "\\n"])
def test_text_that_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        names.unescape(text)


@pytest.mark.parametrize(
    ("quoted", "name"),
    [(b"a\\nb\\:\\ c\\\\d\\377\\tq\\?", b"a\nb: c\\d\xff\tq?"), (b"a\\303\\261o", "año".encode())],
)
def test_names_in_what_tar_says_are_read(quoted: bytes, name: bytes) -> None:
    assert names.from_tar(quoted) == name


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        (["*.tmp"], {"a.tmp", "d/b.tmp"}),
        (["d"], {"d", "d/b.tmp", "d/año"}),
        (["{top}/d/*"], {"d/b.tmp", "d/año"}),
        (["*/d/a?o"], {"d/año"}),
        (["[!a]*", "zzz"], {"d", "d/b.tmp", "d/año", "not utf-8 \udcff"}),
        (["*\udcff"], {"not utf-8 \udcff"}),
        (["D", "{top}"], set()),
        ([], set()),
    ],
)
def test_patterns_leave_out_what_they_match(tmp_path: t.Any, patterns: list[str], left_out: set[str]) -> None:
    everything = {"a.tmp", "d", "d/b.tmp", "d/año", "not utf-8 \udcff"}
    (tmp_path / "d").mkdir()
    for name in everything - {"d"}:
        (tmp_path / name).touch()
    excludes = Excludes([pattern.replace("{top}", str(tmp_path)) for pattern in patterns])
    walked = Walked()
    root = os.fsencode(tmp_path)
    found = list(walk(root, excludes=excludes, one_file_system=False, measure=True, walked=walked))
    assert {os.fsdecode(path[len(root) + 1 :]) for path in found[1:]} == everything - left_out
    assert walked.listed == len(found)
    assert found[0] == root


def test_a_walk_gives_each_directory_before_what_is_in_it_and_its_members_together(tmp_path: t.Any) -> None:
    for name in ("a/b/c", "a/d", "e"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("1", "a/1", "a/2", "a/b/1", "a/b/c/1", "a/d/1", "e/1", "2"):
        (tmp_path / name).write_bytes(b"x" * 4096)
    os.link(tmp_path / "1", tmp_path / "a" / "again")
    walked = Walked()
    current = None
    seen = set()
    top = os.fsencode(tmp_path)
    for path in walk(top, excludes=Excludes([]), one_file_system=True, measure=True, walked=walked):
        if os.path.isdir(path):
            assert path == top or os.path.dirname(path) in seen
            seen.add(path)
            current = path
        else:
            assert os.path.dirname(path) == current
    assert walked.listed == 15
    assert walked.bytes == 8 * 4096
