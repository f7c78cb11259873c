# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a database: whether it is whole, its settings, its objects, its rows and their digests."""

from __future__ import annotations

import dataclasses
import re
import sqlite3
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import compare_digests
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._digest import digest_table

FIXED = ("page_size", "encoding", "user_version", "application_id", "auto_vacuum")
_MAX_FINDINGS = 100
# What says that only the application brings along what an index or a rule uses.
_NEEDS_APPLICATION = re.compile(r"no such (function|module|collation|tokenizer)|unknown function|unsafe use of")
# What says that a statement did not come to its end, whatever it asked (sqlite3ErrStr in SQLite's main.c).
_NOT_ENDED = re.compile(
    r"disk I/O error|database or disk is full|unable to open database file|attempt to write a readonly database"
    r"|locking protocol|database schema has changed|database (table )?is locked|interrupted|out of memory"
)
# A row that breaks a rule of its own table is data; everything else that integrity_check finds is damage.
_RULE_BROKEN = re.compile(r"(?:NULL|NUMERIC|TEXT|BLOB|non-[A-Z]+) value in |CHECK constraint failed in ")


def distrust(connection: sqlite3.Connection) -> None:
    """Prepares a connection for looking at what may be hostile; to be called outside of a transaction.

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
    :param foreign_key_violations: None: cannot be told.
    :param unchecked: why its integrity could not be checked as a whole.
    :param digests: of each table; None within it: cannot be told; None: not asked for.
    """

    fixed: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    objects: dict[str, int] = dataclasses.field(default_factory=dict)
    rows: dict[str, int] = dataclasses.field(default_factory=dict)
    not_counted: list[str] = dataclasses.field(default_factory=list)
    damage: list[str] = dataclasses.field(default_factory=list)
    bytes_in_use: int = 0
    rules_broken: int = 0
    foreign_key_violations: int | None = None
    unchecked: str | None = None
    digests: dict[str, str | None] | None = None

    @classmethod
    def of(cls, connection: sqlite3.Connection, *, digests: bool) -> Found:
        """Looks at everything.

        :param connection: one that was prepared by :func:`distrust`.
        :raises sqlite3.DatabaseError: when it cannot be read.
        """
        found = cls(digests={} if digests else None)
        found._check(connection)
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
            quoted = '"' + table.replace('"', '""') + '"'
            if not root:  # A virtual table: its rows are in other tables, or nowhere.
                continue
            if found.digests is not None:
                found.digests[table] = None
            try:
                [found.rows[table]] = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()
                if found.digests is not None:
                    found.digests[table] = digest_table(connection, quoted)
            except sqlite3.OperationalError as error:
                _raise_if_not_ended(error)
                if table not in found.rows:
                    found.not_counted.append(f"{table} ({error})")
        try:
            found.foreign_key_violations = sum(1 for violation in connection.execute("PRAGMA foreign_key_check"))
        except sqlite3.OperationalError as error:
            _raise_if_not_ended(error)
        return found

    def _check(self, connection: sqlite3.Connection) -> None:
        try:
            for [finding] in connection.execute("PRAGMA integrity_check(1000000)"):
                if finding == "ok":
                    continue
                if _RULE_BROKEN.match(finding):
                    self.rules_broken += 1
                elif len(self.damage) < _MAX_FINDINGS:
                    self.damage.append(finding)
        except sqlite3.OperationalError as error:
            if not _NEEDS_APPLICATION.search(str(error)):
                raise
            self.unchecked = str(error)

    def facts(self) -> dict[str, t.Any]:
        """For backup.json."""
        return {
            **self.fixed,
            "objects": self.objects,
            "rows": self.rows,
            "rows_not_counted": self.not_counted,
            "integrity": self.unchecked or "ok",
            "rules_broken": self.rules_broken,
            "foreign_key_violations": self.foreign_key_violations,
            "content_digests": self.digests,
        }

    def warnings(self) -> list[str]:
        """For the operator."""
        warnings = []
        if self.unchecked:
            warnings.append(f"the integrity of the copy could not be checked as a whole: {self.unchecked}")
        if self.rules_broken:
            warnings.append(f"{self.rules_broken} rows break a rule of their own table (NOT NULL, CHECK or STRICT)")
        if self.foreign_key_violations:
            warnings.append(f"{self.foreign_key_violations} rows refer to rows that are not there (foreign keys)")
        if self.not_counted:
            warnings.append(f"rows could not be counted: {', '.join(self.not_counted[:10])}")
        without = sorted(table for table, digest in (self.digests or {}).items() if digest is None)
        if without:
            warnings.append(f"tables without a content digest, which need the application: {', '.join(without[:10])}")
        return warnings


def _raise_if_not_ended(error: sqlite3.OperationalError) -> None:
    """Passes over what only the application can compute, but no disk that cannot be read and no look that was ended."""
    if _NOT_ENDED.match(str(error)):
        raise error


def compare(expected: t.Mapping[str, str | None] | None, found: t.Mapping[str, str | None]) -> list[Check]:
    """Where a table could not be digested when it was dumped there is nothing to compare."""
    if expected is None:
        return []
    wanted = {table: digest for table, digest in expected.items() if digest is not None}
    there = {table: digest or "none" for table, digest in found.items() if expected.get(table, "") is not None}
    return compare_digests(wanted, there)
