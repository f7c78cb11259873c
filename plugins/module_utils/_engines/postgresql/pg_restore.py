# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_restore into one database. It goes on after errors, and what failed is reported entry by entry."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import (
    Command,
    Outcome,
    Processes,
    run_and_read,
)

from ..base import RestoreWork
from .archive import KEEP_PATH_FILTER, STDERR_LIMIT, Entry, Failure, parse_failures, parse_list, shown_errors
from .client import Connection
from .parts import SCHEMA
from .raw_names import RAW_ENCODINGS, from_raw

UNTOUCHED = "The target was left as it was; correct the cause and run again."
# The text of roles and of a schema; more than this is not one.
_SMALL_PART_BYTES = 1024 * 1024 * 1024
# How much of a part is read at first to see what is in it; an archive begins with its list.
_FIRST_LOOK_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class PgRestore:
    """pg_restore into one database.

    :param settings: of its sessions, besides the fixed ones.
    """

    connection: Connection
    work: RestoreWork
    database: str
    arguments: tuple[str, ...]
    settings: dict[str, str]

    @property
    def on(self) -> str:
        """The database, for messages."""
        return self.connection.describe(self.database)

    def command(
        self, *choice: str, pass_fds: t.Sequence[int] = (), path: str | None = None, role: str | None = None
    ) -> Command:
        """One run of it.

        :param path: search_path of its sessions; for an archive that does not empty it.
        :param role: as whom to restore.
        """
        command = self.connection.command(
            "pg_restore",
            ["--verbose", *self.arguments, *([f"--role={role}"] if role is not None else []), *choice],
            database=self.database,
            settings={**self.settings, **({"search_path": path} if path is not None else {})},
            pass_fds=pass_fds,
        )
        return dataclasses.replace(
            command, success=frozenset({0, 1}), stderr_limit=STDERR_LIMIT, shown_stderr=shown_errors
        )

    def run(self, command: Command) -> list[Failure]:
        """Run it on an archive in a file; the entries that failed.

        :raises ProcessFailed: when the server or its host is the cause, or it gave up.
        """
        action = "restore the database's objects"
        outcomes = self.work.processes.run([command], action=action, on=self.on, next_step=UNTOUCHED)
        return self._judge(outcomes, action=action, on=self.on)

    def load(
        self,
        file: PayloadFile,
        *,
        numbers: t.Sequence[str] | None = None,
        path: str | None = None,
        role: str | None = None,
        launcher: t.Sequence[str] = (),
    ) -> list[Failure]:
        """Restore the rows of a part; the entries that failed, whose tables are empty then.

        :param numbers: of the entries; None: all.
        :param path: search_path; None: none, as the archive says.
        :param role: as whom to load.
        :raises ProcessFailed: when the server or its host is the cause, or it gave up.
        """
        action = f"restore the rows of the {self.on}"
        with contextlib.ExitStack() as stack:
            choice = ["--section=data"]
            descriptors = []
            if numbers is not None:
                listed, descriptor = stack.enter_context(use_list(self.connection, numbers))
                choice.append(f"--use-list={listed}")
                descriptors.append(descriptor)
            command = self.command(*choice, pass_fds=descriptors, path=path, role=role)
            commands = [dataclasses.replace(command, launcher=launcher)]
            if path is not None:
                commands.insert(0, Command(KEEP_PATH_FILTER))
            outcomes = self.work.reader.run(
                file, commands, processes=self.work.processes, action=action, next_step=UNTOUCHED
            )
        return self._judge(outcomes[-1:], action=action, on=f"{self.work.reader.set_id}, {file.path}")

    def _judge(self, outcomes: t.Sequence[Outcome], *, action: str, on: str) -> list[Failure]:
        english = self.connection.in_english
        failures = [failure for outcome in outcomes for failure in parse_failures(outcome, english=english)]
        for failure in failures:
            if failure.environment:
                raise ProcessFailed(action, on=on, why=failure.why, next_step=UNTOUCHED)
        return failures

    def entries(self, archive: str, descriptor: int, *choice: str) -> list[Entry]:
        """Return the entries of an archive in a file."""
        command = self.connection.command("pg_restore", [], pass_fds=[descriptor])
        listing = Command([command.argv[0], "--list", *choice, archive], pass_fds=[descriptor], user=command.user)
        text = run_and_read(
            listing, action="list the database's objects", on=str(self.work.reader.set_id), next_step=UNTOUCHED
        )
        raw = self.work.reader.description.engine_facts["database"]["encoding"] in RAW_ENCODINGS
        return parse_list(from_raw(text) if raw else text)

    def entries_of_part(self, file: PayloadFile) -> list[Entry]:
        """Return what is in a part, which is read no further than its list goes."""
        size = _FIRST_LOOK_BYTES
        while True:
            head, whole = _head(self.work, file, size)
            with memory_file("head", head) as (path, descriptor):
                self.connection.hand_over(descriptor)
                try:
                    return self.entries(path, descriptor)
                except ProcessFailed:
                    if whole:
                        raise
            size *= 4


