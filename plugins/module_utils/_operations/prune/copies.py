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
from .lock_term import Kept, LockTerm
from .plan import Candidate, Context, Decision, Rule, State, plan_copies


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


def follow(
    store: Medium,
    kept: t.Mapping[SetId, Kept],
    removed: t.Iterable[RemovedSet],
    selection: SetSelection,
    context: Context,
    *,
    check_mode: bool,
) -> SetsReport:
    """Lock the copies of what another medium keeps, and remove those of what retention has removed from it.

    :param kept: what that medium has of the chosen hosts and sources.
    :param removed: what retention has removed from it of them, now or earlier.
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
    copies = _find(store, kept, removed, selection)
    for _source, those in itertools.groupby(copies, key=lambda one: (one.set_id.host, one.set_id.source)):
        of_source = list(those)
        rules = {one.set_id: one.removed for one in of_source if one.removed is not None}
        decisions = plan_copies([_candidate(one) for one in of_source], rules, context)
        for one, decision in zip(of_source, decisions):
            try:
                with contained("apply retention to copies", on=f"{one.set_id} on {store.describe()}"):
                    report.sets.append(_apply(store, one, decision, context.now, check_mode=check_mode))
            except BackupError as error:
                report.fail(one.set_id, error)
    return report


def _find(
    store: S3Medium, kept: t.Mapping[SetId, Kept], removed: t.Iterable[RemovedSet], selection: SetSelection
) -> list[_Copy]:
    """Return the audited copies of what is kept, and of what retention has removed; oldest first within a source."""
    listed = store.listing(host=selection.host, source=selection.source).sets
    copies = []
    for set_id, own in kept.items():
        receipt = store.receipt(set_id, listed.get(set_id, {}))
        if receipt is not None and receipt.tag_manifest_sha256 == own.tag_manifest_sha256:
            copies.append(_Copy(set_id, receipt, term=own.term))
    for record in removed:
        set_id = SetId.parse(record.id)
        # With a removal that was cut short, not every object is there any more.
        receipt = store.audited_once(set_id) if set_id not in kept else None
        if receipt is not None and receipt.tag_manifest_sha256 == record.tag_manifest_sha256:
            copies.append(_Copy(set_id, receipt, removed=Rule(record.rule)))
    return sorted({one.set_id: one for one in copies}.values(), key=lambda one: one.set_id)


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
    if not decision.is_kept:
        # A copy may be locked without the receipt saying so.
        receipt, until = _look(store, receipt)
        if until is not None and now < until:
            decision = Decision(one.set_id, Rule.LOCKED, host_clock.write(until))
        else:
            changed = True
            foreign = 0 if check_mode else store.keeper.destroy(receipt)
    elif one.term is not None and not _is_enough(receipt, one.term):
        receipt, _until = _look(store, receipt)
        if not _is_enough(receipt, one.term):
            changed = True
            if not check_mode:
                receipt = store.keeper.extend_lock(receipt, one.term.until)
    if receipt != one.receipt and decision.is_kept and not check_mode:
        store.keeper.remember(receipt)
    return {
        "id": str(one.set_id),
        "kept": decision.is_kept,
        "rule": decision.rule.value,
        "why": decision.why,
        "bytes": one.bytes,
        "locked_until": receipt.locked_until,
        "lock_due": host_clock.write(one.term.until) if one.term is not None else None,
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
