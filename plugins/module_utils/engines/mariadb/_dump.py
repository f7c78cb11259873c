# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumping one MariaDB database: several sessions that see the same moment, each the source of one stream of rows.

MariaDB cannot hand a snapshot from one session to another. So one session holds all commits back (BACKUP STAGE
BLOCK_COMMIT, for as long as it takes to open the others: some milliseconds each), the others begin their snapshots, and
where the binary log stands is noted; then commits go on. A further session, in the same snapshot, keeps every table
from being altered, reads how they are made, and counts the rows while the streams run.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import re
import secrets
import shlex
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _filters
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Dumped
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _accounts as accounts
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _digest as digest
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _objects as objects
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._catalogue import Table
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection, advising
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    Session,
    quote_identifier,
)

STRUCTURE, PROGRAMS, ACCOUNTS, ROWS = "structure", "programs", "accounts", "rows"
LOCK, REFUSE = "lock", "refuse"
# Below this much, a stream of its own costs more than it gains.
_STREAM_BYTES = 32 * 1024 * 1024
# More streams than jobs, so that no job idles at the end because another got more than its share.
_STREAMS_PER_JOB = 2
# What shows an account all of a database.
_RIGHTS = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
_GATE_SECONDS = 60
_NEXT_STEP = "Correct the cause and run again; the incomplete set was removed."
# After the rows: no value may have been cut off on its way (it would be NULL).
_NOTHING_LOST = (
    "SET @warnings = @@warning_count;\nDELIMITER //\nBEGIN NOT ATOMIC IF @warnings > 0 THEN SIGNAL SQLSTATE '45000'"
    " SET MESSAGE_TEXT = 'a value is larger than max_allowed_packet'; END IF; END//\nDELIMITER ;\n"
)


@dataclasses.dataclass(frozen=True)
class Piece:
    """Some rows of one table.

    :param condition: which; None: all.
    """

    table: Table
    condition: str | None = None


@dataclasses.dataclass
class RowStream:
    """One stream of rows.

    :param pieces: what is in it. Several tables are told apart by lines with the token.
    :param locked: whether its tables are of an engine that knows no snapshot, and stay locked until it has ended.
    """

    pieces: list[Piece]
    bytes: int
    locked: bool = False


