# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one database of MariaDB or MySQL beside its target: what comes before the swap, and what is kept by it.

What the two products do otherwise is in ``restore`` of each: above all the swap, for which neither has a statement.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import Check, LeftOut, RestoreWork, TargetState
from ..content_digest import compare_digests
from ..counts import describe_counts
from . import catalogue, events, grants
from .check import compare, without
from .client import Connection
from .dialect import Dialect
from .digest import digests
from .discovery import SYSTEM_DATABASES
from .fill import fill, make_elsewhere, read_text
from .names import NAME_CHARACTERS, beside_name
from .objects import EVENT, ROUTINES, Definition
from .parts import ELSEWHERE, NOT_HELD, PROGRAMS, STRUCTURE
from .preflight import check_references, check_room
from .privileges import RestorePrivileges
from .refusals import reason, reason_in_place
from .restore_lock import restore_lock
from .restricted_account import RestrictedAccount, other_databases
from .server_error import ServerError
from .session import Session, quote_identifier, same_name
from .set_accounts import SetAccounts, TargetRights

# Where a kept database has the statements of its programs, which it could not be given.
PROGRAMS_TABLE = "infitulua_programs"
# An event that is due so soon may be past when it is made.
_SOON_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Made:
    """What a restore has made, for its swap.

    :param programs: those that could be made beside, and events, which are made by the swap only.
    """

    programs: t.Sequence[Definition] = ()
    rights: TargetRights = dataclasses.field(default_factory=TargetRights)


