# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing the sets of a medium that its retention policy keeps no longer; one source that fails stops no other."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import fnmatch
import itertools
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, LockHeld, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium, Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.partial import PARTIAL_SUFFIX
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..drill.record import FAILED, DrillRecord
from ..known_sets import SUSPECT, KnownSet, known_sets, tag_manifest_digest
from ..removed_sets import RemovedSet, note_removed, removed_sets
from ..selection import SetSelection
from ..sets_report import SetsReport
from ..verify import set_verification
from .approval import Approvals, Review, Source, Terms, open_approvals
from .forecast import Forecast, observe
from .hold import Hold
from .lock_term import Kept, lock_terms
from .plan import Candidate, Context, Decision, Rule, State, clock_problem, plan
from .policy import DEFAULT, Policy


@dataclasses.dataclass(frozen=True)
class SourcePolicy:
    """The policy of certain sources, whatever their series.

    :param host: a pattern of names of hosts.
    :param source: a pattern of names of sources.
    """

    host: str
    source: str
    policy: Policy

    def covers(self, set_id: SetId) -> bool:
        """Whether a set is of one of these sources."""
        return fnmatch.fnmatchcase(set_id.host, self.host) and fnmatch.fnmatchcase(set_id.source, self.source)


@dataclasses.dataclass(frozen=True)
class Elsewhere:
    """Another medium, with the sets that are known to be there, verified.

    :param name: for messages.
    :param sets: id to SHA-256 of the tag manifest.
    :param failed_drills: the ids of those of them whose last drill failed.
    """

    name: str
    sets: t.Mapping[str, str]
    failed_drills: t.Collection[str] = ()


@dataclasses.dataclass(frozen=True)
class Retention:
    """What decides which sets of a medium are kept.

    :param policies: by series; :data:`~.policy.DEFAULT` for those that have none.
    :param source_policies: go before those; of several that fit, the first.
    :param context: what the decisions about every source depend on.
    :param elsewhere: a set counts only if each of these has it too.
    :param verified_here: whether it must have been verified on this medium, too.
    :param known_misdated: ids of sets dated after now that somebody knows about.
    :param drills: the record of drills, where this host has it.
    :param terms: what is said of approvals; None: nothing, as of a medium that has none.
    """

    policies: t.Mapping[str, Policy]
    source_policies: t.Sequence[SourcePolicy]
    context: Context
    elsewhere: t.Sequence[Elsewhere] = ()
    verified_here: bool = True
    known_misdated: t.Collection[str] = ()
    drills: DrillRecord | None = None
    terms: Terms | None = None

    def policy_of(self, set_id: SetId, series: str | None) -> Policy | None:
        """Return the policy of a set; None where there is none.

        :param series: as the set says; None: it cannot be read.
        """
        own = next((one.policy for one in self.source_policies if one.covers(set_id)), None)
        if own is not None or series is None:
            return own
        return self.policies.get(series, self.policies.get(DEFAULT))


@dataclasses.dataclass
class PruneReport(SetsReport):
    """What the module that removes expired sets returns.

    :ivar sets: one entry per set, kept or removed.
    :param forecast: how the medium fills; None: that is not known yet.
    :ivar kept: what the medium keeps now, with the terms of the locks of its copies.
    :ivar removed: what retention has removed of the sources of which it keeps something, now (or in check mode would)
        or earlier.
    :ivar unclear: the sources, by host and name, about which nothing is decided while a clock looks wrong.
    :ivar approvals: what needs approval here; None: nothing.
    :ivar agreed_holds: the holds of each source, by host and name, that were agreed.
    """

    forecast: Forecast | None = None
    kept: dict[SetId, Kept] = dataclasses.field(default_factory=dict)
    removed: list[RemovedSet] = dataclasses.field(default_factory=list)
    unclear: set[tuple[str, str]] = dataclasses.field(default_factory=set)
    approvals: Approvals | None = None
    agreed_holds: dict[tuple[str, str], t.Sequence[Hold]] = dataclasses.field(default_factory=dict)

    @property
    def removed_bytes(self) -> int:
        """How much room the removed sets took."""
        return sum(entry["bytes"] for entry in self.sets if entry["changed"])

    @property
    def changed(self) -> bool:
        """Whether anything was (or would be) changed, also of what is agreed or asked for."""
        return super().changed or (self.approvals is not None and self.approvals.changed)

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        lines = "".join(
            f"{'-' if entry['changed'] else ' '} {entry['id']}  {entry['rule']}"
            + (f" ({entry['why']})" if entry["why"] else "")
            + "\n"
            for entry in self.sets
        )
        return {
            **super().result(),
            "removed_bytes": self.removed_bytes,
            "forecast": self.forecast.describe() if self.forecast is not None else None,
            "approvals": self.approvals.result() if self.approvals is not None else None,
            "diff": {"prepared": lines + (self.approvals.diff() if self.approvals is not None else "")},
        }


