# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of many sources share: a run as the module makes it, here or in a process that can be ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.operation import SourcesReport

HOST = "srv-pruebas"
_RUN = """
import json, sys
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.operation import dump_sources
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._system.priority import lower_priority
params = json.load(sys.stdin)
try:
    with interruptible("back up", on="it"):
        lower_priority(params)
        report = dump_sources(params, check_mode=False)
    print(json.dumps(report.result()))
except Interrupted as error:
    print(error.message)
"""


def parameters(
    medium: Path | str, recipient: str, sources: t.Sequence[dict[str, t.Any]], **changes: t.Any
) -> dict[str, t.Any]:
    """A module's options."""
    return {
        "host": HOST,
        "organization": "INFITULUÁ E.I.C.E.",
        "medium": {"type": "directory", "path": str(medium)},
        "encryption": "age",
        "recipients": [recipient],
        "recipients_file": None,
        "compression_level": 1,
        "jobs": 1,
        "concurrency": 1,
        "nice": 0,
        "io_class": None,
        "io_priority": None,
        "run_id": None,
        "accept": [],
        "signing_key_file": None,
        "status_file": None,
        "sources": [{"series": "400.8", "minimum_fraction": 0.5, **source} for source in sources],
        **changes,
    }


def names(report: SourcesReport) -> list[str]:
    """The sources that have their set, in the order of the result."""
    return [entry["source"] for entry in report.sets]


class Running:
    """A run in a process of its own.

    :param parameters: see :func:`parameters`.
    """

    def __init__(self, parameters: dict[str, t.Any]) -> None:
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(entry for entry in sys.path if entry))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RUN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(parameters))
        self.process.stdin.close()
        self.process.stdin = None

    def said(self) -> str:
        """What it printed, once it has ended."""
        return self.process.communicate(timeout=90)[0]

    def made(self) -> list[str]:
        """The sources that have their set, once it has ended without a failure."""
        report = json.loads(self.said())
        assert report["failures"] == [], report["failures"]
        return [made["source"] for made in report["sets"]]


def wait_for(condition: Callable[[], t.Any], *, seconds: float = 60.0) -> t.Any:
    """What a condition gives, once that is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def leftovers(medium: Path) -> list[str]:
    """Sets that were begun and not finished."""
    return [str(path) for path in medium.rglob("*") if ".partial" in path.name]
