# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one MySQL database: beside the target, checked, then swapped (see ``_swap``)."""

from __future__ import annotations

import contextlib
import itertools
import re
import secrets
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    LockHeld,
    NotFound,
    ProcessFailed,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Check,
    Replaced,
    RestoreWork,
    TargetState,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import compare_digests
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import INFIX as KEPT_INFIX
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import SWAPPING_SUFFIX
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._digest import digests
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._discovery import SYSTEM_DATABASES
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._dump import (
    ACCOUNTS,
    PROGRAMS,
    STRUCTURE,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._fill import fill, read_text
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._restore import (
    NAME_CHARACTERS,
    beside_name,
    compare,
    derived_name,
    kept_by_restores,
    missing_references,
    other_databases,
    require_content,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _accounts as accounts
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _objects as objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._client import (
    Connection,
    advising,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._fill import MYSQL
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._objects import Definition
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import (
    Session,
    changes_tables,
    immediate,
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
_PROGRAMS_TABLE = "infitulua_programs"


class Restoration:
    """One restore. Its methods are those of the engine, in their order."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.name = connection.database
        self.beside = beside_name(self.name)
        self.journal = derived_name(self.name, SWAPPING_SUFFIX)
        self._account = f"infitulua-restore-{zlib.crc32(self.beside.encode('utf-8')):08x}"
        self._guard: contextlib.ExitStack | None = None
        self._programs: list[Definition] = []
        self._new_accounts: list[accounts.Account] = []
        # Rights on the target: what is given, how that is taken back, and what was there before.
        self._grants: list[str] = []
        self._revokes: list[str] = []
        self._present: list[str] = []

    # What stands there

    def inspect(self, work: RestoreWork) -> TargetState:
        """Checks that a restore can begin, and looks at what stands in its place."""
        if len(self.name) > NAME_CHARACTERS or self.name.lower() in SYSTEM_DATABASES:
            raise Refused(
                "restore a database",
                on=self.name,
                why=f"it is the server's own, or longer than {NAME_CHARACTERS} characters",
                next_step="Choose another name.",
            )
        facts = work.reader.description.engine_facts
        with advising(), Session(work.processes, self.connection) as session:
            self._check_server(session, facts)
            if catalogue.properties(session, self.name) is None:
                return TargetState(self.connection.describe(), False, True)
            self._check_references(session)
            empty = not catalogue.count_objects(session, self.name) and not session.rows(
                {"name": "EVENT_NAME"}, f"information_schema.EVENTS WHERE {same_name('EVENT_SCHEMA', self.name)}"
            )
            return TargetState(self.connection.describe(), True, empty)

    def _check_server(self, session: Session, facts: t.Mapping[str, t.Any]) -> None:
        version = session.value("VERSION()") or ""
        # A server of the same series takes what a later one of it gave.
        oldest = max(catalogue.OLDEST, (*catalogue.read_version(facts["version"])[:2], 0))
        if "MariaDB" in version or catalogue.read_version(version) < oldest:
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why=f"the set was taken from MySQL {facts['version']} and the server is {version}",
                next_step=f"Restore into MySQL {'.'.join(map(str, oldest))} or newer. Between MySQL and MariaDB no set"
                " can go.",
            )
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
        collation = quote_literal(facts["database"]["collation"])
        if not session.rows(
            {"name": "COLLATION_NAME"}, f"information_schema.COLLATIONS WHERE COLLATION_NAME = {collation}"
        ):
            raise NotFound(
                "restore a database",
                on=self.connection.describe(),
                why=f"the server has no collation {facts['database']['collation']}",
                next_step="Restore into a server of the version that the set was taken from, or newer.",
            )

    def _check_references(self, session: Session) -> None:
        found = session.rows(
            {"name": "CONCAT(CONSTRAINT_SCHEMA, '.', TABLE_NAME)"},
            f"information_schema.REFERENTIAL_CONSTRAINTS WHERE {same_name('UNIQUE_CONSTRAINT_SCHEMA', self.name)}"
            f" AND CONSTRAINT_SCHEMA <> {quote_literal(self.name)} COLLATE utf8mb4_bin AND CONSTRAINT_SCHEMA NOT LIKE"
            " '%\\_\\_replaced\\_%'",
        )
        if found:
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why="tables of other databases refer to it, and would refer to the replaced one:"
                f" {', '.join(row['name'] for row in found[:10])}",
                next_step="Drop those foreign keys first, or restore under another name.",
            )

    # Restoring beside

    def restore_beside(self, work: RestoreWork) -> None:
        """Makes the database beside the target and fills it."""
        facts = work.reader.description.engine_facts
        on = str(work.reader.set_id)
        structure = objects.read(read_text(work, STRUCTURE), on=f"{on}, {STRUCTURE}")
        programs = objects.read(read_text(work, PROGRAMS), on=f"{on}, {PROGRAMS}")
        self._lock()
        with advising():
            self._repair(work)
            with Session(work.processes, self.connection) as session:
                self._remove(session)
                missing = [name for name in self._other_databases(work) if catalogue.properties(session, name) is None]
                if missing:
                    work.warnings.append(missing_references(missing))
                self._create(session, self.beside, facts["database"])
            password = self._make_account(work)
        connection = self.connection.as_account(self._account, password) if password else self.connection
        with advising(), contextlib.ExitStack() as stack:
            if password:
                stack.enter_context(connection)
            fill(connection, work, self.beside, structure, dialect=MYSQL)
        with advising():
            self._make_accounts(work, programs)
            self._make_programs(work, programs)
        self._programs += self._possible_events(work, programs)

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
        swapper.forget()

    def _swapper(self, work: RestoreWork) -> Swapper:
        return Swapper(work.processes, self.connection, live=self.name, journal=self.journal)

    def _possible_events(self, work: RestoreWork, programs: t.Sequence[Definition]) -> list[Definition]:
        events = [entry for entry in programs if entry.kind == objects.EVENT]
        with Session(work.processes, self.connection) as session:
            disabled = session.value("@@GLOBAL.event_scheduler") == "DISABLED"
        if not (events and disabled):
            return events
        names = ", ".join(entry.name for entry in events[:20])
        work.warnings.append(f"The server takes no events (event_scheduler is DISABLED); not restored: {names}")
        return []

    def _create(self, session: Session, name: str, facts: t.Mapping[str, t.Any]) -> None:
        session.execute(
            immediate(f"CREATE DATABASE {quote_identifier(name)} {catalogue.options(facts)}"),
            action="create a database",
        )

    def _other_databases(self, work: RestoreWork) -> list[str]:
        return other_databases(work.reader.description.engine_facts)

    def _make_account(self, work: RestoreWork) -> str | None:
        """An account with rights on the new database only, for the rows and tables of a set; None: there can be none.

        What a set says is carried out with no more rights than it needs.
        """
        # Of every kind of character that a server may ask for.
        password = f"{secrets.token_urlsafe(32)}-aA1"
        try:
            with Session(work.processes, self.connection) as session:
                database = accounts.pattern(self.beside, literal=accounts.is_literal(session))
                powers = ["SESSION_VARIABLES_ADMIN"] if changes_tables(session) else []
                for host in ("localhost", "%"):
                    account = f"'{self._account}'@'{host}'"
                    session.execute(f"CREATE USER {account} IDENTIFIED BY '{password}'")
                    session.execute(f"GRANT ALL ON {database}.* TO {account}")
                    for other in self._other_databases(work):
                        named = accounts.pattern(other, literal=accounts.is_literal(session))
                        session.execute(immediate(f"GRANT REFERENCES ON {named}.* TO {account}"))
                    for power in powers:
                        session.execute(f"GRANT {power} ON *.* TO {account}")
        except ProcessFailed as error:
            if not re.search(r"ERROR (?:1044|1045|1227|1396)\b", error.why):
                raise
            work.warnings.append(
                "The set was restored with all the rights of this account, because it may not make one with fewer"
            )
            return None
        return password

    def _make_accounts(self, work: RestoreWork, programs: t.Sequence[Definition]) -> None:
        """Those in whose name the database's programs run, among others."""
        facts = work.reader.description.engine_facts
        made = accounts.read(read_text(work, ACCOUNTS))
        try:
            with Session(work.processes, self.connection) as session:
                literal = accounts.is_literal(session)
                self._new_accounts = accounts.create_missing(session, made) if made else []
                changes = accounts.grants(made, database=facts["database"]["name"], target=self.name, literal=literal)
                holders = accounts.of_database(session, self.name, ())
                self._present = accounts.rights(session, holders, self.name)
                there = {accounts.meaning(grant) for grant in self._present}
                new = [change for change in changes if accounts.meaning(change[0]) not in there]
                # With a routine that is dropped go the rights on it.
                self._grants = [grant for grant, _revoke in changes if accounts.is_of_routine(grant)]
                self._grants += [grant for grant, _revoke in new if not accounts.is_of_routine(grant)]
                self._revokes = [revoke for _grant, revoke in new if not accounts.is_of_routine(revoke)]
                definers = {entry.definer for entry in programs if entry.definer is not None}
                for account in accounts.present(session, definers):
                    # A view of a function is only made if the function's definer may execute it. Not by a pattern,
                    # which the server does not follow where a role is active. Taken back in _remove.
                    session.execute(f"GRANT EXECUTE ON {quote_identifier(self.beside)}.* TO {account.quoted}")
        except ProcessFailed as error:
            work.warnings.append(f"The set's accounts were not made: {error.why}")
            return
        if self._new_accounts:
            names = ", ".join(account.quoted for account in self._new_accounts)
            work.warnings.append(
                f"Accounts were created from the set, with their rights on this database only: {names}"
            )

    def _make_programs(self, work: RestoreWork, programs: t.Sequence[Definition]) -> None:
        """Routines, views and triggers; those that need others that do not exist yet come again after those."""
        waiting = [entry for entry in programs if entry.kind != objects.EVENT]
        for entry in programs:
            if entry.kind == objects.EVENT:
                self._check_program(work, entry)
        while waiting:
            left: list[tuple[Definition, ProcessFailed]] = []
            for entry in waiting:
                try:
                    self._check_program(work, entry)
                    with Session(work.processes, self.connection, database=self.beside) as session:
                        session.once(entry.text, action=f"restore a database's programs ({entry.kind} {entry.name})")
                except ProcessFailed as error:
                    left.append((entry, error))
                else:
                    self._programs.append(entry)
            if len(left) == len(waiting):
                # What only lacks another of them is not the cause.
                raise next((error for _entry, error in left if "ERROR 1146" not in error.why), left[0][1])
            waiting = [entry for entry, _error in left]

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

    def _lock(self) -> None:
        """One restore per target at a time; the server drops the lock when we die."""
        guard = contextlib.ExitStack()
        with guard:
            session = guard.enter_context(Session(guard.enter_context(Processes()), self.connection))
            key = f"infitulua.backup.restore.{zlib.crc32(self.beside.encode('utf-8')):08x}"
            if session.value(f"GET_LOCK('{key}', 0)") != "1":
                raise LockHeld(
                    "restore a database",
                    on=self.connection.describe(),
                    why="another restore of it is at work",
                    next_step="Wait for it to end; nothing was touched.",
                )
            self._guard = guard.pop_all()

    def _unlock(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _remove(self, session: Session) -> None:
        session.execute(
            f"DROP DATABASE IF EXISTS {quote_identifier(self.beside)}", action="remove what an earlier restore left"
        )
        if accounts.is_visible(session):
            for row in session.rows({"host": "Host"}, f"mysql.user WHERE User = '{self._account}'"):
                session.execute(f"DROP USER '{self._account}'@{quote_identifier(row['host'])}")
            for account in accounts.with_rights_on(session, self.beside):
                session.execute(f"REVOKE EXECUTE ON {quote_identifier(self.beside)}.* FROM {account.quoted}")

    # Checking

    def check(self, work: RestoreWork) -> list[Check]:
        """Compares the restored database with the set's facts, and its programs with their text in the set."""
        facts = work.reader.description.engine_facts
        with advising(), Session(work.processes, self.connection, database=self.beside) as session:
            counts = catalogue.count_rows(session, self.beside, catalogue.tables(session, self.beside))
            found = catalogue.count_objects(session, self.beside)
            made = {
                (entry.kind, entry.name): (entry.statement, entry.mode)
                for entry in objects.programs(session, self.beside)
            }
            expected = facts["content_digests"]
            held = self._digests(work) if expected is not None else {}
        # A view's text is the server's own, and a newer one may word it in another way.
        verbatim = [entry for entry in self._programs if entry.kind not in (objects.VIEW, objects.EVENT)]
        other = [
            f"{entry.kind} {entry.name}"
            for entry in verbatim
            if made.get((entry.kind, entry.name)) != (entry.statement, entry.mode)
        ]
        return [
            compare("row counts", facts["row_counts"], counts, f"{sum(counts.values())} rows in {len(counts)} tables"),
            compare(
                "objects", facts["objects"], found, ", ".join(f"{n} × {kind}" for kind, n in sorted(found.items()))
            ),
            Check(
                "programs",
                not other,
                f"not as they were: {', '.join(other[:20])}" if other else f"{len(verbatim)} are as they were",
            ),
            *compare_digests(expected, held),
        ]

    def _digests(self, work: RestoreWork) -> dict[str, str]:
        return digests(
            work.processes,
            self.connection,
            self.beside,
            jobs=work.jobs,
            open_session=Session,
            tables_of=catalogue.tables,
            select=rows.select,
        )

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
        self._finish(work, swapper)
        return plan.kept or None

    def _prepare(self, work: RestoreWork) -> Plan:
        facts = work.reader.description.engine_facts
        after = catalogue.options(facts["database"])
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
        was = catalogue.options(before) if before is not None else ""
        return Plan(
            live=self.name,
            beside=self.beside,
            kept=kept,
            there=[table.name for table in there],
            new=[table.name for table in new],
            holds=len({table.transactional for table in [*there, *new]}) < 2,
            options=(was, after) if was else ("", ""),
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
                self._create(session, plan.kept, catalogue.properties(session, self.name) or {})
            else:
                self._create(session, self.name, work.reader.description.engine_facts["database"])

    def _kept_name(self, session: Session, stamp: str) -> str:
        kept = derived_name(self.name, KEPT_INFIX + stamp)
        for again in itertools.count(2):  # Restored twice within a second.
            if catalogue.properties(session, kept) is None:
                return kept
            kept = derived_name(self.name, f"{KEPT_INFIX}{stamp}_{again}")
        raise AssertionError("unreachable")

    def _exchange(self, work: RestoreWork, swapper: Swapper, plan: Plan) -> None:
        for attempt in range(1, _TRIES + 1):
            self._end_users(work)
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

    def _end_users(self, work: RestoreWork) -> None:
        """Ends the sessions that are in the target, which could hold its tables."""
        with Session(work.processes, self.connection) as session:
            users = session.rows(
                {"id": "ID"},
                f"information_schema.PROCESSLIST WHERE {same_name('DB', self.name)} AND ID <> CONNECTION_ID()",
            )
        for row in users:
            # It may have gone by itself, and without CONNECTION_ADMIN only one's own can be ended.
            with contextlib.suppress(ProcessFailed), Session(work.processes, self.connection) as killer:
                killer.execute(f"KILL CONNECTION {int(row['id'])}")

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
        name = _PROGRAMS_TABLE if _PROGRAMS_TABLE not in plan.there else f"{_PROGRAMS_TABLE}_2"
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

    def _finish(self, work: RestoreWork, swapper: Swapper) -> None:
        """Tidies up. The restore is complete: what fails here is told, and no more."""
        try:
            with Session(work.processes, self.connection) as session:
                self._remove(session)
            for grant in filter(accounts.is_of_routine, self._present):
                # Of accounts that the set does not know; the routine may be gone.
                with contextlib.suppress(ProcessFailed), Session(work.processes, self.connection) as session:
                    session.execute(immediate(grant))
            swapper.forget()
        except ProcessFailed as error:
            work.warnings.append(f"The database is restored, but not everything about it: {error.message}")
        self._unlock()

    # What restores have kept

    def replaced(self) -> list[Replaced]:
        """What restores of this database have kept, oldest first."""
        with advising(), Processes() as processes, Session(processes, self.connection) as session:
            return kept_by_restores(session, self.name)

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
            require_content(session, self.connection)

    def remove_replaced(self, entry: Replaced) -> None:
        """Drops a database that a restore has kept."""
        self._lock()
        try:
            with advising(), Processes() as processes, Session(processes, self.connection) as session:
                session.execute(f"DROP DATABASE {quote_identifier(entry.name)}", action="remove what was replaced")
        finally:
            self._unlock()

    # Giving up

    def discard(self) -> None:
        """Removes the database beside the target."""
        if self._guard is None:
            return  # We made nothing: what stands there may be another restore's.
        try:
            with Processes() as processes, Session(processes, self.connection) as session:
                self._remove(session)
                accounts.drop(session, self._new_accounts)
        finally:
            self._new_accounts = []
            self._unlock()
