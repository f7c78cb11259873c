# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that could not be loaded at first: loaded again, and at last without what keeps them out of their table."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import PayloadFile

from ..base import LeftOut
from . import catalogue
from .archive import Entry, Failure
from .own_path import OwnPath
from .pg_restore import UNTOUCHED, PgRestore
from .session import Session
from .set_aside import SetAside

_ROWS = "TABLE DATA"
_OWNERS = "SELECT c.oid::bigint AS oid, pg_get_userbyid(c.relowner) AS owner FROM pg_class c WHERE c.oid IN ({oids})"


class Rows:
    """The rows that could not be loaded at first.

    :param own: the database's own search_path.
    """

    def __init__(self, pg_restore: PgRestore, own: OwnPath | None) -> None:
        self._pg_restore = pg_restore
        self._own = own
        self._parts: dict[str, PayloadFile] = {}
        self._entries: dict[str, dict[str, Entry]] = {}
        # Part and number to why.
        self._failed: dict[tuple[str, str], str] = {}
        self.left_out: list[LeftOut] = []
        # Constraints that are there and were not validated; table to columns that are no longer computed.
        self.unchecked: set[str] = set()
        self.ordinary: dict[str, set[str]] = {}
        # Tables whose rows could not be loaded at first.
        self.rescued: list[int] = []

    def note(self, file: PayloadFile, failures: t.Sequence[Failure]) -> None:
        """Remember what failed of a part."""
        if failures:
            self._parts[file.path] = file
        for failure in failures:
            self._failed.setdefault((file.path, str(failure.number)), failure.why)

    def rescue(self) -> None:
        """Load what failed, whatever it takes. All other rows must be there by now: some constraints read them.

        :raises ProcessFailed: when it cannot be done: without its rows a table is worth nothing.
        """
        if not self._failed:
            return
        self._entries = {
            path: {entry.number: entry for entry in self._pg_restore.entries_of_part(file)}
            for path, file in self._parts.items()
        }
        work, connection = self._pg_restore.work, self._pg_restore.connection
        # Constraints that are put back may hold a secret, which belongs in no message.
        with Session(work.processes, connection, database=self._pg_restore.database, terse=True) as session:
            self._give_up_what_has_no_table(session)
            self.rescued = self._oids(session)
            self._load_again(session, in_own_path=True)
            if self._failed:
                aside = SetAside(session)
                aside.drop_checks(self._oids(session))
                self._load_again(session, in_own_path=True)
                if self._failed:
                    left, self.ordinary = aside.drop_expressions(
                        self._oids(session),
                        why="its expression could not be computed for the rows; the column is an ordinary one, and"
                        " empty",
                    )
                    self.left_out += left
                    if left:
                        self._load_again(session, in_own_path=False)
                self._require_all()
                left, self.unchecked = aside.put_back(self._own)
                self.left_out += left

    def _table_of(self, entry: Entry, tables: t.Sequence[catalogue.Table]) -> catalogue.Table | None:
        # Names are not quoted there: another's may pass where names have spaces in them, and then takes part in this.
        return next((x for x in tables if entry.rest.startswith(f"{x.schema} {x.relation} ")), None)

    def _give_up_what_has_no_table(self, session: Session) -> None:
        """Return rows of tables that belong to an extension which could not be made."""
        found = catalogue.tables(session)
        for path, number in list(self._failed):
            entry = self._entries[path].get(number)
            if entry is not None and entry.kind == _ROWS and self._table_of(entry, found) is None:
                self.left_out.append(LeftOut("rows of table", entry.name, self._failed.pop((path, number))))

    def _oids(self, session: Session) -> list[int]:
        found = catalogue.tables(session)
        chosen = (
            self._table_of(self._entries[path][number], found)
            for path, number in self._failed
            if number in self._entries[path]
        )
        return sorted({table.oid for table in chosen if table is not None}) or [0]

    def _load_again(self, session: Session, *, in_own_path: bool) -> None:
        found = catalogue.tables(session)
        oids = self._oids(session)
        rows = session.rows(_OWNERS.format(oids=", ".join(map(str, oids))))
        owners = {row["oid"]: row["owner"] for row in rows}
        runs: dict[tuple[str, str | None, str | None], list[str]] = {}
        for path, number in self._failed:
            entry = self._entries[path].get(number)
            table = self._table_of(entry, found) if entry is not None else None
            owner = owners.get(table.oid) if table is not None else None
            search_path = role = None
            own = self._own
            if in_own_path and own is not None and owner is not None and own.allows(owner):
                search_path = own.text
                # Nobody's functions run with more rights than the table's owner has.
                role = owner if own.owners and owner not in own.superusers else None
            runs.setdefault((path, search_path, role), []).append(number)
        for (path, search_path, role), numbers in runs.items():
            file = self._parts[path]
            failures = self._pg_restore.load(file, numbers=numbers, path=search_path, role=role)
            failed = {failure.number for failure in failures}
            for number in numbers:
                if number not in failed:
                    del self._failed[path, number]

    def _require_all(self) -> None:
        if not self._failed:
            return
        said = []
        for (path, number), why in self._failed.items():
            entry = self._entries[path].get(number)
            said.append(f"{entry.shown_kind} {entry.name}: {why}" if entry is not None else why)
        raise ProcessFailed(
            f"restore the rows of the {self._pg_restore.on}",
            on=str(self._pg_restore.work.reader.set_id),
            why="; ".join(said[:5]),
            next_step=UNTOUCHED,
            details=said,
        )
