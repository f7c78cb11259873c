# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the contract of engines needs: a disk that fills up, deaths at chosen steps, and sets that somebody forged."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import traceback
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import Encryption, Filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress
from tests.integration.postgresql.support import Site
from tests.unit.plugins.module_utils.core import no_progress, read_part

AMPLE = 2 * 1024**3
# What a process does to a file system or with programs announces itself under these names (PEP 578).
_STEPS = frozenset(
    {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "subprocess.Popen"}
    | {"sqlite3.connect", "infitulua.backup.exchange"}
)


class Disk:
    """A file system in memory that can be filled up under those who use it; a plain directory where none is mounted.

    :param path: an empty directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        argv = ["mount", "-t", "tmpfs", "-o", f"size={AMPLE},mode=0755", "tmpfs", str(path)]
        self.can_fill_up = subprocess.run(argv, check=False, capture_output=True).returncode == 0

    def leave(self, free_bytes: int) -> None:
        """Make it so small that only this much is free."""
        state = os.statvfs(self.path)
        self._resize((state.f_blocks - state.f_bfree) * state.f_frsize + free_bytes)

    def enlarge(self) -> None:
        """Give it ample room again."""
        if self.can_fill_up:
            self._resize(AMPLE)

    def _resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.path)], check=True)

    def close(self) -> None:
        """Unmount it."""
        if self.can_fill_up:
            subprocess.run(["umount", "-l", str(self.path)], check=True)


@contextlib.contextmanager
def at_stage(stage: str, action: Callable[[], None]) -> Iterator[None]:
    """Let something happen when a dump or a restore comes to this stage."""
    real = Progress.stage

    def enter(self: Progress, name: str, **more: t.Any) -> None:
        if name == stage:
            action()
        real(self, name, **more)

    setattr(Progress, "stage", enter)  # noqa: B010  # For the type checker a method cannot be assigned.
    try:
        yield
    finally:
        setattr(Progress, "stage", real)  # noqa: B010


def steps_of(action: Callable[[], object]) -> int:
    """Do something in a process of its own; in how many steps it changed files and started programs."""
    status, steps = _apart(action, None, 0)
    assert status == 0
    return steps


def dies(action: Callable[[], object], *, step: int, after: float) -> bool:
    """Do something in a process of its own, which is killed with SIGKILL; whether it died of that.

    :param step: before which it stops, while the programs that it has started go on.
    :param after: how many seconds later it is killed.
    """
    status, _steps = _apart(action, step, after)
    assert status in (0, -signal.SIGKILL)
    return status != 0


def exit_status(action: Callable[[], object]) -> int:
    """Do something in a process of its own; how it ended."""
    return _apart(action, None, 0)[0]


def _apart(action: Callable[[], object], last: int | None, after: float) -> tuple[int, int]:
    """Do something in a child; its exit status, and its steps if it came to its end."""
    answer, answer_in = os.pipe()
    child = os.fork()
    if not child:
        seen = 0

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if writes or event in _STEPS:
                seen += 1
                if seen == last:
                    time.sleep(after)
                    os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            sys.addaudithook(watch)
            action()
            os.write(answer_in, str(seen).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(answer_in)
    with open(answer, "rb") as stream:
        text = stream.read()
    _pid, wait_status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(wait_status), int(text or 0)


def forge(
    site: Site,
    original: SetId,
    source: str,
    *,
    facts: Callable[[dict[str, t.Any]], object] = lambda _facts: None,
    data: Callable[[str, bytes], bytes] = lambda _part, data: data,
    signing_key: str | None = None,
) -> SetId:
    """Make a set out of another one that is whole, encrypted to us, with right checksums, and not what it was.

    :param source: under whose name.
    :param facts: changes what it says of its source.
    :param data: changes the bytes of a part, before they are compressed and encrypted.
    """
    description = read_description(original, site.medium.contents(original))
    set_id = SetId(original.host, source, original.time)
    filters = Filters(Encryption("age", (site.recipient,)), 1)
    with site.medium.locked(set_id.host, source), site.medium.begin(set_id) as partial, Processes() as processes:
        writer = SetWriter(partial, filters=filters, processes=processes, progress=no_progress())
        for file in description.payload:
            forged = data(file.part, read_part(site.medium, original, file.part, str(site.identity)))
            name = file.path.removeprefix("data/").removesuffix(".age").removesuffix(".zst")
            compress = file.path.endswith(".zst.age")
            writer.store(Stream(file.part, name, [], "forge", "", stdin=forged, compress=compress))
        description.id = str(set_id)
        description.payload = writer.payload([file.part for file in description.payload])
        facts(description.engine_facts)
        writer.finish(description, signing_key=signing_key)
    return set_id
