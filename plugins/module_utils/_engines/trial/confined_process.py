# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The confined end of a trial restore: what handles a set's content runs here, and nothing else does.

It gets plain streams (whoever started it has verified, decrypted and decompressed), restores them with the set's own
engine, and answers in lines of JSON. It has no key, no set, no network, and no file but those that it restores. What
it says of a set is what the set's content could make it say: it is believed in nothing but that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import resource
import socket
import sys
import threading
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import confinement
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import CHUNK, Sink
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Outcome, Processes

from ..base import RestoreWork, TargetEngine

if t.TYPE_CHECKING:
    from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import SetReader
    from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

READY = "ready"
_DESCRIPTORS = 1024
_STEPS = ("restore_beside", "swap", "discard")


class _Channel:
    """The socket to whoever started this process."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._lock = threading.Lock()
        self._buffer = bytearray()

    def send(self, message: t.Mapping[str, t.Any]) -> None:
        """Send one message."""
        with self._lock:
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, t.Any] | None:
        """Return the next message; None when nobody is there any more."""
        while b"\n" not in self._buffer:
            chunk = self._socket.recv(65536)
            if not chunk:
                return None
            self._buffer += chunk
        line, _newline, self._buffer = self._buffer.partition(b"\n")
        return t.cast("dict[str, t.Any]", json.loads(line))

    def stream(self, path: str) -> int:
        """Return a descriptor that the plain content of a payload file is read from."""
        with self._lock:
            self._socket.sendall(json.dumps({"wants": path}).encode() + b"\n")
            _byte, descriptors, _flags, _address = socket.recv_fds(self._socket, 1, 1)
        if not descriptors:
            raise OSError(f"no stream of {path} came")
        os.set_inheritable(descriptors[0], False)
        return descriptors[0]


class _Streams:
    """What an engine reads a set through, see ``SetReader``."""

    def __init__(self, channel: _Channel, description: Description) -> None:
        self._channel = channel
        self.description = description
        self.set_id = SetId.parse(description.id)

    def run(
        self,
        file: PayloadFile,
        commands: t.Sequence[Command],
        *,
        processes: Processes,
        action: str,
        next_step: str,
        sink: Sink | None = None,
    ) -> list[Outcome]:
        """Stream a payload file through ``commands`` (none: into the sink)."""
        descriptor = self._channel.stream(file.path)
        try:
            if commands:
                on = f"{self.set_id}, {file.path}"
                return processes.run(commands, action=action, on=on, next_step=next_step, stdin=descriptor, sink=sink)
            buffer = bytearray(CHUNK)
            view = memoryview(buffer)
            while True:
                length = os.readv(descriptor, [buffer])
                if not length:
                    return []
                if sink is not None:
                    sink(view[:length])
        finally:
            os.close(descriptor)


class _Forwarded:
    """Progress that somebody else shows, and counts by what he gives."""

    def __init__(self, channel: _Channel) -> None:
        self._channel = channel

    def stage(self, stage: str, *, total_bytes: int | None = None) -> None:
        """See ``Progress``."""
        self._channel.send({"stage": stage, "total_bytes": total_bytes})

    def advance(self, count: int) -> None:
        """See ``Progress``."""


def _answer(service: types.ModuleType, target: TargetEngine, work: RestoreWork, order: t.Mapping[str, t.Any]) -> t.Any:
    name = order["do"]
    if name == "inspect_target":
        return dataclasses.asdict(target.inspect_target(work))
    if name == "check":
        return [dataclasses.asdict(check) for check in target.check(work)]
    if name in _STEPS:
        return getattr(target, name)(work)
    return service.answer(target, work, order)


def _serve(channel: _Channel, service: types.ModuleType) -> None:
    job = channel.receive()
    if job is None:
        return
    target: TargetEngine = service.TARGET(job["target"])
    description = Description.from_json(job["description"], on=job["set"])
    with Processes() as processes:
        reader = t.cast("SetReader", _Streams(channel, description))
        work = RestoreWork(reader, processes, t.cast("Progress", _Forwarded(channel)), job["jobs"], job["stamp"])
        channel.send({"answer": READY})
        while True:
            order = channel.receive()
            if order is None:
                return
            try:
                answer = {"answer": _answer(service, target, work, order)}
            except BackupError as error:
                answer = {"error": [type(error).__name__, error.what, error.on, error.why, error.next_step]}
                answer["details"] = error.details
            except (OSError, MemoryError) as error:
                why = describe_os_error(error) if isinstance(error, OSError) else "out of memory"
                answer = {"error": ["BackupError", "restore for trial", job["set"], why, "See the cause."]}
            channel.send({**answer, "warnings": work.warnings})
            work.warnings = []


def _let_through(paths: t.Sequence[str]) -> None:
    """Let others through to what is mounted here: bwrap makes the directories above it for root only."""
    for path in paths:
        parent = os.path.dirname(path)
        while parent.strip("/"):
            with contextlib.suppress(OSError):  # What is mounted is read-only.
                os.chmod(parent, 0o755)  # noqa: S103
            parent = os.path.dirname(parent)


def main() -> None:
    """Serve the socket whose number is the first argument, by the module of this collection that is the second.

    As the user and group of the next two, where given: these cannot read the code, so it is loaded before.
    """
    service = importlib.import_module(sys.argv[2])
    if len(sys.argv) > 3:
        user, group = int(sys.argv[3]), int(sys.argv[4])
        _let_through([sys.executable, *sys.path, "/usr/lib", os.path.join(confinement.PROGRAMS, "any")])
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    os.umask(0o077)
    # Whoever starts a program closes every number up to this one.
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    _serve(_Channel(int(sys.argv[1])), service)
