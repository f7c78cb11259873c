# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a bucket protects what is stored in it, as far as a key may ask: versions, and Object Lock with its default."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied

from .store import Declined, Store

_ACTION = "look how a bucket protects copies"


@dataclasses.dataclass(frozen=True)
class Protection:
    """What a bucket is set to. None: the key may not ask.

    :param versioning: whether it keeps versions.
    :param object_lock: whether it has Object Lock.
    :param default_mode: how what is stored is locked if whoever stores it says nothing, ``COMPLIANCE`` or
        ``GOVERNANCE``; None also where it is not.
    :param default_days: for how many days.
    """

    versioning: bool | None
    object_lock: bool | None
    default_mode: str | None = None
    default_days: int | None = None


def read_protection(store: Store) -> Protection:
    """Ask the store.

    :raises BackupError: for any answer that is neither a success nor a refusal of rights.
    """
    versions = _ask(store, "get_bucket_versioning")
    versioning = None if versions is None else versions.get("Status") == "Enabled"
    answer = _ask(store, "get_object_lock_configuration")
    if answer is None:
        return Protection(versioning, None)
    lock = answer.get("ObjectLockConfiguration") or {}
    default = (lock.get("Rule") or {}).get("DefaultRetention") or {}
    days = default.get("Days") or default.get("Years", 0) * 365 or None
    return Protection(versioning, lock.get("ObjectLockEnabled") == "Enabled", default.get("Mode"), days)


def _ask(store: Store, operation: str) -> dict[str, t.Any] | None:
    """Return an answer, empty where the store has no such thing; None where the key may not ask."""
    try:
        return store.attempt(operation, action=_ACTION)
    except Declined as declined:
        is_gone = declined.code == "NoSuchBucket"
        if isinstance(declined.error, AccessDenied):
            return None
        if (400 <= declined.status < 500 or declined.status == 501) and not declined.is_of_request and not is_gone:
            return {}
        raise declined.error from declined.__cause__
