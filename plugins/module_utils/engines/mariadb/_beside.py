# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one database of MariaDB or MySQL beside its target: what comes before the swap, and what is kept by it.

What the two products do otherwise is in ``_restore`` of each: above all the swap, for which neither has a statement.
"""

from __future__ import annotations

import abc
import contextlib
import hashlib
import itertools
import re
import secrets
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
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
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._digest import digests
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._discovery import SYSTEM_DATABASES
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._dump import (
    ACCOUNTS,
    PROGRAMS,
    STRUCTURE,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._fill import Dialect, fill, read_text
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._objects import EVENT
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._preflight import check_room
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    Session,
    quote_identifier,
    quote_literal,
    same_name,
)

# MariaDB, "Identifier Names"; MySQL, "Identifier Length Limits": maximum length, characters.
NAME_CHARACTERS = 64
# Where a kept database has the statements of its programs, which it could not be given.
PROGRAMS_TABLE = "infitulua_programs"


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


class BesideRestoration(abc.ABC):
    """One restore. Its methods are those of the engine, in their order; each product adds its swap."""

    dialect: t.ClassVar[Dialect]
    # The product's modules of these names.
    accounts: t.ClassVar[t.Any]
    catalogue: t.ClassVar[t.Any]
    objects: t.ClassVar[t.Any]
    rows: t.ClassVar[t.Any]

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.name = connection.database
        self.beside = beside_name(self.name)
        self._account = f"infitulua-restore-{zlib.crc32(self.beside.encode('utf-8')):08x}"
        self._guard: contextlib.ExitStack | None = None
        self._programs: list[t.Any] = []
        self._new_accounts: list[t.Any] = []
        # Rights on the target: what is given, how that is taken back, and what was there before.
        self._grants: list[str] = []
        self._revokes: list[str] = []
        self._present: list[str] = []

    # What the products do otherwise

    @staticmethod
    @abc.abstractmethod
    def advising() -> t.ContextManager[None]:
        """Gives failures a next step that fits them."""

    @abc.abstractmethod
    def _check_version(self, session: Session, dumped: str) -> None:
        """Refuses a server that does not take what one of a version gave."""

    @abc.abstractmethod
    def _has_collation(self, session: Session, name: str) -> bool:
        """Whether the server knows a collation."""

    @abc.abstractmethod
    def _pattern(self, session: Session, database: str) -> str:
        """A database as GRANT names all of it."""

    def _is_literal(self, session: Session) -> bool:
        """Whether GRANT takes names of databases for themselves, and not for patterns."""
        del session
        return False

    def _plainly(self, session: Session) -> str:
        """The target as GRANT names all of it for an account that had its rights by no pattern."""
        return self._pattern(session, self.name)

    @abc.abstractmethod
    def _given_beside(self) -> str:
        """The rights without which a definer's programs cannot be made, and where: on the database beside."""

    @staticmethod
    @abc.abstractmethod
    def _identified(password: str) -> str:
        """How CREATE USER says of an account that it has this password, by what the server keeps of it."""

    @abc.abstractmethod
    def _powers(self, session: Session, facts: t.Mapping[str, t.Any]) -> list[str]:
        """Rights on the server that who restores tables and rows needs besides."""

    @abc.abstractmethod
    def _make_once(self, work: RestoreWork, programs: t.Sequence[t.Any]) -> list[tuple[t.Any, ProcessFailed]]:
        """Makes programs in the database beside; those that cannot be made (yet), and why."""

    @abc.abstractmethod
    def swap(self, work: RestoreWork) -> str | None:
        """Puts the restored tables in the target's place, keeping those that were there in a database of their own."""

    def _repair(self, work: RestoreWork) -> None:
        """Puts right what a swap left that was interrupted."""
        del work

    def _check_programs(self, session: Session) -> list[Check]:
        """Compares the programs beside with those of the set."""
        del session
        return []

    def _end_swap(self, work: RestoreWork) -> None:
        """Removes what only a swap at work needs."""
        del work

    # What stands there

    def _open(self, processes: Processes, *, database: str | None = None) -> Session:
        return self.dialect.session(processes, self.connection, database=database)

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
        with self.advising(), self._open(work.processes) as session:
            self._check_server(session, facts)
            work.warnings += check_room(session, *self._needed_bytes(work), on=self.connection.describe())
            if self.catalogue.properties(session, self.name) is None:
                return TargetState(self.connection.describe(), False, True)
            self._check_references(session)
            empty = not self.catalogue.count_objects(session, self.name) and not session.rows(
                {"name": "EVENT_NAME"}, f"information_schema.EVENTS WHERE {same_name('EVENT_SCHEMA', self.name)}"
            )
            return TargetState(self.connection.describe(), True, empty)

    def _needed_bytes(self, work: RestoreWork) -> tuple[int, int]:
        """What the restored database will take at least, and what it took, as far as the set tells."""
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
        structure, programs = self._read(work)
        self._make_beside(work, structure)
        with self.advising():
            self._make_accounts(work, programs)
            self._make_programs(work, programs)
        self._programs += self._possible_events(work, programs)

    def _read(self, work: RestoreWork) -> tuple[list[t.Any], list[t.Any]]:
        """The set's tables and programs."""
        on = str(work.reader.set_id)
        structure, programs = (
            self.objects.read(read_text(work, part), on=f"{on}, {part}") for part in (STRUCTURE, PROGRAMS)
        )
        return structure, programs

    def _make_beside(
        self, work: RestoreWork, structure: t.Sequence[t.Any], *, chosen: t.Collection[str] | None = None
    ) -> None:
        facts = work.reader.description.engine_facts
        self._lock()
        with self.advising():
            self._repair(work)
            with self._open(work.processes) as session:
                self._remove(session)
                missing = [name for name in other_databases(facts) if self.catalogue.properties(session, name) is None]
                if missing:
                    work.warnings.append(
                        "Its tables refer to tables of databases that are not here, so that no row can be written that"
                        f" does: {', '.join(missing)}"
                    )
                session.execute(
                    self._creation(self.beside, facts["database"]), action="create the database to restore into"
                )
            password = self._make_account(work)
        connection = self.connection.as_account(self._account, password) if password else self.connection
        with self.advising(), contextlib.ExitStack() as stack:
            if password:
                stack.enter_context(connection)
            fill(connection, work, self.beside, structure, dialect=self.dialect, chosen=chosen)

    def _possible_events(self, work: RestoreWork, programs: t.Sequence[t.Any]) -> list[t.Any]:
        events = [entry for entry in programs if entry.kind == EVENT]
        with self._open(work.processes) as session:
            disabled = session.value("@@GLOBAL.event_scheduler") == "DISABLED"
        if not (events and disabled):
            return events
        names = ", ".join(entry.name for entry in events[:20])
        work.warnings.append(f"The server takes no events (event_scheduler is DISABLED); not restored: {names}")
        return []

    def _creation(self, name: str, facts: t.Mapping[str, t.Any]) -> str:
        return self.dialect.immediate(f"CREATE DATABASE {quote_identifier(name)} {self.catalogue.options(facts)}")

    def _make_account(self, work: RestoreWork) -> str | None:
        """An account with rights on the new database only, for the rows and tables of a set; None: there can be none.

        What a set says is carried out with no more rights than it needs.
        """
        facts = work.reader.description.engine_facts
        # Of every kind of character that a server may ask for.
        password = f"{secrets.token_urlsafe(32)}-aA1"
        try:
            with self._open(work.processes) as session:
                rights = [f"ALL ON {self._pattern(session, self.beside)}.*"]
                rights += [f"REFERENCES ON {self._pattern(session, name)}.*" for name in other_databases(facts)]
                rights += [f"{power} ON *.*" for power in self._powers(session, facts)]
                for host in ("localhost", "%"):
                    account = f"'{self._account}'@'{host}'"
                    # By its hash: what is written down of statements has no password in it.
                    session.execute(f"CREATE USER {account} IDENTIFIED {self._identified(password)}")
                    for right in rights:
                        session.execute(self.dialect.immediate(f"GRANT {right} TO {account}"))
        except ProcessFailed as error:
            # The last: the server wants to see passwords (strict_password_validation).
            if not re.search(r"ERROR (?:1044|1045|1227|1396|1372)\b", error.why):
                raise
            work.warnings.append(
                "The set was restored with all the rights of this account, because it may not make one with fewer"
            )
            return None
        return password

    def _make_accounts(self, work: RestoreWork, programs: t.Sequence[t.Any]) -> None:
        """Those in whose name the database's programs run, among others: without them a view cannot be made."""
        accounts = self.accounts
        facts = work.reader.description.engine_facts
        made = accounts.read(read_text(work, ACCOUNTS))
        try:
            with self._open(work.processes) as session:
                # First of all: whatever becomes of the set's accounts, with a routine that is dropped go the rights on
                # it, and those are given again.
                holders = accounts.of_database(session, self.name, ())
                self._present = accounts.rights(session, holders, self.name)
                missing = accounts.missing(session, made)
            failed = self._create(work, missing)
            made = [statement for statement in made if statement not in failed]
            with self._open(work.processes) as session:
                grants = accounts.grants(
                    made,
                    accounts.existing(session),
                    database=facts["database"]["name"],
                    target=self.name,
                    place=self._pattern(session, self.name),
                    plainly=self._plainly(session),
                )
                there = {accounts.meaning(grant) for grant in self._present}
                self._grants = [grant for grant in grants if accounts.is_of_routine(grant)]
                for grant in grants:
                    if not accounts.is_of_routine(grant) and accounts.meaning(grant) not in there:
                        new = accounts.without_loss(session, grant, self.name, literal=self._is_literal(session))
                        self._grants += [new] if new else []
                        self._revokes += [accounts.revocation(new)] if new else []
                definers = {entry.definer for entry in programs if entry.definer is not None}
                for account in accounts.present(session, definers):
                    # A view of a function is only made if the function's definer may execute it. Taken back in _remove.
                    session.execute(f"GRANT {self._given_beside()} TO {account.quoted}")
                left = accounts.make_members(session, made, self._new_accounts)
        except ProcessFailed as error:
            work.warnings.append(f"The rights of the set's accounts were not all made: {error.why}")
            left = []
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

    def _create(self, work: RestoreWork, missing: t.Mapping[str, tuple[t.Any, str]]) -> set[str]:
        """Makes accounts of a set; the set's statements of those that cannot be made, which are told.

        :param missing: the set's statement to the account, and what makes it.
        """
        failed = {}
        for statement, (account, creation) in missing.items():
            try:
                with self._open(work.processes) as session:
                    session.execute(self.dialect.immediate(creation))
            except ProcessFailed as error:
                failed[statement] = f"{account.quoted} ({error.why})"
            else:
                self._new_accounts.append(account)
        if failed:
            work.warnings.append(
                f"Accounts of the set that could not be made, and so have no rights here: {'; '.join(failed.values())}"
            )
        return set(failed)

    def _make_programs(self, work: RestoreWork, programs: t.Sequence[t.Any]) -> None:
        """Routines, views and triggers; those that need others that do not exist yet come again after those."""
        waiting = [entry for entry in programs if entry.kind != EVENT]
        while waiting:
            left = self._make_once(work, waiting)
            missing = [entry for entry, _error in left]
            self._programs += [entry for entry in waiting if entry not in missing]
            if len(left) == len(waiting):
                # What only lacks another of them is not the cause.
                raise next((error for _entry, error in left if "ERROR 1146" not in error.why), left[0][1])
            waiting = missing

    def _lock(self) -> None:
        """One restore per target at a time; the server drops the lock when we die."""
        guard = contextlib.ExitStack()
        with guard:
            session = guard.enter_context(self._open(guard.enter_context(Processes())))
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
            self.dialect.immediate(f"DROP DATABASE IF EXISTS {quote_identifier(self.beside)}"),
            action="remove what an earlier restore left",
        )
        if self.accounts.is_visible(session):
            for row in session.rows({"host": "Host"}, f"{self.accounts.USERS} WHERE User = '{self._account}'"):
                session.execute(f"DROP USER '{self._account}'@{quote_identifier(row['host'])}")
            for account in self.accounts.with_rights_on(session, self.beside):
                session.execute(f"REVOKE {self._given_beside()} FROM {account.quoted}")

    # Checking

    def check(self, work: RestoreWork) -> list[Check]:
        """Compares the restored database with the set's facts."""
        facts = work.reader.description.engine_facts
        with self.advising(), self._open(work.processes, database=self.beside) as session:
            counts = self.catalogue.count_rows(session, self.beside, self.catalogue.tables(session, self.beside))
            found = self.catalogue.count_objects(session, self.beside)
            programs = self._check_programs(session)
            expected = facts["content_digests"]
            held = self._digests(work) if expected is not None else {}
        return [
            compare("row counts", facts["row_counts"], counts, f"{sum(counts.values())} rows in {len(counts)} tables"),
            compare(
                "objects", facts["objects"], found, ", ".join(f"{n} × {kind}" for kind, n in sorted(found.items()))
            ),
            *programs,
            *compare_digests(expected, held),
        ]

    def _digests(self, work: RestoreWork) -> dict[str, str]:
        return digests(
            work.processes,
            self.connection,
            self.beside,
            jobs=work.jobs,
            open_session=self.dialect.session,
            tables_of=self.catalogue.tables,
            select=self.rows.select,
        )

    # Around the swap

    def _kept_name(self, session: Session, stamp: str) -> str:
        kept = derived_name(self.name, KEPT_INFIX + stamp)
        for again in itertools.count(2):  # Restored twice within a second.
            if self.catalogue.properties(session, kept) is None:
                return kept
            kept = derived_name(self.name, f"{KEPT_INFIX}{stamp}_{again}")
        raise AssertionError("unreachable")

    def _end_users(self, work: RestoreWork, session: Session) -> None:
        """Ends the sessions that are in the target, which could hold its tables."""
        users = session.rows(
            {"id": "ID"},
            f"information_schema.PROCESSLIST WHERE {same_name('DB', self.name)} AND ID <> CONNECTION_ID()",
        )
        for row in users:
            # It may have gone by itself, and without CONNECTION ADMIN only one's own can be ended.
            with contextlib.suppress(ProcessFailed), self._open(work.processes) as killer:
                killer.execute(f"KILL CONNECTION {int(row['id'])}")

    def _finish(self, work: RestoreWork) -> None:
        """Tidies up. The restore is complete: what fails here is told, and no more."""
        try:
            with self._open(work.processes) as session:
                self._remove(session)
            self._give_again(work, self._present)
            self._end_swap(work)
        except ProcessFailed as error:
            work.warnings.append(f"The database is restored, but not everything about it: {error.message}")
        self._unlock()

    def _give_again(self, work: RestoreWork, present: t.Sequence[str]) -> None:
        """Gives rights that went with the routines that were dropped: of accounts that the set does not know, too.

        :param present: the rights that were there.
        """
        for grant in filter(self.accounts.is_of_routine, present):
            # The routine may be gone.
            with contextlib.suppress(ProcessFailed), self._open(work.processes) as session:
                session.execute(self.dialect.immediate(grant))

    # What restores have kept

    def replaced(self) -> list[Replaced]:
        """What restores of this database have kept, oldest first."""
        with self.advising(), Processes() as processes, self._open(processes) as session:
            found = []
            for row in session.rows({"name": "SCHEMA_NAME"}, "information_schema.SCHEMATA"):
                name = row["name"]
                since = stamp_of(name, lambda ending: derived_name(self.name, ending))
                if since is not None:
                    found.append(Replaced(name, since, catalogue.size(session, name), _users(session, name)))
        return sorted(found, key=lambda entry: (entry.since, entry.name))

    def check_live(self) -> None:
        """Sees that the database is there and holds something.

        :raises BackupError: when it is not, or is empty.
        """
        with self.advising(), Processes() as processes, self._open(processes) as session:
            if not self.catalogue.count_objects(session, self.name):
                raise Refused(
                    "remove what was replaced",
                    on=self.connection.describe(),
                    why="the database is not there or empty, and what was replaced may be all there is",
                    next_step="Look into both; drop what is not needed by hand.",
                )

    def remove_replaced(self, entry: Replaced) -> None:
        """Drops a database that a restore has kept."""
        self._lock()
        try:
            with self.advising(), Processes() as processes, self._open(processes) as session:
                session.execute(
                    self.dialect.immediate(f"DROP DATABASE {quote_identifier(entry.name)}"),
                    action="remove what was replaced",
                )
        finally:
            self._unlock()

    # Giving up

    def discard(self) -> None:
        """Removes the database beside the target."""
        if self._guard is None:
            return  # We made nothing: what stands there may be another restore's.
        try:
            with Processes() as processes, self._open(processes) as session:
                self._remove(session)
                self.accounts.drop(session, self._new_accounts)
        finally:
            self._new_accounts = []
            self._unlock()


