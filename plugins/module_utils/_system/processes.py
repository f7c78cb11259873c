# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes joined by pipes: argument lists, no shell, every exit status checked.

One :class:`Processes` holds everything that one operation starts. Whatever ends the operation (success, an
error, an interruption) nothing it started stays behind. Pipelines of one operation may run in several threads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import signal
import stat
import subprocess
import threading
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    Cancelled,
    NotStarted,
    ProcessFailed,
    describe_os_error,
)

from .interruption import deferred
from .pipes import Sink, drain, enlarge, feed

_SHOWN_STDERR = 4000


@dataclasses.dataclass(frozen=True)
class Command:
    """One process of a pipeline.

    :param argv: the program and its arguments. Never a secret: everybody can read /proc/<pid>/cmdline.
    :param environment: variables added to (or, where None, removed from) this process's own. Never a secret either.
    :param pass_fds: file descriptors the process inherits: the way for secrets (see ``secrets``).
    :param success: exit statuses that are a success.
    :param user: run as this operating-system user (only root can); None: as the current one.
    :param stderr_limit: how many bytes of stderr are kept; beyond, the middle is dropped.
    :param launcher: a program, with its arguments, that turns itself into this one, such as ``stdbuf``.
    :param shown_stderr: turns what it wrote to stderr into what messages may say of it.
    """

    argv: t.Sequence[str]
    environment: t.Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    pass_fds: t.Sequence[int] = ()
    success: frozenset[int] = frozenset({0})
    user: str | None = None
    stderr_limit: int = 256 * 1024
    launcher: t.Sequence[str] = ()
    shown_stderr: t.Callable[[str], str] = str

    @property
    def name(self) -> str:
        """The program's name, for messages."""
        return os.path.basename(self.argv[0])

    @property
    def shown(self) -> str:
        """The command line as an operator would type it."""
        return " ".join(shlex.quote(word) for word in self.argv)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one process ended.

    :param status: the exit status; negative: the signal that killed it.
    :param stderr: what it wrote to stderr, undecodable bytes escaped.
    """

    command: Command
    status: int
    stderr: str

    @property
    def succeeded(self) -> bool:
        """Whether the status is one of the command's successes."""
        return self.status in self.command.success

    @property
    def is_consequence(self) -> bool:
        """Whether the process only failed because the next one in the pipeline had gone."""
        return self.status == -signal.SIGPIPE or (
            not self.succeeded and "broken pipe" in self.stderr.lower() and self.status > 0
        )

    def describe(self) -> str:
        """Name, status and the end of stderr, in one line."""
        if self.status < 0:
            try:
                ending = f"was killed by {signal.Signals(-self.status).name}"
            except ValueError:
                ending = f"was killed by signal {-self.status}"
        else:
            ending = f"ended with exit status {self.status}"
        shown = self.command.shown_stderr(self.stderr)
        text = "; ".join(line.strip() for line in shown.strip().splitlines() if line.strip())
        return f"{self.command.name} {ending}" + (f": {text[-_SHOWN_STDERR:]}" if text else "")


