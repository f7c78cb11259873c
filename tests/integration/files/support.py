# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the files and sqlite engines share: a house with a medium and a key, and pictures of trees."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
import typing as t
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.dumping import DumpRequest, DumpResult
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import restoring
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.restoring import (
    RestoreRequest,
    RestoreResult,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import Encryption, Filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from tests.integration.files.child import perform

IS_ROOT = os.geteuid() == 0
CHILD = Path(__file__).with_name("child.py")


class House:
    """A directory medium, a key pair, and dumps and restores between them and a source.

    :param base: a directory of its own.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.medium_path = base / "medium"
        self.medium_path.mkdir()
        self.identity = base / "identity"
        made = subprocess.run(["age-keygen", "-o", self.identity], check=True, capture_output=True, text=True)
        self.recipient = (made.stdout + made.stderr).split("Public key:")[1].split()[0]
        self.identity.chmod(0o600)

    def request(self, engine: str, options: dict[str, t.Any], *, source: str = "data", level: int = 1) -> DumpRequest:
        """A request to dump this source."""
        return DumpRequest(
            host="web1",
            source=source,
            engine=find_engine(engine).source(options),
            medium=DirectoryMedium(path=str(self.medium_path)),
            series="400.8.1",
            organization="INFITULUÁ",
            filters=Filters(Encryption("age", (self.recipient,)), level),
        )

    def dump(self, engine: str, options: dict[str, t.Any], *, source: str = "data") -> DumpResult:
        """Dump; the set is complete when this returns."""
        return dumping.dump(self.request(engine, options, source=source))

    def restore(
        self,
        set_id: SetId | None,
        engine: str,
        options: dict[str, t.Any],
        *,
        replace: bool = False,
        jobs: int = 2,
        keep_replaced_days: int | None = None,
        check_mode: bool = False,
        max_seconds: int | None = None,
    ) -> RestoreResult:
        """Restore a set."""
        assert set_id is not None
        return restoring.restore(
            RestoreRequest(
                medium=DirectoryMedium(path=str(self.medium_path)),
                set_id=set_id,
                engine=find_engine(engine).target(options),
                ticket="HD-1",
                identity_files=(str(self.identity),),
                replace=replace,
                jobs=jobs,
                keep_replaced_days=keep_replaced_days,
                max_seconds=max_seconds,
            ),
            check_mode=check_mode,
        )

    def sets(self, source: str = "data") -> list[SetId]:
        """The complete sets."""
        return DirectoryMedium(path=str(self.medium_path)).sets(host="web1", source=source)

    def set_path(self, set_id: SetId | None) -> Path:
        """A set's directory."""
        assert set_id is not None
        return Path(DirectoryMedium(path=str(self.medium_path)).path(set_id))

    def leftovers(self) -> list[str]:
        """Whatever on the medium is neither a set, nor a lock, nor the status file."""
        found = []
        for path in self.medium_path.glob("*/*/*"):
            if path.name.startswith(".") and path.name not in (".lock", ".progress.json"):
                found.append(path.name)
        return found

    def by_hand(self, set_id: SetId | None, target: Path, placeholder: str) -> None:
        """Restore with the commands that stand in backup.json, typed as they stand there."""
        directory = self.set_path(set_id)
        for line in json.loads((directory / "backup.json").read_text())["restore_by_hand"]:
            line = line.replace("IDENTITY_FILE", str(self.identity)).replace(placeholder, str(target))
            subprocess.run(["bash", "-euo", "pipefail", "-c", line], cwd=directory, check=True)

    def job(self, action: str, engine: str, options: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
        """What child.py does in a process of its own."""
        return {
            "action": action,
            "engine": engine,
            "options": options,
            "medium": str(self.medium_path),
            "recipient": self.recipient,
            "identity": str(self.identity),
            **more,
        }


# In place of Python's own SQLite, one that is newer: other hosts have it.
NEWER_SQLITE = (
    "import runpy, sys, pysqlite3; sys.modules['sqlite3'] = pysqlite3; runpy.run_path(sys.argv[1], None, '__main__')"
)


def run_child(job: dict[str, t.Any], *, timeout: int = 120, newer_sqlite: bool = False) -> tuple[int, dict[str, t.Any]]:
    """Run a dump or a restore in another process; its exit status and what it answered."""
    done = subprocess.run(
        [sys.executable, *(["-c", NEWER_SQLITE] if newer_sqlite else []), str(CHILD)],
        check=False,
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(f"the child failed:\n{done.stderr}")
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def run_as_ordinary_user(job: dict[str, t.Any]) -> dict[str, t.Any]:
    """Run a dump or a restore as somebody who is not root; what it answered.

    By fork alone: the Python that runs the tests may lie where only its owner can execute it.
    """
    answer, answer_in = os.pipe()
    child = os.fork()
    if not child:
        try:
            if IS_ROOT:
                entry = pwd.getpwnam("nobody")
                os.setgroups([])
                os.setgid(entry.pw_gid)
                os.setuid(entry.pw_uid)
            os.write(answer_in, json.dumps(perform(job)).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(answer_in)
    with open(answer, "rb") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    assert text, "the child failed"
    return t.cast("dict[str, t.Any]", json.loads(text))


@contextlib.contextmanager
def open_directory() -> Iterator[Path]:
    """A temporary directory that other users may look into (pytest's may not)."""
    path = Path(tempfile.mkdtemp(prefix="files-engine-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        subprocess.run(["chmod", "-R", "u+rwx", path], check=False)
        shutil.rmtree(path)


@contextlib.contextmanager
def stub(directory: Path, name: str, script: str) -> Iterator[None]:
    """An executable that stands first on PATH; ``REAL`` in its text is the real one."""
    real = shutil.which(name)
    assert real is not None
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text("#!/bin/bash\n" + script.replace("REAL", real))
    path.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{directory}:{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before
        path.unlink()


@contextlib.contextmanager
def small_file_system(path: Path, size: str) -> Iterator[Path]:
    """A tmpfs of this size, where root may mount one."""
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


Picture = dict[bytes, tuple[t.Any, ...]]


def picture(root: bytes) -> Picture:
    """Everything that can be seen of a tree: what a restored one must have in common with it.

    Relative path to: type and mode, owner, group, time of modification in nanoseconds, size, whether it has holes,
    content, the link's target, extended attributes (ACLs and capabilities among them), and its first other name.
    """
    found: Picture = {}
    first: dict[tuple[int, int], bytes] = {}
    pending = [root]
    paths = []
    while pending:
        path = pending.pop()
        paths.append(path)
        if stat.S_ISDIR(os.lstat(path).st_mode):
            pending += [os.path.join(path, name) for name in os.listdir(path)]
    for path in sorted(paths):
        status = os.lstat(path)
        relative = path[len(root) :]
        content = target = None
        holes = False
        if stat.S_ISREG(status.st_mode):
            holes = status.st_blocks * 512 < status.st_size // 2
            with open(path, "rb") as stream:
                content = hashlib.sha256(stream.read()).hexdigest()
        elif stat.S_ISLNK(status.st_mode):
            target = os.readlink(path)
        attributes = {
            name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
        }
        same = None
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            same = first.setdefault((status.st_dev, status.st_ino), relative)
        found[relative] = (
            oct(status.st_mode),
            status.st_uid,
            status.st_gid,
            status.st_mtime_ns,
            0 if stat.S_ISDIR(status.st_mode) else status.st_size,
            holes,
            content,
            target,
            attributes,
            same,
        )
    return found
