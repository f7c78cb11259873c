# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``bandwidth`` of the media that are reached over a network."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.bandwidth import Timetable


def read_bandwidth(bandwidth: t.Mapping[str, str | None] | None, on: str) -> tuple[Timetable | None, Timetable | None]:
    """Return the timetables of uploads and of downloads; None: no limit.

    :param bandwidth: the option; None: not given.
    :param on: the medium, for messages.
    :raises Refused: when one makes no sense.
    """
    upload, download = (_read(name, (bandwidth or {}).get(name), on) for name in ("upload", "download"))
    return upload, download


def _read(name: str, text: str | None, on: str) -> Timetable | None:
    if not text:
        return None
    try:
        return Timetable(text)
    except ValueError as error:
        raise Refused(
            "use a medium",
            on=on,
            why=f"the bandwidth of its {name}s is {text!r}: {error}",
            next_step="Give bytes per second such as 512K or 2M (4K at least), off, or a timetable such as"
            " '08:00,512K 19:00,off'.",
        ) from error
