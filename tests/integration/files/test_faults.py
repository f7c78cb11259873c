# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong while files are backed up or put back has one clear message, and leaves everything as it was."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.names import escape
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    Refused,
)
from tests.integration.files.support import (
    IS_ROOT,
    House,
    open_directory,
    picture,
    run_as_ordinary_user,
    run_child,
    small_file_system,
    stub,
)

# The real tar is asked for its version before every dump; a stub that stands in for it must answer, too.
AS_IT_IS = '[ "$1" = --version ] && exec REAL "$@"\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree."""
    root = tmp_path / "srv" / "users"
    (root / "ana").mkdir(parents=True)
    (root / "ana" / "letter").write_text("Tuluá")
    (root / "beto").mkdir()
    (root / "beto" / "numbers").write_bytes(os.urandom(2_000_000))
    (root / "beto" / "link").symlink_to("numbers")
    return root


def assert_nothing_left(house: House, tree: Path) -> None:
    """No set, no part of one, nothing beside the tree."""
    assert not house.sets()
    assert not house.leftovers()
    assert os.listdir(tree.parent) == [tree.name]


def test_files_that_vanish_or_change_while_read_are_listed_and_fail_nothing(
    house: House, tree: Path, tmp_path: Path
) -> None:
    for name in ("gone", "gone\nnewline: colon \\ \xff", "gone-dir/a", "gone-dir/b", "shrinking"):
        path = tree / os.fsdecode(name.encode("latin-1"))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
    (tree / "shrinking").write_bytes(bytes(range(256)) * 400_000)
    # The list is complete before anything vanishes, so that tar is told of what is no longer there.
    script = AS_IT_IS + (
        'list=$(mktemp); cat > "$list"\n'
        f"rm -rf {tree}/gone*\n"
        f"(while sleep 0.005; do truncate -s -1000000 {tree}/shrinking; done) >/dev/null 2>&1 & changer=$!\n"
        'REAL "$@" < "$list"; status=$?\n'
        'kill $changer; rm "$list"; exit $status'
    )
    with stub(tmp_path / "bin", "tar", script):
        dumped = house.dump("files", {"paths": [str(tree)]})
    assert dumped.description is not None
    [facts] = dumped.description.engine_facts["paths"]
    assert sorted(facts["vanished_while_read"]["first"]) == sorted(
        [
            f"{tree}/gone",
            f"{tree}/gone\\x0anewline: colon \\\\ \\xff",
            f"{tree}/gone-dir",
            f"{tree}/gone-dir/a",
            f"{tree}/gone-dir/b",
        ]
    )
    assert set(facts["changed_while_read"]["first"]) == {f"{tree}/shrinking"}
    assert any("vanished before they were read" in warning for warning in dumped.description.warnings)
    before = picture(os.fsencode(tree))
    shutil.rmtree(tree)
    house.restore(dumped.set_id, "files", {})
    after = picture(os.fsencode(tree))
    for found in (before, after):
        del found[b"/shrinking"]
    assert {name: value for name, value in after.items() if name} == {n: v for n, v in before.items() if n}


def test_what_cannot_be_read_is_named_before_anything_is_written() -> None:
    with open_directory() as base:
        (base / "house").mkdir()
        house = House(base / "house")
        tree = base / "tree"
        (tree / "closed").mkdir(parents=True)
        (tree / "open").write_text("x")
        (tree / "secret").write_text("x")
        (tree / "closed" / "inside").write_text("x")
        for path in (tree / "secret", tree / "closed"):
            path.chmod(0)
        if IS_ROOT:
            subprocess.run(["chown", "-R", "nobody", house.base], check=True)
        job = house.job("dump", "files", {"paths": [str(tree)]})
        answer = run_as_ordinary_user(job)
        assert f"2 cannot be read: {tree}/" in answer["error"]
        assert sorted(answer["details"]) == [f"{tree}/{name} (Permission denied)" for name in ("closed", "secret")]
        assert not house.sets()
        assert not house.leftovers()

        job["options"]["exclude"] = ["secret", f"{tree}/clos*"]
        answer = run_as_ordinary_user(job)
        assert "ok" in answer


