# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keys to a real object store must be refused is tried, harms nothing, and is kept as evidence."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Declined, Store
from ansible_collections.infitulua.backup.plugins.module_utils._operations.cloud.key_limits import prove
from ansible_collections.infitulua.backup.plugins.module_utils._operations.cloud.trial_call import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from development.services.object_store import Credentials, ObjectStore

from .conftest import SET_ID, Connect

#: What each kind of key must be refused, where locks are to be had and a server has its probe object.
REFUSED = {
    "put_only": {
        *("list", "list_versions", "read", "delete", "delete_versions", "overwrite", "write_outside"),
        *("shorten_lock", "bypass_governance", "end_legal_hold"),
    },
    "read_only": {
        *("write", "overwrite", "write_outside", "delete", "delete_versions"),
        *("lock", "shorten_lock", "bypass_governance", "end_legal_hold"),
    },
    "retention": {
        *("read", "write", "overwrite", "write_outside", "delete", "delete_locked"),
        *("shorten_lock", "bypass_governance", "end_legal_hold"),
    },
}


def key_of(store: ObjectStore, rights: str) -> tuple[Credentials, str | None]:
    """The key of a kind, and the host in whose part of the bucket it is tried."""
    keys = {"put_only": store.writers["web1"], "read_only": store.reader, "retention": store.retention}
    return keys[rights], "web1" if rights == "put_only" else None


def versions(store: ObjectStore, prefix: str) -> list[tuple[str, str]]:
    listed = store.client().list_object_versions(Bucket=store.bucket, Prefix=prefix)
    found = [*(listed.get("Versions") or ()), *(listed.get("DeleteMarkers") or ())]
    return sorted((one["Key"], one["VersionId"]) for one in found)


@pytest.mark.parametrize("rights", REFUSED)
def test_each_key_is_refused_all_that_it_must_not_do_and_nothing_changes(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, rights: str
) -> None:
    server = connect(object_store.writers["web1"], retain_days=1, retain_mode="governance")
    server.store(SET_ID, disk.path(SET_ID))
    key, host = key_of(object_store, rights)
    medium = connect(key)
    before = versions(object_store, medium.prefix)
    assert len(before) > 5
    trial = prove(medium, rights, host=host)
    assert {each.what for each in trial.attempts if each.allowed is False} == REFUSED[rights]
    assert not [each for each in trial.attempts if each.allowed is None]
    assert versions(object_store, medium.prefix) == before
    assert versions(object_store, "other-") == []
    prove(medium, rights, host=host)
    assert versions(object_store, medium.prefix) == before


