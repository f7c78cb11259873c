# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one MySQL database: beside the target, checked, then swapped (see ``swap``)."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import Check, RestoreWork
from ..kept_name import SWAPPING_SUFFIX
from ..mysql_family import unresolved
from ..mysql_family.catalogue import Table, relations
from ..mysql_family.client import Connection
from ..mysql_family.kept_database import free_name
from ..mysql_family.names import derived_name
from ..mysql_family.objects import EVENT, VIEW, Definition
from ..mysql_family.programs import view_names
from ..mysql_family.restore import PROGRAMS_TABLE, BesideRestoration
from ..mysql_family.server_error import LOCK_WAIT_TIMEOUT, error_number, server_error
from ..mysql_family.session import Session as FamilySession
from ..mysql_family.session import quote_identifier, quote_literal
from . import catalogue, objects
from .dialect import MYSQL
from .privileges import MysqlPrivileges
from .session import Session
from .swap import ACTION, Plan, Swapper

_TRIES = 3


class Restoration(BesideRestoration):
    """One restore into MySQL."""

    dialect = MYSQL
    privileges = MysqlPrivileges()

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.journal = derived_name(self.name, SWAPPING_SUFFIX)

    def _check_version(self, session: FamilySession, dumped: str) -> None:
        version = session.value("VERSION()") or ""
        # A server of the same series takes what a later one of it gave.
        oldest = max(catalogue.OLDEST, (*catalogue.read_version(dumped)[:2], 0))
        if "MariaDB" in version or catalogue.read_version(version) < oldest:
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why=f"the set was taken from MySQL {dumped} and the server is {version}",
                next_step=f"Restore into MySQL {'.'.join(map(str, oldest))} or newer. A MySQL set cannot be"
                " restored into MariaDB, or the reverse.",
            )

    def _has_collation(self, session: FamilySession, name: str) -> bool:
        source = f"information_schema.COLLATIONS WHERE COLLATION_NAME = {quote_literal(name)}"
        return bool(session.rows({"name": "COLLATION_NAME"}, source))

    def _repair(self, work: RestoreWork) -> None:
        """Complete or take back an interrupted swap."""
        swapper = self._swapper(work)
        with Session(work.processes, self.connection) as session:
            if catalogue.properties(session, self.journal) is None:
                return
        # Its client may still be running.
        swapper.wait()
        plan = swapper.remembered()
        if plan is not None:
            if swapper.has_moved(plan):
                swapper.run(plan.completion())
                if plan.kept:
                    self._complete_kept(work, swapper, plan)
                work.warnings.append("An interrupted restore of the target was completed first")
            else:
                lost = swapper.put_back(plan)
                self._take_back(work, plan)
                work.warnings.append("An interrupted restore of the target was rolled back first")
                if lost:
                    work.warnings.append(f"The target's stored programs that were not recreated: {', '.join(lost)}")
            self._give_again(work, plan.present)
        swapper.forget()

    def _swapper(self, work: RestoreWork) -> Swapper:
        return Swapper(work.processes, self.connection, live=self.name, beside=self.beside, journal=self.journal)

    def _make_programs(self, work: RestoreWork, programs: t.Sequence[Definition]) -> list[Definition]:
        for entry in programs:
            if entry.kind == EVENT:
                self._check_program(work, entry)
        return super()._make_programs(work, programs)

    def _make_once(self, work: RestoreWork, programs: t.Sequence[Definition]) -> list[tuple[Definition, ProcessFailed]]:
        left: list[tuple[Definition, ProcessFailed]] = []
        for entry in programs:
            try:
                self._check_program(work, entry)
                with Session(work.processes, self.connection, database=self.beside) as session:
                    session.once(entry.text, action=f"restore a database's programs ({entry.kind} {entry.name})")
            except ProcessFailed as error:
                left.append((entry, error))
        return left

    def _check_program(self, work: RestoreWork, entry: Definition) -> None:
        """Check that the server takes a set's text for one statement, and not for several.

        :raises SetInvalid: when it does not.
        """
        with Session(work.processes, self.connection, database=self.beside) as session:
            session.execute(f"SET SESSION sql_mode = '{entry.mode}'")
            if not session.is_one_statement(entry.statement):
                raise SetInvalid(
                    "restore a database's programs",
                    on=f"{work.reader.set_id}, {entry.kind} {entry.name}",
                    why=f"the server does not parse it as a single statement: {entry.statement[:80]!r}",
                    next_step="The set is not what this collection writes: report it, and restore from another one.",
                )

    # Checking

    def _check_programs(self, session: FamilySession) -> list[Check]:
        # No view is compared, so none has to be shown.
        views = view_names(session, self.beside)
        made = {
            (entry.kind, entry.name): (entry.statement, entry.mode)
            for entry in objects.programs(session, self.beside, hidden=views)
        }
        # A view's text is the server's own, and a newer one may word it in another way.
        verbatim = [entry for entry in self._made.programs if entry.kind not in (VIEW, EVENT)]
        other = [
            f"{entry.kind} {entry.name}"
            for entry in verbatim
            if made.get((entry.kind, entry.name)) != (entry.statement, entry.mode)
        ]
        said = f"not as they were: {', '.join(other[:20])}" if other else f"{len(verbatim)} are as they were"
        return [Check("programs", not other, said)]

    # Swapping

    def swap(self, work: RestoreWork) -> str | None:
        """Put the restored tables in the target's place, keeping those that were there in a database of their own."""
        swapper = self._swapper(work)
        with self.connection.advice.giving():
            plan = self._prepare(work)
            try:
                swapper.remember(plan)
                self._make_room(work, plan)
                self._exchange(work, swapper, plan)
            except BackupError:
                self._take_back(work, plan)
                raise
            if plan.kept:
                self._complete_kept(work, swapper, plan)
        self._finish(work)
        return plan.kept or None

    def _prepare(self, work: RestoreWork) -> Plan:
        facts = work.reader.description.engine_facts["database"]
        with Session(work.processes, self.connection) as session:
            before = catalogue.properties(session, self.name)
            kept = ""
            old: list[Definition] = []
            there: list[Table] = []
            if before is not None:
                kept = free_name(session, self.name, work.stamp, dialect=self.dialect)
                found = self._unresolved(work)
                with Session(work.processes, self.connection, database=self.name) as looking:
                    old += objects.programs(looking, self.name, hidden=found.hidden)
                # Last, so that a script that makes them again makes all others before it fails.
                old.sort(key=lambda entry: entry.kind == VIEW and entry.name in found.views)
                there = catalogue.tables(session, self.name)
            new = catalogue.tables(session, self.beside)
            all_there = relations(session, self.name) if before is not None else []
            all_new = relations(session, self.beside)
            # To hold a table whose rows are elsewhere may be to wait for another server.
            holds = len(there) + len(new) == len(all_there) + len(all_new)
        words = ("character_set", "collation")
        return Plan(
            live=self.name,
            beside=self.beside,
            kept=kept,
            there=all_there,
            new=all_new,
            holds=holds and len({table.transactional for table in [*there, *new]}) < 2,
            options=(tuple(before[word] for word in words), tuple(facts[word] for word in words))
            if before is not None
            else ((), ()),
            old=old,
            programs=self._made.programs,
            grants=list(self._made.rights.grants),
            revokes=list(self._made.rights.revokes),
            present=list(self._made.rights.present),
        )

    def _unresolved(self, work: RestoreWork) -> unresolved.Unresolved:
        """Return the target's views that do not resolve."""
        return unresolved.find(Session, work.processes, self.connection, self.name)

    def _make_room(self, work: RestoreWork, plan: Plan) -> None:
        """Make the database that the tables go to which have none yet. The journal knows of it already."""
        with Session(work.processes, self.connection) as session:
            if plan.kept:
                creation = self._creation(plan.kept, catalogue.properties(session, self.name) or {})
            else:
                creation = self._creation(self.name, work.reader.description.engine_facts["database"])
            session.execute(creation, action="create a database")

    def _exchange(self, work: RestoreWork, swapper: Swapper, plan: Plan) -> None:
        attempt = 1
        while True:
            with Session(work.processes, self.connection) as session:
                self._end_users(work, session)
            try:
                swapper.run(plan.script())
                return
            except ProcessFailed as error:
                # A server that went down comes back; a statement that it has begun, it may still be carrying out.
                swapper.wait()
                found = server_error(error)
                entry = swapper.program_at(plan, found)
                why = self._why_left_out(work, entry, found)
                if self._complete_or_take_back(work, swapper, plan, error, again=why is not None):
                    return
                if entry is not None and why is not None:
                    self._leave_out(work, entry, why)
                    plan.programs = self._made.programs
                    plan.grants = list(self._made.rights.grants)
                    swapper.forget()
                    swapper.remember(plan)
                    continue
                if attempt == _TRIES or error_number(error) != LOCK_WAIT_TIMEOUT:
                    raise
                attempt += 1

    def _complete_or_take_back(
        self, work: RestoreWork, swapper: Swapper, plan: Plan, error: ProcessFailed, *, again: bool
    ) -> bool:
        """Repair what a failed script left: take it back, or complete it and return True.

        :param again: whether the swap is begun again, without the program that failed: then what of the target cannot
            be made again is told with what is kept.
        :raises BackupError: when it cannot.
        """
        if swapper.has_moved(plan):
            try:
                swapper.run(plan.completion())
            except ProcessFailed:
                swapper.wait()
                try:
                    swapper.run(plan.undo())
                except ProcessFailed:
                    swapper.wait()
                    # Of the target's programs one cannot be made again; the others are made below.
                    if swapper.has_moved(plan):
                        raise
            else:
                work.warnings.append(
                    f"The server was interrupted in the last step, which was then completed: {error.why}"
                )
                return True
        lost = swapper.put_back(plan)
        if lost and not again:
            raise BackupError(
                ACTION,
                on=self.connection.describe(),
                why=f"{error.why}; and then these stored programs could not be recreated: {', '.join(lost)}",
                next_step="Its tables are as they were. The programs' statements are in the table"
                f" {self.journal}.journal: correct the cause, and restore again.",
            ) from error
        return False

    def _take_back(self, work: RestoreWork, plan: Plan) -> None:
        """Remove the database that the swap was given to begin with, if nothing has got into it; and the journal."""
        made = plan.kept or plan.live
        with contextlib.suppress(BackupError), Processes() as processes, Session(processes, self.connection) as session:
            if not catalogue.count_objects(session, made):
                session.execute(f"DROP DATABASE IF EXISTS {quote_identifier(made)}")
            live = {(entry.kind, entry.name) for entry in self._programs_of(work, session, plan)}
            if {(entry.kind, entry.name) for entry in plan.old} <= live:
                session.execute(f"DROP DATABASE IF EXISTS {quote_identifier(self.journal)}")

    def _programs_of(self, work: RestoreWork, session: Session, plan: Plan) -> t.Sequence[Definition]:
        if catalogue.properties(session, plan.live) is None:
            return []
        session.execute(f"USE {quote_identifier(plan.live)}")
        return objects.programs(session, plan.live, hidden=self._unresolved(work).hidden)

    def _complete_kept(self, work: RestoreWork, swapper: Swapper, plan: Plan) -> None:
        """Give the kept database its programs back. Not its events: they would go on working."""
        events = [entry.name for entry in plan.old if entry.kind == EVENT]
        others = [entry for entry in plan.old if entry.kind != EVENT]
        lost = events + swapper.make_missing(plan.kept, others)
        if not lost:
            return
        # What is kept may itself be what a restore had kept.
        name = PROGRAMS_TABLE if PROGRAMS_TABLE not in plan.there else f"{PROGRAMS_TABLE}_2"
        table = f"{quote_identifier(plan.kept)}.{name}"
        with Session(work.processes, self.connection) as session:
            # From a restore that was killed before it had forgotten its journal.
            session.execute(f"DROP TABLE IF EXISTS {table}")
            session.execute(f"CREATE TABLE {table} (number int PRIMARY KEY, statement longtext) CHARACTER SET utf8mb4")
            for number, entry in enumerate(plan.old, start=1):
                session.execute(f"INSERT INTO {table} VALUES ({number}, {quote_literal(entry.statement)})")
        work.warnings.append(
            f"{plan.kept} has all tables, but not these programs: {', '.join(lost[:20])}; its table {name} has"
            " the statements that make them"
        )

    def _end_swap(self, work: RestoreWork) -> None:
        self._swapper(work).forget()
