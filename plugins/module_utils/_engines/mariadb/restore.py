# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one MariaDB database: beside the target, checked, then swapped.

MariaDB has no statement that renames a database. RENAME TABLE takes all tables of the target away, and the restored
ones into their place, in one step; triggers must be gone while it does, and views and routines are made anew. All of
that is one compound statement that the server carries through by itself, and takes back by itself if a step fails:
when the client dies, the target is either as it was or wholly restored. When the statement is killed, or the server,
the tables are one or the other, and what is missing of the programs, defaults and rights that belong to them is made;
should this process die as well, the statements of programs are in a table of the database that was to keep what was
replaced.
"""

from __future__ import annotations

import contextlib
import re
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import RestoreWork
from ..mysql_family import unresolved
from ..mysql_family.catalogue import relations
from ..mysql_family.fill import make
from ..mysql_family.grants import is_of_routine
from ..mysql_family.kept_database import free_name
from ..mysql_family.names import renaming
from ..mysql_family.objects import EVENT, ROUTINES, VIEW, Definition
from ..mysql_family.programs import view_names
from ..mysql_family.restore import PROGRAMS_TABLE, BesideRestoration
from ..mysql_family.server_error import IS_THERE, LOCK_WAIT_TIMEOUT, error_number, server_error
from ..mysql_family.session import Session as FamilySession
from ..mysql_family.session import qualified, quote_identifier, quote_literal
from . import catalogue, objects
from .dialect import MARIADB
from .privileges import MariadbPrivileges
from .session import SETTINGS, Session, immediate

# EXECUTE IMMEDIATE of every kind of statement (MDEV-16708).
_OLDEST_SERVER = (10, 6)
_TRIES = 3
# Tables are changed without asking whether their rows obey their foreign keys.
_LOOSE = "SET SESSION foreign_key_checks = 0"
# How long a trial waits for a session that still uses the target; when the swap begins, nobody should.
_TRIAL_WAIT_SECONDS = 5
_SWAP_WAIT_SECONDS = 1
# How an error of the swap begins that came while a program was made.
_PROGRAM = re.compile(r"program (?P<number>\d+): (?P<words>.*)", re.DOTALL)
# How long a server that went down has for coming back.
_RETURN_SECONDS = 60


class Restoration(BesideRestoration):
    """One restore into MariaDB."""

    dialect = MARIADB
    privileges = MariadbPrivileges()

    # The target's views that do not resolve, and so cannot be made again.
    _unusable: frozenset[str] = frozenset()
    # Whether the statements of the target's programs are all there is of some of them.
    _keeps_programs = False

    def _check_version(self, session: FamilySession, dumped: str) -> None:
        version = session.value("VERSION()") or ""
        number = tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2])
        oldest = max(_OLDEST_SERVER, tuple(int(part) for part in dumped.split(".")[:2]))
        if "MariaDB" not in version or number < oldest:
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why=f"the set was taken from MariaDB {dumped} and the server is {version}",
                next_step=f"Restore into MariaDB {'.'.join(map(str, oldest))} or newer.",
            )

    def _has_collation(self, session: FamilySession, name: str) -> bool:
        literal = quote_literal(name)
        known = session.rows(
            {"name": "COLLATION_NAME"},
            "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE"
            f" COALESCE(FULL_COLLATION_NAME, COLLATION_NAME) = {literal} OR COLLATION_NAME = {literal}",
        )
        return bool(known)

    def _make_once(self, work: RestoreWork, programs: t.Sequence[Definition]) -> list[tuple[Definition, ProcessFailed]]:
        left: list[tuple[Definition, ProcessFailed]] = []
        session: Session | None = None
        try:
            for entry in programs:
                try:
                    session = session or Session(work.processes, self.connection, database=self.beside)
                    make(session, [entry], action="restore a database's programs")
                except ProcessFailed as error:
                    left.append((entry, error))
                    if session is not None:
                        session.close()
                    session = None
        finally:
            if session is not None:
                session.close()
        return left

    # Swapping

    def swap(self, work: RestoreWork) -> str | None:
        """Put the restored tables in the target's place, keeping those that were there in a database of their own."""
        facts = work.reader.description.engine_facts
        with self.connection.advice.giving(), Session(work.processes, self.connection) as session:
            before = catalogue.properties(session, self.name)
            kept = None
            old: list[Definition] = []
            if before is not None:
                kept = free_name(session, self.name, work.stamp, dialect=self.dialect)
                found = unresolved.find(Session, work.processes, self.connection, self.name)
                self._unusable = frozenset(found.views)
                with Session(work.processes, self.connection, database=self.name) as looking:
                    old += objects.programs(looking, self.name, hidden=found.hidden)
                self._free_tables(work, session)
                options = f"{catalogue.options(before)} COMMENT {catalogue.comment(session, self.name)}"
                session.execute(
                    immediate(f"CREATE DATABASE {quote_identifier(kept)} {options}"),
                    action="create the database that keeps what is there",
                )
            else:
                session.execute(self._creation(self.name, facts["database"]), action="create the database")
            try:
                if kept is not None:
                    self._remember(session, kept, old)
                while not self._exchange(work, session, before, kept, old, facts):
                    pass  # One object that cannot be made there has been left out.
            except BackupError:
                self._take_back(work, before, kept)
                raise
        if kept is not None:
            self._complete_kept(work, kept, old)
        self._finish(work)
        return kept

    def _exchange(
        self,
        work: RestoreWork,
        session: Session,
        before: t.Mapping[str, t.Any] | None,
        kept: str | None,
        old: t.Sequence[Definition],
        facts: t.Mapping[str, t.Any],
    ) -> bool:
        """Carry the swap out; return False where nothing has changed but that one program more is left out."""
        live, beside = self.name, self.beside
        there = relations(session, live) if before is not None else []
        new = relations(session, beside)
        moves = [(live, name, kept or "") for name in there] + [(beside, name, live) for name in new]
        back = [(live, name, beside) for name in new] + [(kept or "", name, live) for name in there]
        # A view that cannot be made again is dropped when nothing can fail any more, if nothing takes its place.
        taken = {*new, *(entry.name for entry in self._made.programs if entry.kind == VIEW)}
        last = [
            entry for entry in old if entry.kind == VIEW and entry.name in self._unusable and entry.name not in taken
        ]
        forward: list[str] = []
        # What was made last goes first: a package's body before the package.
        forward += [statement for entry in reversed(old) if entry not in last for statement in entry.removal(live)]
        for entry in reversed(self._made.programs):
            forward += entry.removal(beside) if entry.kind != EVENT else []
        forward += [immediate(renaming(moves))] if moves else []
        with session.reading():
            defaults = objects.moved_sequence_defaults(session, beside, live)
        programs = self._made.programs
        routines, others = _apart(programs)
        made = [statement for entry in routines for statement in _marked(entry, programs)]
        made += ["SET @program = NULL", *map(immediate, self._made.rights.grants)]
        made += [statement for entry in others for statement in _marked(entry, programs)]
        made.append("SET @program = NULL")
        # Here, though _finish does it as well: should this process die, nobody would. The routine may be gone.
        given = [immediate(grant) for grant in self._made.rights.present if is_of_routine(grant)]
        with session.reading():
            comment, comment_before = (catalogue.comment(session, name) for name in (beside, live))
        alter = f"ALTER DATABASE {quote_identifier(live)}"
        options = immediate(f"{alter} {catalogue.options(facts['database'])} COMMENT {comment}")
        after = [SETTINGS, _LOOSE, *map(immediate, defaults), options, *made]
        after += [statement for entry in last for statement in entry.removal(live)]
        undo = [statement for entry in reversed(self._made.programs) for statement in entry.removal(live)]
        undo += ["SET SESSION sql_mode = '', foreign_key_checks = 0"]
        undo += map(immediate, self._made.rights.revokes)
        undo += [immediate(renaming(back))] if back else []
        if before is not None:
            undo.append(immediate(f"{alter} {catalogue.options(before)} COMMENT {comment_before}"))
        redo = [statement for entry in old for statement in entry.statements]
        redo += map(immediate, self._made.rights.present)
        text = "\n".join(
            [
                "BEGIN NOT ATOMIC",
                "DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN",
                # Kept by hand: what is executed here makes the server forget what RESIGNAL would raise.
                "  GET DIAGNOSTICS CONDITION 1 @number = MYSQL_ERRNO, @text = MESSAGE_TEXT;",
                "  IF @program IS NOT NULL THEN",
                "    SET @text = CONCAT('program ', @program, ': ', LEFT(@text, 480));",
                "  END IF;",
                "  BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END;",
                "    IF @renamed THEN",
                *(f"      {statement};" for statement in undo),
                "    END IF;",
                *(f"    {statement};" for statement in redo),
                "  END;",
                "  SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = @number, MESSAGE_TEXT = @text;",
                "END;",
                "SET @renamed = FALSE, @program = NULL;",
                "SET SESSION foreign_key_checks = 0;",
                *(f"{statement};" for statement in forward),
                "SET @renamed = TRUE;",
                *(f"{statement};" for statement in after),
                *("BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END;", *map("{};".format, given), "END;"),
                "END",
            ]
        )
        for attempt in range(1, _TRIES + 1):
            number: str | None = None
            try:
                with Session(work.processes, self.connection, database=live) as swapping:
                    swapping.execute(f"SET SESSION lock_wait_timeout = {_SWAP_WAIT_SECONDS}")
                    number = swapping.value("CONNECTION_ID()")
                    swapping.compound(text, action="put the restored database in place")
                return True
            except ProcessFailed as error:
                # A server that went down comes back; a statement that it has begun, it may still be carrying out.
                self._wait_for_end(work, number)
                # The statement takes itself back, but not where it was killed, or the server was.
                if bool(new or there) and self._is_swapped(work, new, there, kept):
                    self._complete(work, [*map(immediate, defaults), options], error)
                    return True
                lost = self._make_missing(work, live, old)
                self._give_again(work, self._made.rights.present)
                found = server_error(error)
                match = _PROGRAM.match(found.words) if found is not None else None
                if found is not None and match is not None:
                    entry = programs[int(match["number"])]
                    why = self._why_left_out(work, entry, found._replace(words=match["words"]))
                    if why is not None:
                        self._leave_out(work, entry, why)
                        self._keeps_programs = bool(lost)
                        return False
                is_last = attempt == _TRIES or error_number(error) != LOCK_WAIT_TIMEOUT
                if lost and (is_last or not self._unusable.issuperset(lost)):
                    self._keeps_programs = True
                    raise BackupError(
                        "put the restored database in place",
                        on=self.connection.describe(),
                        why=f"{error.why}; and then these stored programs could not be recreated: {', '.join(lost)}",
                        next_step=f"Its tables are as they were. The programs' statements are in the table"
                        f" {kept}.{PROGRAMS_TABLE}: execute them.",
                    ) from error
                if is_last:
                    raise
                self._free_tables(work, session)
        return False

    def _complete(self, work: RestoreWork, changes: t.Sequence[str], error: ProcessFailed) -> None:
        """Do what comes after the renaming, whatever of it has been done; each statement may come twice.

        :param changes: of the tables and the database, before its programs.
        :param error: what interrupted it.
        """
        routines, others = _apart(self._made.programs)
        failed = self._carry_out(work, changes)
        lost = self._make_missing(work, self.name, routines)
        # A view of a function is only made if its definer may execute that.
        failed += self._carry_out(work, map(immediate, self._made.rights.grants))
        lost += self._make_missing(work, self.name, others)
        work.warnings.append(f"The server was interrupted in the last step, which was then completed: {error.why}")
        if lost:
            work.warnings.append(f"These stored programs of the database could not be created: {', '.join(lost)}")
        if failed:
            work.warnings.append(f"Of its defaults, properties and rights, not all could be made: {'; '.join(failed)}")

    def _carry_out(self, work: RestoreWork, statements: t.Iterable[str]) -> list[str]:
        """Carry statements out, each by itself, and return why some failed."""
        failed = []
        for statement in statements:
            try:
                with Session(work.processes, self.connection, database=self.name) as session:
                    session.execute(_LOOSE)
                    session.execute(statement, action="complete a restored database")
            except ProcessFailed as error:
                failed.append(error.why)
        return failed

    def _free_tables(self, work: RestoreWork, session: Session) -> None:
        """Ensure that nobody holds a table of the target: while the swap waited, its triggers would be missing."""
        tables = [f"{qualified(self.name, table)} WRITE" for table in self._base_tables(session)]
        for attempt in range(1, _TRIES + 1):
            self._end_users(work, session)
            try:
                with Session(work.processes, self.connection) as trying:
                    trying.execute(f"SET SESSION lock_wait_timeout = {_TRIAL_WAIT_SECONDS}")
                    if tables:
                        trying.execute(
                            f"LOCK TABLES {', '.join(tables)}", action="lock the target's tables for a moment"
                        )
                return
            except ProcessFailed as error:
                if attempt == _TRIES or error_number(error) != LOCK_WAIT_TIMEOUT:
                    raise

    def _base_tables(self, session: Session) -> list[str]:
        return [table.name for table in catalogue.tables(session, self.name)]

    def _remember(self, session: Session, kept: str, old: t.Sequence[Definition]) -> None:
        """Write down what the swap drops and makes again, where it outlives this process and the server."""
        if not old:
            return
        table = f"{quote_identifier(kept)}.{PROGRAMS_TABLE}"
        session.execute(
            immediate(f"CREATE TABLE {table} (number int PRIMARY KEY, statement longtext) CHARACTER SET utf8mb4")
        )
        statements = [statement for entry in old for statement in entry.statements]
        for number, statement in enumerate(statements, start=1):
            session.execute(f"INSERT INTO {table} VALUES ({number}, {quote_literal(statement)})")

    def _forget(self, work: RestoreWork, kept: str) -> None:
        with Session(work.processes, self.connection) as session:
            session.execute(f"DROP TABLE IF EXISTS {quote_identifier(kept)}.{PROGRAMS_TABLE}")

    def _wait_for_end(self, work: RestoreWork, number: str | None) -> None:
        """Wait for the server to be there and the session of this number to have ended, at most a minute or so."""
        end = time.monotonic() + _RETURN_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(ProcessFailed), Session(work.processes, self.connection) as session:
                if not session.rows({"id": "ID"}, f"information_schema.PROCESSLIST WHERE ID = {int(number or 0)}"):
                    return
            time.sleep(0.2)

    def _make_missing(self, work: RestoreWork, database: str, programs: t.Sequence[Definition]) -> list[str]:
        """Make those of some programs that a database lacks; return the names of those that cannot be made."""
        waiting = list(programs)
        while waiting:
            left = []
            for entry in waiting:
                try:
                    with Session(work.processes, self.connection, database=database) as session:
                        make(session, [entry], action="make a program again")
                except ProcessFailed as error:
                    if error_number(error) not in IS_THERE:
                        left.append(entry)
            if len(left) == len(waiting):
                # Of a view that is there and does not resolve, the server says that, and not that it is there.
                with Session(work.processes, self.connection) as session:
                    views = view_names(session, database)
                return [entry.name for entry in left if entry.kind != VIEW or entry.name not in views]
            waiting = left
        return []

    def _is_swapped(self, work: RestoreWork, new: t.Sequence[str], there: t.Sequence[str], kept: str | None) -> bool:
        """Whether every table is in its place; somebody may have made more since."""
        with contextlib.suppress(BackupError), Session(work.processes, self.connection) as session:
            moved = not relations(session, self.beside) and set(new) <= set(relations(session, self.name))
            return moved and (kept is None or set(there) <= set(relations(session, kept)))
        return False

    def _take_back(self, work: RestoreWork, before: t.Mapping[str, t.Any] | None, kept: str | None) -> None:
        """Remove the database that the swap was given to begin with, if nothing has got into it."""
        made = kept if before is not None else self.name
        with contextlib.suppress(BackupError), Processes() as processes, Session(processes, self.connection) as session:
            if made == kept and kept is not None and not self._keeps_programs:
                self._forget(work, kept)
            if made is not None and not self.dialect.count_objects(session, made):
                session.execute(immediate(f"DROP DATABASE {quote_identifier(made)}"))

    def _complete_kept(self, work: RestoreWork, kept: str, old: t.Sequence[Definition]) -> None:
        """Give the kept database its views and routines back. Not its events: they would go on working."""
        events = [entry.name for entry in old if entry.kind == EVENT]
        lost = events + self._make_missing(work, kept, [entry for entry in old if entry.kind != EVENT])
        if lost:
            work.warnings.append(
                f"{kept} has all tables, but not these programs: {', '.join(lost[:20])}; its table {PROGRAMS_TABLE} has"
                " the statements that make them"
            )
        else:
            self._forget(work, kept)


def _marked(entry: Definition, programs: t.Sequence[Definition]) -> list[str]:
    """Return what makes one of the programs, after what lets an error tell which one it was."""
    return [f"SET @program = {programs.index(entry)}", *entry.statements]


def _apart(programs: t.Sequence[Definition]) -> tuple[list[Definition], list[Definition]]:
    """Return the routines among programs, and the others."""
    routines = [entry for entry in programs if entry.kind in ROUTINES]
    return routines, [entry for entry in programs if entry.kind not in ROUTINES]
