# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hundred and fifty attempts with a server's stolen key, over TLS: none reads, destroys, alters or hides anything.

SEED chooses which; of each kind as many are made as the tables say. What the key may do, since the server must, is done
too, and shown to be harmless: the sets that were stored are read back to their last byte, and the next one is stored,
found and restored, while the audit names the server. (``test_stolen_key`` does a few of these at every moment of an
upload.)
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import os
import random
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import ObjectStore

from . import plantings, thefts
from .conftest import Connect, contents_of, copy_set, random_bytes, write_set
from .robbed_institution import Institution
from .thefts import Attempt, Prey

SEED = os.environ["SEED"]
HOST, OTHER = "web2", "web9"
NEXT = "20261123T030000Z"
Kind = Callable[[Prey], Iterator[Attempt]]
#: How many of each kind are made, all of which the store refuses.
REFUSED: dict[Kind, int] = {
    thefts.get: 30,
    thefts.head: 24,
    thefts.list_keys: 16,
    thefts.delete: 22,
    thefts.delete_many: 12,
    thefts.delete_marker: 2,
    thefts.copy: 16,
    thefts.look_at_parts: 6,
    thefts.sign: 16,
    thefts.elsewhere: 10,
    thefts.take_bucket: 20,
    thefts.take_identity: 12,
    thefts.unhold: 10,
    thefts.unlock: 16,
    plantings.overwrite_by_condition: 4,
}
#: What a key that may put can do.
HARMLESS: dict[Kind, int] = {
    plantings.overwrite: 10,
    plantings.overwrite_in_parts: 2,
    plantings.overwrite_by_address: 2,
    plantings.lengthen: 2,
    plantings.declare: 2,
    plantings.squat: 10,
    plantings.flood: 2,
}
#: Names that some stores refuse and others take for names; none of them may lead out of the server's part.
EITHER: dict[Kind, int] = {thefts.trick: 4}
#: What may be asked again when the thief's own objects stand over those of the sets.
AGAIN = (thefts.get, thefts.head, thefts.list_keys, thefts.delete_many, thefts.copy, thefts.elsewhere)
READING = (thefts.get, thefts.head, thefts.list_keys)
#: With these the store says that it is the key that may not.
DENIED = {"AccessDenied", "403"}
#: Of these there need not be anything to deny: the object stands already, there is no such upload, no such key.
NOT_DENIED = (plantings.overwrite_by_condition, thefts.look_at_parts, thefts.take_identity)


@dataclasses.dataclass(frozen=True)
class Seen:
    """One version of an object, as an administrator sees it."""

    key: str
    version: str
    etag: str


