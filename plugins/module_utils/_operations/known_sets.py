# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sets of one source on a medium, in their order: used wherever the newest is needed."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    BackupError,
    NotFound,
    SetInvalid,
    Unreadable,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag, order
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.order import Claim, Position
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

SUSPECT = "suspect"
UNREADABLE = "unreadable"
DATED_AFTER_NOW = "dated_after_now"

Reader = t.Callable[[SetId, Description], None]


@dataclasses.dataclass(frozen=True)
class KnownSet:
    """One set, with what its order and a choice need of its backup.json.

    :param engine: None where backup.json cannot be read.
    :param problem: why it cannot be read.
    :param objection: why it is never the newest of its source: :data:`SUSPECT`, :data:`UNREADABLE`,
        :data:`DATED_AFTER_NOW`. None: it can be.
    """

    claim: Claim
    position: Position
    engine: str | None
    run_id: str | None
    suspect: str | None
    problem: BackupError | None
    objection: str | None

    @property
    def set_id(self) -> SetId:
        """The set's id."""
        return self.claim.set_id


def no_reader(set_id: SetId, description: Description) -> None:
    """Keep nothing."""


def known_sets(
    medium: Medium, sets: t.Iterable[SetId], *, now: datetime.datetime, reader: Reader = no_reader
) -> list[KnownSet]:
    """Return the sets of one source from the oldest to the newest, as :mod:`~._sets.order` finds it.

    :param sets: some or all that the medium holds of the source.
    :param reader: is given each description that could be read, so that nobody reads it twice.
    :raises BackupError: when the medium cannot be read. (One set that cannot be is known all the same.)
    """
    known = {set_id: _read(medium, set_id, now, reader) for set_id in sets}
    found = order.positions(
        (one.claim for one in known.values()), now=now, digest_of=lambda set_id: tag_manifest_digest(medium, set_id)
    )
    placed = [dataclasses.replace(one, position=found[set_id]) for set_id, one in known.items()]
    return sorted(placed, key=lambda one: (one.position, one.set_id))


def newest(ordered: t.Sequence[KnownSet]) -> KnownSet | None:
    """Return the newest of the sets that :func:`known_sets` found; None when nothing among them can be it."""
    return next((one for one in reversed(ordered) if one.objection is None), None)


def newer_than_newest(ordered: t.Sequence[KnownSet]) -> list[KnownSet]:
    """Return the sets after the newest: those that would be it, were there no objection."""
    found: list[KnownSet] = []
    for one in reversed(ordered):
        if one.objection is None:
            break
        found.insert(0, one)
    return found


def tag_manifest_digest(medium: Medium, set_id: SetId) -> str | None:
    """Return what names a set's exact content; None when it cannot be read.

    :raises BackupError: when the medium itself cannot be.
    """
    try:
        return bag.sha256_of_text(bag.read_text(medium.contents(set_id), bag.TAG_MANIFEST))
    except (OSError, ValueError, AccessDenied, NotFound, SetInvalid, Unreadable):
        return None


def _read(medium: Medium, set_id: SetId, now: datetime.datetime, reader: Reader) -> KnownSet:
    nowhere = Position("", 0)
    late = DATED_AFTER_NOW if order.is_dated_after(set_id, now) else None
    try:
        with contained("read a set", on=f"{set_id} on {medium.describe()}", blame=SetInvalid):
            found = read_description(set_id, medium.contents(set_id))
    except BackupError as error:  # It costs this set; a medium that is gone could not even be listed.
        return KnownSet(Claim(set_id), nowhere, None, None, None, error, late or UNREADABLE)
    reader(set_id, found)
    claim = Claim(set_id, found.sequence, found.predecessors)
    objection = late or (SUSPECT if found.suspect is not None else None)
    return KnownSet(claim, nowhere, found.engine, found.run_id, found.suspect, None, objection)
