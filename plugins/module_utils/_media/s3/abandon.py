# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Abandoned uploads."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import LockHeld
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from .abilities import abort
from .journal import Journals, Upload
from .listing import below
from .store import Store


def abandon_uploads(store: Store, journals: Journals, root: str, *, but: SetId | None = None) -> list[SetId]:
    """Abort the uploads in parts of sets that are no longer where they were being stored from.

    What the journal says of objects that stand already is kept: it lets a later copy of the same set go on.

    :param root: what the keys of all sets begin with.
    :param but: leave this one alone.
    :returns: the sets whose uploads were aborted.
    :raises BackupError: when the store does not take it.
    """
    abandoned = []
    for set_id in journals.sets():
        upload = journals.read(set_id)
        if upload is None or upload.complete or set_id == but or os.path.isdir(upload.directory):
            continue
        try:
            with journals.locked(set_id):
                if _abandon(store, journals, root, set_id):
                    abandoned.append(set_id)
        except LockHeld:
            continue
    return abandoned


def _abandon(store: Store, journals: Journals, root: str, set_id: SetId) -> bool:
    upload = journals.read(set_id)
    if upload is None or upload.complete:
        return False
    running = abort_parts(store, root, set_id, upload)
    if running:
        journals.write(set_id, upload)
    if not upload.objects and not upload.retry:
        journals.forget(set_id)
    return running


def abort_parts(store: Store, root: str, set_id: SetId, upload: Upload) -> bool:
    """Abort what an upload sends in parts; whether there was any.

    :raises BackupError: when the store does not take it.
    """
    running = {path: record for path, record in upload.objects.items() if record.upload_id}
    for path, record in running.items():
        abort(store, below(root, set_id, upload.retry) + path, t.cast(str, record.upload_id))
        record.upload_id, record.parts = None, {}
    return bool(running)
