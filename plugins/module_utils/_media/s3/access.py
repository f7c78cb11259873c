# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a key to a bucket may do, found by really trying."""

from __future__ import annotations

import secrets
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied

from ..base import Access
from .store import ONLY_IF_ABSENT, PROBE_BODY, PROBE_NAME, PROBE_SHA256, Declined, Store

_NEVER_STORED = ".probe-never-stored"


def probe_bucket(store: Store, *, prefix: str) -> Access:
    """Try to put, list, get and delete. A second try leaves nothing that the first did not.

    :param prefix: what the probe's key begins with; ends with a slash unless empty.
    :raises BackupError: for any answer that is neither a success nor a refusal of rights.
    """
    key = prefix + PROBE_NAME
    never = prefix + _NEVER_STORED
    write = _may(
        store,
        "put_object",
        headers=ONLY_IF_ABSENT,
        Key=key,
        Body=PROBE_BODY,
        ContentLength=len(PROBE_BODY),
        ChecksumSHA256=PROBE_SHA256,
    )
    listing = _may(store, "list_objects_v2", Prefix=prefix, MaxKeys=1)
    versions = _may(store, "list_object_versions", Prefix=prefix, MaxKeys=1)
    read = _may(store, "get_object", Key=key)
    # The object is one that was never stored: rights are checked before existence, and nothing can be lost. A marker
    # that an all too mighty key leaves is what this looks for. Destroying a version is a right of its own.
    delete = _may(store, "delete_object", Key=never)
    destroy = _may(store, "delete_object", Key=never, VersionId="null")
    return Access(listing or versions, read, write, delete, list_versions=versions, delete_versions=destroy)


def may_read(store: Store, *, prefix: str) -> bool:
    """Whether a key that may list may read at all: then what it is not given is withheld by how it was put.

    :param prefix: as for :func:`probe_bucket`.
    :raises BackupError: for any answer that is neither a success nor a refusal of rights.
    """
    # Nobody can have put this one: its name is made now.
    key = f"{prefix}{_NEVER_STORED}-{secrets.token_hex(8)}"
    return _may(store, "get_object", Key=key)


def _may(store: Store, operation: str, **parameters: t.Any) -> bool:
    try:
        answer = store.attempt(operation, action="test what a key may do", **parameters)
    except Declined as declined:
        if isinstance(declined.error, AccessDenied):
            return False
        # Allowed, but nothing there (as long as the bucket is), or, a conditional put, there already.
        if declined.status in (404, 409, 412) and declined.code != "NoSuchBucket":
            return True
        raise declined.error from declined.__cause__
    body = answer.get("Body")
    if body is not None:
        body.close()
    return True
