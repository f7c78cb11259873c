# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling an empty database of MariaDB or MySQL from a set: its tables, then its rows, several streams at a time."""

from __future__ import annotations

import collections
import functools
import re
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, ProcessFailed, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import Waiting, run_all

from ..base import LeftOut, RestoreWork
from . import as_written, catalogue, elsewhere, indexes, objects, virtual_columns
from .client import Connection
from .dialect import Dialect
from .load_rows import UNTOUCHED, Notes, load
from .parts import ROWS
from .refusals import reason
from .server_error import error_number
from .session import Session

# The text of tables or of programs; more than this is not one.
_SMALL_PART_BYTES = 1024 * 1024 * 1024
# What follows the columns of a table, in the server's words.
_ENGINE = re.compile(r"ENGINE=(\w+)")
_ENCRYPTED = re.compile(r"\bENCRYPT(?:ED|ION)\b")
# ER_CANT_CREATE_TABLE (MariaDB), ER_CANNOT_FIND_KEY_IN_KEYRING (MySQL).
_NO_KEY = (1005, 3185)
_SHOWN = 20


def read_text(work: RestoreWork, part: str) -> str:
    """Return a part that is small by its nature, as text.

    :raises SetInvalid: when it is not small, or no text.
    """
    text = bytearray()

    def keep(chunk: memoryview) -> None:
        text.extend(chunk)
        if len(text) > _SMALL_PART_BYTES:
            raise SetInvalid(
                "read a part of a set",
                on=f"{work.reader.set_id}, {part}",
                why=f"it holds over {_SMALL_PART_BYTES} bytes",
                next_step="Verify the set with set_verify and restore from another one.",
            )

    work.reader.run(
        work.reader.description.file(part),
        [],
        processes=work.processes,
        action="read a part of a set",
        next_step=UNTOUCHED,
        sink=keep,
    )
    return text.decode("utf-8", "surrogateescape")


def make(session: Session, definitions: t.Sequence[objects.Definition], *, action: str) -> None:
    """Make objects in the session's current database.

    :raises ProcessFailed: when one cannot be made.
    """
    for definition in definitions:
        for statement in definition.statements:
            session.execute(statement, action=f"{action} ({definition.kind} {definition.name})")
    session.execute(session.settings)


def fill(
    connection: Connection,
    work: RestoreWork,
    database: str,
    structure: t.Sequence[objects.Definition],
    *,
    chosen: t.Collection[str] | None = None,
    dialect: Dialect,
) -> None:
    """Restore tables and rows into an empty database.

    :param connection: as an account that has rights on nothing but that database, where there can be one.
    :param chosen: the tables whose rows are restored; None: all.
    :raises ProcessFailed: when anything fails.
    """
    facts = work.reader.description.engine_facts
    with dialect.session(work.processes, connection, database=database) as session:
        # Tables refer to others that do not exist yet.
        session.execute(dialect.loading)
        session.prepare_for_tables()
        _make_tables(session, structure, on=connection.describe())
        _refuse_elsewhere(work, elsewhere.tables(session, database))
        _tell_other_engines(session, work, database, structure)
        chosen = facts["tables"] if chosen is None else chosen
        counts = {table: count for table, count in facts["row_counts"].items() if table in chosen}
        deferred = dialect.defer(session, counts)
    parts = [file for file in work.reader.description.payload if file.part.startswith(ROWS)]
    parts = [file for file in parts if set(facts["streams"][file.part]) & set(chosen)]
    missing = collections.Counter(table for file in parts for table in facts["streams"][file.part])
    notes = Notes()

    def loaded(tables: list[str], waiting: Waiting[list[str]]) -> None:
        for table in tables:
            missing[table] -= 1
            warning = notes.warned.get(table)
            if not missing[table] and warning is not None:
                waiting.append(functools.partial(_compare, connection, work, database, table, warning, dialect))
            withheld = None if missing[table] else notes.virtual.pop(table)
            if withheld is not None:
                waiting.append(functools.partial(_make, connection, work, database, withheld, dialect))
            if not missing[table] and table in deferred:
                # Before other rows: the largest table's come first, and its indexes would be alone at the end.
                waiting.appendleft(functools.partial(_make, connection, work, database, deferred[table], dialect))

    loads = [functools.partial(load, connection, work, database, file, chosen, dialect, notes) for file in parts]
    run_all(loads, jobs=work.jobs, processes=work.processes, then=loaded)


