# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of any tree of files: it comes back as it was, whole, by hand, and each of its names as it is shown.

The seed of a tree stands in its test's name; one of them is new in each run (SEED).
"""

from __future__ import annotations

import os
import random
import stat
import subprocess
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.names import escape
from tests.integration.files.support import House, picture

SEEDS = [1, 2, 3, int(os.environ["SEED"])]


class RandomTree:
    """Makes a tree whose names are any bytes.

    :param seed: the same one makes the same tree.
    """

    def __init__(self, root: bytes, seed: int) -> None:
        self._random = random.Random(seed)
        self.root = root
        os.mkdir(root)
        self.directories = [root]
        self.others: list[bytes] = []
        for _entry in range(60):
            self._make(os.path.join(self._random.choice(self.directories), self._name()))
        for path in self.directories:
            os.chmod(path, self._random.choice([0o700, 0o750, 0o1777, 0o2755]))

    def _name(self) -> bytes:
        source = self._random
        alphabet = source.choice(
            [b"abc", b"*?[]!\\x4", b"\n\t\x1b\x7f\x01 ", bytes(range(1, 256)), "ñ€𝄞\u202e".encode()]
        )
        length = source.choice([1, 2, 5, 20, 200])
        name = bytes(source.choice(alphabet) for _byte in range(length)).replace(b"/", b"-")
        return b"dots" if name.strip(b".") == b"" else name

    def _make(self, path: bytes) -> None:
        source = self._random
        if os.path.lexists(path):
            return
        kind = source.randrange(6)
        if kind == 0:
            os.mkdir(path)
            self.directories.append(path)
            return
        files = [other for other in self.others if stat.S_ISREG(os.lstat(other).st_mode)]
        if kind == 1:
            os.symlink(self._name(), path)
        elif kind == 2 and files:
            os.link(source.choice(files), path)
        else:
            with open(path, "wb") as stream:
                stream.write(source.randbytes(source.choice([0, 1, 100, 10_000])))
                if source.random() < 0.2:
                    stream.truncate(source.randrange(50_000, 200_000))
            os.chmod(path, source.choice([0o600, 0o644, 0o755, 0o4755, 0o000]))
        self.others.append(path)
        os.utime(path, ns=(0, source.randrange(-(10**18), 2 * 10**18)), follow_symlinks=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_tree_comes_back_as_it_was(house: House, tmp_path: Path, seed: int) -> None:
    base = os.fsencode(tmp_path)
    tree = RandomTree(base + b"/any \\tree\xff", seed)
    before = picture(tree.root)
    dumped = house.dump("files", {"paths": [escape(tree.root)]})

    restored = house.restore(dumped.set_id, "files", {"directory": escape(base + b"/whole")}, max_seconds=60)
    assert [check for check in restored.checks if not check.passed] == []
    assert picture(base + b"/whole" + tree.root) == before

    (tmp_path / "hand").mkdir()
    house.by_hand(dumped.set_id, tmp_path / "hand", "TARGET_DIRECTORY")
    assert picture(base + b"/hand/" + os.path.basename(tree.root)) == before

    wanted = random.Random(seed).sample(tree.others, 5)
    options = {"directory": escape(base + b"/some"), "only": [escape(path) for path in wanted]}
    house.restore(dumped.set_id, "files", options)
    found = picture(base + b"/some" + tree.root)
    for path in wanted:
        relative = path[len(tree.root) :]
        assert found[relative][:-1] == before[relative][:-1], (seed, path)
    subprocess.run(["chmod", "-R", "u+rwx", tmp_path], check=False)
