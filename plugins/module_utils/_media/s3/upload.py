# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploading one set: every object conditional, checked by the store itself, and resumable.

The order makes a race safe and an interruption invisible: first ``tagmanifest-sha256.txt``, which names the exact
content and so is the claim to the set's id (the loser of a race learns it before it has sent its payload); then the
payload and the other tag files; ``bagit.txt`` last, and without it a set is not listed. Every put says
``If-None-Match: *``, so that no object that stands is ever replaced.

An interrupted upload stays in the journal, with its finished parts and objects, and the next one of the same set goes
on from there. When the store says that an object stands already, it is ours only if an earlier try may have put it.
"""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import os
import threading
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback

from .abilities import WHOLE_CHECKSUM, Abilities, abort, base64_crc
from .journal import STORED, Journals, ObjectRecord, Upload
from .listing import below
from .store import ONLY_IF_ABSENT, PROBE_NAME, Declined, Store
from .streams import Region
from .upload_plan import plan, retention_end

# Files above this size go in parts; the S3 API has at most 10,000 of them, each of 5 MiB at least but for the last.
MULTIPART_ABOVE_BYTES = 64 * 1024 * 1024
PART_BYTES = 16 * 1024 * 1024
MAX_PARTS = 10_000
PARTS_AT_A_TIME = 3
# How often an object is begun anew when the store has dropped its upload, or two conditional writes have met.
_ROUNDS = 3


class Uploader:
    """One set on its way into the bucket. The caller holds the journal's lock.

    :param root: what the keys of all sets begin with: the medium's prefix, with its slash.
    :param lock: Object Lock's mode, ``COMPLIANCE`` or ``GOVERNANCE``; None: the bucket's own default.
    :param retain_days: for how long, from now on.
    """

    def __init__(
        self,
        store: Store,
        journals: Journals,
        set_id: SetId,
        directory: str,
        *,
        root: str,
        lock: str | None,
        retain_days: int | None,
        progress: ProgressCallback,
    ) -> None:
        self.store = store
        self.journals = journals
        self.set_id = set_id
        self.directory = directory
        self.host_key = f"{root}{set_id.host}/"
        self.progress = progress
        self.on = f"{set_id} to {store.access.describe()}"
        self._lock_mode = lock
        self._planned = plan(set_id, directory)
        digest = self._planned[bag.TAG_MANIFEST].sha256
        self._earlier: dict[str, ObjectRecord] = {}
        upload = journals.read(set_id)
        if upload is not None and upload.complete is None:
            if upload.tag_manifest_sha256 != digest and upload.objects:
                raise AlreadyStored(
                    "store a set",
                    on=self.on,
                    why="an upload with different content was begun under this id"
                    f" (tag manifest {upload.tag_manifest_sha256[:12]}…, this one is {digest[:12]}…)",
                    next_step="Verify both copies with set_verify; sets are never overwritten.",
                )
            self._earlier = dict(upload.objects)
            upload.directory = directory
            upload.tag_manifest_sha256 = digest
        else:
            upload = Upload(str(set_id), store.access.describe(), digest, directory, retention_end(retain_days))
        self.upload = upload
        self.key = below(root, set_id, upload.retry)
        self._whole_checksum = True

    def run(self) -> None:
        """Store everything that is not stored yet.

        :raises AlreadyStored: when another writer has, or had, this id.
        :raises BackupError: when anything fails; the journal keeps what was done.
        """
        self._whole_checksum = Abilities(
            self.store, self.journals, set_id=self.set_id, key=self.host_key + PROBE_NAME, on=self.on
        ).find()["whole_checksum"]
        for path, planned in self._planned.items():
            record = self.upload.objects.get(path)
            if record is None or (record.sha256, record.bytes) != (planned.sha256, planned.bytes):
                record = planned
            if record.state == STORED:
                self.progress(record.bytes)
                continue
            self.upload.objects[path] = record
            self.journals.write(self.set_id, self.upload)
            self._store(path, record)
            record.state = STORED
            record.upload_id, record.parts = None, {}
            self.journals.write(self.set_id, self.upload)
        self.upload.complete = host_clock.write(host_clock.now())
        self.upload.objects = {}
        self.journals.write(self.set_id, self.upload)

    def _store(self, path: str, record: ObjectRecord) -> None:
        doubtful = path in self._earlier
        with DirectoryContents(self.directory).open(path) as stream:
            for last in [False] * (_ROUNDS - 1) + [True]:
                try:
                    if record.bytes > MULTIPART_ABOVE_BYTES:
                        self._put_parts(path, record, stream.fileno())
                    else:
                        self._put_whole(path, record, stream.fileno())
                    return
                except Declined as declined:
                    if declined.code == "PreconditionFailed" or declined.status == 412:
                        self._accept_or_refuse(path, record, doubtful or not declined.certain)
                        return
                    if declined.code in ("NoSuchUpload", "ConditionalRequestConflict") and not last:
                        # Dropped by the bucket's own cleaning, or two conditional writes met: from the beginning.
                        record.upload_id, record.parts = None, {}
                        self.journals.write(self.set_id, self.upload)
                        continue
                    if declined.certain and not doubtful and record.upload_id is None:
                        self._retract(path)
                    doubtful = doubtful or not declined.certain
                    raise declined.error from declined.__cause__

    def _put_whole(self, path: str, record: ObjectRecord, descriptor: int) -> None:
        self.store.attempt(
            "put_object",
            action="store a set",
            on=f"{self.on}, {path}",
            headers=ONLY_IF_ABSENT,
            Key=self.key + path,
            Body=Region(descriptor, 0, record.bytes, threading.Event()),
            ContentLength=record.bytes,
            ChecksumSHA256=base64.b64encode(bytes.fromhex(record.sha256)).decode(),
            **self._retention(),
        )
        self.progress(record.bytes)

    def _put_parts(self, path: str, record: ObjectRecord, descriptor: int) -> None:
        action, on, key = "store a set", f"{self.on}, {path}", self.key + path
        if record.upload_id is None:
            answer = self.store.attempt(
                "create_multipart_upload",
                action=action,
                on=on,
                headers=WHOLE_CHECKSUM if self._whole_checksum else {},
                Key=key,
                ChecksumAlgorithm="CRC32",
                **self._retention(),
            )
            record.upload_id = answer["UploadId"]
            record.parts = {}
            record.part_bytes = max(PART_BYTES, -(-record.bytes // (MAX_PARTS * 1024**2)) * 1024**2)
            self.journals.write(self.set_id, self.upload)
        whole = self._send_parts(path, record, descriptor)
        parts = [
            {"PartNumber": number, "ETag": part["etag"], "ChecksumCRC32": part["crc32"]}
            for number, part in sorted((int(number), part) for number, part in record.parts.items())
        ]
        checksum = {"ChecksumCRC32": whole} if self._whole_checksum else {}
        self.store.attempt(
            "complete_multipart_upload",
            action=action,
            on=on,
            headers={**ONLY_IF_ABSENT, **(WHOLE_CHECKSUM if self._whole_checksum else {})},
            Key=key,
            UploadId=record.upload_id,
            MultipartUpload={"Parts": parts},
            **checksum,
        )

    def _send_parts(self, path: str, record: ObjectRecord, descriptor: int) -> str:
        """Send the parts that have not arrived yet, and return the CRC32 of the whole file (base64).

        This thread reads the file once, for the checksums; the pool reads each part again, out of the page cache, so
        that memory does not grow with the parts.
        """
        digest = hashlib.sha256()
        whole = 0
        stopped = threading.Event()
        changed = f"the file {path} is not what the manifest says"
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=PARTS_AT_A_TIME)
        running: dict[concurrent.futures.Future[dict[str, str]], int] = {}
        try:
            for number, offset in enumerate(range(0, record.bytes, record.part_bytes), start=1):
                length = min(record.part_bytes, record.bytes - offset)
                crc = 0
                for chunk in _chunks(descriptor, offset, length):
                    digest.update(chunk)
                    crc = zlib.crc32(chunk, crc)
                    whole = zlib.crc32(chunk, whole)
                done = record.parts.get(str(number))
                if done is not None:
                    if done["crc32"] != base64_crc(crc):
                        raise self._bad_file(changed)
                    self.progress(length)
                    continue
                if len(running) >= PARTS_AT_A_TIME:
                    self._collect(record, running, concurrent.futures.FIRST_COMPLETED)
                body = Region(descriptor, offset, length, stopped)
                future = pool.submit(self._send_part, path, record, number, body, base64_crc(crc))
                running[future] = number
            self._collect(record, running, concurrent.futures.ALL_COMPLETED)
        finally:
            stopped.set()
            pool.shutdown(wait=True)
        if digest.hexdigest() != record.sha256:
            self._abort(path, record)
            raise self._bad_file(changed)
        return base64_crc(whole)

    def _send_part(self, path: str, record: ObjectRecord, number: int, body: Region, crc32: str) -> dict[str, str]:
        answer = self.store.attempt(
            "upload_part",
            action="store a set",
            on=f"{self.on}, {path}, part {number}",
            Key=self.key + path,
            UploadId=record.upload_id,
            PartNumber=number,
            Body=body,
            ContentLength=len(body),
            ChecksumCRC32=crc32,
        )
        return {"etag": answer["ETag"], "crc32": crc32}

    def _collect(
        self, record: ObjectRecord, running: dict[concurrent.futures.Future[dict[str, str]], int], until: str
    ) -> None:
        """Note the parts that have arrived, and raise the first failure only after noting all the others."""
        finished, _others = concurrent.futures.wait(running, return_when=until)
        failure: BaseException | None = None
        for future in finished:
            number = running.pop(future)
            error = future.exception()
            if error is not None:
                failure = failure or error
                continue
            record.parts[str(number)] = future.result()
            self.progress(min(record.part_bytes, record.bytes - (number - 1) * record.part_bytes))
        self.journals.write(self.set_id, self.upload)
        if failure is not None:
            raise failure

    def _accept_or_refuse(self, path: str, record: ObjectRecord, doubtful: bool) -> None:
        """Decide whether the object that stands already is ours, of an earlier try, or another's.

        :raises AlreadyStored: when it is not ours.
        """
        if record.upload_id is not None:
            self._abort(path, record)
        if doubtful and self._looks_like_ours(path, record):
            self.progress(record.bytes)
            return
        self._retract(path)
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

    def _retract(self, path: str) -> None:
        """Note that the store refused for certain: a later answer that the object stands must not be taken for ours."""
        del self.upload.objects[path]
        if self.upload.objects or self.upload.retry:
            self.journals.write(self.set_id, self.upload)
        else:
            self.journals.forget(self.set_id)

    def _abort(self, path: str, record: ObjectRecord) -> None:
        abort(self.store, self.key + path, t.cast(str, record.upload_id))
        record.upload_id, record.parts = None, {}
        self.journals.write(self.set_id, self.upload)

    def _bad_file(self, why: str) -> SetInvalid:
        return SetInvalid(
            "store a set",
            on=self.on,
            why=why,
            next_step="The object store does not list the set. Verify it on its medium, and store another copy.",
        )

    def _retention(self) -> dict[str, t.Any]:
        if self.upload.retain_until is None or self._lock_mode is None:
            return {}
        return {
            "ObjectLockMode": self._lock_mode,
            "ObjectLockRetainUntilDate": host_clock.read(self.upload.retain_until),
        }


def _chunks(descriptor: int, offset: int, length: int) -> t.Iterator[memoryview]:
    buffer = bytearray(min(length, bag.CHUNK))
    view = memoryview(buffer)
    end = offset + length
    while offset < end:
        count = os.preadv(descriptor, [view[: end - offset]], offset)
        if not count:
            raise BackupError(
                "store a set", on="a payload file", why="it became shorter while it was read", next_step="Run again."
            )
        yield view[:count]
        offset += count
