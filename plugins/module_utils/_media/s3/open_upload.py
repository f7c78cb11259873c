# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upload under way: what the journal says of it, and whether an object that stands already is ours."""

from __future__ import annotations

import base64
import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied, AlreadyStored, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback

from .abilities import abort
from .journal import STORED, Journals, ObjectRecord, Upload
from .listing import below
from .store import Declined, Store
from .upload_plan import plan, retention_end


@dataclasses.dataclass(frozen=True)
class Retention:
    """How long the objects of a set are locked.

    :param mode: Object Lock's, ``COMPLIANCE`` or ``GOVERNANCE``; None: the bucket's own default.
    :param days: for how long, from now on.
    """

    mode: str | None
    days: int | None


class OpenUpload:
    """One set's upload. The thread that began it alone changes it and writes the journal; the others only send.

    :param root: what the keys of all sets begin with: the medium's prefix, with its slash.
    :raises AlreadyStored: when an upload of other content was begun under this id.
    :raises SetInvalid: when the directory holds no complete set.
    """

    def __init__(
        self,
        store: Store,
        journals: Journals,
        set_id: SetId,
        directory: str,
        *,
        root: str,
        retention: Retention,
        progress: ProgressCallback,
    ) -> None:
        self.store = store
        self.set_id = set_id
        self.directory = directory
        self.progress = progress
        self.on = f"{set_id} to {store.access.describe()}"
        self.planned = plan(set_id, directory)
        self._journals = journals
        self._lock_mode = retention.mode
        self._earlier: dict[str, ObjectRecord] = {}
        self._upload = self._take_up(retention.days)
        self.key = below(root, set_id, self._upload.retry)

    def _take_up(self, retain_days: int | None) -> Upload:
        digest = self.planned[bag.TAG_MANIFEST].sha256
        upload = self._journals.read(self.set_id)
        if upload is None or upload.complete is not None:
            where = self.store.access.describe()
            return Upload(str(self.set_id), where, digest, self.directory, retention_end(retain_days))
        if upload.tag_manifest_sha256 != digest and upload.objects:
            raise AlreadyStored(
                "store a set",
                on=self.on,
                why="an upload with different content was begun under this id"
                f" (tag manifest {upload.tag_manifest_sha256[:12]}…, this one is {digest[:12]}…)",
                next_step="Verify both copies with set_verify; sets are never overwritten.",
            )
        self._earlier = dict(upload.objects)
        upload.directory = self.directory
        upload.tag_manifest_sha256 = digest
        return upload

    def call_of(self, path: str, *, part: int | None = None) -> dict[str, t.Any]:
        """Return what every call on one object says: its key, and how a failure is told."""
        on = f"{self.on}, {path}" + (f", part {part}" if part is not None else "")
        return {"action": "store a set", "on": on, "Key": self.key + path}

    def retention(self) -> dict[str, t.Any]:
        """Return the parameters that lock an object."""
        if self._upload.retain_until is None or self._lock_mode is None:
            return {}
        return {
            "ObjectLockMode": self._lock_mode,
            "ObjectLockRetainUntilDate": host_clock.read(self._upload.retain_until),
        }

    def is_stored(self, path: str) -> bool:
        """Whether an earlier try has stored a file; its bytes then count as done."""
        stored = self.record(path).state == STORED
        if stored:
            self.progress(self.record(path).bytes)
        return stored

    def record(self, path: str) -> ObjectRecord:
        """Return what is known of a file: from the journal, where that is about the same bytes."""
        planned = self.planned[path]
        record = self._upload.objects.get(path)
        if record is None or (record.sha256, record.bytes) != (planned.sha256, planned.bytes):
            return planned
        return record

    def intend(self, paths: t.Iterable[str]) -> None:
        """Bring to the disk that these files are going to be sent, and all that was stored until now."""
        for path in paths:
            self._upload.objects[path] = self.record(path)
        self.save()

    def note_stored(self, path: str) -> None:
        """Note that an object is complete; :meth:`save` brings it to the disk."""
        record = self.record(path)
        record.state = STORED
        record.upload_id, record.parts = None, {}

    def was_never_sent(self, path: str) -> None:
        """Take an intention back: what stands there later is not ours. :meth:`keep` brings that to the disk."""
        if path not in self._earlier:
            self._upload.objects.pop(path, None)

    def save(self) -> None:
        """Bring the journal to the disk."""
        self._journals.write(self.set_id, self._upload)

    def finish(self) -> None:
        """Bring to the disk that the whole set is stored."""
        self._upload.complete = host_clock.write(host_clock.now())
        self._upload.objects = {}
        self.save()

    def is_doubtful(self, path: str) -> bool:
        """Whether an earlier run may have stored this object without learning it."""
        return path in self._earlier

    def accept_or_refuse(self, path: str, *, doubtful: bool) -> None:
        """Decide whether the object that stands already is ours, of an earlier try, or another's.

        :raises AlreadyStored: when it is not ours.
        """
        record = self.record(path)
        if record.upload_id is not None:
            self.abort(path)
        if doubtful and self._looks_like_ours(path, record):
            self.progress(record.bytes)
            return
        self.retract(path)
        raise AlreadyStored(
            "store a set",
            on=self.on,
            why=f"{path} of a set of this id already exists there, and is not in this host's journal",
            next_step="Another host has stored it or is storing it, or the journal of an earlier upload was lost."
            " Sets are"
            " never overwritten: list it with a key that may list. If there is no good copy, store it again (anew:"
            " true), at another place.",
        )

    def _looks_like_ours(self, path: str, record: ObjectRecord) -> bool:
        """Whether what stands is what was intended, as far as this key may see; a put-only key must believe it."""
        try:
            answer = self.store.attempt(
                "head_object", action="look at an object", Key=self.key + path, ChecksumMode="ENABLED"
            )
        except Declined as declined:
            if isinstance(declined.error, AccessDenied):
                return True
            raise declined.error from declined
        expected = base64.b64encode(bytes.fromhex(record.sha256)).decode()
        return answer["ContentLength"] == record.bytes and answer.get("ChecksumSHA256", expected) == expected

    def retract(self, path: str) -> None:
        """Note that the store refused for certain: a later answer that the object stands must not be taken for ours."""
        self._upload.objects.pop(path, None)
        self.keep()

    def keep(self) -> None:
        """Bring the journal to the disk, or remove it where nothing has begun."""
        if self._upload.objects or self._upload.retry:
            self.save()
        else:
            self._journals.forget(self.set_id)

    def abort(self, path: str) -> None:
        """End an object's upload in parts, if it has begun.

        :raises BackupError: when the store does not take it.
        """
        record = self.record(path)
        if record.upload_id is not None:
            abort(self.store, self.key + path, record.upload_id)
        self.begin_anew(path)

    def begin_anew(self, path: str) -> None:
        """Forget what has arrived of an object."""
        record = self.record(path)
        record.upload_id, record.parts = None, {}
        self.save()

    def bad_file(self, path: str) -> SetInvalid:
        """Return the error that a file was not what the set's manifest says."""
        return SetInvalid(
            "store a set",
            on=self.on,
            why=f"the file {path} is not what the manifest says",
            next_step="The object store does not list the set. Verify it on its medium, and store another copy.",
        )
