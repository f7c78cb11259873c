# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule 3-2-1-1-0, judged for each source by what was verified, never by what is configured.

Three copies, the live data counted, on two kinds of media, one of them off site, one that nobody can delete, and no
error in any; and no older than the institution can bear to lose (RPO). What counts is the newest set that was verified:
its copies with exactly this content, each read whole where it lies.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

COPIES, KINDS, OFF_SITE, IMMUTABLE = 3, 2, 1, 1
#: The kind of medium on which the live data is.
LIVE_KIND = "disk"


@dataclasses.dataclass(frozen=True)
class Copy:
    """A copy of a set on a medium, every byte of which was read there.

    :param medium: its name, such as ``vault``.
    :param kind: of medium, such as ``disk`` or ``object store``.
    :param off_site: whether it is outside the institution's premises.
    :param verified: when it was last read whole, UTC, ISO 8601; None: that is not known.
    :param locked_until: until when the medium refuses to delete it, UTC, ISO 8601; None: it does not.
    """

    medium: str
    kind: str
    off_site: bool
    verified: str | None = None
    locked_until: str | None = None


@dataclasses.dataclass(frozen=True)
class SourceFacts:
    """What is known of a source.

    :param source: ``<host>/<name>``.
    :param newest: the newest set that was verified; None: there is none.
    :param copies: of exactly that set.
    :param errors: what went wrong with sets of this source: damaged, not restorable.
    :param rpo_hours: how old its newest set may be.
    """

    source: str
    newest: SetId | None
    copies: t.Sequence[Copy]
    errors: t.Sequence[str]
    rpo_hours: float


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a source stands to the rule.

    :param copies: with the live data.
    :param kinds: of media, that of the live data too.
    :param immutable_until: until when the copy that is locked longest cannot be deleted, UTC, ISO 8601.
    :param age_hours: of the newest set.
    :param short: in what it falls short: ``copies``, ``kinds``, ``off_site``, ``immutable``, ``errors``, ``age``.
    """

    source: str
    id: str | None
    copies: int
    media: list[str]
    kinds: list[str]
    off_site: int
    immutable_until: str | None
    errors: list[str]
    age_hours: float | None
    rpo_hours: float
    short: list[str]

    @property
    def is_met(self) -> bool:
        """Whether it falls short in nothing."""
        return not self.short


def judge(facts: SourceFacts, now: datetime.datetime) -> Verdict:
    """Judge one source.

    :param now: UTC.
    """
    kinds = sorted({LIVE_KIND, *(copy.kind for copy in facts.copies)})
    off_site = sum(copy.off_site for copy in facts.copies)
    locked = [
        copy.locked_until for copy in facts.copies if copy.locked_until and host_clock.read(copy.locked_until) > now
    ]
    age = None
    if facts.newest is not None:
        # One that is dated a little after now, by another clock, is as old as nothing.
        age = max(datetime.timedelta(0), now - facts.newest.moment).total_seconds() / 3600
    is_met = {
        "copies": 1 + len(facts.copies) >= COPIES,
        "kinds": len(kinds) >= KINDS,
        "off_site": off_site >= OFF_SITE,
        "immutable": len(locked) >= IMMUTABLE,
        "errors": not facts.errors,
        "age": age is not None and age <= facts.rpo_hours,
    }
    return Verdict(
        source=facts.source,
        id=str(facts.newest) if facts.newest is not None else None,
        copies=1 + len(facts.copies),
        media=[copy.medium for copy in facts.copies],
        kinds=kinds,
        off_site=off_site,
        immutable_until=max(locked, default=None),
        errors=list(facts.errors),
        age_hours=round(age, 2) if age is not None else None,
        rpo_hours=facts.rpo_hours,
        short=[name for name, met in is_met.items() if not met],
    )
