# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One dump, restore or verification by the collection, in a process of its own: a request on stdin, times on stdout."""

from __future__ import annotations

import json
import resource
import sys
import time
import typing as t

from development import environment

sys.path.insert(0, str(environment.COLLECTIONS))


def run(request: dict[str, t.Any]) -> dict[str, t.Any]:
    """Do what is asked; seconds, and whatever else is worth knowing."""
    from ansible_collections.infitulua.backup.plugins.module_utils import _dumping, _restoring, _verification
    from ansible_collections.infitulua.backup.plugins.module_utils._filters import Encryption, Filters
    from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
    from ansible_collections.infitulua.backup.plugins.module_utils.engines._registry import make_engine
    from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium

    medium = DirectoryMedium(path=request["medium"])
    answer: dict[str, t.Any] = {}
    start = time.perf_counter()
    if request["action"] == "dump":
        engine = make_engine(request["engine"], request["options"])
        filters = Filters(Encryption("age", (request["recipient"],)), 1)
        dumped = _dumping.dump(
            _dumping.DumpRequest("bench", "db", engine, medium, "", "", filters, jobs=request["jobs"])
        )
        answer["set"] = str(dumped.set_id)
        assert dumped.description is not None
        answer["bytes"] = dumped.description.stored_bytes
        answer["parts"] = [(file.part, file.bytes, file.seconds) for file in dumped.description.payload]
    elif request["action"] == "restore":
        engine = make_engine(request["engine"], request["options"], target=True)
        _restoring.restore(
            _restoring.RestoreRequest(
                medium,
                SetId.parse(request["set"]),
                engine,
                ticket="bench",
                identity_files=(request["identity"],),
                jobs=request["jobs"],
            )
        )
    else:
        _verification.verify(medium, SetId.parse(request["set"]))
    answer["seconds"] = time.perf_counter() - start
    answer["own_memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return answer


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
