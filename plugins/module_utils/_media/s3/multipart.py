# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storing one large file in parts, several at a time."""

from __future__ import annotations

import hashlib
import os
import threading
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_drawn

from .abilities import WHOLE_CHECKSUM, base64_crc
from .open_upload import OpenUpload
from .store import ONLY_IF_ABSENT
from .streams import Region

# The S3 API has at most 10,000 parts, each of 5 MiB at least but for the last.
PART_BYTES = 16 * 1024 * 1024
MAX_PARTS = 10_000
PARTS_AT_A_TIME = 4


class PartsUpload:
    """One file on its way in parts.

    :param path: the file's, in the set.
    :param descriptor: the open file.
    :param whole_checksum: whether the store takes a checksum of the whole object.
    """

    def __init__(self, upload: OpenUpload, path: str, descriptor: int, *, whole_checksum: bool) -> None:
        self._upload = upload
        self._path = path
        self._record = upload.record(path)
        self._descriptor = descriptor
        self._whole_checksum = whole_checksum
        self._stopped = threading.Event()
        self._failure: Exception | None = None
        self._digest = hashlib.sha256()
        self._whole = 0

    def run(self) -> None:
        """Store the file; its parts that have arrived are not sent again.

        :raises Declined: when the store does not take it; the parts that have arrived are in the journal.
        :raises SetInvalid: when the file is not what the manifest says.
        """
        if self._record.upload_id is None:
            self._begin()
        numbers = iter(range(1, -(-self._record.bytes // self._record.part_bytes) + 1))
        run_drawn(lambda: self._next(numbers), jobs=PARTS_AT_A_TIME, cancel=self._stopped.set, then=self._note)
        if self._failure is not None:
            raise self._failure
        if self._digest.hexdigest() != self._record.sha256:
            self._upload.abort(self._path)
            raise self._upload.bad_file(self._path)
        self._complete()

    def _begin(self) -> None:
        answer = self._upload.store.attempt(
            "create_multipart_upload",
            headers=WHOLE_CHECKSUM if self._whole_checksum else {},
            ChecksumAlgorithm="CRC32",
            **self._upload.call_of(self._path),
            **self._upload.retention(),
        )
        record = self._record
        record.upload_id = answer["UploadId"]
        record.parts = {}
        record.part_bytes = max(PART_BYTES, -(-record.bytes // (MAX_PARTS * 1024**2)) * 1024**2)
        self._upload.save()

    def _next(self, numbers: t.Iterator[int]) -> t.Callable[[], tuple[int, str, str | Exception]] | None:
        """Return what sends the next part that has not arrived; None: there is none, or one has failed.

        This thread reads the file once, for the checksums; the others read each part again, out of the page cache, so
        that memory does not grow with the parts.
        """
        while self._failure is None:
            number = next(numbers, None)
            if number is None:
                return None
            offset = (number - 1) * self._record.part_bytes
            length = self._length(number)
            crc = 0
            for chunk in _chunks(self._descriptor, offset, length):
                self._digest.update(chunk)
                crc = zlib.crc32(chunk, crc)
                self._whole = zlib.crc32(chunk, self._whole)
            arrived = self._record.parts.get(str(number))
            if arrived is None:
                body = Region(self._descriptor, offset, length, self._stopped, self._upload.store.upload_pace)
                return lambda: self._send(number, body, base64_crc(crc))
            if arrived["crc32"] != base64_crc(crc):
                self._fail(self._upload.bad_file(self._path))
                return None
            self._upload.progress(length)
        return None

    def _length(self, number: int) -> int:
        return min(self._record.part_bytes, self._record.bytes - (number - 1) * self._record.part_bytes)

    def _send(self, number: int, body: Region, crc32: str) -> tuple[int, str, str | Exception]:
        try:
            answer = self._upload.store.attempt(
                "upload_part",
                stopped=self._stopped,
                UploadId=self._record.upload_id,
                PartNumber=number,
                Body=body,
                ContentLength=len(body),
                ChecksumCRC32=crc32,
                **self._upload.call_of(self._path, part=number),
            )
            return number, crc32, answer["ETag"]
        except Exception as error:
            return number, crc32, error

    def _note(self, sent: tuple[int, str, str | Exception]) -> None:
        number, crc32, etag = sent
        if isinstance(etag, Exception):
            self._fail(etag)
            return
        self._record.parts[str(number)] = {"etag": etag, "crc32": crc32}
        self._upload.progress(self._length(number))
        self._upload.save()

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._stopped.set()

    def _complete(self) -> None:
        parts = [
            {"PartNumber": number, "ETag": part["etag"], "ChecksumCRC32": part["crc32"]}
            for number, part in sorted((int(number), part) for number, part in self._record.parts.items())
        ]
        checksum: dict[str, t.Any] = {"ChecksumCRC32": base64_crc(self._whole)} if self._whole_checksum else {}
        self._upload.store.attempt(
            "complete_multipart_upload",
            headers={**ONLY_IF_ABSENT, **(WHOLE_CHECKSUM if self._whole_checksum else {})},
            UploadId=self._record.upload_id,
            MultipartUpload={"Parts": parts},
            **checksum,
            **self._upload.call_of(self._path),
        )


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
