# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket as copies need it: with versions and Object Lock, private, and cleaned of what nobody needs.

Each setting is read first and written only where it differs, and then read again: a store that accepts a setting and
does not keep it is told of. What an administrator has set besides stays: other statements of the policy, other rules.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Declined, Store

from ..prepare.changes import Changes
from .settings import SETTINGS, Setting, Wanted, read_lock

# What a store answers that does not have a setting at all.
_NOT_OFFERED = ("NotImplemented", "MethodNotAllowed", "XNotImplemented")
_AWS_FIRST_REGION = "us-east-1"


@dataclasses.dataclass(frozen=True)
class Provided:
    """What was done to a bucket.

    :param settings: the settings that the bucket has now (or in check mode would have), by name.
    :param not_offered: the names of those that the store does not offer.
    """

    settings: dict[str, t.Any]
    not_offered: list[str]


def provide_bucket(store: Store, wanted: Wanted, changes: Changes, *, adopt: bool) -> Provided:
    """Make the bucket where it is missing, and correct its settings.

    :param adopt: whether one that is there without Object Lock gets it.
    :raises Refused: when it has none and is not to get it.
    :raises BackupError: when the store does not do it, or does not keep what it has accepted.
    """
    is_missing = not _is_there(store)
    if not is_missing and not adopt and read_lock(store) is None:
        raise Refused(
            "prepare a bucket",
            on=store.access.describe(),
            why="it exists and has no Object Lock, which cannot be turned off again",
            next_step="Correct its name. If all that is in it may be locked, run cloud_bucket with adopt: true.",
        )
    if is_missing:
        changes.note(store.access.describe(), before="(absent)\n", after="bucket with Object Lock\n")
        if not changes.check_mode:
            _create(store)
    settings: dict[str, t.Any] = {}
    not_offered = []
    for setting in SETTINGS:
        is_unread = is_missing and changes.check_mode
        try:
            value = _provide(store, setting, wanted, changes, is_unread=is_unread)
        except Declined as declined:
            if not _is_not_offered(declined):
                raise declined.error from declined.__cause__
            value = None
        if value is None:
            not_offered.append(setting.name)
        else:
            settings[setting.name] = value
    return Provided(settings, not_offered)


def _is_there(store: Store) -> bool:
    try:
        store.attempt("head_bucket", action="look for a bucket")
    except Declined as declined:
        if declined.status == 404:
            return False
        raise declined.error from declined.__cause__
    return True


def _create(store: Store) -> None:
    region = store.access.region
    where: dict[str, t.Any] = {}
    is_aws = store.access.endpoint_url is None or ".amazonaws." in store.access.endpoint_url
    if region and region != _AWS_FIRST_REGION and is_aws:
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    store.call("create_bucket", action="make a bucket", ObjectLockEnabledForBucket=True, **where)


def _provide(store: Store, setting: Setting, wanted: Wanted, changes: Changes, *, is_unread: bool) -> t.Any:
    """Correct one setting, and return it; None where the store takes it and does not keep it.

    :param is_unread: there is no bucket yet that could be read.
    :raises Declined: when the store refuses.
    """
    found = None if is_unread else setting.read(store)
    want = setting.want(found, wanted)
    if found == want:
        return found
    on = f"{store.access.describe()}, {setting.name}"
    if changes.check_mode:
        changes.note(on, before=_shown(found), after=_shown(want))
        return want
    setting.write(store, want)
    kept = setting.read(store)
    if kept != found:
        changes.note(on, before=_shown(found), after=_shown(kept))
    if setting.want(kept, wanted) == kept:
        return kept
    if not setting.is_essential:
        return None
    raise BackupError(
        "prepare a bucket",
        on=on,
        why="the store accepted the setting and does not keep it",
        next_step="Set it in the store's own console, or use another store; then run again.",
    )


def _is_not_offered(declined: Declined) -> bool:
    return declined.status == 501 or declined.code in _NOT_OFFERED


def _shown(value: t.Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n" if value is not None else "(not set)\n"
