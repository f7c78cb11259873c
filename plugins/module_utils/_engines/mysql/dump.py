# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumping one MySQL database: several sessions that see the same moment, each the source of one stream of rows.

MySQL cannot hand a snapshot from one session to another. So one session blocks everybody who writes (FLUSH
TABLES WITH READ LOCK, for as long as it takes to open the others: some milliseconds each), the others begin their
snapshots, and where the binary log stands is noted; then writers continue. Until all definitions have been read,
nobody alters anything (LOCK INSTANCE FOR BACKUP); and until the rows have been read, no table.
"""

from __future__ import annotations

import shlex
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets import filters

from ..kept_name import SWAPPING_SUFFIX
from ..mysql_family import dump
from ..mysql_family.by_hand import BY_HAND, client_by_hand, definitions_by_hand, rows_by_hand
from ..mysql_family.catalogue import Table
from ..mysql_family.names import derived_name
from ..mysql_family.parts import STRUCTURE
from ..mysql_family.server_error import LOCK_WAIT_TIMEOUT, error_number
from ..mysql_family.session import Session, quote_identifier
from ..mysql_family.streams import RowStream
from . import catalogue, grants, objects, rows, settings
from .dialect import MYSQL
from .objects import Definition
from .session import raise_where

# What shows an account all of a database.
_RIGHTS = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
# Seconds for which writers may wait behind a reader: the lock is not waited for any longer than this.
_GATE_SECONDS = 10
_TRIES = 3


class Dump(dump.Dump):
    """One dump that is running."""

    dialect = MYSQL
    nothing_lost = (
        "SET @warnings = @@warning_count;\n"
        + raise_where("@warnings > 0", "'a value is larger than max_allowed_packet'")
        + ";\n"
    )
    position_right = "REPLICATION CLIENT"
    directory_marks = (" DIRECTORY=", " DIRECTORY =")

    _backup_admin = False
    _guard: Session | None = None

    def _check_rights(self, session: Session) -> None:
        self._check_whole(session)
        held = grants.privileges_held(session, self.database)
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
                next_step="Restore it again with database_restore and replace: that completes or rolls back what was"
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
        self, witness: Session, tables: t.Sequence[Table], streams: t.Sequence[tuple[RowStream, Session]]
    ) -> dict[str, str]:
        readable = self._may_read_position()
        if self._backup_admin:
            guard = self._stack.enter_context(self.dialect.session(self.writer.processes, self.connection))
            guard.execute("LOCK INSTANCE FOR BACKUP", action="prevent alterations")
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
                session.begin_snapshot(opening)
            position = catalogue.position(gate) if readable else {}
            gate.execute("UNLOCK TABLES", action="let everybody continue")
        return position

    def _closed_gate(self) -> Session:
        """Hold back writers. It does not wait long for readers: others wait behind it."""
        for attempt in range(1, _TRIES + 1):
            gate = self.dialect.session(self.writer.processes, self.connection)
            try:
                # Whatever becomes of this host: the server waits this long for it, and then lets everybody go on.
                gate.execute(f"SET SESSION wait_timeout = 60, lock_wait_timeout = {_GATE_SECONDS}")
                gate.execute("FLUSH TABLES WITH READ LOCK", action="hold back writers for a moment")
            except ProcessFailed as error:
                gate.close()
                if attempt == _TRIES or error_number(error) != LOCK_WAIT_TIMEOUT:
                    raise
            else:
                return gate
        raise AssertionError("unreachable")

    def _structure(self, witness: Session, names: t.Sequence[str], facts: dict[str, t.Any]) -> list[Definition]:
        del facts
        return objects.structure(witness, self.database, names)

    def _texts(self, witness: Session, tables: t.Sequence[Table], facts: dict[str, t.Any]) -> dict[str, str]:
        texts = super()._texts(witness, tables, facts)
        if self._guard is not None:
            self._guard.execute("UNLOCK INSTANCE", action="allow alterations again")
        return texts

    def by_hand(self, facts: t.Mapping[str, t.Any], paths: t.Mapping[str, str]) -> list[str]:
        """Return commands for an operator with the set, a key and MySQL's own client. ~/.my.cnf says which server."""
        name = facts["database"]["name"]
        client = client_by_hand("mysql --binary-mode", settings.BY_HAND)
        create = f"CREATE DATABASE {quote_identifier(name)} {catalogue.options(facts['database'])}"
        return [
            BY_HAND,
            f"{client} --execute={shlex.quote(create)}",
            f"{filters.by_hand(paths[STRUCTURE])} | {client} {shlex.quote(name)}",
            *rows_by_hand(facts, paths, f"{client} {shlex.quote(name)}", rows.load),
            *definitions_by_hand(paths, client, shlex.quote(name)),
        ]
