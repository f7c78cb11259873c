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

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import Check, LeftOut, RestoreWork, TargetState
from ..kept_name import BESIDE_SUFFIX
from ..kept_name import INFIX as KEPT_INFIX
from . import catalogue, preflight, standing_still
from .access import Access
from .check import check
from .client import Connection, choose_for_restore, clients
from .create import NAME_BYTES, access_statements, creation_statement, derived_name, limit_statements
from .extension_objects import KINDS as OF_EXTENSIONS
from .fill import Missing, fill, restoring
from .parts import SUBSCRIPTION
from .pg_restore import read_small
from .properties import PROPERTIES, Properties, property_statements, search_path_of
from .raw_names import has_raw
from .restore_lock import restore_lock
from .session import Session, maintenance_session, quote_identifier, quote_literal
from .session_failed import SessionFailed
from .set_roles import SetRoles

_TRIES = 3
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
        self._lock = restore_lock(connection)
        self._roles = SetRoles(connection, access, self._maintenance)
        self._missing = Missing()

    # What stands there

    def inspect(self, work: RestoreWork) -> TargetState:
        """Check that a restore can begin, and look at what stands in its place."""
        if len(self.name.encode("utf-8")) > NAME_BYTES:
            raise Refused(
                "restore a database",
                on=self.name,
                why=f"the name is longer than {NAME_BYTES} bytes, and PostgreSQL would cut it off",
                next_step="Choose a shorter name.",
            )
        if has_raw(self.name):
            raise Refused(
                "restore a database",
                on=self.name,
                why="the name is not UTF-8, and the server would take what is shown for the name itself",
                next_step="Choose another name, and rename the database afterwards (ALTER DATABASE … RENAME TO).",
            )
        facts = work.reader.description.engine_facts
        available = clients(self.connection.client_directory)
        self.connection.client = choose_for_restore(available, facts["client"])
        with self._maintenance(work.processes) as session:
            self._check_version(session, facts)
            self.connection.client = choose_for_restore(available, facts["client"], server_major=session.major)
            self._check_roles(work, session)
            exists = session.rows(f"SELECT datallowconn FROM pg_database WHERE datname = {quote_literal(self.name)}")
            work.warnings += preflight.examine(
                session,
                functools.partial(self._maintenance, work.processes),
                facts,
                name=self.name,
                jobs=work.jobs,
                set_bytes=work.reader.description.stored_bytes,
                source_bytes=work.reader.description.source_bytes,
                on=self.connection.describe(),
                left_out=work.left_out,
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
        self._roles.check(work, session)

    # Restoring beside

    def restore_beside(self, work: RestoreWork) -> None:
        """Make the database beside the target and fill it."""
        facts = work.reader.description.engine_facts
        known = (LeftOut(**entry) for entry in work.reader.description.unrestorable if entry["kind"] in OF_EXTENSIONS)
        work.left_out += [entry for entry in known if entry not in work.left_out]
        self._lock.acquire()
        with self._maintenance(work.processes) as session:
            self._roles.make(work, session)
            tablespaces = {row["spcname"] for row in session.rows("SELECT spcname FROM pg_tablespace")}
            missing = sorted({*facts["tablespaces"], facts["database"]["tablespace"]} - tablespaces)
            if missing:
                shown = ", ".join(f"{name} (it was {facts['tablespaces'].get(name) or 'nowhere'})" for name in missing)
                work.warnings.append(f"The server has no tablespace {shown}: all is in the default one")
        work.left_out += [LeftOut("subscription", name, SUBSCRIPTION) for name in facts["subscriptions"]]
        self._make_beside(work, tablespaces=not missing)
        if self.access.owner is not None:
            with Session(work.processes, self.connection, database=self.beside) as session:
                self.access.hand_over(session, self.access.owner)
        self._set_properties(work, facts)

    def _make_beside(self, work: RestoreWork, *, tablespaces: bool) -> None:
        major, memory, superuser = self._begin_beside(work, tablespaces=tablespaces)
        if not work.reader.description.engine_facts["public_schema"]:
            with Session(work.processes, self.connection, database=self.beside) as session:
                # Every new database has it; this one had been rid of it.
                session.execute("DROP SCHEMA public", action="remove the schema that the set lacks")
        pg_restore = restoring(
            self.connection,
            work,
            self.beside,
            arguments=[*([] if tablespaces else ["--no-tablespaces"]), *self.access.restore_arguments],
            memory_mib=memory,
            server_major=major,
            superuser=superuser,
        )
        self._missing = fill(
            pg_restore,
            jobs=work.jobs,
            path_setting=search_path_of(self._properties(work).settings),
            owners=self.access.owner is None,
        )
        known = {(entry.kind, entry.name) for entry in work.left_out}
        work.left_out += [entry for entry in self._missing.left_out if (entry.kind, entry.name) not in known]

    def _properties(self, work: RestoreWork) -> Properties:
        text = bytearray()
        read_small(work, PROPERTIES, text.extend)
        return self.access.properties(Properties.parse(bytes(text), on=work.reader.description.id))

    def _begin_beside(self, work: RestoreWork, *, tablespaces: bool) -> tuple[int, int, bool]:
        """Make the empty database; the server's major version, its memory (MiB), whether we are superuser."""
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

    def _set_properties(self, work: RestoreWork, facts: t.Mapping[str, t.Any]) -> None:
        with self._maintenance(work.processes) as session:
            for statement in access_statements(self.access.database(facts), self.beside):
                session.execute(statement, action="restore the database's privileges")
        for kind, name, statement in property_statements(self._properties(work), self.beside, work.warnings):
            try:
                # Statements that may hold secrets belong in no server log and no error message.
                with self._maintenance(work.processes, terse=True) as session:
                    if session.value("SELECT rolsuper AS value FROM pg_roles WHERE rolname = current_user"):
                        session.execute("SET log_min_error_statement = panic; SET log_statement = none")
                        session.execute("SET log_min_duration_statement = -1")
                    session.execute(statement, action="restore the database's settings")
            except ProcessFailed as error:
                if work.processes.cancelled or not isinstance(error, SessionFailed) or error.of_server:
                    raise
                work.left_out.append(LeftOut(kind, name, "the server refused it"))

    def _drop_beside(self, session: Session) -> None:
        session.execute(
            f"DROP DATABASE IF EXISTS {quote_identifier(self.beside)} WITH (FORCE)",
            action="remove what an earlier restore left",
        )

    # Checking

    def check(self, work: RestoreWork) -> list[Check]:
        """Compare the restored database with the set's facts."""
        facts = work.reader.description.engine_facts
        bulk = facts["content_digests"] is not None
        with Session(work.processes, self.connection, database=self.beside, bulk=bulk) as session:
            return check(session, facts, work.warnings, self._missing)

    # Swapping

    def swap(self, work: RestoreWork) -> str | None:
        """Rename the target away and the restored database into its place, in one transaction."""
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
        workers = standing_still.workers_of(work.processes, self.connection) if exists else []
        told: list[str] = []
        try:
            with self._maintenance(work.processes) as session, self._maintenance(work.processes) as terminator:
                session.execute("BEGIN")
                for old, new in renames:
                    self._rename(session, terminator, old, new)
                if exists:
                    told = standing_still.stop(session, kept, workers)
                for statement in limit_statements(facts["database"], self.name):
                    session.execute(statement)
                session.execute("COMMIT", action="put the restored database in place")
        except BackupError:
            # The server may have committed and gone before it could say so.
            if not self._is_swapped(kept if exists else None):
                raise
        work.warnings += told
        if exists and not workers:
            work.warnings += standing_still.stop_event_triggers(work.processes, self.connection, kept)
        self._roles.keep()
        self._lock.release()
        return kept if exists else None

    def _rename(self, session: Session, terminator: Session, old: str, new: str) -> None:
        """Rename a database in the session's transaction, while another session ends the connections to it.

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

    # Giving up

    def discard(self) -> None:
        """Remove the database beside the target, and the roles that were made for it."""
        if not self._lock.is_held:
            return  # We made nothing: what stands there may be another restore's.
        try:
            with Processes() as processes, self._maintenance(processes) as session:
                self._drop_beside(session)
                self._roles.drop(session)
        finally:
            self._lock.release()

    def _maintenance(self, processes: Processes, *, terse: bool = False) -> Session:
        return maintenance_session(processes, self.connection, other_than=self.name, terse=terse)
