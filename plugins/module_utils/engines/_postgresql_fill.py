# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling an empty database from a set: pg_restore for each part, in parallel where PostgreSQL allows it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command, run_and_read
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import RestoreWork
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_client import Connection, advising
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_dump import DATA, SCHEMA

UNTOUCHED = "The target was left as it was; correct the cause and run again."
# Building indexes, per job: more than a server's usual 64 MiB, little enough for a small server.
_MAINTENANCE_MEMORY_MIB = 256
# The text of roles and of a schema; more than this is not one.
_SMALL_PART_BYTES = 1024 * 1024 * 1024
_LIST_ENTRY = re.compile(r"(?P<number>\d+); \d+ \d+ (?P<kind>INDEX ATTACH|INDEX|CONSTRAINT)? ?")


def fill(
    connection: Connection, work: RestoreWork, database: str, *, tablespaces: bool, jobs: int, memory_mib: int
) -> None:
    """Restores all parts of a set into an empty database.

    :param tablespaces: False puts everything into the default one.
    :param jobs: for what follows the rows: indexes, constraints and the like.
    :param memory_mib: the server's maintenance_work_mem, MiB.
    :raises ProcessFailed: when anything fails.
    """
    # What is not on the disk after a crash is made anew anyway: the swap's own commit brings all before it there.
    options = "-c synchronous_commit=off"
    options += f" -c maintenance_work_mem={max(memory_mib, _MAINTENANCE_MEMORY_MIB)}MB"
    arguments = ["--exit-on-error", "--no-subscriptions", *([] if tablespaces else ["--no-tablespaces"])]

    def pg_restore(*more: str, pass_fds: t.Sequence[int] = ()) -> Command:
        return connection.command(
            "pg_restore",
            [*arguments, *more],
            database=database,
            environment={"PGOPTIONS": options},
            pass_fds=pass_fds,
        )

    on = connection.describe(database)

    def run(command: Command) -> None:
        work.processes.run([command], action="restore the database's objects", on=on, next_step=UNTOUCHED)

    with advising(), _schema(connection, work) as (path, descriptor):
        run(pg_restore("--section=pre-data", path, pass_fds=[descriptor]))
        _restore_data(work, on, pg_restore("--section=data"))
        for count, entries in _post_data_phases(connection, work, path, descriptor, jobs):
            with _memory_file("list", entries.encode("utf-8")) as (list_path, list_descriptor):
                connection.hand_over(list_descriptor)
                choice = [f"--jobs={count}", f"--use-list={list_path}", path]
                run(pg_restore(*choice, pass_fds=[descriptor, list_descriptor]))


def _post_data_phases(
    connection: Connection, work: RestoreWork, path: str, descriptor: int, jobs: int
) -> list[tuple[int, str]]:
    """The rest of the schema in phases: how many jobs, and which entries (as ``pg_restore --list`` prints them).

    Attaching the indexes of partitions takes locks on whole partition trees, which pg_restore's jobs do not know
    of: in parallel they run into deadlocks with each other and with REFRESH MATERIALIZED VIEW.
    """
    command = connection.command("pg_restore", [], pass_fds=[descriptor])
    listing = Command(
        [command.argv[0], "--list", "--section=post-data", path], pass_fds=[descriptor], user=command.user
    )
    text = run_and_read(listing, action="list the database's objects", on=str(work.reader.set_id), next_step=UNTOUCHED)
    building: list[str] = []
    attaching: list[str] = []
    rest: list[str] = []
    for line in text.splitlines():
        entry = _LIST_ENTRY.match(line)
        if entry is None:
            continue
        kind = entry.group("kind")
        chosen = attaching if kind == "INDEX ATTACH" else building if kind else rest
        chosen.append(f"{entry.group('number')};")
    if not attaching:
        return [(jobs, "\n".join(building + rest))]
    phases = [(jobs, building), (1, attaching), (jobs, rest)]
    return [(count, "\n".join(entries) + "\n") for count, entries in phases if entries]


@contextlib.contextmanager
def _schema(connection: Connection, work: RestoreWork) -> t.Iterator[tuple[str, int]]:
    # In memory, because pg_restore can only run jobs in parallel from a file in which it can seek; it holds no rows.
    with _memory_file("schema") as (path, descriptor):
        with open(descriptor, "wb", buffering=0, closefd=False) as stream:
            read_small(work, SCHEMA, lambda chunk: _write_all(stream, chunk))
        connection.hand_over(descriptor)
        yield path, descriptor


def _restore_data(work: RestoreWork, on: str, command: Command) -> None:
    files = [file for file in work.reader.description.payload if file.part.startswith(DATA)]

    def restore(file: t.Any) -> None:
        work.reader.run(
            file,
            [command],
            processes=work.processes,
            action=f"restore the rows of the {on}",
            next_step=UNTOUCHED,
        )
        work.progress.advance(file.bytes)

    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, work.jobs)) as pool:
        futures = [pool.submit(restore, file) for file in files]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            work.processes.cancel()
            raise


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
def _memory_file(name: str, content: bytes = b"") -> t.Iterator[tuple[str, int]]:
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