def other_databases(facts: t.Mapping[str, t.Any]) -> list[str]:
    """Those that foreign keys of a set's tables refer to."""
    named = {database for database, _table in facts["references"]}
    return sorted(name for name in named if name.lower() not in SYSTEM_DATABASES)


def renaming(moves: t.Sequence[tuple[str, str, str]]) -> str:
    """The statement that moves tables.

    :param moves: from which database, which table, into which.
    """
    steps = [f"{qualified(source, name)} TO {qualified(target, name)}" for source, name, target in moves]
    return f"RENAME TABLE {', '.join(steps)}"


def qualified(database: str, name: str) -> str:
    """A table of a database, as SQL's quoted identifiers."""
    return f"{quote_identifier(database)}.{quote_identifier(name)}"


def _users(session: Session, database: str) -> str | None:
    who = "CONCAT(USER, ' from ', HOST)"
    users = session.rows({"who": who}, f"information_schema.PROCESSLIST WHERE {same_name('DB', database)}")
    return ", ".join(sorted({row["who"] for row in users})) or None


def compare(name: str, expected: t.Mapping[str, int], found: t.Mapping[str, int], summary: str) -> Check:
    """One comparison of counts."""
    if expected == found:
        return Check(name, True, summary or "none")
    keys = [key for key in sorted({*expected, *found}) if expected.get(key) != found.get(key)]
    shown = [f"{key}: {found.get(key, 'missing')} instead of {expected.get(key, 'none')}" for key in keys[:20]]
    return Check(name, False, "; ".join(shown) + (f" and {len(keys) - 20} more" if len(keys) > 20 else ""))
