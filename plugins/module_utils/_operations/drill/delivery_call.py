# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drill_delivery takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument

from ..outermost import Answer
from .call import answer_of
from .delivery import deliver, record_drills

_ENTRIES = {"type": "list", "elements": "dict", "default": []}
# The words of another host: what is no entry is passed over.
_OF_ANOTHER = {"type": "list", "elements": "raw", "default": []}
ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": ["delivered", "recorded"], "required": True},
    "medium": {**medium_argument(), "required": True},
    "sets": {"type": "list", "elements": "str", "required": True},
    "directory": {"type": "path"},
    "destination": {**medium_argument(), "required": True},
    "budget_minutes": {"type": "float"},
    "recipients": {"type": "list", "elements": "str", "default": []},
    "identity_file": {"type": "path"},
    "allowed_signers_file": {"type": "path"},
    "drill_host": {"type": "str"},
    "deliveries": _ENTRIES,
    "undelivered": _ENTRIES,
    "answers": _OF_ANOTHER,
    "damaged": _OF_ANOTHER,
    "unbegun": _OF_ANOTHER,
    "left_out": _ENTRIES,
    "unreachable": {"type": "bool", "default": False},
    "reason": {"type": "str"},
    "interval_days": {"type": "int", "default": 7},
    "record_directory": {"type": "path", "default": "/var/lib/infitulua-backup/drills"},
    "set_aside": {"type": "bool", "default": False},
    "status_file": {"type": "path"},
}


def call(params: t.Mapping[str, t.Any]) -> Answer:
    """Deliver sets to the host that drills them, or record how their drills went.

    :raises BackupError: when nothing can be delivered, or a drill cannot be recorded.
    """
    with make_medium(params["medium"]) as medium:
        if params["state"] == "delivered":
            with make_medium(params["destination"]) as destination:
                return Answer(deliver(params, medium, destination).result())
        return answer_of(record_drills(params, medium), params["interval_days"])