def _make_tables(session: Session, structure: t.Sequence[objects.Definition], *, on: str) -> None:
    """Make the tables.

    :param on: the server, for messages.
    :raises NotFound: when the server lacks the key, or what keeps its keys, for a table that is encrypted.
    :raises ProcessFailed: when one cannot be made for another reason.
    """
    for definition in structure:
        try:
            make(session, [definition], action="restore a table")
        except ProcessFailed as error:
            options = definition.statement.rpartition("\n) ")[2]
            if definition.kind != objects.TABLE or not _ENCRYPTED.search(options) or error_number(error) not in _NO_KEY:
                raise
            raise NotFound(
                "restore a table",
                on=f"{definition.name} on {on}",
                why="it is encrypted by its server, and this one lacks the key (or a plugin that manages keys)",
                next_step="Give the server its keyring or key management plugin, with a key of that number, and run"
                " again; the target was left as it was.",
                details=error.details,
            ) from error


def _refuse_elsewhere(work: RestoreWork, found: t.Mapping[str, str]) -> None:
    """Refuse to load rows where the server would put them elsewhere: into live tables.

    :param found: tables of the new database whose rows are elsewhere, with their storage engines.
    """
    if found:
        shown = ", ".join(f"{name} ({engine})" for name, engine in list(found.items())[:20])
        raise SetInvalid(
            "restore a database",
            on=str(work.reader.set_id),
            why=f"the set holds rows of tables whose rows are stored elsewhere; restoring them would write there:"
            f" {shown}",
            next_step="It was made by an earlier version: make a new one, which has the definitions of such tables; or"
            " restore the other tables from this one with the option tables. Nothing was written.",
        )


# How long one table may take that cannot be made: a remote server that does not answer is not asked again.
_PATIENCE_SECONDS = 20


def make_elsewhere(
    connection: Connection,
    work: RestoreWork,
    database: str,
    definitions: t.Sequence[objects.Definition],
    *,
    dialect: Dialect,
) -> list[LeftOut]:
    """Make tables whose rows are elsewhere; those that cannot be made. MariaDB asks the remote server for some.

    :param connection: as an account that has rights on nothing but that database, where there can be one.
    :raises ProcessFailed: when the server cannot be asked.
    """
    engines = work.reader.description.engine_facts.get("elsewhere", {})
    left = []
    silent: dict[str, str] = {}
    for definition in definitions:
        engine = engines.get(definition.name, "")
        if engine in silent:
            why = f"not tried, because another server gave no answer for {silent[engine]}"
            left.append(LeftOut(definition.kind, definition.name, why))
            continue
        began = time.monotonic()
        try:
            with dialect.session(work.processes, connection, database=database) as session:
                session.prepare_for_tables()
                make(session, [definition], action="restore a table whose rows are elsewhere")
        except ProcessFailed as error:
            with dialect.session(work.processes, connection):
                # This server is there, so it is not at fault; which error it has from another one, nobody can tell.
                number = error_number(error)
            without_rights = number in (1142, 1143, 1227)
            why = "it needs rights on another database" if without_rights else f"the server refuses it (ERROR {number})"
            left.append(LeftOut(definition.kind, definition.name, reason(error) or why))
            if time.monotonic() - began > _PATIENCE_SECONDS:
                silent[engine] = definition.name
    return left


def _tell_other_engines(
    session: Session, work: RestoreWork, database: str, structure: t.Sequence[objects.Definition]
) -> None:
    """Report which tables the server made with another engine than theirs: one that it has, or is to take for all."""
    made = {table: engine for table, engine in catalogue.engines(session, database).items() if engine}
    other = []
    for entry in structure:
        options = _ENGINE.match(entry.statement.rpartition("\n) ")[2]) if entry.kind == objects.TABLE else None
        engine = made.get(entry.name)
        if options is not None and engine is not None and options[1].lower() != engine.lower():
            other.append(f"{entry.name} ({engine} instead of {options[1]})")
    if other:
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        work.warnings.append(f"The server made tables with another engine: {', '.join(other[:_SHOWN])}{more}")


def _make(
    connection: Connection,
    work: RestoreWork,
    database: str,
    later: indexes.Deferred | virtual_columns.Withheld,
    dialect: Dialect,
) -> list[str]:
    """Make what a table whose rows are there has besides."""
    with dialect.session(work.processes, connection, database=database) as session:
        session.prepare_for_tables()
        later.make(session)
    return []


def _compare(
    connection: Connection, work: RestoreWork, database: str, table: str, warning: str, dialect: Dialect
) -> list[str]:
    """Check whether a table whose rows are there, and of which the server warned, holds those of the set."""
    as_written.compare_rows(connection, work, database, table, warning, dialect)
    return []
