# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes to and from the object store: a region of a local file as a body, and a download that survives a lost link."""

from __future__ import annotations

import errno
import io
import os
import threading
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied

from .store import Declined, Store

# How often a download that makes no progress is begun again, and how long (seconds) the first pause is; it doubles.
DOWNLOAD_ATTEMPTS = 6
DOWNLOAD_PAUSE_SECONDS = 0.5


class Region(io.RawIOBase):
    """Part of a local file, as the body of a request. Each has its own position, whatever others read.

    :param descriptor: the open file; stays open.
    :param stopped: when set, reading fails, so that a request under way ends.
    """

    def __init__(self, descriptor: int, offset: int, length: int, stopped: threading.Event) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._length = length
        self._stopped = stopped
        self._position = 0

    def __len__(self) -> int:
        return self._length

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, min(self._length, base + offset))
        return self._position

    def readinto(self, buffer: t.Any) -> int:
        if self._stopped.is_set():
            raise OSError(errno.ECANCELED, "the upload was given up")
        view = memoryview(buffer)[: self._length - self._position]
        count = os.preadv(self._descriptor, [view], self._offset + self._position) if len(view) else 0
        if not count and len(view):
            raise OSError(errno.EIO, "the file became shorter while it was read")
        self._position += count
        return count


class Download(io.RawIOBase):
    """One object's bytes. A lost connection is taken up again where it broke, as long as the object is the same.

    :param size: the object's size in bytes, from the listing.
    :param etag: its entity tag: what is read later is the same object, or nothing.
    :raises AccessDenied: when the store does not give it to this key, or not as it is kept.
    :raises OSError: when it cannot be opened.
    """

    def __init__(self, store: Store, key: str, *, size: int, etag: str, version: str | None, on: str) -> None:
        self._store = store
        self._key = key
        self._size = size
        self._on = on
        self._same: dict[str, str] = {"IfMatch": etag}
        if version is not None:
            self._same["VersionId"] = version
        self._position = 0
        self._body: t.Any = None
        self._open()

    def _open(self) -> None:
        parameters: dict[str, t.Any] = dict(self._same)
        if self._position:
            parameters["Range"] = f"bytes={self._position}-"
        try:
            answer = self._store.attempt(
                "get_object", action="read from the object store", on=self._on, Key=self._key, **parameters
            )
        except Declined as declined:
            if isinstance(declined.error, AccessDenied):
                raise declined.error from declined
            if declined.is_withheld:
                error = declined.error
                raise AccessDenied(error.what, on=error.on, why=error.why, next_step=error.next_step) from declined
            raise OSError(errno.ECONNABORTED, declined.error.why) from declined
        expected = self._size - self._position
        if answer["ContentLength"] != expected:
            answer["Body"].close()
            why = f"the store offers {answer['ContentLength']} bytes of it, the listing says {expected}"
            raise OSError(errno.ECONNABORTED, why)
        self._body = answer["Body"]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._position)
        if not wanted:
            return 0
        failure: Exception | None = None
        for attempt in range(DOWNLOAD_ATTEMPTS):
            if attempt:
                time.sleep(DOWNLOAD_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                if self._body is None:
                    self._open()
                chunk = self._body.read(wanted)
            except AccessDenied:
                raise
            except Exception as error:  # botocore's, urllib3's, the socket's: all of them mean the link.
                failure = error
            else:
                if chunk:
                    view[: len(chunk)] = chunk
                    self._position += len(chunk)
                    return len(chunk)
                failure = OSError(errno.EIO, "the store ended it early")
            self._drop()
        why = (
            f"the connection was lost after {self._position} of {self._size} bytes, {DOWNLOAD_ATTEMPTS} times in a row"
        )
        raise OSError(errno.ECONNABORTED, f"{why} ({' '.join(str(failure).split())[:200]})") from failure

    def read(self, size: int | None = -1) -> bytes:
        # Not io.RawIOBase's: that one makes a buffer of the whole size asked for, and returns after one read.
        left = self._size - self._position
        left = left if size is None or size < 0 else min(left, size)
        result = bytearray()
        while left:
            buffer = bytearray(min(left, 1024 * 1024))
            count = self.readinto(buffer)
            if not count:
                break
            result += memoryview(buffer)[:count]
            left -= count
        return bytes(result)

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    def close(self) -> None:
        if not self.closed:
            self._drop()
        super().close()
