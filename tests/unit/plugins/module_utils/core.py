# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the core share: an engine over ordinary processes, keys, file systems, processes.

The engine knows no database, so that a test of the core needs none; but its pipelines, its encryption and its sets are
the real ones.
"""

from __future__ import annotations

# Not only when first used: by then a test may be a user who cannot read it.
import concurrent.futures.thread  # noqa: F401  pylint: disable=unused-import
import contextlib
import ctypes
import dataclasses
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import (
    Check,
    Dumped,
    Examination,
    KeptData,
    LeftOut,
    RestoreWork,
    SourceEngine,
    TargetEngine,
    TargetState,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from ansible_collections.infitulua.backup.plugins.module_utils._sets import filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import (
    AGE,
    UNENCRYPTED,
    Encryption,
    Filters,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import SetReader
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

HOST = "srv-financiero"
SOURCE = "contabilidad"
# What the engine dumps when a test does not say: a table of text, some bytes of any value, and an empty stream.
SMALL = {
    "table": ["seq", "1", "20000"],
    "bytes": ["head", "-c", "300000", "/dev/urandom"],
    "empty": ["true"],
}


class CommandsEngine(SourceEngine, TargetEngine):
    """Dumps the output of commands; restores each stream into a file of a directory.

    Options: ``commands`` (part to argv), ``bytes`` (what it says its size is), ``content`` (how much of what
    it says it gave), ``stdin`` (part to bytes fed to its
    command), ``target`` (a directory), ``fail_in`` (the step of a restore that fails), ``log`` (where each step notes
    its name).
    """

    name = "commands"

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self.commands: dict[str, list[str]] = options.get("commands") or SMALL
        self.stdin: dict[str, bytes] = options.get("stdin") or {}
        self.bytes: int = options.get("bytes") or 400_000
        self.content: dict[str, int] = options.get("content") or {}
        self.target = Path(options.get("target") or "/nonexistent")
        self.fail_in = options.get("fail_in")
        self.log: list[str] = options.get("log", [])
        self.compress: bool = options.get("compress", True)
        self.unrestorable: list[LeftOut] = options.get("unrestorable") or []

    @property
    def beside(self) -> Path:
        return self.target.with_name(self.target.name + "__restoring")

    def describe(self) -> str:
        return f"commands {', '.join(self.commands)}"

    def examine(self) -> Examination:
        self._step("examine")
        return Examination(bytes=self.bytes, versions={"sh": "1.0"})

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        streams = [
            Stream(
                part=part,
                name=f"{part}.txt",
                commands=[Command(argv)] if argv else [],
                action=f"dump {part}",
                next_step="Look at it and run again.",
                stdin=self.stdin.get(part),
                compress=self.compress,
            )
            for part, argv in self.commands.items()
        ]
        writer.store_all(streams, jobs=jobs)
        by_hand = [filters.by_hand(f"data/{stream.name}.zst.age") + f" > {stream.name}" for stream in streams]
        return Dumped(list(self.commands), self.content, {"parts": len(streams)}, [], by_hand, self.unrestorable)

    def inspect_target(self, work: RestoreWork) -> TargetState:
        self._step("inspect_target")
        exists = self.target.exists()
        return TargetState(str(self.target), exists, not exists or not any(self.target.iterdir()))

    def restore_beside(self, work: RestoreWork) -> None:
        shutil.rmtree(self.beside, ignore_errors=True)
        self.beside.mkdir()
        for file in work.reader.description.payload:
            with open(self.beside / file.part, "wb") as stream:
                work.reader.run(
                    file, [], processes=work.processes, action="restore", next_step="Look.", sink=stream.write
                )
            self._step("restore_beside")  # Fails, where it is told to, with a part done.

    def check(self, work: RestoreWork) -> list[Check]:
        self._step("check")
        found = len(list(self.beside.iterdir()))
        told = work.reader.description.engine_facts["parts"]
        passed = found == told and self.fail_in != "failed check"
        return [Check("files", passed, f"{found} of {told}")]

    def swap(self, work: RestoreWork) -> str | None:
        kept = None
        if self.target.exists():
            kept = self.target.with_name(f"{self.target.name}__replaced_{work.stamp}")
            self.target.rename(kept)
        try:
            self._step("swap")
            self.beside.rename(self.target)
        except BaseException:
            if kept is not None:
                kept.rename(self.target)
            raise
        return str(kept) if kept else None

    def discard(self, work: RestoreWork) -> None:
        shutil.rmtree(self.beside, ignore_errors=True)
        self._step("discard")

    def kept_data(self) -> KeptData:
        raise NotImplementedError("no test asks")

    def _step(self, name: str) -> None:
        self.log.append(name)
        if self.fail_in == name:
            raise BackupError(name, on="the test", why="it was told to fail", next_step="Nothing.")


class Keys:
    """Real keys, made once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.technician, self.technician_recipient = self._age("technician")
        self.director, self.director_recipient = self._age("director")
        self.delivery, self.delivery_recipient = self._age("delivery")
        self.server_key = self._ssh("server")
        self.stranger_key = self._ssh("stranger")
        self.allowed_signers = directory / "allowed_signers"
        public = Path(f"{self.server_key}.pub").read_text(encoding="utf-8")
        self.allowed_signers.write_text(f'{HOST} namespaces="infitulua.backup" {public}', encoding="utf-8")

    def _age(self, name: str) -> tuple[str, str]:
        path = self.directory / f"{name}.identity"
        subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True)
        public = subprocess.run(["age-keygen", "-y", str(path)], check=True, capture_output=True, text=True)
        return str(path), public.stdout.strip()

    def _ssh(self, name: str) -> str:
        path = self.directory / f"{name}_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
        return str(path)


