# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping audited copies in a bucket as long as retention wants: locking them for longer, and removing what is over.

The identity that does this may list the bucket, set locks and delete single versions: ``s3:ListBucket``,
``s3:ListBucketVersions``, ``s3:GetObjectRetention``, ``s3:PutObjectRetention`` and ``s3:DeleteObjectVersion``. It needs
nothing else, and what is locked, not even it can delete.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from .listing import below, read_every_version
from .object_locks import Locked, ObjectLocks, in_parallel
from .receipts import Receipt, Receipts
from .store import Declined, Store


class Keeper:
    """The audited copies of a bucket.

    :param root: the medium's prefix, with its slash.
    :param describe: the medium, for messages.
    """

    def __init__(self, store: Store, locks: ObjectLocks, receipts: Receipts, root: str, describe: str) -> None:
        self._store = store
        self._locks = locks
        self._receipts = receipts
        self._root = root
        self._describe = describe

    def read_lock(self, receipt: Receipt) -> tuple[Receipt, datetime.datetime | None]:
        """Look until when a copy is locked.

        :returns: its receipt, with until when every object is, and until when any of them is; None: none is.
        :raises NotFound: when one of its objects is gone.
        :raises BackupError: when that cannot be read.
        """
        every, longest = self._locks.span(self._objects(receipt), self._on(receipt))
        return _with_lock(receipt, every), longest

    def extend_lock(self, receipt: Receipt, until: datetime.datetime) -> Receipt:
        """Lock every object of a copy until then at least, and return its receipt with until when it is locked.

        :raises NotFound: when one of its objects is gone.
        :raises BackupError: when the store does not lock it.
        """
        return _with_lock(receipt, self._locks.extend(self._objects(receipt), until, self._on(receipt)))

    def remember(self, receipt: Receipt) -> None:
        """Write a receipt anew, with until when the copy is locked.

        :raises BackupError: when it cannot be brought to the disk.
        """
        self._receipts.write(receipt)

    def destroy(self, receipt: Receipt) -> int:
        """Delete a copy for good, ``bagit.txt`` first, so that it is not listed any more, and then forget its receipt.

        Whatever else lies at the places of the set goes with it, unless somebody has locked it.

        :returns: how many objects somebody else has locked there; they stay.
        :raises BackupError: when the store does not delete it. A later call goes on.
        """
        set_id = SetId.parse(receipt.id)
        on = self._on(receipt)
        own = self._objects(receipt)
        own.sort(key=lambda one: not one.key.endswith(f"/{bag.BAGIT_TXT}"))
        there = set(read_every_version(self._store, self._root, set_id, on=on))
        # What was put before the bucket kept versions is the version "null", which receipts call None.
        own = [one if one in there else Locked(one.key, one.version or "null") for one in own]
        self._delete(own[0], on)
        in_parallel(lambda one: self._delete(one, on), [one for one in own[1:] if one in there])
        left = in_parallel(lambda one: self._stays(one, on), sorted(there - set(own), key=str))
        self._receipts.forget(set_id)
        return left.count(True)

    def _delete(self, one: Locked, on: str) -> None:
        declined = self._declined(one, on)
        if declined is not None:
            raise declined.error from declined.__cause__

    def _stays(self, one: Locked, on: str) -> bool:
        """Delete what is not of the set; whether it stays, since somebody has locked it."""
        declined = self._declined(one, on)
        if declined is not None and declined.status not in (400, 403):
            raise declined.error from declined.__cause__
        return declined is not None

    def _declined(self, one: Locked, on: str) -> Declined | None:
        """Delete one version, and return the refusal; None: it is gone."""
        named: dict[str, t.Any] = {} if one.version is None else {"VersionId": one.version}
        try:
            self._store.attempt("delete_object", action="remove a set", on=f"{on}, {one.key}", Key=one.key, **named)
        except Declined as declined:
            return None if declined.code in ("NoSuchKey", "NoSuchVersion") else declined
        return None

    def _objects(self, receipt: Receipt) -> list[Locked]:
        key = below(self._root, SetId.parse(receipt.id), receipt.retry)
        return [Locked(key + path, each.version) for path, each in sorted(receipt.objects.items())]

    def _on(self, receipt: Receipt) -> str:
        return f"{receipt.id} on {self._describe}"


def _with_lock(receipt: Receipt, until: datetime.datetime | None) -> Receipt:
    return dataclasses.replace(receipt, locked_until=host_clock.write(until) if until is not None else None)
