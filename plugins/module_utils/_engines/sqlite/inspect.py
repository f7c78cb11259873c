# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a database: whether it is whole, its settings, its objects, its rows and their digests."""

from __future__ import annotations

import dataclasses
import sqlite3
import typing as t

from .digest import digest_table
from .integrity import check_integrity, quote, raise_unless_missing
from .set_files import FIXED

_FOREIGN_KEYS = "its foreign keys"


def distrust(connection: sqlite3.Connection) -> None:
    """Prepare a connection for looking at what may be hostile; to be called outside of a transaction.

    A database from elsewhere is hostile until proven otherwise (https://www.sqlite.org/security.html); and nothing of
    it may spill into a temporary file.
    """
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "temp_store=MEMORY", "query_only=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")


@dataclasses.dataclass
class Found:
    """What is in a database.

    :param damage: findings of integrity_check that make it unfit.
    :param bytes_in_use: its size without the pages that deleted rows have left free.
    :param rules_broken: how many rows break a rule (NOT NULL, CHECK, STRICT) of their own table.
    :param not_counted: tables whose rows cannot be counted here, to why.
    :param foreign_key_violations: None: cannot be told.
    :param writer: the number of the SQLite that wrote to it last.
    :param not_examined: what needs something that this SQLite lacks: name of an object to why.
    :param digests: of each table; None within it: cannot be told; None: not asked for.
    """

    fixed: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    objects: dict[str, int] = dataclasses.field(default_factory=dict)
    rows: dict[str, int] = dataclasses.field(default_factory=dict)
    not_counted: dict[str, str] = dataclasses.field(default_factory=dict)
    damage: list[str] = dataclasses.field(default_factory=list)
    bytes_in_use: int = 0
    rules_broken: int = 0
    foreign_key_violations: int | None = None
    writer: int = 0
    not_examined: dict[str, str] = dataclasses.field(default_factory=dict)
    digests: dict[str, str | None] | None = None

    @classmethod
    def read(cls, connection: sqlite3.Connection, *, digests: bool, writer: int = 0) -> Found:
        """Look at everything, where it is damaged at nothing more.

        :param connection: one that was prepared by :func:`distrust`.
        :param writer: the number of the SQLite that wrote to the database last.
        :raises sqlite3.DatabaseError: when it cannot be read.
        """
        integrity = check_integrity(connection, writer=writer)
        found = cls(
            damage=integrity.damage,
            rules_broken=integrity.rules_broken,
            not_examined=integrity.not_examined,
            writer=writer,
            digests={} if digests else None,
        )
        if found.damage:
            return found
        for name in FIXED:
            [found.fixed[name]] = connection.execute(f"PRAGMA {name}").fetchone()
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        [free] = connection.execute("PRAGMA freelist_count").fetchone()
        found.bytes_in_use = (pages - free) * found.fixed["page_size"]
        found.objects = dict(connection.execute("SELECT type, count(*) FROM sqlite_master GROUP BY type ORDER BY type"))
        tables = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table' ORDER BY name")
        for table, root in tables.fetchall():
            if root:  # Of a virtual table the rows are in other tables, or nowhere.
                found._look_at_rows(connection, table)
        try:
            found.foreign_key_violations = sum(1 for violation in connection.execute("PRAGMA foreign_key_check"))
        except sqlite3.Error as error:
            raise_unless_missing(error)
            found.not_examined[_FOREIGN_KEYS] = str(error)
        return found

    def _look_at_rows(self, connection: sqlite3.Connection, table: str) -> None:
        quoted = quote(table)
        if self.digests is not None:
            self.digests[table] = None
        try:
            self.rows[table] = _count(connection, quoted)
            if self.digests is not None:
                self.digests[table] = digest_table(connection, quoted)
        except sqlite3.Error as error:
            raise_unless_missing(error)
            if table not in self.rows:
                self.not_counted[table] = str(error)

    def facts(self) -> dict[str, t.Any]:
        """For backup.json."""
        return {
            **self.fixed,
            "objects": self.objects,
            "rows": self.rows,
            "rows_not_counted": self.not_counted,
            "written_by": self.writer,
            "not_examined": self.not_examined,
            "rules_broken": self.rules_broken,
            "foreign_key_violations": self.foreign_key_violations,
            "content_digests": self.digests,
        }

    def warnings(self) -> list[str]:
        """For the operator."""
        warnings = []
        if self.not_examined:
            why = "; ".join(f"{name}: {why}" for name, why in list(self.not_examined.items())[:10])
            more = len(self.not_examined) - 10
            warnings.append(
                "not examined, since it needs what only its application, or another SQLite, has (it is backed up in"
                f" full): {why}" + (f" and {more} more" if more > 0 else "")
            )
        if self.rules_broken:
            warnings.append(f"{self.rules_broken} rows break a rule of their own table (NOT NULL, CHECK or STRICT)")
        if self.foreign_key_violations:
            warnings.append(f"{self.foreign_key_violations} rows refer to rows that are not there (foreign keys)")
        if self.not_counted:
            why = ", ".join(f"{table} ({why})" for table, why in list(self.not_counted.items())[:10])
            warnings.append(f"rows could not be counted: {why}")
        without = sorted(table for table, digest in (self.digests or {}).items() if digest is None)
        if without:
            warnings.append(f"tables without a content digest, which need the application: {', '.join(without[:10])}")
        return warnings


def _count(connection: sqlite3.Connection, quoted: str) -> int:
    try:
        [count] = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()
    except sqlite3.OperationalError as error:
        raise_unless_missing(error)
        # It may be only an index that cannot be read, which is smaller than the table.
        [count] = connection.execute(f"SELECT count(*) FROM {quoted} NOT INDEXED").fetchone()
    return int(count)
