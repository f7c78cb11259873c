# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room on a database server's disk, where that can be seen from here: a full one stops all of its databases."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.free_space import free_bytes


def require_room(place: str, least: int, dumped: int, *, on: str) -> list[str]:
    """Refuse a restore that a server cannot have the room for. What cannot be seen is passed over.

    What a database took that was dumped is no measure: it may have been half empty, or compressed since.

    :param place: the directory of this host that the server puts the database into.
    :param least: what the set takes, compressed, bytes: less than that, no database takes.
    :param dumped: what the database took that was dumped, bytes.
    :param on: the target, for messages.
    :returns: what the operator should know: that less is free than the database took.
    :raises Refused: when less is free than the set takes.
    """
    try:
        free = free_bytes(place)
    except OSError:
        return []
    if free < least:
        raise Refused(
            "restore a database",
            on=on,
            why=f"{free} bytes are free in {place}, and the set takes {least}, compressed",
            next_step="Free space there (databases that earlier restores kept have __replaced_ in their names), or"
            " restore into another server.",
        )
    if free < dumped:
        return [f"Only {free} bytes were free in {place}, and the database that was dumped took {dumped}"]
    return []
