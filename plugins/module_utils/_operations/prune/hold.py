# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps sets from being removed, whatever their policy says."""

from __future__ import annotations

import dataclasses
import datetime
import fnmatch
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

HOLD_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "set": {"type": "str"},
    "host": {"type": "str"},
    "source": {"type": "str"},
    "from": {"type": "str"},
    "to": {"type": "str"},
    "until": {"type": "str"},
    "reason": {"type": "str", "required": True},
}


@dataclasses.dataclass(frozen=True)
class Hold:
    """What keeps sets from being removed, whatever their policy says.

    :param reason: why, for people.
    :param set_id: only this set.
    :param host: only sets of hosts whose name matches this pattern.
    :param source: only sets of sources whose name matches this pattern.
    :param begin: only sets made at this moment or later.
    :param end: only sets made before this moment.
    :param until: the moment at which it ends; None: it does not.
    """

    reason: str
    set_id: SetId | None = None
    host: str | None = None
    source: str | None = None
    begin: datetime.datetime | None = None
    end: datetime.datetime | None = None
    until: datetime.datetime | None = None

    def covers(self, set_id: SetId, moment: datetime.datetime) -> bool:
        """Whether a set that was made at ``moment`` is one of those that are meant."""
        return (
            self.set_id in (None, set_id)
            and (self.host is None or fnmatch.fnmatchcase(set_id.host, self.host))
            and (self.source is None or fnmatch.fnmatchcase(set_id.source, self.source))
            and (self.begin is None or self.begin <= moment)
            and (self.end is None or moment < self.end)
        )


def make_hold(options: t.Mapping[str, t.Any], zone: datetime.tzinfo) -> Hold:
    """Read a hold, as :data:`HOLD_ARGUMENTS` describes it.

    :param zone: its dates are those of this time zone; both days that it names are within it.
    :raises Refused: when it would hold nothing, or everything there is.
    """
    reason = str(options.get("reason") or "").strip()
    subject = reason or ", ".join(str(value) for value in options.values() if value)
    if not reason:
        raise _bad_hold(
            subject, why="it gives no reason", next_step="Give the reason: whoever ends it must know why it was there."
        )
    if not any(options.get(name) for name in ("set", "host", "source", "from", "to")):
        raise _bad_hold(
            subject, why="it names no sets", next_step="Name a set, a host, a source or a period (from, to)."
        )
    try:
        set_id = SetId.parse(options["set"]) if options.get("set") else None
    except BackupError as error:
        raise _bad_hold(subject, why=error.why, next_step="Give the id as set_info prints it.") from error
    begin = _beginning_of(options.get("from"), subject, zone)
    end = _beginning_of(options.get("to"), subject, zone, days=1)
    if begin is not None and end is not None and end <= begin:
        raise _bad_hold(subject, why="its period ends before it begins", next_step="Correct from and to.")
    return Hold(
        reason,
        set_id,
        options.get("host") or None,
        options.get("source") or None,
        begin,
        end,
        _beginning_of(options.get("until"), subject, zone, days=1),
    )


def _beginning_of(text: str | None, subject: str, zone: datetime.tzinfo, days: int = 0) -> datetime.datetime | None:
    """Return the moment at which a day begins, or so many days later."""
    if not text:
        return None
    try:
        day = datetime.date.fromisoformat(str(text)) + datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        raise _bad_hold(subject, why=f"{text!r} is not a date", next_step="Give dates as 2026-11-22.") from None
    return datetime.datetime.combine(day, datetime.time(), zone)


def _bad_hold(subject: str, *, why: str, next_step: str) -> Refused:
    return Refused("hold sets", on=subject, why=why, next_step=next_step)