def test_a_restore_by_an_ordinary_user_keeps_what_it_can_and_says_what_not() -> None:
    with open_directory() as base:
        (base / "house").mkdir()
        house = House(base / "house")
        tree = base / "work" / "tree"
        (tree / "shut").mkdir(parents=True)
        (tree / "shut" / "file").write_text("x")
        (tree / "shut").chmod(0o555)
        (tree / "sticky").write_text("x")
        (tree / "sticky").chmod(0o4711)
        dumped = house.dump("files", {"paths": [str(tree)]})
        if IS_ROOT:
            subprocess.run(["chown", "-R", "nobody", base], check=True)
        job = house.job("restore", "files", {}, set=str(dumped.set_id), replace=True)
        answer = run_as_ordinary_user(job)
        assert "everything restored belongs to this user" in answer["ok"][0], answer
        assert (tree / "shut").stat().st_mode & 0o7777 == 0o555
        assert (tree / "sticky").stat().st_mode & 0o7777 == 0o4711
        assert sorted(os.listdir(tree.parent))[1].startswith("tree__replaced_")
        assert len(os.listdir(tree.parent)) == 2
        # A staging directory with a read-only tree in it, left by a restore that was killed.
        (tree.parent / "tree__restoring").mkdir(mode=0o700)
        shutil.copytree(tree, tree.parent / "tree__restoring" / "content")
        if IS_ROOT:
            subprocess.run(["chown", "-R", "nobody", base], check=True)
        answer = run_as_ordinary_user(job)
        assert "ok" in answer, answer
        assert "tree__restoring" not in os.listdir(tree.parent)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["{tree}/nowhere"], r"\({tree}/nowhere\): No such file"),
        (["{tree}", "{tree}/ana"], "one lies in the other"),
        (["{tree}/ana", "{tree}/ana/"], "one lies in the other"),
        (["/"], "only directories and regular files"),
        (["/dev/null"], "only directories and regular files"),
        (["relative/path"], "not absolute"),
        ([], "names none"),
    ],
)
def test_paths_that_make_no_sense_are_refused(house: House, tree: Path, paths: list[str], message: str) -> None:
    with pytest.raises(BackupError, match=message.replace("{tree}", str(tree))):
        house.dump("files", {"paths": [path.replace("{tree}", str(tree)) for path in paths]})
    assert_nothing_left(house, tree)


def test_a_medium_within_the_source_has_to_be_excluded(house: House) -> None:
    (house.base / "file").write_text("x")
    with pytest.raises(Refused, match="each set would hold all earlier ones"):
        house.dump("files", {"paths": [str(house.base)]})
    dumped = house.dump("files", {"paths": [str(house.base)], "exclude": [str(house.medium_path)]})
    assert dumped.description is not None
    assert dumped.description.engine_facts["paths"][0]["files"] == 2


def test_a_link_as_source_is_followed_and_said(house: House, tree: Path) -> None:
    link = tree.parent.parent / "link"
    link.symlink_to(tree)
    dumped = house.dump("files", {"paths": [str(link)]})
    assert dumped.description is not None
    assert dumped.description.engine_facts["paths"][0]["path"] == str(tree)
    assert f"{link} is a symbolic link" in dumped.description.warnings[0]


@pytest.mark.skipif(not IS_ROOT, reason="mounting needs root")
def test_one_file_system_stops_at_mount_points_and_names_them(house: House, tree: Path) -> None:
    with small_file_system(tree / "ana" / "mounted", "1m") as mounted:
        (mounted / "inside").write_text("x")
        dumped = house.dump("files", {"paths": [str(tree)], "one_file_system": True})
        whole = house.dump("files", {"paths": [str(tree)]})
    assert dumped.description is not None
    assert whole.description is not None
    [facts] = dumped.description.engine_facts["paths"]
    [all_facts] = whole.description.engine_facts["paths"]
    assert facts["mounts_not_entered"]["first"] == [f"{tree}/ana/mounted"]
    assert (facts["directories"], facts["files"]) == (4, 2)
    assert (all_facts["directories"], all_facts["files"]) == (4, 3)