@dataclasses.dataclass(frozen=True)
class _CandidateSet:
    """One set, with what is told of it.

    :param lacking: the other media that do not hold it, verified.
    :param verified: when it was verified here; None: that is not known.
    """

    candidate: Candidate
    digest: str | None
    series: str
    bytes: int
    lacking: list[str]
    verified: str | None


def prune_sets(medium: Medium, selection: SetSelection, retention: Retention, *, check_mode: bool) -> PruneReport:
    """Decide about every set of the chosen hosts and sources, and remove those that are kept no longer.

    :raises Refused: when the medium is of a kind from which nothing is removed.
    :raises BackupError: when it cannot be listed.
    """
    local = medium.local
    if local is None:
        raise Refused(
            "apply retention",
            on=medium.describe(),
            why="sets are removed from directories only",
            next_step="Run it on the host that has the directory.",
        )
    report = PruneReport()
    choice = selection.resolve(medium)
    report.dated_after_now = [str(set_id) for set_id in choice.late]
    if retention.terms is not None:
        report.approvals = open_approvals(local, retention.terms, retention.context, check_mode=check_mode)
    for (host, source), sets in itertools.groupby(choice.sets, key=lambda set_id: (set_id.host, set_id.source)):
        try:
            with contained("apply retention", on=f"{host}/{source} on {medium.describe()}"):
                _prune_source(local, list(sets), retention, report, check_mode=check_mode)
        except BackupError as error:
            report.failures.append(
                {"id": f"{host}/{source}", "message": error.message, "details": error.details, "changed": False}
            )
    freed = report.removed_bytes if check_mode else 0
    now = retention.context.now.astimezone(retention.context.zone)
    report.forecast = observe(local, now=now, freed_bytes=freed, check_mode=check_mode)
    return report


def _prune_source(
    medium: LocalMedium, sets: t.Sequence[SetId], retention: Retention, report: PruneReport, *, check_mode: bool
) -> None:
    """Decide about every set of one source, and remove those that are kept no longer.

    :raises BackupError: when nothing can be decided about it.
    """
    if not check_mode:
        _finish_interrupted_removals(medium, sets[0])
    host, source = sets[0].host, sets[0].source
    removed = removed_sets(medium, host=host, source=source)
    found, context = _look(medium, sets, removed, retention)
    candidates = [one.candidate for one in found]
    review = Review(plan(candidates, context))
    if report.approvals is not None and report.approvals.people.required:
        review = report.approvals.review(_source(found, retention), review.decisions, context)
        report.agreed_holds[host, source] = review.holds
    terms = lock_terms(candidates, review.decisions, context)
    if clock_problem(candidates, context):
        report.unclear.add((host, source))
    for one, decision in zip(found, review.decisions):
        record = _record(one, decision, review)
        if _apply(medium, one, decision, record, report, check_mode=check_mode):
            report.kept[decision.set_id] = Kept(one.digest or "", terms.get(decision.set_id))
        else:
            removed.append(record)
    report.removed += removed
    if not review.approved & report.kept.keys():
        review.conclude()


def _source(found: t.Sequence[_CandidateSet], retention: Retention) -> Source:
    """Return the sets of one source as a review takes them."""
    first = found[0].candidate.set_id
    return Source(
        first.host,
        first.source,
        [one.candidate for one in found],
        [one.digest for one in found],
        [one.series for one in found],
        lambda series: retention.policy_of(first, series),
    )


def _finish_interrupted_removals(medium: LocalMedium, first: SetId) -> None:
    """Remove what is left of sets whose removal was cut short; whoever works on the source does so too.

    :param first: any set of the source.
    """
    with contextlib.suppress(OSError, LockHeld):
        if any(name.endswith(PARTIAL_SUFFIX) for name in os.listdir(os.path.dirname(medium.path(first)))):
            with medium.locked(first.host, first.source):
                pass


def _look(
    medium: LocalMedium, sets: t.Sequence[SetId], removed: t.Sequence[RemovedSet], retention: Retention
) -> tuple[list[_CandidateSet], Context]:
    """Return the sets of one source from the oldest to the newest, and what the decisions about them depend on."""
    descriptions: dict[SetId, Description] = {}
    ordered = known_sets(medium, sets, now=retention.context.now, reader=descriptions.__setitem__)
    found = [_read_candidate(medium, known, descriptions.get(known.set_id), retention) for known in ordered]
    context = dataclasses.replace(retention.context, newest_record=_newest_record(found, removed, retention))
    return found, context


