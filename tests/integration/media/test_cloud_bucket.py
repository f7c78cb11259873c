# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket prepared at a real store: protected, with identities that may do exactly what they must; twice is once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Store
from ansible_collections.infitulua.backup.plugins.module_utils._operations.cloud.call import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.cloud.key_limits import prove
from ansible_collections.infitulua.backup.plugins.module_utils._operations.cloud.policies import policies, same
from development.services.object_store import Credentials, ObjectStore

SERVERS = ["srv-archivos", "srv-financiero"]


class Cloud:
    """A store as its administrator reaches it, and a bucket that is not there yet."""

    bucket = "infitulua-copias"

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.client = store.client()

    def medium(self, who: Credentials, **options: t.Any) -> dict[str, t.Any]:
        return {
            "bucket": self.bucket,
            "endpoint_url": self.store.endpoint_url,
            "ca_bundle": str(self.store.ca_file),
            "access_key": who.access_key,
            "secret_key": who.secret_key,
            **options,
        }

    def prepare(self, *, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

        given = {
            "medium": {"type": "s3", **self.medium(self.store.admin, prefix="copias")},
            "servers": SERVERS,
            **options,
        }
        checked = ArgumentSpecValidator(ARGUMENTS).validate(given)
        assert not checked.error_messages, checked.error_messages
        answer = call(checked.validated_parameters, check_mode=check_mode)
        assert answer.failure == ""
        return dict(answer.result)

    def iam(self) -> t.Any:
        import boto3

        return boto3.session.Session().client(
            "iam",
            endpoint_url=self.store.endpoint_url,
            region_name=self.store.region,
            aws_access_key_id=self.store.admin.access_key,
            aws_secret_access_key=self.store.admin.secret_key,
            verify=str(self.store.ca_file),
        )

    def new_key(self, name: str) -> Credentials:
        key = self.iam().create_access_key(UserName=f"infitulua-backup-{name}")["AccessKey"]
        return Credentials(name, key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    pytest.importorskip("botocore", reason="boto3 is not installed")
    with ObjectStore(tmp_path_factory.mktemp("cloud")) as store:
        yield Cloud(store)


def test_check_mode_tells_exactly_what_a_run_then_does_and_a_second_run_changes_nothing(cloud: Cloud) -> None:
    predicted = cloud.prepare(check_mode=True, lock_days=3, lock_mode="governance")
    assert cloud.bucket not in {bucket["Name"] for bucket in cloud.client.list_buckets()["Buckets"]}
    done = cloud.prepare(lock_days=3, lock_mode="governance")
    assert done["diff"][0] == predicted["diff"][0]
    # Of a bucket that is not there, nobody knows what the store will set by itself.
    assert {each["after_header"] for each in done["diff"]} <= {each["after_header"] for each in predicted["diff"]}
    assert done["identities_applied"] is True
    again = cloud.prepare(lock_days=3, lock_mode="governance")
    assert (again["changed"], again["diff"]) == (False, [])
    assert again["settings"] == done["settings"]

    client, bucket = cloud.client, {"Bucket": cloud.bucket}
    assert client.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    lock = client.get_object_lock_configuration(**bucket)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 3}
    statement = json.loads(client.get_bucket_policy(**bucket)["Policy"])["Statement"][0]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert client.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    (rule,) = client.get_bucket_lifecycle_configuration(**bucket)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert done["not_offered"] == ["public_access_block"]


def test_what_an_administrator_has_set_besides_stays(cloud: Cloud) -> None:
    cloud.prepare()
    bucket = {"Bucket": cloud.bucket}
    policy = json.loads(cloud.client.get_bucket_policy(**bucket)["Policy"])
    other = {
        "Sid": "Auditoria",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": [f"arn:aws:s3:::{cloud.bucket}"],
    }
    cloud.client.put_bucket_policy(**bucket, Policy=json.dumps({**policy, "Statement": [other]}))
    rules = cloud.client.get_bucket_lifecycle_configuration(**bucket)["Rules"]
    own = {"ID": "propia", "Status": "Enabled", "Filter": {"Prefix": "otra/"}, "Expiration": {"Days": 900}}
    cloud.client.put_bucket_lifecycle_configuration(**bucket, LifecycleConfiguration={"Rules": [own]})
    done = cloud.prepare()
    changed = {each["after_header"].rpartition(", ")[2] for each in done["diff"]}
    assert changed == {"policy", "lifecycle"}
    statements = json.loads(cloud.client.get_bucket_policy(**bucket)["Policy"])["Statement"]
    assert {each["Sid"] for each in statements} == {"Auditoria", "InfituluaBackupTlsOnly"}
    after = cloud.client.get_bucket_lifecycle_configuration(**bucket)["Rules"]
    assert {rule["ID"] for rule in after} == {"propia", *(rule["ID"] for rule in rules)}
    assert not cloud.prepare()["changed"]


def test_killed_at_any_call_the_next_run_completes_it(cloud: Cloud) -> None:
    cloud.bucket = "interrumpido"
    options: dict[str, t.Any] = {"lock_days": 1, "lock_mode": "governance", "identity_prefix": "interrumpido-"}
    killed = 0
    try:
        for number in range(30):
            child = os.fork()
            if not child:
                _kill_at(1 if number else 0)  # Each run gets one call further than the one before.
                cloud.prepare(**options)
                os._exit(0)
            _pid, status = os.waitpid(child, 0)
            if os.waitstatus_to_exitcode(status) == 0:
                break
            killed += 1
        assert 10 <= killed < 29
        assert not cloud.prepare(**options)["changed"]
        assert cloud.client.get_bucket_versioning(Bucket=cloud.bucket)["Status"] == "Enabled"
        users = {user["UserName"] for user in cloud.iam().list_users()["Users"]}
        assert {f"interrumpido-{name}" for name in ("reader", "retention", "server-srv-archivos")} <= users
    finally:
        del cloud.bucket
        cloud.client.delete_bucket(Bucket="interrumpido")


def _kill_at(number: int) -> None:
    """Kill this process when it is about to write its n-th setting or identity."""
    calls = [0]

    def counted(real: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def call(self: Store, operation: str, **parameters: t.Any) -> t.Any:
            if operation.startswith(("put_", "create_")):
                calls[0] += 1
                if calls[0] > number:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(self, operation, **parameters)

        return call

    for name in ("attempt", "administer"):
        setattr(Store, name, counted(getattr(Store, name)))


def test_a_bucket_of_others_and_a_longer_lock_are_left_as_they_are(cloud: Cloud) -> None:
    cloud.prepare(lock_days=30, lock_mode="governance")
    shorter = cloud.prepare(lock_days=3, lock_mode="governance")
    assert not shorter["changed"]
    cloud.client.create_bucket(Bucket="de-otros")
    cloud.bucket = "de-otros"
    try:
        with pytest.raises(Refused, match="has no Object Lock"):
            cloud.prepare()
        assert "Status" not in cloud.client.get_bucket_versioning(Bucket="de-otros")
    finally:
        del cloud.bucket
        cloud.client.delete_bucket(Bucket="de-otros")


def test_a_rule_that_deletes_by_age_is_told(cloud: Cloud) -> None:
    cloud.prepare()
    rule = {
        "ID": "vieja",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
    }
    before = cloud.client.get_bucket_lifecycle_configuration(Bucket=cloud.bucket)["Rules"]
    rules = {"Rules": [*before, rule]}
    cloud.client.put_bucket_lifecycle_configuration(Bucket=cloud.bucket, LifecycleConfiguration=rules)
    assert "vieja" in cloud.prepare()["expiring_rules"]
    cloud.client.put_bucket_lifecycle_configuration(Bucket=cloud.bucket, LifecycleConfiguration={"Rules": before})


def test_each_identity_may_do_exactly_what_step_1_demands_of_it(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cloud.prepare(lock_days=3, lock_mode="governance")
    for name, rights, host in (
        ("server-srv-financiero", "put_only", "srv-financiero"),
        ("reader", "read_only", None),
        ("retention", "retention", None),
    ):
        key = cloud.new_key(name)
        state = str(tmp_path_factory.mktemp("state"))
        with contextlib.closing(S3Medium(**cloud.medium(key, prefix="copias", state_directory=state))) as medium:
            refused = {each.what for each in prove(medium, rights, host=host).attempts if each.allowed is False}
            # The bucket locks what arrives for three days, so that a lock until tomorrow would end that one early.
            assert {"delete", "write_outside", "overwrite", "lock", "shorten_lock", "end_legal_hold"} <= refused
            if host:
                with pytest.raises(Refused, match="cannot write"):
                    prove(medium, rights, host="srv-archivos")


def test_a_server_s_key_cannot_lock_what_the_bucket_locks(cloud: Cloud) -> None:
    cloud.prepare(lock_days=3, lock_mode="governance")
    server = cloud.store.client(cloud.new_key("server-srv-archivos"))
    key = {"Bucket": cloud.bucket, "Key": "copias/srv-archivos/x"}
    version = server.put_object(**key, Body=b"x")["VersionId"]
    assert cloud.client.get_object_retention(**key, VersionId=version)["Retention"]["Mode"] == "GOVERNANCE"
    until = cloud.client.get_object_retention(**key, VersionId=version)["Retention"]["RetainUntilDate"]
    for lock in (
        lambda: server.put_object_retention(
            **key, VersionId=version, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
        ),
        lambda: server.put_object(**key, Body=b"y", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until),
        lambda: server.put_object_legal_hold(**key, VersionId=version, LegalHold={"Status": "ON"}),
    ):
        with pytest.raises(server.exceptions.ClientError, match=r"AccessDenied|Access Denied"):
            lock()


def test_an_identity_that_somebody_gave_more_is_refused_and_one_whose_policy_changed_is_corrected(cloud: Cloud) -> None:
    cloud.prepare()
    iam = cloud.iam()
    user = "infitulua-backup-reader"
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName=user, PolicyName="infitulua-backup", PolicyDocument=json.dumps(wide))
    done = cloud.prepare()
    assert [each["after_header"] for each in done["diff"]] == [f"identity {user} at {cloud.store.endpoint_url}"]
    iam.put_user_policy(UserName=user, PolicyName="todo", PolicyDocument=json.dumps(wide))
    try:
        with pytest.raises(Refused, match="todo"):
            cloud.prepare()
    finally:
        iam.delete_user_policy(UserName=user, PolicyName="todo")
    assert not cloud.prepare()["changed"]


def test_where_nothing_is_to_be_created_the_policies_are_returned(cloud: Cloud) -> None:
    before = {user["UserName"] for user in cloud.iam().list_users()["Users"]}
    done = cloud.prepare(identities="print", servers=["srv-nuevo"], identity_prefix="otro-")
    assert done["identities_applied"] is False
    assert set(done["policies"]) == {"otro-server-srv-nuevo", "otro-reader", "otro-retention"}
    put = done["policies"]["otro-server-srv-nuevo"]["Statement"][0]
    assert put["Resource"] == "arn:aws:s3:::infitulua-copias/copias/srv-nuevo/*"
    assert put["Action"] == ["s3:PutObject", "s3:AbortMultipartUpload", "s3:PutObjectRetention"]
    assert {user["UserName"] for user in cloud.iam().list_users()["Users"]} == before


def test_policies_are_compared_as_stores_give_them_back() -> None:
    policy = policies("b", "", ["s"], own_locks=False)["reader"]
    told = json.loads(json.dumps(policy))
    told["Statement"][1]["Action"].reverse()
    told["Statement"][0]["Resource"] = [told["Statement"][0]["Resource"]]
    assert same(told, policy)
    told["Statement"][1]["Action"].append("s3:PutObject")
    assert not same(told, policy)
    assert not same(None, policy)
