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

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import RestoreWork
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _accounts as accounts
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _objects as objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._account import native_hash
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._beside import (
    PROGRAMS_TABLE,
    BesideRestoration,
    qualified,
    renaming,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import advising
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._fill import MARIADB, Dialect, make
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._objects import Definition
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    SETTINGS,
    Session,
    immediate,
    quote_identifier,
    quote_literal,
)

# EXECUTE IMMEDIATE of every kind of statement (MDEV-16708).
_OLDEST_SERVER = (10, 6)
_TRIES = 3
# Tables are changed without asking whether their rows obey their foreign keys.
_LOOSE = "SET SESSION foreign_key_checks = 0"
# How long a trial waits for a session that still uses the target; when the swap begins, nobody should.
_TRIAL_WAIT_SECONDS = 5
_SWAP_WAIT_SECONDS = 1
# How long a server that went down has for coming back.
_RETURN_SECONDS = 60


class Restoration(BesideRestoration):
    """One restore into MariaDB."""

    dialect: t.ClassVar[Dialect] = MARIADB
    accounts: t.ClassVar[t.Any] = accounts
    catalogue: t.ClassVar[t.Any] = catalogue
    objects: t.ClassVar[t.Any] = objects
    rows: t.ClassVar[t.Any] = rows

    @staticmethod
    def advising() -> t.ContextManager[None]:
        return advising()

    def _check_version(self, session: Session, dumped: str) -> None:
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

    def _has_collation(self, session: Session, name: str) -> bool:
        literal = quote_literal(name)
        known = session.rows(
            {"name": "COLLATION_NAME"},
            "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE"
            f" COALESCE(FULL_COLLATION_NAME, COLLATION_NAME) = {literal} OR COLLATION_NAME = {literal}",
        )
        return bool(known)

    def _pattern(self, session: Session, database: str) -> str:
        return accounts.pattern(database)

    def _given_beside(self) -> str:
        return f"ALL ON {accounts.pattern(self.beside)}.*"

    @staticmethod
    def _identified(password: str) -> str:
        return f"VIA mysql_native_password USING '{native_hash(password)}'"

    def _powers(self, session: Session, facts: t.Mapping[str, t.Any]) -> list[str]:
        return ["BINLOG REPLAY"] if facts["history"] else []

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
        """Puts the restored tables in the target's place, keeping those that were there in a database of their own."""
        facts = work.reader.description.engine_facts
        with advising(), Session(work.processes, self.connection) as session:
            before = catalogue.properties(session, self.name)
            kept = None
            old: list[Definition] = []
            if before is not None:
                kept = self._kept_name(session, work.stamp)
                with Session(work.processes, self.connection, database=self.name) as looking:
                    old = objects.programs(looking, self.name)
                self._free_tables(work, session)
                session.execute(self._creation(kept, before), action="create the database that keeps what is there")
            else:
                session.execute(self._creation(self.name, facts["database"]), action="create the database")
            try:
                if kept is not None:
                    self._remember(session, kept, old)
                self._exchange(work, session, before, kept, old, facts)
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
    ) -> None:
        live, beside = self.name, self.beside
        there = catalogue.relations(session, live) if before is not None else []
        new = catalogue.relations(session, beside)
        moves = [(live, name, t.cast("str", kept)) for name in there] + [(beside, name, live) for name in new]
        back = [(live, name, beside) for name in new] + [(t.cast("str", kept), name, live) for name in there]
        forward: list[str] = []
        # What was made last goes first: a package's body before the package.
        forward += [statement for entry in reversed(old) for statement in entry.removal(live)]
        for entry in reversed(self._programs):
            forward += entry.removal(beside) if entry.kind != objects.EVENT else []
        forward += [immediate(renaming(moves))] if moves else []
        defaults = [_sequence_default(*entry, database=live) for entry in facts["sequence_defaults"]]
        routines, others = _apart(self._programs)
        made = [statement for entry in routines for statement in entry.statements]
        made += map(immediate, self._grants)
        made += [statement for entry in others for statement in entry.statements]
        # Here, though _finish does it as well: should this process die, nobody would. The routine may be gone.
        given = [immediate(grant) for grant in self._present if accounts.is_of_routine(grant)]
        options = immediate(f"ALTER DATABASE {quote_identifier(live)} {catalogue.options(facts['database'])}")
        after = [SETTINGS, _LOOSE, *map(immediate, defaults), options, *made]
        undo = [statement for entry in reversed(self._programs) for statement in entry.removal(live)]
        undo += ["SET SESSION sql_mode = '', foreign_key_checks = 0"]
        undo += map(immediate, self._revokes)
        undo += [immediate(renaming(back))] if back else []
        if before is not None:
            undo.append(immediate(f"ALTER DATABASE {quote_identifier(live)} {catalogue.options(before)}"))
        redo = [statement for entry in old for statement in entry.statements]
        redo += map(immediate, self._present)
        text = "\n".join(
            [
                "BEGIN NOT ATOMIC",
                "DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN",
                # Kept by hand: what is executed here makes the server forget what RESIGNAL would raise.
                "  GET DIAGNOSTICS CONDITION 1 @number = MYSQL_ERRNO, @text = MESSAGE_TEXT;",
                "  BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END;",
                "    IF @renamed THEN",
                *(f"      {statement};" for statement in undo),
                "    END IF;",
                *(f"    {statement};" for statement in redo),
                "  END;",
                "  SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = @number, MESSAGE_TEXT = @text;",
                "END;",
                "SET @renamed = FALSE;",
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
                return
            except ProcessFailed as error:
                # A server that went down comes back; a statement that it has begun, it may still be carrying out.
                self._wait_for_end(work, number)
                # The statement takes itself back, but not where it was killed, or the server was.
                if bool(new or there) and self._is_swapped(work, new, there, kept):
                    self._complete(work, [*map(immediate, defaults), options], error)
                    return
                lost = self._make_missing(work, live, old)
                self._give_again(work, self._present)
                if lost:
                    raise BackupError(
                        "put the restored database in place",
                        on=self.connection.describe(),
                        why=f"{error.why}; and then these programs of the target could not be made again:"
                        f" {', '.join(lost)}",
                        next_step=f"Its tables are as they were. The programs' statements are in the table"
                        f" {kept}.{PROGRAMS_TABLE}: execute them.",
                    ) from error
                if attempt == _TRIES or "ERROR 1205" not in error.why:
                    raise
                self._free_tables(work, session)

    def _complete(self, work: RestoreWork, changes: t.Sequence[str], error: ProcessFailed) -> None:
        """Does what comes after the renaming, whatever of it has been done; each statement may come twice.

        :param changes: of the tables and the database, before its programs.
        :param error: what interrupted it.
        """
        routines, others = _apart(self._programs)
        failed = self._carry_out(work, changes)
        lost = self._make_missing(work, self.name, routines)
        # A view of a function is only made if its definer may execute that.
        failed += self._carry_out(work, map(immediate, self._grants))
        lost += self._make_missing(work, self.name, others)
        work.warnings.append(f"The server was interrupted in the last step, which was then completed: {error.why}")
        if lost:
            work.warnings.append(f"Of the database's programs, these could not be made: {', '.join(lost)}")
        if failed:
            work.warnings.append(f"Of its defaults, properties and rights, not all could be made: {'; '.join(failed)}")

    def _carry_out(self, work: RestoreWork, statements: t.Iterable[str]) -> list[str]:
        """Carries statements out, each by itself; why some failed."""
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
        """Sees to it that nobody holds a table of the target: while the swap waited, its triggers would be missing."""
        tables = [f"{qualified(self.name, table)} WRITE" for table in self._base_tables(session)]
        for attempt in range(1, _TRIES + 1):
            self._end_users(work, session)
            try:
                with Session(work.processes, self.connection) as trying:
                    trying.execute(f"SET SESSION lock_wait_timeout = {_TRIAL_WAIT_SECONDS}")
                    if tables:
                        trying.execute(
                            f"LOCK TABLES {', '.join(tables)}", action="take the target's tables for a moment"
                        )
                return
            except ProcessFailed as error:
                if attempt == _TRIES or "ERROR 1205" not in error.why:
                    raise

    def _base_tables(self, session: Session) -> list[str]:
        return [table.name for table in catalogue.tables(session, self.name)]

    def _remember(self, session: Session, kept: str, old: t.Sequence[Definition]) -> None:
        """Writes down what the swap drops and makes again, where it outlives this process and the server."""
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
        """Waits for the server to be there and the session of this number to have ended, at most a minute or so."""
        end = time.monotonic() + _RETURN_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(ProcessFailed), Session(work.processes, self.connection) as session:
                if not session.rows({"id": "ID"}, f"information_schema.PROCESSLIST WHERE ID = {int(number or 0)}"):
                    return
            time.sleep(0.2)

    def _make_missing(self, work: RestoreWork, database: str, programs: t.Sequence[Definition]) -> list[str]:
        """Makes those of some programs that a database has not got; the names of those that cannot be made."""
        waiting = list(programs)
        while waiting:
            left = []
            for entry in waiting:
                try:
                    with Session(work.processes, self.connection, database=database) as session:
                        make(session, [entry], action="make a program again")
                except ProcessFailed as error:
                    # A view (a table), a routine, a trigger, an event that is there.
                    if not re.search(r"ERROR (?:1050|1304|1359|1537)\b", error.why):
                        left.append(entry)
            if len(left) == len(waiting):
                return [entry.name for entry in left]
            waiting = left
        return []

    def _is_swapped(self, work: RestoreWork, new: t.Sequence[str], there: t.Sequence[str], kept: str | None) -> bool:
        """Whether every table is in its place; somebody may have made more since."""
        with contextlib.suppress(BackupError), Session(work.processes, self.connection) as session:
            moved = not catalogue.relations(session, self.beside) and set(new) <= set(
                catalogue.relations(session, self.name)
            )
            return moved and (kept is None or set(there) <= set(catalogue.relations(session, kept)))
        return False

    def _take_back(self, work: RestoreWork, before: t.Mapping[str, t.Any] | None, kept: str | None) -> None:
        """Removes the database that the swap was given to begin with, if nothing has got into it."""
        made = kept if before is not None else self.name
        with contextlib.suppress(BackupError), Processes() as processes, Session(processes, self.connection) as session:
            if made == kept and kept is not None:
                self._forget(work, kept)
            if made is not None and not catalogue.count_objects(session, made):
                session.execute(immediate(f"DROP DATABASE {quote_identifier(made)}"))

    def _complete_kept(self, work: RestoreWork, kept: str, old: t.Sequence[Definition]) -> None:
        """Gives the kept database its views and routines back. Not its events: they would go on working."""
        events = [entry.name for entry in old if entry.kind == objects.EVENT]
        lost = events + self._make_missing(work, kept, [entry for entry in old if entry.kind != objects.EVENT])
        if lost:
            work.warnings.append(
                f"{kept} keeps all tables, but was not given: {', '.join(lost[:20])}; its table {PROGRAMS_TABLE} has"
                " the statements that make them"
            )
        else:
            self._forget(work, kept)


def _apart(programs: t.Sequence[Definition]) -> tuple[list[Definition], list[Definition]]:
    """The routines among programs, and the others."""
    routines = [entry for entry in programs if entry.kind in objects.ROUTINES]
    return routines, [entry for entry in programs if entry.kind not in objects.ROUTINES]


def _sequence_default(table: str, column: str, sequence: str, *, database: str) -> str:
    here = quote_identifier(database)
    return (
        f"ALTER TABLE {here}.{quote_identifier(table)} ALTER COLUMN {quote_identifier(column)}"
        f" SET DEFAULT nextval({here}.{quote_identifier(sequence)})"
    )
