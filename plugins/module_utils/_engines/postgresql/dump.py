# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumping one PostgreSQL database: one snapshot, several pg_dumps that share it, the facts taken in it.

The session that exports the snapshot first locks every table against being dropped, truncated or rewritten, so that
what the later pg_dumps find is what the snapshot saw. It then counts the rows while they work.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    Cancelled,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils._system.programs import block_buffered

from ..base import Dumped, LeftOut
from . import by_hand, catalogue, digest, expressions, extension_objects
from . import fixed_settings as fixed
from . import settings as postgresql_settings
from .catalogue import Table
from .client import Connection, advising, quote_conninfo
from .parts import DATA, GLOBALS, SCHEMA, SETTINGS, SUBSCRIPTION
from .properties import PROPERTIES, USUAL_PATH, Properties, path_text, schemas_of_path, search_path_of
from .raw_names import has_one_byte, has_raw, to_raw
from .resolving import relying_on_a_path, unresolved
from .session import Session, quote_identifier
from .session_failed import SessionFailed

# How long a dump waits for a table that another session has locked, seconds.
LOCK_WAIT_SECONDS = 60
# Every pg_dump reads the whole catalogue first; below this much data per group that would cost more than it gains.
_GROUP_BYTES = 32 * 1024 * 1024
# More groups than jobs, so that no job idles at the end because another got more than its share.
_GROUPS_PER_JOB = 2
# The largest tables only are named, each in two command lines.
_NAMED_TABLES = 200
# The indexes of tables from this size on are told to the restore, which then begins them as soon as the rows are there.
_LARGE_TABLE_BYTES = 16 * 1024 * 1024
_TRIES = 3
_PLACES = """
SELECT datname AS name FROM pg_database WHERE datallowconn AND has_database_privilege(oid, 'CONNECT')
    AND pg_encoding_to_char(encoding) = '{encoding}' ORDER BY datname <> 'postgres', oid LIMIT 1
"""
_NEXT_STEP = "Correct the cause and run again; the incomplete set was removed."


def pattern(table: Table) -> str:
    """Return a table as pg_dump's patterns name exactly it: within double quotes nothing else is special."""
    return to_raw(f"{quote_identifier(table.schema)}.{quote_identifier(table.relation)}")


