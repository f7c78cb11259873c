# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one MariaDB database: beside the target, checked, then swapped.

MariaDB has no statement that renames a database. RENAME TABLE takes all tables of the target away, and the restored
ones into their place, in one step; triggers must be gone while it does, and views and routines are made anew. All of
that is one compound statement that the server carries through by itself, and takes back by itself if a step fails:
when the client dies, the target is either as it was or wholly restored. When the statement is killed, or the server,
the tables are one or the other, and what is missing of the programs is made again; should this process die as well,
their statements are in a table of the database that was to keep what was replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import secrets
import time
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    LockHeld,
    NotFound,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Check,
    Replaced,
    RestoreWork,
    TargetState,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import compare_digests
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import BESIDE_SUFFIX, stamp_of
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import INFIX as KEPT_INFIX
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _accounts as accounts
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _objects as objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection, advising
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._digest import digests
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._discovery import SYSTEM_DATABASES
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._dump import (
    ACCOUNTS,
    PROGRAMS,
    STRUCTURE,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._fill import fill, make, read_text
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._objects import Definition
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    SETTINGS,
    Session,
    immediate,
    quote_identifier,
    quote_literal,
    same_name,
)

# MariaDB, "Identifier Names": maximum length, characters.
NAME_CHARACTERS = 64
# EXECUTE IMMEDIATE of every kind of statement (MDEV-16708).
_OLDEST_SERVER = (10, 6)
_TRIES = 3
# How long a trial waits for a session that still uses the target; when the swap begins, nobody should.
_TRIAL_WAIT_SECONDS = 5
_SWAP_WAIT_SECONDS = 1
# How long a server that went down has for coming back.
_RETURN_SECONDS = 60
_PROGRAMS_TABLE = "infitulua_programs"


def derived_name(name: str, suffix: str, *, characters: int = NAME_CHARACTERS) -> str:
    """The name of a database beside another, cut (and told apart by a digest) where it would be too long."""
    room = characters - len(suffix)
    if len(name) > room:
        digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]
        name = name[: room - len(digest) - 1] + "~" + digest
    return name + suffix


def beside_name(name: str) -> str:
    """The name to restore under. GRANT takes it with backslashes before its wildcards, and counts those, too."""
    for characters in range(NAME_CHARACTERS, 0, -1):
        beside = derived_name(name, BESIDE_SUFFIX, characters=characters)
        if len(beside) + sum(beside.count(mark) for mark in "_%\\") <= NAME_CHARACTERS:
            return beside
    raise AssertionError("unreachable")