@pytest.mark.parametrize(
    ("program", "script", "message"),
    [
        ("tar", AS_IT_IS + 'REAL "$@" | head -c 100000; kill -9 $$', "tar was killed by SIGKILL"),
        ("tar", AS_IT_IS + 'REAL "$@" | head -c 100000; exit 0', "it ends too early"),
        ("tar", AS_IT_IS + 'grep -zv letter | REAL "$@"', "of 6 names 1 are missing in the archive"),
        ("tar", AS_IT_IS + 'echo "REAL: users/ana: Read error at byte 0: Input/output error" >&2; REAL "$@"; exit 2',
         "Read error at byte 0"),
        ("tar", AS_IT_IS + 'cat >/dev/null; echo hello', "tar wrote what a restore would refuse"),
        ("tar", "echo 'bsdtar 3.6.2 - libarchive 3.6.2'", "GNU tar 1.29 or newer is needed"),
        ("tar", "echo 'tar (GNU tar) 1.28'", "GNU tar 1.29 or newer is needed"),
        ("zstd", '[ "$1" = --version ] && exec REAL "$@"; head -c 100000 | REAL "$@"; kill -9 $$', "zstd was killed"),
    ],
    ids=["tar killed", "cut", "one left out", "read error", "no archive", "another tar", "old tar", "zstd killed"],
)  # fmt: skip
def test_a_program_that_fails_mid_stream_fails_the_dump(
    house: House, tree: Path, tmp_path: Path, program: str, script: str, message: str
) -> None:
    script = script.replace('"REAL: users', '"$0: users')
    with stub(tmp_path / "bin", program, script), pytest.raises(BackupError, match=message):
        house.dump("files", {"paths": [str(tree)]})
    assert_nothing_left(house, tree)
    house.dump("files", {"paths": [str(tree)]})


def states(house: House, tree: Path) -> tuple[dict[bytes, tuple[object, ...]], str]:
    """Back the tree up, then change it: what the set holds, and its id."""
    new = picture(os.fsencode(tree))
    dumped = house.dump("files", {"paths": [str(tree)]})
    (tree / "ana" / "letter").write_text("another")
    (tree / "later").write_text("x")
    return new, str(dumped.set_id)


def test_single_files_odd_names_and_chosen_paths(house: House, tmp_path: Path) -> None:
    names = [b"one file", b"tree \xff\n\\x41", b"-dash", b"n" * 250]
    top = os.fsencode(tmp_path / "srv")
    os.mkdir(top)
    paths = [os.path.join(top, name) for name in names]
    for path in paths:
        if b"tree" in path:
            os.mkdir(path)
            path = os.path.join(path, b"inside")
        with open(path, "wb") as stream:
            stream.write(path)
    before = {path: picture(path) for path in paths}
    dumped = house.dump("files", {"paths": [escape(path) for path in paths]})

    elsewhere = tmp_path / "else" / "where"
    restored = house.restore(dumped.set_id, "files", {"directory": str(elsewhere)})
    assert {path: picture(os.fsencode(elsewhere) + path) for path in paths} == before
    assert f"it was made for this restore, and belongs to user {os.geteuid()}, mode 0755." in restored.warnings[0]

    os.unlink(paths[0])
    shutil.rmtree(paths[1])
    house.restore(dumped.set_id, "files", {"paths": [escape(path) for path in paths[:2]]})
    assert {path: picture(path) for path in paths} == before
    with pytest.raises(NotFound, match=r"the set .* holds"):
        house.restore(dumped.set_id, "files", {"paths": ["/etc"]})
    restored = house.restore(dumped.set_id, "files", {}, replace=True)
    assert {path: picture(path) for path in paths} == before
    assert len(os.listdir(top)) == 8
    assert not [name for name in os.listdir(top) if b"__restoring" in name]


