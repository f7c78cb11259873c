# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a bucket: how each is read and written, and what it must be."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Declined, Store

_ACTION = "prepare a bucket"
_OURS = "infitulua-backup-"
_TLS_ONLY = "InfituluaBackupTlsOnly"
#: What a store answers where a setting was never set.
_NOT_SET = (
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a bucket is to be.

    :param bucket: its name.
    :param lock_days: for how many days what is stored is locked if whoever stores it says nothing; None: as it is.
    :param lock_mode: ``COMPLIANCE`` or ``GOVERNANCE``.
    :param abort_uploads_days: after how many days the parts of an upload that was never completed are removed.
    :param is_tls: whether it is reached by TLS; otherwise nobody must be shut out who does not use it.
    """

    bucket: str
    lock_days: int | None
    lock_mode: str
    abort_uploads_days: int
    is_tls: bool = True


class Setting(t.NamedTuple):
    """One setting.

    :param read: returns what it is; None: it is not set. Raises Declined.
    :param want: returns what it must be, given what it is.
    :param write: sets it. Raises Declined.
    :param is_essential: whether copies must not be stored without it.
    """

    name: str
    read: t.Callable[[Store], t.Any]
    want: t.Callable[[t.Any, Wanted], t.Any]
    write: t.Callable[[Store, t.Any], None]
    is_essential: bool = False


def _get(store: Store, operation: str) -> dict[str, t.Any] | None:
    try:
        return store.attempt(operation, action=_ACTION)
    except Declined as declined:
        if declined.code in _NOT_SET:
            return None
        raise


def _put(store: Store, operation: str, **parameters: t.Any) -> None:
    store.attempt(operation, action=_ACTION, **parameters)


def _read_versioning(store: Store) -> t.Any:
    return (_get(store, "get_bucket_versioning") or {}).get("Status")


def _write_versioning(store: Store, value: t.Any) -> None:
    _put(store, "put_bucket_versioning", VersioningConfiguration={"Status": value})


def read_lock(store: Store) -> t.Any:
    """Return how a bucket locks what is stored; None: it does not. Raises Declined."""
    return (_get(store, "get_object_lock_configuration") or {}).get("ObjectLockConfiguration")


def _want_lock(found: t.Any, wanted: Wanted) -> t.Any:
    if wanted.lock_days is None:
        return {**(found or {}), "ObjectLockEnabled": "Enabled"}
    if _locks_as_long(found or {}, wanted):
        return found
    rule = {"DefaultRetention": {"Mode": wanted.lock_mode, "Days": wanted.lock_days}}
    return {"ObjectLockEnabled": "Enabled", "Rule": rule}


def _locks_as_long(found: t.Mapping[str, t.Any], wanted: Wanted) -> bool:
    """Whether the lock that is there by default is no shorter and no weaker: then nobody has asked to weaken it."""
    default = (found.get("Rule") or {}).get("DefaultRetention") or {}
    days = default.get("Days") or default.get("Years", 0) * 365
    is_strong = default.get("Mode") in (wanted.lock_mode, "COMPLIANCE")
    return found.get("ObjectLockEnabled") == "Enabled" and is_strong and days >= (wanted.lock_days or 0)


def _write_lock(store: Store, value: t.Any) -> None:
    _put(store, "put_object_lock_configuration", ObjectLockConfiguration=value)


def _read_public_access(store: Store) -> t.Any:
    return (_get(store, "get_public_access_block") or {}).get("PublicAccessBlockConfiguration")


def _want_no_public_access(_found: t.Any, _wanted: Wanted) -> t.Any:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return dict.fromkeys(names, True)


def _write_public_access(store: Store, value: t.Any) -> None:
    _put(store, "put_public_access_block", PublicAccessBlockConfiguration=value)


def _read_policy(store: Store) -> t.Any:
    answer = _get(store, "get_bucket_policy")
    return json.loads(answer["Policy"]) if answer is not None else None


def _want_tls(found: t.Any, wanted: Wanted) -> t.Any:
    if not wanted.is_tls:
        return found
    policy = found or {"Version": "2012-10-17", "Statement": []}
    bucket = f"arn:aws:s3:::{wanted.bucket}"
    ours = {
        "Sid": _TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket, f"{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    if any(_same_statement(each, ours) for each in statements):
        return found
    return {**policy, "Statement": [*(each for each in statements if each.get("Sid") != _TLS_ONLY), ours]}


def _same_statement(found: t.Any, ours: t.Mapping[str, t.Any]) -> bool:
    """Whether a statement says the same: stores write a list of one as its only element, and a principal as AWS's."""

    def plain(name: str, value: t.Any) -> t.Any:
        if name == "Principal":
            return "*" if value in ("*", {"AWS": "*"}, {"AWS": ["*"]}) else value
        if name == "Condition" and isinstance(value, dict):
            return json.dumps(
                {test: {key: _listed(one) for key, one in keys.items()} for test, keys in value.items()}, sort_keys=True
            )
        return _listed(value) if name in ("Action", "Resource") else value

    return {name: plain(name, value) for name, value in found.items()} == {
        name: plain(name, value) for name, value in ours.items()
    }


def _listed(value: t.Any) -> list[t.Any]:
    return sorted(value) if isinstance(value, list) else [value]


def _write_policy(store: Store, value: t.Any) -> None:
    _put(store, "put_bucket_policy", Policy=json.dumps(value))


def _read_encryption(store: Store) -> t.Any:
    rules = ((_get(store, "get_bucket_encryption") or {}).get("ServerSideEncryptionConfiguration") or {}).get("Rules")
    return [rule.get("ApplyServerSideEncryptionByDefault") for rule in rules] if rules else None


def _want_encryption(found: t.Any, _wanted: Wanted) -> t.Any:
    # With a key of the institution's own (KMS), that stays.
    return found or [{"SSEAlgorithm": "AES256"}]


def _write_encryption(store: Store, value: t.Any) -> None:
    rules = [{"ApplyServerSideEncryptionByDefault": each} for each in value]
    _put(store, "put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": rules})


