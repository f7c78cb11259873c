# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drills may take, and telling what this host lacks from what is wrong with a set."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.limits import (
    ProcessorTime,
    shortage_in,
    use_processors,
)


@pytest.mark.parametrize(
    "said",
    [
        "tar ended with exit status 2: drill: Cannot write: No space left on device",
        'pg_restore: error: could not extend file "base/16384/16385": No space left on device',
        "ERROR:  out of memory; DETAIL: Failed on request of size 8192",
        "ERROR 1114 (HY000) at line 1: The table 'asiento' is full",
        "ERROR 1021 (HY000): Disk full (/tmp/#sql); waiting for someone to free some space (errno: 28)",
        "zstd: error 70 : Write error : Disk quota exceeded (cannot write block)",
        "server process (PID 4711) was terminated by signal 9: Killed",
        "the confined process was killed by SIGKILL: it said nothing",
        "pg_restore was killed by SIGTERM",
        "database or disk is full",
        "mariadbd: Can't create thread (errno: 11 Resource temporarily unavailable)",
        "fork: Cannot allocate memory",
    ],
)
def test_what_this_host_lacks_is_no_fault_of_a_set(said: str) -> None:
    assert shortage_in("all was well", said) is not None


@pytest.mark.parametrize(
    "said",
    [
        "age ended with exit status 1: age: error: no identity matched any of the recipients",
        "zstd ended with exit status 1: zstd: /*stdin*\\: Data corruption detected",
        'pg_restore: error: could not execute query: ERROR: relation "memory" already exists',
        "server process (PID 4711) was terminated by signal 11: Segmentation fault",
        "the confined process was killed by SIGSEGV: it said nothing",
        "rows: asiento: 5, the set says 6",
        "ERROR 1064 (42000): You have an error in your SQL syntax",
    ],
)
def test_what_is_wrong_with_a_set_is_no_lack(said: str) -> None:
    assert shortage_in(said) is None


def test_the_processor_time_of_what_has_ended_counts_too() -> None:
    burn = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    parent = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {burn!r}]); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", parent])
    try:
        end = time.monotonic() + 60
        while ProcessorTime().used_by(process.pid) < 0.5:
            assert time.monotonic() < end
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()


def test_processors_are_those_that_there_are() -> None:
    before = os.sched_getaffinity(0)
    try:
        use_processors(10_000, 3)
        assert os.sched_getaffinity(0) == before
        use_processors(1, 0)
        assert len(os.sched_getaffinity(0)) == 1
    finally:
        os.sched_setaffinity(0, before)