def medium_at(path: Path) -> DirectoryMedium:
    """A directory medium in a new directory."""
    path.mkdir(parents=True, exist_ok=True)
    return DirectoryMedium(path=str(path))


def plain() -> Filters:
    """Compressed, and unencrypted in words."""
    return Filters(Encryption(UNENCRYPTED))


def encrypted(*recipients: str) -> Filters:
    """Compressed and encrypted."""
    return Filters(Encryption(AGE, recipients))


def request(medium: DirectoryMedium, **changes: t.Any) -> dumping.DumpRequest:
    """A request for a dump of the test's source; ``options`` go to the engine."""
    options = changes.pop("options", {})
    values: dict[str, t.Any] = {
        "host": HOST,
        "source": SOURCE,
        "engine": CommandsEngine(options),
        "medium": medium,
        "series": "400.8",
        "organization": "INFITULUÁ E.I.C.E.",
        "filters": plain(),
    }
    return dumping.DumpRequest(**{**values, **changes})


def write_set(medium: DirectoryMedium, **changes: t.Any) -> SetId:
    """Dumps a new set."""
    result = dumping.dump(request(medium, **changes))
    assert result.changed
    assert result.set_id is not None
    return result.set_id


def write_sets(medium: DirectoryMedium, *times: str, **changes: t.Any) -> list[SetId]:
    """Dumps one set and gives it, and copies of it under their own ids, these times."""
    from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
    from ansible_collections.infitulua.backup.plugins.module_utils._sets import writer as set_writer
    from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description

    first = write_set(medium, **changes)
    made = []
    for moment in times:
        set_id = SetId(first.host, first.source, moment)
        description = read_description(first, medium.contents(first))
        description.id = str(set_id)
        with medium.locked(first.host, first.source), medium.begin(set_id) as partial:
            for file in description.payload:
                with partial.create(file.path) as copy, medium.contents(first).open(file.path) as original:
                    copy.write(original.read())
            set_writer.write_tag_files(
                partial,
                description,
                sizes={file.path: file.bytes for file in description.payload},
                manifest=bag.write_manifest({file.path: file.sha256 for file in description.payload}),
            )
        made.append(set_id)
    medium.remove(first)
    return made


def payload(medium: DirectoryMedium, set_id: SetId, part: str = "table") -> Path:
    """The payload file of one part."""
    [path] = Path(medium.path(set_id), "data").glob(f"{part}.*")
    return path


def overwrite(path: Path, data: bytes) -> None:
    """Changes a file of a set, as nobody should."""
    path.chmod(0o640)
    path.write_bytes(data)


def tree(path: str | Path) -> dict[str, bytes]:
    """Every file below a directory with its bytes, and every directory; hidden ones too."""
    root = Path(path)
    return {
        str(entry.relative_to(root)): entry.read_bytes() if entry.is_file() else b"<not a file>"
        for entry in sorted(root.rglob("*"))
    }


