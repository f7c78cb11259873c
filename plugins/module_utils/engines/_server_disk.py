# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room on a database server's disk, where that can be seen from here: a full one stops all of its databases."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused


def require_room(place: str, needed: int, *, on: str) -> None:
    """Refuses a restore that a server has not got the room for. What cannot be seen is passed over.

    :param place: the directory of this host that the server puts the database into.
    :param needed: what the database took that was dumped, bytes.
    :param on: the target, for messages.
    :raises Refused: when less is free.
    """
    with contextlib.suppress(OSError):
        state = os.statvfs(place)
        free = state.f_bavail * state.f_frsize
        if free < needed:
            raise Refused(
                "restore a database",
                on=on,
                why=f"{free} bytes are free in {place}, and the database that was dumped took {needed}",
                next_step="Free space there (databases that earlier restores kept have __replaced_ in their names), or"
                " restore into another server.",
            )
