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
import datetime
import hashlib
import os
import threading
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils import _bag
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import ProgressCallback
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils.media._s3_journal import (
    STORED,
    Journals,
    ObjectRecord,
    Upload,
)
from ansible_collections.infitulua.backup.plugins.module_utils.media._s3_store import (
    ONLY_IF_ABSENT,
    PROBE_BODY,
    PROBE_NAME,
    PROBE_SHA256,
    Declined,
    Store,
)
from ansible_collections.infitulua.backup.plugins.module_utils.media._s3_streams import Region

# Files above this size go in parts; the S3 API has at most 10,000 of them, each of 5 MiB at least but for the last.
MULTIPART_ABOVE_BYTES = 64 * 1024 * 1024
PART_BYTES = 16 * 1024 * 1024
MAX_PARTS = 10_000
PARTS_AT_A_TIME = 3
# How often an object is begun anew when the store has dropped its upload, or two conditional writes have met.
_ROUNDS = 3
_WHOLE_CHECKSUM = {"x-amz-checksum-type": "FULL_OBJECT"}


def plan(set_id: SetId, directory: str) -> dict[str, ObjectRecord]:
    """The objects of a set in the order of storing, each with its size in bytes and its SHA-256.

    The payload's digests are those of the manifest, so that what is checked on arrival is what was backed up.

    :raises SetInvalid: when the directory holds no complete set.
    """
    contents = DirectoryContents(directory)
    sizes = contents.sizes()
    try:
        digests, findings = _bag.read_manifest(_bag.read_text(contents, _bag.MANIFEST), name=_bag.MANIFEST)
        payload = {path for path in sizes if path.startswith(_bag.PAYLOAD_DIRECTORY + "/")}
        problems = [str(finding) for finding in findings]
        problems += [f"{path}: the manifest and the files differ" for path in sorted(payload ^ set(digests))]
        problems += [] if _bag.BAGIT_TXT in sizes else [f"{_bag.BAGIT_TXT} is missing"]
        tags, findings = _bag.read_manifest(_bag.read_text(contents, _bag.TAG_MANIFEST), name=_bag.TAG_MANIFEST)
        problems += [str(finding) for finding in findings]
        for path in set(sizes) - payload:
            with contents.open(path) as stream:
                digests[path] = hashlib.sha256(stream.read(_bag.MAX_TAG_FILE_BYTES)).hexdigest()
            if tags.get(path, digests[path]) != digests[path]:
                problems.append(f"{path} is not what {_bag.TAG_MANIFEST} says")
    except (OSError, ValueError) as error:
        problems = [describe_os_error(error) if isinstance(error, OSError) else str(error)]
    if problems:
        raise SetInvalid(
            "store a set",
            on=f"{set_id} in {directory}",
            why="; ".join(problems),
            next_step="Nothing was stored. Verify the set (set_verify), and store another copy.",
            details=problems,
        )
    others = sorted(set(sizes) - payload - {_bag.TAG_MANIFEST, _bag.BAGIT_TXT})
    order = [_bag.TAG_MANIFEST, *sorted(payload), *others, _bag.BAGIT_TXT]
    return {path: ObjectRecord(sizes[path], digests[path]) for path in order}


