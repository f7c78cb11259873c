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
import re
import shlex
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _filters
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._programs import block_buffered
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Dumped
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql import _digest, _settings
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._catalogue import Table
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._client import (
    Connection,
    advising,
    quote_conninfo,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._create import (
    creation_statement,
    limit_statements,
    property_statements,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._session import (
    Session,
    quote_identifier,
)

SCHEMA = "schema"
GLOBALS = "globals"
DATA = "data"
SETTINGS = "settings"
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
_NEXT_STEP = "Correct the cause and run again; the incomplete set was removed."


def pattern(table: Table) -> str:
    """A table as pg_dump's patterns name exactly it: within double quotes nothing else is special."""
    return f"{quote_identifier(table.schema)}.{quote_identifier(table.relation)}"


def plan_groups(tables: t.Sequence[Table], jobs: int) -> list[list[Table]]:
    """Spreads the largest tables over groups of about the same size.

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
    """Stores the streams of a database.

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
        _warn_about(facts, session, warnings)
        if digests and facts["large_objects"] and not _digest.reads_large_objects(session):
            warnings.append("Large objects have no digest: this user may not read pg_largeobject")
        groups = plan_groups(tables, jobs)
        streams, facts["indexes"] = _streams(connection, writer, session, snapshot, tables, groups, warnings)
        streams.append(_settings_stream(connection, writer, warnings))
        readable = [table for table in tables if table.name not in lost]
        with advising():
            read = functools.partial(_digest.read if digests else _count, session, readable)
            facts["row_counts"], facts["content_digests"] = _store_and_read(writer, streams, read, jobs=jobs)
    data = sorted(stream.part for stream in streams if stream.part.startswith(DATA))
    paths = {stream.part: f"data/{stream.name}{writer.filters.suffix(compress=stream.compress)}" for stream in streams}
    return Dumped(
        parts=[GLOBALS, SCHEMA, *data, SETTINGS],
        content={"rows": sum(facts["row_counts"].values())},
        facts=facts,
        warnings=warnings,
        restore_by_hand=_by_hand(facts, paths, data),
    )


def _begin(
    stack: contextlib.ExitStack, connection: Connection, writer: SetWriter, *, bulk: bool
) -> tuple[Session, str, list[Table], list[str]]:
    for attempt in range(1, _TRIES + 1):
        session = Session(writer.processes, connection, bulk=bulk)
        try:
            # Counting is one process's work: the others are for the dump.
            session.execute("SET max_parallel_workers_per_gather = 0")
            session.execute("SET synchronize_seqscans = off")
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
            if attempt == _TRIES or "does not exist" not in error.why or error.what == "connect to the server":
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
            "The system's library sorts texts in another way than when this database was made: its indexes on texts may"
            " be wrong. REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION; a restored copy is right"
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
    common = ["--format=custom", f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_WAIT_SECONDS}s"]
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

    roles = [
        "--globals-only",
        f"--lock-wait-timeout={LOCK_WAIT_SECONDS}s",
        f"--database=dbname={quote_conninfo(connection.database)}",
    ]
    if not session.value("SELECT has_table_privilege('pg_authid', 'SELECT') AS value"):
        roles.append("--no-role-passwords")
        warnings.append("The roles are in the set without their passwords: only a superuser may read those")
    command = connection.command("pg_dumpall", roles)
    streams.append(Stream(GLOBALS, f"{GLOBALS}.sql", [command], f"dump the roles of {connection.server}", _NEXT_STEP))
    return streams, indexes


def _settings_stream(connection: Connection, writer: SetWriter, warnings: list[str]) -> Stream:
    text, hidden = _settings.read(writer.processes, connection)
    if hidden is not None:
        warnings.append(
            f"How the server is set up is not all in the set: this user may not see {hidden}. A superuser may"
        )
    action = f"store how {connection.server} is set up"
    return Stream(SETTINGS, f"{SETTINGS}.json", [], action, _NEXT_STEP, stdin=text)


def _count(session: Session, tables: t.Sequence[Table]) -> tuple[dict[str, int], None]:
    return catalogue.count_rows(session, tables), None


_Read = t.TypeVar("_Read")


def _store_and_read(writer: SetWriter, streams: t.Sequence[Stream], read: t.Callable[[], _Read], *, jobs: int) -> _Read:
    """Stores the streams and meanwhile reads what only the database says; what it read."""

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
            if "the operation has been given up" in error.why or "SIGKILL" in error.why:
                with contextlib.suppress(concurrent.futures.TimeoutError):
                    cause = future.exception(timeout=10)
                    if isinstance(cause, BackupError) and "psql" not in cause.why:
                        raise cause from error
            raise
        return future.result()


def _by_hand(facts: t.Mapping[str, t.Any], paths: t.Mapping[str, str], data: t.Sequence[str]) -> list[str]:
    """Commands for an operator with the set, a key and PostgreSQL's own programs. PG* variables say which server."""
    name = facts["database"]["name"]
    # A name with = or : in it would be read as a connection string.
    plain = re.fullmatch(r"[\w.-]+", name, re.ASCII)
    target = shlex.quote(f"--dbname={name if plain else f'dbname={quote_conninfo(name)}'}")
    restore = f"pg_restore --exit-on-error {target}"
    # Statements of roles only, and no backslash: so psql has nothing to execute on this host.
    roles = "grep -E '^(CREATE ROLE|ALTER ROLE|GRANT|COMMENT ON ROLE) ' | grep -v '\\\\'"
    roles += " | psql --no-psqlrc --dbname=postgres"
    create = shlex.quote(creation_statement(facts["database"], name, major=None))
    commands = [
        "# PGHOST, PGPORT and PGUSER say which server; a superuser is needed. Roles that exist are reported and kept.",
        f"{_filters.by_hand(paths[GLOBALS])} | {roles}",
        f"psql --no-psqlrc --dbname=postgres --command={create}",
        f"{_filters.by_hand(paths[SCHEMA])} | {restore} --section=pre-data",
        *(f"{_filters.by_hand(paths[part])} | {restore}" for part in data),
        f"{_filters.by_hand(paths[SCHEMA])} | {restore} --section=post-data",
    ]
    statements = property_statements(facts["database"], name, warnings=[])
    for statement in statements + limit_statements(facts["database"], name):
        commands.append(f"psql --no-psqlrc {target} --command={shlex.quote(statement)}")
    commands.append(f"# How the server was set up, for reading only: {_filters.by_hand(paths[SETTINGS])}")
    return commands
