# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit the copies in an object store, where anybody who has stolen a server's key can put objects.

What counts as stored is what was read there, every byte, and is the very set that the reference (the vault) holds:
that is what a receipt says, bound to the versions of the objects. What has no receipt is audited again each time. The
rest of the objects there is reported, and never trusted.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    BackupError,
    Refused,
    SetInvalid,
    Unreadable,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.contents import S3Contents
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.listing import Listing, Place, is_claimed
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.receipts import Receipt
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..drill.record import DrillRecord
from ..removed_sets import removed_sets
from ..rereading import Budget, Rereading, left_out
from ..selection import SetSelection
from ..sets_report import SetsReport
from ..verify import set_verification
from . import foreign_objects
from .due_drills import due_drills
from .foreign_objects import hostile, named

# So many unknown sets are examined: whoever has put them there must not keep the audit from ending.
_MOST_UNKNOWN = 200


@dataclasses.dataclass
class AuditReport(SetsReport):
    """What the module that audits sets returns.

    :param missing: the sets of the reference of which no good copy is in the store.
    :param remarks: other objects there that do no harm, each with ``id`` and ``message``.
    :param lost: the sets that were audited here, and that the reference has lost: retention has not removed them.
    :param left_out: one entry per set that the budget was too small to read again.
    :param drill_due: of each source that was not restored from this store for too long, the newest set there.
    :param keeps_versions: whether what was stored last has a version; None: nothing is there.
    """

    missing: list[str] = dataclasses.field(default_factory=list)
    remarks: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    lost: list[str] = dataclasses.field(default_factory=list)
    left_out: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    drill_due: list[str] = dataclasses.field(default_factory=list)
    keeps_versions: bool | None = None

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        return {
            **super().result(),
            "missing": self.missing,
            "remarks": self.remarks,
            "lost": self.lost,
            "left_out": self.left_out,
            "drill_due": self.drill_due,
            "keeps_versions": self.keeps_versions,
        }

    def remark(self, subject: str, message: str) -> None:
        """Note what should be known and is no failure."""
        self.remarks.append({"id": subject, "message": message})


def audit_sets(
    store: Medium,
    reference: Medium,
    selection: SetSelection,
    *,
    rereading: Rereading | None = None,
    drills: DrillRecord | None = None,
    drill_days: int = 30,
    status_file: str | None,
    check_mode: bool,
) -> AuditReport:
    """Audit in an object store every chosen set of the reference that has no receipt that holds, or an old one.

    If no ids are given, the other objects in the store are examined too.

    :param rereading: which of those that have one are read again; None: none.
    :param drills: the record of drills, by which to say what was not restored from the store for too long.
    :param drill_days: how long that is.
    :raises BackupError: when one of the media cannot be listed.
    """
    if not isinstance(store, S3Medium):
        raise Refused(
            "audit sets",
            on=store.describe(),
            why="only an object store is audited",
            next_step="Verify the sets of another medium with set_verify.",
        )
    audit = _Audit(store, reference, rereading or Rereading(None, Budget()), status_file, check_mode)
    chosen = selection.choose(reference)
    try:
        listing = store.listing(host=selection.host, source=selection.source)
    except BackupError as error:
        raise error.with_next_step(f"{error.next_step} {audit.what_is_known(chosen)}") from error
    if listing.newest is not None:
        audit.report.keeps_versions = listing.newest.version is not None
    for set_id in chosen:
        try:
            with contained("audit a set", on=str(set_id)):
                audit.audit(set_id, listing.sets.get(set_id, {}))
        except BackupError as error:
            audit.report.fail(set_id, error)
    audit.read_again()
    if selection.ids is None:
        unknown = {set_id: listing.sets[set_id] for set_id in set(listing.sets) - set(chosen)}
        audit.look_at_unknown(audit.find_strangers(unknown, selection))
        audit.tell_strays(listing)
    if drills is not None:
        audited = [SetId.parse(entry["id"]) for entry in audit.report.sets]
        due = due_drills(reference, audited, drills, store=store.describe(), days=drill_days)
        audit.report.drill_due = [str(set_id) for set_id in due]
    return audit.report


