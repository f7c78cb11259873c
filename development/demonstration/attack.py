# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An attacker who has taken over a server, with the server's own key to the cloud."""

from __future__ import annotations

import datetime
import typing as t
from collections.abc import Callable, Iterable

from development.services.object_store import Credentials, ObjectStore

GARBAGE = b"everything is mine now\n"
ACCEPTED = "aceptado/accepted"
_REFUSED = ("AccessDenied", "403", "Forbidden")


def attack(store: ObjectStore, thief: Credentials, server: str, keys: Iterable[str]) -> dict[str, str]:
    """Try to read, delete and overwrite what the server has stored, and to take the place of what it will store.

    :param keys: of the objects of its sets, which its own disk gives away.
    :returns: what was tried, and what came of it.
    """
    client = store.client(thief)
    bucket = {"Bucket": store.bucket}
    those = sorted(keys)
    tomorrow = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y%m%dT%H%M%SZ")
    source = "/".join(those[0].split("/")[:2])
    declared = {"Body": GARBAGE, "ChecksumAlgorithm": "SHA256"}
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
    tried: dict[str, Callable[[], t.Any]] = {
        "leer/read": lambda: client.get_object(**bucket, Key=those[0]),
        "ver la lista/list": lambda: client.list_objects_v2(**bucket, Prefix=f"{server}/"),
        "borrar/delete": lambda: [client.delete_object(**bucket, Key=key) for key in those],
        "borrar versiones/delete versions": lambda: client.delete_object(
            **bucket, Key=those[0], VersionId="null", BypassGovernanceRetention=True
        ),
        "acortar el bloqueo/shorten the lock": lambda: client.put_object_retention(
            **bucket, Key=those[0], Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon}
        ),
        "escribir lo de otro servidor/write another server's": lambda: client.put_object(
            **bucket, Key=f"another-{server}/x/bagit.txt", **declared
        ),
        "escribir encima/overwrite": lambda: [client.put_object(**bucket, Key=key, **declared) for key in those],
        "ocupar el lugar de la copia de mañana/squat tomorrow's set": lambda: client.put_object(
            **bucket, Key=f"{source}/{tomorrow}/bagit.txt", **declared
        ),
    }
    return {what: _outcome(client, act) for what, act in tried.items()}


def _outcome(client: t.Any, act: Callable[[], t.Any]) -> str:
    try:
        act()
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in _REFUSED:
            raise
        return "rechazado/refused"
    return ACCEPTED
