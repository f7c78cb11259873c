# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a thief tries with a server's key: reading, destroying, altering, planting, and taking over the bucket itself.

Each kind of attempt is a function that says all it can think of; a test chooses some of each.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import ssl
import typing as t
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3

UTC = datetime.timezone.utc
HOSTILE = b"hostile"
CUSTOMER_KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
Call = Callable[[t.Any], t.Any]


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One attempt.

    :param what: tells it from all others.
    :param call: is given the client of whoever tries it.
    """

    what: str
    call: Call


@dataclasses.dataclass(frozen=True)
class Prey:
    """What the thief knows of the bucket.

    :param host: the server whose key it is.
    :param sets: the keys of its sets, each with its version.
    :param others: those of another server's.
    :param marker: a delete marker in the server's part.
    :param future: the ids of sets that the server will make, as a thief can guess them.
    :param trust: the store's certificate authority.
    """

    bucket: str
    host: str
    sets: list[tuple[str, str]]
    others: list[tuple[str, str]]
    marker: tuple[str, str]
    future: list[str]
    trust: Path

    @property
    def all(self) -> list[tuple[str, str]]:
        """Every object that a set has."""
        return [*self.sets, *self.others]

    def one(self, key: str, **more: t.Any) -> dict[str, t.Any]:
        """Name one object."""
        return {"Bucket": self.bucket, "Key": key, **more}


def each_call(name: str, given: t.Iterable[dict[str, t.Any]]) -> Iterator[Attempt]:
    """One operation with different parameters."""
    for parameters in given:
        told = {key: value for key, value in parameters.items() if key not in ("Bucket", "SSECustomerKey")}
        yield Attempt(f"{name} {told}", calling(name, parameters))


def calling(name: str, given: dict[str, t.Any]) -> Call:
    """Call an operation of whoever's client it is."""
    return lambda client: getattr(client, name)(**given)


def with_client(function: Callable[..., t.Any], *given: t.Any, **named: t.Any) -> Call:
    """Call a function with whoever's client it is, and what else it takes."""
    return lambda client: function(client, *given, **named)


def trusting(prey: Prey) -> ssl.SSLContext:
    """Trust the store, and nobody else."""
    return ssl.create_default_context(cafile=str(prey.trust))


def get(prey: Prey) -> Iterator[Attempt]:
    """Read an object, the version that stands or an older one, whole or in part."""
    ways: list[dict[str, t.Any]] = [
        {},
        {"Range": "bytes=0-9"},
        {"IfNoneMatch": '"0"'},
        {"ResponseContentType": "text/plain"},
    ]
    for (key, version), way in itertools.product(prey.all, ways):
        yield from each_call("get_object", [prey.one(key, **way), prey.one(key, VersionId=version, **way)])


def head(prey: Prey) -> Iterator[Attempt]:
    """Ask whether an object is there, and of what kind."""
    for key, version in prey.all:
        yield from each_call("head_object", [prey.one(key), prey.one(key, VersionId=version)])
        yield from each_call("get_object_attributes", [prey.one(key, ObjectAttributes=["ETag", "ObjectSize"])])
        for name in ("get_object_tagging", "get_object_acl", "get_object_retention"):
            yield from each_call(name, [prey.one(key), prey.one(key, VersionId=version)])


def list_keys(prey: Prey) -> Iterator[Attempt]:
    """List what is there, by any of the ways."""
    prefixes = ["", prey.host, f"{prey.host}/", f"{prey.host}/accounts/", prey.others[0][0].split("/")[0] + "/", "/"]
    for name in ("list_objects_v2", "list_objects", "list_object_versions", "list_multipart_uploads"):
        for more in ({}, {"Delimiter": "/"}, {"EncodingType": "url"}):
            yield from each_call(name, [{"Bucket": prey.bucket, "Prefix": prefix, **more} for prefix in prefixes])


def delete(prey: Prey) -> Iterator[Attempt]:
    """Hide an object, or destroy a version of it."""
    for key, version in prey.all:
        ways: list[dict[str, t.Any]] = [
            {},
            {"VersionId": version},
            {"VersionId": version, "BypassGovernanceRetention": True},
        ]
        yield from each_call("delete_object", [prey.one(key, **way) for way in [*ways, {"VersionId": "null"}]])


def delete_many(prey: Prey) -> Iterator[Attempt]:
    """Delete several at once: the answer says of each whether it is gone."""
    for (one, other), bypass, quiet in itertools.product(
        itertools.combinations(prey.all[:9], 2), (True, False), (True, False)
    ):
        for names in (
            [{"Key": one[0]}, {"Key": other[0]}],
            [{"Key": key, "VersionId": version} for key, version in (one, other)],
        ):
            yield Attempt(f"delete_objects {names} {bypass} {quiet}", _deletion(prey, names, bypass, quiet))