def test_a_store_that_refuses_to_end_a_lock_with_400_is_understood(
    connect: Connect, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(connect(object_store.writers["web1"]), "put_only", host="web1")
    attempt = Store.attempt

    def answering_as_minio(self: Store, operation: str, **parameters: t.Any) -> t.Any:
        try:
            return attempt(self, operation, **parameters)
        except Declined as declined:
            if "web1/.probe" in parameters.get("Key", "") and operation in ("put_object_retention", "delete_object"):
                error = BackupError("x", on="x", why="Object is WORM protected", next_step="x")
                raise Declined(error, code="InvalidRequest", status=400) from declined
            raise

    monkeypatch.setattr(Store, "attempt", answering_as_minio)
    trial = prove(connect(object_store.retention), "retention", host=None)
    answers = {each.what: (each.allowed, each.answer) for each in trial.attempts}
    for what in ("shorten_lock", "bypass_governance", "delete_locked"):
        assert answers[what] == (False, "400 InvalidRequest")


#: What a policy allows besides, and by what name the trial of a server's key finds it out.
EXCESS = {
    "s3:ListBucket": "list",
    "s3:ListBucketVersions": "list_versions",
    "s3:GetObject": "read",
    "s3:DeleteObject": "delete",
    "s3:DeleteObjectVersion": "delete_versions",
    "s3:BypassGovernanceRetention": "bypass_governance",
    "s3:PutObjectLegalHold": "end_legal_hold",
}


@pytest.fixture(scope="module")
def policy_store(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[ObjectStore]:
    """A store whose IAM API gives a server's identity one right too many."""
    with ObjectStore(tmp_path_factory.mktemp("policies")) as store:
        yield store


def identity(store: ObjectStore, name: str, actions: list[str], resources: list[str]) -> Credentials:
    """Make an identity that may do just this."""
    import boto3

    iam: t.Any = boto3.session.Session().client(
        "iam",
        endpoint_url=store.endpoint_url,
        region_name=store.region,
        aws_access_key_id=store.admin.access_key,
        aws_secret_access_key=store.admin.secret_key,
        verify=str(store.ca_file),
    )
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(name, made["AccessKeyId"], made["SecretAccessKey"])


def reach(store: ObjectStore, who: Credentials, state: Path, **options: t.Any) -> S3Medium:
    return S3Medium(
        bucket=options.pop("bucket", store.bucket),
        endpoint_url=store.endpoint_url,
        ca_bundle=str(store.ca_file),
        access_key=who.access_key,
        secret_key=who.secret_key,
        state_directory=str(state),
        **options,
    )


@pytest.mark.parametrize("action", EXCESS)
def test_a_key_with_one_right_too_many_is_refused_by_name_and_the_evidence_stays(
    policy_store: ObjectStore, tmp_path: Path, action: str
) -> None:
    bucket = f"arn:aws:s3:::{policy_store.bucket}"
    name = action.partition(":")[2].lower()
    put = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:PutObjectRetention"]
    who = identity(policy_store, name, [*put, action], [f"{bucket}/{name}/*", bucket])
    with contextlib.closing(reach(policy_store, who, tmp_path)) as medium:
        with pytest.raises(Refused, match=f"it may {EXCESS[action]}, which it must not"):
            prove(medium, "put_only", host=name)
        assert medium.last_trial("put_only") is None
    (record,) = tmp_path.glob("trials/*/put_only.jsonl")
    trial = json.loads(record.read_text(encoding="utf-8"))
    assert (trial["accepted"], trial["host"]) == (False, name)
    assert [each["what"] for each in trial["attempts"] if each["allowed"]] == ["write", *_order(EXCESS[action])]


def _order(excess: str) -> list[str]:
    """Whoever may put is granted the lock first, and what comes after it in the record."""
    return ["lock", excess] if excess in ("bypass_governance", "end_legal_hold") else [excess, "lock"]


@pytest.mark.parametrize("resource", ["*", "web*", "web1*"])
def test_a_key_that_reaches_beyond_its_own_name_is_refused(
    policy_store: ObjectStore, tmp_path: Path, resource: str
) -> None:
    target = f"arn:aws:s3:::{policy_store.bucket}/{resource}"
    who = identity(policy_store, f"wide-{len(resource)}", ["s3:PutObject"], [target])
    beyond = pytest.raises(Refused, match="it may write_outside, which")
    with beyond, contextlib.closing(reach(policy_store, who, tmp_path)) as medium:
        prove(medium, "put_only", host="web1")
    assert not [key for key, _version in versions(policy_store, "web1-")]


def test_where_the_bucket_has_no_locks_they_are_not_counted_as_tried(policy_store: ObjectStore, tmp_path: Path) -> None:
    policy_store.client().create_bucket(Bucket="without-lock")
    who = identity(policy_store, "without-lock", ["s3:*"], ["arn:aws:s3:::without-lock/web1/*"])
    with contextlib.closing(reach(policy_store, who, tmp_path, bucket="without-lock")) as medium:
        tried = {each.what: each for each in medium.examination.key_trial(host="web1").of_server()}
    for what in ("lock", "shorten_lock", "bypass_governance", "end_legal_hold"):
        assert (tried[what].allowed, tried[what].answer[:3]) == (None, "400")


def test_a_bucket_that_does_not_protect_copies_is_accepted_only_in_words(
    policy_store: ObjectStore, tmp_path: Path
) -> None:
    client = policy_store.client()
    client.create_bucket(Bucket="no-versions")
    client.create_bucket(Bucket="no-lock")
    client.put_bucket_versioning(Bucket="no-lock", VersioningConfiguration={"Status": "Enabled"})
    reading = ["s3:GetObject", "s3:ListBucket", "s3:ListBucketVersions"]
    asking = ["s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"]
    for name, bucket, actions, says in (
        ("reader-1", "no-versions", [*reading, *asking], "the bucket keeps no versions"),
        ("reader-2", "no-lock", [*reading, *asking], "the bucket has no Object Lock"),
        ("reader-3", policy_store.bucket, reading, "it may not ask whether the bucket keeps versions"),
    ):
        who = identity(policy_store, name, actions, [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])
        with contextlib.closing(reach(policy_store, who, tmp_path / name, bucket=bucket)) as medium:
            with pytest.raises(Refused, match=says) as refused:
                prove(medium, "read_only", host=None)
            assert "backup_cloud_without_lock" in refused.value.next_step
            assert medium.last_trial("read_only") is None
            accepted = prove(medium, "read_only", host=None, without_lock="There is no other store.")
            assert accepted.protection is not None
            assert accepted.protection["without_lock"] == "There is no other store."
            assert medium.last_trial("read_only") == accepted.tried
    with contextlib.closing(reach(policy_store, policy_store.reader, tmp_path)) as medium:
        told = prove(medium, "read_only", host=None).protection
        assert told is not None and (told["versioning"], told["object_lock"]) == (True, True)


def test_a_trial_that_is_killed_leaves_whole_lines_and_the_next_one_adds_its_own(
    connect: Connect, object_store: ObjectStore, tmp_path: Path
) -> None:
    medium = connect(object_store.writers["web1"])
    prove(medium, "put_only", host="web1")
    (record,) = tmp_path.glob("state-web1/trials/*/put_only.jsonl")
    with record.open("a", encoding="utf-8") as stream:
        stream.write('{"accepted": true, "tried": "20')
    first = medium.last_trial("put_only")
    assert first is not None
    child = os.fork()
    if not child:
        attempt = Store.attempt

        def killed(self: Store, operation: str, **parameters: t.Any) -> t.Any:
            if "retention" in operation:
                os.kill(os.getpid(), signal.SIGKILL)
            return attempt(self, operation, **parameters)

        setattr(Store, "attempt", killed)  # noqa: B010 - only in this child
        prove(medium, "put_only", host="web1")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert medium.last_trial("put_only") == first
    prove(medium, "put_only", host="web1")
    lines = record.read_text(encoding="utf-8").splitlines()
    assert [line.endswith("}") for line in lines] == [True, False, True]
    assert (record.stat().st_mode & 0o777, record.parent.stat().st_mode & 0o777) == (0o640, 0o700)
    assert object_store.writers["web1"].secret_key not in record.read_text(encoding="utf-8")


def test_the_module_tries_only_what_is_due(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    who = object_store.writers["web1"]
    given = {
        "medium": {
            "type": "s3",
            "bucket": object_store.bucket,
            "endpoint_url": object_store.endpoint_url,
            "ca_bundle": str(object_store.ca_file),
            "access_key": who.access_key,
            "secret_key": who.secret_key,
            "state_directory": str(tmp_path),
        },
        "rights": "put_only",
        "host": "web1",
        "every_days": 7,
    }
    params = ArgumentSpecValidator(ARGUMENTS).validate(given).validated_parameters
    assert call(params, check_mode=True).result == {"changed": False, "trial": None, "last_trial": None}
    first = call(params, check_mode=False).result
    assert first["trial"]["accepted"] and first["last_trial"] == first["trial"]["tried"]
    again = call(params, check_mode=False).result
    assert (again["trial"], again["last_trial"]) == (None, first["last_trial"])
    (record,) = tmp_path.glob("trials/*/put_only.jsonl")
    for moment in ("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"):  # Long ago, and by a clock that was wrong.
        record.write_text(json.dumps({**first["trial"], "tried": moment}) + "\n", encoding="utf-8")
        assert call(params, check_mode=False).result["trial"] is not None
    assert call({**params, "every_days": 0}, check_mode=False).result["trial"] is not None
    assert host_clock.read(first["last_trial"]) <= host_clock.now()
