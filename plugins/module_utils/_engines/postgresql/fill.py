# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling an empty database from a set: pg_restore for each part, in parallel where PostgreSQL allows it.

What cannot be made at first is made later, when the rows are there, or in the database's own search_path; what still
cannot be made is left out.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import Waiting, run_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.programs import block_buffered

from ..base import LeftOut, RestoreWork
from .archive import Entry
from .client import Connection, advising
from .expressions import accepted
from .objects import Objects
from .own_path import own_path
from .parts import DATA
from .pg_restore import PgRestore, schema_archive
from .rows import Rows
from .session import Session

# Building indexes, per job: more than a server's usual 64 MiB, little enough for a small server.
_MAINTENANCE_MEMORY_MIB = 256
_ATTACHING = "INDEX ATTACH"
_BUILDING = ("INDEX", "CONSTRAINT")


@dataclasses.dataclass
class Missing:
    """How a restored database may differ from what its set says, because something was left out.

    :param left_out: as it is told.
    :param kinds: of the archive's entries that were left out.
    :param extensions: that were left out.
    :param unchecked: constraints that could not be validated.
    :param ordinary: table to columns that are no longer computed, and empty.
    """

    left_out: list[LeftOut] = dataclasses.field(default_factory=list)
    kinds: set[str] = dataclasses.field(default_factory=set)
    extensions: set[str] = dataclasses.field(default_factory=set)
    unchecked: set[str] = dataclasses.field(default_factory=set)
    ordinary: dict[str, set[str]] = dataclasses.field(default_factory=dict)


def restoring(
    connection: Connection,
    work: RestoreWork,
    database: str,
    *,
    arguments: t.Sequence[str],
    memory_mib: int,
    server_major: int,
    superuser: bool,
) -> PgRestore:
    """How pg_restore fills a database.

    :param arguments: of pg_restore.
    :param memory_mib: the server's maintenance_work_mem, MiB.
    :param superuser: whether the restoring user is one.
    """
    # What is not on the disk after a crash is made anew anyway: the swap's own commit brings all before it there.
    settings = {
        "synchronous_commit": "off",
        "maintenance_work_mem": f"{max(memory_mib, _MAINTENANCE_MEMORY_MIB)}MB",
    }
    if superuser:
        settings.update(without_event_triggers(server_major))
    return PgRestore(connection, work, database, ("--no-subscriptions", *arguments), settings)


def fill(pg_restore: PgRestore, *, jobs: int, path_setting: str | None, owners: bool) -> Missing:
    """Restore all parts of a set into an empty database.

    :param jobs: for what follows the rows: indexes, constraints and the like.
    :param path_setting: what the set says of the database's search_path; None: nothing.
    :param owners: whether objects belong to those whom the set names.
    :returns: what could not be made.
    :raises ProcessFailed: when a table or rows cannot be restored, or the server gives up.
    """
    work = pg_restore.work
    with advising(), schema_archive(pg_restore.connection, work) as (path, descriptor):
        objects = Objects(pg_restore, path, descriptor)
        objects.restore_section("pre-data")
        objects.own_path = own_path(pg_restore, path_setting, owners=owners)
        objects.retry()
        objects.require_tables()
        compute_alike(pg_restore)
        rows = Rows(pg_restore, objects.own_path)
        entries = objects.entries("post-data")
        early = _Loading(pg_restore, entries, objects, rows).run()
        rows.rescue()
        for count, numbers in _phases([entry for entry in entries if entry.number not in early], jobs):
            objects.restore(numbers, count)
        objects.retry()
    return Missing(
        [*objects.left_out(), *rows.left_out],
        objects.left_out_kinds | {entry.kind.upper() for entry in rows.left_out},
        objects.left_out_extensions,
        rows.unchecked,
        rows.ordinary,
    )


def compute_alike(pg_restore: PgRestore) -> dict[str, str]:
    """Restore from here on under the settings that the database's expressions were computed under, and return them."""
    wanted = pg_restore.work.reader.description.engine_facts["expression_settings"]
    work, connection = pg_restore.work, pg_restore.connection
    taken = accepted(lambda: Session(work.processes, connection, database=pg_restore.database), wanted, work.warnings)
    pg_restore.settings.update(taken)
    return taken


def without_event_triggers(major: int) -> dict[str, str]:
    """Return the setting that keeps event triggers from firing during a restore. For superusers only.

    They would log or refuse changes that no user of the database made, and see how the rest is restored.
    """
    return {"event_triggers": "off"} if major >= 17 else {"session_replication_role": "replica"}


def _phases(entries: t.Sequence[Entry], jobs: int) -> list[tuple[int, list[str]]]:
    """Which entries are restored together, in how many jobs.

    Attaching the indexes of partitions takes locks on whole partition trees, which pg_restore's jobs do not know
    of: in parallel they run into deadlocks with each other and with REFRESH MATERIALIZED VIEW.
    """
    attaching = [entry.number for entry in entries if entry.kind == _ATTACHING]
    building = [entry.number for entry in entries if entry.kind in _BUILDING]
    rest = [entry.number for entry in entries if entry.kind not in (_ATTACHING, *_BUILDING)]
    phases = [(jobs, building), (1, attaching), (jobs, rest)] if attaching else [(jobs, building + rest)]
    return [(count, numbers) for count, numbers in phases if numbers]


class _Loading:
    """Restores the rows, part by part, and begins large indexes as soon as their part's rows are there.

    :param entries: all that follows the rows.
    :param rows: is told what could not be loaded.
    """

    def __init__(self, pg_restore: PgRestore, entries: t.Sequence[Entry], objects: Objects, rows: Rows) -> None:
        self._pg_restore = pg_restore
        self._work = pg_restore.work
        self._objects = objects
        self._rows = rows
        self._parts = [file for file in self._work.reader.description.payload if file.part.startswith(DATA)]
        self._numbers = {entry.object: entry.number for entry in entries if entry.kind in _BUILDING}
        self._begun: set[str] = set()

    def run(self) -> set[str]:
        """Work in as many threads as the restore has jobs.

        :returns: the numbers of the entries that were restored.
        """
        loads = [functools.partial(self._load, file) for file in self._parts]
        run_all(loads, jobs=self._work.jobs, processes=self._work.processes, then=self._begin)
        return self._begun

    def _begin(self, numbers: list[str], waiting: Waiting[list[str]]) -> None:
        self._begun.update(numbers)
        waiting.extend(functools.partial(self._build, number) for number in numbers)

    def _build(self, number: str) -> list[str]:
        self._objects.restore([number], 1)
        return []

    def _load(self, file: PayloadFile) -> list[str]:
        """Load a part; return the entries that can be restored now."""
        self._rows.note(file, self._pg_restore.load(file, launcher=block_buffered()))
        self._work.progress.advance(file.bytes)
        objects = self._work.reader.description.engine_facts["indexes"].get(file.part, [])
        return [self._numbers[name] for name in objects if name in self._numbers]
