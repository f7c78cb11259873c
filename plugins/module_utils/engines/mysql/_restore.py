# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one MySQL database: beside the target, checked, then swapped (see ``_swap``)."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check, RestoreWork
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import SWAPPING_SUFFIX
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _session as mariadb_session
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._beside import (
    PROGRAMS_TABLE,
    BesideRestoration,
    derived_name,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._fill import Dialect
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _accounts as accounts
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _objects as objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._account import kept as kept_of
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._client import advising
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._fill import MYSQL
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._objects import Definition
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import (
    Session,
    changes_tables,
    quote_identifier,
    quote_literal,
    same_name,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._swap import (
    ACTION,
    Plan,
    Swapper,
)

_TRIES = 3


class Restoration(BesideRestoration):
    """One restore into MySQL."""

    dialect: t.ClassVar[Dialect] = MYSQL
    accounts: t.ClassVar[t.Any] = accounts
    catalogue: t.ClassVar[t.Any] = catalogue
    objects: t.ClassVar[t.Any] = objects
    rows: t.ClassVar[t.Any] = rows

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.journal = derived_name(self.name, SWAPPING_SUFFIX)

    @staticmethod
    def advising() -> t.ContextManager[None]:
        return advising()

    def _check_version(self, session: mariadb_session.Session, dumped: str) -> None:
        version = session.value("VERSION()") or ""
        # A server of the same series takes what a later one of it gave.
        oldest = max(catalogue.OLDEST, (*catalogue.read_version(dumped)[:2], 0))
        if "MariaDB" in version or catalogue.read_version(version) < oldest:
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why=f"the set was taken from MySQL {dumped} and the server is {version}",
                next_step=f"Restore into MySQL {'.'.join(map(str, oldest))} or newer. Between MySQL and MariaDB no set"
                " can go.",
            )

    def _has_collation(self, session: mariadb_session.Session, name: str) -> bool:
        source = f"information_schema.COLLATIONS WHERE COLLATION_NAME = {quote_literal(name)}"
        return bool(session.rows({"name": "COLLATION_NAME"}, source))

    def _pattern(self, session: mariadb_session.Session, database: str) -> str:
        return accounts.pattern(database, literal=self._is_literal(session))

    def _is_literal(self, session: mariadb_session.Session) -> bool:
        return accounts.is_literal(t.cast("Session", session))

    def _plainly(self, session: mariadb_session.Session) -> str:
        # As an account with an active role needs it to call functions; but for no other database that it is a pattern
        # of.
        others = session.rows(
            {"name": "SCHEMA_NAME"},
            f"information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE {quote_literal(self.name)}"
            f" AND NOT ({same_name('SCHEMA_NAME', self.name)})",
        )
        return self._pattern(session, self.name) if others else quote_identifier(self.name)

    def _given_beside(self) -> str:
        # Not by a pattern, which the server does not follow where a role is active.
        return f"EXECUTE ON {quote_identifier(self.beside)}.*"

    @staticmethod
    def _identified(password: str) -> str:
        return f"WITH caching_sha2_password AS 0x{kept_of(password).hex()}"

    def _powers(self, session: mariadb_session.Session, facts: t.Mapping[str, t.Any]) -> list[str]:
        return ["SESSION_VARIABLES_ADMIN"] if changes_tables(t.cast("Session", session)) else []

    def _repair(self, work: RestoreWork) -> None:
        """Completes, or takes back, a swap that was interrupted."""
        swapper = self._swapper(work)
        with Session(work.processes, self.connection) as session:
            if catalogue.properties(session, self.journal) is None:
                return
        # Its client may be at work yet.
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
                work.warnings.append("An interrupted restore of the target was taken back first")
                if lost:
                    work.warnings.append(f"Programs of the target that could not be made again: {', '.join(lost)}")
            self._give_again(work, plan.present)
        swapper.forget()

    def _swapper(self, work: RestoreWork) -> Swapper:
        return Swapper(work.processes, self.connection, live=self.name, beside=self.beside, journal=self.journal)

    def _make_programs(self, work: RestoreWork, programs: t.Sequence[Definition]) -> None:
        for entry in programs:
            if entry.kind == objects.EVENT:
                self._check_program(work, entry)
        super()._make_programs(work, programs)

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
        """Sees to it that the server takes a set's text for one statement, and not for several.

        :raises SetInvalid: when it does not.
        """
        with Session(work.processes, self.connection, database=self.beside) as session:
            session.execute(f"SET SESSION sql_mode = '{entry.mode}'")
            if not session.is_one_statement(entry.statement):
                raise SetInvalid(
                    "restore a database's programs",
                    on=f"{work.reader.set_id}, {entry.kind} {entry.name}",
                    why=f"the server does not take it for one statement: {entry.statement[:80]!r}",
                    next_step="The set is not what this collection writes: report it, and restore from another one.",
                )

    # Checking

    def _check_programs(self, session: mariadb_session.Session) -> list[Check]:
        made = {
            (entry.kind, entry.name): (entry.statement, entry.mode)
            for entry in objects.programs(t.cast("Session", session), self.beside)
        }
        # A view's text is the server's own, and a newer one may word it in another way.
        verbatim = [entry for entry in self._programs if entry.kind not in (objects.VIEW, objects.EVENT)]
        other = [
            f"{entry.kind} {entry.name}"
            for entry in verbatim
            if made.get((entry.kind, entry.name)) != (entry.statement, entry.mode)
        ]
        said = f"not as they were: {', '.join(other[:20])}" if other else f"{len(verbatim)} are as they were"
        return [Check("programs", not other, said)]

    # Swapping

    def swap(self, work: RestoreWork) -> str | None:
        """Puts the restored tables in the target's place, keeping those that were there in a database of their own."""
        swapper = self._swapper(work)
        with advising():
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
            there: list[catalogue.Table] = []
            if before is not None:
                kept = self._kept_name(session, work.stamp)
                with Session(work.processes, self.connection, database=self.name) as looking:
                    old = objects.programs(looking, self.name)
                there = catalogue.tables(session, self.name)
            new = catalogue.tables(session, self.beside)
        words = ("character_set", "collation")
        return Plan(
            live=self.name,
            beside=self.beside,
            kept=kept,
            there=[table.name for table in there],
            new=[table.name for table in new],
            holds=len({table.transactional for table in [*there, *new]}) < 2,
            options=(tuple(before[word] for word in words), tuple(facts[word] for word in words))
            if before is not None
            else ((), ()),
            old=old,
            programs=self._programs,
            grants=self._grants,
            revokes=self._revokes,
            present=self._present,
        )

    def _make_room(self, work: RestoreWork, plan: Plan) -> None:
        """Makes the database that the tables go to which have none yet. The journal knows of it already."""
        with Session(work.processes, self.connection) as session:
            if plan.kept:
                creation = self._creation(plan.kept, catalogue.properties(session, self.name) or {})
            else:
                creation = self._creation(self.name, work.reader.description.engine_facts["database"])
            session.execute(creation, action="create a database")

    def _exchange(self, work: RestoreWork, swapper: Swapper, plan: Plan) -> None:
        for attempt in range(1, _TRIES + 1):
            with Session(work.processes, self.connection) as session:
                self._end_users(work, session)
            try:
                swapper.run(plan.script())
                return
            except ProcessFailed as error:
                # A server that went down comes back; a statement that it has begun, it may still be carrying out.
                swapper.wait()
                if self._settle(work, swapper, plan, error):
                    return
                if attempt == _TRIES or "ERROR 1205" not in error.why:
                    raise

    def _settle(self, work: RestoreWork, swapper: Swapper, plan: Plan, error: ProcessFailed) -> bool:
        """Puts right what a script left that failed: as it was, or (True) as it was to be.

        :raises BackupError: when it cannot.
        """
        if swapper.has_moved(plan):
            try:
                swapper.run(plan.completion())
            except ProcessFailed:
                swapper.wait()
                swapper.run(plan.undo())
            else:
                work.warnings.append(
                    f"The server was interrupted in the last step, which was then completed: {error.why}"
                )
                return True
        lost = swapper.put_back(plan)
        if lost:
            raise BackupError(
                ACTION,
                on=self.connection.describe(),
                why=f"{error.why}; and then these programs of the target could not be made again: {', '.join(lost)}",
                next_step="Its tables are as they were. The programs' statements are in the table"
                f" {self.journal}.journal: correct the cause, and restore again.",
            ) from error
        return False

    def _take_back(self, work: RestoreWork, plan: Plan) -> None:
        """Removes the database that the swap was given to begin with, if nothing has got into it; and the journal."""
        made = plan.kept or plan.live
        with contextlib.suppress(BackupError), Processes() as processes, Session(processes, self.connection) as session:
            if not catalogue.count_objects(session, made):
                session.execute(f"DROP DATABASE IF EXISTS {quote_identifier(made)}")
            live = {(entry.kind, entry.name) for entry in self._programs_of(session, plan)}
            if {(entry.kind, entry.name) for entry in plan.old} <= live:
                session.execute(f"DROP DATABASE IF EXISTS {quote_identifier(self.journal)}")

    def _programs_of(self, session: Session, plan: Plan) -> list[Definition]:
        if catalogue.properties(session, plan.live) is None:
            return []
        session.execute(f"USE {quote_identifier(plan.live)}")
        return objects.programs(session, plan.live)

    def _complete_kept(self, work: RestoreWork, swapper: Swapper, plan: Plan) -> None:
        """Gives the kept database its programs back. Not its events: they would go on working."""
        events = [entry.name for entry in plan.old if entry.kind == objects.EVENT]
        others = [entry for entry in plan.old if entry.kind != objects.EVENT]
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
            f"{plan.kept} keeps all tables, but was not given: {', '.join(lost[:20])}; its table {name} has"
            " the statements that make them"
        )

    def _end_swap(self, work: RestoreWork) -> None:
        self._swapper(work).forget()

    # What restores have kept

    def check_live(self) -> None:
        """Sees that the database is there and holds something.

        :raises BackupError: when it is not, or is empty; or a swap was interrupted, whose other half may be kept.
        """
        with advising(), Processes() as processes, Session(processes, self.connection) as session:
            if catalogue.properties(session, self.journal) is not None:
                raise Refused(
                    "remove what was replaced",
                    on=self.connection.describe(),
                    why=f"a restore of it was interrupted (its journal is in the database {self.journal})",
                    next_step="Restore it again with database_restore and replace, then remove what was replaced.",
                )
        super().check_live()