def _deletion(prey: Prey, names: list[dict[str, str]], bypass: bool, quiet: bool) -> Call:
    def call(client: t.Any) -> None:
        what = {"Objects": names, "Quiet": quiet}
        answer = client.delete_objects(Bucket=prey.bucket, Delete=what, BypassGovernanceRetention=bypass)
        errors = answer.get("Errors", [])
        if len(errors) == len(names):
            raise client.exceptions.ClientError({"Error": errors[0]}, "DeleteObjects")

    return call


def delete_marker(prey: Prey) -> Iterator[Attempt]:
    """Delete a delete marker, and so bring back what somebody has removed."""
    key, version = prey.marker
    ways = [{}, {"BypassGovernanceRetention": True}]
    yield from each_call("delete_object", [prey.one(key, VersionId=version, **way) for way in ways])


def unlock(prey: Prey) -> Iterator[Attempt]:
    """Make a lock end sooner, or a weaker one of it."""
    now = datetime.datetime.now(UTC)
    for (key, version), minutes, mode, bypass in itertools.product(
        prey.all, (5, 90), ("GOVERNANCE", "COMPLIANCE"), (True, False)
    ):
        until = (now + datetime.timedelta(minutes=minutes)).replace(microsecond=0)
        way = {"Retention": {"Mode": mode, "RetainUntilDate": until}, "BypassGovernanceRetention": bypass}
        yield from each_call("put_object_retention", [prey.one(key, **way), prey.one(key, VersionId=version, **way)])


def unhold(prey: Prey) -> Iterator[Attempt]:
    """End a legal hold, or look for one; change who may read an object, or what it is tagged with."""
    for key, version in prey.all:
        off = {"LegalHold": {"Status": "OFF"}}
        yield from each_call("put_object_legal_hold", [prey.one(key, **off), prey.one(key, VersionId=version, **off)])
        yield from each_call("put_object_acl", [prey.one(key, ACL="public-read"), prey.one(key, ACL="private")])
        tags = {"Tagging": {"TagSet": [{"Key": "backup", "Value": "expired"}]}}
        yield from each_call("put_object_tagging", [prey.one(key, **tags)])
        yield from each_call("delete_object_tagging", [prey.one(key)])