class Uploader:
    """One set on its way into the bucket. The caller holds the journal's lock.

    :param key: the key of the set, ending in a slash.
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
        host_key: str,
        key: str,
        lock: str | None,
        retain_days: int | None,
        progress: ProgressCallback,
    ) -> None:
        self.store = store
        self.journals = journals
        self.set_id = set_id
        self.directory = directory
        self.host_key = host_key
        self.key = key
        self.progress = progress
        self.on = f"{set_id} to {store.access.describe()}"
        self._lock_mode = lock
        self._planned = plan(set_id, directory)
        digest = self._planned[_bag.TAG_MANIFEST].sha256
        self._earlier: dict[str, ObjectRecord] = {}
        upload = journals.read(set_id)
        if upload is not None and upload.complete is None:
            if upload.tag_manifest_sha256 != digest and upload.objects:
                raise AlreadyStored(
                    "store a set",
                    on=self.on,
                    why="an upload of another content was begun under this id"
                    f" (tag manifest {upload.tag_manifest_sha256[:12]}…, this one is {digest[:12]}…)",
                    next_step="Verify both copies with set_verify; sets are never overwritten.",
                )
            self._earlier = dict(upload.objects)
            upload.directory = directory
        else:
            until = None
            if retain_days is not None:
                now = datetime.datetime.now(datetime.timezone.utc)
                until = (now + datetime.timedelta(days=retain_days)).strftime("%Y-%m-%dT%H:%M:%SZ")
            upload = Upload(str(set_id), store.access.describe(), digest, directory, until)
        self.upload = upload
        self._whole_checksum = True

    def run(self) -> None:
        """Stores everything that is not stored yet.

        :raises AlreadyStored: when another writer has, or had, this id.
        :raises BackupError: when anything fails; the journal keeps what was done.
        """
        self._whole_checksum = self._probe()["whole_checksum"]
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
        self.upload.complete = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
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
                        self._settle(path, record, doubtful or not declined.certain)
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
                headers=_WHOLE_CHECKSUM if self._whole_checksum else {},
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
            headers={**ONLY_IF_ABSENT, **(_WHOLE_CHECKSUM if self._whole_checksum else {})},
            Key=key,
            UploadId=record.upload_id,
            MultipartUpload={"Parts": parts},
            **checksum,
        )

    def _send_parts(self, path: str, record: ObjectRecord, descriptor: int) -> str:
        """Sends the parts that have not arrived yet; returns the CRC32 of the whole file (base64).

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
                    if done["crc32"] != _base64_crc(crc):
                        raise self._bad_file(changed)
                    self.progress(length)
                    continue
                if len(running) >= PARTS_AT_A_TIME:
                    self._collect(record, running, concurrent.futures.FIRST_COMPLETED)
                body = Region(descriptor, offset, length, stopped)
                future = pool.submit(self._send_part, path, record, number, body, _base64_crc(crc))
                running[future] = number
            self._collect(record, running, concurrent.futures.ALL_COMPLETED)
        finally:
            stopped.set()
            pool.shutdown(wait=True)
        if digest.hexdigest() != record.sha256:
            self._abort(path, record)
            raise self._bad_file(changed)
        return _base64_crc(whole)

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
        """Notes the parts that have arrived; raises the first failure only after noting all the others."""
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

    def _settle(self, path: str, record: ObjectRecord, doubtful: bool) -> None:
        """Decides whether the object that stands already is ours, of an earlier try, or another's.

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
            why=f"{path} of a set of this id stands there already, and this host's journal does not know it",
            next_step="It is stored or being stored by another, or the journal of an earlier upload was lost. Sets are"
            " never overwritten: list it with a key that may, and remove it first if it is incomplete.",
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
        """The store refused for certain: a later answer that the object stands must not be taken for ours."""
        del self.upload.objects[path]
        if self.upload.objects:
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
            next_step="The object store does not list the set. Verify it where it lies, and store another copy.",
        )

    def _retention(self) -> dict[str, t.Any]:
        if self.upload.retain_until is None or self._lock_mode is None:
            return {}
        until = datetime.datetime.strptime(self.upload.retain_until, "%Y-%m-%dT%H:%M:%SZ")
        return {
            "ObjectLockMode": self._lock_mode,
            "ObjectLockRetainUntilDate": until.replace(tzinfo=datetime.timezone.utc),
        }

    def _probe(self) -> dict[str, t.Any]:
        """What the store can do, tried once for each host's part of a bucket and kept beside the journals.

        One small object, ``<prefix>/<host>/.probe``, stays there for it: putting it a second time must be
        refused, or the store does not know conditional puts and two writers could both win.

        :raises Refused: when the store lacks what a safe upload needs.
        """
        known = self.journals.read_abilities(self.set_id.host)
        if known is not None:
            return known
        key = self.host_key + PROBE_NAME
        parameters: dict[str, t.Any] = {"action": "try the object store's abilities", "on": self.on, "Key": key}
        refused = False
        for _time in range(2):
            try:
                answer = self.store.attempt(
                    "put_object",
                    headers=ONLY_IF_ABSENT,
                    Body=PROBE_BODY,
                    ContentLength=len(PROBE_BODY),
                    ChecksumSHA256=PROBE_SHA256,
                    **parameters,
                )
                if answer.get("ChecksumSHA256") != PROBE_SHA256:
                    raise self._unable("it does not check the SHA-256 of what it receives")
            except Declined as declined:
                if declined.status == 412:
                    refused = True
                elif declined.status == 501 or declined.code in ("InvalidArgument", "InvalidRequest", "NotImplemented"):
                    raise self._unable(declined.error.why) from declined
                else:
                    raise declined.error from declined.__cause__
        if not refused:
            raise self._unable("it replaces an object although it was told not to (If-None-Match: *)")
        abilities = {"whole_checksum": self._probe_parts(parameters)}
        self.journals.write_abilities(self.set_id.host, abilities)
        return abilities

    def _probe_parts(self, parameters: dict[str, t.Any]) -> bool:
        """Whether uploads in parts take a checksum of the whole object; without it, each part still has its own."""
        try:
            answer = self.store.attempt(
                "create_multipart_upload", headers=_WHOLE_CHECKSUM, ChecksumAlgorithm="CRC32", **parameters
            )
        except Declined as declined:
            if declined.status in (400, 501):
                return False
            raise declined.error from declined.__cause__
        try:
            crc32 = _base64_crc(zlib.crc32(PROBE_BODY))
            upload = {"UploadId": answer["UploadId"]}
            part = self.store.attempt(
                "upload_part",
                PartNumber=1,
                Body=PROBE_BODY,
                ContentLength=len(PROBE_BODY),
                ChecksumCRC32=crc32,
                **upload,
                **parameters,
            )
            self.store.attempt(
                "complete_multipart_upload",
                headers={**ONLY_IF_ABSENT, **_WHOLE_CHECKSUM},
                MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": crc32}]},
                ChecksumCRC32=crc32,
                **upload,
                **parameters,
            )
        except Declined as declined:
            abort(self.store, parameters["Key"], answer["UploadId"])
            if declined.status == 412:
                return True
            if declined.status in (400, 501):
                return False
            raise declined.error from declined.__cause__
        raise self._unable("it replaces an object by an upload in parts although it was told not to (If-None-Match: *)")

    def _unable(self, why: str) -> Refused:
        return Refused(
            "store a set",
            on=self.on,
            why=f"this object store cannot keep two writers apart or check what arrives: {why}",
            next_step="Use a store that knows conditional puts and SHA-256 checksums; nothing of the set was stored.",
        )


def abort(store: Store, key: str, upload_id: str) -> None:
    """Ends an upload in parts, so that its parts do not stay in the bucket. One that is gone already is no failure.

    :raises BackupError: when the store does not take it.
    """
    try:
        store.attempt("abort_multipart_upload", action="abort an upload", Key=key, UploadId=upload_id)
    except Declined as declined:
        if declined.code != "NoSuchUpload":
            raise declined.error from declined.__cause__


def _chunks(descriptor: int, offset: int, length: int) -> t.Iterator[memoryview]:
    buffer = bytearray(min(length, _bag.CHUNK))
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


def _base64_crc(value: int) -> str:
    return base64.b64encode(value.to_bytes(4, "big")).decode()
