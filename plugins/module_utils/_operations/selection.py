# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sets are meant: by id, by host and source, the newest, the newest not after a moment."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.order import is_dated_after
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from .known_sets import KnownSet, known_sets, newer_than_newest, newest


@dataclasses.dataclass(frozen=True)
class SetSelection:
    """A choice among the sets of a medium.

    :param ids: exactly these (none, when it is empty); every one must be there. None: all that the rest allows.
    :param newest: only the newest of each source that can be read, is not suspect and not dated after now.
    :param at: only sets whose time is not after this one (``20261122T030000Z``).
    :raises BackupError: when a name or the time is not of its form: it would quietly choose nothing.
    """

    ids: tuple[SetId, ...] | None = None
    host: str | None = None
    source: str | None = None
    newest: bool = False
    at: str | None = None

    def __post_init__(self) -> None:
        SetId(
            self.host if self.host is not None else "any",
            self.source if self.source is not None else "any",
            self.at if self.at is not None else "20261122T030000Z",
        )

    def choose(self, medium: Medium) -> list[SetId]:
        """Return the chosen sets alone, see :meth:`resolve`."""
        return self.resolve(medium).sets

    def resolve(self, medium: Medium) -> ChosenSets:
        """Choose among the sets of a medium.

        :raises NotFound: when an id is not on the medium.
        :raises BackupError: when the medium cannot be listed, or, for the newest, not read.
        """
        now = host_clock.now()
        if self.ids is not None:
            missing = [str(set_id) for set_id in self.ids if not medium.holds(set_id)]
            if missing:
                raise NotFound(
                    "find sets",
                    on=medium.describe(),
                    why=f"it does not hold {', '.join(missing)}",
                    next_step="List what it holds with set_info.",
                )
            return ChosenSets(sorted(set(self.ids)), _late(self.ids, now))
        listed = medium.sets(host=self.host, source=self.source)
        found = [set_id for set_id in listed if self.at is None or set_id.time <= self.at]
        if not self.newest:
            return ChosenSets(found, _late(listed, now))
        chosen: list[KnownSet] = []
        passed_over: list[KnownSet] = []
        ineligible: list[tuple[SetId, BackupError]] = []
        for _source, sets in itertools.groupby(found, key=lambda set_id: (set_id.host, set_id.source)):
            ordered = known_sets(medium, medium.eligible(list(sets), ineligible), now=now)
            best = newest(ordered)
            chosen += [best] if best else []
            passed_over += newer_than_newest(ordered)
        late = _late(listed, now)
        if late:  # What anybody may have put there is reported as that: no clock was wrong.
            eligible = _eligible(medium, listed)
            late = [set_id for set_id in late if set_id in eligible]
        return ChosenSets([known.set_id for known in chosen], late, chosen, passed_over, ineligible)


@dataclasses.dataclass(frozen=True)
class ChosenSets:
    """What a selection found on a medium.

    :param sets: the chosen sets, sorted by id.
    :param late: sets that are dated after now, of all that the medium lists of the host and the source asked for; where
        the newest was asked for, only those that would be considered.
    :param newest: where the newest was asked for, the chosen sets again, with what is known of them.
    :param passed_over: where the newest was asked for, what would be newer, were there no objection.
    :param ineligible: where the newest was asked for, what is not considered, and why: it cannot be read, or anybody
        may have put it there.
    """

    sets: list[SetId]
    late: list[SetId]
    newest: list[KnownSet] = dataclasses.field(default_factory=list)
    passed_over: list[KnownSet] = dataclasses.field(default_factory=list)
    ineligible: list[tuple[SetId, BackupError]] = dataclasses.field(default_factory=list)

    @property
    def unreadable(self) -> list[KnownSet]:
        """What was passed over because it cannot be read: damage, which the caller must report."""
        return [known for known in self.passed_over if known.problem is not None]


def _eligible(medium: Medium, listed: t.Sequence[SetId]) -> set[SetId]:
    by_source = itertools.groupby(listed, key=lambda set_id: (set_id.host, set_id.source))
    return {set_id for _source, sets in by_source for set_id in medium.eligible(list(sets))}


def _late(sets: t.Iterable[SetId], now: datetime.datetime) -> list[SetId]:
    return sorted({set_id for set_id in sets if is_dated_after(set_id, now)})
