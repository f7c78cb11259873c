# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identities at the store, each with exactly its policy, where the store has an IAM API."""

from __future__ import annotations

import json
import typing as t
import urllib.parse

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Declined, Store

from ..prepare.changes import Changes
from .policies import Policy, same

_ACTION = "prepare an identity"
_POLICY_NAME = "infitulua-backup"
_NO_IAM = ("NotImplemented", "InvalidAction", "MethodNotAllowed", "UnknownOperation", "NoSuchBucket")


def has_iam(store: Store) -> bool:
    """Whether the store has an IAM API that this key may use to look at identities.

    :raises BackupError: when it does not answer.
    """
    try:
        store.administer("list_users", action="look for an IAM API", on=store.access.describe(), MaxItems=1)
    except Declined as declined:
        # Asked for the list of users, no store finds fault with the question itself, unless it does not know it.
        # Whoever may not ask cannot create them either.
        if declined.code in _NO_IAM or declined.status in (400, 403, 404, 405, 501):
            return False
        raise declined.error from declined.__cause__
    return True


def provide_identities(store: Store, policies: t.Mapping[str, Policy], changes: Changes) -> None:
    """Make the identities that are missing, and give each its policy and no other.

    Nobody gets a key here.

    :param policies: by the name of the identity.
    :raises Refused: when an identity has other rights besides, which somebody has given it.
    :raises BackupError: when the store does not do it.
    """
    try:
        for name, policy in policies.items():
            _provide(store, name, policy, changes)
    except Declined as declined:
        raise declined.error from declined.__cause__


def _provide(store: Store, name: str, policy: Policy, changes: Changes) -> None:
    on = f"identity {name} at {store.access.endpoint_url or 'AWS'}"
    is_missing = not _is_there(store, name, on)
    found = None if is_missing else _read_policy(store, name, on)
    if not is_missing:
        _refuse_others(store, name, on)
    if found is not None and same(found, policy):
        return
    before = "(absent)\n" if is_missing else _shown(found) if found is not None else "(no policy)\n"
    changes.note(on, before=before, after=_shown(policy))
    if changes.check_mode:
        return
    if is_missing:
        store.administer("create_user", action=_ACTION, on=on, UserName=name)
    document = json.dumps(policy)
    store.administer(
        "put_user_policy", action=_ACTION, on=on, UserName=name, PolicyName=_POLICY_NAME, PolicyDocument=document
    )


def _is_there(store: Store, name: str, on: str) -> bool:
    return _known(store, "get_user", on, UserName=name) is not None


def _read_policy(store: Store, name: str, on: str) -> t.Any:
    answer = _known(store, "get_user_policy", on, UserName=name, PolicyName=_POLICY_NAME)
    document = (answer or {}).get("PolicyDocument")
    # AWS gives it URL-encoded (RFC 3986), which botocore decodes; others give a text.
    return json.loads(urllib.parse.unquote(document)) if isinstance(document, str) else document


def _refuse_others(store: Store, name: str, on: str) -> None:
    """Refuse an identity that may do more than its policy says.

    :raises Refused: when it has another policy.
    """
    own = _known(store, "list_user_policies", on, UserName=name) or {}
    others = [each for each in own.get("PolicyNames") or () if each != _POLICY_NAME]
    attached = _known(store, "list_attached_user_policies", on, UserName=name) or {}
    others += [str(each.get("PolicyName")) for each in attached.get("AttachedPolicies") or ()]
    groups = _known(store, "list_groups_for_user", on, UserName=name) or {}
    others += [f"{each.get('GroupName')} (group)" for each in groups.get("Groups") or ()]
    if others:
        raise Refused(
            _ACTION,
            on=on,
            why=f"it has other policies too: {', '.join(sorted(others))}",
            next_step="Take them away at the store, or delete the identity; then run again.",
        )


def _known(store: Store, operation: str, on: str, **parameters: t.Any) -> dict[str, t.Any] | None:
    """Return an answer; None where there is no such thing, or the store does not know such a question."""
    try:
        return store.administer(operation, action=_ACTION, on=on, **parameters)
    except Declined as declined:
        is_unknown = declined.code in _NO_IAM or declined.status in (405, 501)
        if declined.code in ("NoSuchEntity", "NoSuchEntityException") or (is_unknown and operation.startswith("list_")):
            return None
        raise


def _shown(policy: t.Any) -> str:
    return json.dumps(policy, indent=1, sort_keys=True) + "\n"
