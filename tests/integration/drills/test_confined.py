# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What handles the content of SQLite and files sets has no rights, no network, and no file but those it restores."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.drills.support import BALANCE, ENDLESS, Range, wait_for
from tests.integration.drills.test_side_by_side import confined, make_sets, started
from tests.integration.files.support import IS_ROOT, small_file_system
from tests.integration.files.test_hostile import forge
from tests.unit.plugins.module_utils._engines.hostile import HARMLESS, HOSTILE, file
from tests.unit.plugins.module_utils._engines.hostile import archive as archive_of

CANARY = "canary-that-everybody-may-read"


@pytest.fixture
def canary() -> Iterator[Path]:
    """A database that everybody may read, where everybody may get to it, in a directory where everybody may write."""
    directory = Path(tempfile.mkdtemp(prefix="drill-canary-", dir="/var/tmp"))
    directory.chmod(0o777)
    path = directory / "canary"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE word AS SELECT ? AS word", (CANARY,))
        connection.commit()
    path.chmod(0o666)
    yield path
    shutil.rmtree(directory)


def test_a_database_reaches_no_other_file(place: Range, canary: Path) -> None:
    """What only the inventory may say is said here for a set that had taken the program over."""
    place.dump()
    reads = {**BALANCE, "name": "reads", "query": f"ATTACH 'file:{canary}?mode=ro' AS canary", "expected": ""}
    report = place.drill(queries=[reads])
    assert [entry["engine"] for entry in report.sets] == ["files"]
    assert "unable to open database" in report.message
    with contextlib.closing(sqlite3.connect(place.database)) as connection:
        connection.execute(f"ATTACH 'file:{canary}?mode=ro' AS canary")  # Unconfined, it is read.
    extension = {**BALANCE, "name": "loads", "query": "SELECT load_extension('libsqlite3.so.0')", "expected": ""}
    assert "not authorized" in place.drill(queries=[extension]).message


# In place of tar: what a program that had been taken over would try. What it got goes where a message comes from.
TAKEN_OVER = """#!{python}
import os, socket, subprocess, sys
def attempt(what, action):
    try:
        print(f"{{what}}: got {{action()}}", file=sys.stderr)
    except Exception as error:
        print(f"{{what}}: {{type(error).__name__}}", file=sys.stderr)
attempt("reads", lambda: open({canary!r}, "rb").read().count(b"canary"))
attempt("writes", lambda: open({mark!r}, "w").write("x"))
attempt("connects", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
attempt("kills", lambda: os.kill({pid}, 0))
attempt("runs", lambda: subprocess.run(["/bin/sh", "-c", "true"]).returncode)
attempt("becomes root", lambda: os.setuid(0) if os.getuid() else 1 / 0 if {root} else os.setgroups([0]))
sys.exit(3)
"""


