# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring some tables of a PostgreSQL database into a schema of their own, within the live database.

They are made in a database beside the live one, checked, and moved there into a schema of the wanted name. That schema
then goes from the one database to the other in one transaction: it appears whole or not at all, and nothing else of
the live database is touched. What would tie it to the rest of the live database stays behind, and is reported:
triggers, rules, policies, owners and privileges; foreign keys, inheritance and partitions to and from what was not
chosen; defaults that take from another's sequence.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import Check, RestoreWork, TargetState
from . import catalogue
from .access import Access
from .archive import Entry, shown_errors
from .client import Client, Connection, advising, clients
from .fill import Missing, compute_alike, restoring
from .objects import Objects
from .own_path import OwnPath, own_path
from .parts import DATA
from .pg_restore import UNTOUCHED, PgRestore, schema_archive
from .properties import search_path_of
from .restore import Restoration
from .rows import Rows
from .schema_move import has_schema, move_tables, oids_of
from .session import Session, quote_identifier
from .set_aside import SetAside
from .table_check import check_tables
from .table_selection import TableSelection

# What is made anew of a table besides its rows, and what is not, by the kinds of pg_restore's lists.
_FOREIGN_KEY = "FK CONSTRAINT"
_BUILT = ("CHECK CONSTRAINT", "CONSTRAINT", "INDEX")
_ATTACHED = ("INDEX ATTACH",)
_LEFT_OUT = {"TRIGGER": "triggers", "RULE": "rules", "POLICY": "policies of row-level security"}
_WITHOUT = ["--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions", "--no-security-labels"]
_SHOWN = 20

_PARTITIONS = """
WITH RECURSIVE chosen(oid) AS (
    SELECT unnest(ARRAY[{oids}]::oid[])
  UNION
    SELECT i.inhrelid FROM pg_inherits i JOIN chosen ON chosen.oid = i.inhparent
    JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p' JOIN pg_class c ON c.oid = i.inhrelid
    WHERE c.relkind IN ('r', 'p')
)
SELECT oid::bigint AS oid FROM chosen
"""


