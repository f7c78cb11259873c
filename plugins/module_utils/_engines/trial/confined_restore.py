# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial restore by a process of an unprivileged user, in namespaces of its own, that has nothing but plain streams.

This end verifies, decrypts and decompresses, and hands the streams over by descriptor; ``confined_process`` is the
other end. It is a new program and no fork, so that nothing of this one's memory, such as a cloud's key, is in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import threading
import time
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _errors
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import SetReader
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import TIME_FORMAT
from ansible_collections.infitulua.backup.plugins.module_utils._system import confinement, host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs as system_programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import write_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

from ..base import Check, RestoreWork, TargetEngine, TargetState
from . import confined_process
from .confined_python import CODE, Code, readable
from .instance import NotAvailable, Place

# The longest line of its answers.
_LONGEST_ANSWER = 64 * 1024 * 1024
_ERRORS = ("BackupError", "LockHeld", "NotFound", "ProcessFailed", "Refused", "SetInvalid")
_SAID = 2000
_END_SECONDS = 2.0


class ConfinedProcess:
    """The process, and what is said to it.

    :param place: its directory is the only one that the process may write to; it is given to its user.
    :param service: the engine's module for it, which has ``TARGET`` and ``answer``.
    :param target: the engine's options of the target to restore into, in ``confinement.PLACE``.
    :param programs: names of the programs that the engine runs.
    :raises NotAvailable: when this host cannot confine it.
    """

    def __init__(
        self,
        place: Place,
        description: Description,
        service: types.ModuleType,
        target: t.Mapping[str, t.Any],
        programs: t.Sequence[str],
    ) -> None:
        self._place = place
        self._reader: SetReader | None = None
        self._progress: Progress | None = None
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._lines = ours.makefile("rb")
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        with theirs, Code() as code:
            self._start(theirs.fileno(), code, service, programs)
        stamp = host_clock.now().strftime(TIME_FORMAT)
        try:
            self._send(
                {
                    "set": description.id,
                    "description": description.to_json(),
                    "target": target,
                    "jobs": place.jobs,
                    "stamp": stamp,
                }
            )
            ready = self._receive() == {"answer": confined_process.READY}
        except (OSError, ProcessFailed):
            ready = False
        if not ready:
            said = self._last_words()
            self.close()
            raise NotAvailable(
                f"the confined process did not start: {said}",
                "Correct the cause (bwrap needs namespaces of its own, and root in a container CAP_NET_ADMIN to set"
                " up a network) and run again.",
            )

    def _start(self, channel: int, code: Code, service: types.ModuleType, programs: t.Sequence[str]) -> None:
        user: tuple[str, ...] = ()
        if self._place.user is not None:
            entry = pwd.getpwnam(self._place.user)
            user = (str(entry.pw_uid), str(entry.pw_gid))
            for current, _subdirectories, _files in os.walk(self._place.directory):
                os.chown(current, entry.pw_uid, entry.pw_gid)
        launcher = confinement.confined(
            readable=readable(),
            writable=[],
            place=self._place.directory,
            programs=[system_programs.find(name) for name in programs],
            data={CODE: code.descriptor},
            becomes_another=bool(user),
        )
        if launcher is None:
            raise NotAvailable(*confinement.MISSING)
        arguments = [str(channel), service.__name__, *user]
        command = code.command(confined_process.__name__, arguments, launcher=launcher, pass_fds=[channel])
        self._process = self._place.processes.start(command, stdout=subprocess.DEVNULL, stderr=self._said)

    def close(self) -> None:
        """Let it go: it ends when nobody is there any more."""
        self._lines.close()
        self._socket.close()
        self._said.close()

    def call(self, name: str, *, work: RestoreWork | None = None, **more: t.Any) -> t.Any:
        """Make it do something, and wait for the answer.

        :param work: gives the streams that it asks for, and takes the warnings.
        :raises BackupError: when it fails, a stream does, or the process is gone.
        """
        if work is not None:
            self._reader, self._progress = work.reader, work.progress
        streams: list[_Stream] = []
        try:
            self._send({"do": name, **more})
            while True:
                message = self._receive()
                if "wants" in message:
                    streams.append(self._give(message["wants"]))
                elif "stage" in message:
                    self._show(message)
                else:
                    break
        except OSError as error:
            self._place.processes.cancel()
            raise self._gone() from error
        except BaseException:
            self._place.processes.cancel()  # Or a stream would wait for it.
            raise
        finally:
            for stream in streams:
                stream.end()
        for stream in streams:  # Whatever it made of half a stream, this is the cause.
            if stream.error is not None:
                raise stream.error
        if work is not None:
            work.warnings += [str(warning) for warning in message.get("warnings", [])]
        if "error" in message:
            raise _as_error(message)
        return message["answer"]

    def _send(self, message: t.Mapping[str, t.Any]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _receive(self) -> dict[str, t.Any]:
        line = self._lines.readline(_LONGEST_ANSWER)
        try:
            message = json.loads(line)
            if isinstance(message, dict):
                return message
        except ValueError:
            pass
        raise self._gone()

    def _gone(self) -> ProcessFailed:
        end = time.monotonic() + _END_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        status = self._process.returncode
        said = self._last_words()
        why = f"the confined process gave an invalid answer: {said}"
        if status is not None:  # bwrap's is 128 and the number of the signal that ended what it started.
            number = status - 128 if status > 128 else -status
            with contextlib.suppress(ValueError):
                why = f"the confined process was killed by {signal.Signals(number).name}: {said}"
            if number <= 0:
                why = f"the confined process ended with exit status {status}: {said}"
        return ProcessFailed(
            "restore for trial",
            on=self._place.directory,
            why=why,
            next_step="See the cause.",
        )

    def _last_words(self) -> str:
        size = os.fstat(self._said.fileno()).st_size
        said = os.pread(self._said.fileno(), _SAID, max(0, size - _SAID))
        return " ".join(said.decode("utf-8", "backslashreplace").split()) or "it said nothing"

    def _give(self, path: str) -> _Stream:
        reader = self._reader
        files = {file.path: file for file in reader.description.payload} if reader is not None else {}
        if reader is None or path not in files:
            raise self._gone()
        stream = _Stream(reader, files[path], self._place, self._progress)
        socket.send_fds(self._socket, [b"s"], [stream.output])
        stream.begin()
        return stream

    def _show(self, message: t.Mapping[str, t.Any]) -> None:
        total = message.get("total_bytes")
        if self._progress is not None:
            self._progress.stage(str(message["stage"]), total_bytes=total if isinstance(total, int) else None)


class _Stream:
    """One payload file on its way to the process."""

    def __init__(self, reader: SetReader, file: t.Any, place: Place, progress: Progress | None) -> None:
        self.error: BackupError | None = None
        self.output, self._input = os.pipe()
        self._reader = reader
        self._file = file
        self._place = place
        self._progress = progress
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        """Begin to write; the reading end is the process's now."""
        os.close(self.output)
        self._thread.start()

    def end(self) -> None:
        """Wait for its end."""
        if self._thread.ident is not None:
            self._thread.join()

    def _write(self, chunk: memoryview) -> None:
        if self._progress is not None:
            self._progress.advance(len(chunk))
        write_all(self._input, chunk)

    def _run(self) -> None:
        try:
            self._reader.run(
                self._file,
                [],
                processes=self._place.processes,
                action="read the payload of a set",
                next_step="Restore from another copy of the set.",
                sink=self._write,
            )
        except BrokenPipeError:
            pass  # It wants no more: it tells why.
        except BackupError as error:
            self.error = error
        except OSError as error:
            why = describe_os_error(error)
            self.error = BackupError("read a set", on=self._file.path, why=why, next_step="Correct the cause.")
        finally:
            os.close(self._input)


class ConfinedRestore(TargetEngine):
    """What an engine does with a target, done by a confined process. Goes before the engine's own class."""

    confined: ConfinedProcess

    def inspect_target(self, work: RestoreWork) -> TargetState:
        found = self.confined.call("inspect_target", work=work)
        return TargetState(str(found["target"]), found["exists"] is True, found["empty"] is True)

    def restore_beside(self, work: RestoreWork) -> None:
        self.confined.call("restore_beside", work=work)

    def check(self, work: RestoreWork) -> list[Check]:
        return as_checks(self.confined.call("check", work=work))

    def swap(self, work: RestoreWork) -> str | None:
        self.confined.call("swap", work=work)
        return None  # Where it is restored, nothing was.

    def discard(self, work: RestoreWork) -> None:
        """Do nothing: its directory is removed with all that is in it."""


def as_checks(answer: t.Any) -> list[Check]:
    """Check as the process tells them."""
    return [Check(str(check["name"]), check["passed"] is True, str(check["detail"])) for check in answer]


def _as_error(message: t.Mapping[str, t.Any]) -> BackupError:
    try:
        name, what, on, why, next_step = map(str, message["error"])
        details = [str(line) for line in message.get("details", [])]
    except (TypeError, ValueError):
        name, what, on, why, next_step = "BackupError", "restore for trial", "?", "it gave no reason", "See the cause."
        details = []
    kind: type[BackupError] = getattr(_errors, name) if name in _ERRORS else BackupError
    return kind(what, on=on, why=why, next_step=next_step, details=details)
