# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each identity may do in the bucket, as S3 policies: one per server, and two of the systems computer."""

from __future__ import annotations

import typing as t

Policy = dict[str, t.Any]

READER = "reader"
RETENTION = "retention"


def policies(bucket: str, prefix: str, servers: t.Iterable[str], *, own_locks: bool) -> dict[str, Policy]:
    """Return the policies by the names of the identities: ``server-<name>``, :data:`READER`, :data:`RETENTION`.

    :param prefix: of all keys, without a slash at the end.
    :param own_locks: whether servers lock what they store (the option ``retain_days``); otherwise the bucket does.
    """
    everything = f"arn:aws:s3:::{bucket}"
    below = f"{everything}/{prefix}/" if prefix else f"{everything}/"
    put = ["s3:PutObject", "s3:AbortMultipartUpload", *(["s3:PutObjectRetention"] if own_locks else [])]
    listing = ["s3:ListBucket", "s3:ListBucketVersions"]
    reading = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention"]
    looking = ["s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"]
    keeping = ["s3:GetObjectRetention", "s3:PutObjectRetention", "s3:DeleteObjectVersion"]
    found = {f"server-{server}": _policy((put, f"{below}{server}/*")) for server in servers}
    found[READER] = _policy(([*listing, *looking], everything), (reading, f"{below}*"))
    found[RETENTION] = _policy((listing, everything), (keeping, f"{below}*"))
    return found


def _policy(*allowed: tuple[list[str], str]) -> Policy:
    statements = [{"Effect": "Allow", "Action": actions, "Resource": resource} for actions, resource in allowed]
    return {"Version": "2012-10-17", "Statement": statements}


def same(found: t.Any, policy: Policy) -> bool:
    """Whether a policy, as a store gives it back, says exactly the same. A list of one may come back as its element."""
    return bool(_plain(found) == _plain(policy))


def _plain(policy: t.Any) -> t.Any:
    if not isinstance(policy, dict):
        return policy
    statements = policy.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    return [{name: _sorted(value) for name, value in (each or {}).items()} for each in listed]


def _sorted(value: t.Any) -> t.Any:
    return sorted(value) if isinstance(value, list) else [value] if isinstance(value, str) else value
