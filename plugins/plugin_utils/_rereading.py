# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What step 4 has read again of what lay long on a medium, replaced where it was bad, and restored from the cloud."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._operations.rereading import Budget, Rereading
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.infitulua.backup.plugins.plugin_utils._outcome import Entry, Result, left_out_by
from ansible_collections.infitulua.backup.plugins.plugin_utils._report import size

Results = t.Mapping[str, Result]


def to_reread(sets: t.Iterable[t.Mapping[str, t.Any]], days: int, *, unverified: bool = True) -> list[str]:
    """Return the ids of the sets that are to be read again, those first that have lain longest.

    :param sets: each with ``id`` and ``verified``, when it was last read whole on its medium; None: not known.
    :param days: each is read once in so many days; 0: none.
    :param unverified: whether a set of which that is not known is to be read now. If not, it counts as read when it was
        made.
    """
    rereading = Rereading(days or None, Budget())
    now = host_clock.now()
    last: dict[str, datetime.datetime | None] = {}
    for one in sets:
        made = None if unverified else SetId.parse(one["id"]).moment
        last[one["id"]] = host_clock.read(one["verified"]) if one["verified"] else made
    due = [set_id for set_id, moment in last.items() if rereading.is_due(moment, now)]
    never = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    return sorted(due, key=lambda set_id: (last[set_id] or never, set_id))


def reread(results: Results, catalogue: Catalogue, *, check_mode: bool) -> t.Iterator[Entry]:
    """Say what was read again, what the budget was too small for, and what was replaced.

    :param results: ``reread_vault`` and ``reread_disk``, of ``set_verify``; ``looked``, of ``set_audit``;
        ``repaired_vault``, of ``set_copy``; ``delivered``, with ``ids`` of what was brought back to the server.
    """
    cloud = results.get("looked") or {}
    read = {
        "vault": (results.get("reread_vault") or {}).get("sets") or (),
        "cloud": [entry for entry in cloud.get("sets") or () if entry.get("reread")],
        "disk": (results.get("reread_disk") or {}).get("sets") or (),
    }
    left = {
        "vault": (results.get("reread_vault") or {}).get("left_out") or (),
        "cloud": cloud.get("left_out") or (),
        "disk": (results.get("reread_disk") or {}).get("left_out") or (),
    }
    for medium, sets in read.items():
        place = catalogue[f"place_{medium}"]
        if sets:
            words = {"place": place, "count": len(sets), "size": size(sum(entry["bytes"] for entry in sets))}
            yield {"what": "info", "message": catalogue.say("reread", **words)}
        overdue = [entry["id"] for entry in left[medium] if entry["overdue"]]
        if overdue:
            told = overdue[0] if len(overdue) == 1 else catalogue.say("and_more", id=overdue[0], count=len(overdue) - 1)
            message = catalogue.say("reread_overdue", place=place, count=len(overdue), ids=told)
            yield {"what": "warning", "message": message}
    for entry in (results.get("repaired_vault") or {}).get("sets") or ():
        if entry["changed"]:
            yield {**entry, "what": "to_repair_vault" if check_mode else "repaired_vault"}
    for set_id in (results.get("delivered") or {}).get("ids") or ():
        yield {"what": "repaired_from_vault", "id": set_id}


def drilled_from_cloud(result: Result, *, drill_host: str) -> list[Entry]:
    """Return the trial restores from the cloud that passed.

    :param result: of ``restore_drill``.
    :param drill_host: the host that drilled.
    """
    words = {"host": drill_host}
    return [
        {**entry, "what": "drilled_from_cloud", "warnings": left_out_by(entry), "words": words}
        for entry in result.get("sets") or ()
    ]
