# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploading one set: every object conditional, checked by the store itself, and resumable.

The order makes a race safe and an interruption invisible: first ``tagmanifest-sha256.txt``, which names the exact
content and so is the claim to the set's id (the loser of a race learns it before it has sent its payload); then the
payload and the other tag files, several at a time; ``bagit.txt`` last, and without it a set is not listed. Every put
says ``If-None-Match: *``, so that no object that stands is ever replaced.

An interrupted upload stays in the journal, with its finished parts and objects, and the next one of the same set goes
on from there. When the store says that an object stands already, it is ours only if an earlier try may have put it.
"""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents

from .abilities import Abilities
from .multipart import PartsUpload
from .open_upload import OpenUpload
from .small_objects import SmallObjects
from .store import Declined

# Files above this size go in parts.
MULTIPART_ABOVE_BYTES = 64 * 1024 * 1024
# How often an object is begun anew when the store has dropped its upload, or two conditional writes have met.
_ROUNDS = 3


def store_set(upload: OpenUpload, abilities: Abilities) -> None:
    """Store everything of a set that is not stored yet. The caller holds the journal's lock.

    :param abilities: of the store: how it is written to.
    :raises AlreadyStored: when another writer has, or had, this id.
    :raises BackupError: when anything fails; the journal keeps what was done.
    """
    whole_checksum = abilities.find(to_write=True)["whole_checksum"]
    try:
        claim, *others, last = upload.planned
        large = [path for path in others if upload.planned[path].bytes > MULTIPART_ABOVE_BYTES]
        SmallObjects(upload, [claim]).run()
        SmallObjects(upload, [path for path in others if path not in large]).run()
        for path in large:
            if not upload.is_stored(path):
                _store_in_parts(upload, path, whole_checksum)
        SmallObjects(upload, [last]).run()
    except Declined as declined:
        abilities.doubt(declined)
        raise declined.error from declined.__cause__
    upload.finish()


def _store_in_parts(upload: OpenUpload, path: str, whole_checksum: bool) -> None:
    upload.intend([path])
    doubtful = upload.is_doubtful(path)
    with DirectoryContents(upload.directory).open(path) as stream:
        for last in [False] * (_ROUNDS - 1) + [True]:
            try:
                PartsUpload(upload, path, stream.fileno(), whole_checksum=whole_checksum).run()
                break
            except Declined as declined:
                if declined.is_there_already:
                    upload.accept_or_refuse(path, doubtful=doubtful or not declined.certain)
                    break
                if declined.code not in ("NoSuchUpload", "ConditionalRequestConflict") or last:
                    if declined.certain and not doubtful and upload.record(path).upload_id is None:
                        upload.retract(path)
                    raise
                # Dropped by the bucket's own cleaning, or two conditional writes met: from the beginning.
                doubtful = doubtful or not declined.certain
                upload.begin_anew(path)
    upload.note_stored(path)
    upload.save()