class _Audit:
    """One run of :func:`audit_sets`."""

    def __init__(
        self,
        store: S3Medium,
        reference: Medium,
        rereading: Rereading,
        status_file: str | None,
        check_mode: bool,
    ) -> None:
        self.report = AuditReport()
        self._rereading = rereading
        # Receipts that are so old that their sets are to be read again, with when that was.
        self._old: list[tuple[datetime.datetime, SetId, Receipt]] = []
        self._store = store
        self._reference = reference
        self._status_file = status_file
        self._check_mode = check_mode

    def what_is_known(self, chosen: t.Sequence[SetId]) -> str:
        """Return what the receipts say of the sets of the reference, where the store itself cannot be asked."""
        unread = [str(set_id) for set_id in chosen if self._store.audited_once(set_id) is None]
        where = self._reference.describe()
        if not unread:
            return f"Every set of {where} was read there before."
        return f"These sets of {where} were never read there: {named(unread)}."

    def audit(self, set_id: SetId, places: dict[str, Place]) -> None:
        """Audit one set of the reference."""
        try:
            expected = self._reference.contents(set_id)
            content = bag.tag_manifest_digest(expected)
            receipt = self._store.receipt(set_id, places)
            if receipt is not None and receipt.tag_manifest_sha256 == content:
                contents = self._store.audited(set_id, receipt)
                last = host_clock.read(receipt.audited)
                if self._rereading.is_due(last, host_clock.now()):
                    self._old.append((last, set_id, receipt))
                else:
                    self._note(set_id, receipt, changed=False)
            else:
                self._tell_lost(set_id, places)
                found = self._read(set_id, places, content)
                if found is None:
                    return
                contents = found
            self._tell_others(set_id, places, contents, bag.expected_digests(expected))
        except BackupError as error:
            self.report.fail(set_id, error)

    def read_again(self) -> None:
        """Read again what was last read long ago, the oldest first, as far as the budget goes."""
        for last, set_id, receipt in sorted(self._old, key=lambda old: old[:2]):
            contents = self._store.audited(set_id, receipt)
            if not self._rereading.budget.allows(sum(contents.sizes().values())):
                self.report.left_out.append(left_out(set_id, last, self._rereading))
                self._note(set_id, receipt, changed=False)
                continue
            try:
                with contained("audit a set", on=str(set_id)):
                    self._read_again(set_id, receipt, contents)
            except BackupError as error:
                self.report.fail(set_id, error)

    def _read_again(self, set_id: SetId, receipt: Receipt, contents: S3Contents) -> None:
        if self._check_mode:
            self._note(set_id, receipt, changed=False)
            return
        verification = self._verify(set_id, contents)
        receipt = self._store.write_receipt(contents, verification)
        more = {"bytes": verification.bytes, "seconds": verification.seconds}
        self._note(set_id, receipt, changed=False, reread=True, **more)

    def find_strangers(
        self, unknown: dict[SetId, dict[str, Place]], selection: SetSelection
    ) -> dict[SetId, dict[str, Place]]:
        """Leave out what was audited here before, and note what of that the reference has lost.

        What retention has removed from the reference is not lost.
        """
        local = self._reference.local
        removed = removed_sets(local, host=selection.host, source=selection.source) if local is not None else []
        digests = {(one.id, one.tag_manifest_sha256) for one in removed}
        ids = {one.id for one in removed}
        strangers = {}
        for set_id, places in unknown.items():
            receipt = self._store.receipt(set_id, places)
            if receipt is not None and str(set_id) not in ids:
                self.report.lost.append(str(set_id))
            if receipt is None or (str(set_id), receipt.tag_manifest_sha256) not in digests:
                strangers[set_id] = places
        self.report.lost.sort()
        return strangers

    def look_at_unknown(self, unknown: dict[SetId, dict[str, Place]]) -> None:
        """Look at what presents itself as sets that the reference does not hold, newest first."""
        newest_first = sorted(unknown, key=lambda set_id: (set_id.time, set_id), reverse=True)
        good = [set_id for set_id in newest_first[:_MOST_UNKNOWN] if self._is_whole(set_id, unknown[set_id])]
        where = self._reference.describe()
        by_source: dict[str, list[str]] = {}
        for set_id in good:
            by_source.setdefault(f"{set_id.host}/{set_id.source}", []).append(str(set_id))
        for source, ids in sorted(by_source.items()):
            self.report.remark(
                source, f"there are sets that {where} does not hold and that have not been audited: {named(ids)}"
            )
        left = newest_first[_MOST_UNKNOWN:]
        if left:
            names = named([str(set_id) for set_id in left])
            self.report.remark("", f"there are more sets that {where} does not hold; they were not examined: {names}")

    def _is_whole(self, set_id: SetId, places: dict[str, Place]) -> bool:
        """Whether an unknown set is one at all. What pretends to be one is reported as a failure."""
        if not any(map(is_claimed, places.values())):
            names = sorted(f"{self._store.where(set_id, retry)}{path}" for retry in places for path in places[retry])
            self.report.remark(str(set_id), f"there are objects of an incomplete set: {named(names)}")
            return False
        try:
            receipt = self._store.receipt(set_id, places)
            if receipt is not None:
                self._tell_others(set_id, places, self._store.audited(set_id, receipt), None)
                return False
            if set_id.moment > host_clock.now() + datetime.timedelta(days=1):
                raise hostile(set_id, self._store, "there is a set with a time in the future")
            self._store.find(set_id, places)
        except BackupError as error:
            self.report.fail(set_id, error)
            return False
        return True

    def tell_strays(self, listing: Listing) -> None:
        """Report objects that can be no part of a set."""
        if listing.strays:
            self.report.remark("", f"there are objects that belong to no set: {named(listing.strays)}")

    def _read(self, set_id: SetId, places: dict[str, Place], content: str) -> S3Contents | None:
        """Read a set that has no receipt, and write the receipt; None where nothing good is there."""
        if not any(map(is_claimed, places.values())):
            self.report.missing.append(str(set_id))
            return None
        try:
            contents = self._store.find(set_id, places, content=content)
        except SetInvalid as error:
            self.report.missing.append(str(set_id))
            why = f"what is stored there is not the set that should be there: {error.why}"
            raise hostile(set_id, self._store, why, error.details) from error
        except Unreadable as error:
            raise self._withheld(set_id, error) from error
        if self._check_mode:
            self.report.sets.append({"id": str(set_id), "changed": True, "tag_manifest_sha256": content})
            return contents
        verification = self._verify(set_id, contents)
        receipt = self._store.write_receipt(contents, verification)
        self._note(set_id, receipt, changed=True, bytes=verification.bytes, seconds=verification.seconds)
        return contents

    def _verify(self, set_id: SetId, contents: S3Contents) -> set_verification.Verification:
        progress = Progress(self._status_file, operation="audit", subject=str(set_id))
        try:
            progress.stage("reading back", total_bytes=sum(contents.sizes().values()))
            verification, _description = set_verification.verify_contents(
                contents,
                set_id,
                where=self._store.describe(),
                allowed_signers=self._store.allowed_signers,
                progress=progress.advance,
            )
        except SetInvalid as error:
            self.report.missing.append(str(set_id))
            self._store.note_damaged(set_id, contents.retry)
            raise BackupError(
                "confirm a copy in the object store",
                on=error.on,
                why=error.why,
                next_step="The store has damaged it, or whoever has the key of the server"
                f" {set_id.host} has put it there; find out which. It is stored again if the server still has it.",
                details=error.details,
            ) from error
        except AccessDenied as error:
            raise self._withheld(set_id, error) from error
        finally:
            progress.finish()
        return verification

    def _withheld(self, set_id: SetId, error: BackupError) -> BackupError:
        """Return what to tell of objects that the store does not give, so that another copy is wanted."""
        if not self._store.may_read(set_id.host):
            return error  # Then it is the key, and says nothing about the objects.
        self.report.missing.append(str(set_id))
        return hostile(set_id, self._store, f"reading its objects is refused: {error.why}", error.details)

    def _note(self, set_id: SetId, receipt: Receipt, *, changed: bool, **more: t.Any) -> None:
        entry = {
            "id": str(set_id),
            "changed": changed,
            "audited": receipt.audited,
            "signed": receipt.signed,
            "tag_manifest_sha256": receipt.tag_manifest_sha256,
            "place": self._store.where(set_id, receipt.retry),
            "locked_until": receipt.locked_until,
            "reread": False,
        }
        self.report.sets.append({**entry, **more})

    def _tell_lost(self, set_id: SetId, places: dict[str, Place]) -> None:
        lost = self._store.lost(set_id, places)
        if lost:
            self.report.fail(
                set_id,
                BackupError(
                    "find an audited set again",
                    on=f"{set_id} on {self._store.describe()}",
                    why=f"these of its objects have since been deleted or changed: {named(lost)}",
                    next_step="Find out who removed them; the set is searched for, and stored again if possible.",
                    details=lost,
                ),
            )

    def _tell_others(
        self, set_id: SetId, places: dict[str, Place], contents: S3Contents, digests: dict[str, str] | None
    ) -> None:
        """Report other objects in the set's places: added ones, newer versions, and those in a place of their own."""
        for message in foreign_objects.remarks(self._store, set_id, places, contents):
            self.report.remark(str(set_id), message)
        foreign = foreign_objects.at_other_places(self._store, set_id, places, contents, digests or {})
        if foreign:
            raise hostile(
                set_id,
                self._store,
                f"there are foreign objects in one of its places: {named(foreign)};"
                f" the set itself is undamaged, at {self._store.where(set_id, contents.retry)}",
                foreign,
            )