class Restoration:
    """One restore. Its methods are those of the engine, in their order."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.name = connection.database
        self.beside = beside_name(self.name)
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
            present = catalogue.properties(session, self.name)
            if present is None:
                return TargetState(self.connection.describe(), False, True)
            self._check_references(session)
            empty = not catalogue.count_objects(session, self.name) and not session.rows(
                {"name": "EVENT_NAME"}, f"information_schema.EVENTS WHERE {same_name('EVENT_SCHEMA', self.name)}"
            )
            return TargetState(self.connection.describe(), True, empty)

    def _check_server(self, session: Session, facts: t.Mapping[str, t.Any]) -> None:
        version = session.value("VERSION()") or ""
        number = tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2])
        dumped = tuple(int(part) for part in facts["version"].split(".")[:2])
        if "MariaDB" not in version or number < max(_OLDEST_SERVER, dumped):
            needed = ".".join(map(str, max(_OLDEST_SERVER, dumped)))
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why=f"the set was taken from MariaDB {facts['version']} and the server is {version}",
                next_step=f"Restore into MariaDB {needed} or newer.",
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
        known = session.rows(
            {"name": "COLLATION_NAME"},
            "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE"
            f" COALESCE(FULL_COLLATION_NAME, COLLATION_NAME) = {quote_literal(facts['database']['collation'])}"
            f" OR COLLATION_NAME = {quote_literal(facts['database']['collation'])}",
        )
        if not known:
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
        on = str(work.reader.set_id)
        structure = objects.read(read_text(work, STRUCTURE), on=f"{on}, {STRUCTURE}")
        programs = objects.read(read_text(work, PROGRAMS), on=f"{on}, {PROGRAMS}")
        self._make_beside(work, structure)
        with advising():
            self._make_accounts(work, programs)
            self._make_programs(work, programs)
        self._programs += self._possible_events(work, programs)

    def _make_beside(
        self, work: RestoreWork, structure: t.Sequence[Definition], *, chosen: t.Collection[str] | None = None
    ) -> None:
        facts = work.reader.description.engine_facts
        self._lock()
        with advising(), Session(work.processes, self.connection) as session:
            self._remove(session)
            missing = [name for name in self._other_databases(work) if catalogue.properties(session, name) is None]
            if missing:
                work.warnings.append(missing_references(missing))
            session.execute(
                self._creation(self.beside, facts["database"]), action="create the database to restore into"
            )
        with advising():
            password = self._make_account(work)
        connection = self.connection.as_account(self._account, password) if password else self.connection
        with advising(), contextlib.ExitStack() as stack:
            if password:
                stack.enter_context(connection)
            fill(connection, work, self.beside, structure, chosen=chosen)

    def _possible_events(self, work: RestoreWork, programs: t.Sequence[Definition]) -> list[Definition]:
        events = [entry for entry in programs if entry.kind == objects.EVENT]
        with Session(work.processes, self.connection) as session:
            disabled = session.value("@@GLOBAL.event_scheduler") == "DISABLED"
        if not (events and disabled):
            return events
        names = ", ".join(entry.name for entry in events[:20])
        work.warnings.append(f"The server takes no events (event_scheduler is DISABLED); not restored: {names}")
        return []

    def _creation(self, name: str, facts: t.Mapping[str, t.Any]) -> str:
        return immediate(f"CREATE DATABASE {quote_identifier(name)} {_database_options(facts)}")

    def _other_databases(self, work: RestoreWork) -> list[str]:
        return other_databases(work.reader.description.engine_facts)

    def _make_account(self, work: RestoreWork) -> str | None:
        """An account with rights on the new database only, for the rows and tables of a set; None: there can be none.

        What a set says is carried out with no more rights than it needs.
        """
        password = secrets.token_urlsafe(32)
        database = accounts.pattern(self.beside)
        try:
            with Session(work.processes, self.connection) as session:
                for host in ("localhost", "%"):
                    account = f"'{self._account}'@'{host}'"
                    session.execute(f"CREATE USER {account} IDENTIFIED BY '{password}'")
                    session.execute(f"GRANT ALL ON {database}.* TO {account}")
                    for other in self._other_databases(work):
                        session.execute(immediate(f"GRANT REFERENCES ON {accounts.pattern(other)}.* TO {account}"))
                    if work.reader.description.engine_facts["history"]:
                        session.execute(f"GRANT BINLOG REPLAY ON *.* TO {account}")
        except ProcessFailed as error:
            if not re.search(r"ERROR (?:1044|1045|1227|1396)\b", error.why):
                raise
            work.warnings.append(
                "The set was restored with all the rights of this account, because it may not make one with fewer"
            )
            return None
        return password

    def _make_accounts(self, work: RestoreWork, programs: t.Sequence[Definition]) -> None:
        """Those in whose name the database's programs run, among others: without them a view cannot be made."""
        facts = work.reader.description.engine_facts
        made = accounts.read(read_text(work, ACCOUNTS))
        try:
            with Session(work.processes, self.connection) as session:
                self._new_accounts = accounts.create_missing(session, made) if made else []
                left = accounts.make_members(session, made, self._new_accounts)
                changes = accounts.grants(made, database=facts["database"]["name"], target=self.name)
                holders = accounts.of_database(session, self.name, ())
                self._present = accounts.rights(session, holders, self.name)
                new = [change for change in changes if change[0] not in self._present]
                # With a routine that is dropped go the rights on it.
                self._grants = [grant for grant, _revoke in changes if accounts.is_of_routine(grant)]
                self._grants += [grant for grant, _revoke in new if not accounts.is_of_routine(grant)]
                self._revokes = [revoke for _grant, revoke in new]
                definers = {entry.definer for entry in programs if entry.definer is not None}
                for account in accounts.present(session, definers):
                    # A view of a function is only made if the function's definer may execute it. Taken back in _remove.
                    session.execute(f"GRANT ALL ON {accounts.pattern(self.beside)}.* TO {account.quoted}")
        except ProcessFailed as error:
            work.warnings.append(f"The set's accounts were not made: {error.why}")
            return
        if self._new_accounts:
            names = ", ".join(account.quoted for account in self._new_accounts)
            work.warnings.append(
                f"Accounts were created from the set, with their rights on this database only: {names}"
            )
        if left:
            work.warnings.append(
                "Roles that were on the server already were not given to accounts from the set; where that is right,"
                f" do it: {'; '.join(left[:20])}"
            )

    def _make_programs(self, work: RestoreWork, programs: t.Sequence[Definition]) -> None:
        """Routines, views and triggers; those that need others that do not exist yet come again after those."""
        waiting = [entry for entry in programs if entry.kind != objects.EVENT]
        while waiting:
            left: list[tuple[Definition, ProcessFailed]] = []
            session: Session | None = None
            try:
                for entry in waiting:
                    try:
                        session = session or Session(work.processes, self.connection, database=self.beside)
                        make(session, [entry], action="restore a database's programs")
                    except ProcessFailed as error:
                        left.append((entry, error))
                        if session is not None:
                            session.close()
                        session = None
                    else:
                        self._programs.append(entry)
            finally:
                if session is not None:
                    session.close()
            if len(left) == len(waiting):
                # What only lacks another of them is not the cause.
                raise next((error for _entry, error in left if "ERROR 1146" not in error.why), left[0][1])
            waiting = [entry for entry, _error in left]

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
            immediate(f"DROP DATABASE IF EXISTS {quote_identifier(self.beside)}"),
            action="remove what an earlier restore left",
        )
        self._remove_account(session)

    def _remove_account(self, session: Session) -> None:
        if accounts_visible(session):
            found = session.rows({"host": "Host"}, f"mysql.global_priv WHERE User = '{self._account}'")
            for row in found:
                session.execute(f"DROP USER '{self._account}'@{quote_identifier(row['host'])}")
            for account in accounts.with_rights_on(session, self.beside):
                session.execute(f"REVOKE ALL ON {accounts.pattern(self.beside)}.* FROM {account.quoted}")

    # Checking

    def check(self, work: RestoreWork) -> list[Check]:
        """Compares the restored database with the set's facts."""
        facts = work.reader.description.engine_facts
        with advising(), Session(work.processes, self.connection) as session:
            counts = catalogue.count_rows(session, self.beside, catalogue.tables(session, self.beside))
            found = catalogue.count_objects(session, self.beside)
            expected = facts["content_digests"]
            held = digests(work.processes, self.connection, self.beside, jobs=work.jobs) if expected is not None else {}
        return [
            compare("row counts", facts["row_counts"], counts, f"{sum(counts.values())} rows in {len(counts)} tables"),
            compare(
                "objects", facts["objects"], found, ", ".join(f"{n} × {kind}" for kind, n in sorted(found.items()))
            ),
            *compare_digests(expected, held),
        ]

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
                self._remember(session, kept, old)
            else:
                session.execute(self._creation(self.name, facts["database"]), action="create the database")
            try:
                self._exchange(work, session, before, kept, old, facts)
            except BackupError:
                self._take_back(work, before, kept)
                raise
        if kept is not None:
            self._complete_kept(work, kept, old)
        self._finish(work)
        return kept

    def _kept_name(self, session: Session, stamp: str) -> str:
        kept = derived_name(self.name, KEPT_INFIX + stamp)
        for again in itertools.count(2):  # Restored twice within a second.
            if catalogue.properties(session, kept) is None:
                return kept
            kept = derived_name(self.name, f"{KEPT_INFIX}{stamp}_{again}")
        raise AssertionError("unreachable")

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
        there = _relations(session, live) if before is not None else []
        new = _relations(session, beside)
        moves = [(live, name, t.cast("str", kept)) for name in there] + [(beside, name, live) for name in new]
        back = [(live, name, beside) for name in new] + [(t.cast("str", kept), name, live) for name in there]
        forward: list[str] = []
        # What was made last goes first: a package's body before the package.
        forward += [statement for entry in reversed(old) for statement in entry.removal(live)]
        for entry in reversed(self._programs):
            forward += entry.removal(beside) if entry.kind != objects.EVENT else []
        forward += [immediate(_renaming(moves))] if moves else []
        defaults = [_sequence_default(*entry, database=live) for entry in facts["sequence_defaults"]]
        routines = [entry for entry in self._programs if entry.kind in objects.ROUTINES]
        others = [entry for entry in self._programs if entry.kind not in objects.ROUTINES]
        made = [statement for entry in routines for statement in entry.statements]
        made += map(immediate, self._grants)
        made += [statement for entry in others for statement in entry.statements]
        options = immediate(f"ALTER DATABASE {quote_identifier(live)} {_database_options(facts['database'])}")
        after = [SETTINGS, "SET SESSION foreign_key_checks = 0", *map(immediate, defaults), options, *made]
        undo = [statement for entry in reversed(self._programs) for statement in entry.removal(live)]
        undo += ["SET SESSION sql_mode = '', foreign_key_checks = 0"]
        undo += map(immediate, self._revokes)
        undo += [immediate(_renaming(back))] if back else []
        if before is not None:
            undo.append(immediate(f"ALTER DATABASE {quote_identifier(live)} {_database_options(before)}"))
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
                moved = bool(new or there) and self._is_swapped(work, new, there, kept)
                # The statement takes itself back, but not where it was killed, or the server was.
                lost = self._make_missing(work, live, self._programs if moved else old)
                if lost and not moved:
                    raise BackupError(
                        "put the restored database in place",
                        on=self.connection.describe(),
                        why=f"{error.why}; and then these programs of the target could not be made again:"
                        f" {', '.join(lost)}",
                        next_step=f"Its tables are as they were. The programs' statements are in the table"
                        f" {kept}.{_PROGRAMS_TABLE}: execute them.",
                    ) from error
                if moved:
                    if lost:
                        work.warnings.append(f"The server was interrupted, and could not make: {', '.join(lost)}")
                    return
                if attempt == _TRIES or "ERROR 1205" not in error.why:
                    raise
                self._free_tables(work, session)

    def _free_tables(self, work: RestoreWork, session: Session) -> None:
        """Sees to it that nobody holds a table of the target: while the swap waited, its triggers would be missing."""
        tables = [
            f"{quote_identifier(self.name)}.{quote_identifier(table)} WRITE" for table in self._base_tables(session)
        ]
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
        table = f"{quote_identifier(kept)}.{_PROGRAMS_TABLE}"
        session.execute(
            immediate(f"CREATE TABLE {table} (number int PRIMARY KEY, statement longtext) CHARACTER SET utf8mb4")
        )
        statements = [statement for entry in old for statement in entry.statements]
        for number, statement in enumerate(statements, start=1):
            session.execute(f"INSERT INTO {table} VALUES ({number}, {quote_literal(statement)})")

    def _forget(self, work: RestoreWork, kept: str) -> None:
        with Session(work.processes, self.connection) as session:
            session.execute(f"DROP TABLE IF EXISTS {quote_identifier(kept)}.{_PROGRAMS_TABLE}")

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

    def _end_users(self, work: RestoreWork, session: Session) -> None:
        """Ends the sessions that are in the target, which could hold its tables."""
        users = session.rows(
            {"id": "ID"},
            f"information_schema.PROCESSLIST WHERE {same_name('DB', self.name)} AND ID <> CONNECTION_ID()",
        )
        for row in users:
            # It may have gone by itself, and without CONNECTION ADMIN only one's own can be ended.
            with contextlib.suppress(ProcessFailed), Session(work.processes, self.connection) as killer:
                killer.execute(f"KILL CONNECTION {int(row['id'])}")

    def _is_swapped(self, work: RestoreWork, new: t.Sequence[str], there: t.Sequence[str], kept: str | None) -> bool:
        """Whether every table is in its place; somebody may have made more since."""
        with contextlib.suppress(BackupError), Session(work.processes, self.connection) as session:
            moved = not _relations(session, self.beside) and set(new) <= set(_relations(session, self.name))
            return moved and (kept is None or set(there) <= set(_relations(session, kept)))
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
                f"{kept} keeps all tables, but was not given: {', '.join(lost[:20])}; its table {_PROGRAMS_TABLE} has"
                " the statements that make them"
            )
        else:
            self._forget(work, kept)

    def _finish(self, work: RestoreWork) -> None:
        """Tidies up. The restore is complete: what fails here is told, and no more."""
        try:
            with Session(work.processes, self.connection) as session:
                self._remove(session)
            for grant in filter(accounts.is_of_routine, self._present):
                # Of accounts that the set does not know; the routine may be gone.
                with contextlib.suppress(ProcessFailed), Session(work.processes, self.connection) as session:
                    session.execute(immediate(grant))
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

        :raises BackupError: when it is not, or is empty.
        """
        with advising(), Processes() as processes, Session(processes, self.connection) as session:
            require_content(session, self.connection)

    def remove_replaced(self, entry: Replaced) -> None:
        """Drops a database that a restore has kept."""
        self._lock()
        try:
            with advising(), Processes() as processes, Session(processes, self.connection) as session:
                session.execute(
                    immediate(f"DROP DATABASE {quote_identifier(entry.name)}"), action="remove what was replaced"
                )
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


def other_databases(facts: t.Mapping[str, t.Any]) -> list[str]:
    """Those that foreign keys of a set's tables refer to."""
    named = {database for database, _table in facts["references"]}
    return sorted(name for name in named if name.lower() not in SYSTEM_DATABASES)


