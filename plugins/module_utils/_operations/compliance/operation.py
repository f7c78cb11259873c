# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the copies of each source's newest verified set on several media, and judging each source by them."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..drill.record import FAILED, DrillRecord
from ..known_sets import KnownSet, known_sets, tag_manifest_digest
from ..verify import set_verification
from .rule import Copy, SourceFacts, Verdict, judge


@dataclasses.dataclass(frozen=True)
class Place:
    """A medium on which copies are looked for.

    :param name: for the answer, such as ``vault``.
    :param off_site: whether it is outside the institution's premises, which nobody can find out from here.
    """

    name: str
    medium: Medium
    off_site: bool


def judge_sources(
    reference: Place,
    others: t.Sequence[Place],
    host: str,
    rpo_hours: t.Mapping[str, float],
    *,
    drills: DrillRecord | None,
    default_rpo_hours: float,
) -> tuple[list[Verdict], list[BackupError]]:
    """Judge the sources of a host.

    :param reference: a directory of this host, such as the vault: its newest verified set of a source counts.
    :param rpo_hours: by source, also of those that have no set; how old their newest may be.
    :param drills: the record of drills.
    :param default_rpo_hours: of sources that ``rpo_hours`` does not name.
    :returns: the verdicts by name of the source, and what kept a medium from being listed.
    :raises BackupError: when the reference cannot be listed.
    """
    if reference.medium.local is None:
        raise Refused(
            "judge copies by the rule 3-2-1-1-0",
            on=reference.medium.describe(),
            why="the first medium is not a directory of this host, so nothing says which sets were verified there",
            next_step="Name the vault first, and run this on the systems computer.",
        )
    now = host_clock.now()
    failures: list[BackupError] = []
    finders = []
    for place in others:
        try:
            with contained("list sets", on=place.medium.describe()):
                finders.append(_finder(place, host))
        except BackupError as error:
            failures.append(error)
    verdicts = {}
    listed = reference.medium.sets(host=host)
    for source, sets in itertools.groupby(listed, key=lambda set_id: set_id.source):
        rpo = rpo_hours.get(source, default_rpo_hours)
        facts = _facts(f"{host}/{source}", list(sets), reference, finders, drills, rpo, now)
        verdicts[source] = judge(facts, now)
    for source in sorted(set(rpo_hours) - set(verdicts)):
        verdicts[source] = judge(SourceFacts(f"{host}/{source}", None, (), (), rpo_hours[source]), now)
    return [verdicts[source] for source in sorted(verdicts)], failures


Finder = t.Callable[[SetId, str], t.Optional[Copy]]


def _facts(
    source: str,
    sets: t.Sequence[SetId],
    reference: Place,
    finders: t.Sequence[Finder],
    drills: DrillRecord | None,
    rpo_hours: float,
    now: datetime.datetime,
) -> SourceFacts:
    errors: list[str] = []
    newest: SetId | None = None
    copies: list[Copy] = []
    for known in reversed(known_sets(reference.medium, sets, now=now)):
        digest = tag_manifest_digest(reference.medium, known.set_id)
        verification = set_verification.recall(reference.medium, known.set_id)
        error = _error(known, digest, drills)
        errors += [error] if error else []
        if newest is not None or error or known.objection is not None or digest is None or verification is None:
            continue
        newest = known.set_id
        copies = [Copy(reference.name, reference.medium.material, reference.off_site, verification.verified)]
        found = (finder(known.set_id, digest) for finder in finders)
        copies += [copy for copy in found if copy is not None]
    return SourceFacts(source, newest, copies, errors, rpo_hours)


def _error(known: KnownSet, digest: str | None, drills: DrillRecord | None) -> str:
    """Return what is wrong with a set; empty if nothing is known to be."""
    if known.problem is not None:
        return f"{known.set_id}: {known.problem.why}"
    drill = drills.of_content(known.set_id, digest) if drills is not None and digest is not None else None
    if drill is not None and drill.outcome == FAILED:
        return f"{known.set_id}: its last drill failed"
    return ""


def _finder(place: Place, host: str) -> Finder:
    """Return what finds, on one medium, the copy of a set with exactly this content.

    :raises BackupError: when the medium cannot be listed.
    """
    medium = place.medium
    copies = medium.audited_copies(host=host)
    if copies is not None:

        def audited(set_id: SetId, digest: str) -> Copy | None:
            copy = copies.get(set_id)
            if copy is None or copy.tag_manifest_sha256 != digest:
                return None
            return Copy(place.name, medium.material, place.off_site, copy.audited, copy.locked_until)

        return audited
    there = set(medium.sets(host=host))

    def in_directory(set_id: SetId, digest: str) -> Copy | None:
        if set_id not in there or tag_manifest_digest(medium, set_id) != digest:
            return None
        verification = set_verification.recall(medium, set_id)
        return Copy(place.name, medium.material, place.off_site, verification.verified if verification else None)

    return in_directory