def _read_lifecycle(store: Store) -> t.Any:
    return (_get(store, "get_bucket_lifecycle_configuration") or {}).get("Rules")


def _want_lifecycle(found: t.Any, wanted: Wanted) -> t.Any:
    ours = {
        "ID": f"{_OURS}cleaning",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": wanted.abort_uploads_days},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    }
    rules = list(found or ())
    if any(_same_rule(rule, ours) for rule in rules):
        return rules
    return [*(_with_filter(rule) for rule in rules if rule.get("ID") != ours["ID"]), ours]


def _with_filter(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return a rule with its prefix where all rules beside ours must have it."""
    others = {name: value for name, value in rule.items() if name != "Prefix"}
    return {**others, "Filter": {"Prefix": rule["Prefix"]}} if "Prefix" in rule and "Filter" not in rule else dict(rule)


def expiring_rules(rules: t.Any) -> list[str]:
    """Return the names of lifecycle rules by which the store deletes what nobody has asked it to."""
    return [
        str(rule.get("ID"))
        for rule in rules or ()
        if rule.get("Status") == "Enabled"
        and ("NoncurrentVersionExpiration" in rule or {"Days", "Date"} & set(rule.get("Expiration") or ()))
    ]


def _same_rule(found: t.Mapping[str, t.Any], ours: t.Mapping[str, t.Any]) -> bool:
    """Whether a rule does the same to all keys: stores write "all" as an empty filter, an empty prefix, or both."""
    of_all: tuple[t.Any, ...] = (None, "", {}, {"Prefix": ""})
    names = ("ID", "Status", "AbortIncompleteMultipartUpload", "Expiration")
    return all(found.get(name) in of_all for name in ("Filter", "Prefix")) and all(
        found.get(name) == ours[name] for name in names
    )


def _write_lifecycle(store: Store, value: t.Any) -> None:
    _put(store, "put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": value})


#: In the order in which they are set: Object Lock needs versions.
SETTINGS = (
    Setting("versioning", _read_versioning, lambda _found, _wanted: "Enabled", _write_versioning, True),
    Setting("object_lock", read_lock, _want_lock, _write_lock, True),
    Setting("public_access_block", _read_public_access, _want_no_public_access, _write_public_access),
    Setting("policy", _read_policy, _want_tls, _write_policy),
    Setting("encryption", _read_encryption, _want_encryption, _write_encryption),
    Setting("lifecycle", _read_lifecycle, _want_lifecycle, _write_lifecycle),
)
