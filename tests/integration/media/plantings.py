# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server's key can do, since it may put: over its own sets, beside them, and where sets will come."""

from __future__ import annotations

import datetime
import itertools
import typing as t
import urllib.request
from collections.abc import Iterator

from .thefts import CUSTOMER_KEY, HOSTILE, UTC, Attempt, Prey, calling, each_call, trusting, with_client

MIB = 1024 * 1024
# What a first look takes for a set.
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANY = 300


def overwrite(prey: Prey) -> Iterator[Attempt]:
    """Put something else in the place of an object."""
    ways: list[dict[str, t.Any]] = [
        {},
        {"Body": b""},
        {"StorageClass": "GLACIER"},
        {"ContentEncoding": "gzip"},
        {"Metadata": {"expired": "yes"}},
        CUSTOMER_KEY,
        lock(hours=1),
    ]
    for (key, _version), way in itertools.product(prey.sets, ways):
        yield from each_call("put_object", [prey.one(key, **{"Body": HOSTILE, **way})])


def overwrite_in_parts(prey: Prey) -> Iterator[Attempt]:
    """Put something else in the place of an object, in parts."""
    for (key, _version), count in itertools.product(prey.sets, (1, 2)):
        yield Attempt(f"parts over {key}: {count}", with_client(put_parts, prey, key, count))


def put_parts(client: t.Any, prey: Prey, key: str, count: int, **condition: str) -> None:
    """Send an object in parts, and give it up where it may not be completed."""
    begun = client.create_multipart_upload(**prey.one(key))
    one = prey.one(key, UploadId=begun["UploadId"])
    parts = []
    for number in range(1, count + 1):
        sent = client.upload_part(**one, PartNumber=number, Body=HOSTILE * (MIB if number < count else 1))
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    try:
        client.complete_multipart_upload(**one, MultipartUpload={"Parts": parts}, **condition)
    except client.exceptions.ClientError:
        client.abort_multipart_upload(**one)
        raise


def overwrite_by_condition(prey: Prey) -> Iterator[Attempt]:
    """Put something else in the place of an object as the collection itself puts, which never replaces any."""
    for key, _version in prey.sets:
        ways = [{"IfNoneMatch": "*"}, {"IfMatch": '"00000000000000000000000000000000"'}]
        yield from each_call("put_object", [prey.one(key, Body=HOSTILE, **way) for way in ways])
        yield Attempt(f"parts over {key} if none", with_client(put_parts, prey, key, 1, IfNoneMatch="*"))


def overwrite_by_address(prey: Prey) -> Iterator[Attempt]:
    """Let somebody else do so, who has only a signed address."""

    def put(client: t.Any, key: str) -> None:
        kind = "application/octet-stream"
        address = client.generate_presigned_url("put_object", Params=prey.one(key, ContentType=kind), ExpiresIn=60)
        request = urllib.request.Request(address, HOSTILE, {"Content-Type": kind}, method="PUT")  # https
        urllib.request.urlopen(request, context=trusting(prey)).close()  # https

    for key, _version in prey.sets:
        yield Attempt(f"signed put {key}", with_client(put, key))


def lengthen(prey: Prey) -> Iterator[Attempt]:
    """Lock an object for longer, which costs room and spoils nothing."""
    for (key, version), hours in itertools.product(prey.sets, (30, 40)):
        later = {"Mode": "GOVERNANCE", "RetainUntilDate": lock(hours)["ObjectLockRetainUntilDate"]}
        yield from each_call("put_object_retention", [prey.one(key, VersionId=version, Retention=later)])


def declare(prey: Prey) -> Iterator[Attempt]:
    """Declare a set complete that is still to come: the next one of the server first of all."""
    key = f"{prey.host}/{prey.future[0]}/bagit.txt"
    for body, way in (
        (DECLARATION, {}),
        (DECLARATION, lock(hours=1)),
        (b"", {}),
        (HOSTILE, {"StorageClass": "GLACIER"}),
    ):
        yield from _put(prey, key, body, way)


def squat(prey: Prey) -> Iterator[Attempt]:
    """Take the places of sets that are still to come, and of what is beside them."""
    for name in prey.future:
        for path, body, way in (
            ("tagmanifest-sha256.txt", b"0" * 64 + b"  bagit.txt\n", {}),
            ("backup.json", b'{"format": 1}', {}),
            ("data/1.zst.age", HOSTILE, CUSTOMER_KEY),
            ("signature", HOSTILE, {}),
            ("data/added.age", HOSTILE * MIB * 2, {}),
        ):
            yield from _put(prey, f"{prey.host}/{name}/{path}", body, way)
        yield from _put(prey, f"{prey.host}/{name}.0123456789abcdef/bagit.txt", DECLARATION, {})
        yield from _put(prey, f"{prey.host}/{name}", b"a file where a folder is to be", {})
    yield from _put(prey, f"{prey.host}/accounts", b"a file where a folder is to be", {})
    yield from _put(prey, f"{prey.host}/.probe", HOSTILE, {})


def flood(prey: Prey) -> Iterator[Attempt]:
    """Put hundreds of versions of one object, and hundreds of sets that are none."""

    def versions(client: t.Any, key: str) -> None:
        for _number in range(MANY):
            client.put_object(**prey.one(key), Body=HOSTILE)

    def sets(client: t.Any, source: str) -> None:
        for number in range(MANY):
            client.put_object(
                **prey.one(f"{prey.host}/{source}/20271123T03{number // 60:02}{number % 60:02}Z/bagit.txt")
            )

    yield Attempt("versions of an object", with_client(versions, prey.sets[0][0]))
    yield Attempt("versions of an early bagit.txt", with_client(versions, f"{prey.host}/{prey.future[0]}/bagit.txt"))
    yield Attempt("sets that are none", with_client(sets, "accounts"))
    yield Attempt("sources that are none", with_client(sets, "of-nobody"))


def lock(hours: int) -> dict[str, t.Any]:
    """Return the parameters of a put that locks what it puts."""
    until = datetime.datetime.now(UTC) + datetime.timedelta(hours=hours)
    return {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until, "ChecksumAlgorithm": "SHA256"}


def _put(prey: Prey, key: str, body: bytes, way: dict[str, t.Any]) -> Iterator[Attempt]:
    what = f"put {len(body)} bytes at {key} {sorted(way)}"
    yield Attempt(what, calling("put_object", prey.one(key, Body=body, **way)))
