# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a bucket: every version of every object, by set and by place.

A set lies at ``<prefix>/<host>/<source>/<time>/``. Where that place was taken by somebody else, it lies at a *retry*:
``<prefix>/<host>/<source>/<time>.<16 hexadecimal digits>/``, whose digits nobody can guess beforehand.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import secrets
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.bag import BAGIT_TXT
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import TIME_PATTERN, SetId, is_name, is_time

from .object_locks import Locked
from .store import PROBE_NAME, Declined, Store

# The retry of a set that is where its id says.
NO_RETRY = ""
# So a store answers that has no versions, or whose key may not list them.
_WITHOUT_VERSIONS = (400, 403, 405, 501)
_TIME_AND_RETRY = re.compile(rf"({TIME_PATTERN})(?:\.([0-9a-f]{{16}}))?")


class Version(t.NamedTuple):
    """One version of one object, as listed.

    :param version: None: the only one, of a bucket that keeps no versions.
    :param modified: when it was stored.
    """

    size: int
    etag: str
    version: str | None
    modified: datetime.datetime


@dataclasses.dataclass
class Versions:
    """The versions of one object, oldest first.

    :param live: those that no delete marker hides: the first of them was put when nothing stood there.
    :param hidden: those that one does.
    """

    live: list[Version] = dataclasses.field(default_factory=list)
    hidden: list[Version] = dataclasses.field(default_factory=list)

    @property
    def every(self) -> list[Version]:
        """All of them, in the order in which a reader tries them."""
        return [*self.live, *self.hidden]


# The objects at one place: path within the set to its versions.
Place = dict[str, Versions]


@dataclasses.dataclass
class Listing:
    """The objects below one key of a bucket.

    :param sets: each id's places, by retry.
    :param strays: keys of objects there that cannot be part of a set.
    :param newest: the object stored last, with its version; None: there is none.
    """

    sets: dict[SetId, dict[str, Place]] = dataclasses.field(default_factory=dict)
    strays: list[str] = dataclasses.field(default_factory=list)
    newest: Version | None = None


def new_retry() -> str:
    """Return a retry that nobody has taken, since nobody could know it."""
    return secrets.token_hex(8)


def below(root: str, set_id: SetId, retry: str) -> str:
    """Return what the keys of a set's objects begin with.

    :param root: the medium's prefix, with its slash.
    """
    return f"{root}{set_id}{'.' + retry if retry else ''}/"


def is_claimed(place: Place) -> bool:
    """Whether the objects at a place present themselves as a complete set."""
    return BAGIT_TXT in place and bool(place[BAGIT_TXT].live)


def read_listing(store: Store, prefix: str, *, root: str, on: str) -> Listing:
    """List every object below ``prefix``, with its versions where the bucket keeps them.

    :param root: the medium's prefix, with its slash.
    :raises BackupError: when the key may not list, or the store does not answer.
    """
    listing = Listing()
    found = _read_versions(store, prefix, on)
    stored = (version for versions in found.values() for version in versions.every)
    listing.newest = max(stored, key=lambda version: version.modified, default=None)
    for key, versions in sorted(found.items()):
        parts = key[len(root) :].split("/", 3)
        match = _TIME_AND_RETRY.fullmatch(parts[2]) if len(parts) == 4 else None
        if match and parts[3] and is_name(parts[0]) and is_name(parts[1]) and is_time(match.group(1)):
            places = listing.sets.setdefault(SetId(parts[0], parts[1], match.group(1)), {})
            places.setdefault(match.group(2) or NO_RETRY, {})[parts[3]] = versions
        elif versions.live and parts[1:] != [PROBE_NAME]:
            listing.strays.append(key)
    return listing


def read_every_version(store: Store, root: str, set_id: SetId, *, on: str) -> list[Locked]:
    """List all that lies at the places of one set: every version of every object, and every delete marker.

    :param root: the medium's prefix, with its slash.
    :raises BackupError: when the key may not list, or the store does not answer.
    """
    prefix = f"{root}{set_id}"
    try:
        found = [
            Locked(entry["Key"], entry.get("VersionId"))
            for page in _pages(store, "list_object_versions", prefix, on)
            for entry in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        ]
    except Declined as declined:
        if declined.status not in _WITHOUT_VERSIONS:
            raise declined.error from declined.__cause__
        found = [Locked(key, None) for key in _read_versions(store, prefix, on)]
    return [one for one in found if _TIME_AND_RETRY.fullmatch(one.key[len(root) :].split("/", 3)[2])]


def _read_versions(store: Store, prefix: str, on: str) -> dict[str, Versions]:
    try:
        return _sort_out(_pages(store, "list_object_versions", prefix, on))
    except Declined as declined:
        if declined.status not in _WITHOUT_VERSIONS:
            raise declined.error from declined.__cause__
    # A store without versions, or a key that may not list them: what stands now.
    try:
        return {
            entry["Key"]: Versions([Version(entry["Size"], entry["ETag"], None, entry["LastModified"])])
            for page in _pages(store, "list_objects_v2", prefix, on)
            for entry in page.get("Contents", ())
        }
    except Declined as declined:
        raise declined.error from declined.__cause__


def _pages(store: Store, operation: str, prefix: str, on: str) -> t.Iterator[dict[str, t.Any]]:
    """Yield the answers of one listing, 1000 keys or versions each."""
    parameters: dict[str, t.Any] = {"Prefix": prefix}
    while True:
        answer = store.attempt(operation, action="list a medium", on=on, **parameters)
        yield answer
        if not answer.get("IsTruncated"):
            return
        following = {
            "ContinuationToken": answer.get("NextContinuationToken"),
            "KeyMarker": answer.get("NextKeyMarker"),
            "VersionIdMarker": answer.get("NextVersionIdMarker"),
        }
        parameters.update({name: value for name, value in following.items() if value})


def _sort_out(pages: t.Iterable[dict[str, t.Any]]) -> dict[str, Versions]:
    """Return the versions by key, those that delete markers hide apart."""
    removed: dict[str, datetime.datetime] = {}
    gone: set[str] = set()
    found: dict[str, list[tuple[Version, bool]]] = {}
    for page in pages:
        for marker in page.get("DeleteMarkers", ()):
            key = marker["Key"]
            removed[key] = max(marker["LastModified"], removed.get(key, marker["LastModified"]))
            if marker.get("IsLatest"):
                gone.add(key)
        for entry in page.get("Versions", ()):
            latest = bool(entry["IsLatest"])
            number = None if entry.get("VersionId") == "null" and latest else entry.get("VersionId")
            version = Version(entry["Size"], entry["ETag"], number, entry["LastModified"])
            found.setdefault(entry["Key"], []).append((version, latest))
    sorted_out = {}
    for key, newest_first in found.items():
        versions = sorted_out[key] = Versions()
        for version, latest in reversed(newest_first):
            # Some stores know the moment by the second only: within one, what stands now came after the removal.
            is_removed = key in removed and version.modified <= removed[key] and not latest
            (versions.hidden if key in gone or is_removed else versions.live).append(version)
    return sorted_out