@pytest.mark.skipif(not IS_ROOT, reason="mounting needs root")
def test_paths_on_different_file_systems_are_each_restored_beside_themselves(house: House, tmp_path: Path) -> None:
    here = tmp_path / "here"
    with small_file_system(tmp_path / "there", "8m") as there:
        for place in (here, there / "data"):
            place.mkdir()
            (place / "file").write_text(str(place))
        before = [picture(os.fsencode(place)) for place in (here, there / "data")]
        dumped = house.dump("files", {"paths": [str(here), str(there / "data")]})
        shutil.rmtree(here)
        house.restore(dumped.set_id, "files", {}, replace=True)
        assert [picture(os.fsencode(place)) for place in (here, there / "data")] == before
        with pytest.raises(Refused, match="a mount point cannot be swapped"):
            mounted = house.dump("files", {"paths": [str(there)]}, source="mounted")
            house.restore(mounted.set_id, "files", {}, replace=True)


@pytest.mark.skipif(not IS_ROOT, reason="mounting needs root")
def test_when_one_path_cannot_be_swapped_none_is(house: House, tmp_path: Path) -> None:
    paths = [tmp_path / "srv" / name for name in ("first", "second", "third")]
    for path in paths:
        path.mkdir(parents=True)
        (path / "file").write_text("as backed up")
    dumped = house.dump("files", {"paths": [str(path) for path in paths]})
    for path in paths:
        (path / "file").write_text("changed since")
    old = [picture(os.fsencode(path)) for path in paths]
    # While the last archive is being unpacked, somebody mounts something over the second path.
    script = AS_IT_IS + f'case "$*" in *third*) mount --bind {paths[1]} {paths[1]};; esac; exec REAL "$@"'
    try:
        with (
            stub(tmp_path / "bin", "tar", script),
            pytest.raises(BackupError, match="put the restored files in their place"),
        ):
            house.restore(dumped.set_id, "files", {}, replace=True, jobs=1)
    finally:
        subprocess.run(["umount", paths[1]], check=True)
    assert [picture(os.fsencode(path)) for path in paths] == old
    assert sorted(os.listdir(tmp_path / "srv")) == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('head -c 50000 >/dev/null; kill -9 $$', "tar was killed by SIGKILL"),
        ('head -c 50000 >/dev/null; exit 0', "the restored data is not what the set says"),
        ('REAL "$@"; echo x > "${@: -1}"/users/ana/letter2', "the restored data is not what the set says"),
        ('REAL "$@"; mkfifo "${@: -1}"/users/ana/pipe', "the restored data is not what the set says"),
    ],
    ids=["killed", "gives up", "a file more", "another type"],
)  # fmt: skip
def test_a_restore_that_fails_leaves_the_target_as_it_was(
    house: House, tree: Path, tmp_path: Path, script: str, message: str
) -> None:
    script = script.replace("${@: -1}", "${last#--directory=}")
    script = AS_IT_IS + 'for last in "$@"; do case "$last" in --directory=*) break;; esac; done\n' + script
    states(house, tree)
    old = picture(os.fsencode(tree))
    [set_id] = house.sets()
    with stub(tmp_path / "bin", "tar", script), pytest.raises(BackupError, match=message):
        house.restore(set_id, "files", {}, replace=True)
    assert picture(os.fsencode(tree)) == old
    assert os.listdir(tree.parent) == ["users"]


@pytest.mark.skipif(not IS_ROOT, reason="mounting a small file system needs root")
def test_a_disk_too_full_for_a_restore_is_told_beforehand(house: House, tmp_path: Path) -> None:
    with small_file_system(tmp_path / "small", "24m") as small:
        (small / "data").mkdir()
        (small / "data" / "half").write_bytes(os.urandom(15_000_000))
        dumped = house.dump("files", {"paths": [str(small / "data")]})
        old = picture(os.fsencode(small / "data"))
        with pytest.raises(BackupError, match="bytes are free there and about"):
            house.restore(dumped.set_id, "files", {}, replace=True)
        assert picture(os.fsencode(small / "data")) == old
        assert os.listdir(small) == ["data"]


