# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""To whom the members of an archive belong, and whether what was restored belongs to the same."""

from __future__ import annotations

import collections
import grp
import pwd
import typing as t

from ..base import is_count
from ..names import escape, unescape

# So many are more than any tree has, and few enough to be counted.
MOST = 200_000


class Owner(t.NamedTuple):
    """As an archive says it: names, empty where GNU tar would go by the number alone, and numbers."""

    user: bytes
    group: bytes
    uid: int
    gid: int

    def numbers_on_this_host(self) -> tuple[int, int]:
        """Return the numbers here: a name that this host knows goes before the number (tar(1), ``--numeric-owner``)."""
        uid, gid = self.uid, self.gid
        if self.user:
            uid = _number(lambda name: pwd.getpwnam(name).pw_uid, self.user, uid)
        if self.group:
            gid = _number(lambda name: grp.getgrnam(name).gr_gid, self.group, gid)
        return uid, gid


# How many members belong to each; further names of a file do not count, it has one owner.
Owners = t.Counter[Owner]


def facts(owners: Owners) -> list[dict[str, t.Any]]:
    """Return what backup.json tells of them, most members first."""
    return [
        {"user": escape(owner.user), "group": escape(owner.group), "uid": owner.uid, "gid": owner.gid, "members": count}
        for owner, count in sorted(owners.items(), key=lambda item: (-item[1], item[0]))
    ]


def from_facts(entries: t.Any) -> Owners:
    """Return what :func:`facts` told.

    :raises ValueError: when it is nothing of the kind.
    """
    owners: Owners = collections.Counter()
    for entry in entries:
        names = entry["user"], entry["group"]
        numbers = entry["uid"], entry["gid"], entry["members"]
        if not all(isinstance(name, str) for name in names) or not all(map(is_count, numbers)):
            raise ValueError("an owner of its files is not one")
        user, group = map(unescape, names)
        if b"\0" in user + group or len(owners) >= MOST:
            raise ValueError("an owner's name holds a NUL, or there are too many")
        owners[Owner(user, group, entry["uid"], entry["gid"])] += entry["members"]
    return owners


def on_disk(owners: Owners) -> t.Counter[tuple[int, int]]:
    """How many members shall belong to each pair of numbers, once restored here by root."""
    numbers: t.Counter[tuple[int, int]] = collections.Counter()
    for owner, count in owners.items():
        numbers[owner.numbers_on_this_host()] += count
    return numbers


def _number(look_up: t.Callable[[str], int], name: bytes, otherwise: int) -> int:
    try:
        return look_up(name.decode("utf-8", "surrogateescape"))
    except (KeyError, ValueError):
        return otherwise
