# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much room there is on a disk, and whether it is enough for all that goes to it."""

from __future__ import annotations

import os


def free_bytes(directory: str | bytes) -> int:
    """Return how many bytes this user may still write to the file system of a directory (statvfs(3), f_bavail).

    :raises OSError: when it cannot be looked at.
    """
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize


class Needs:
    """What several files take together, by the file system that each goes to.

    :param reserve: what is to stay free on each, bytes.
    """

    def __init__(self, reserve: int = 0) -> None:
        self._reserve = reserve
        self._by_device: dict[int, int] = {}

    def add(self, directory: str | bytes, needed: int) -> int:
        """Add what goes to a directory.

        :param needed: bytes.
        :returns: what its file system needs by now, bytes.
        :raises OSError: when it cannot be looked at.
        """
        device = os.stat(directory).st_dev
        self._by_device[device] = self._by_device.get(device, self._reserve) + needed
        return self._by_device[device]