def missing_references(names: t.Sequence[str]) -> str:
    """The warning that some of these databases are missing."""
    return (
        "Its tables refer to tables of databases that are not here, so that no row can be written that does:"
        f" {', '.join(names)}"
    )


def kept_by_restores(session: Session, database: str) -> list[Replaced]:
    """What restores of a database have kept, oldest first."""
    found = []
    for row in session.rows({"name": "SCHEMA_NAME"}, "information_schema.SCHEMATA"):
        name = row["name"]
        since = stamp_of(name, lambda ending: derived_name(database, ending))
        if since is not None:
            found.append(Replaced(name, since, catalogue.size(session, name), _users(session, name)))
    return sorted(found, key=lambda entry: (entry.since, entry.name))


def _users(session: Session, database: str) -> str | None:
    who = "CONCAT(USER, ' from ', HOST)"
    users = session.rows({"who": who}, f"information_schema.PROCESSLIST WHERE {same_name('DB', database)}")
    return ", ".join(sorted({row["who"] for row in users})) or None


def require_content(session: Session, connection: Connection) -> None:
    """Sees that a connection's database is there and holds something.

    :raises Refused: when it is not, or is empty.
    """
    if not catalogue.count_objects(session, connection.database):
        raise Refused(
            "remove what was replaced",
            on=connection.describe(),
            why="the database is not there or empty, and what was replaced may be all there is",
            next_step="Look into both; drop what is not needed by hand.",
        )


