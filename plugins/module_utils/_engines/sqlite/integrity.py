# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a database is whole, and what of it cannot be examined here.

An application may bring tokenizers, collations, functions and virtual-table modules of its own, and an SQLite that is
newer than this one. What needs them cannot be examined without them, which says nothing about the database: the object
is named, and everything else is examined; of an index whose order is unknown, what it holds. SQLite tells the two apart
by its result codes: whatever is missing is SQLITE_ERROR, damage is SQLITE_CORRUPT or a finding
(https://www.sqlite.org/rescode.html).
"""

from __future__ import annotations

import dataclasses
import os
import re
import sqlite3

from . import index_entries
from .index_entries import quote

_MAX_FINDINGS = 100
# What says that a statement did not come to its end, whatever it asked (sqlite3ErrStr in SQLite's main.c).
_NOT_ENDED = re.compile(
    r"disk I/O error|database or disk is full|unable to open database file|attempt to write a readonly database"
    r"|locking protocol|database schema has changed|database (table )?is locked|interrupted|out of memory"
)
# A row that breaks a rule of its own table is data; everything else that integrity_check finds is damage.
_RULE_BROKEN = re.compile(r"(?:NULL|NUMERIC|TEXT|BLOB|non-[A-Z]+) value in |CHECK constraint failed in ")
# What an index is found to lack where its keys are computed or compared differently from when they were made.
_OTHER_KEY = re.compile(r"(?:row \d+ missing from|non-unique entry in) index (.*)", re.DOTALL)
# The most findings that SQLite can be asked for, and those that it tells of a single table.
_EVERY_FINDING = 2**31 - 1
_FINDINGS_OF_TABLE = 100
# What SQLite 3.44 and newer says of a virtual table that it could not ask (fts3IntegrityMethod, fts5IntegrityMethod).
_OTHER_CONTENT = re.compile(r"malformed inverted index for FTS[34] table [^.]*\.(.*)", re.DOTALL)
_CONTENT_ELSEWHERE = re.compile(r"[(,]\s*content\s*=", re.IGNORECASE)
_NOT_ASKED = re.compile(r"unable to validate the inverted index for FTS\d table [^.]*\.(.*): ([^:]*)")
# What says that an object of the schema is there, and that this SQLite cannot make sense of it.
_NOT_UNDERSTOOD = re.compile(
    r"malformed database schema \(.*\) - (?:(unsafe use of|no such|unknown|wrong number of arguments to function)"
    r"|near .*: syntax error|unrecognized token|incomplete input|unknown table option|unknown datatype)",
    re.DOTALL,
)
_MISSING_COLLATION = re.compile(r"no such collation sequence: (.*)", re.DOTALL)
_MODULE = re.compile(r"""\s*CREATE\s+VIRTUAL\s+TABLE\b.*?\bUSING\s+["'`\[]?(\w+)""", re.IGNORECASE | re.DOTALL)
_BY_TABLE = (3, 33, 0)  # integrity_check of single tables.
_OUT_OF_ORDER = "row not in PRIMARY KEY order"
_MOST_COLLATIONS = 50
# Where a database's header says which SQLite wrote to it last
# (https://www.sqlite.org/fileformat2.html#write_library_version_number_and_version_valid_for_number).
_WRITER = 96


@dataclasses.dataclass
class Integrity:
    """Whether a database is whole.

    :param damage: findings that make it unfit.
    :param rules_broken: how many rows break a rule (NOT NULL, CHECK, STRICT) of their own table.
    :param not_examined: name of an object to why it could not be examined here.
    """

    damage: list[str] = dataclasses.field(default_factory=list)
    rules_broken: int = 0
    not_examined: dict[str, str] = dataclasses.field(default_factory=dict)
    #: Tables of which there are more findings than SQLite has told.
    cut: set[str] = dataclasses.field(default_factory=set)
    # Indexes that rows are missing from: name to how many, and the first finding.
    _lacking: dict[str, tuple[int, str]] = dataclasses.field(default_factory=dict)

    def add(self, finding: str) -> None:
        """Take in something that makes it unfit."""
        if len(self.damage) < _MAX_FINDINGS and finding not in self.damage:
            self.damage.append(finding)

    def add_lacking(self, index: str, finding: str) -> None:
        """Take in a row that an index lacks."""
        count, first = self._lacking.get(index, (0, finding))
        self._lacking[index] = (count + 1, first)

    def judge_indexes(self, connection: sqlite3.Connection) -> None:
        """Tell indexes that are damaged from those whose keys the application computes or compares in its own way.

        It may have a lower() or a NOCASE of its own under the same name. Such an index has as many entries as its
        table has rows. Of columns, whatever their order, it holds the very values of the table. Of expressions it holds
        others in most rows, where damage is of few; and as that may be damage all the same, it is said.

        :raises sqlite3.Error: when an index or its table cannot be read.
        """
        for index, (count, first) in self._lacking.items():
            # What is damaged need not be readable; and a wrong count of entries is damage.
            why = None if self.damage else self._excuse(connection, index, count)
            if why is None:
                self.add(f"{first}, and {count - 1} more" if count > 1 else first)
            else:
                self.not_examined[index] = f"{why} ({first})"
        self._lacking = {}

    def _excuse(self, connection: sqlite3.Connection, index: str, count: int) -> str | None:
        """Why keys that an index lacks may be no damage; None: they are."""
        columns = index_entries.columns_of(connection, index)
        computed = any(number == index_entries.EXPRESSION for number, _name, _collation in columns)
        if not computed and all(collation == "BINARY" for _number, _name, collation in columns):
            return None
        differs = index_entries.differs(connection, index)
        if differs is not None:
            return None if differs else f"{count} of its keys are not in the order of this SQLite, but all are there"
        [table] = connection.execute("SELECT tbl_name FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        [rows] = connection.execute(f"SELECT count(*) FROM {quote(table)} NOT INDEXED").fetchone()
        if count * 2 <= rows and table not in self.cut:
            return None
        return (
            f"{count} of its keys are not those that this SQLite computes: either the application computes them in its"
            " own way, or the index is damaged (REINDEX with the application makes it anew)"
        )


def writer_of(header: bytes) -> int:
    """Return the number of the SQLite that wrote to a database last; 0: not told."""
    return int.from_bytes(header[_WRITER : _WRITER + 4], "big")


def writer_of_file(descriptor: int) -> int:
    """See :func:`writer_of`."""
    return writer_of(os.pread(descriptor, _WRITER + 4, 0))


def raise_unless_missing(error: sqlite3.Error) -> None:
    """Raise an error again, unless it says that this SQLite lacks something that the database needs."""
    missing = isinstance(error, (sqlite3.OperationalError, sqlite3.DataError))
    if not missing or _NOT_ENDED.match(str(error)):
        raise error


def check_integrity(connection: sqlite3.Connection, *, writer: int) -> Integrity:
    """Look at every page, and at every object as far as this SQLite can.

    :param writer: the number of the SQLite that wrote to the database.
    :raises sqlite3.Error: when the database cannot be read.
    """
    result = Integrity()
    unclear = unclear_schema(connection, writer=writer)
    if unclear is not None:
        result.not_examined["its schema"] = unclear
    _find_missing_modules(connection, result)
    if unclear is None:
        try:
            _collect(connection, f"PRAGMA integrity_check({_EVERY_FINDING})", result)
            result.judge_indexes(connection)
            return result
        except sqlite3.Error as error:
            raise_unless_missing(error)
            if sqlite3.sqlite_version_info < _BY_TABLE:
                result.not_examined["its integrity as a whole"] = str(error)
                return result
    # It ends with the first object that cannot be examined; so each by itself, and the pages that are free.
    result = Integrity(not_examined=result.not_examined)
    # Of an object that it cannot make sense of, the pages would count as lost in a look at the whole.
    tables = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table' ORDER BY name")
    for table, root in [("sqlite_master", 1), *tables.fetchall()]:
        quoted = quote(table)
        try:
            if _collect(connection, f"PRAGMA integrity_check({quoted})", result) >= _FINDINGS_OF_TABLE:
                result.cut.add(table)
                _look_at_pages(connection, table, result)
        except sqlite3.Error as error:
            raise_unless_missing(error)
            result.not_examined.setdefault(table, str(error))
            if root:
                _look_at_pages(connection, table, result)
    result.judge_indexes(connection)
    return result


def unclear_schema(connection: sqlite3.Connection, *, writer: int) -> str | None:
    """Return what of the schema this SQLite cannot make sense of, which is passed over from here on; None: nothing.

    :raises sqlite3.DatabaseError: when the schema is damaged.
    """
    connection.execute("PRAGMA writable_schema=RESET")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        match = _NOT_UNDERSTOOD.match(str(error))
        # Nonsense is a newer SQLite's syntax only where a newer SQLite has written.
        if match is None or not (match.group(1) or writer > _own_number()):
            raise
        connection.execute("PRAGMA writable_schema=ON")
        return f"{error} (SQLite {sqlite3.sqlite_version})"
    return None


def _own_number() -> int:
    major, minor, patch = sqlite3.sqlite_version_info
    return major * 1_000_000 + minor * 1000 + patch


def _find_missing_modules(connection: sqlite3.Connection, result: Integrity) -> None:
    modules = {str(name).casefold() for (name,) in connection.execute("PRAGMA module_list")}
    if not modules:  # An SQLite that does not tell them.
        return
    tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND rootpage = 0")
    for table, sql in tables.fetchall():
        module = _MODULE.match(str(sql))
        if module is not None and module.group(1).casefold() not in modules:
            result.not_examined[table] = f"no such module: {module.group(1)}"


def _collect(connection: sqlite3.Connection, statement: str, result: Integrity, *, ignoring: str | None = None) -> int:
    """Sort what a check finds; how much that is."""
    count = 0
    for (finding,) in connection.execute(statement):
        count += 1
        not_asked, lacking = _NOT_ASKED.fullmatch(finding), _OTHER_KEY.fullmatch(finding)
        content = _OTHER_CONTENT.fullmatch(finding)
        if finding == "ok" or (ignoring is not None and finding.startswith(ignoring)):
            continue
        if _RULE_BROKEN.match(finding):
            result.rules_broken += ignoring is None
        elif not_asked is not None and not_asked.group(2) == "SQL logic error":
            result.not_examined.setdefault(not_asked.group(1), not_asked.group(2))
        elif not_asked is not None and _NOT_ENDED.match(not_asked.group(2)):
            raise sqlite3.OperationalError(not_asked.group(2))
        elif content is not None and _has_content_elsewhere(connection, content.group(1)):
            result.not_examined.setdefault(content.group(1), "it does not index what its content table holds now")
        elif lacking is not None:
            result.add_lacking(lacking.group(1), finding)
        else:
            result.add(finding)
    return count


def _has_content_elsewhere(connection: sqlite3.Connection, table: str) -> bool:
    """Whether a full-text table indexes another table, which is its application's to keep in step."""
    row = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return row is not None and _CONTENT_ELSEWHERE.search(str(row[0])) is not None


def _compare_entries(connection: sqlite3.Connection, table: str, result: Integrity) -> None:
    """Compare what can be compared of a table's indexes, whatever their order.

    :raises sqlite3.Error: when a collation is missing, or damage found.
    """
    indexes = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,))
    for (index,) in indexes.fetchall() if not result.damage else ():
        try:
            differs = index_entries.differs(connection, index)
        except sqlite3.Error as error:
            raise_unless_missing(error)
            if _MISSING_COLLATION.fullmatch(str(error)):
                raise
            continue
        if differs:
            result.add(f"index {index} holds other values than its table")