class BesideRestoration(abc.ABC):
    """One restore. Its methods are those of the engine, in their order; each product adds its swap."""

    dialect: t.ClassVar[Dialect]
    privileges: t.ClassVar[RestorePrivileges]

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.name = connection.database
        self.beside = beside_name(self.name)
        self._account = RestrictedAccount(connection, self.beside, dialect=self.dialect, privileges=self.privileges)
        self._accounts = SetAccounts(connection, self.beside, dialect=self.dialect, privileges=self.privileges)
        self._lock = restore_lock(connection, dialect=self.dialect)
        self._made = Made()

    # What the products do otherwise

    @abc.abstractmethod
    def _check_version(self, session: Session, dumped: str) -> None:
        """Refuse a server that does not take what one of a version gave."""

    @abc.abstractmethod
    def _has_collation(self, session: Session, name: str) -> bool:
        """Whether the server knows a collation."""

    @abc.abstractmethod
    def _make_once(self, work: RestoreWork, programs: t.Sequence[Definition]) -> list[tuple[Definition, ProcessFailed]]:
        """Make programs in the database beside; those that cannot be made (yet), and why."""

    @abc.abstractmethod
    def swap(self, work: RestoreWork) -> str | None:
        """Put the restored tables in the target's place, keeping those that were there in a database of their own."""

    def _repair(self, work: RestoreWork) -> None:
        """Repair what an interrupted swap left."""
        del work

    def _check_programs(self, session: Session) -> list[Check]:
        """Compare the programs beside with those of the set."""
        del session
        return []

    def _end_swap(self, work: RestoreWork) -> None:
        """Remove what only a running swap needs."""
        del work

    # What stands there

    def _open(self, processes: Processes, *, database: str | None = None) -> Session:
        return self.dialect.session(processes, self.connection, database=database)

    def inspect(self, work: RestoreWork) -> TargetState:
        """Check that a restore can begin, and look at what stands in its place."""
        if len(self.name) > NAME_CHARACTERS or self.name.lower() in SYSTEM_DATABASES:
            raise Refused(
                "restore a database",
                on=self.name,
                why=f"it is the server's own, or longer than {NAME_CHARACTERS} characters",
                next_step="Choose another name.",
            )
        facts = work.reader.description.engine_facts
        with self.connection.advice.giving(), self._open(work.processes) as session:
            self._check_server(session, facts)
            work.warnings += check_room(session, *self._needed_bytes(work), on=self.connection.describe())
            if self.dialect.properties(session, self.name) is None:
                return TargetState(self.connection.describe(), False, True)
            check_references(session, self.name, on=self.connection.describe())
            empty = not self.dialect.count_objects(session, self.name) and not session.rows(
                {"name": "EVENT_NAME"}, f"information_schema.EVENTS WHERE {same_name('EVENT_SCHEMA', self.name)}"
            )
            return TargetState(self.connection.describe(), True, empty)

    def _needed_bytes(self, work: RestoreWork) -> tuple[int, int]:
        """Return what the restored database will take at least, and what it took, as far as the set tells."""
        description = work.reader.description
        return description.stored_bytes, description.source_bytes

    def _check_server(self, session: Session, facts: t.Mapping[str, t.Any]) -> None:
        self._check_version(session, facts["version"])
        if session.value("@@GLOBAL.local_infile + 0") != "1":
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why="the server takes no rows from its clients (local_infile is off)",
                next_step="Switch it on (SET GLOBAL local_infile = 1) and run again; nothing was touched.",
            )
        if int(session.value("@@lower_case_table_names") or 0) != facts["lower_case_table_names"]:
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why=f"the server's lower_case_table_names is not {facts['lower_case_table_names']}, as it was where"
                " the set was taken: names could collide or not be found",
                next_step="Restore into a server with the same setting.",
            )
        if not self._has_collation(session, facts["database"]["collation"]):
            raise NotFound(
                "restore a database",
                on=self.connection.describe(),
                why=f"the server has no collation {facts['database']['collation']}",
                next_step="Restore into a server of the version that the set was taken from, or newer.",
            )

    # Restoring beside

    def restore_beside(self, work: RestoreWork) -> None:
        """Make the database beside the target and fill it."""
        structure, programs = self._read(work)
        self._make_beside(work, structure)
        with self.connection.advice.giving():
            rights = self._accounts.make(work, programs)
            made = self._make_programs(work, programs)
        self._made = Made([*made, *self._possible_events(work, programs)], rights)

    def _read(self, work: RestoreWork) -> tuple[t.Sequence[Definition], t.Sequence[Definition]]:
        """Return the set's tables and programs."""
        on = str(work.reader.set_id)
        structure, programs = (
            self.dialect.read_objects(read_text(work, part), on=f"{on}, {part}") for part in (STRUCTURE, PROGRAMS)
        )
        return structure, programs

    def _make_beside(
        self, work: RestoreWork, structure: t.Sequence[Definition], *, chosen: t.Collection[str] | None = None
    ) -> None:
        facts = work.reader.description.engine_facts
        # Of tables, which the set holds without them. What it holds and cannot be made is reported where that is tried.
        known = [LeftOut(**entry) for entry in work.reader.description.unrestorable if entry["kind"] in NOT_HELD]
        work.left_out += [
            entry
            for entry in known
            if chosen is None or any(entry.name == table or entry.name.startswith(f"{table}.") for table in chosen)
        ]
        self._lock.acquire()
        with self.connection.advice.giving():
            self._repair(work)
            with self._open(work.processes) as session:
                self._remove(session)
                missing = [name for name in other_databases(facts) if self.dialect.properties(session, name) is None]
                if missing:
                    work.warnings.append(
                        "Its tables refer to tables of databases that are not here; no row can be inserted that"
                        f" does: {', '.join(missing)}"
                    )
                session.execute(
                    self._creation(self.beside, facts["database"]), action="create the database to restore into"
                )
            password = self._account.create(work)
        connection = self.connection.as_account(self._account.name, password) if password else self.connection
        with self.connection.advice.giving(), contextlib.ExitStack() as stack:
            if password:
                stack.enter_context(connection)
            fill(connection, work, self.beside, structure, dialect=self.dialect, chosen=chosen)
            if chosen is None and self._has_part(work, ELSEWHERE):
                text = read_text(work, ELSEWHERE)
                definitions = self.dialect.read_objects(text, on=f"{work.reader.set_id}, {ELSEWHERE}")
                work.left_out += make_elsewhere(connection, work, self.beside, definitions, dialect=self.dialect)

    @staticmethod
    def _has_part(work: RestoreWork, part: str) -> bool:
        return any(file.part == part for file in work.reader.description.payload)

    def _possible_events(self, work: RestoreWork, programs: t.Sequence[Definition]) -> list[Definition]:
        """Return the events that the server takes, as it takes them; the others are reported."""
        possible = [entry for entry in programs if entry.kind == EVENT]
        with self._open(work.processes) as session:
            if session.value("@@GLOBAL.event_scheduler") == "DISABLED":
                why = "the server takes no events (event_scheduler is DISABLED)"
                work.left_out += [LeftOut(EVENT, entry.name, why) for entry in possible]
                return []
            made, past = events.preserve_past(session, possible, seconds=_SOON_SECONDS)
        work.warnings += events.tell_past(past)
        return made

    def _creation(self, name: str, facts: t.Mapping[str, t.Any]) -> str:
        return self.dialect.immediate(f"CREATE DATABASE {quote_identifier(name)} {self.dialect.options(facts)}")

    def _make_programs(self, work: RestoreWork, programs: t.Sequence[Definition]) -> list[Definition]:
        """Make routines, views and triggers; those that need others that do not exist yet come again after those.

        What cannot be made even then costs nothing but itself.

        :returns: those that were made, in this order.
        :raises ProcessFailed: when that is not the object's fault.
        """
        waiting = [entry for entry in programs if entry.kind != EVENT]
        made: list[Definition] = []
        while waiting:
            left = self._make_once(work, waiting)
            missing = [entry for entry, _error in left]
            made += [entry for entry in waiting if entry not in missing]
            for entry, error in left if len(left) == len(waiting) else ():
                why = reason(error)
                if why is None:
                    raise error
                work.left_out.append(LeftOut(entry.kind, entry.name, why.replace(self.beside, self.name)))
                missing.remove(entry)
            waiting = missing
        return made

    def _remove(self, session: Session) -> None:
        session.execute(
            self.dialect.immediate(f"DROP DATABASE IF EXISTS {quote_identifier(self.beside)}"),
            action="remove what an earlier restore left",
        )
        if self.dialect.accounts.is_visible(session):
            self._account.drop(session)
            for account in self.dialect.accounts.with_rights_on(session, self.beside):
                session.execute(f"REVOKE {self.privileges.for_definers(self.beside)} FROM {account.quoted}")

    # Checking

    def check(self, work: RestoreWork) -> list[Check]:
        """Compare the restored database with the set's facts."""
        facts = work.reader.description.engine_facts
        with self.connection.advice.giving(), self._open(work.processes, database=self.beside) as session:
            counts = catalogue.count_rows(session, self.beside, self.dialect.tables(session, self.beside))
            found = self.dialect.count_objects(session, self.beside)
            objects = without(facts["objects"], work.left_out)
            programs = self._check_programs(session)
            expected = facts["content_digests"]
            held = self._digests(work) if expected is not None else {}
        return [
            compare("row counts", facts["row_counts"], counts, f"{sum(counts.values())} rows in {len(counts)} tables"),
            compare("objects", objects, found, describe_counts(dict(sorted(found.items())))),
            *programs,
            *compare_digests(expected, held),
        ]

    def _digests(self, work: RestoreWork) -> dict[str, str]:
        return digests(
            work.processes,
            self.connection,
            self.beside,
            columns=work.reader.description.engine_facts["tables"],
            jobs=work.jobs,
            dialect=self.dialect,
        )

    # Around the swap

    def _why_left_out(self, work: RestoreWork, entry: Definition | None, found: ServerError | None) -> str | None:
        """Return why an object that was made beside cannot be made in the target's place, where all else can be.

        :param found: the error with which the swap failed.
        """
        if entry is None or found is None or work.strict:
            return None
        # A server that has gone meanwhile must not keep the swap from being taken back.
        with contextlib.suppress(ProcessFailed), self._open(work.processes) as session:
            return reason_in_place(found, session.value("CURRENT_USER()") or "")
        return None

    def _leave_out(self, work: RestoreWork, entry: Definition, why: str) -> None:
        work.left_out.append(LeftOut(entry.kind, entry.name, why))
        programs = [other for other in self._made.programs if other is not entry]
        rights = self._made.rights
        if entry.kind in ROUTINES:
            given = [grant for grant in rights.grants if not grants.is_on_routine(grant, entry.name)]
            rights = dataclasses.replace(rights, grants=given)
        self._made = dataclasses.replace(self._made, programs=programs, rights=rights)

    def _end_users(self, work: RestoreWork, session: Session) -> None:
        """End the sessions that are in the target, which could hold its tables."""
        users = session.rows(
            {"id": "ID"},
            f"information_schema.PROCESSLIST WHERE {same_name('DB', self.name)} AND ID <> CONNECTION_ID()",
        )
        for row in users:
            # It may have gone by itself, and without CONNECTION ADMIN only one's own can be ended.
            with contextlib.suppress(ProcessFailed), self._open(work.processes) as killer:
                killer.execute(f"KILL CONNECTION {int(row['id'])}")

    def _finish(self, work: RestoreWork) -> None:
        """Tidy up. The restore is complete: a failure here is only reported."""
        try:
            with self._open(work.processes) as session:
                self._remove(session)
                lost = events.missing(session, self.name, self._made.programs)
            if lost:
                work.warnings.append(f"Events that the server dropped when they were made: {', '.join(lost[:20])}")
            self._give_again(work, self._made.rights.present)
            self._end_swap(work)
        except ProcessFailed as error:
            work.warnings.append(f"The database is restored, but not everything about it: {error.message}")
        self._lock.release()

    def _give_again(self, work: RestoreWork, present: t.Sequence[str]) -> None:
        """Give rights that went with the routines that were dropped: of accounts that the set does not know, too.

        :param present: the rights that were there.
        """
        for grant in filter(grants.is_of_routine, present):
            # The routine may be gone.
            with contextlib.suppress(ProcessFailed), self._open(work.processes) as session:
                session.execute(self.dialect.immediate(grant))

    # Giving up

    def discard(self) -> None:
        """Remove the database beside the target."""
        if not self._lock.is_held:
            return  # We made nothing: what stands there may be another restore's.
        try:
            with Processes() as processes, self._open(processes) as session:
                self._remove(session)
                self._accounts.drop(session)
        finally:
            self._lock.release()
