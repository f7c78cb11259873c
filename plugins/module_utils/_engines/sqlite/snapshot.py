# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One committed state of a database: stored and inspected at the same time."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import sqlite3
import threading
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command

# How often a look that is to end is told so.
_TELL_EVERY_SECONDS = 0.05
_TELL_EVERY_STEPS = 100_000  # of SQLite's virtual machine
# How long a look may take, and for how many bytes of the database a second more: far longer than any that goes on.
LOOK_SECONDS = 3600
_SLOWEST_BYTES_PER_SECOND = 1024 * 1024
Answer = t.TypeVar("Answer")


class LookTooLongError(Exception):
    """Inspecting the database does not end: its schema may be made so."""


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """One committed state of a database, which stays as it is while the connection's transaction lasts.

    :param connection: prepared by ``distrust``, in a read transaction of this state; any thread may use it.
    :param descriptor: of the file, at its beginning.
    :param bytes: how many of the file are the database.
    :param file_bytes: how many the file has.
    """

    connection: sqlite3.Connection
    descriptor: int
    bytes: int
    file_bytes: int

    def reading(self) -> list[Command]:
        """Return what reads no more of the file than the database; nothing where that is all of it."""
        return [Command([programs.find("head"), "-c", str(self.bytes)])] if self.bytes < self.file_bytes else []

    def store(self, writer: SetWriter, stream: Stream, look: t.Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Store the database while it is looked at; the first of the two that fails ends the other.

        :param look: does nothing but ask the connection.
        :returns: what ``look`` answers.
        :raises LookTooLongError: when the look takes too long.
        :raises Exception: what the one raised that failed first.
        """
        end = time.monotonic() + LOOK_SECONDS + self.bytes // _SLOWEST_BYTES_PER_SECOND
        first: list[BaseException] = []
        ending = threading.Event()

        def look_on() -> Answer:
            try:
                return look(self.connection)
            except BaseException as error:
                if not ending.is_set():
                    first.append(error)
                    writer.processes.cancel()
                raise

        # Between statements too: SQLite forgets an interruption with the statement that it ends.
        self.connection.set_progress_handler(lambda: int(ending.is_set()), _TELL_EVERY_STEPS)
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
            looking: concurrent.futures.Future[Answer] | None = None
            try:
                looking = pool.submit(look_on)
                writer.store(stream)
                concurrent.futures.wait([looking], timeout=max(0.0, end - time.monotonic()))
                if not looking.done():
                    raise LookTooLongError
                answer = looking.result()
                if not self.connection.in_transaction:
                    raise sqlite3.OperationalError("SQLite has given up the transaction in which it was read")
                return answer
            except BaseException:
                ending.set()
                while looking is not None and not looking.done():
                    self.connection.interrupt()
                    concurrent.futures.wait([looking], timeout=_TELL_EVERY_SECONDS)
                if first:
                    raise first[0] from first[0].__cause__
                raise