def take_bucket(prey: Prey) -> Iterator[Attempt]:
    """Change the rules of the bucket: who may do what, what expires, whether versions are kept, what is locked."""
    bucket = {"Bucket": prey.bucket}
    for effect, action in itertools.product(("Allow",), ("s3:*", "s3:GetObject", "s3:DeleteObjectVersion")):
        statement = {"Effect": effect, "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{prey.bucket}/*"}
        policy = '{"Version": "2012-10-17", "Statement": [' + str(statement).replace("'", '"') + "]}"
        yield from each_call("put_bucket_policy", [{**bucket, "Policy": policy}])
    for days in (1, 2):
        rule = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}
        older = {**rule, "NoncurrentVersionExpiration": {"NoncurrentDays": days}}
        yield from each_call(
            "put_bucket_lifecycle_configuration",
            [{**bucket, "LifecycleConfiguration": {"Rules": [each]}} for each in (rule, older)],
        )
    yield from each_call("put_bucket_versioning", [{**bucket, "VersioningConfiguration": {"Status": "Suspended"}}])
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    for configuration in (lock, {"ObjectLockEnabled": "Enabled"}):
        yield from each_call("put_object_lock_configuration", [{**bucket, "ObjectLockConfiguration": configuration}])
    for acl in ("public-read", "public-read-write"):
        yield from each_call("put_bucket_acl", [{**bucket, "ACL": acl}])
    cors = {"CORSRules": [{"AllowedMethods": ["GET", "DELETE"], "AllowedOrigins": ["*"]}]}
    yield from each_call("put_bucket_cors", [{**bucket, "CORSConfiguration": cors}])
    yield from each_call("put_bucket_tagging", [{**bucket, "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}])
    owner = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    yield from each_call("put_bucket_ownership_controls", [{**bucket, "OwnershipControls": owner}])
    for name in ("delete_bucket", "delete_bucket_policy", "delete_bucket_lifecycle", "delete_bucket_cors"):
        yield from each_call(name, [bucket])
    for name in ("policy", "lifecycle_configuration", "acl", "versioning", "location"):
        yield from each_call(f"get_bucket_{name}", [bucket])
    yield from each_call("get_object_lock_configuration", [bucket])
    yield from each_call("create_bucket", [{"Bucket": "of-a-thief"}])


def copy(prey: Prey) -> Iterator[Attempt]:
    """Have the store copy what one may not read to where one may: within the part, into it, or over a set."""
    for (key, version), more in itertools.product(prey.all, ({}, {"MetadataDirective": "REPLACE"})):
        source = {"Bucket": prey.bucket, "Key": key}
        for place in (f"{prey.host}/loot/1", prey.sets[0][0]):
            yield from each_call(
                "copy_object",
                [
                    prey.one(place, CopySource=source, **more),
                    prey.one(place, CopySource={**source, "VersionId": version}, **more),
                ],
            )
        yield Attempt(
            f"upload_part_copy {key} {version} {more}",
            with_client(_copy_part, prey, source, f"{prey.host}/loot/parts", more),
        )


def _copy_part(client: t.Any, prey: Prey, source: dict[str, str], place: str, more: dict[str, str]) -> None:
    begun = client.create_multipart_upload(**prey.one(place), Metadata=dict(more))
    one = prey.one(place, UploadId=begun["UploadId"])
    try:
        client.upload_part_copy(**one, PartNumber=1, CopySource=source)
    finally:
        client.abort_multipart_upload(**one)


def look_at_parts(prey: Prey) -> Iterator[Attempt]:
    """Look at uploads of one's own making, and complete what was never sent."""
    for key, _version in prey.sets:
        yield from each_call("list_parts", [prey.one(key, UploadId="0" * 32), prey.one(key, UploadId="../" + key)])
        parts = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"0"'}]}}
        yield from each_call("complete_multipart_upload", [prey.one(key, UploadId="1" * 32, **parts)])


def sign(prey: Prey) -> Iterator[Attempt]:
    """Hand out signed addresses, which anybody can use, to read, look at or delete."""
    for (key, version), name in itertools.product(prey.all, ("get_object", "head_object", "delete_object")):
        for way, seconds in itertools.product(({}, {"VersionId": version}), (60, 86400)):
            what = f"signed {name} {key} {way} {seconds}"
            yield Attempt(what, _use_of_address(prey, name, prey.one(key, **way), seconds))


def _use_of_address(prey: Prey, name: str, one: dict[str, t.Any], seconds: int) -> Call:
    def call(client: t.Any) -> bytes:
        address = client.generate_presigned_url(name, Params=one, ExpiresIn=seconds)
        method = {"get_object": "GET", "head_object": "HEAD", "delete_object": "DELETE"}[name]
        request = urllib.request.Request(address, method=method)  # https, as the store's address is
        try:
            with urllib.request.urlopen(request, context=trusting(prey)) as answer:
                return t.cast(bytes, answer.read())
        except urllib.error.HTTPError as error:
            code = {403: "AccessDenied"}.get(error.code, str(error.code))
            raise client.exceptions.ClientError({"Error": {"Code": code}}, name) from error

    return call


def elsewhere(prey: Prey) -> Iterator[Attempt]:
    """Write into another server's part, and out of every part."""
    other = prey.others[0][0].split("/")[0]
    names = [key for key, _version in prey.others]
    names += [
        f"{other}/accounts/{time}/bagit.txt" for time in ("20990101T000000Z", "20261122T030000Z.0123456789abcdef")
    ]
    names += ["bagit.txt", ".probe", f"{prey.host}bis/x", f"/{prey.host}", f"{other}/.probe"]
    yield from each_call("put_object", [prey.one(key, Body=HOSTILE) for key in names])
    yield from each_call("create_multipart_upload", [prey.one(key) for key in names])


def trick(prey: Prey) -> Iterator[Attempt]:
    """Write into another server's part by a name that seems to be in one's own. Some stores take it for a name."""
    victim = prey.others[0][0]
    for climb in ("..", "./..", ".//..", "a/../..", "..%2f..", "%2e%2e", "%2e%2e%2f", "..\\..", "．．", "..;", "...."):
        yield from each_call("put_object", [prey.one(f"{prey.host}/{climb}/{victim}", Body=HOSTILE)])
        yield from each_call("put_object", [prey.one(f"{climb}/{victim}", Body=HOSTILE)])
    names = [f"/{victim}", f"//{victim}", f"{prey.host.upper()}/x"]
    yield from each_call("put_object", [prey.one(name, Body=HOSTILE) for name in names])


def take_identity(prey: Prey) -> Iterator[Attempt]:
    """Make oneself another identity, or more of the one that one has."""
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    named = {"UserName": prey.host}
    for name, given in (
        ("list_users", {}),
        ("create_user", {"UserName": "thief"}),
        ("create_access_key", {"UserName": "admin"}),
        ("list_access_keys", {"UserName": "admin"}),
        ("delete_user", {"UserName": "reader"}),
        ("delete_user", {"UserName": "retention"}),
        ("put_user_policy", {**named, "PolicyName": "all", "PolicyDocument": policy}),
        ("get_user_policy", {**named, "PolicyName": f"put-only-{prey.host}"}),
        ("attach_user_policy", {**named, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ("create_policy", {"PolicyName": "all", "PolicyDocument": policy}),
        ("list_policies", {}),
    ):
        yield Attempt(f"{name} {given}", calling(name, given))
    yield Attempt("create_access_key for itself, and read with it", with_client(_read_with_another_key, prey))


def _read_with_another_key(iam: t.Any, prey: Prey) -> bytes:
    """Some stores let every identity make keys for itself, whatever its policy says: they may do no more than it."""
    made = iam.create_access_key(UserName=prey.host)["AccessKey"]
    another = boto3.session.Session().client(
        "s3",
        endpoint_url=iam.meta.endpoint_url,
        region_name=iam.meta.region_name,
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        verify=str(prey.trust),
    )
    return t.cast(bytes, another.get_object(**prey.one(prey.sets[0][0]))["Body"].read())
