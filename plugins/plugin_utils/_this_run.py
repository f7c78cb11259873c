# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which run of a playbook this is, so that a later one can tell whether it is still at work."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import platform
import time
import typing as t

# What runs a playbook calls itself so (``ansible-playboo``, ``python3``).
_PLAYBOOKS = ("ansible", "python")
_FIELD_OF_START = 19  # Of what follows the name in proc_pid_stat(5): the 22nd of all.


def this_run() -> dict[str, t.Any]:
    """Return what identifies the process of this playbook, and which others there are now.

    :returns: ``machine``, ``boot``, ``namespace`` (of process ids), ``process``, ``started``; ``running``, each
        process that may be a playbook's as ``<id>:<start>``, None where the processes of others cannot be seen, or this
        is no Linux; ``listed``, whether this one is among them; ``ticks``, a moment before they were looked at, as
        ``started`` counts.
    """
    # Tasks are templated in processes that the playbook's own one forks.
    parent = multiprocessing.parent_process()
    process = os.getpid() if parent is None or parent.pid is None else parent.pid
    started = _started(process)
    ticks = _ticks()
    running = _running()
    return {
        # Machines that were made from one image may have one id.
        "machine": f"{_read('/etc/machine-id')}/{platform.node()}",
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "namespace": _link("/proc/self/ns/pid"),
        "process": process,
        "started": started,
        "running": running,
        "listed": running is not None and f"{process}:{started}" in running,
        "ticks": ticks,
    }


def _ticks() -> int:
    """Return how long the machine has been up, in the unit of the processes' starts."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Of Linux alone.
    return 0 if clock is None else int(time.clock_gettime(clock) * os.sysconf("SC_CLK_TCK"))


def _running() -> list[str] | None:
    try:
        processes = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return None
    # With the mount option hidepid, only one's own: then nothing follows from a process that is not seen.
    if 1 not in processes or not _started(1):
        return None
    return [f"{process}:{_started(process)}" for process in processes if _program(process).startswith(_PLAYBOOKS)]


def _program(process: int) -> str:
    return _read(f"/proc/{process}/stat").rpartition(")")[0].partition("(")[2]


def _started(process: int) -> str:
    """Return when a process started, in ticks since the machine did; empty where there is none."""
    # The name of the program, in parentheses, may hold anything.
    fields = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
    return fields[_FIELD_OF_START] if len(fields) > _FIELD_OF_START else ""


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read().strip()
    return ""


def _link(path: str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(path)
    return ""