def test_zeros_after_the_end_that_tar_does_not_read_fail_nothing(house: House, tree: Path, tmp_path: Path) -> None:
    before = picture(os.fsencode(tree))
    # Another tar may fill up its last record with more zeros than a pipe holds.
    with stub(tmp_path / "bin", "tar", AS_IT_IS + 'exec REAL --blocking-factor=8192 "$@"'):
        dumped = house.dump("files", {"paths": [str(tree)]})
    shutil.rmtree(tree)
    house.restore(dumped.set_id, "files", {})
    assert picture(os.fsencode(tree)) == before


def test_a_directory_that_only_looks_like_a_dead_restores_is_not_removed(house: House, tree: Path) -> None:
    _new, _id = states(house, tree)
    [set_id] = house.sets()
    precious = tree.parent / "users__restoring"
    precious.mkdir(mode=0o700)
    (precious / "thesis").write_text("irreplaceable")
    with pytest.raises(Refused, match="was not made by a restore"):
        house.restore(set_id, "files", {}, replace=True)
    assert (precious / "thesis").read_text() == "irreplaceable"


def kills(house: House, job: dict[str, object]) -> Iterator[int]:
    """Run the job, killed before its first, second, … change, until it comes to its end."""
    for step in itertools.count(1):
        status, answer = run_child({**job, "die_at": step})
        if status == 0:
            assert "ok" in answer, answer
            assert step > 5
            return
        yield step


def test_a_dump_killed_anywhere_leaves_no_set(house: House, tree: Path) -> None:
    for _step in kills(house, house.job("dump", "files", {"paths": [str(tree)]}, within=str(house.base.parent))):
        assert not house.sets()
    assert len(house.sets()) == 1
    assert not house.leftovers()


@pytest.mark.parametrize("kind", ["tree", "file"])
def test_a_restore_killed_anywhere_leaves_the_old_or_the_new(house: House, tree: Path, kind: str) -> None:
    if kind == "file":
        shutil.rmtree(tree)
        tree.write_text("as backed up")
    new = picture(os.fsencode(tree))
    set_id = house.dump("files", {"paths": [str(tree)]}).set_id

    def reset() -> None:
        subprocess.run(["rm", "-rf", *tree.parent.iterdir()], check=True)
        if kind == "file":
            tree.write_text("changed since")
        else:
            tree.mkdir()
            (tree / "changed since").write_text("x")

    reset()
    job = house.job("restore", "files", {}, set=str(set_id), replace=True, within=str(tree.parent))
    seen = set()
    for _step in kills(house, job):
        found = picture(os.fsencode(tree))
        kept = [path for path in tree.parent.iterdir() if "__replaced_" in path.name]
        seen.add(found == new)
        if found == new:
            [old_path] = kept
            assert old_path.is_file() or (old_path / "changed since").exists(), "the old data is not where it is said"
        restored = house.restore(set_id, "files", {}, replace=True)
        assert picture(os.fsencode(tree)) == new
        assert restored.kept is not None
        assert picture(os.fsencode(restored.kept)) == found
        assert not [path for path in tree.parent.iterdir() if "__restoring" in path.name]
        olds = [path for path in tree.parent.iterdir() if "__replaced_" in path.name]
        assert len(olds) == (2 if found == new else 1), "new data that was never in place is kept as if it were old"
        reset()
    assert seen == {True, False}


@pytest.mark.slow
def test_a_hundred_thousand_small_files(house: House, tmp_path: Path) -> None:
    # In memory where there is room: a hundred thousand files three times over are hard on a disk, and prove no more.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 1024**3
    top = Path(tempfile.mkdtemp(prefix="files-engine-", dir=memory if roomy else tmp_path))
    root = top / "many"
    try:
        for directory in range(100):
            (root / f"{directory}").mkdir(parents=True)
            for number in range(1000):
                with open(f"{root}/{directory}/{number}", "wb") as stream:
                    stream.write(b"%d" % number * (number % 100))
        before = picture(os.fsencode(root))
        dumped = house.dump("files", {"paths": [str(root)]})
        subprocess.run(["rm", "-rf", root], check=True)
        restored = house.restore(dumped.set_id, "files", {})
        assert picture(os.fsencode(root)) == before
        print(f"dump {dumped.seconds} s, restore {restored.seconds} s")
    finally:
        subprocess.run(["rm", "-rf", top], check=True)
