# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling an empty database from a set: pg_restore for each part, in parallel where PostgreSQL allows it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
import re
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._description import PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command, Outcome, run_and_read
from ansible_collections.infitulua.backup.plugins.module_utils._programs import block_buffered
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import RestoreWork
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._client import Connection, advising
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._dump import DATA, SCHEMA

UNTOUCHED = "The target was left as it was; correct the cause and run again."
# Building indexes, per job: more than a server's usual 64 MiB, little enough for a small server.
_MAINTENANCE_MEMORY_MIB = 256
# The text of roles and of a schema; more than this is not one.
_SMALL_PART_BYTES = 1024 * 1024 * 1024
_UNKNOWN_SETTING = "Command was: SET transaction_timeout = 0;"
_ATTACHING = "INDEX ATTACH"
_LIST_ENTRY = re.compile(r"(?P<number>\d+); (?P<object>\d+ \d+) (?P<kind>INDEX ATTACH|INDEX|CONSTRAINT)? ?")


def fill(
    connection: Connection,
    work: RestoreWork,
    database: str,
    *,
    tablespaces: bool,
    jobs: int,
    memory_mib: int,
    server_major: int,
    superuser: bool,
    more: t.Sequence[str] = (),
) -> None:
    """Restores all parts of a set into an empty database.

    :param tablespaces: False puts everything into the default one.
    :param jobs: for what follows the rows: indexes, constraints and the like.
    :param memory_mib: the server's maintenance_work_mem, MiB.
    :param superuser: whether the restoring user is one.
    :param more: arguments of pg_restore.
    :raises ProcessFailed: when anything fails.
    """
    # What is not on the disk after a crash is made anew anyway: the swap's own commit brings all before it there.
    options = "-c synchronous_commit=off"
    options += f" -c maintenance_work_mem={max(memory_mib, _MAINTENANCE_MEMORY_MIB)}MB"
    if superuser:
        options += f" -c {without_event_triggers(server_major)}"
    # Since 17, pg_restore begins with a setting that older servers do not know, and cannot be told not to.
    lenient = connection.client.major >= 17 > server_major
    arguments = [
        *([] if lenient else ["--exit-on-error"]),
        "--no-subscriptions",
        *([] if tablespaces else ["--no-tablespaces"]),
        *more,
    ]

    def pg_restore(*choice: str, pass_fds: t.Sequence[int] = ()) -> Command:
        command = connection.command(
            "pg_restore",
            [*arguments, *choice],
            database=database,
            environment={"PGOPTIONS": options},
            pass_fds=pass_fds,
        )
        return dataclasses.replace(command, success=frozenset({0, 1})) if lenient else command

    on = connection.describe(database)

    def run(command: Command) -> None:
        action = "restore the database's objects"
        judge(work.processes.run([command], action=action, on=on, next_step=UNTOUCHED), action=action, on=on)

    with advising(), schema_archive(connection, work) as (path, descriptor):

        def restore_entries(numbers: t.Sequence[str], jobs: int) -> None:
            with memory_file("list", "".join(f"{number};\n" for number in numbers).encode()) as (
                chosen,
                chosen_descriptor,
            ):
                connection.hand_over(chosen_descriptor)
                choice = [f"--jobs={jobs}", f"--use-list={chosen}", path]
                run(pg_restore(*choice, pass_fds=[descriptor, chosen_descriptor]))

        run(pg_restore("--section=pre-data", path, pass_fds=[descriptor]))
        entries = _list_post_data(connection, work, path, descriptor)
        loading = dataclasses.replace(pg_restore("--section=data"), launcher=block_buffered())
        early = _Loading(work, on, loading, entries, restore_entries).run()
        for count, numbers in _phases([entry for entry in entries if entry.number not in early], jobs):
            restore_entries(numbers, count)


def without_event_triggers(major: int) -> str:
    """The setting under which a database's own event triggers leave alone what a restore does. For superusers only.

    They would write down, or refuse, what no user of the database did: those that are restored see how the rest is.
    """
    return "event_triggers=off" if major >= 17 else "session_replication_role=replica"


