# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies in an object store that follow a local medium: locked as long as it keeps their sets, and removed after it.

Only copies that were audited there are touched, those that have a receipt: what else lies there is the audit's to tell.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.receipts import Receipt
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..removed_sets import RemovedSet
from ..selection import SetSelection
from ..sets_report import SetsReport
from .hold import Hold
from .lock_term import Kept, LockTerm, term_ahead
from .plan import REMOVING, Candidate, Context, Decision, Rule, State, plan_copies

# By one of these retention has removed a set; what else stands in a record is not believed.
_REMOVING = {rule.value for rule in REMOVING}


@dataclasses.dataclass(frozen=True)
class _Copy:
    """A copy that was audited.

    :param term: as of :class:`Kept`.
    :param removed: by which rule the local medium has removed the set; None: it has not.
    """

    set_id: SetId
    receipt: Receipt
    term: LockTerm | None = None
    removed: Rule | None = None

    @property
    def bytes(self) -> int:
        """How many bytes its objects have."""
        return sum(each.bytes for each in self.receipt.objects.values())


@dataclasses.dataclass(frozen=True)
class Followed:
    """What is known of the medium that copies follow.

    :param kept: what it has.
    :param removed: what retention has removed from it, now or earlier.
    :param unclear: the sources, by host and name, whose copies are left alone, since a clock looks wrong.
    :param agreed_holds: of sources, by host and name, holds that count beside those of the context.
    """

    kept: t.Mapping[SetId, Kept]
    removed: t.Sequence[RemovedSet]
    unclear: t.Collection[tuple[str, str]] = ()
    agreed_holds: t.Mapping[tuple[str, str], t.Sequence[Hold]] = dataclasses.field(default_factory=dict)


def follow(
    store: Medium,
    medium: Followed,
    selection: SetSelection,
    context: Context,
    *,
    check_mode: bool,
) -> SetsReport:
    """Lock the copies of what another medium keeps, and remove those of what retention has removed from it.

    What that medium neither has nor has removed (it was lost, say) is locked too: its copies may be the last.

    :param medium: what is known of that medium, of the chosen hosts and sources.
    :param context: what the decisions about every source depend on.
    :raises Refused: when the store is not one.
    :raises BackupError: when it cannot be listed.
    """
    if not isinstance(store, S3Medium):
        raise Refused(
            "apply retention to copies",
            on=store.describe(),
            why="only copies in an object store follow another medium",
            next_step="Apply retention to that medium itself.",
        )
    report = SetsReport()
    copies = _find(store, medium, selection, context.now, report)
    for source, those in itertools.groupby(copies, key=lambda one: (one.set_id.host, one.set_id.source)):
        of_source = list(those)
        if source in medium.unclear:
            continue
        rules = {one.set_id: one.removed for one in of_source if one.removed is not None}
        holding = dataclasses.replace(context, holds=[*context.holds, *medium.agreed_holds.get(source, ())])
        decisions = plan_copies([_candidate(one) for one in of_source], rules, holding)
        for one, decision in zip(of_source, decisions):
            try:
                with contained("apply retention to copies", on=f"{one.set_id} on {store.describe()}"):
                    report.sets.append(_apply(store, one, decision, context.now, check_mode=check_mode))
            except BackupError as error:
                report.fail(one.set_id, error)
    return report


def _find(
    store: S3Medium, medium: Followed, selection: SetSelection, now: datetime.datetime, report: SetsReport
) -> list[_Copy]:
    """Return the audited copies, oldest first within a source. One whose receipt does not hold is a failure."""
    everything = store.listing(host=selection.host, source=selection.source).sets
    listed = {set_id: places for set_id, places in everything.items() if selection.source in (None, set_id.source)}
    removed = {(SetId.parse(one.id), one.tag_manifest_sha256): one.rule for one in medium.removed}
    copies = []
    for set_id in sorted({*medium.kept, *listed, *(set_id for set_id, _digest in removed)}):
        receipt = store.audited_once(set_id)
        own = medium.kept.get(set_id)
        if receipt is None:
            continue
        rule = removed.get((set_id, receipt.tag_manifest_sha256)) if own is None else None
        if rule in _REMOVING:
            # With a removal that was cut short, not every object is there any more.
            copies.append(_Copy(set_id, receipt, removed=Rule(rule)))
        elif store.receipt(set_id, listed.get(set_id, {})) is not None:
            # What the medium has of it may be damaged, or lost: then this copy may be the last.
            is_same = own is not None and own.tag_manifest_sha256 == receipt.tag_manifest_sha256
            copies.append(_Copy(set_id, receipt, term=own.term if own is not None and is_same else term_ahead(now)))
        else:
            report.fail(set_id, _no_longer_there(store, set_id))
    return copies


def _no_longer_there(store: S3Medium, set_id: SetId) -> BackupError:
    return BackupError(
        "apply retention to copies",
        on=f"{set_id} on {store.describe()}",
        why="the receipt of its audit does not fit what is there",
        next_step="If the key may list versions (s3:ListBucketVersions), objects of it are gone: the audit of step 4"
        " finds out which.",
    )


def _candidate(one: _Copy) -> Candidate:
    until = one.receipt.locked_until
    return Candidate(
        one.set_id, one.set_id.moment, State.GOOD, None, locked_until=host_clock.read(until) if until else None
    )


def _apply(
    store: S3Medium, one: _Copy, decision: Decision, now: datetime.datetime, *, check_mode: bool
) -> dict[str, t.Any]:
    """Do what was decided about one copy, and return what to tell of it.

    :raises BackupError: when the store does not do it.
    """
    receipt, changed, foreign = one.receipt, False, 0
    term = one.term
    if one.removed is not None and decision.is_kept and decision.rule is not Rule.LOCKED:
        term = term_ahead(now)  # Held, or the newest: this copy may be the last.
    if not decision.is_kept:
        # A copy may be locked without the receipt saying so.
        receipt, until = _look(store, receipt)
        if until is not None and now < until:
            decision = Decision(one.set_id, Rule.LOCKED, host_clock.write(until))
        else:
            changed = True
            foreign = 0 if check_mode else store.keeper.destroy(receipt)
    elif term is not None and not _is_enough(receipt, term):
        receipt, _until = _look(store, receipt)
        if not _is_enough(receipt, term):
            changed = True
            if not check_mode:
                receipt = store.keeper.extend_lock(receipt, term.until)
    if receipt != one.receipt and decision.is_kept and not check_mode:
        store.keeper.remember(receipt)
    return {
        "id": str(one.set_id),
        "kept": decision.is_kept,
        "rule": decision.rule.value,
        "why": decision.why,
        "bytes": one.bytes,
        "locked_until": receipt.locked_until,
        "lock_due": host_clock.write(term.until) if term is not None else None,
        "foreign_locked": foreign,
        "changed": changed,
    }


def _look(store: S3Medium, receipt: Receipt) -> tuple[Receipt, datetime.datetime | None]:
    """Look until when a copy is locked, and until when any of its objects is; None where some are gone already."""
    try:
        return store.keeper.read_lock(receipt)
    except NotFound:
        return receipt, None


def _is_enough(receipt: Receipt, term: LockTerm) -> bool:
    return receipt.locked_until is not None and host_clock.read(receipt.locked_until) >= term.enough
