# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of a server's own client that is handed statements and prints rows."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import enlarge, write_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.programs import block_buffered


class ClientProcess:
    """A client that reads statements from a pipe.

    :param bulk: whether it is for much output: moved in large blocks, it wakes either side less often.
    :ivar output: what it prints.
    :raises NotStarted: when it cannot be started.
    """

    def __init__(self, processes: Processes, command: Command, *, bulk: bool) -> None:
        self._processes = processes
        # A file without a name instead of a pipe: nobody has to empty it while we wait for rows.
        self._errors = os.memfd_create(f"{command.name}-stderr", os.MFD_CLOEXEC)
        if bulk:
            command = dataclasses.replace(command, launcher=block_buffered())
        try:
            self._process = processes.start(command, stdin=subprocess.PIPE, stderr=self._errors)
        except BaseException:
            os.close(self._errors)
            raise
        self._input = t.cast("t.IO[bytes]", self._process.stdin)
        self.output = t.cast("t.IO[bytes]", self._process.stdout)
        if bulk:
            enlarge(self.output)

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.returncode

    def write(self, statements: bytes) -> None:
        """Hand statements over. A client that has ended is judged by what it printed."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            write_all(self._input.fileno(), statements)

    def end_input(self) -> None:
        """Tell the client that no more statements come."""
        with contextlib.suppress(OSError):
            self._input.close()

    def wait(self) -> int:
        """Wait for the client to end by itself, and return its exit status."""
        return self._process.wait()

    def reap(self, limit: int) -> str:
        """Wait for the end of the client, and return the end of what it wrote to stderr.

        :param limit: bytes of it.
        """
        self._processes.reap(self._process)
        size = os.fstat(self._errors).st_size
        return os.pread(self._errors, limit, max(0, size - limit)).decode("utf-8", "backslashreplace")

    def close(self, interrupt: signal.Signals, *, busy: bool, grace: float) -> None:
        """End the client.

        :param interrupt: what makes it cancel its statement.
        :param busy: whether it may be carrying out a statement. If not, the end of its input ends it.
        :param grace: seconds between that signal and SIGKILL.
        """
        for stream in (self._input, self.output):
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        for patience, number in ((0 if busy else 5, interrupt), (grace, signal.SIGKILL)):
            try:
                self._process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                self._process.send_signal(number)
        self._processes.reap(self._process)
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1