def judge(outcomes: t.Sequence[Outcome], *, action: str, on: str) -> None:
    """Accepts a pg_restore that went on after errors only where all of them are about that one setting.

    :raises ProcessFailed: when one is about another thing.
    """
    for outcome in outcomes:
        ignored = re.findall(r"errors ignored on restore: (\d+)", outcome.stderr)
        harmless = outcome.stderr.count(_UNKNOWN_SETTING)
        errors = outcome.stderr.count("pg_restore: error:")
        # Those of its jobs are not among what it counts.
        if outcome.status and not (errors == harmless and [count for count in ignored if int(count) <= harmless]):
            raise ProcessFailed(action, on=on, why=outcome.describe(), next_step=UNTOUCHED)


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One entry of an archive's list.

    :param object: the catalogue and the oid of the object where it was dumped.
    :param kind: empty: neither an index nor its attachment.
    """

    number: str
    object: str
    kind: str


def _list_post_data(connection: Connection, work: RestoreWork, path: str, descriptor: int) -> list[_Entry]:
    command = connection.command("pg_restore", [], pass_fds=[descriptor])
    listing = Command(
        [command.argv[0], "--list", "--section=post-data", path], pass_fds=[descriptor], user=command.user
    )
    text = run_and_read(listing, action="list the database's objects", on=str(work.reader.set_id), next_step=UNTOUCHED)
    found = [_LIST_ENTRY.match(line) for line in text.splitlines()]
    return [_Entry(entry["number"], entry["object"], entry["kind"] or "") for entry in found if entry is not None]


def _phases(entries: t.Sequence[_Entry], jobs: int) -> list[tuple[int, list[str]]]:
    """Which entries are restored together, in how many jobs.

    Attaching the indexes of partitions takes locks on whole partition trees, which pg_restore's jobs do not know
    of: in parallel they run into deadlocks with each other and with REFRESH MATERIALIZED VIEW.
    """
    attaching = [entry.number for entry in entries if entry.kind == _ATTACHING]
    building = [entry.number for entry in entries if entry.kind and entry.kind != _ATTACHING]
    rest = [entry.number for entry in entries if not entry.kind]
    phases = [(jobs, building), (1, attaching), (jobs, rest)] if attaching else [(jobs, building + rest)]
    return [(count, numbers) for count, numbers in phases if numbers]


class _Loading:
    """Restores the rows, part by part, and begins large indexes as soon as their part's rows are there.

    :param entries: all that follows the rows.
    :param restore_entries: restores some of them.
    """

    def __init__(
        self,
        work: RestoreWork,
        on: str,
        command: Command,
        entries: t.Sequence[_Entry],
        restore_entries: t.Callable[[t.Sequence[str], int], None],
    ) -> None:
        self._work = work
        self._on = on
        self._command = command
        self._restore_entries = restore_entries
        self._parts = [file for file in work.reader.description.payload if file.part.startswith(DATA)]
        self._numbers = {entry.object: entry.number for entry in entries if entry.kind}
        self._ready: list[str] = []
        self._begun: set[str] = set()
        self._loading = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def run(self) -> set[str]:
        """Works in as many threads as the restore has jobs.

        :returns: the numbers of the entries that were restored.
        """
        jobs = max(1, self._work.jobs)
        with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
            futures = [pool.submit(self._carry_out_all) for _job in range(jobs)]
            try:
                concurrent.futures.wait(futures)
            except BaseException:
                self._work.processes.cancel()
                raise
        if self._error is not None:
            raise self._error
        return self._begun

    def _carry_out_all(self) -> None:
        try:
            while True:
                task = self._next()
                if task is None:
                    return
                if isinstance(task, str):
                    self._restore_entries([task], 1)
                else:
                    self._load(task)
        except BaseException as error:
            with self._changed:
                # The first is the cause; the others only fail because the restore is given up.
                self._error = self._error or error
                self._changed.notify_all()
            self._work.processes.cancel()

    def _next(self) -> PayloadFile | str | None:
        with self._changed:
            while self._error is None:
                if self._parts:
                    self._loading += 1
                    return self._parts.pop(0)
                if self._ready:
                    number = self._ready.pop(0)
                    self._begun.add(number)
                    return number
                if not self._loading:
                    return None
                self._changed.wait()
            return None

    def _load(self, file: PayloadFile) -> None:
        action = f"restore the rows of the {self._on}"
        outcomes = self._work.reader.run(
            file, [self._command], processes=self._work.processes, action=action, next_step=UNTOUCHED
        )
        judge(outcomes, action=action, on=f"{self._work.reader.set_id}, {file.path}")
        self._work.progress.advance(file.bytes)
        objects = self._work.reader.description.engine_facts["indexes"].get(file.part, [])
        with self._changed:
            self._loading -= 1
            self._ready += [self._numbers[name] for name in objects if name in self._numbers]
            self._changed.notify_all()


@contextlib.contextmanager
def schema_archive(connection: Connection, work: RestoreWork) -> t.Iterator[tuple[str, int]]:
    """The archive of everything but rows: its path for a process that inherits its descriptor, and the descriptor."""
    # In memory, because pg_restore can only run jobs in parallel from a file in which it can seek; it holds no rows.
    with memory_file("schema") as (path, descriptor):
        with open(descriptor, "wb", buffering=0, closefd=False) as stream:
            read_small(work, SCHEMA, lambda chunk: _write_all(stream, chunk))
        connection.hand_over(descriptor)
        yield path, descriptor


def read_small(work: RestoreWork, part: str, sink: t.Callable[[memoryview], t.Any]) -> None:
    """Streams a part that is small by its nature into a sink.

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
    """A file without a name: its path for a process that inherits its descriptor, and the descriptor."""
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
