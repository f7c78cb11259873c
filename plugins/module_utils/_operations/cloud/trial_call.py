# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cloud_trial takes and answers."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from ..outermost import Answer
from .key_limits import RIGHTS, bucket_only, prove

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "medium": {**medium_argument(), "required": True},
    "rights": {"type": "str", "required": True, "choices": list(RIGHTS)},
    "host": {"type": "str"},
    "without_lock": {"type": "str", "default": ""},
    "every_days": {"type": "int", "default": 0},
}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Try what this host's key to the cloud may do, and record it, unless that was done recently.

    :raises Refused: when the medium is no bucket, or the key may do more or less than it must.
    :raises BackupError: when it cannot be tried or recorded.
    """
    with make_medium(params["medium"]) as medium:
        bucket = bucket_only(medium, "try a cloud key")
        last = bucket.last_trial(params["rights"])
        due = host_clock.write(host_clock.now() - datetime.timedelta(days=params["every_days"]))
        # A date after now says nothing: a clock was wrong.
        is_recent = last is not None and due < last <= host_clock.write(host_clock.now())
        if check_mode or is_recent:
            return Answer({"changed": False, "trial": None, "last_trial": last})
        trial = prove(
            bucket, params["rights"], host=params["host"] or None, without_lock=params["without_lock"]
        ).result()
    return Answer({"changed": False, "trial": trial, "last_trial": trial["tried"]})
