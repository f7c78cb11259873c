# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storing many small files, several at a time."""

from __future__ import annotations

import base64
import collections
import functools
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_drawn

from .open_upload import OpenUpload
from .store import ONLY_IF_ABSENT, Declined
from .streams import Region

OBJECTS_AT_A_TIME = 8
# So many at most are noted as intended with one write of the journal. What a killed run had noted and sent is sent
# once more by the next one, so there is a bound on the bytes too.
_NOTED_OBJECTS = 256
_NOTED_BYTES = 64 * 1024 * 1024
# How often an object is put again when two conditional writes have met.
_ROUNDS = 3


class SmallObjects:
    """Files that go as one object each. Answers are judged one by one, in the thread that calls :meth:`run`."""

    def __init__(self, upload: OpenUpload, paths: t.Iterable[str]) -> None:
        self._upload = upload
        self._waiting = collections.deque(path for path in paths if not upload.is_stored(path))
        self._noted: collections.deque[str] = collections.deque()
        self._rounds: collections.Counter[str] = collections.Counter()
        self._in_doubt: set[str] = set()
        self._stopped = threading.Event()
        self._failure: Exception | None = None

    def run(self) -> None:
        """Store them. A failure stops the others; what was stored is in the journal.

        :raises Declined: when the store does not take one.
        :raises AlreadyStored: when another writer has stored one.
        """
        if not self._waiting:
            return
        run_drawn(self._next, jobs=OBJECTS_AT_A_TIME, cancel=self._stopped.set, then=self._judge)
        if self._failure is None:
            self._upload.save()
            return
        for path in self._noted:
            if path not in self._in_doubt:
                self._upload.was_never_sent(path)
        self._upload.keep()
        raise self._failure

    def _next(self) -> t.Callable[[], tuple[str, Exception | None]] | None:
        if self._failure is not None:
            return None
        if not self._noted and self._waiting:
            size = 0
            while self._waiting and len(self._noted) < _NOTED_OBJECTS and size < _NOTED_BYTES:
                self._noted.append(self._waiting.popleft())
                size += self._upload.record(self._noted[-1]).bytes
            self._upload.intend(self._noted)
        return functools.partial(self._put, self._noted.popleft()) if self._noted else None

    def _put(self, path: str) -> tuple[str, Exception | None]:
        upload = self._upload
        record = upload.record(path)
        try:
            with DirectoryContents(upload.directory).open(path) as stream:
                upload.store.attempt(
                    "put_object",
                    stopped=self._stopped,
                    headers=ONLY_IF_ABSENT,
                    Body=Region(stream.fileno(), 0, record.bytes, self._stopped, upload.store.upload_pace),
                    ContentLength=record.bytes,
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(record.sha256)).decode(),
                    **upload.call_of(path),
                    **upload.retention(),
                )
            return path, None
        except Exception as error:
            return path, error

    def _judge(self, sent: tuple[str, Exception | None]) -> None:
        path, error = sent
        try:
            if error is None:
                self._upload.progress(self._upload.record(path).bytes)
            elif not isinstance(error, Declined):
                raise error
            elif not self._is_there(path, error):
                self._noted.appendleft(path)
                return
            self._upload.note_stored(path)
        except Exception as failure:
            self._failure = self._failure or failure
            self._stopped.set()

    def _is_there(self, path: str, declined: Declined) -> bool:
        """Whether the object that was refused stands there and is ours; False: it is to be put again.

        :raises Declined: when neither is so.
        """
        doubtful = self._upload.is_doubtful(path) or path in self._in_doubt
        if declined.is_there_already:
            self._upload.accept_or_refuse(path, doubtful=doubtful or not declined.certain)
            return True
        self._rounds[path] += 1
        if declined.code == "ConditionalRequestConflict" and self._rounds[path] < _ROUNDS:
            if not declined.certain:
                self._in_doubt.add(path)
            return False
        if declined.certain and not doubtful:
            self._upload.retract(path)
        raise declined
