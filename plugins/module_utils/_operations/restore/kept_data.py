# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the data that restores have replaced and kept, and remove it when it is old enough."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import KeptData, Replaced
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import TIME_FORMAT
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained


@dataclasses.dataclass
class Pruned:
    """What became, or in check mode would become, of what restores have kept.

    :param left: what stays.
    :param removed: what was removed.
    :param failures: what could not be.
    """

    left: list[Replaced] = dataclasses.field(default_factory=list)
    removed: list[Replaced] = dataclasses.field(default_factory=list)
    failures: list[BackupError] = dataclasses.field(default_factory=list)


def prune(
    kept: KeptData,
    *,
    keep_days: int | None,
    check_mode: bool = False,
    protected: t.Collection[str] = (),
) -> Pruned:
    """Remove what restores of a target have kept for long enough. What somebody uses stays, for the next time.

    :param keep_days: for how many days it is kept; 0 removes all of it, None nothing.
    :param protected: names that are never removed, because they are somebody's source or target.
    :raises BackupError: when it cannot be determined what there is.
    """
    pruned = Pruned()
    now = host_clock.now()
    found = kept.replaced()
    due = [entry for entry in found if _is_due(entry, keep_days, now) and not (entry.in_use or entry.name in protected)]
    pruned.left = [entry for entry in found if entry not in due]
    if due:
        try:
            # It may be all that is left: nothing is removed before what replaced it is known to be there.
            kept.check_live()
        except BackupError as error:
            pruned.left = found
            pruned.failures.append(error)
            return pruned
    for entry in due:
        try:
            if not check_mode:
                with contained("remove what a restore has kept", on=entry.name):
                    kept.remove_replaced(entry)
        except BackupError as error:
            pruned.left.append(entry)
            pruned.failures.append(error)
        else:
            pruned.removed.append(entry)
    return pruned


def describe_replaced(entry: Replaced) -> dict[str, t.Any]:
    """Return what a module returns of something that a restore has kept."""
    return {"name": entry.name, "since": entry.since, "bytes": entry.bytes}


def checked_keep_days(days: int | None) -> int | None:
    """For how many days what was replaced is kept; None: for ever.

    :raises Refused: when it is less than none.
    """
    if days is not None and days < 0:
        raise Refused(
            "keep what was replaced",
            on=f"{days} days",
            why="a time is not negative",
            next_step="Give 0 to keep nothing, or leave it out to keep everything.",
        )
    return days


def _is_due(entry: Replaced, keep_days: int | None, now: datetime.datetime) -> bool:
    if keep_days is None:
        return False
    since = datetime.datetime.strptime(entry.since, TIME_FORMAT).replace(tzinfo=datetime.timezone.utc)
    return keep_days == 0 or now - since >= datetime.timedelta(days=keep_days)
