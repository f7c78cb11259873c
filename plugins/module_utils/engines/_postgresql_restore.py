# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one PostgreSQL database beside the one that is there, checking it, and swapping the two by name.

Nothing that came from a set is ever given to psql: pg_restore runs what the archives say, on the server only.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import re
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
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command, Processes, run_and_read
from ansible_collections.infitulua.backup.plugins.module_utils.engines import _postgresql_catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check, RestoreWork, TargetState
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_client import (
    Client,
    Connection,
    advising,
    clients,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_create import (
    NAME_BYTES,
    creation_statement,
    derived_name,
    limit_statements,
    property_statements,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_dump import DATA, GLOBALS, SCHEMA
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_roles import Roles
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql_session import (
    Session,
    quote_identifier,
    quote_literal,
)

BESIDE_SUFFIX = "__restoring"
KEPT_INFIX = "__replaced_"
# Where to stand while a database is made, renamed or dropped.
_MAINTENANCE_DATABASES = ("postgres", "template1")
# An arbitrary number that tells our advisory locks from others'.
_LOCK_CLASS = 0x1F17
# Building indexes, per job: more than a server's usual 64 MiB, little enough for a small server.
_MAINTENANCE_MEMORY_MIB = 256
_MAINTENANCE_MEMORY = "SELECT setting::bigint / 1024 AS value FROM pg_settings WHERE name = 'maintenance_work_mem'"
# The text of roles and of a schema; more than this is not one.
_LIST_ENTRY = re.compile(r"(?P<number>\d+); \d+ \d+ (?P<kind>INDEX ATTACH|INDEX|CONSTRAINT)? ?")
_SMALL_PART_BYTES = 1024 * 1024 * 1024
_UNTOUCHED = "The target was left as it was; correct the cause and run again."


class Restoration:
    """One restore into one target.

    :param connection: of the target, open; its database is the name to restore as.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.name = connection.database
        self.beside = derived_name(self.name, BESIDE_SUFFIX)
        self._guard: t.Optional[contextlib.ExitStack] = None
        self._made_roles: t.List[str] = []

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
        self.connection.client = choose_for_restore(clients(self.connection.client_directory), facts)
        with self._maintenance(work.processes) as session:
            self._check_version(session, facts)
            available = clients(self.connection.client_directory)
            self.connection.client = choose_for_restore(available, facts, server_major=session.major)
            self._check_roles(work, session)
            exists = session.rows(f"SELECT datallowconn FROM pg_database WHERE datname = {quote_literal(self.name)}")
            missing = self._missing_extensions(session, facts)
        if missing:
            raise NotFound(
                "restore a database",
                on=self.connection.describe(),
                why=f"the set needs extensions that the server has not got: {', '.join(missing)}",
                next_step=f"Install them on the server (package postgresql-contrib, postgresql-{session.major}-<extension>,"
                " or the extension's own).",
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

    def _missing_extensions(self, session: Session, facts: t.Mapping[str, t.Any]) -> t.List[str]:
        available = {row["name"] for row in session.rows("SELECT name FROM pg_available_extensions")}
        return sorted(set(facts["extensions"]) - available)

    def _check_roles(self, work: RestoreWork, session: Session) -> None:
        needed, _members = self._missing_roles(work, session)
        if not needed:
            return
        unknown = sorted(needed - self._roles_of_set(work).names)
        if unknown:
            raise NotFound(
                "restore a database",
                on=self.connection.describe(),
                why=f"roles that own or use its objects exist neither on the server nor in the set: {', '.join(unknown)}",
                next_step="Create them (CREATE ROLE … NOLOGIN) and run again.",
            )
        if not session.value("SELECT rolsuper OR rolcreaterole AS value FROM pg_roles WHERE rolname = current_user"):
            raise Refused(
                "restore a database",
                on=self.connection.describe(),
                why=f"the server lacks roles that it needs, and this user may not create any: {', '.join(sorted(needed))}",
                next_step="Connect as a role that may create roles, or create them first.",
            )

    def _missing_roles(self, work: RestoreWork, session: Session) -> t.Tuple[t.Set[str], t.Set[str]]:
        facts = work.reader.description.engine_facts
        present = {row["rolname"] for row in session.rows("SELECT rolname FROM pg_roles")}
        return set(facts["roles"]) - present, set(facts["member_roles"]) - present

    def _roles_of_set(self, work: RestoreWork) -> Roles:
        text = bytearray()
        self._read_small(work, GLOBALS, text.extend)
        return Roles.parse(text.decode("utf-8", "replace"))

    def _read_small(self, work: RestoreWork, part: str, sink: t.Callable[[memoryview], t.Any]) -> None:
        size = 0

        def limited(chunk: memoryview) -> None:
            nonlocal size
            size += len(chunk)
            if size > _SMALL_PART_BYTES:
                raise SetInvalid(
                    "read a part of a set",
                    on=f"{work.reader.set_id}, {part}",
                    why=f"it holds over {_SMALL_PART_BYTES} bytes",
                    next_step="Verify the set with set_verify and restore from another one.",
                )
            sink(chunk)

        file = work.reader.description.file(part)
        work.reader.run(
            file, [], processes=work.processes, action="read a part of a set", next_step=_UNTOUCHED, sink=limited
        )

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
                work.warnings.append(f"The server has no tablespace {', '.join(missing)}: all is in the default one")
        if facts["subscriptions"]:
            names = ", ".join(facts["subscriptions"])
            work.warnings.append(f"Subscriptions are in the set and were not restored; create them anew: {names}")
        try:
            self._fill(work, tablespaces=not missing, jobs=work.jobs)
        except ProcessFailed as error:
            # pg_restore's jobs can still run into each other; one job cannot.
            if "deadlock detected" not in error.why or work.jobs == 1 or work.processes.cancelled:
                raise
            self._fill(work, tablespaces=not missing, jobs=1)
        self._set_properties(work, facts)

    def _fill(self, work: RestoreWork, *, tablespaces: bool, jobs: int) -> None:
        """Makes the database beside the target anew and restores all parts into it.

        :param jobs: for what follows the rows: indexes, constraints and the like.
        """
        with self._maintenance(work.processes) as session:
            self._drop_beside(session)
            facts = work.reader.description.engine_facts["database"]
            statement = creation_statement(facts, self.beside, major=session.major, tablespace=tablespaces)
            session.execute(statement, action="create the database to restore into")
            memory = session.value(_MAINTENANCE_MEMORY)
        # What is not on the disk after a crash is made anew anyway: the swap's own commit brings all before it there.
        options = "-c synchronous_commit=off"
        options += f" -c maintenance_work_mem={max(int(memory), _MAINTENANCE_MEMORY_MIB)}MB"
        arguments = ["--exit-on-error", "--no-subscriptions", *([] if tablespaces else ["--no-tablespaces"])]

        def pg_restore(*more: str, pass_fds: t.Sequence[int] = ()) -> Command:
            return self.connection.command(
                "pg_restore",
                [*arguments, *more],
                database=self.beside,
                environment={"PGOPTIONS": options},
                pass_fds=pass_fds,
            )

        with advising(), self._schema(work) as (path, descriptor):
            self._run(work, pg_restore("--section=pre-data", path, pass_fds=[descriptor]))
            self._restore_data(work, pg_restore("--section=data"))
            for count, entries in self._post_data_phases(work, path, descriptor, jobs):
                with _memory_file("list", entries.encode("utf-8")) as (list_path, list_descriptor):
                    self.connection.hand_over(list_descriptor)
                    choice = [f"--jobs={count}", f"--use-list={list_path}", path]
                    self._run(work, pg_restore(*choice, pass_fds=[descriptor, list_descriptor]))

    def _post_data_phases(self, work: RestoreWork, path: str, descriptor: int, jobs: int) -> t.List[t.Tuple[int, str]]:
        """The rest of the schema in phases: how many jobs, and which entries (as ``pg_restore --list`` prints them).

        Attaching the indexes of partitions takes locks on whole partition trees, which pg_restore's jobs do not know
        of: in parallel they run into deadlocks with each other and with REFRESH MATERIALIZED VIEW.
        """
        command = self.connection.command("pg_restore", [], pass_fds=[descriptor])
        listing = Command(
            [command.argv[0], "--list", "--section=post-data", path], pass_fds=[descriptor], user=command.user
        )
        text = run_and_read(
            listing, action="list the database's objects", on=str(work.reader.set_id), next_step=_UNTOUCHED
        )
        building, attaching, rest = [], [], []
        for line in text.splitlines():
            entry = _LIST_ENTRY.match(line)
            if entry is None:
                continue
            kind = entry.group("kind")
            chosen = attaching if kind == "INDEX ATTACH" else building if kind else rest
            chosen.append(f"{entry.group('number')};")
        if not attaching:
            return [(jobs, "\n".join(building + rest))]
        phases = [(jobs, building), (1, attaching), (jobs, rest)]
        return [(count, "\n".join(entries) + "\n") for count, entries in phases if entries]

    @contextlib.contextmanager
    def _schema(self, work: RestoreWork) -> t.Iterator[t.Tuple[str, int]]:
        # In memory, because pg_restore can only run jobs in parallel from a file in which it can seek; it holds no rows.
        with _memory_file("schema") as (path, descriptor):
            with open(descriptor, "wb", buffering=0, closefd=False) as stream:
                self._read_small(work, SCHEMA, lambda chunk: _write_all(stream, chunk))
            self.connection.hand_over(descriptor)
            yield path, descriptor

    def _run(self, work: RestoreWork, command: Command) -> None:
        work.processes.run(
            [command],
            action="restore the database's objects",
            on=self.connection.describe(self.beside),
            next_step=_UNTOUCHED,
        )

    def _restore_data(self, work: RestoreWork, command: Command) -> None:
        files = [file for file in work.reader.description.payload if file.part.startswith(DATA)]

        def restore(file: t.Any) -> None:
            work.reader.run(
                file,
                [command],
                processes=work.processes,
                action=f"restore the rows of the {self.connection.describe(self.beside)}",
                next_step=_UNTOUCHED,
            )
            work.progress.advance(file.bytes)

        with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, work.jobs)) as pool:
            futures = [pool.submit(restore, file) for file in files]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                work.processes.cancel()
                raise

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
            for statement in property_statements(facts["database"], self.beside, warnings=work.warnings):
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

    def check(self, work: RestoreWork) -> t.List[Check]:
        """Compares the restored database with the set's facts."""
        facts = work.reader.description.engine_facts
        with Session(work.processes, self.connection, database=self.beside) as session:
            found = catalogue.contents(session)
            counts = catalogue.count_rows(session, catalogue.tables(session))
        for name in set(counts) - set(facts["row_counts"]):
            # A replica cannot read unlogged tables: they come back empty and were not counted.
            if counts[name] == 0:
                del counts[name]
        checks = [
            _compare(
                "row counts",
                facts["row_counts"],
                counts,
                summary=f"{sum(counts.values())} rows in {len(counts)} tables",
            ),
            _compare("objects", facts["objects"], found["objects"]),
            _compare("large objects", facts["large_objects"], found["large_objects"]),
            _compare("extensions", sorted(facts["extensions"]), sorted(found["extensions"])),
            _compare(
                "constraints not validated", facts["constraints_not_validated"], found["constraints_not_validated"]
            ),
            _check_sequences(facts["sequences"], found["sequences"]),
        ]
        broken = sorted(set(found["invalid_indexes"]) - set(facts["invalid_indexes"]))
        checks.append(Check("indexes", not broken, f"invalid: {', '.join(broken)}" if broken else "all valid"))
        for name, version in found["extensions"].items():
            if facts["extensions"].get(name) != version:
                work.warnings.append(
                    f"The extension {name} is {version} here and was {facts['extensions'].get(name)} where it was dumped"
                )
        return checks

    # Swapping

    def swap(self, work: RestoreWork) -> t.Optional[str]:
        """Renames the target away and the restored database into its place, in one transaction."""
        facts = work.reader.description.engine_facts
        kept = derived_name(self.name, KEPT_INFIX + work.stamp)
        with self._maintenance(work.processes) as session:
            exists = session.rows(f"SELECT 1 AS x FROM pg_database WHERE datname = {quote_literal(self.name)}")
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

    def _is_swapped(self, kept: t.Optional[str]) -> bool:
        with contextlib.suppress(BackupError), Processes() as processes, self._maintenance(processes) as session:
            names = {row["datname"] for row in session.rows("SELECT datname FROM pg_database")}
            return self.beside not in names and self.name in names and (kept is None or kept in names)
        return False

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
        places = [name for name in _MAINTENANCE_DATABASES if name != self.name]
        for place in places:
            try:
                return Session(processes, self.connection, database=place, terse=terse)
            except ProcessFailed as error:
                if place == places[-1] or "does not exist" not in error.why:
                    raise
        raise AssertionError("unreachable")


def choose_for_restore(
    available: t.Sequence[Client], facts: t.Mapping[str, t.Any], *, server_major: t.Optional[int] = None
) -> Client:
    """The client to restore with: not older than the one that dumped, as near to the server's version as can be.

    :param server_major: None: not known yet; any client that will do.
    :raises Refused: when all are older.
    """
    dumped = int(str(facts["client"]).split(".", maxsplit=1)[0])
    suitable = [client for client in available if client.major >= dumped]
    if not suitable:
        raise Refused(
            "use the PostgreSQL client",
            on=available[0].directory,
            why=f"the set was dumped with pg_dump {facts['client']}, which pg_restore {available[0].version} cannot read",
            next_step=f"Install the package postgresql-client-{dumped} (Debian, Ubuntu) or postgresql{dumped} (Red Hat),"
            " or name its directory in client_directory.",
        )
    wanted = server_major if server_major is not None else dumped
    return min(suitable, key=lambda client: (abs(client.major - wanted), -client.major))


@contextlib.contextmanager
def _memory_file(name: str, content: bytes = b"") -> t.Iterator[t.Tuple[str, int]]:
    """A file without a name: its path for a process that inherits its descriptor, and the descriptor."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", buffering=0, closefd=False) as stream:
            _write_all(stream, memoryview(content))
        yield f"/proc/self/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)


def _write_all(stream: t.Any, chunk: memoryview) -> None:
    view = chunk
    while view:
        view = view[stream.write(view) :]


def _compare(name: str, expected: t.Any, found: t.Any, *, summary: t.Optional[str] = None) -> Check:
    if expected == found:
        return Check(name, True, summary or f"as in the set: {_shown(found)}")
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [key for key in sorted({*expected, *found}) if expected.get(key) != found.get(key)]
        shown = [f"{key}: {found.get(key, 'missing')} instead of {expected.get(key, 'none')}" for key in keys[:20]]
        more = f" and {len(keys) - 20} more" if len(keys) > 20 else ""
        return Check(name, False, "; ".join(shown) + more)
    return Check(name, False, f"{_shown(found)} instead of {_shown(expected)}")


def _shown(value: t.Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {kind}" for kind, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(str(entry) for entry in value) or "none"
    return str(value)


def _check_sequences(expected: t.Mapping[str, t.Any], found: t.Mapping[str, t.Any]) -> Check:
    """A sequence is not bound to a snapshot: in a database in use it may be ahead of it, never behind."""
    wrong = []
    for name in sorted({*expected, *found}):
        if name not in expected or name not in found:
            wrong.append(f"{name} is {'missing' if name in expected else 'not in the set'}")
            continue
        before, after = expected[name]["last_value"], found[name]["last_value"]
        step = expected[name]["increment_by"]
        behind = after is None or (before is not None and (after - before) * step < 0)
        if before != after and behind and not expected[name]["cycle"]:
            wrong.append(f"{name} is at {after} instead of {before}")
    return Check("sequences", not wrong, "; ".join(wrong[:20]) or f"{len(found)} sequences, none behind the snapshot")
