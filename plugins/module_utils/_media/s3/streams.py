# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes to and from the object store: a region of a local file as a body, and a download that survives a lost link."""

from __future__ import annotations

import errno
import io
import os
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied
from ansible_collections.infitulua.backup.plugins.module_utils._system.bandwidth import Bandwidth

from .retries import Retries
from .store import Declined, Store


class Region(io.RawIOBase):
    """Part of a local file, as the body of a request. Each has its own position, whatever others read.

    :param descriptor: the open file; stays open.
    :param stopped: when set, reading fails, so that a request under way ends.
    :param pace: how fast it may be sent. Reading it for its signature, before that, is not sending.
    """

    def __init__(
        self, descriptor: int, offset: int, length: int, stopped: threading.Event, pace: Bandwidth | None = None
    ) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._length = length
        self._stopped = stopped
        self._pace = pace
        self._is_being_sent = False
        self._position = 0

    def rewind(self) -> None:
        """Begin anew, for another try."""
        self._is_being_sent = False
        self._position = 0

    def begin_sending(self) -> None:
        """From now on, what is read goes over the network."""
        self._is_being_sent = True

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
        pace = self._pace if self._is_being_sent else None
        if pace is not None:
            view = view[: pace.piece(len(view))]
            pace.take(len(view))
        count = os.preadv(self._descriptor, [view], self._offset + self._position) if len(view) else 0
        if not count and len(view):
            raise OSError(errno.EIO, "the file became shorter while it was read")
        self._position += count
        return count


class Download(io.RawIOBase):
    """One object's bytes. A lost connection is taken up again where it broke, as long as the object is the same.

    :param size: the object's size in bytes, from the listing.
    :param begin: where to begin, in bytes.
    :param end: where to end; None: with the object.
    :param stopped: when set, it is not tried again.
    :param etag: its entity tag: what is read later is the same object, or nothing.
    :raises AccessDenied: when the store does not give it to this key, or not as it is kept.
    :raises OSError: when it cannot be opened.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        *,
        size: int,
        etag: str,
        version: str | None,
        on: str,
        begin: int = 0,
        end: int | None = None,
        stopped: threading.Event | None = None,
    ) -> None:
        self._store = store
        self._key = key
        self._size = size
        self._end = size if end is None else end
        self._on = on
        self._stopped = stopped
        self._same: dict[str, str] = {"IfMatch": etag}
        if version is not None:
            self._same["VersionId"] = version
        self._position = begin
        self._body: t.Any = None
        self._open(Retries(stopped))

    def _open(self, retries: Retries) -> None:
        parameters: dict[str, t.Any] = dict(self._same)
        if self._position or self._end != self._size:
            parameters["Range"] = f"bytes={self._position}-{self._end - 1}"
        try:
            answer = self._store.attempt(
                "get_object",
                action="read from the object store",
                on=self._on,
                retries=retries,
                Key=self._key,
                **parameters,
            )
        except Declined as declined:
            if isinstance(declined.error, AccessDenied):
                raise declined.error from declined
            if declined.is_withheld:
                error = declined.error
                raise AccessDenied(error.what, on=error.on, why=error.why, next_step=error.next_step) from declined
            raise OSError(errno.ECONNABORTED, declined.error.why) from declined
        expected = self._end - self._position
        if answer["ContentLength"] != expected:
            answer["Body"].close()
            why = f"the store offers {answer['ContentLength']} bytes of it, the listing says {expected}"
            raise OSError(errno.ECONNABORTED, why)
        self._body = answer["Body"]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = self._store.download_pace.piece(min(len(view), self._end - self._position))
        if not wanted:
            return 0
        retries = Retries(self._stopped)
        while True:
            if self._body is None:
                self._open(retries)  # What fails here has been tried again by now.
            try:
                chunk = self._body.read(wanted)
            except Exception as error:  # botocore's, urllib3's, the socket's: all of them mean the link.
                failure: Exception = error
            else:
                if chunk:
                    view[: len(chunk)] = chunk
                    self._position += len(chunk)
                    self._store.download_pace.take(len(chunk))
                    return len(chunk)
                failure = OSError(errno.EIO, "the store ended it early")
            self._drop()
            if not retries.pause(has_answered=True):
                break
        why = f"the connection was lost after {self._position} of {self._size} bytes, {retries.tries} times in a row"
        raise OSError(errno.ECONNABORTED, f"{why} ({' '.join(str(failure).split())[:200]})") from failure

    def read(self, size: int | None = -1) -> bytes:
        # Not io.RawIOBase's: that one makes a buffer of the whole size asked for, and returns after one read.
        left = self._end - self._position
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
