# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a key to a bucket may do, found by really trying."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Access

# Fixed names, so that a second try leaves nothing that the first did not.
_PROBE = ".probe"
_NEVER_STORED = ".probe-never-stored"
_REFUSED = ("AccessDenied", "AllAccessDisabled", "Forbidden", "403", "401")


def probe_bucket(client: t.Any, *, bucket: str, prefix: str) -> Access:
    """Tries to put, list, get and delete.

    :param client: a boto3 S3 client.
    :param prefix: what the probe's key begins with; ends with a slash unless empty.
    :raises botocore.exceptions.ClientError: for any answer that is neither a success nor a refusal of rights.
    :raises botocore.exceptions.BotoCoreError: when the store cannot be reached.
    """
    key = prefix + _PROBE
    never = prefix + _NEVER_STORED
    client.meta.events.register("before-sign.s3.PutObject", _only_if_absent, unique_id=_PROBE)
    try:
        body = b"infitulua.backup\n"
        write = _may(client, "put_object", Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256")
    finally:
        client.meta.events.unregister("before-sign.s3.PutObject", unique_id=_PROBE)
    listing = _may(client, "list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
    versions = _may(client, "list_object_versions", Bucket=bucket, Prefix=prefix, MaxKeys=1)
    read = _may(client, "get_object", Bucket=bucket, Key=key)
    # The object is one that was never stored: rights are checked before existence, and nothing can be lost. A marker
    # that an all too mighty key leaves is what this looks for. Destroying a version is a right of its own.
    delete = _may(client, "delete_object", Bucket=bucket, Key=never)
    destroy = _may(client, "delete_object", Bucket=bucket, Key=never, VersionId="null")
    return Access(list=listing or versions, read=read, write=write, delete=delete or destroy)


def _only_if_absent(request: t.Any, **_: t.Any) -> None:
    # As a header, since older botocore refuses the parameter of the same name.
    request.headers["If-None-Match"] = "*"


def _may(client: t.Any, operation: str, **parameters: t.Any) -> bool:
    from botocore.exceptions import ClientError

    try:
        answer = getattr(client, operation)(**parameters)
    except ClientError as error:
        response = error.response
        code = str(response.get("Error", {}).get("Code"))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code in _REFUSED or status in (401, 403):
            return False
        # Allowed, but nothing there, or (a conditional put) there already.
        if status in (404, 409, 412):
            return True
        raise
    body = answer.get("Body")
    if body is not None:
        body.close()
    return True