class Processes:
    """Everything one operation starts; used as a context manager.

    Leaving the context kills (SIGKILL, to the whole process group) and reaps whatever still runs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[bytes]] = []
        self._cancelled = threading.Event()

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether the operation was cancelled."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Cancel the operation: kill every process it started, with their children. Safe from any thread."""
        self._cancelled.set()
        with self._lock:
            running = list(self._running)
            for process in running:
                _kill_group(process)
        for process in running:
            self.reap(process)

    def start(
        self,
        command: Command,
        *,
        stdin: int | t.IO[bytes] | None = None,
        stdout: int | t.IO[bytes] | None = subprocess.PIPE,
        stderr: int | t.IO[bytes] | None = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start one process in a process group of its own.

        :raises NotStarted: when the program cannot be started.
        :raises Cancelled: when the operation was cancelled.
        """
        environment = dict(os.environ, LC_ALL="C")
        for name, value in command.environment.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        options: dict[str, t.Any] = {}
        if command.user is not None:
            options = _identity_of(command.user, environment)
            _hand_over(stdin, options)
        # A process that was started and is not noted yet would outlive an interruption.
        with deferred(), self._lock:
            if self._cancelled.is_set():
                raise Cancelled(
                    "start a program",
                    on=command.name,
                    why="the operation was cancelled",
                    next_step="See the cause.",
                )
            try:
                # Not run_command: it joins no pipes, takes no descriptors, and keeps all output in memory.
                process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                    [*command.launcher, *command.argv],
                    stdin=subprocess.DEVNULL if stdin is None else stdin,
                    stdout=stdout,
                    stderr=stderr,
                    env=environment,
                    pass_fds=tuple(command.pass_fds),
                    start_new_session=True,
                    cwd="/",
                    bufsize=0,
                    **options,
                )
            except (OSError, ValueError) as error:  # ValueError: a NUL in an argument.
                raise NotStarted(
                    "start a program",
                    on=command.argv[0],
                    why=describe_os_error(error) if isinstance(error, OSError) else str(error),
                    next_step="Install it, or correct its path.",
                ) from error
            self._running.append(process)
        return process

    def reap(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for a process, kill what it left running, forget it, and return its exit status (negative: a signal)."""
        # Until it is reaped its number stays its own: only so long can its group be killed without hitting another.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            _kill_group(process)
            status = process.wait()
            if process in self._running:
                self._running.remove(process)
        return status

    def run(
        self,
        commands: t.Sequence[Command],
        *,
        action: str,
        on: str,
        next_step: str,
        stdin: int | t.IO[bytes] | bytes | None = None,
        sink: Sink | None = None,
    ) -> list[Outcome]:
        """Run a pipeline to its end and check every exit status.

        :param commands: at least one; the stdout of each is the stdin of the next.
        :param action: a verb phrase for the message, "dump the database".
        :param stdin: a file the first process reads, or bytes fed to it, or nothing (/dev/null).
        :param sink: called with each chunk of the last process's stdout; None: stdout is thrown away.
        :returns: one outcome per command.
        :raises ProcessFailed: when any process fails; the message names those that failed first.
        :raises Cancelled: when they were killed because the operation was cancelled.
        :raises Exception: whatever ``sink`` raises, after the pipeline has been killed.
        """
        started: list[subprocess.Popen[bytes]] = []
        readers: list[_StderrReader] = []
        feeder: threading.Thread | None = None
        previous: int | t.IO[bytes] | None = subprocess.PIPE if isinstance(stdin, bytes) else stdin
        try:
            for index, command in enumerate(commands):
                last = index == len(commands) - 1
                stdout = subprocess.DEVNULL if last and sink is None else subprocess.PIPE
                process = self.start(command, stdin=previous, stdout=stdout)
                started.append(process)
                if index:
                    t.cast("t.IO[bytes]", previous).close()  # The child has it; a copy here would hide its end.
                readers.append(_StderrReader(process, command.stderr_limit))
                if process.stdout is not None:
                    enlarge(process.stdout)
                    previous = process.stdout
            if isinstance(stdin, bytes):
                feeder = threading.Thread(target=feed, args=(_pipe(started[0].stdin), stdin), daemon=True)
                feeder.start()
            if sink is not None:
                drain(_pipe(started[-1].stdout), sink)
        except BaseException:
            with self._lock:
                for process in started:
                    _kill_group(process)
            raise
        finally:
            statuses = [self.reap(process) for process in started]
            if feeder is not None:
                feeder.join()
            for reader in readers:
                reader.join()
            for process in started:
                for stream in (process.stdin, process.stdout, process.stderr):
                    if stream is not None:
                        with contextlib.suppress(OSError):
                            stream.close()
        outcomes = [
            Outcome(command, status, reader.text) for command, status, reader in zip(commands, statuses, readers)
        ]
        failed = [outcome for outcome in outcomes if not outcome.succeeded]
        if failed:
            causes = [outcome for outcome in failed if not outcome.is_consequence]
            # One that may fail by its status, and went before it had read everything.
            causes = (
                causes or [outcome for outcome in outcomes if outcome.status and not outcome.is_consequence] or failed
            )
            killed = self.cancelled and any(outcome.status == -signal.SIGKILL for outcome in causes)
            raise (Cancelled if killed else ProcessFailed)(
                action,
                on=on,
                why="; ".join(outcome.describe() for outcome in causes),
                next_step=next_step,
                details=[outcome.describe() for outcome in failed],
                outcomes=outcomes,
            )
        return outcomes


def run_and_read(
    command: Command, *, action: str, on: str, next_step: str, stdin: bytes | None = None, limit: int = 64 * 1024**2
) -> str:
    """Run one program and return what it printed.

    :param limit: more output than this many bytes is an error.
    :raises ProcessFailed: when it fails.
    """
    output = bytearray()

    def keep(chunk: memoryview) -> None:
        output.extend(chunk)
        if len(output) > limit:
            raise ProcessFailed(action, on=on, why=f"{command.name} printed over {limit} bytes", next_step=next_step)

    with Processes() as processes:
        processes.run([command], action=action, on=on, next_step=next_step, stdin=stdin, sink=keep)
    return output.decode("utf-8", "surrogateescape")


class _StderrReader(threading.Thread):
    """Empties a process's stderr, so that it never blocks on it, and keeps its beginning and end."""

    def __init__(self, process: subprocess.Popen[bytes], limit: int) -> None:
        super().__init__(daemon=True)
        self._stream = _pipe(process.stderr)
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self.start()

    def run(self) -> None:
        half = self._limit // 2
        with contextlib.suppress(OSError, ValueError):
            while True:
                chunk = os.read(self._stream.fileno(), 65536)
                if not chunk:
                    return
                room = half - len(self._head)
                if room > 0:
                    self._head += chunk[:room]
                    chunk = chunk[room:]
                self._tail += chunk
                if len(self._tail) > half:
                    del self._tail[: len(self._tail) - half]

    @property
    def text(self) -> str:
        return bytes(self._head + self._tail).decode("utf-8", "backslashreplace")


def _pipe(stream: t.IO[bytes] | None) -> t.IO[bytes]:
    # Popen types its pipes as optional; those asked for with PIPE are there.
    if stream is None:
        raise ValueError("the process was started without this pipe")
    return stream


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Not poll(), which would reap a leader whose children still run.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _hand_over(stdin: int | t.IO[bytes] | None, options: t.Mapping[str, t.Any]) -> None:
    """Let another user's process open the pipe that it reads by a name such as /dev/stdin."""
    if not options or stdin is None or stdin == subprocess.PIPE:
        return
    descriptor = stdin if isinstance(stdin, int) else stdin.fileno()
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.fchown(descriptor, options["user"], options["group"])


def _identity_of(user: str, environment: dict[str, str]) -> dict[str, t.Any]:
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise ProcessFailed(
            "run a program as another user",
            on=user,
            why="there is no such user on this host",
            next_step="Correct the user's name or install the package that creates it.",
        ) from None
    if os.geteuid() == entry.pw_uid:
        return {}
    environment.update(HOME=entry.pw_dir, USER=user, LOGNAME=user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}