class Bucket:
    """The bucket as an administrator and the systems computer see it."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.client = store.client()
        self.name = {"Bucket": store.bucket}

    def versions(self, prefix: str = "") -> dict[Seen, datetime.datetime | None]:
        """Return every version, and until when it is locked."""
        pages = self.client.get_paginator("list_object_versions").paginate(**self.name, Prefix=prefix)
        found = [Seen(one["Key"], one["VersionId"], one["ETag"]) for page in pages for one in page.get("Versions", ())]
        return {one: self._locked_until(one) if one.key.startswith(f"{HOST}/") else None for one in found}

    def read(self, one: Seen) -> bytes:
        """Read a version as the systems computer does."""
        answer = self.store.client(self.store.reader).get_object(**self.name, Key=one.key, VersionId=one.version)
        return t.cast(bytes, answer["Body"].read())

    def rules(self) -> list[t.Any]:
        """Return what is set for the bucket as a whole."""
        found = []
        for name in (
            "bucket_versioning",
            "object_lock_configuration",
            "bucket_policy",
            "bucket_lifecycle_configuration",
        ):
            try:
                answer = getattr(self.client, f"get_{name}")(**self.name)
                found.append({key: value for key, value in answer.items() if key != "ResponseMetadata"})
            except self.client.exceptions.ClientError as error:
                found.append(error.response["Error"]["Code"])
        return found

    def _locked_until(self, one: Seen) -> datetime.datetime | None:
        try:
            answer = self.client.get_object_retention(**self.name, Key=one.key, VersionId=one.version)
        except self.client.exceptions.ClientError:
            return None
        return t.cast(datetime.datetime, answer["Retention"]["RetainUntilDate"])


@pytest.fixture
def institution(tmp_path: Path, connect: Connect, object_store: ObjectStore) -> Institution:
    """A server whose key is bound to its own part of the bucket, with two sets that were stored and audited."""
    return Institution(tmp_path, connect, object_store, host=HOST, key=object_store.writers[HOST], prefix="")


@pytest.fixture
def others(institution: Institution, connect: Connect, object_store: ObjectStore) -> SetId:
    """A set of another server."""
    set_id = SetId(OTHER, "accounts", "20261122T030000Z")
    write_set(institution.forgery, set_id, {"1.zst.age": random_bytes(1000, seed=9)})
    connect(object_store.admin, prefix="").store(set_id, institution.forgery.path(set_id))
    return set_id


def prey_of(bucket: Bucket, stored: list[SetId], others: SetId) -> Prey:
    """Return what the thief knows: everything, but for what only the store can tell."""

    def keys(set_id: SetId) -> list[tuple[str, str]]:
        return [(one.key, one.version) for one in bucket.versions(f"{set_id}/")]

    name = f"{HOST}/removed"
    put = bucket.client.put_object(**bucket.name, Key=name, Body=b"")
    marker = bucket.client.delete_object(**bucket.name, Key=name)
    assert put["VersionId"] != marker["VersionId"]
    return Prey(
        bucket.store.bucket,
        HOST,
        [key for set_id in stored for key in keys(set_id)],
        keys(others),
        (name, marker["VersionId"]),
        [f"accounts/{NEXT}", "accounts/20990101T000000Z"],
        bucket.store.ca_file,
    )


def chosen(kinds: dict[Kind, int], prey: Prey) -> list[tuple[Kind, Attempt]]:
    """Choose as many of each kind as there are to be."""
    found: list[tuple[Kind, Attempt]] = []
    for kind, count in kinds.items():
        possible = {attempt.what: attempt for attempt in kind(prey)}
        assert len(possible) >= count, kind.__name__
        names = random.Random(f"{SEED} {kind.__name__}").sample(sorted(possible), count)
        found += [(kind, possible[name]) for name in names]
    random.Random(SEED).shuffle(found)
    return found


class Thief:
    """Makes the attempts, and counts what comes of them."""

    def __init__(self, store: ObjectStore) -> None:
        import boto3

        key = store.writers[HOST]
        self.client = store.client(key)
        self.iam = boto3.session.Session().client(
            "iam",
            endpoint_url=store.endpoint_url,
            region_name=store.region,
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
            verify=str(store.ca_file),
        )
        self.refused: collections.Counter[Kind] = collections.Counter()
        self.accepted: collections.Counter[Kind] = collections.Counter()
        self.answers: dict[str, str] = {}

    def make(self, attempts: list[tuple[Kind, Attempt]]) -> None:
        """Make attempts, one after the other."""
        for kind, attempt in attempts:
            client = self.iam if kind is thefts.take_identity else self.client
            try:
                attempt.call(client)
                self.answers[attempt.what] = ""
                self.accepted[kind] += 1
            except client.exceptions.ClientError as error:
                # Where the store gives no reason, there is no error in the answer.
                answer: dict[str, t.Any] = dict(error.response)
                status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
                self.answers[attempt.what] = answer.get("Error", {}).get("Code") or str(status)
                self.refused[kind] += 1

    def unlike(self, expected: dict[Kind, int], counted: collections.Counter[Kind]) -> dict[str, str]:
        """Return the answers to the kinds of which not all ended as expected."""
        return {kind.__name__: str(counted[kind]) for kind, count in expected.items() if counted[kind] != count}


@pytest.mark.slow
def test_of_250_attempts_with_a_stolen_key_none_succeeds(institution: Institution, others: SetId) -> None:
    stored = [institution.back_up(name, seed) for seed, name in enumerate(("accounts", "files"))]
    assert not any(report.failures for report in institution.step4())
    bucket = Bucket(institution.store)
    prey = prey_of(bucket, stored, others)
    before, rules = bucket.versions(), bucket.rules()
    bytes_before = {one: bucket.read(one) for one in before}
    refused, harmless, either = (chosen(kinds, prey) for kinds in (REFUSED, HARMLESS, EITHER))
    assert len({attempt.what for _kind, attempt in [*refused, *harmless, *either]}) == 250

    check_that_others_may(institution.store, [one for one in refused if one[0] in READING])
    thief = Thief(institution.store)
    later = [one for one in refused if one[0] in AGAIN][::2]
    thief.make([one for one in refused if one not in later])
    thief.make([*harmless, *either])
    thief.make(later)

    assert not thief.unlike(REFUSED, thief.refused), thief.answers
    answers = {thief.answers[attempt.what] for kind, attempt in refused if kind not in NOT_DENIED}
    assert answers <= DENIED, "refused for another reason than that the key may not"
    assert not thief.unlike(HARMLESS, thief.accepted), thief.answers
    check_that_nothing_was_touched(bucket, before, bytes_before, rules)
    check_that_backups_go_on(institution, stored)


def check_that_others_may(store: ObjectStore, attempts: list[tuple[Kind, Attempt]]) -> None:
    """Check that who may, gets what he asks for: then it is the thief's key that the store refuses, not the request."""
    administrator = store.client()
    unanswered = []
    for _kind, attempt in attempts:
        try:
            attempt.call(administrator)
        except administrator.exceptions.ClientError as error:
            unanswered.append((attempt.what, str(error)))
    # What has no lock, or no tags, has none to show to anybody.
    assert len(unanswered) < len(attempts) / 10, unanswered


