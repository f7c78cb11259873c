# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receipts: records that a set was audited in a bucket.

``<state directory>/receipts/<16 digits of the bucket's SHA-256>/<host>/<source>/<time>.json``, mode 0600, on the host
that audits. A receipt is bound to the set's exact content (the SHA-256 of its tag manifest) and to each object as it
lay there: its version, its entity tag, its size. While these are there, nothing that anybody puts into the bucket
changes what is read.

Of a copy that was read and is damaged, ``<time>.damaged`` keeps the place: another one of the same set goes before it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable

from .journal import make_private
from .listing import Place

_DAMAGED = ".damaged"


@dataclasses.dataclass(frozen=True)
class Audited:
    """One object as it lay when it was audited."""

    version: str | None
    etag: str
    bytes: int


@dataclasses.dataclass(frozen=True)
class Receipt:
    """One set of which every byte was read in place.

    :param audited: when, UTC, ISO 8601.
    :param retry: which of the set's places it is at.
    :param signed: whether a signature was demanded and found good.
    :param locked_until: until when all of its objects are locked, as was last seen, UTC, ISO 8601; None: one of them
        is not, or it is not known.
    """

    id: str
    medium: str
    audited: str
    tag_manifest_sha256: str
    signed: bool
    retry: str
    objects: dict[str, Audited]
    locked_until: str | None = None

    def lost(self, place: Place) -> list[str]:
        """Return the paths of the objects that are no longer there as they were audited.

        :param place: the objects at the set's place now.
        """
        return sorted(path for path, audited in self.objects.items() if not _is_there(audited, place, path))


def _is_there(audited: Audited, place: Place, path: str) -> bool:
    versions = place[path].every if path in place else []
    return any((each.version, each.etag, each.size) == dataclasses.astuple(audited) for each in versions)


class Receipts:
    """The receipts of one bucket and prefix.

    :param directory: made where it is missing, when the first one is written.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def read(self, set_id: SetId) -> Receipt | None:
        """Return the receipt of one set. One that cannot be read is none: the set is audited again."""
        try:
            with open(self._path(set_id), encoding="utf-8") as stream:
                values = json.load(stream)
            objects = {path: Audited(**each) for path, each in values.pop("objects").items()}
            receipt = Receipt(objects=objects, **values)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return receipt if receipt.id == str(set_id) and receipt.objects else None

    def write(self, receipt: Receipt) -> None:
        """Bring a receipt to the disk.

        :raises BackupError: when that fails.
        """
        path = self._path(SetId.parse(receipt.id))
        try:
            make_private(os.path.dirname(path))
            durable.replace_file(path, json.dumps(dataclasses.asdict(receipt), indent=1) + "\n", mode=0o600)
            self._forget_damage(SetId.parse(receipt.id), receipt.retry)
        except OSError as error:
            raise BackupError(
                "write the receipt of an audit",
                on=f"{receipt.id}, {path}",
                why=describe_os_error(error),
                next_step="Give a state_directory that this user can write, with free space, and audit again.",
            ) from error

    def forget(self, set_id: SetId) -> None:
        """Remove what is known of one set."""
        for path in (self._path(set_id), self._path(set_id, _DAMAGED)):
            with contextlib.suppress(OSError):
                os.unlink(path)

    def note_damaged(self, set_id: SetId, retry: str) -> None:
        """Write down that the copy at one of a set's places was read, and is damaged; no receipt stays.

        :raises BackupError: when that fails.
        """
        path = self._path(set_id, _DAMAGED)
        places = sorted({*self.damaged(set_id), retry})
        try:
            make_private(os.path.dirname(path))
            durable.replace_file(path, json.dumps(places) + "\n", mode=0o600)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(set_id))
        except OSError as error:
            raise BackupError(
                "record that a copy is damaged",
                on=f"{set_id}, {path}",
                why=describe_os_error(error),
                next_step="Give a state_directory that this user can write, with free space, and audit again.",
            ) from error

    def _forget_damage(self, set_id: SetId, retry: str) -> None:
        """Forget that a copy was damaged, which has just been read and is not: it was the way there."""
        places = self.damaged(set_id)
        if retry in places:
            text = json.dumps([place for place in places if place != retry]) + "\n"
            durable.replace_file(self._path(set_id, _DAMAGED), text, mode=0o600)

    def damaged(self, set_id: SetId) -> list[str]:
        """Return the places at which a damaged copy of a set was found."""
        try:
            with open(self._path(set_id, _DAMAGED), encoding="utf-8") as stream:
                places = json.load(stream)
            return [place for place in places if isinstance(place, str)]
        except (OSError, ValueError, TypeError, RecursionError):
            return []

    def _path(self, set_id: SetId, suffix: str = ".json") -> str:
        return os.path.join(self.directory, set_id.host, set_id.source, set_id.time + suffix)
