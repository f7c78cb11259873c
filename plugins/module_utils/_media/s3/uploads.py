# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host stores in a bucket, and has stored: each set once, unless it is stored anew at another place."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback

from .abandon import abandon_uploads, abort_parts
from .abilities import Abilities
from .journal import Journals, Upload
from .listing import new_retry
from .open_upload import OpenUpload, Retention
from .store import PROBE_NAME, Store
from .upload import store_set
from .upload_plan import plan, retention_end

# At so many other places a set is stored in vain; then somebody must look.
_MOST_RETRIES = 5


class Uploads:
    """The uploads of one medium.

    :param root: what the keys of all sets begin with.
    :param describe: the medium, for messages.
    :param holds: whether the medium lists a set; raises AccessDenied where this key may not look.
    """

    def __init__(
        self,
        store: Store,
        journals: Journals,
        *,
        root: str,
        describe: str,
        retention: Retention,
        holds: t.Callable[[SetId], bool],
    ) -> None:
        self._store = store
        self._journals = journals
        self._root = root
        self._describe = describe
        self._retention = retention
        self._holds = holds

    def store(self, set_id: SetId, directory: str, progress: ProgressCallback) -> None:
        """Copy a complete set into the bucket, as the medium's ``store`` says."""
        self.abandon(but=set_id)
        with self._journals.locked(set_id):
            upload = self._journals.read(set_id)
            if upload is not None and upload.complete is not None:
                self._check_removed(set_id, upload)
            self._upload(set_id, directory, progress)

    def store_anew(self, set_id: SetId, directory: str, progress: ProgressCallback) -> None:
        """As :meth:`store`, at another place of the set where its own is taken, or where this host stored it before.

        :raises AlreadyStored: when that did not help, over and over.
        """
        self.abandon(but=set_id)
        with self._journals.locked(set_id):
            upload = self._journals.read(set_id)
            content = plan(set_id, directory)[bag.TAG_MANIFEST].sha256
            if upload is not None and (upload.complete is not None or upload.tag_manifest_sha256 != content):
                self._begin_retry(set_id, upload, content)
            try:
                self._upload(set_id, directory, progress)
            except AlreadyStored:
                upload = self._journals.read(set_id)
                self._begin_retry(set_id, upload or Upload(str(set_id), self._describe, content, directory), content)
                self._upload(set_id, directory, progress)

    def has_stored(self, set_id: SetId, tag_manifest: str) -> bool:
        """Whether this host has stored exactly this set."""
        upload = self._journals.read(set_id)
        digest = bag.sha256_of_text(tag_manifest)
        return upload is not None and upload.complete is not None and upload.tag_manifest_sha256 == digest

    def abandon(self, *, but: SetId | None = None) -> list[SetId]:
        """Abort the uploads in parts of sets that are gone, as the medium's ``abandon_uploads`` says."""
        return abandon_uploads(self._store, self._journals, self._root, but=but)

    def _begin_retry(self, set_id: SetId, upload: Upload, content: str) -> None:
        """Record in the journal that an upload begins at a place that nobody can have taken."""
        if upload.retries >= _MOST_RETRIES:
            raise AlreadyStored(
                "store a set",
                on=f"{set_id} to {self._describe}",
                why=f"it was stored at {upload.retries + 1} places, and no audit has found it undamaged at any of them",
                next_step="Find out who damages it, replace this server's key to the cloud, and remove the file"
                f" {self._journals.path(set_id)}; then run again.",
            )
        abort_parts(self._store, self._root, set_id, upload)
        retry = dataclasses.replace(
            upload,
            tag_manifest_sha256=content,
            retain_until=retention_end(self._retention.days),
            complete=None,
            objects={},
            retry=new_retry(),
            retries=upload.retries + 1,
        )
        self._journals.write(set_id, retry)

    def _upload(self, set_id: SetId, directory: str, progress: ProgressCallback) -> None:
        try:
            upload = OpenUpload(
                self._store,
                self._journals,
                set_id,
                directory,
                root=self._root,
                retention=self._retention,
                progress=progress,
            )
            probe = f"{self._root}{set_id.host}/{PROBE_NAME}"
            store_set(upload, Abilities(self._store, self._journals, host=set_id.host, key=probe, on=upload.on))
        except OSError as error:
            raise BackupError(
                "store a set",
                on=f"{set_id} to {self._describe}",
                why=describe_os_error(error),
                next_step="Correct the cause and run again: the upload continues where it stopped.",
            ) from error

    def _check_removed(self, set_id: SetId, upload: Upload) -> None:
        """Refuse a set that this host has stored before, unless it is known to be gone.

        :raises AlreadyStored: when it is there, or nobody knows.
        """
        try:
            known = self._holds(set_id)
        except AccessDenied:
            known = True
        if known:
            raise AlreadyStored(
                "store a set",
                on=f"{set_id} to {self._describe}",
                why=f"this host stored it there at {upload.complete}",
                next_step="Sets are never overwritten. If it was removed there, remove the file"
                f" {self._journals.path(set_id)} and run again.",
            )
        self._journals.forget(set_id)
