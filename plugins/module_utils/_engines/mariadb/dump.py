# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumping one MariaDB database: how all sessions begin their snapshots at one moment, its history and its sequences.

One session holds all commits back (BACKUP STAGE BLOCK_COMMIT, for as long as it takes to open the others: some
milliseconds each), the others begin their snapshots, and where the binary log stands is noted; then commits go on.
"""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets import filters

from ..base import LeftOut
from ..mysql_family import dump
from ..mysql_family.by_hand import BY_HAND, client_by_hand, definitions_by_hand, rows_by_hand
from ..mysql_family.catalogue import Table
from ..mysql_family.objects import TABLE
from ..mysql_family.parts import DEFAULT, FOREIGN_KEY, HISTORY, STRUCTURE
from ..mysql_family.session import Session, quote_identifier
from ..mysql_family.streams import RowStream
from . import catalogue, foreign_keys, grants, objects, rows, settings
from .catalogue import VersionedTable
from .dialect import MARIADB
from .objects import Definition

# What shows an account all of a database.
_RIGHTS = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
_GATE_SECONDS = 60
# ER_WARN_ALLOWED_PACKET_OVERFLOWED (MariaDB, "Error Codes"). Other warnings are about generated columns, which a set
# does not hold.
_ALLOWED_PACKET_OVERFLOWED = 1301
_NOTHING_LOST = f"""\
SET @warnings = @@warning_count;
DELIMITER //
BEGIN NOT ATOMIC
  DECLARE n, told, number INT DEFAULT 0;
  GET DIAGNOSTICS told = NUMBER;
  WHILE n < told AND number <> {_ALLOWED_PACKET_OVERFLOWED} DO
    SET n = n + 1;
    GET DIAGNOSTICS CONDITION n number = MYSQL_ERRNO;
  END WHILE;
  IF number = {_ALLOWED_PACKET_OVERFLOWED} OR @warnings > told THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a value is larger than max_allowed_packet';
  END IF;
END//
DELIMITER ;
"""


class Dump(dump.Dump):
    """One dump that is running."""

    dialect = MARIADB
    nothing_lost = _NOTHING_LOST
    position_right = "BINLOG MONITOR"

    def _check_rights(self, session: Session) -> None:
        held = grants.privileges(session, self.database)
        missing = [name for name in _RIGHTS if name not in held and "ALL PRIVILEGES" not in held]
        if "SHOW CREATE ROUTINE" not in held and not grants.may_read_routines(self.writer.processes, self.connection):
            missing.append("SELECT on mysql.proc")
        if missing:
            raise Refused(
                "dump a database",
                on=self.connection.describe(),
                why=f"this account lacks rights, and would not see all of it: {', '.join(missing)}",
                next_step=f"GRANT {', '.join(_RIGHTS)} ON {quote_identifier(self.database)}.*, SELECT ON mysql.proc,"
                " and RELOAD, BINLOG MONITOR ON *.* to it.",
            )

    def _same_moment(
        self, witness: Session, tables: t.Sequence[Table], streams: t.Sequence[tuple[RowStream, Session]]
    ) -> dict[str, str]:
        readable = self._may_read_position()
        with self.dialect.session(self.writer.processes, self.connection) as gate:
            # Whatever becomes of this host: the server waits this long for it, and then lets everybody go on.
            gate.execute(f"SET SESSION wait_timeout = {_GATE_SECONDS}")
            for stage in ("START", "FLUSH", "BLOCK_DDL"):
                gate.execute(f"BACKUP STAGE {stage}", action="hold back commits for a moment")
            # Not before: who waits to write to one of them would hold up the stages.
            self._lock_nontransactional(tables)
            gate.execute("BACKUP STAGE BLOCK_COMMIT", action="hold back commits for a moment")
            for session, own in [
                (witness, list(tables)),
                *((session, [piece.table for piece in stream.pieces]) for stream, session in streams),
            ]:
                opening = [f"SELECT 1 FROM {self._qualified(table)} LIMIT 0" for table in own]
                session.begin_snapshot(opening)
            position = catalogue.position(gate) if readable else {}
            gate.execute("BACKUP STAGE END", action="let commits continue")
        return position

    def _script(self, stream: RowStream) -> str:
        # The most that a server keeps: only warnings that are kept can be told apart.
        return f"SET SESSION max_error_count = 65535;\n{super()._script(stream)}"

    def _facts(self, witness: Session, tables: t.Sequence[Table], position: dict[str, str]) -> dict[str, t.Any]:
        return {
            **super()._facts(witness, tables, position),
            "history": [table.name for table in tables if isinstance(table, VersionedTable)],
        }

    def _structure(self, witness: Session, names: t.Sequence[str], facts: dict[str, t.Any]) -> list[Definition]:
        sequences = catalogue.sequences(witness, self.database)
        self._keep_defaults(facts, objects.sequence_defaults(witness, self.database), sequences)
        lost = foreign_keys.lost(witness, self.database, names)
        self.unrestorable += [
            LeftOut(FOREIGN_KEY, f"{table}.{name}", foreign_keys.WHY) for table, found in lost.items() for name in found
        ]
        return [
            dataclasses.replace(entry, statement=foreign_keys.without(entry.statement, lost[entry.name]))
            if entry.kind == TABLE and entry.name in lost
            else entry
            for entry in objects.structure(witness, self.database, names, sequences)
        ]

    def _keep_defaults(
        self, facts: dict[str, t.Any], found: t.Sequence[tuple[str, str, str, str]], sequences: t.Collection[str]
    ) -> None:
        """Note from which sequences defaults take, and report those that no restore can make."""
        held: dict[tuple[str, str], list[str]] = {}
        lost: dict[tuple[str, str], list[str]] = {}
        for table, column, database, sequence in found:
            held.setdefault((table, column), []).append(sequence)
            if database != self.database:
                why = f"it takes from the sequence {database}.{sequence}, which is in another database"
            elif sequence not in sequences:
                why = f"it takes from the sequence {sequence}, which is gone"
            else:
                continue
            lost.setdefault((table, column), []).append(why)
        facts["sequence_defaults"] = [[*of, name] for of, names in held.items() if of not in lost for name in names]
        self.unrestorable += [LeftOut(DEFAULT, ".".join(of), "; ".join(reasons)) for of, reasons in lost.items()]

    def _count_rows(self, session: Session, tables: t.Sequence[Table]) -> dict[str, int]:
        lost = catalogue.lost_history(session, self.database, tables)
        self.unrestorable += [LeftOut(HISTORY, name, why) for name, why in lost.items()]
        return super()._count_rows(session, tables)

    def by_hand(self, facts: t.Mapping[str, t.Any], paths: t.Mapping[str, str]) -> list[str]:
        """Return commands for an operator with the set, a key and MariaDB's own client. ~/.my.cnf says which server."""
        name = facts["database"]["name"]
        wanted = [
            *settings.SETTINGS,
            *settings.LOADING,
            *(settings.HISTORY if facts["history"] else ()),
        ]
        client = client_by_hand("mariadb --sandbox", wanted)
        database = shlex.quote(name)
        create = f"CREATE DATABASE {quote_identifier(name)} {catalogue.options(facts['database'])}"
        commands = [
            BY_HAND,
            f"{client} --execute={shlex.quote(create)}",
            f"{filters.by_hand(paths[STRUCTURE])} | {client} {database}",
        ]
        commands += rows_by_hand(facts, paths, f"{client} {database}", rows.load)
        return commands + definitions_by_hand(paths, client, database)