def test_a_program_that_was_taken_over_reaches_nothing(
    place: Range, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.dump()
    mark = canary.parent / "mark"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        text = TAKEN_OVER.format(
            python=os.path.realpath(sys.executable),
            canary=str(canary),
            mark=str(mark),
            port=listening.getsockname()[1],
            pid=os.getpid(),
            root=IS_ROOT,
        )
        stub = tmp_path / "bin" / "tar"
        stub.parent.mkdir()
        stub.write_text(text)
        stub.chmod(0o755)
        free = subprocess.run([str(stub)], check=False, capture_output=True, text=True).stderr
        for what in ("reads", "writes", "connects", "kills", "runs"):
            assert f"{what}: got" in free, "where it is not confined, it does what it tries"
        mark.unlink()
        monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
        report = place.drill()
    (failure,) = report.failures
    assert failure["outcome"] == "failed"
    for what in ("reads", "writes", "connects", "kills", "runs", "becomes root"):
        assert f"{what}: " in failure["message"]
        assert f"{what}: got" not in failure["message"]
    assert not mark.exists()


def test_it_is_nobody_and_what_is_restored_is_nobody_else_s(place: Range) -> None:
    """Modes keep other users out as long as it lasts, whatever the source's own are."""
    place.database.chmod(0o666)
    make_sets(place, 1)
    process = started(place)
    try:
        restored = wait_for(lambda: list(place.work.glob("drill-*/i/drill.db")))[0]
        (one,) = confined(process.pid)
        status = Path("/proc", str(one), "status").read_text()
        assert os.readlink(f"/proc/{one}/ns/net") != os.readlink("/proc/self/ns/net")
        assert restored.parent.stat().st_mode & 0o777 == 0o700
        lock = Path(f"{restored.parents[1]}.lock")
        assert lock.stat().st_mode & 0o777 == 0o600
    finally:
        process.terminate()
        process.wait(60)
    fields = dict(line.split(":", 1) for line in status.splitlines())
    if IS_ROOT:
        assert set(fields["Uid"].split()) == {str(pwd.getpwnam("nobody").pw_uid)}
        assert fields["Groups"].split() == []
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"


@pytest.mark.parametrize("name", sorted(HOSTILE)[::8])
def test_a_hostile_archive_fails_its_drill(place: Range, name: str) -> None:
    forge(place.house, HOSTILE[name], "/srv/users")
    (failure,) = place.drill().failures
    assert failure["outcome"] == "failed"
    assert "contains what this collection never writes" in failure["message"]


def test_a_description_that_is_none_fails_its_drill(place: Range) -> None:
    forge(place.house, HARMLESS["empty directory"], "relative")
    (failure,) = place.drill().failures
    assert failure["outcome"] == "failed"
    assert "its description of the files is invalid" in failure["message"]


def test_an_archive_that_would_give_files_to_others_than_the_set_says_fails_its_drill(place: Range) -> None:
    """Who confines a drill cannot give files away; to whom they would be given is told all the same."""
    owners = [{"user": "contadora", "group": "root", "uid": 1004, "gid": 0, "members": 2}]
    archive = archive_of(file(b"users/a", b"12345"))
    forge(place.house, archive, "/srv/users", owners=owners)
    (failure,) = place.drill().failures
    assert failure["outcome"] == "failed"
    assert "0 members belong to contadora:root, the set says 2; 2 members belong to root:root" in failure["message"]


def test_every_restored_file_is_compared_with_the_archive(
    place: Range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a disk gives back other bytes than it was given, sizes and counts do not tell."""
    place.dump()
    report = place.drill()
    (tree,) = (entry for entry in report.sets if entry["engine"] == "files")
    assert any(check["name"].endswith("tree: content, modes and times") for check in tree["checks"])
    assert any(check["name"].endswith("tree: owners in the archive") for check in tree["checks"]) or not IS_ROOT
    # A tar that extracts something else of the same size.
    real = shutil.which("tar")
    stub = tmp_path / "bin" / "tar"
    stub.parent.mkdir()
    copy = tmp_path / "bin" / "chmod"  # One of the programs that the confined process has.
    copy.symlink_to(str(real))
    stub.write_text(
        f"#!{os.path.realpath(sys.executable)}\n"
        "import subprocess, sys\n"
        "done = subprocess.run(['/programs/chmod', *sys.argv[1:]])\n"
        "if '--extract' in sys.argv:\n"
        "    directory = sys.argv[-1].partition('=')[2]\n"
        "    import os, pathlib\n"
        "    (paper,) = pathlib.Path(directory).rglob('paper')\n"
        "    os.chmod(paper, 0o600)\n"
        "    times = os.stat(paper)\n"
        "    paper.write_text('y' * 5000)\n"
        "    os.utime(paper, ns=(times.st_atime_ns, times.st_mtime_ns))\n"
        "sys.exit(done.returncode)\n"
    )
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    (failure,) = place.drill().failures
    assert failure["outcome"] == "failed"
    assert "closed/paper: Contents differ" in failure["message"]


@pytest.mark.skipif(not IS_ROOT, reason="mounting a small file system needs root")
def test_a_disk_that_fills_up_is_no_verdict_on_the_set(place: Range) -> None:
    """Many small files take more room than their archive's size makes one expect."""
    for number in range(2500):
        (place.tree / f"file-{number}").write_text("x")
    _ledger, tree = place.dump()
    place.work.rmdir()
    with small_file_system(place.work, "7m"):
        report = place.drill(set_aside=True)
    failures = {entry["engine"]: entry for entry in report.failures}
    assert failures["files"]["outcome"] == "not_done"
    assert "No space left on device" in failures["files"]["message"]
    assert "Nothing is known about the set" in failures["files"]["message"]
    assert tree.exists()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_one_that_is_killed_is_no_verdict_on_the_set(place: Range) -> None:
    """As the kernel does where memory runs out."""
    ledger, _tree = place.dump()
    killed: list[int] = []

    def kill() -> None:
        wait_for(lambda: list(place.work.glob("drill-*/i/drill.db")))
        (one,) = confined(os.getpid())
        os.kill(one, signal.SIGKILL)
        killed.append(one)

    thread = threading.Thread(target=kill)
    thread.start()
    report = place.drill(queries=[ENDLESS], set_aside=True)
    thread.join()
    (failure,) = report.failures
    assert killed
    assert failure["outcome"] == "not_done"
    assert "was killed by SIGKILL" in failure["message"]
    assert ledger.exists()


def test_without_bubblewrap_it_is_not_done_and_the_package_is_named(
    place: Range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.dump()
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("age", "zstd", "tar", "cat"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(programs))
    report = place.drill(set_aside=True)
    assert {entry["outcome"] for entry in report.failures} == {"not_done"}
    assert "Install the package bubblewrap." in report.message
