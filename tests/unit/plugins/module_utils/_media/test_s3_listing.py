# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listing of a bucket is taken for, and what a receipt says of it."""

from __future__ import annotations

import datetime
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied, BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import listing as s3_listing
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.listing import Version, Versions
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.receipts import Audited, Receipt, Receipts
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Declined, Store
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

SET_ID = SetId("web1", "accounts", "20261122T030000Z")
RETRY = "0123456789abcdef"
NOON = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.timezone.utc)


def entry(key: str, version: str, *, second: int = 0, latest: bool = True) -> dict[str, t.Any]:
    moment = NOON + datetime.timedelta(seconds=second)
    return {"Key": key, "VersionId": version, "Size": 1, "ETag": version, "LastModified": moment, "IsLatest": latest}


class Answers:
    """A store that gives these answers, by operation."""

    def __init__(self, **answers: t.Any) -> None:
        self.answers = answers

    def attempt(self, operation: str, **_parameters: t.Any) -> dict[str, t.Any]:
        answer = self.answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return t.cast("dict[str, t.Any]", answer)


def listing_of(**answers: t.Any) -> s3_listing.Listing:
    store = t.cast(Store, Answers(**answers))
    return s3_listing.read_listing(store, "copias/web1/", root="copias/", on="the bucket")


def test_objects_are_sorted_into_sets_and_places_and_the_rest_is_told() -> None:
    below = f"copias/{SET_ID}"
    keys = [
        f"{below}/bagit.txt",
        f"{below}/data/deep/er.age",
        f"{below}.{RETRY}/bagit.txt",
        f"{below}.{RETRY[1:]}/bagit.txt",
        "copias/web1/accounts/20261322T030000Z/bagit.txt",
        "copias/web1/accounts/bagit.txt",
        "copias/web1/.probe",
        "copias/web1/notes/.probe",
    ]
    listing = listing_of(list_object_versions={"Versions": [entry(key, "v1") for key in keys]})
    assert {retry: sorted(place) for retry, place in listing.sets[SET_ID].items()} == {
        "": ["bagit.txt", "data/deep/er.age"],
        RETRY: ["bagit.txt"],
    }
    assert list(listing.sets) == [SET_ID]
    assert listing.strays == sorted([keys[3], keys[4], keys[5], keys[7]])


def test_versions_come_oldest_first_and_those_under_a_delete_marker_last() -> None:
    key = f"copias/{SET_ID}/bagit.txt"
    marker = {"Key": key, "LastModified": NOON + datetime.timedelta(seconds=2), "IsLatest": False}
    newest_first = [entry(key, "v4", second=4), entry(key, "v3", second=3, latest=False)]
    newest_first.append(entry(key, "v1", second=1, latest=False))
    answer = {"Versions": newest_first, "DeleteMarkers": [marker]}
    versions = listing_of(list_object_versions=answer).sets[SET_ID][""]["bagit.txt"]
    assert [each.version for each in versions.every] == ["v3", "v4", "v1"]
    assert [each.version for each in versions.live] == ["v3", "v4"]

    answer["DeleteMarkers"] = [{**marker, "IsLatest": True}]
    place = listing_of(list_object_versions=answer).sets[SET_ID][""]
    assert place["bagit.txt"].live == []
    assert not s3_listing.is_claimed(place)


def declined(kind: type[BackupError], status: int) -> Declined:
    return Declined(kind("list", on="it", why="no", next_step="Ask."), status=status)


def test_without_versions_what_stands_is_listed_and_a_key_that_may_not_list_is_told() -> None:
    current = {"Contents": [{"Key": f"copias/{SET_ID}/bagit.txt", "Size": 1, "ETag": "e", "LastModified": NOON}]}
    listing = listing_of(list_object_versions=declined(BackupError, 501), list_objects_v2=current)
    assert listing.sets[SET_ID][""]["bagit.txt"].every == [Version(1, "e", None, NOON)]
    with pytest.raises(AccessDenied):
        listing_of(list_object_versions=declined(AccessDenied, 403), list_objects_v2=declined(AccessDenied, 403))
    with pytest.raises(BackupError):
        listing_of(list_object_versions=declined(BackupError, 503))


@pytest.fixture
def receipt() -> Receipt:
    """One of a set of two objects."""
    objects = {"bagit.txt": Audited("v1", "e1", 1), "data/1.age": Audited(None, "e2", 2)}
    return Receipt(str(SET_ID), "a bucket", "2026-11-22T03:50:00Z", "0" * 64, True, "", objects)


def test_a_receipt_is_read_as_it_was_written_and_nobody_else_may_look(tmp_path: Path, receipt: Receipt) -> None:
    receipts = Receipts(str(tmp_path / "receipts" / "digits"))
    assert receipts.read(SET_ID) is None
    receipts.write(receipt)
    assert receipts.read(SET_ID) == receipt
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "receipts").rglob("*")} == {0}
    receipts.forget(SET_ID)
    assert receipts.read(SET_ID) is None


@pytest.mark.parametrize(
    "change", [{"objects": {}}, {"objects": 1}, {"id": "web1/other/20261122T030000Z"}, {"more": 1}]
)
def test_a_receipt_that_makes_no_sense_is_none(tmp_path: Path, receipt: Receipt, change: dict[str, t.Any]) -> None:
    receipts = Receipts(str(tmp_path))
    receipts.write(receipt)
    (path,) = tmp_path.rglob("*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert receipts.read(SET_ID) is None
    path.write_text("[" * 100_000)
    assert receipts.read(SET_ID) is None


def test_a_receipt_counts_while_each_of_its_versions_is_there_hidden_or_not(receipt: Receipt) -> None:
    bagit, payload = Version(1, "e1", "v1", NOON), Version(2, "e2", None, NOON)
    later = Version(9, "e9", "v9", NOON)
    assert receipt.lost({"bagit.txt": Versions([bagit, later]), "data/1.age": Versions([payload])}) == []
    assert receipt.lost({"bagit.txt": Versions([later], [bagit]), "data/1.age": Versions([payload])}) == []
    altered = Version(2, "e3", None, NOON)
    assert receipt.lost({"bagit.txt": Versions([later]), "data/1.age": Versions([altered])}) == [
        "bagit.txt",
        "data/1.age",
    ]