def _look_at_pages(connection: sqlite3.Connection, table: str, result: Integrity) -> None:
    """Look at the pages of a table and of its indexes, whose content needs what is missing here."""
    quoted = quote(table)
    stand_ins: list[str] = []
    connection.execute("PRAGMA ignore_check_constraints=ON")
    try:
        while True:
            try:
                # It compares no keys and computes no expressions, but every collation must have a name.
                _collect(connection, f"PRAGMA quick_check({quoted})", result, ignoring=_OUT_OF_ORDER)
                if stand_ins:
                    # An index whose collation was missing once is passed over until the schema is read anew.
                    connection.execute("PRAGMA writable_schema=RESET")
                    connection.execute("PRAGMA writable_schema=ON")
                _compare_entries(connection, table, result)
                return
            except sqlite3.Error as error:
                raise_unless_missing(error)
                missing = _MISSING_COLLATION.fullmatch(str(error))
                if missing is None or missing.group(1) in stand_ins or len(stand_ins) == _MOST_COLLATIONS:
                    return
                try:
                    connection.create_collation(missing.group(1), lambda one, other: (one > other) - (one < other))
                except (sqlite3.ProgrammingError, UnicodeError):  # A name that this Python cannot give.
                    return
                stand_ins.append(missing.group(1))
    finally:
        for name in stand_ins:
            connection.create_collation(name, None)
        connection.execute("PRAGMA ignore_check_constraints=OFF")