def _read_candidate(
    medium: LocalMedium, known: KnownSet, description: Description | None, retention: Retention
) -> _CandidateSet:
    set_id = known.set_id
    digest = tag_manifest_digest(medium, set_id)
    verification = set_verification.recall(medium, set_id)
    state, why = _state(known, digest, verification is not None, retention)
    time = known.position.time
    is_late = host_clock.is_after(set_id.moment, retention.context.now)
    series = description.series if description is not None else None
    candidate = Candidate(
        set_id,
        SetId(set_id.host, set_id.source, time).moment if time else None,
        state,
        retention.policy_of(set_id, series),
        id_time=None if is_late else set_id.moment,
        first_verified=host_clock.read(verification.first) if verification is not None else None,
        late=is_late and str(set_id) not in retention.known_misdated,
        why=why,
    )
    size = description.stored_bytes if description is not None else 0
    verified = verification.verified if verification is not None else None
    return _CandidateSet(candidate, digest, series or "", size, _lacking(set_id, digest, retention), verified)


def _state(known: KnownSet, digest: str | None, is_verified_here: bool, retention: Retention) -> tuple[State, str]:
    """Return what is known of a set, and why it does not count."""
    if known.problem is not None or digest is None:
        return State.UNREADABLE, known.problem.why if known.problem is not None else ""
    if known.suspect is not None or known.objection == SUSPECT:
        return State.SUSPECT, known.suspect or ""
    drill = retention.drills.of_content(known.set_id, digest) if retention.drills is not None else None
    if drill is not None and drill.outcome == FAILED:
        return State.FAILED_DRILL, drill.drilled
    name = str(known.set_id)
    if any(other.sets.get(name) == digest and name in other.failed_drills for other in retention.elsewhere):
        return State.FAILED_DRILL, ""
    lacking = _lacking(known.set_id, digest, retention)
    if lacking:
        return State.NOT_ELSEWHERE, ", ".join(lacking)
    if not is_verified_here and (retention.verified_here or not retention.elsewhere):
        return State.UNVERIFIED, ""
    return State.GOOD, ""


def _lacking(set_id: SetId, digest: str | None, retention: Retention) -> list[str]:
    """Return the names of the other media that do not hold exactly this set, verified."""
    return [other.name for other in retention.elsewhere if digest is None or other.sets.get(str(set_id)) != digest]


def _newest_record(
    found: t.Sequence[_CandidateSet], removed: t.Sequence[RemovedSet], retention: Retention
) -> datetime.datetime | None:
    """Return the latest moment that is written down here of a source."""
    first = found[0].candidate.set_id
    moments = [host_clock.read(one.verified) for one in found if one.verified is not None]
    moments += [host_clock.read(one.removed) for one in removed]
    if retention.drills is not None:
        moments += [drill.moment for drill in retention.drills.of_source(first.host, first.source)]
    return max(moments, default=None)


def _apply(
    medium: LocalMedium,
    found: _CandidateSet,
    decision: Decision,
    record: RemovedSet,
    report: PruneReport,
    *,
    check_mode: bool,
) -> bool:
    """Do what was decided about a set; whether it stays."""
    set_id = decision.set_id
    if not decision.is_kept:
        try:
            with contained("remove a set", on=f"{set_id} on {medium.describe()}"):
                _remove(medium, set_id, record, check_mode=check_mode)
        except LockHeld as error:
            decision = Decision(set_id, Rule.IN_USE, error.why)
        except BackupError as error:
            report.fail(set_id, error)
            return True
    report.sets.append(
        {
            "id": str(set_id),
            "kept": decision.is_kept,
            "rule": decision.rule.value,
            "why": decision.why,
            "lacking": found.lacking,
            "series": found.series,
            "bytes": found.bytes,
            "verified": found.verified,
            "changed": not decision.is_kept,
        }
    )
    return decision.is_kept


def _record(found: _CandidateSet, decision: Decision, review: Review) -> RemovedSet:
    """Return what is written down of a set if it is removed now."""
    now = host_clock.write(host_clock.now())
    removed = RemovedSet(str(decision.set_id), found.digest or "", now, decision.rule.value, found.bytes)
    if decision.set_id in review.approved:
        removed = dataclasses.replace(removed, request=review.request, approved_by=review.approved_by)
    return removed


def _remove(medium: LocalMedium, set_id: SetId, removed: RemovedSet, *, check_mode: bool) -> None:
    """Remove a set: it is written down, then it is no longer listed, then it goes.

    :raises LockHeld: when somebody is reading it, or works on its source.
    """
    if check_mode:
        medium.check_unread(set_id)
        return
    late: list[BackupError] = []

    def note() -> None:
        try:
            note_removed(medium, removed)
        except BackupError as error:
            if getattr(error.__cause__, "errno", None) != errno.ENOSPC:
                raise
            late.append(error)  # There will be room for it when the set is gone.

    medium.remove_unread(set_id, note)
    if late:
        note_removed(medium, removed)
    set_verification.forget(medium, set_id)
