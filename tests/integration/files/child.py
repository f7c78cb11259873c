# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One dump or restore in a process of its own, to be run as another user, or killed at a chosen moment.

Standard input: what ``House.job`` makes. Standard output: ``{"ok": …}`` or ``{"error": …}`` as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.dumping import DumpRequest
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import restoring
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.restoring import RestoreRequest
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import Encryption, Filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

# Every change to a file system that Python makes announces itself under one of these names (PEP 578).
_STEPS = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "subprocess.Popen",
          "sqlite3.connect", "infitulua.backup.exchange"}  # fmt: skip


def die_at(step: int, within: str) -> None:
    """SIGKILL this process just before its n-th change below ``within`` (programs it starts count too)."""
    seen = 0

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event == "open":
            writes = isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if not writes:
                return
        elif event not in _STEPS:
            return
        if event != "subprocess.Popen" and not any(within in _text(argument) for argument in arguments):
            return
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _text(value: object) -> str:
    return os.fsdecode(value) if isinstance(value, (bytes, str)) else ""


def perform(job: dict[str, t.Any]) -> dict[str, t.Any]:
    """Do the job; ``{"ok": …}`` or ``{"error": …}``."""
    try:
        medium = DirectoryMedium(path=job["medium"])
        kind = find_engine(job["engine"])
        if job["action"] == "dump":
            filters = Filters(Encryption("age", (job["recipient"],)), 1)
            request = DumpRequest("web1", "data", kind.source(job["options"]), medium, "400.8.1", "INFITULUÁ", filters)
            return {"ok": str(dumping.dump(request).set_id)}
        set_id, replace = SetId.parse(job["set"]), job.get("replace", False)
        target = kind.target(job["options"])
        restore = RestoreRequest(medium, set_id, target, "HD-1", (job["identity"],), replace=replace, jobs=1)
        return {"ok": restoring.restore(restore).warnings}
    except BackupError as error:
        return {"error": error.message, "details": error.details}


def main() -> None:
    """Read the job, arm the trap, do it."""
    job = json.load(sys.stdin)
    if "die_at" in job:
        die_at(job["die_at"], job["within"])
    print(json.dumps(perform(job)))


if __name__ == "__main__":
    main()