def plan_groups(tables: t.Sequence[Table], jobs: int) -> list[list[Table]]:
    """Spread the largest tables over groups of about the same size.

    :returns: groups that name their tables. Whatever is in none of them belongs to the group that holds the rest.
    """
    holding = [table for table in tables if table.holds_rows]
    total = sum(table.bytes for table in holding)
    count = min(jobs * _GROUPS_PER_JOB, total // _GROUP_BYTES) if jobs > 1 else 1
    if count < 2:
        return []
    groups: list[list[Table]] = [[] for _group in range(count)]
    sizes = [0] * count
    for table in sorted(holding, key=lambda table: -table.bytes)[:_NAMED_TABLES]:
        smallest = sizes.index(min(sizes))
        groups[smallest].append(table)
        sizes[smallest] += table.bytes
    # The group with the most tables becomes the rest: so the fewest are named.
    groups.sort(key=len)
    named = [group for group in groups[:-1] if group]
    return sorted(named, key=lambda group: -sum(table.bytes for table in group))


def dump(connection: Connection, writer: SetWriter, *, jobs: int, digests: bool = False) -> Dumped:
    """Store the streams of a database.

    :param digests: whether to read every row once more, for a digest of what each table holds.
    :raises BackupError: when anything fails.
    """
    warnings: list[str] = []
    with contextlib.ExitStack() as stack:
        session, snapshot, tables, lost = _begin(stack, connection, writer, bulk=digests)
        if lost:
            warnings.append(
                f"This replica cannot read unlogged tables, so their rows are not in the set: {', '.join(lost)}"
            )
        facts = {**catalogue.server(session), **catalogue.properties(session), **catalogue.contents(session)}
        facts["client"] = connection.client.version
        facts["expression_settings"] = expressions.read(session)
        _warn_about(facts, session, warnings)
        of_extensions = extension_objects.left_out(session)
        if digests and facts["large_objects"] and not digest.reads_large_objects(session):
            warnings.append("Large objects have no digest: this user may not read pg_largeobject")
        groups = plan_groups(tables, jobs)
        streams, facts["indexes"] = _streams(connection, writer, session, snapshot, tables, groups, warnings)
        streams.append(_settings_stream(connection, writer, warnings))
        properties = Properties(*catalogue.comment_and_settings(session))
        unrestorable = [LeftOut("subscription", name, SUBSCRIPTION) for name in facts["subscriptions"]]
        # Definitions may hold a secret, which belongs in no message.
        with Session(writer.processes, connection, terse=True) as probing:
            path = search_path_of(properties.settings) or USUAL_PATH
            own_path = path_text(schemas_of_path(probing, path))
            unrestorable += unresolved(probing, path)
            warnings += relying_on_a_path(probing, path)
        action = f"store what is set for the {connection.describe()}"
        text = properties.to_sql(connection.database)
        streams.append(Stream(PROPERTIES, f"{PROPERTIES}.sql", [], action, _NEXT_STEP, stdin=text))
        readable = [table for table in tables if table.name not in lost]
        with advising():
            read = functools.partial(digest.read if digests else _count, session, readable)
            facts["row_counts"], facts["content_digests"] = _store_and_read(writer, streams, read, jobs=jobs)
    data = sorted(stream.part for stream in streams if stream.part.startswith(DATA))
    paths = {stream.part: f"data/{stream.name}{writer.filters.suffix(compress=stream.compress)}" for stream in streams}
    # Whatever restores it by hand is of this version or newer, and a superuser.
    settings = fixed.applicable(session.version_number, superuser=True)
    return Dumped(
        parts=[GLOBALS, SCHEMA, *data, PROPERTIES, SETTINGS],
        content={"rows": sum(facts["row_counts"].values())},
        facts=facts,
        warnings=warnings,
        restore_by_hand=by_hand.commands(facts, settings, paths, data, own_path),
        unrestorable=[*unrestorable, *of_extensions],
    )


def _begin(
    stack: contextlib.ExitStack, connection: Connection, writer: SetWriter, *, bulk: bool
) -> tuple[Session, str, list[Table], list[str]]:
    for attempt in range(1, _TRIES + 1):
        session = Session(writer.processes, connection, bulk=bulk)
        try:
            # Counting is one process's work: the others are for the dump.
            session.execute("SET max_parallel_workers_per_gather = 0")
            session.execute(f"SET lock_timeout = '{LOCK_WAIT_SECONDS}s'")
            replica = bool(session.value("SELECT pg_is_in_recovery() AS value"))
            tables = catalogue.tables(session)
            # LOCK TABLE does not take the snapshot (PostgreSQL manual, "LOCK"): the export after it does.
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            catalogue.lock_tables(session, tables)
            snapshot = session.value("SELECT pg_export_snapshot() AS value")
            # Tables made between the list and the snapshot are dumped too, so they are counted too.
            tables = catalogue.tables(session)
        except ProcessFailed as error:
            session.close()
            if attempt == _TRIES or not isinstance(error, SessionFailed) or not error.missing:
                raise
        else:
            stack.enter_context(session)
            lost = [table.name for table in tables if replica and table.unlogged and table.holds_rows]
            return session, snapshot, tables, lost
    raise AssertionError("unreachable")


def _warn_about(facts: dict[str, t.Any], session: Session, warnings: list[str]) -> None:
    if facts["invalid_indexes"]:
        names = ", ".join(facts["invalid_indexes"])
        warnings.append(f"Invalid indexes are not in the set (pg_dump leaves them out); rebuild them: {names}")
    if catalogue.sorts_by_another_library(session):
        warnings.append(
            "The system's library sorts texts differently from when this database was made: its indexes on texts may"
            " be wrong. REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION; a restored copy is right"
        )
    roles = sorted({name for names in facts["roles"].values() for name in names if has_raw(name)})
    if roles:
        warnings.append(
            f"Names of roles are not UTF-8, and a server that lacks such a role cannot be given it: {', '.join(roles)}."
            " Rename them (ALTER ROLE … RENAME TO), from within a database of the encoding SQL_ASCII"
        )
    hiding = [
        name for name in fixed.HIDING_DAMAGE if session.value(f"SELECT current_setting('{name}') AS value") == "on"
    ]
    if hiding:
        warnings.append(
            f"The server is set to go on where its data are damaged ({', '.join(hiding)} is on), and this user may not"
            " change that: rows may be missing. Switch it off, or dump as a superuser"
        )
    if facts["objects"].get("foreign tables"):
        warnings.append("Foreign tables are in the set without their rows, which are on another server")
    client = facts["client"]
    if int(client.split(".", maxsplit=1)[0]) > session.major:
        warnings.append(
            f"It was dumped with the client of PostgreSQL {client}; restoring it needs a pg_restore of that version."
            f" Install postgresql-client-{session.major} beside it"
        )


def _streams(
    connection: Connection,
    writer: SetWriter,
    session: Session,
    snapshot: str,
    tables: t.Sequence[Table],
    groups: t.Sequence[t.Sequence[Table]],
    warnings: list[str],
) -> tuple[list[Stream], dict[str, list[str]]]:
    # A client_encoding of the server's, the database's or the role's could not say all that is in the database.
    encoding = f"--encoding={session.encoding}"
    common = ["--format=custom", f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_WAIT_SECONDS}s", encoding]
    by_itself = connection.client.compresses_with_zstd
    compression = f"--compress=zstd:{writer.filters.level}" if by_itself else "--compress=0"
    action = f"dump the {connection.describe()}"

    def data_stream(number: int, choice: t.Sequence[str]) -> Stream:
        arguments = [*common, compression, "--section=data", *choice]
        part = f"{DATA}-{number:02d}"
        command = dataclasses.replace(connection.command("pg_dump", arguments), launcher=block_buffered())
        return Stream(part, f"{part}.dump", [command], action, _NEXT_STEP, compress=not by_itself)

    named = [table for group in groups for table in group]
    weighted = [
        (sum(table.bytes for table in group), [f"--table={pattern(table)}" for table in group], list(group))
        for group in groups
    ]
    others = [table for table in tables if table not in named]
    rest = sum(table.bytes for table in others)
    rest += session.value("SELECT pg_table_size('pg_largeobject') AS value")
    weighted.append((rest, [f"--exclude-table-data={pattern(table)}" for table in named], others))
    weighted.sort(key=lambda entry: -entry[0])
    streams = [data_stream(number, choice) for number, (_size, choice, _tables) in enumerate(weighted, start=1)]
    large = [table for table in tables if table.bytes >= _LARGE_TABLE_BYTES][:_NAMED_TABLES]
    entries = catalogue.index_entries(session, [table.oid for table in large])
    indexes = {
        stream.part: [entry for table in group if table.oid in entries for entry in entries[table.oid]]
        for stream, (_size, _choice, group) in zip(streams, weighted)
    }

    # The archive's table of contents, which is nearly all of this part, is never compressed by pg_dump itself.
    arguments = [*common, "--compress=0", "--section=pre-data", "--section=post-data"]
    streams.append(Stream(SCHEMA, f"{SCHEMA}.dump", [connection.command("pg_dump", arguments)], action, _NEXT_STEP))

    place, encoding = _place_to_ask_for_roles(session, connection)
    roles = [
        "--globals-only",
        f"--encoding={encoding}",
        f"--lock-wait-timeout={LOCK_WAIT_SECONDS}s",
        f"--database=dbname={quote_conninfo(to_raw(place))}",
    ]
    if not session.value("SELECT has_table_privilege('pg_authid', 'SELECT') AS value"):
        roles.append("--no-role-passwords")
        warnings.append("The roles are in the set without their passwords: only a superuser may read those")
    command = connection.command("pg_dumpall", roles)
    streams.append(Stream(GLOBALS, f"{GLOBALS}.sql", [command], f"dump the roles of {connection.server}", _NEXT_STEP))
    return streams, indexes


def _place_to_ask_for_roles(session: Session, connection: Connection) -> tuple[str, str]:
    """Return the database in which pg_dumpall can name every role, and its encoding.

    pg_dumpall asks for each role by its name, and the server refuses what is not in the encoding of the database.

    :raises Refused: when there is none.
    """
    names = [row["name"] for row in session.shared_rows("SELECT rolname AS name FROM pg_roles")]
    raw = sorted(filter(has_raw, names))
    wanted = "SQL_ASCII" if raw else "UTF8"
    if session.encoding in (wanted, "SQL_ASCII") or has_one_byte(session.encoding):
        return connection.database, session.encoding
    rows = session.shared_rows(_PLACES.format(encoding=wanted))
    if rows:
        return rows[0]["name"], wanted
    if not raw:
        return connection.database, session.encoding
    raise Refused(
        "dump the roles",
        on=connection.server,
        why=f"names of roles are not UTF-8, and pg_dumpall cannot ask for them: {', '.join(raw)}",
        next_step="Rename them (ALTER ROLE … RENAME TO) or drop them, from within a database of the encoding SQL_ASCII"
        " that you create for it.",
    )


def _settings_stream(connection: Connection, writer: SetWriter, warnings: list[str]) -> Stream:
    text, unread = postgresql_settings.read(writer.processes, connection)
    if unread is not None:
        warnings.append(f"The configuration of the server is not all in the set: could not read {unread}")
    action = f"store how {connection.server} is set up"
    return Stream(SETTINGS, f"{SETTINGS}.json", [], action, _NEXT_STEP, stdin=text)


def _count(session: Session, tables: t.Sequence[Table]) -> tuple[dict[str, int], None]:
    return catalogue.count_rows(session, tables), None


_Read = t.TypeVar("_Read")


def _store_and_read(writer: SetWriter, streams: t.Sequence[Stream], read: t.Callable[[], _Read], *, jobs: int) -> _Read:
    """Store the streams, meanwhile read what only the database says, and return that."""

    def reading() -> _Read:
        try:
            return read()
        except BaseException:
            writer.processes.cancel()
            raise

    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(reading)
        try:
            writer.store_all(streams, jobs=jobs)
        except BackupError as error:
            # Where reading failed first, the streams only failed because they were given up.
            if isinstance(error, Cancelled):
                with contextlib.suppress(concurrent.futures.TimeoutError):
                    cause = future.exception(timeout=10)
                    if isinstance(cause, BackupError) and not isinstance(cause, Cancelled):
                        raise cause from error
            raise
        return future.result()
