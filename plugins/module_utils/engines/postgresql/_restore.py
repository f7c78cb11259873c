# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one PostgreSQL database beside the one that is there, checking it, and swapping the two by name.

Nothing that came from a set is ever given to psql: pg_restore runs what the archives say, on the server only.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import itertools
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
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import BESIDE_SUFFIX, stamp_of
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import INFIX as KEPT_INFIX
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql import _preflight
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._access import Access
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._check import check
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._client import (
    Connection,
    choose_for_restore,
    clients,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._create import (
    NAME_BYTES,
    creation_statement,
    derived_name,
    limit_statements,
    property_statements,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._dump import GLOBALS
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._fill import fill, read_small
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._roles import Roles
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._session import (
    Session,
    maintenance_session,
    quote_identifier,
    quote_literal,
)

# An arbitrary number that tells our advisory locks from others'.
_LOCK_CLASS = 0x1F17
_TRIES = 3
# Databases beside another, how large they are (where that may be known), and who is connected.
_BESIDES = """
SELECT b.datname AS name, CASE WHEN has_database_privilege(b.oid, 'CONNECT') THEN pg_database_size(b.oid) END AS bytes,
    (SELECT string_agg(DISTINCT coalesce(a.usename, 'the server') || ' from ' || coalesce(a.client_addr::text,
        'the socket'), ', ') FROM pg_stat_activity a WHERE a.datid = b.oid
        AND a.backend_type = 'client backend') AS users
FROM pg_database b WHERE b.datname LIKE {pattern}
"""
_MAINTENANCE_MEMORY = "SELECT setting::bigint / 1024 AS value FROM pg_settings WHERE name = 'maintenance_work_mem'"


class Restoration:
    """One restore into one target.

    :param connection: of the target, open; its database is the name to restore as.
    :param access: what becomes of owners and privileges.
    """

    def __init__(self, connection: Connection, access: Access) -> None:
        self.connection = connection
        self.access = access
        self.name = connection.database
        self.beside = derived_name(self.name, BESIDE_SUFFIX)
        self._guard: contextlib.ExitStack | None = None
        self._made_roles: list[str] = []

    # What stands there

    def inspect(self, work: RestoreWork) -> TargetState:
        """Checks that a restore can begin, and looks at what stands in its place."""
        if len(self.name.encode("utf-8")) > NAME_BYTES:
            raise Refused(
                "restore a database",
                on=self.name,
                why=f"the name is longer than {NAME_BYTES} bytes, and PostgreSQL would cut it off",
                next_step="Choose a shorter name.",
            )
        facts = work.reader.description.engine_facts
        available = clients(self.connection.client_directory)
        self.connection.client = choose_for_restore(available, facts["client"])
        with self._maintenance(work.processes) as session:
            self._check_version(session, facts)
            self.connection.client = choose_for_restore(available, facts["client"], server_major=session.major)
            self._check_roles(work, session)
            exists = session.rows(f"SELECT datallowconn FROM pg_database WHERE datname = {quote_literal(self.name)}")
            work.warnings += _preflight.examine(
                session,
                functools.partial(self._maintenance, work.processes),
                facts,
                name=self.name,
                jobs=work.jobs,
                set_bytes=work.reader.description.stored_bytes,
                source_bytes=work.reader.description.source_bytes,
                on=self.connection.describe(),
            )
        empty = True
        if exists and exists[0]["datallowconn"]:
            with Session(work.processes, self.connection) as session:
                empty = catalogue.is_empty(session)
        elif exists:
            empty = False
        return TargetState(self.connection.describe(), bool(exists), empty)

    def _check_version(self, session: Session, facts: t.Mapping[str, t.Any]) -> None:
        dumped = int(str(facts["version"]).split(".", maxsplit=1)[0])
        if session.major < dumped:
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why=f"the set was taken from PostgreSQL {facts['version']} and the server is {session.major}",
                next_step=f"Restore into PostgreSQL {dumped} or newer.",
            )

    def _check_roles(self, work: RestoreWork, session: Session) -> None:
        needed, _members = self._missing_roles(work, session)
        if not needed:
            return
        if self.access.owner in needed:
            raise NotFound(
                "restore a database",
                on=self.connection.describe(),
                why=f"the server has no role {self.access.owner}, to whom everything shall belong",
                next_step="Create it (CREATE ROLE … NOLOGIN), or correct the option owner.",
            )
        unknown = sorted(needed - self._roles_of_set(work).names)
        if unknown:
            raise NotFound(
                "restore a database",
                on=self.connection.describe(),
                why=f"roles that its objects name are neither on the server nor in the set: {', '.join(unknown)}",
                next_step="Create them (CREATE ROLE … NOLOGIN) and run again.",
            )
        if not session.value("SELECT rolsuper OR rolcreaterole AS value FROM pg_roles WHERE rolname = current_user"):
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why=f"the server lacks roles, and this user may not create any: {', '.join(sorted(needed))}",
                next_step="Connect as a role that may create roles, or create them first.",
            )

    def _missing_roles(self, work: RestoreWork, session: Session) -> tuple[set[str], set[str]]:
        facts = work.reader.description.engine_facts
        present = {row["rolname"] for row in session.rows("SELECT rolname FROM pg_roles")}
        return self.access.roles(facts) - present, self.access.members(facts) - present

    def _roles_of_set(self, work: RestoreWork) -> Roles:
        text = bytearray()
        read_small(work, GLOBALS, text.extend)
        return Roles.parse(text.decode("utf-8", "replace"))

    # Restoring beside

    def restore_beside(self, work: RestoreWork) -> None:
        """Makes the database beside the target and fills it."""
        facts = work.reader.description.engine_facts
        self._lock()
        with self._maintenance(work.processes) as session:
            self._make_roles(work, session)
            tablespaces = {row["spcname"] for row in session.rows("SELECT spcname FROM pg_tablespace")}
            missing = sorted({*facts["tablespaces"], facts["database"]["tablespace"]} - tablespaces)
            if missing:
                shown = ", ".join(f"{name} (it was {facts['tablespaces'].get(name) or 'nowhere'})" for name in missing)
                work.warnings.append(f"The server has no tablespace {shown}: all is in the default one")
        if facts["subscriptions"]:
            names = ", ".join(facts["subscriptions"])
            work.warnings.append(f"Subscriptions are in the set and were not restored; create them anew: {names}")
        try:
            self._make_beside(work, tablespaces=not missing, jobs=work.jobs)
        except ProcessFailed as error:
            # pg_restore's jobs can still run into each other; one job cannot.
            if "deadlock detected" not in error.why or work.jobs == 1 or work.processes.cancelled:
                raise
            self._make_beside(work, tablespaces=not missing, jobs=1)
        if self.access.owner is not None:
            with Session(work.processes, self.connection, database=self.beside) as session:
                self.access.hand_over(session, self.access.owner)
        self._set_properties(work, facts)

    def _make_beside(self, work: RestoreWork, *, tablespaces: bool, jobs: int) -> None:
        major, memory, superuser = self._begin_beside(work, tablespaces=tablespaces)
        fill(
            self.connection,
            work,
            self.beside,
            tablespaces=tablespaces,
            jobs=jobs,
            memory_mib=memory,
            server_major=major,
            superuser=superuser,
            more=self.access.restore_arguments,
        )

    def _begin_beside(self, work: RestoreWork, *, tablespaces: bool) -> tuple[int, int, bool]:
        """Makes the empty database; the server's major version, its memory (MiB), whether we are superuser."""
        for attempt in range(1, _TRIES + 1):
            try:
                return self._create_beside(work, tablespaces=tablespaces)
            except ProcessFailed:
                # A restore that died while the server was making its copy: that appears when we have looked already.
                if attempt == _TRIES or not self._stands_beside(work):
                    raise
        raise AssertionError("unreachable")

    def _create_beside(self, work: RestoreWork, *, tablespaces: bool) -> tuple[int, int, bool]:
        return self._create_like(
            work, self.access.database(work.reader.description.engine_facts), tablespaces=tablespaces
        )

    def _create_like(
        self, work: RestoreWork, facts: t.Mapping[str, t.Any], *, tablespaces: bool
    ) -> tuple[int, int, bool]:
        with self._maintenance(work.processes) as session:
            self._drop_beside(session)
            statement = creation_statement(facts, self.beside, major=session.major, tablespace=tablespaces)
            session.execute(statement, action="create the database to restore into")
            superuser = session.value("SELECT rolsuper AS value FROM pg_roles WHERE rolname = current_user")
            return session.major, int(session.value(_MAINTENANCE_MEMORY)), superuser

    def _stands_beside(self, work: RestoreWork) -> bool:
        with self._maintenance(work.processes) as session:
            return bool(session.rows(f"SELECT 1 AS x FROM pg_database WHERE datname = {quote_literal(self.beside)}"))

    def _make_roles(self, work: RestoreWork, session: Session) -> None:
        needed, members = self._missing_roles(work, session)
        if not needed | members:
            return
        if not session.value("SELECT rolsuper OR rolcreaterole AS value FROM pg_roles WHERE rolname = current_user"):
            if members:
                work.warnings.append(
                    f"Roles that used the database are missing on the server: {', '.join(sorted(members))}"
                )
            return
        roles = self._roles_of_set(work)
        making, withheld = roles.creation(needed | members)
        # Statements that hold password hashes belong in no server log and no error message.
        with self._maintenance(work.processes, terse=True) as making_session:
            if making_session.value("SELECT rolsuper AS value FROM pg_roles WHERE rolname = current_user"):
                making_session.execute("SET log_min_error_statement = panic; SET log_statement = none")
                making_session.execute("SET log_min_duration_statement = -1")
            making_session.execute("BEGIN")
            for statement in making:
                making_session.execute(statement, action="create the roles that the database needs")
            making_session.execute("COMMIT")
        self._made_roles = sorted(roles.names & (needed | members))
        if self._made_roles:
            work.warnings.append(f"Roles were created from the set: {', '.join(self._made_roles)}")
        if withheld:
            work.warnings.append(
                f"Powers beyond the database are not taken from a set; grant them: {'; '.join(withheld)}"
            )

    def _set_properties(self, work: RestoreWork, facts: t.Mapping[str, t.Any]) -> None:
        with self._maintenance(work.processes) as session:
            for statement in property_statements(self.access.database(facts), self.beside, warnings=work.warnings):
                session.execute(statement, action="restore the database's settings and privileges")

    def _drop_beside(self, session: Session) -> None:
        session.execute(
            f"DROP DATABASE IF EXISTS {quote_identifier(self.beside)} WITH (FORCE)",
            action="remove what an earlier restore left",
        )

    def _lock(self) -> None:
        """One restore per target at a time; the server drops the lock when we die."""
        guard = contextlib.ExitStack()
        with guard:
            session = guard.enter_context(self._maintenance(guard.enter_context(Processes())))
            key = zlib.crc32(self.beside.encode("utf-8")) - 2**31
            if not session.value(f"SELECT pg_try_advisory_lock({_LOCK_CLASS}, {key}) AS value"):
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

    # Checking

    def check(self, work: RestoreWork) -> list[Check]:
        """Compares the restored database with the set's facts."""
        facts = work.reader.description.engine_facts
        bulk = facts["content_digests"] is not None
        with Session(work.processes, self.connection, database=self.beside, bulk=bulk) as session:
            return check(session, facts, work.warnings)

    # Swapping

    def swap(self, work: RestoreWork) -> str | None:
        """Renames the target away and the restored database into its place, in one transaction."""
        facts = work.reader.description.engine_facts
        with self._maintenance(work.processes) as session:
            taken = {row["datname"] for row in session.rows("SELECT datname FROM pg_database")}
        exists = self.name in taken
        kept = derived_name(self.name, KEPT_INFIX + work.stamp)
        for again in itertools.count(2):  # Restored twice within a second.
            if kept not in taken:
                break
            kept = derived_name(self.name, f"{KEPT_INFIX}{work.stamp}_{again}")
        renames = [(self.name, kept)] if exists else []
        renames.append((self.beside, self.name))
        try:
            with self._maintenance(work.processes) as session, self._maintenance(work.processes) as terminator:
                session.execute("BEGIN")
                for old, new in renames:
                    self._rename(session, terminator, old, new)
                for statement in limit_statements(facts["database"], self.name):
                    session.execute(statement)
                session.execute("COMMIT", action="put the restored database in place")
        except BackupError:
            # The server may have committed and gone before it could say so.
            if not self._is_swapped(kept if exists else None):
                raise
        self._made_roles = []
        self._unlock()
        return kept if exists else None

    def _rename(self, session: Session, terminator: Session, old: str, new: str) -> None:
        """Renames a database in the session's transaction, while another session ends the connections to it.

        The rename holds back new connections and waits some seconds for the old ones (PostgreSQL,
        CountOtherDBBackends), so that even a pool that reconnects at once cannot prevent it. They all go on if the
        transaction fails.
        """
        statement = f"ALTER DATABASE {quote_identifier(old)} RENAME TO {quote_identifier(new)}"
        terminate = (
            "SELECT count(pg_terminate_backend(pid)) AS value FROM pg_stat_activity"
            f" WHERE datname = {quote_literal(old)} AND pid <> pg_backend_pid()"
        )
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
            renaming = pool.submit(session.execute, statement, action="put the restored database in place")
            while True:
                try:
                    renaming.result(timeout=0.1)
                    return
                except concurrent.futures.TimeoutError:
                    terminator.value(terminate)

    def _is_swapped(self, kept: str | None) -> bool:
        with contextlib.suppress(BackupError), Processes() as processes, self._maintenance(processes) as session:
            names = {row["datname"] for row in session.rows("SELECT datname FROM pg_database")}
            return self.beside not in names and self.name in names and (kept is None or kept in names)
        return False

    # What restores have kept

    def replaced(self) -> list[Replaced]:
        """What restores of this database have kept, oldest first."""
        with Processes() as processes, self._standing_by(processes) as session:
            rows = session.rows(_BESIDES.format(pattern=quote_literal(f"%{KEPT_INFIX}%")))
        found = []
        for row in rows:
            since = stamp_of(row["name"], lambda ending: derived_name(self.name, ending))
            if since is not None:
                found.append(Replaced(row["name"], since, row["bytes"] or 0, row["users"]))
        return sorted(found, key=lambda entry: (entry.since, entry.name))

    def check_live(self) -> None:
        """Connects to the database, and sees that it holds something.

        :raises BackupError: when it is not there, or empty.
        """
        with Processes() as processes, Session(processes, self.connection) as session:
            empty = catalogue.is_empty(session)
        if empty:
            raise Refused(
                "remove what was replaced",
                on=self.connection.describe(),
                why="the database is empty, and what was replaced may be all there is",
                next_step="Look into both; drop what is not needed by hand.",
            )

    def remove_replaced(self, entry: Replaced) -> None:
        """Drops a database that a restore has kept; not by force: somebody may just have come to look into it."""
        self._lock()
        try:
            with Processes() as processes, self._standing_by(processes) as session:
                session.execute(f"ALTER DATABASE {quote_identifier(entry.name)} IS_TEMPLATE false")
                session.execute(f"DROP DATABASE {quote_identifier(entry.name)}", action="remove what was replaced")
        finally:
            self._unlock()

    def _standing_by(self, processes: Processes) -> Session:
        """A session beside the database, with any client."""
        if not self.connection.has_client:
            self.connection.client = clients(self.connection.client_directory)[0]
        return self._maintenance(processes)

    # Giving up

    def discard(self) -> None:
        """Removes the database beside the target, and the roles that were made for it."""
        if self._guard is None:
            return  # We made nothing: what stands there may be another restore's.
        try:
            with Processes() as processes, self._maintenance(processes) as session:
                self._drop_beside(session)
                for name in self._made_roles:
                    session.execute(f"DROP ROLE IF EXISTS {quote_identifier(name)}", action="remove a role made for it")
        finally:
            self._made_roles = []
            self._unlock()

    def _maintenance(self, processes: Processes, *, terse: bool = False) -> Session:
        return maintenance_session(processes, self.connection, other_than=self.name, terse=terse)
