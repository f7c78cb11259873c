# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects in a bucket that are not of the sets that were audited there: what somebody with a stolen key has put."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.contents import S3Contents
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.listing import Place
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

# So many objects are named in a message; the rest is counted.
_MOST_NAMED = 5
# So many objects of a place that somebody took are looked at, to leave out what our own upload left there.
_MOST_LOOKED_AT = 50
_NEXT = (
    "Whoever has put it there has the key of the server {host}: make a new key at the provider, find out how the old"
    " one got out, and delete those objects with an administrator's key (a delete marker is enough)."
)


def remarks(store: S3Medium, set_id: SetId, places: t.Mapping[str, Place], contents: S3Contents) -> t.Iterator[str]:
    """Say which other objects are in a set's own place. They do no harm.

    :param places: the objects at all places of the set.
    :param contents: its own.
    """
    own = places.get(contents.retry, {})
    added = sorted(path for path in own if path not in contents.objects and own[path].live)
    again = sorted(
        path
        for path, item in contents.objects.items()
        if path in own and any(each.version != item.version for each in own[path].live)
    )
    hidden = sorted(path for path in contents.objects if path in own and not own[path].live)
    for paths, what in (
        (added, "there are foreign objects beside its own"),
        (again, "some of its objects have newer versions, which are ignored"),
        (hidden, "some of its objects have delete markers, but still exist"),
    ):
        if paths:
            where = store.where(set_id, contents.retry)
            yield f"{what}: {named([where + path for path in paths])}"


def at_other_places(
    store: S3Medium, set_id: SetId, places: t.Mapping[str, Place], contents: S3Contents, digests: t.Mapping[str, str]
) -> list[str]:
    """Return the keys of objects at other places of a set, without those that an upload of the set itself left there.

    :param digests: path to SHA-256 of the set's files.
    """
    found: list[str] = []
    others = sorted(set(places) - {contents.retry, *store.damaged_places(set_id)})
    if not others:
        return []
    expected = dict(digests)
    for path in set(contents.objects) & {bag.TAG_MANIFEST, bag.SIGNATURE}:
        with contents.open(path) as stream:
            expected[path] = hashlib.sha256(stream.read(contents.objects[path].size)).hexdigest()
    for retry in others:
        for path, versions in sorted(places[retry].items()):
            if not versions.live:
                continue
            known = expected.get(path) if len(found) < _MOST_LOOKED_AT else None
            if not store.is_ours(set_id, retry, path, versions.live[0], known):
                found.append(store.where(set_id, retry) + path)
    return found


def hostile(set_id: SetId, store: Medium, why: str, details: t.Sequence[str] = ()) -> BackupError:
    """Return the error about objects that somebody with a server's key has put there."""
    return BackupError(
        "confirm a copy in the object store",
        on=f"{set_id} on {store.describe()}",
        why=why,
        next_step=_NEXT.format(host=set_id.host),
        details=list(details),
    )


def named(names: t.Sequence[str]) -> str:
    """Return some names for a message: the first few, and how many more there are."""
    shown = ", ".join(map(repr, names[:_MOST_NAMED]))
    return shown + (f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")