def compare(name: str, expected: t.Mapping[str, int], found: t.Mapping[str, int], summary: str) -> Check:
    """One comparison of counts."""
    if expected == found:
        return Check(name, True, summary or "none")
    keys = [key for key in sorted({*expected, *found}) if expected.get(key) != found.get(key)]
    shown = [f"{key}: {found.get(key, 'missing')} instead of {expected.get(key, 'none')}" for key in keys[:20]]
    return Check(name, False, "; ".join(shown) + (f" and {len(keys) - 20} more" if len(keys) > 20 else ""))


def accounts_visible(session: Session) -> bool:
    """Whether this account may see (and so remove) the server's accounts."""
    return bool(
        session.rows(
            {"name": "TABLE_NAME"},
            "information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'global_priv'",
        )
    )


def _database_options(facts: t.Mapping[str, t.Any]) -> str:
    # It takes no expression, only a literal; our sessions do not switch the backslash off.
    comment = str(facts["comment"] or "").replace("\\", "\\\\").replace("'", "''")
    return (
        f"CHARACTER SET {quote_identifier(str(facts['character_set']))}"
        f" COLLATE {quote_identifier(str(facts['collation']))} COMMENT '{comment}'"
    )


def _relations(session: Session, database: str) -> list[str]:
    """Tables and sequences."""
    return [
        row["name"]
        for row in session.rows(
            {"name": "TABLE_NAME"},
            f"information_schema.TABLES WHERE {same_name('TABLE_SCHEMA', database)} AND TABLE_TYPE <> 'VIEW'"
            " ORDER BY TABLE_NAME",
        )
    ]


def _renaming(moves: t.Sequence[tuple[str, str, str]]) -> str:
    steps = [
        f"{quote_identifier(source)}.{quote_identifier(name)} TO {quote_identifier(target)}.{quote_identifier(name)}"
        for source, name, target in moves
    ]
    return f"RENAME TABLE {', '.join(steps)}"


def _sequence_default(table: str, column: str, sequence: str, *, database: str) -> str:
    here = quote_identifier(database)
    return (
        f"ALTER TABLE {here}.{quote_identifier(table)} ALTER COLUMN {quote_identifier(column)}"
        f" SET DEFAULT nextval({here}.{quote_identifier(sequence)})"
    )