def plan(tables: t.Sequence[Table], jobs: int, ranges: t.Callable[[Table, int], list[str]]) -> list[RowStream]:
    """Spreads the tables over streams of about the same size; cuts up those that are larger than a stream's share.

    :param ranges: the conditions that cut a table into this many pieces.
    :returns: the streams, the largest first, but locked ones before all others.
    """
    streams: list[RowStream] = []
    locked = [table for table in tables if not table.transactional]
    if locked:
        streams.append(RowStream([Piece(table) for table in locked], sum(table.bytes for table in locked), True))
    free = [table for table in tables if table.transactional]
    total = sum(table.bytes for table in free)
    count = max(1, min(jobs * _STREAMS_PER_JOB, total // _STREAM_BYTES)) if jobs > 1 else 1
    share = max(total // count, 1)
    rest = []
    for table in free:
        number = round(table.bytes / share) if count > 1 else 1
        if table.key is not None and number > 1:
            conditions = ranges(table, number)
            size = table.bytes // len(conditions)
            streams += [RowStream([Piece(table, condition)], size) for condition in conditions]
        elif count > 1 and table.bytes >= max(share // 2, _STREAM_BYTES):
            streams.append(RowStream([Piece(table)], table.bytes))
        else:
            rest.append(table)
    groups = max(1, min(count, sum(table.bytes for table in rest) // _STREAM_BYTES))
    spread = [RowStream([], 0) for _group in range(groups)]
    for table in rest:
        smallest = min(spread, key=lambda stream: stream.bytes)
        smallest.pieces.append(Piece(table))
        smallest.bytes += table.bytes
    streams += [stream for stream in spread if stream.pieces]
    return sorted(streams, key=lambda stream: (not stream.locked, -stream.bytes))


class Dump:
    """One dump at work.

    :param choice: what to do about tables that know no snapshot: ``lock`` them while they are read, or ``refuse``.
    :param digests: whether to digest what the tables hold.
    """

    session: t.ClassVar[type[Session]] = Session
    catalogue: t.ClassVar[t.Any] = catalogue
    rows: t.ClassVar[t.Any] = rows
    # Statements after the rows of each table.
    nothing_lost: t.ClassVar[str] = _NOTHING_LOST

    def __init__(
        self, connection: Connection, writer: SetWriter, *, jobs: int, choice: str, digests: bool = False
    ) -> None:
        self.connection = connection
        self.writer = writer
        self.jobs = jobs
        self.choice = choice
        self.digests = digests
        self.database = connection.database
        self.token = secrets.token_hex(16)
        self.warnings: list[str] = []
        self._stack = contextlib.ExitStack()
        self._lock: Session | None = None
        self._digests: list[tuple[str, str]] = []

    @staticmethod
    def advising() -> t.ContextManager[None]:
        """Gives failures a next step that fits them."""
        return advising()

    def run(self) -> Dumped:
        """Stores everything.

        :raises BackupError: when anything fails.
        """
        with self._stack, self.advising():
            witness = self._open()
            self._check_rights(witness)
            tables = self.catalogue.tables(witness, self.database)
            self._check_tables(tables)
            streams = plan(tables, self.jobs, lambda table, count: self._ranges(witness, table, count))
            sessions = [self._open(bulk=True) for _stream in streams]
            position = self._same_moment(witness, tables, list(zip(streams, sessions)))
            facts = self._facts(witness, tables, position)
            texts = self._texts(witness, tables, facts)
            self._check_unaltered(witness, tables, facts)
            facts["streams"] = self._number(streams)
            facts["row_counts"] = self._store(witness, tables, streams, sessions, texts)
            facts["content_digests"] = digest.join(self._digests) if self.digests else None
        return self._dumped(facts, streams, list(texts))

    def _open(self, *, bulk: bool = False) -> Session:
        session = self._stack.enter_context(
            self.session(self.writer.processes, self.connection, database=self.database, bulk=bulk)
        )
        session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return session

    def _check_rights(self, session: Session) -> None:
        """Refuses an account that does not see everything: what it may not see would be missing without a word."""
        held = accounts.privileges(session, self.database)
        missing = [name for name in _RIGHTS if name not in held and "ALL PRIVILEGES" not in held]
        if "SHOW CREATE ROUTINE" not in held and not accounts.may_read_routines(self.writer.processes, self.connection):
            missing.append("SELECT on mysql.proc")
        if missing:
            raise Refused(
                "dump a database",
                on=self.connection.describe(),
                why=f"this account lacks rights, and would not see all of it: {', '.join(missing)}",
                next_step=f"GRANT {', '.join(_RIGHTS)} ON {quote_identifier(self.database)}.*, SELECT ON mysql.proc,"
                " and RELOAD, BINLOG MONITOR ON *.* to it.",
            )

    def _check_tables(self, tables: t.Sequence[Table]) -> None:
        exact = [table.name for table in tables for column in table.columns if column.type == "bigint row start"]
        if exact:
            raise Refused(
                "dump a database",
                on=self.connection.describe(),
                why=f"the history of these tables goes by transaction numbers, which no restore can make:"
                f" {', '.join(exact)}",
                next_step="Version them by time (timestamp(6) columns for ROW START and ROW END).",
            )
        found = [table for table in tables if not table.transactional]
        names = ", ".join(f"{table.name} ({table.engine})" for table in found[:10])
        if found and self.choice == REFUSE:
            raise Refused(
                "dump a database",
                on=self.connection.describe(),
                why=f"these tables know no transactions, so no snapshot holds for them: {names}",
                next_step="Convert them (ALTER TABLE … ENGINE = InnoDB), or say nontransactional_tables: lock, which"
                " holds back who writes to them while they are read.",
            )

    def _ranges(self, session: Session, table: Table, count: int) -> list[str]:
        key = quote_identifier(t.cast("str", table.key))
        source = self._qualified(table)
        least, greatest = (session.value(f"(SELECT {edge}({key}) FROM {source})") for edge in ("MIN", "MAX"))
        if least is None or greatest is None:
            return ["TRUE"]
        return rows.pieces(t.cast("str", table.key), int(least), int(greatest), count)

    def _qualified(self, table: Table) -> str:
        return f"{quote_identifier(self.database)}.{quote_identifier(table.name)}"

    def _same_moment(
        self, witness: Session, tables: t.Sequence[Table], streams: t.Sequence[tuple[RowStream, Session]]
    ) -> dict[str, str]:
        """Begins a snapshot in each session, all of the same moment; where the binary log stood then.

        Each session opens its tables before anybody may alter one: so nobody alters them until the dump has ended,
        and no session has to wait for somebody who waits for another.
        """
        readable = self._may_read_position()
        with Session(self.writer.processes, self.connection) as gate:
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
                session.execute(
                    ";\n".join(["START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", *opening]),
                    action="begin a snapshot",
                )
            position = catalogue.position(gate) if readable else {}
            gate.execute("BACKUP STAGE END", action="let commits go on")
        return position

    def _may_read_position(self) -> bool:
        try:
            with Session(self.writer.processes, self.connection) as session:
                catalogue.position(session)
        except ProcessFailed:
            self.warnings.append(
                "Where the binary log stood is not in the set: the account lacks the right BINLOG MONITOR"
            )
            return False
        return True

    def _lock_nontransactional(self, tables: t.Sequence[Table]) -> None:
        targets = [f"{self._qualified(table)} READ" for table in tables if not table.transactional]
        if targets:
            self._lock = self._stack.enter_context(self.session(self.writer.processes, self.connection))
            self._lock.execute(f"LOCK TABLES {', '.join(targets)}", action="lock the tables that know no transactions")

    def _check_unaltered(self, witness: Session, tables: t.Sequence[Table], facts: t.Mapping[str, t.Any]) -> None:
        """What was made, dropped or altered while the dump began would be missing, or half in the set."""
        if (
            _shape(self.catalogue.tables(witness, self.database)) != _shape(tables)
            or self.catalogue.count_objects(witness, self.database) != facts["objects"]
        ):
            raise BackupError(
                "dump a database",
                on=self.connection.describe(),
                why="its tables or programs were altered while the dump began",
                next_step="Run again; the incomplete set was removed.",
            )

    def _facts(self, witness: Session, tables: t.Sequence[Table], position: dict[str, str]) -> dict[str, t.Any]:
        locked = [table.name for table in tables if not table.transactional]
        if locked:
            self.warnings.append(
                f"These tables know no transactions; they are as they were while locked: {', '.join(locked[:20])}"
            )
        return {
            "version": _release(witness.value("VERSION()") or ""),
            "database": catalogue.properties(witness, self.database),
            "position": position,
            "objects": catalogue.count_objects(witness, self.database),
            "sequence_defaults": objects.sequence_defaults(witness, self.database),
            "references": self._references(witness),
            "lower_case_table_names": int(witness.value("@@lower_case_table_names") or 0),
            "token": self.token,
            "tables": {table.name: [[column.name, column.type] for column in table.columns] for table in tables},
            "history": [table.name for table in tables if table.versioned],
            "nontransactional": locked,
        }

    def _references(self, witness: Session) -> list[list[str]]:
        references = catalogue.references(witness, self.database)
        if references:
            names = ", ".join(".".join(pair) for pair in references[:20])
            self.warnings.append(f"Its tables refer to other databases, which are not in the set: {names}")
        return references

    def _texts(self, witness: Session, tables: t.Sequence[Table], facts: dict[str, t.Any]) -> dict[str, str]:
        names = sorted(table.name for table in tables)
        sequences = catalogue.sequences(witness, self.database)
        structure = objects.structure(witness, self.database, names, sequences)
        if any(" DIRECTORY=" in entry.statement for entry in structure):
            self.warnings.append("Tables lie in directories of their own; a restore puts them with the others")
        programs = objects.programs(witness, self.database)
        facts["programs"] = [[entry.kind, entry.name] for entry in programs]
        definers = {entry.definer for entry in programs if entry.definer is not None}
        return {
            STRUCTURE: objects.write(structure),
            PROGRAMS: objects.write(programs),
            ACCOUNTS: accounts.write(self._accounts(definers)),
        }

    def _accounts(self, definers: set[str]) -> list[str]:
        try:
            with Session(self.writer.processes, self.connection) as session:
                found = accounts.of_database(session, self.database, definers)
                made = accounts.statements(session, self.database, found)
        except ProcessFailed as error:
            if not re.search(r"ERROR (?:1142|1044|1227)\b", error.why):
                raise
            self.warnings.append("The accounts that use the database are not in the set: this account may not see them")
            return []
        return made

    def _number(self, streams: t.Sequence[RowStream]) -> dict[str, list[str]]:
        """Stream to the names of its tables, in their order."""
        return {
            f"{ROWS}-{number:02d}": [piece.table.name for piece in stream.pieces]
            for number, stream in enumerate(streams, start=1)
        }

    def _store(
        self,
        witness: Session,
        tables: t.Sequence[Table],
        streams: t.Sequence[RowStream],
        sessions: t.Sequence[Session],
        texts: t.Mapping[str, str],
    ) -> dict[str, int]:
        action = f"dump the {self.connection.describe()}"
        locked = [table for table in tables if not table.transactional]
        counts = catalogue.count_rows(self._lock, self.database, locked) if self._lock else {}
        free = [table for table in tables if table.transactional]

        def count() -> dict[str, int]:
            try:
                return catalogue.count_rows(witness, self.database, free)
            except BaseException:
                self.writer.processes.cancel()
                raise

        def store(part: str, stream: RowStream, session: Session) -> None:
            # Beside: a long script waits for a client that waits for somebody to read its rows.
            sending = threading.Thread(target=session.send_all, args=(self._script(stream),), daemon=True)
            sending.start()
            with contextlib.ExitStack() as stack:
                output: t.IO[bytes] | int = session.output
                if self.digests:
                    names = [piece.table.name for piece in stream.pieces]
                    tee = stack.enter_context(digest.Tee(session.output, names, self.token))
                    output = tee.output
                self.writer.store(Stream(part, f"{part}.tsv", [], action, _NEXT_STEP, stdin=output))
                if self.digests:
                    self._digests += tee.digests()
            sending.join()
            session.wait(action)
            if stream.locked and self._lock is not None:
                self._lock.execute("UNLOCK TABLES")

        with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, self.jobs) + 1) as pool:
            counting = pool.submit(count)
            with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, self.jobs)) as workers:
                futures = [
                    workers.submit(store, f"{ROWS}-{number:02d}", stream, session)
                    for number, (stream, session) in enumerate(zip(streams, sessions), start=1)
                ]
                try:
                    for future in concurrent.futures.as_completed(futures):
                        future.result()
                    for part, text in texts.items():
                        self.writer.store(
                            Stream(part, f"{part}.sql", [], action, _NEXT_STEP, stdin=text.encode("utf-8"))
                        )
                except BaseException as error:
                    for future in futures:
                        future.cancel()
                    self.writer.processes.cancel()
                    # Where counting failed first, the streams only failed because they were given up.
                    if isinstance(error, BackupError) and counting.done() and counting.exception() is not None:
                        cause = counting.exception()
                        if isinstance(cause, BackupError) and "ERROR" in cause.why:
                            raise cause from error
                    raise
            counts.update(counting.result())
        return counts

    def _script(self, stream: RowStream) -> str:
        script = [self.session.as_bytes]
        for number, piece in enumerate(stream.pieces):
            if len(stream.pieces) > 1:
                script.append(f"SELECT '{self.token}', {number};\n")
            script.append(
                f"{self.rows.select(self.database, piece.table, condition=piece.condition)};\n{self.nothing_lost}"
            )
        return "".join(script)

    def _dumped(self, facts: dict[str, t.Any], streams: t.Sequence[RowStream], texts: t.Sequence[str]) -> Dumped:
        suffix = self.writer.filters.suffix(compress=True)
        parts = [*texts[:1], *facts["streams"], *texts[1:]]
        paths = {part: f"data/{part}.{'tsv' if part.startswith(ROWS) else 'sql'}{suffix}" for part in parts}
        return Dumped(
            parts=parts,
            content={"rows": sum(facts["row_counts"].values())},
            facts=facts,
            warnings=self.warnings,
            restore_by_hand=self.by_hand(facts, paths),
        )

    def by_hand(self, facts: t.Mapping[str, t.Any], paths: t.Mapping[str, str]) -> list[str]:
        """The commands that restore the set without this collection.

        :param paths: part to file.
        """
        return _by_hand(facts, paths)


def _shape(tables: t.Sequence[Table]) -> list[tuple[t.Any, ...]]:
    return sorted((table.name, table.engine, table.versioned, table.columns) for table in tables)


def _release(version: str) -> str:
    match = re.match(r"\d+\.\d+\.\d+", version)
    return match.group() if match else version


def _by_hand(facts: t.Mapping[str, t.Any], paths: t.Mapping[str, str]) -> list[str]:
    """Commands for an operator with the set, a key and MariaDB's own client. ~/.my.cnf says which server."""
    name = facts["database"]["name"]
    client = "mariadb --sandbox --local-infile=1 --default-character-set=utf8mb4 --init-command=" + shlex.quote(
        "SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO,NO_DIR_IN_CREATE', time_zone='+00:00', foreign_key_checks=0,"
        " check_constraint_checks=0" + (", system_versioning_insert_history=1" if facts["history"] else "")
    )
    database = shlex.quote(name)
    create = f"CREATE DATABASE {quote_identifier(name)} CHARACTER SET {facts['database']['character_set']}"
    create += f" COLLATE {facts['database']['collation']}"
    commands = [
        "# ~/.my.cnf says which server and as whom. Accounts that exist are reported and kept (--force).",
        f"{client} --execute={shlex.quote(create)}",
        f"{_filters.by_hand(paths[STRUCTURE])} | {client} {database}",
    ]
    commands += rows_by_hand(facts, paths, f"{client} {database}", rows.load)
    # Twice: programs need the accounts that they run as, and accounts have rights on programs.
    giving = f"{_filters.by_hand(paths[ACCOUNTS])} | {client} --force {database}"
    commands += [giving, f"{_filters.by_hand(paths[PROGRAMS])} | {client} {database}", giving]
    return commands


def rows_by_hand(
    facts: t.Mapping[str, t.Any], paths: t.Mapping[str, str], client: str, load: t.Callable[..., str]
) -> list[str]:
    """Commands that load the rows.

    :param paths: part to file.
    :param client: the client as a shell's words, with the database.
    :param load: what makes the statement that loads them.
    """
    commands = []
    for part, tables in facts["streams"].items():
        reading = _filters.by_hand(paths[part])
        if len(tables) == 1:
            statement = load(tables[0], facts["tables"][tables[0]], path="/dev/stdin")
            commands.append(f"{reading} | {client} --execute={shlex.quote(statement)}")
            continue
        split = f'$1 == "{facts["token"]}" {{ close(f); f = "{part}-" $2 ".tsv"; printf "" > f; next }}'
        split += " { print > f }"
        commands.append(f"{reading} | LC_ALL=C awk -F '\\t' {shlex.quote(split)}")
        for number, table in enumerate(tables):
            statement = load(table, facts["tables"][table], path=f"{part}-{number}.tsv")
            commands.append(f"{client} --execute={shlex.quote(statement)}")
        commands.append(f"rm {part}-*.tsv")
    return commands
