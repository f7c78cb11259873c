# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each kind of key to the cloud must be able to do and what it must be refused, proved and kept as evidence."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.access import Attempt, KeyTrial
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.protection import Protection
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.trials import Trial
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

_NEXT_STEP = "Correct its policy at the provider and run again."
_WITHOUT_LOCK = (
    "Prepare the bucket (playbook infitulua.backup.prepare_cloud), and let this key s3:GetBucketVersioning and"
    " s3:GetBucketObjectLockConfiguration. If this store has no Object Lock, say in the inventory why it is used all"
    " the same (backup_cloud_without_lock)."
)


@dataclasses.dataclass(frozen=True)
class Rights:
    """What a kind of key must be able to do.

    :param attempts: tries all that it must and must not be able to do.
    :param may: what it must be able to do.
    :param also: what else it may do; nothing besides these.
    :param policy: the same in the words of the provider.
    :param asks_protection: whether it is this key that may ask how the bucket protects copies.
    """

    attempts: t.Callable[[KeyTrial], list[Attempt]]
    may: frozenset[str]
    policy: str
    also: frozenset[str] = frozenset()
    asks_protection: bool = False


RIGHTS = {
    "put_only": Rights(
        KeyTrial.of_server,
        frozenset({"write"}),
        "A server's key may s3:PutObject, s3:AbortMultipartUpload and s3:PutObjectRetention, below its own name, and"
        " nothing else.",
        also=frozenset({"lock"}),
    ),
    "read_only": Rights(
        KeyTrial.of_reader,
        frozenset({"list", "read"}),
        "The systems computer's key may s3:GetObject*, s3:ListBucket*, s3:GetBucketVersioning and"
        " s3:GetBucketObjectLockConfiguration, and nothing else.",
        also=frozenset({"list_versions"}),
        asks_protection=True,
    ),
    "retention": Rights(
        KeyTrial.of_retention,
        frozenset({"list", "list_versions", "delete_versions"}),
        "The systems computer's retention key may s3:ListBucket*, s3:GetObjectRetention, s3:PutObjectRetention and"
        " s3:DeleteObjectVersion, and nothing else.",
        also=frozenset({"lock"}),
    ),
}


def bucket_only(medium: Medium, action: str) -> S3Medium:
    """Return the medium, if it is a bucket.

    :raises Refused: when it is not.
    """
    if not isinstance(medium, S3Medium):
        raise Refused(
            action,
            on=medium.describe(),
            why="only a bucket has keys",
            next_step="Give a medium of type s3.",
        )
    return medium


def prove(medium: S3Medium, kind: str, *, host: str | None, without_lock: str = "") -> Trial:
    """Try a key, record what was tried and what the store answered, and only then judge it.

    :param kind: one of :data:`RIGHTS`.
    :param host: the server in whose part of the bucket the key is tried; None: anywhere.
    :param without_lock: why copies may lie in a bucket that does not protect them; empty: they must not.
    :raises Refused: when the key may do more or less than it must, or the bucket does not protect copies.
    :raises BackupError: when it cannot be tried, or the trial cannot be recorded.
    """
    rights = RIGHTS[kind]
    attempts = rights.attempts(medium.examination.key_trial(host=host))
    problem = _excess_or_lack(rights, attempts)
    next_step = f"{rights.policy} {_NEXT_STEP}"
    told = None
    if rights.asks_protection:
        protection = medium.examination.protection()
        told = {**dataclasses.asdict(protection), "without_lock": without_lock}
        if not problem and not without_lock:
            problem = _lack_of(protection)
            next_step = _WITHOUT_LOCK
    moment = host_clock.write(host_clock.now())
    trial = Trial(kind, host, medium.describe(), moment, not problem, attempts, told)
    medium.examination.trials.add(trial)
    if problem:
        raise Refused(
            "accept the cloud key",
            on=medium.describe(),
            why=problem,
            next_step=next_step,
            details=[f"{each.what}: {each.answer}" for each in attempts],
        )
    return trial


def _excess_or_lack(rights: Rights, attempts: t.Sequence[Attempt]) -> str:
    """Return what a key may do more or less than it must; empty: neither."""
    excess = ", ".join(each.what for each in attempts if each.allowed and each.what not in rights.may | rights.also)
    lack = ", ".join(each.what for each in attempts if not each.allowed and each.what in rights.may)
    return f"it may {excess}, which it must not" if excess else f"it cannot {lack}" if lack else ""


def _lack_of(protection: Protection) -> str:
    """Return why copies in a bucket are not known to be protected; empty: they are."""
    if protection.versioning is None or protection.object_lock is None:
        return "it may not ask whether the bucket keeps versions and has Object Lock"
    if not protection.versioning:
        return "the bucket keeps no versions, so that copies there can be replaced"
    return "" if protection.object_lock else "the bucket has no Object Lock, so that copies there can be deleted"
