# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What step 4 says of removals that wait until several people have approved them."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.infitulua.backup.plugins.plugin_utils._outcome import Entry, Result

_SHOWN_SETS = 3


def approvals(pruned: Result, catalogue: Catalogue) -> t.Iterator[Entry]:
    """Return a line for each request that waits, or was approved, and for rules that were agreed for the first time.

    :param pruned: of ``set_prune`` on the vault.
    """
    told = pruned.get("approvals") or {}
    if told.get("taken_as_agreed"):
        names = ", ".join(told["taken_as_agreed"])
        yield {"what": "info", "message": catalogue.say("rules_agreed", sources=names)}
    for request in told.get("requests") or ():
        words = {
            "subject": _subject(request, catalogue),
            "count": len(request["approved_by"]),
            "required": request["required"],
            "names": ", ".join(request["approved_by"]) or catalogue["nobody_yet"],
            "request": request["request"],
        }
        name = "approved" if request["approved"] else "not_approved"
        yield {"what": "info" if request["approved"] else "warning", "message": catalogue.say(name, **words)}
        if request["not_counted"]:
            files = ", ".join(request["not_counted"])
            yield {"what": "warning", "message": catalogue.say("signatures_not_counted", files=files)}


def _subject(request: Result, catalogue: Catalogue) -> str:
    """Say what a request is about."""
    if not request["source"]:
        return catalogue["approval_of_approvers"]
    source, sets = f"{request['host']}/{request['source']}", request["sets"]
    if not sets:
        return catalogue.say("approval_of_rules", source=source)
    shown = ", ".join(sets[:_SHOWN_SETS]) + (", …" if len(sets) > _SHOWN_SETS else "")
    return catalogue.say("approval_of_sets", source=source, count=len(sets), ids=shown)