def check_that_nothing_was_touched(
    bucket: Bucket, before: dict[Seen, datetime.datetime | None], contents: dict[Seen, bytes], rules: list[t.Any]
) -> None:
    """Check that each version is there, as it was, and locked for as long, and that nothing of other servers is new."""
    after = bucket.versions()
    assert set(before) <= set(after)
    for one, until in before.items():
        assert bucket.read(one) == contents[one]
        assert until is None or (after[one] or until) >= until, "a lock was made shorter"
        assert until is None or after[one] is not None, "a lock was ended"
    # SeaweedFS takes no notice of case where it compares a name with a policy.
    new = {one.key.split("/")[0].lower() for one in set(after) - set(before)}
    assert new == {HOST}, "only in the server's own part"
    assert bucket.rules() == rules


def check_that_backups_go_on(institution: Institution, stored: list[SetId]) -> None:
    """Check that the next set is stored, found and restored, as the earlier ones are, and that the server is named."""
    coming = institution.back_up("accounts", 7, time=NEXT)
    first, second = institution.step4()
    assert first.missing == [str(coming)]
    (taken,) = [entry for entry in first.failures if entry["id"] == str(coming)]
    assert f"the server {HOST}" in taken["message"]
    assert any(entry["id"] == str(coming) and f"the server {HOST}" in entry["message"] for entry in second.failures)
    assert [(entry["id"], entry["changed"]) for entry in second.sets] == [(str(coming), True)]
    (day,) = institution.step4()
    assert day.missing == [] and not any(entry["changed"] for entry in day.sets)
    assert {entry["id"] for entry in day.sets} == {str(set_id) for set_id in [*stored, coming]}
    for state in ("systems-computer", "new-systems-computer"):
        newest = SetSelection(host=HOST, source="accounts", newest=True).choose(institution.reader(state))
        assert newest == [coming], state
        target = institution.medium(f"restored-on-{state}")
        for set_id in [*stored, coming]:
            assert copy_set(
                institution.reader(state), target, set_id, allowed_signers=str(institution.signers)
            ).verified
            set_verification.verify(target, set_id, allowed_signers=str(institution.signers))
            assert contents_of(target.contents(set_id)) == contents_of(institution.vault.contents(set_id))
