# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading every copy again from time to time: a disk, and a store, may lose a bit that nobody has asked for since.

Each copy is read again before it has lain unread for so many days, those first that have lain longest. A budget keeps
a run from reading too much at once; what it leaves out is told once it is overdue, and comes first in the next run.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

# A copy is read a day early, so that a run that begins a little earlier than yesterday's does not miss it.
_AHEAD = datetime.timedelta(days=1)

REREADING_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "reread_days": {"type": "int"},
    "budget_minutes": {"type": "float"},
    "budget_bytes": {"type": "bytes"},
}


class Budget:
    """How much one run reads. The first copy may always begin: one that is larger than the budget is read too.

    :param minutes: after so many minutes, no other copy is begun; None: no bound.
    :param size: once so many bytes were read, no other copy is begun; None: no bound.
    """

    def __init__(self, minutes: float | None = None, size: int | None = None) -> None:
        self._end = None if minutes is None else time.monotonic() + minutes * 60
        self._left = size
        self._begun = False

    def allows(self, size: int) -> bool:
        """Whether another copy may begin; if so, it is counted.

        :param size: its bytes.
        """
        is_spent = (self._end is not None and time.monotonic() >= self._end) or (
            self._left is not None and self._left < size
        )
        if is_spent and self._begun:
            return False
        self._begun = True
        if self._left is not None:
            self._left -= size
        return True


@dataclasses.dataclass(frozen=True)
class Rereading:
    """What is read again in one run.

    :param days: every copy at least once in so many days; None: nothing is read again for its age.
    """

    days: int | None
    budget: Budget

    def is_due(self, last: datetime.datetime | None, now: datetime.datetime) -> bool:
        """Whether a copy is to be read now.

        :param last: when it was last read whole (UTC); None: that is not known.
        """
        if self.days is None:
            return False
        ahead = min(_AHEAD, datetime.timedelta(days=self.days) / 4)
        known = _known(last, now)
        return known is None or known <= now - datetime.timedelta(days=self.days) + ahead

    def is_overdue(self, last: datetime.datetime | None, now: datetime.datetime) -> bool:
        """Whether a copy has lain unread for too long."""
        known = _known(last, now)
        return self.days is not None and (known is None or known < now - datetime.timedelta(days=self.days))


def _known(last: datetime.datetime | None, now: datetime.datetime) -> datetime.datetime | None:
    # A date after now says nothing of how long ago it was.
    return None if last is None or host_clock.is_after(last, now) else last


def make_rereading(params: t.Mapping[str, t.Any]) -> Rereading:
    """Return what a module's options ask for.

    :raises Refused: when they are out of range.
    """
    for name in REREADING_ARGUMENTS:
        if params[name] is not None and params[name] <= 0:
            raise Refused(
                "read copies again",
                on=name,
                why=f"it is {params[name]}",
                next_step="Give more than zero, or leave it out.",
            )
    return Rereading(params["reread_days"], Budget(params["budget_minutes"], params["budget_bytes"]))


def left_out(set_id: SetId, last: datetime.datetime | None, rereading: Rereading) -> dict[str, t.Any]:
    """Return what is told of a copy for which the budget was too small."""
    return {
        "id": str(set_id),
        "last_read": host_clock.write(last) if last is not None else None,
        "overdue": rereading.is_overdue(last, host_clock.now()),
    }
