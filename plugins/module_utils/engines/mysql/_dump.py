# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumping one MySQL database: several sessions that see the same moment, each the source of one stream of rows.

MySQL cannot hand a snapshot from one session to another. So one session holds everybody back who would write (FLUSH
TABLES WITH READ LOCK, for as long as it takes to open the others: some milliseconds each), the others begin their
snapshots, and where the binary log stands is noted; then everybody goes on. Until how everything is made has been read,
nobody alters anything (LOCK INSTANCE FOR BACKUP); and until the rows have been read, no table.
"""

from __future__ import annotations

import re
import shlex
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _filters
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils.engines._replaced_name import SWAPPING_SUFFIX
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _dump as mariadb_dump
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._beside import derived_name
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._catalogue import Table
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._dump import (
    ACCOUNTS,
    PROGRAMS,
    STRUCTURE,
    RowStream,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _accounts as accounts
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _objects as objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._client import advising
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import (
    Session,
    quote_identifier,
    raise_where,
)

# What shows an account all of a database.
_RIGHTS = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
# How long who writes may be held back by one who reads: for longer than this, the gate does not wait at its door.
_GATE_SECONDS = 10
_TRIES = 3


class Dump(mariadb_dump.Dump):
    """One dump at work."""

    session: t.ClassVar[type[mariadb_dump.Session]] = Session
    catalogue: t.ClassVar[t.Any] = catalogue
    rows: t.ClassVar[t.Any] = rows
    # No value may have been cut off on its way (it would be NULL).
    nothing_lost: t.ClassVar[str] = (
        "SET @warnings = @@warning_count;\n"
        + raise_where("@warnings > 0", "'a value is larger than max_allowed_packet'")
        + ";\n"
    )

    @staticmethod
    def advising() -> t.ContextManager[None]:
        return advising()

    def _check_rights(self, session: mariadb_dump.Session) -> None:
        """Refuses an account that does not see everything: what it may not see would be missing without a word."""
        witness = t.cast("Session", session)
        self._check_whole(witness)
        held = accounts.held(witness, self.database)
        missing = [name for name in _RIGHTS if not held & {name, "ALL PRIVILEGES"}]
        if not held & {"SHOW_ROUTINE", "*.*:SELECT", "*.*:ALL PRIVILEGES"}:
            missing.append("SHOW_ROUTINE")
        if not held & {"RELOAD", "FLUSH_TABLES"}:
            missing.append("RELOAD")
        if missing:
            raise Refused(
                "dump a database",
                on=self.connection.describe(),
                why=f"this account lacks rights, and would not see all of it at one moment: {', '.join(missing)}",
                next_step=f"GRANT {', '.join(_RIGHTS)}, LOCK TABLES ON {quote_identifier(self.database)}.*, and RELOAD,"
                " SHOW_ROUTINE, BACKUP_ADMIN, REPLICATION CLIENT ON *.* to it.",
            )
        self._backup_admin = bool(held & {"BACKUP_ADMIN", "*.*:ALL PRIVILEGES"})

    def _check_whole(self, witness: Session) -> None:
        swapping = derived_name(self.database, SWAPPING_SUFFIX)
        if catalogue.properties(witness, swapping) is not None:
            raise Refused(
                "dump a database",
                on=self.connection.describe(),
                why=f"a restore of it was interrupted (its journal is in the database {swapping}), so its triggers and"
                " other programs may be missing",
                next_step="Restore it again with database_restore and replace: that completes or takes back what was"
                " interrupted, before anything else.",
            )
        found = catalogue.libraries(witness, self.database)
        if found:
            raise Refused(
                "dump a database",
                on=self.connection.describe(),
                why=f"this engine does not dump libraries of other languages' code: {', '.join(found[:10])}",
                next_step="Drop them (DROP LIBRARY), or use another tool for this database.",
            )

    def _same_moment(
        self,
        witness: mariadb_dump.Session,
        tables: t.Sequence[Table],
        streams: t.Sequence[tuple[RowStream, mariadb_dump.Session]],
    ) -> dict[str, str]:
        """Begins a snapshot in each session, all of the same moment; where the binary log stood then.

        Each session opens its tables before anybody may alter one: so nobody alters them until the dump has ended.
        """
        readable = self._may_read_position()
        if self._backup_admin:
            guard = self._stack.enter_context(Session(self.writer.processes, self.connection))
            guard.execute("LOCK INSTANCE FOR BACKUP", action="let nobody alter anything")
            self._guard = guard
        else:
            self.warnings.append(
                "Views, routines and events could be altered while the dump began: the account lacks BACKUP_ADMIN"
            )
        with self._closed_gate() as gate:
            self._lock_nontransactional(tables)
            for session, own in [
                (witness, list(tables)),
                *((session, [piece.table for piece in stream.pieces]) for stream, session in streams),
            ]:
                opening = [f"SELECT 1 FROM {self._qualified(table)} LIMIT 0" for table in own]
                session.execute(
                    ";\n".join(["START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", *opening]),
                    action="begin a snapshot",
                )
            position = catalogue.position(gate) if readable else {}
            gate.execute("UNLOCK TABLES", action="let everybody go on")
        return position

    def _closed_gate(self) -> Session:
        """A session that holds back who would write. It does not wait long for who reads: others wait behind it."""
        for attempt in range(1, _TRIES + 1):
            gate = Session(self.writer.processes, self.connection)
            try:
                # Whatever becomes of this host: the server waits this long for it, and then lets everybody go on.
                gate.execute(f"SET SESSION wait_timeout = 60, lock_wait_timeout = {_GATE_SECONDS}")
                gate.execute("FLUSH TABLES WITH READ LOCK", action="hold back who writes for a moment")
            except ProcessFailed as error:
                gate.close()
                if attempt == _TRIES or "ERROR 1205" not in error.why:
                    raise
            else:
                return gate
        raise AssertionError("unreachable")

    def _may_read_position(self) -> bool:
        try:
            with Session(self.writer.processes, self.connection) as session:
                catalogue.position(session)
        except ProcessFailed:
            self.warnings.append(
                "Where the binary log stood is not in the set: the account lacks the right REPLICATION CLIENT"
            )
            return False
        return True

    def _facts(
        self, witness: mariadb_dump.Session, tables: t.Sequence[Table], position: dict[str, str]
    ) -> dict[str, t.Any]:
        session = t.cast("Session", witness)
        locked = [table.name for table in tables if not table.transactional]
        if locked:
            self.warnings.append(
                f"These tables know no transactions; they are as they were while locked: {', '.join(locked[:20])}"
            )
        return {
            "version": ".".join(map(str, catalogue.version(session))),
            "database": catalogue.properties(session, self.database),
            "position": position,
            "objects": catalogue.count_objects(session, self.database),
            "references": self._references(session),
            "lower_case_table_names": int(session.value("@@lower_case_table_names") or 0),
            "token": self.token,
            "tables": {table.name: [[column.name, column.type] for column in table.columns] for table in tables},
            "nontransactional": locked,
        }

    def _texts(
        self, witness: mariadb_dump.Session, tables: t.Sequence[Table], facts: dict[str, t.Any]
    ) -> dict[str, str]:
        session = t.cast("Session", witness)
        structure = objects.structure(session, self.database, sorted(table.name for table in tables))
        if any(" DIRECTORY=" in entry.statement or " DIRECTORY =" in entry.statement for entry in structure):
            self.warnings.append("Tables lie in directories of their own; a restore puts them with the others")
        programs = objects.programs(session, self.database)
        facts["programs"] = [[entry.kind, entry.name] for entry in programs]
        definers = {entry.definer for entry in programs if entry.definer is not None}
        texts = {
            STRUCTURE: objects.write(structure),
            PROGRAMS: objects.write(programs),
            ACCOUNTS: accounts.write(self._accounts(definers)),
        }
        if self._guard is not None:
            self._guard.execute("UNLOCK INSTANCE", action="let everybody alter again")
        return texts

    def _accounts(self, definers: set[str]) -> list[str]:
        try:
            with Session(self.writer.processes, self.connection) as session:
                found = accounts.of_database(session, self.database, definers)
                return accounts.statements(session, self.database, found)
        except ProcessFailed as error:
            if not re.search(r"ERROR (?:1142|1044|1227)\b", error.why):
                raise
            self.warnings.append("The accounts that use the database are not in the set: this account may not see them")
            return []

    _backup_admin = False
    _guard: Session | None = None

    def by_hand(self, facts: t.Mapping[str, t.Any], paths: t.Mapping[str, str]) -> list[str]:
        """Commands for an operator with the set, a key and MySQL's own client. ~/.my.cnf says which server."""
        name = facts["database"]["name"]
        client = "mysql --binary-mode --local-infile=1 --default-character-set=utf8mb4 --init-command=" + shlex.quote(
            "SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO,NO_DIR_IN_CREATE,ALLOW_INVALID_DATES', time_zone='+00:00',"
            " foreign_key_checks=0, unique_checks=0 /*!80400 , restrict_fk_on_non_standard_key=0 */"
        )
        create = f"CREATE DATABASE {quote_identifier(name)} {catalogue.options(facts['database'])}"
        # Twice: programs need the accounts that they run as, and accounts have rights on programs.
        giving = f"{_filters.by_hand(paths[ACCOUNTS])} | {client} --force {shlex.quote(name)}"
        return [
            "# ~/.my.cnf says which server and as whom. Accounts that exist are reported and kept (--force).",
            f"{client} --execute={shlex.quote(create)}",
            f"{_filters.by_hand(paths[STRUCTURE])} | {client} {shlex.quote(name)}",
            *mariadb_dump.rows_by_hand(facts, paths, f"{client} {shlex.quote(name)}", rows.load),
            giving,
            f"{_filters.by_hand(paths[PROGRAMS])} | {client} {shlex.quote(name)}",
            giving,
        ]