def sets_tree(medium: DirectoryMedium) -> dict[str, bytes]:
    """What stands on a medium, but for the empty lock files that every run leaves."""
    return {path: data for path, data in tree(medium.root).items() if not path.endswith("/.lock")}


def contents(medium: DirectoryMedium, set_id: SetId) -> DirectoryContents:
    """The files of a set."""
    return medium.contents(set_id)


def need(*programs: str) -> None:
    """Skips the test where a program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")


def need_root() -> None:
    """Skips the test where it cannot do what only root can."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it mounts a file system, makes a device, or becomes another user")


def mount_tmpfs(*, size: str) -> Path:
    """A file system of its own, in memory."""
    need_root()
    path = Path(tempfile.mkdtemp(prefix="infitulua-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(path)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        path.rmdir()
        pytest.skip(f"this machine does not let root mount a tmpfs: {mounted.stderr.strip()}")
    return path


def unmount(path: Path) -> None:
    """Gives a file system of :func:`mount_tmpfs` back."""
    subprocess.run(["umount", "-l", str(path)], check=True)
    path.rmdir()


@dataclasses.dataclass(frozen=True)
class Process:
    """A line of /proc."""

    pid: int
    parent: int
    state: str
    argv: str


def processes() -> dict[int, Process]:
    """Every process of the machine."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError):
            stat = Path("/proc", entry, "stat").read_text(encoding="utf-8", errors="replace")
            argv = Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            state, parent = stat.rsplit(")", 1)[1].split()[:2]
            found[int(entry)] = Process(int(entry), int(parent), state, argv.strip())
    return found


def adopt_orphans() -> None:
    """Makes this process the one that orphans below it fall to, so that :func:`descendants` sees them too."""
    # prctl(2), PR_SET_CHILD_SUBREAPER.
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


def descendants(of: int | None = None) -> dict[int, Process]:
    """The children of a process (this one), and theirs. Zombies too."""
    every = processes()
    found: dict[int, Process] = {}
    generation = {of or os.getpid()}
    while generation:
        generation = {pid for pid, process in every.items() if process.parent in generation and pid not in found}
        found.update({pid: every[pid] for pid in generation})
    return found


def wait_until_gone(before: t.Collection[int], *, seconds: float = 5.0) -> list[Process]:
    """The processes below this one that are new since ``before`` and do not go."""
    deadline = time.monotonic() + seconds
    while True:
        left = [process for pid, process in descendants().items() if pid not in before]
        if not left or time.monotonic() > deadline:
            return left
        for process in left:
            if process.state == "Z" and process.parent == os.getpid():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
        time.sleep(0.02)


def kill_all(left: t.Iterable[Process]) -> None:
    """Ends what a failed test left."""
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def stub(directory: Path, name: str, script: str) -> Path:
    """A program that fails on purpose: a shell script first on PATH."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@contextlib.contextmanager
def as_user(name: str) -> t.Iterator[None]:
    """Does something with another user's rights."""
    need_root()
    entry = pwd.getpwnam(name)
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def which(program: str) -> str:
    """Where a program is."""
    found = shutil.which(program)
    assert found
    return found


def read_part(medium: DirectoryMedium, set_id: SetId, part: str, *identity_files: str) -> bytes:
    """What one payload file holds, decrypted and decompressed."""
    received = bytearray()
    reader = SetReader(set_id, medium.path(set_id), identity_files=identity_files)
    with Processes() as running:
        file = reader.description.file(part)
        reader.run(file, [], processes=running, action="read", next_step="", sink=received.extend)
    return bytes(received)


def no_progress() -> Progress:
    """Progress that is written nowhere."""
    return Progress(None, operation="test", subject="it")


def remount_read_only(path: Path) -> None:
    """Makes a file system of :func:`mount_tmpfs` read-only."""
    subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)


def sign(path: Path, *, key: str, namespace: str) -> None:
    """Signs a file with an OpenSSH key."""
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", namespace, str(path)], check=True)


def directory_of(medium: t.Any) -> DirectoryMedium:
    """The directory behind a medium that a test made to look like another."""
    directory = getattr(medium, "directory", medium)
    assert isinstance(directory, DirectoryMedium)
    return directory


def remove_tree(path: Path) -> None:
    """Removes a directory."""
    shutil.rmtree(path)


def is_open(descriptor: str) -> bool:
    """Whether a file descriptor of this process is open."""
    return os.path.lexists(f"/proc/self/fd/{descriptor}")