class SelectedRestoration(Restoration):
    """One restore of some tables into a schema of their own. Its methods are those of a whole restore.

    :param connection: of the live database, open.
    """

    def __init__(self, connection: Connection, selection: TableSelection) -> None:
        super().__init__(connection, Access(keep=False))
        self._selection = selection
        self._transfer: Client | None = None
        self._major = 0
        # The settings that the rows' expressions were computed under.
        self._computed_under: dict[str, str] = {}
        # Names within the new schema to names in the set.
        self._tables: dict[str, str] = {}
        self._sequences: dict[str, str] = {}

    # What stands there

    def inspect(self, work: RestoreWork) -> TargetState:
        """Check that the live database is there, has no schema of that name, and that the set holds the tables."""
        state = super().inspect(work)
        on = f"schema {self._selection.into} of the {self.connection.describe()}"
        if not state.exists:
            raise NotFound(
                "restore tables",
                on=on,
                why="there is no such database",
                next_step="Name the database that the tables are put into, or restore the whole set under a new name.",
            )
        with Session(work.processes, self.connection) as session:
            self._major = session.major
            if has_schema(session, self._selection.into):
                raise Refused(
                    "restore tables",
                    on=on,
                    why="that schema exists already",
                    next_step="Give another into_schema, or drop that one if it is not needed any more.",
                )
        # One of the server's own version, or else one before 17, whose pg_restore begins with a setting that older
        # servers do not know: in a single transaction nothing may fail.
        suitable = [client for client in clients(self.connection.client_directory) if client.major >= self._major]
        suitable = [client for client in suitable if client.major < 17 or self._major >= 17]
        if not suitable:
            raise Refused(
                "restore tables",
                on=on,
                why=f"the server is PostgreSQL {self._major}, and no suitable client is installed here",
                next_step=f"Install the package postgresql-client-{self._major}.",
            )
        self._transfer = min(suitable, key=lambda client: client.major)
        self._check_there(work)
        return TargetState(f"{self._selection.describe()} into {on}", False, True)

    def _check_roles(self, work: RestoreWork, session: Session) -> None:
        """Do nothing: what is restored belongs to whoever restores it, so it needs no roles."""

    def _check_there(self, work: RestoreWork) -> None:
        pg_restore = PgRestore(self.connection, work, self.beside, (), {})
        with schema_archive(self.connection, work) as (path, descriptor):
            entries = pg_restore.entries(path, descriptor, "--section=pre-data")
        lines = [entry.rest for entry in entries if entry.kind == "TABLE"]
        missing = [
            f"{schema}.{name}"
            for schema, name in self._selection.tables
            if not any(line.startswith(f"{schema} {name} ") for line in lines)
        ]
        missing += [
            f"{schema}.*"
            for schema in self._selection.schemas
            if not any(line.startswith(f"{schema} ") for line in lines)
        ]
        if missing:
            raise self._not_in_set(work, missing)

    def _not_in_set(self, work: RestoreWork, missing: t.Sequence[str]) -> NotFound:
        known = sorted(work.reader.description.engine_facts["row_counts"])
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        return NotFound(
            "restore tables",
            on=", ".join(missing[:_SHOWN]),
            why=f"the set {work.reader.set_id} does not hold them; it holds {', '.join(known[:_SHOWN])}{more}",
            next_step="Correct the names (schema.table), or choose another set.",
        )

    # Restoring beside

    def restore_beside(self, work: RestoreWork) -> None:
        """Make a database beside the live one, and in it the schema with the tables."""
        self._lock.acquire()
        _major, memory, superuser = self._begin_beside(work, tablespaces=False)
        pg_restore = restoring(
            self.connection,
            work,
            self.beside,
            arguments=[*_WITHOUT, "--no-tablespaces"],
            memory_mib=memory,
            server_major=self._major,
            superuser=superuser,
        )
        with advising(), schema_archive(self.connection, work) as (path, descriptor):
            objects = Objects(pg_restore, path, descriptor)
            objects.restore_section("pre-data")
            objects.own_path = own_path(pg_restore, search_path_of(self._properties(work).settings), owners=False)
            objects.retry()
            objects.require_tables(self._is_wanted)
            self._computed_under = compute_alike(pg_restore)
            chosen = self._resolve(work)
            rows = self._load(work, chosen, pg_restore, objects.own_path)
            entries = objects.entries("post-data")
            # What failed of other tables is nothing to this restore.
            # What needs the database's own path could not go from here into the live one.
            later = Objects(pg_restore, path, descriptor)
            for kinds, jobs in ((_BUILT, work.jobs), (_ATTACHED, 1)):
                numbers = [entry.number for entry in entries if entry.kind in kinds]
                if numbers:
                    later.restore(numbers, jobs)
            later.retry()
            work.left_out += [*later.left_out(), *rows.left_out]
            self._missing = Missing(kinds=later.left_out_kinds, ordinary=rows.ordinary)
            self._make_foreign_keys(work, chosen, entries, Objects(pg_restore, path, descriptor))
            for kind, words in _LEFT_OUT.items():
                left = [entry for entry in entries if entry.kind == kind and _is_of(entry, chosen)]
                if left:
                    work.warnings.append(f"The tables come without their {words} ({len(left)})")
        self._move(work, chosen, rows.rescued)

    def _is_wanted(self, entry: Entry) -> bool:
        names = [f"{schema} {name} " for schema, name in self._selection.tables]
        return entry.rest.startswith((*names, *(f"{schema} " for schema in self._selection.schemas)))

    def _create_beside(self, work: RestoreWork, *, tablespaces: bool) -> tuple[int, int, bool]:
        # The set's owner need not be here; everything belongs to whoever restores.
        with self._maintenance(work.processes) as session:
            user = session.value("SELECT current_user AS value")
        database = {**work.reader.description.engine_facts["database"], "owner": user}
        return self._create_like(work, database, tablespaces=tablespaces)

    def _resolve(self, work: RestoreWork) -> list[catalogue.Table]:
        """Return the tables that are meant, partitions with what they are parts of.

        :raises BackupError: when one is not there, or two would have one name.
        """
        with Session(work.processes, self.connection, database=self.beside) as session:
            there = catalogue.tables(session)
            named = {(table.schema, table.relation) for table in there}
            missing = [f"{schema}.{name}" for schema, name in self._selection.tables if (schema, name) not in named]
            missing += [
                f"{name}.*" for name in self._selection.schemas if name not in {table.schema for table in there}
            ]
            if missing:
                raise self._not_in_set(work, missing)
            wanted = [
                table
                for table in there
                if (table.schema, table.relation) in self._selection.tables or table.schema in self._selection.schemas
            ]
            rows = session.rows(_PARTITIONS.format(oids=oids_of(wanted)))
        oids = {row["oid"] for row in rows}
        chosen = [table for table in there if table.oid in oids]
        names = [table.relation for table in chosen]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Refused(
                "restore tables",
                on=f"schema {self._selection.into}",
                why=f"several of the tables have the same name: {', '.join(twice)}",
                next_step="Restore them one schema at a time, each into a schema of its own.",
            )
        return chosen

    def _load(
        self,
        work: RestoreWork,
        chosen: t.Sequence[catalogue.Table],
        pg_restore: PgRestore,
        own: OwnPath | None,
    ) -> Rows:
        """Restore the rows of the tables, and the sequences, from those parts that hold any."""
        rows = Rows(pg_restore, own)
        parts = [file for file in work.reader.description.payload if file.part.startswith(DATA)]
        load = functools.partial(self._load_part, work, chosen, pg_restore, rows)
        run_all([functools.partial(load, file) for file in parts], jobs=work.jobs, processes=work.processes)
        rows.rescue()
        return rows

    def _load_part(
        self,
        work: RestoreWork,
        chosen: t.Sequence[catalogue.Table],
        pg_restore: PgRestore,
        rows: Rows,
        file: PayloadFile,
    ) -> None:
        numbers = [
            entry.number
            for entry in pg_restore.entries_of_part(file)
            if entry.kind == "SEQUENCE SET" or (entry.kind == "TABLE DATA" and _is_of(entry, chosen))
        ]
        if numbers:
            rows.note(file, pg_restore.load(file, numbers=numbers))
        work.progress.advance(file.bytes)

    def _make_foreign_keys(
        self,
        work: RestoreWork,
        chosen: t.Sequence[catalogue.Table],
        entries: t.Sequence[Entry],
        objects: Objects,
    ) -> None:
        """Make them one by one: those that refer to a table without its rows cannot be made, and are reported."""
        numbers = [entry.number for entry in entries if entry.kind == _FOREIGN_KEY and _is_of(entry, chosen)]
        if numbers:
            objects.restore(numbers, 1)
        left = objects.left_out()
        if left:
            shown = ", ".join(entry.name for entry in left[:_SHOWN])
            work.warnings.append(f"Foreign keys to tables that were not chosen were left out: {shown}")

    def _move(self, work: RestoreWork, chosen: t.Sequence[catalogue.Table], rescued: t.Sequence[int]) -> None:
        """Move the tables into the schema, having cut what ties them to others.

        :param rescued: tables whose rows could not be loaded at first, nor could they be in the live database.
        """
        # Constraints that are set aside may hold a secret, which belongs in no message.
        with Session(work.processes, self.connection, database=self.beside, terse=True) as session:
            session.execute("BEGIN")
            if rescued:
                left, ordinary = SetAside(session).leave_out(rescued)
                work.left_out += [entry for entry in left if entry not in work.left_out]
                self._missing.ordinary.update(ordinary)
            sequences = move_tables(session, chosen, self._selection.into, work.warnings)
            session.execute("COMMIT")
        self._tables = {table.relation: table.name for table in chosen if table.holds_rows}
        self._sequences = sequences

    # Checking

    def check(self, work: RestoreWork) -> list[Check]:
        """Compare the tables with what the set says of them."""
        with Session(work.processes, self.connection, database=self.beside) as session:
            return check_tables(
                session,
                work.reader.description.engine_facts,
                self._selection.into,
                tables=self._tables,
                sequences=self._sequences,
                missing=self._missing,
            )

    # Putting in place

    def swap(self, work: RestoreWork) -> str | None:
        """Bring the schema into the live database, in one transaction."""
        if self._transfer is None:
            raise RuntimeError("a restore begins with inspect")
        restoring, self.connection.client = self.connection.client, self._transfer
        into = quote_identifier(self._selection.into)
        # What the live database does of itself when something is created is not for these tables.
        quiet = self._major >= 17 and self.connection.superuser
        settings = {**self._computed_under, **({"event_triggers": "off"} if quiet else {})}
        encoding = work.reader.description.engine_facts["database"]["encoding"]
        try:
            dump = self.connection.command(
                "pg_dump",
                [
                    "--format=custom",
                    "--compress=0",
                    f"--encoding={encoding}",
                    f"--schema={into}",
                    *_WITHOUT,
                    "--no-tablespaces",
                ],
                database=self.beside,
            )
            load = self.connection.command(
                "pg_restore", ["--single-transaction", "--exit-on-error", *_WITHOUT], settings=settings
            )
            with advising():
                work.processes.run(
                    [dump, dataclasses.replace(load, shown_stderr=shown_errors)],
                    action="put the tables into the live database",
                    on=f"schema {self._selection.into} of the {self.connection.describe()}",
                    next_step=UNTOUCHED,
                )
        finally:
            self.connection.client = restoring
        try:
            with Processes() as processes, self._maintenance(processes) as session:
                self._drop_beside(session)
        except BackupError as error:
            work.warnings.append(f"The tables are restored, but {self.beside} was not removed: {error.message}")
        self._lock.release()
        return None


def _is_of(entry: Entry, chosen: t.Sequence[catalogue.Table]) -> bool:
    """Whether an entry of a list belongs to one of the tables.

    Names are not quoted there, so another's may pass where names have spaces in them: that gives it rows or keys in the
    database beside, and no more; which tables are moved is decided by the catalogue.
    """
    return any(entry.rest.startswith(f"{table.schema} {table.relation} ") for table in chosen)