@contextlib.contextmanager
def use_list(connection: Connection, numbers: t.Sequence[str]) -> t.Iterator[tuple[str, int]]:
    """Provide a list of entries for pg_restore: its path, and the descriptor that the process inherits."""
    with memory_file("list", "".join(f"{number};\n" for number in numbers).encode()) as (path, descriptor):
        connection.hand_over(descriptor)
        yield path, descriptor


@contextlib.contextmanager
def schema_archive(connection: Connection, work: RestoreWork) -> t.Iterator[tuple[str, int]]:
    """Provide the archive of everything but rows: its path for who inherits its descriptor, and the descriptor."""
    # In memory, because pg_restore can only run jobs in parallel from a file in which it can seek; it holds no rows.
    with memory_file("schema") as (path, descriptor):
        with open(descriptor, "wb", buffering=0, closefd=False) as stream:
            read_small(work, SCHEMA, lambda chunk: _write_all(stream, chunk))
        connection.hand_over(descriptor)
        yield path, descriptor


def read_small(work: RestoreWork, part: str, sink: t.Callable[[memoryview], t.Any]) -> None:
    """Stream a part that is small by its nature into a sink.

    :raises SetInvalid: when it is not small.
    """
    size = 0

    def limited(chunk: memoryview) -> None:
        nonlocal size
        size += len(chunk)
        if size > _SMALL_PART_BYTES:
            raise SetInvalid(
                "read a part of a set",
                on=f"{work.reader.set_id}, {part}",
                why=f"it holds over {_SMALL_PART_BYTES} bytes",
                next_step="Verify the set with set_verify and restore from another one.",
            )
        sink(chunk)

    file = work.reader.description.file(part)
    work.reader.run(
        file, [], processes=work.processes, action="read a part of a set", next_step=UNTOUCHED, sink=limited
    )


@contextlib.contextmanager
def memory_file(name: str, content: bytes = b"") -> t.Iterator[tuple[str, int]]:
    """Provide a file without a name: its path for a process that inherits its descriptor, and the descriptor."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", buffering=0, closefd=False) as stream:
            _write_all(stream, memoryview(content))
        yield f"/proc/self/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)


def _write_all(stream: t.Any, chunk: memoryview) -> None:
    view = chunk
    while view:
        view = view[stream.write(view) :]


def _head(work: RestoreWork, file: PayloadFile, size: int) -> tuple[bytes, bool]:
    """Return the beginning of a part, and whether that is all of it."""
    head = bytearray()

    def keep(chunk: memoryview) -> None:
        head.extend(chunk)
        if len(head) >= size:
            raise _EnoughRead

    try:
        with Processes() as processes:
            work.reader.run(
                file, [], processes=processes, action="read a part of a set", next_step=UNTOUCHED, sink=keep
            )
    except _EnoughRead:
        return bytes(head), False
    return bytes(head), True


class _EnoughRead(Exception):
    """The beginning of a part has been read."""
