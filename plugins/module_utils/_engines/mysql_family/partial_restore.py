# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring some tables of a database of MariaDB or MySQL into a database of their own, beside the live one.

A database of these has no schemas within it, so the tables get a database that is new, or empty. What would tie them to
others stays behind, and is reported: triggers, and foreign keys to tables that were not chosen. Accounts are not
touched.
"""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused

from ..base import Check, RestoreWork, TargetState
from ..content_digest import compare_digests
from . import catalogue
from .check import compare
from .client import Connection
from .objects import TRIGGER
from .restore import BesideRestoration
from .session import Session, qualified, quote_identifier, same_name

_SHOWN = 20


class PartialRestoration(BesideRestoration):
    """One restore of some tables, before the restoration of a product. Its methods are those of a whole restore.

    :param connection: its database is the one that the tables are put into.
    :param tables: their names.
    """

    def __init__(self, connection: Connection, tables: t.Sequence[str]) -> None:
        super().__init__(connection)
        self._tables = list(dict.fromkeys(tables))

    def inspect(self, work: RestoreWork) -> TargetState:
        """Check that the set holds the tables, and that there is nothing where they are put."""
        known = work.reader.description.engine_facts["tables"]
        missing = [name for name in self._tables if name not in known]
        outside = [name for name in missing if name in work.reader.description.engine_facts.get("elsewhere", {})]
        if outside:
            raise NotFound(
                "restore tables",
                on=", ".join(outside[:_SHOWN]),
                why=f"their rows are stored elsewhere, and the set {work.reader.set_id} holds only their definitions",
                next_step="Restore their rows from a set of the database that stores them, or omit these names.",
            )
        if missing:
            more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
            raise NotFound(
                "restore tables",
                on=", ".join(missing[:_SHOWN]),
                why=f"the set {work.reader.set_id} does not hold them; it holds"
                f" {', '.join(sorted(known)[:_SHOWN])}{more}",
                next_step="Correct the names, or choose another set.",
            )
        state = super().inspect(work)
        if not state.empty:
            raise Refused(
                "restore tables",
                on=state.target,
                why="it holds something, and would be replaced by those few tables",
                next_step="Give the name of a database that does not exist yet, and copy from there what is needed"
                " (INSERT … SELECT).",
            )
        shown = ", ".join(self._tables[:_SHOWN])
        more = f" and {len(self._tables) - _SHOWN} more" if len(self._tables) > _SHOWN else ""
        return TargetState(f"{shown}{more} into the {state.target}", state.exists, state.empty)

    def _needed_bytes(self, work: RestoreWork) -> tuple[int, int]:
        # A set does not tell the sizes of single tables.
        del work
        return 0, 0

    def restore_beside(self, work: RestoreWork) -> None:
        """Make a database with the tables, and what they cannot be without."""
        structure, programs = self._read(work)
        wanted = {*self._tables, *self._belongings(work)}
        self._make_beside(work, [entry for entry in structure if entry.name in wanted], chosen=self._tables)
        with self.connection.advice.giving(), self._open(work.processes) as session:
            self._cut(work, session)
        if any(entry.kind == TRIGGER for entry in programs):
            work.warnings.append("The tables come without their triggers")

    def _belongings(self, work: RestoreWork) -> list[str]:
        """Return what the tables cannot be without."""
        del work
        return []

    def _cut(self, work: RestoreWork, session: Session) -> None:
        """Drop the foreign keys to tables that were not chosen."""
        session.prepare_for_tables()
        keys = session.rows(
            {
                "table": "TABLE_NAME",
                "name": "CONSTRAINT_NAME",
                "schema": "UNIQUE_CONSTRAINT_SCHEMA",
                "referred": "REFERENCED_TABLE_NAME",
            },
            f"information_schema.REFERENTIAL_CONSTRAINTS WHERE {same_name('CONSTRAINT_SCHEMA', self.beside)}"
            " ORDER BY TABLE_NAME, CONSTRAINT_NAME",
        )
        for key in keys:
            if key["schema"] == self.beside and key["referred"] in self._tables:
                continue
            change = f"DROP FOREIGN KEY {quote_identifier(key['name'])}"
            session.execute(self.dialect.immediate(f"ALTER TABLE {qualified(self.beside, key['table'])} {change}"))
            work.warnings.append(
                f"The foreign key {key['name']} of {key['table']} was left out: {key['referred']} was not chosen"
            )

    def check(self, work: RestoreWork) -> list[Check]:
        """Compare the tables with what the set says of them."""
        said = work.reader.description.engine_facts["row_counts"]
        with self.connection.advice.giving(), self._open(work.processes) as session:
            counts = catalogue.count_rows(session, self.beside, self.dialect.tables(session, self.beside))
            expected = work.reader.description.engine_facts["content_digests"]
            chosen = {name: expected[name] for name in self._tables if name in expected} if expected else None
            held = self._digests(work) if chosen is not None else {}
        counted = {name: said[name] for name in self._tables if name in said}
        return [
            compare("row counts", counted, counts, f"{sum(counts.values())} rows in {len(counts)} tables"),
            *compare_digests(chosen, held),
        ]
