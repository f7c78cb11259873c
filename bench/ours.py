# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one module in a process of its own, as a host does that Ansible has sent it to: from its start to its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from development.environment import COLLECTIONS

_MODULE = """
import importlib, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = sys.stdin.buffer.read()
basic._ANSIBLE_PROFILE = "legacy"
importlib.import_module("ansible_collections.infitulua.backup.plugins.modules." + sys.argv[1]).main()
"""


class Answer(t.NamedTuple):
    """What a module has answered, and what it took.

    :param result: as Ansible would return it.
    :param seconds: from the start of its process to its end.
    :param memory: the most bytes that it, or any one of the programs that it started, held at a time, as the kernel has
        counted them (``ru_maxrss``, getrusage(2)).
    """

    result: dict[str, t.Any]
    seconds: float
    memory: int


def run(module: str, options: dict[str, t.Any]) -> Answer:
    """Run a module.

    :raises SystemExit: when it fails.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", _MODULE, module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
    )
    asked, answered = t.cast("t.IO[bytes]", process.stdin), t.cast("t.IO[bytes]", process.stdout)
    asked.write(json.dumps({"ANSIBLE_MODULE_ARGS": options}).encode())
    asked.close()
    output = answered.read()
    answered.close()
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begin
    if process.returncode:
        raise SystemExit(f"{module} failed: {output.decode(errors='replace')[-4000:]}")
    return Answer(json.loads(output.splitlines()[-1]), seconds, usage.ru_maxrss * 1024)


def parts_of(set_directory: Path) -> list[tuple[str, int, float]]:
    """Return the payload files of a set: part, stored bytes, seconds that writing it took."""
    description = json.loads(set_directory.joinpath("backup.json").read_text(encoding="utf-8"))
    return [(file["part"], file["bytes"], file["seconds"]) for file in description["payload"]]
