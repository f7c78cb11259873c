# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree with everything that a file system can hold comes back byte for byte, attribute for attribute."""

from __future__ import annotations

import os
import random
import socket
import subprocess
from pathlib import Path

import pytest

from tests.integration.files.support import IS_ROOT, House, picture

OLD = 1_000_000_000_123_456_789


def make_tree(root: Path) -> None:
    """Everything at once."""
    top = os.fsencode(root)
    os.makedirs(top)

    def put(name: bytes, content: bytes = b"content\n", mode: int = 0o640) -> bytes:
        path = os.path.join(top, name)
        with open(path, "wb") as stream:
            stream.write(content)
        os.chmod(path, mode)
        return path

    for number, name in enumerate(
        [
            b"plain",
            b"-rf",
            b"--checkpoint-action=exec=sh",
            b" space at both ends ",
            b"quotes'\"`$(touch canary)",
            b"back\\slash",
            b"back\\n\\101",
            b"new\nline",
            b"tab\tbell\x07del\x7f",
            b"*?[a-z]",
            "año nuevo €".encode(),
            b"not utf-8 \xff\xfe\x80",
            b"colon: here",
            b"n" * 255,
            b".hidden",
            b"PaxHeaders",
            b"@LongLink",
        ]
    ):
        put(name, b"%d\n" % number * number)
    put(b"empty", b"")
    put(b"random", random.Random(1).randbytes(3_000_001))
    for mode in (0o000, 0o400, 0o777, 0o4755, 0o2755, 0o1777):
        put(b"mode-%o" % mode, mode=mode)
    os.makedirs(os.path.join(top, b"empty directory"), 0o700)
    os.makedirs(os.path.join(top, b"read-only"))
    put(b"read-only/inside")
    os.mkfifo(os.path.join(top, b"fifo"), 0o620)

    hard = put(b"hard-1", b"one inode")
    os.link(hard, os.path.join(top, b"hard-2"))
    os.makedirs(os.path.join(top, b"elsewhere"))
    os.link(hard, os.path.join(top, b"elsewhere", b"hard-3"))

    for name, target in {
        b"to-plain": b"plain",
        b"dangling": b"nowhere at all",
        b"absolute": b"/etc/passwd",
        b"upwards": b"../../../..",
        b"to-itself": b"to-itself",
        b"to-a-directory": b"empty directory",
        b"long": b"t" * 4000,
        b"odd": b"\xff\nx",
    }.items():
        os.symlink(target, os.path.join(top, name))
    os.link(os.path.join(top, b"dangling"), os.path.join(top, b"dangling-2"), follow_symlinks=False)

    holes = put(b"holes", b"")
    with open(holes, "r+b") as islands:
        islands.truncate(50_000_000)
        for place in (0, 7_000_000, 33_333_333, 49_999_990):
            islands.seek(place)
            islands.write(b"island")
    # tar gives these a second name, cut off after a hundred bytes.
    os.makedirs(os.path.join(top, b"a\xc3\xb1os", b"d" * 120))
    for odd in (b"\xff", b"a\xc3\xb1os/disk.img", b"a\xc3\xb1os/" + b"n" * 250, b"a\xc3\xb1os/" + b"d" * 120 + b"/x"):
        os.truncate(put(odd, b""), 100_000)
    only_hole = put(b"only a hole", b"")
    os.truncate(only_hole, 12_345_678)
    many = put(b"many holes", b"")
    with open(many, "r+b") as regions:
        for region in range(300):
            regions.seek(region * 65536)
            regions.write(b"r" * 100)
        regions.truncate(300 * 65536 + 10_000_000)

    attributed = put(b"attributed")
    os.setxattr(attributed, b"user.comment", b"line\nwith=equals%and\x00nul\xff")
    os.setxattr(attributed, b"user.empty", b"")
    os.setxattr(attributed, b"user.odd =%name", b"1")
    os.setxattr(os.path.join(top, b"empty directory"), b"user.on-directory", b"x" * 2000)
    access = put(b"acl")
    subprocess.run(["setfacl", "-m", "u:daemon:rwx,g:bin:r--,u:54321:r--,m::rwx", access], check=True)
    subprocess.run(["setfacl", "-d", "-m", "u:daemon:rwx", os.path.join(top, b"empty directory")], check=True)
    if IS_ROOT:
        os.chown(put(b"owned by name"), 1, 2)
        os.chown(put(b"owned by number"), 3_000_000, 4_000_000_000)
        os.chown(os.path.join(top, b"absolute"), 7, 7, follow_symlinks=False)
        capable = put(b"capable", mode=0o755)
        os.setxattr(capable, b"security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
        os.setxattr(put(b"trusted"), b"trusted.overlay", b"y")

    depth = top
    for level in range(16):
        depth = os.path.join(depth, b"%03d" % level + b"d" * 200)
    os.makedirs(depth)
    with open(os.path.join(depth, b"deep"), "wb") as stream:
        stream.write(b"deep")
    holed = os.path.join(depth, b"deep hole")
    with open(holed, "wb") as stream:
        stream.truncate(1_000_000)
    narrow = os.path.join(top, b"levels")
    for _level in range(1200):
        os.mkdir(narrow)
        narrow = os.path.join(narrow, b"l")

    os.utime(os.path.join(top, b"plain"), ns=(OLD, OLD))
    os.utime(put(b"before 1970"), ns=(-123_456_789_987_654_321, -123_456_789_987_654_321))
    os.utime(put(b"in the future"), ns=(4_000_000_000_000_000_001, 4_000_000_000_000_000_001))
    os.utime(os.path.join(top, b"dangling"), ns=(OLD, OLD), follow_symlinks=False)
    os.utime(os.path.join(top, b"empty directory"), ns=(OLD, OLD))
    os.chmod(os.path.join(top, b"read-only"), 0o550)
    os.utime(os.path.join(top, b"read-only"), ns=(OLD, OLD))
    os.utime(top, ns=(OLD, OLD))


def destroy(path: Path) -> None:
    """Remove a tree too deep for shutil.rmtree."""
    subprocess.run(["rm", "-rf", path], check=True)


@pytest.mark.skipif(not IS_ROOT, reason="modes that keep even their owner out need root to be read")
def test_a_tree_that_lost_its_files_or_their_content_is_suspect(house: House, tmp_path: Path) -> None:
    tree = tmp_path / "users"
    tree.mkdir()
    for number in range(10):
        (tree / f"{number}.odt").write_bytes(os.urandom(100))
    full = house.dump("files", {"paths": [str(tree)]})
    assert full.suspect is None
    for path in tree.iterdir():
        path.write_bytes(b"")
    cut = house.dump("files", {"paths": [str(tree)]})
    assert cut.suspect == f"it holds no bytes, and {full.set_id} holds 1000"
    for number in range(6):
        (tree / f"{number}.odt").unlink()
    removed = house.dump("files", {"paths": [str(tree)]})
    assert removed.suspect == f"it holds 4 files, less than 0.5 of the 10 of {full.set_id}"


def test_everything_comes_back_as_it_was(house: House, tmp_path: Path) -> None:
    tree = tmp_path / "srv" / "users"
    make_tree(tree)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        os.rename(tmp_path / "s", tree / "socket")
    os.mknod(tree / "device", 0o600 | 0o020000, os.makedev(1, 3))
    (tree / "skip.tmp").write_text("excluded by name")
    (tree / "cache").mkdir()
    (tree / "cache" / "x").write_text("excluded by path")
    os.utime(tree, ns=(OLD, OLD))
    before = picture(os.fsencode(tree))
    for left_out in (b"/socket", b"/device", b"/skip.tmp", b"/cache", b"/cache/x"):
        del before[left_out]

    dumped = house.dump("files", {"paths": [str(tree)], "exclude": ["*.tmp", f"{tree}/cache"]})
    destroy(tree)
    restored = house.restore(dumped.set_id, "files", {})

    assert picture(os.fsencode(tree)) == before
    assert all(check.passed for check in restored.checks)
    assert restored.kept is None
    assert os.listdir(tree.parent) == ["users"]
    assert dumped.description is not None
    [facts] = dumped.description.engine_facts["paths"]
    assert facts["sockets_left_out"] == {"count": 1, "first": [f"{tree}/socket"]}
    assert facts["devices_left_out"] == {"count": 1, "first": [f"{tree}/device"]}
    assert (facts["hard_links"], facts["fifos"], facts["sparse_files"], facts["excluded"]) == (3, 1, 8, 2)
    assert [line for line in restored.warnings if "setuid or setgid bits or capabilities" in line]

    by_hand = tmp_path / "by hand"
    by_hand.mkdir()
    house.by_hand(dumped.set_id, Path(f"'{by_hand}'"), "TARGET_DIRECTORY")
    assert picture(os.fsencode(by_hand / "users")) == before
    destroy(tree)
    destroy(by_hand)
