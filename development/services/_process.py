# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free ports, and servers that end with the program that started them."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
_running: list[Server] = []
_handed_out: set[int] = set()


class ServiceFailedError(Exception):
    """A service did not start; the message holds the end of its log."""


def _is_free(port: int) -> bool:
    with contextlib.ExitStack() as stack:
        try:
            for family, address in ((socket.AF_INET, LOOPBACK), (socket.AF_INET, "0.0.0.0")):  # noqa: S104
                probe = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
                probe.close()
        except OSError:
            return False
    return True


def free_ports(count: int, *, also: Sequence[int] = ()) -> list[int]:
    """Return ports on which nothing listens, and neither on the ports at the distances ``also`` from each.

    They lie below the range from which Linux takes the ports of outgoing connections, so that none of those can
    occupy one before the service does.
    """
    chooser = random.Random()
    found: list[int] = []
    for _attempt in range(10_000):
        if len(found) == count:
            return found
        port = chooser.randrange(10_500, 22_000)
        wanted = {port, *(port + distance for distance in also)}
        if not wanted & _handed_out and all(map(_is_free, wanted)):
            _handed_out.update(wanted)
            found.append(port)
    raise ServiceFailedError(f"no {count} free ports on {LOOPBACK}")


def _end_with_parent(number: signal.Signals) -> None:
    """Ask Linux to signal the calling process when the one that started it ends, even by SIGKILL."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(number))


class Server:
    """One long-running process in a process group of its own, stopped at the latest when Python ends."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        cwd: Path | None = None,
        user: str | int | None = None,
        group: str | int | None = None,
    ) -> None:
        self.argv = list(argv)
        self.log = log
        self.stop_signal = stop_signal
        with open(log, "ab") as stream:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                cwd=cwd,
                user=user,
                group=group,
                extra_groups=[] if user is not None else None,
                start_new_session=True,
                preexec_fn=functools.partial(_end_with_parent, stop_signal),
            )
        if not _running:
            _catch_termination()
        _running.append(self)

    @property
    def pid(self) -> int:
        """Process id of the server, which is its process group's as well."""
        return self.process.pid

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines that the server printed."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def wait_until(self, ready: Callable[[], bool], *, timeout: float, what: str) -> None:
        """Wait for the server to be ready; where it ends or takes too long, stop it and show its log."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            status = self.process.poll()
            if status is not None:
                self.stop()
                raise ServiceFailedError(f"{what} ended with status {status} while starting:\n{self.log_tail()}")
            if ready():
                return
            time.sleep(0.1)
        self.stop()
        raise ServiceFailedError(f"{what} was not ready after {timeout:.0f} seconds:\n{self.log_tail()}")

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the server and everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def stop(self, *, patience: float = 10.0) -> None:
        """End the process: politely first, by force after ``patience`` seconds, and then what is left of its group."""
        if self in _running:
            _running.remove(self)
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.signal_group(signal.SIGKILL)
                self.process.wait(patience)
        self.signal_group(signal.SIGKILL)


def stop_all() -> None:
    """Stop every server that still runs."""
    for server in reversed(list(_running)):
        server.stop()


def _catch_termination() -> None:
    """Stop the servers on SIGTERM and SIGHUP too, which by themselves end Python without running exit handlers."""
    if threading.current_thread() is not threading.main_thread():
        return

    def end(number: int, _frame: types.FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


atexit.register(stop_all)
