# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cloud_bucket takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import medium_argument
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.bucket import Bucket
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Store

from ..outermost import Answer
from ..prepare.changes import Changes
from .bucket import provide_bucket
from .identities import has_iam, provide_identities
from .policies import policies
from .settings import Wanted, expiring_rules

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "medium": {**medium_argument(), "required": True},
    "lock_days": {"type": "int"},
    "lock_mode": {"type": "str", "choices": ["compliance", "governance"], "default": "compliance"},
    "abort_uploads_days": {"type": "int", "default": 7},
    "adopt": {"type": "bool", "default": False},
    "servers": {"type": "list", "elements": "str", "default": []},
    "identities": {"type": "str", "choices": ["auto", "apply", "print"], "default": "auto"},
    "identity_prefix": {"type": "str", "default": "infitulua-backup-"},
}
_CONNECTION = (
    "bucket",
    "endpoint_url",
    "region",
    "profile",
    "credentials_file",
    "access_key",
    "secret_key",
    "validate_certs",
    "ca_bundle",
)


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Prepare the bucket, and the identities that use it.

    :raises Refused: when the options make no sense.
    :raises BackupError: when the store does not do it.
    """
    options = params["medium"]
    _check(params)
    changes = Changes(check_mode=check_mode)
    access = {name: options[name] for name in _CONNECTION if options.get(name) is not None}
    store = Store(Bucket(**{**access, "endpoint_url": (options.get("endpoint_url") or "").rstrip("/") or None}))
    try:
        wanted = Wanted(
            bucket=options["bucket"],
            lock_days=params["lock_days"],
            lock_mode=params["lock_mode"].upper(),
            abort_uploads_days=params["abort_uploads_days"],
            is_tls=not str(options.get("endpoint_url") or "").startswith("http:"),
        )
        provided = provide_bucket(store, wanted, changes, adopt=params["adopt"])
        # With a lock by default, servers need no right to lock.
        own_locks = params["lock_days"] is None
        named = policies(options["bucket"], options.get("prefix") or "", params["servers"], own_locks=own_locks)
        prefixed = {params["identity_prefix"] + name: policy for name, policy in named.items()}
        applies = params["identities"] == "apply" or (params["identities"] == "auto" and has_iam(store))
        expiring = expiring_rules(provided.settings.get("lifecycle"))
        if applies:
            provide_identities(store, prefixed, changes)
    finally:
        store.close()
    result = {
        "changed": changes.changed,
        "diff": changes.diff,
        "settings": provided.settings,
        "not_offered": provided.not_offered,
        "policies": prefixed,
        "identities_applied": applies,
    }
    warnings = [
        f"The bucket's lifecycle rule {name} deletes by age. It must wait longer than any set is kept."
        for name in expiring
    ]
    return Answer({**result, "expiring_rules": expiring}, warnings)


def _check(params: t.Mapping[str, t.Any]) -> None:
    options = params["medium"]
    problem = ""
    if options["type"] != "s3" or not options["bucket"]:
        problem = "it is no bucket"
    elif params["lock_days"] is not None and params["lock_days"] < 1:
        problem = f"lock_days is {params['lock_days']}"
    elif params["abort_uploads_days"] < 1:
        problem = f"abort_uploads_days is {params['abort_uploads_days']}"
    if problem:
        raise Refused(
            "prepare a bucket",
            on=str(options.get("bucket") or options["type"]),
            why=problem,
            next_step="Give a medium of type s3 with a bucket, and days of 1 or more.",
        )
