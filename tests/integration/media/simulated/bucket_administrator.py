# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bucket as its administrator sees it, who also stands for the clock of the store.

A store knows the real time only, and every lock of a simulated year ends in its future. So locks are of the mode
``governance``, and before each simulated day the administrator ends those whose time has come by the simulated clock,
and no other. What the store itself refuses before, and lets go of afterwards, is so decided by the store.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.receipts import Receipt
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import ObjectStore

from .clocks import UTC

_LIFTED = datetime.datetime(1970, 1, 1, tzinfo=UTC)
# A store takes no lock that has ended, so it gets one that soon does.
_SOON = datetime.timedelta(seconds=0.25)


@dataclasses.dataclass(frozen=True)
class Locks:
    """Until when the objects of a copy are locked: all of them, and any of them."""

    every: datetime.datetime
    longest: datetime.datetime


UNLOCKED = Locks(_LIFTED, _LIFTED)


class BucketAdministrator:
    """May do everything, and looks at every version.

    :param prefix: of the institution's keys.
    """

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._client = store.client()
        self._bucket = store.bucket
        self._prefix = prefix
        self._seen: dict[SetId, Receipt] = {}
        self._free_at = time.monotonic()
        self.locks: dict[SetId, Locks] = {}

    def versions(self) -> list[tuple[str, str]]:
        """Return the key and the version of everything there; a delete marker would be one, too."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=self._prefix)
        return [
            (entry["Key"], entry["VersionId"])
            for page in pages
            for entry in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        ]

    def sets(self) -> set[SetId]:
        """Return the sets of which any version of any object is there."""
        parts = [key[len(self._prefix) + 1 :].split("/") for key, _version in self.versions()]
        return {SetId(each[0], each[1], each[2].partition(".")[0]) for each in parts if len(each) > 3}

    def unfinished(self) -> list[str]:
        """Return the keys of uploads in parts that were neither completed nor aborted."""
        uploads = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=self._prefix).get("Uploads", ())
        return [upload["Key"] for upload in uploads]

    def look(self, receipts: t.Mapping[SetId, Receipt]) -> None:
        """Read the locks of the copies whose receipts are new or have changed; of those that are gone, forget them."""
        for set_id in set(self.locks) - set(receipts):
            del self.locks[set_id], self._seen[set_id]
        for set_id, receipt in receipts.items():
            if self._seen.get(set_id) != receipt:
                self.locks[set_id] = self.read(receipt)
                self._seen[set_id] = receipt

    def read(self, receipt: Receipt) -> Locks:
        """Read the locks of one copy in the store itself."""
        found = [self._lock(key, version) for key, version in self._objects(receipt)]
        return Locks(min(found), max(found))

    def lift_expired(self, now: datetime.datetime) -> None:
        """End the locks that have ended by the simulated clock; :meth:`wait` until the store has let go."""
        expired = [set_id for set_id, locks in self.locks.items() if _LIFTED < locks.longest <= now]
        for set_id in expired:
            for key, version in self._objects(self._seen[set_id]):
                self._end(key, version)
            self.locks[set_id] = UNLOCKED

    def wait(self) -> None:
        """Wait until the store has let go of what is to be locked no longer."""
        time.sleep(max(0.0, self._free_at - time.monotonic()))

    def _end(self, key: str, version: str) -> None:
        one = {"Bucket": self._bucket, "Key": key, "VersionId": version, "BypassGovernanceRetention": True}
        for soon in (_SOON, 4 * _SOON, 16 * _SOON):
            until = datetime.datetime.now(UTC) + soon
            try:
                self._client.put_object_retention(**one, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
            except self._client.exceptions.InvalidRequest:
                continue  # On a busy machine it had ended before the store was asked.
            self._free_at = max(self._free_at, time.monotonic() + soon.total_seconds())
            return
        raise AssertionError(f"{key} stays locked")

    def _objects(self, receipt: Receipt) -> list[tuple[str, str]]:
        place = f"{self._prefix}/{receipt.id}" + (f".{receipt.retry}" if receipt.retry else "")
        return [(f"{place}/{path}", str(each.version)) for path, each in receipt.objects.items()]

    def _lock(self, key: str, version: str) -> datetime.datetime:
        try:
            answer = self._client.get_object_retention(Bucket=self._bucket, Key=key, VersionId=version)
        except self._client.exceptions.ClientError:
            return _LIFTED
        return t.cast(datetime.datetime, answer["Retention"]["RetainUntilDate"]).astimezone(UTC)
