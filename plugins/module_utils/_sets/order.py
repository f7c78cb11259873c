# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the sets of one source, which no clock can turn.

Every set names the sets that were the newest of its source when it was made, each by its id and by the SHA-256 of its
tag manifest. Who names that digest has seen the set, so the set that names it is the later one, whatever the two are
called. Between sets that no such link connects (the server's disk was replaced), the times in their ids decide, but
no time that is still to come.

Pure functions: nothing here reads a medium or a clock.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from .set_id import SetId

# How many of the newest sets a set names. So many in a row may be missing on another medium (suspect, set aside).
LINKS = 8
# The largest whole number that every reader of JSON takes exactly.
MAX_SEQUENCE = 2**53 - 1
_NO_TIME = ""


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a set says of its place in the order.

    :param sequence: one more than any set of the source had when it was made; 0 when it does not say.
    :param predecessors: the newest sets of then, the newest first: id to SHA-256 of the tag manifest.
    """

    set_id: SetId
    sequence: int = 0
    predecessors: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, order=True)
class Position:
    """Where a set stands among those of its source. Sorts from the oldest to the newest.

    :param time: the latest time, not after now, of the set and of those before it.
    :param step: how many sets after the one of that time.
    """

    time: str
    step: int

    def __str__(self) -> str:
        return f"{self.time or '00000000T000000Z'}+{self.step:06d}"


def is_dated_after(set_id: SetId, now: datetime.datetime) -> bool:
    """Whether a set is dated after ``now``: a clock was wrong when it was made, or is wrong now."""
    return host_clock.is_after(set_id.moment, now)


def positions(
    claims: t.Iterable[Claim], *, now: datetime.datetime, digest_of: t.Callable[[SetId], str | None]
) -> dict[SetId, Position]:
    """Where each set of one source stands.

    A sequence decides nothing by itself: a set comes after another because it names that one's digest, or by a time
    that is not after now. So a set with a huge sequence or with predecessors that never were is no newer for that,
    and any later set with a right clock comes after it.

    :param digest_of: the SHA-256 of a set's tag manifest, None when it cannot be read. Asked only for a link that
        contradicts the times.
    """
    found: dict[SetId, Position] = {}
    by_name: dict[str, SetId] = {}
    # What a set names has a smaller sequence. A set that lies about its own loses its links and nothing else.
    for claim in sorted(claims, key=lambda claim: (claim.sequence, claim.set_id)):
        own = Position(_NO_TIME if is_dated_after(claim.set_id, now) else claim.set_id.time, 0)
        position = own
        for name, digest in itertools.islice(claim.predecessors.items(), LINKS):
            before = by_name.get(name)
            if before is None or found[before] < position or digest_of(before) != digest:
                continue
            position = Position(found[before].time, found[before].step + 1)
        found[claim.set_id] = position
        by_name[str(claim.set_id)] = claim.set_id
    return found


def in_order(
    claims: t.Iterable[Claim], *, now: datetime.datetime, digest_of: t.Callable[[SetId], str | None]
) -> list[SetId]:
    """Return the sets of one source from the oldest to the newest; those dated after now are among them."""
    found = positions(claims, now=now, digest_of=digest_of)
    return sorted(found, key=lambda set_id: (found[set_id], set_id))


def next_claim(
    host: str,
    source: str,
    *,
    now: datetime.datetime,
    ordered: t.Sequence[Claim],
    is_taken: t.Callable[[SetId], bool],
    digest_of: t.Callable[[SetId], str | None],
) -> Claim:
    """Return the id, the sequence and the predecessors of a set that is made now.

    Its time is later than that of every set of the source, so that people find it where it belongs. But no set that
    is dated after now turns it: otherwise one wrong clock would spoil all dates to come.

    :param ordered: the source's sets as :func:`in_order` gives them.
    :param is_taken: whether an id cannot be used any more.
    """
    moment = now.replace(microsecond=0)
    for claim in ordered:
        following = claim.set_id.moment + datetime.timedelta(seconds=1)
        if not host_clock.is_after(following, now):
            moment = max(moment, following)
    while is_taken(SetId.at(host, source, moment)):
        moment += datetime.timedelta(seconds=1)
    predecessors = {}
    for claim in itertools.islice(reversed(ordered), LINKS):
        digest = digest_of(claim.set_id)
        if digest is not None:
            predecessors[str(claim.set_id)] = digest
    sequence = 1 + max((claim.sequence for claim in ordered), default=0)
    return Claim(SetId.at(host, source, moment), min(sequence, MAX_SEQUENCE), predecessors)
