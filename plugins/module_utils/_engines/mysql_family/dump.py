# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumping one database in streams that hold what it had at one moment.

Neither product can hand a snapshot from one session to another, and each has its own way to hold everybody back for the
moment in which all sessions begin theirs (``dump`` of each). One more session, in the same snapshot, keeps every table
from being altered, reads how they are made, and counts the rows while the streams run.
"""

from __future__ import annotations

import abc
import concurrent.futures
import contextlib
import re
import secrets
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter, Stream

from ..base import Dumped, LeftOut
from ..server.options import REFUSE
from . import catalogue, digest, elsewhere, objects, rows, unresolved
from .catalogue import Table
from .client import Connection
from .dialect import Dialect
from .events import preserve_past, tell_past
from .objects import Definition
from .parts import ACCOUNTS, ELSEWHERE, PROGRAMS, ROWS, STRUCTURE
from .server_error import error_number, server_error
from .session import Session, qualified, quote_identifier
from .streams import RowStream, plan

_NEXT_STEP = "Correct the cause and run again; the incomplete set was removed."
# What a server answers an account that may not see its accounts.
_WITHOUT_RIGHTS = (1142, 1044, 1227)


class Dump(abc.ABC):
    """One dump that is running.

    :param choice: what to do about tables that know no snapshot: ``lock`` them while they are read, or ``refuse``.
    :param digests: whether to digest what the tables hold.
    """

    dialect: t.ClassVar[Dialect]
    #: Statements after the rows of each table: no value may have been cut off on its way (it would be NULL).
    nothing_lost: t.ClassVar[str]
    #: What shows an account where the binary log stands.
    position_right: t.ClassVar[str]
    #: What the server's text of a table has where that lies in a directory of its own.
    directory_marks: t.ClassVar[t.Sequence[str]] = (" DIRECTORY=",)

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
        self.unrestorable: list[LeftOut] = []
        # Tables whose rows are elsewhere: name to storage engine, and to the statement that makes it.
        self._elsewhere: dict[str, str] = {}
        self._made_elsewhere: dict[str, str] = {}
        self._hidden: frozenset[str] = frozenset()
        self._stack = contextlib.ExitStack()
        self._lock: Session | None = None
        self._digests: list[tuple[str, str]] = []

    # What the products do otherwise

    @abc.abstractmethod
    def _check_rights(self, session: Session) -> None:
        """Refuse an account that does not see everything: what it may not see would be missing silently."""

    @abc.abstractmethod
    def _same_moment(
        self, witness: Session, tables: t.Sequence[Table], streams: t.Sequence[tuple[RowStream, Session]]
    ) -> dict[str, str]:
        """Begin a snapshot in each session, all of the same moment; where the binary log stood then.

        Each session opens its tables before anybody may alter one: so nobody alters them until the dump has ended,
        and no session has to wait for somebody who waits for another.
        """

    @abc.abstractmethod
    def _structure(self, witness: Session, names: t.Sequence[str], facts: dict[str, t.Any]) -> t.Sequence[Definition]:
        """How the tables, and what they need, are made.

        :param names: of the tables.
        :param facts: what the set says, of which some may only be known now.
        """

    @abc.abstractmethod
    def by_hand(self, facts: t.Mapping[str, t.Any], paths: t.Mapping[str, str]) -> list[str]:
        """Return the commands that restore the set without this collection.

        :param paths: part to file.
        """

    # What they have in common

    def run(self) -> Dumped:
        """Store everything.

        :raises BackupError: when anything fails.
        """
        with self._stack, self.connection.advice.giving():
            witness = self._open()
            self._check_rights(witness)
            tables = self.dialect.tables(witness, self.database)
            self._check_tables(tables)
            self._look_for_exceptions(witness)
            streams = plan(tables, self.jobs, lambda table, count: self._ranges(witness, table, count))
            sessions = [self._open(bulk=True) for _stream in streams]
            position = self._same_moment(witness, tables, list(zip(streams, sessions)))
            facts = self._facts(witness, tables, position)
            texts = {**self._texts(witness, tables, facts), **self._texts_elsewhere(facts)}
            self._check_unaltered(witness, tables, facts)
            facts["streams"] = self._number(streams)
            facts["row_counts"] = self._store(witness, tables, streams, sessions, texts)
            facts["content_digests"] = digest.join(self._digests) if self.digests else None
        return self._dumped(facts, streams, list(texts))

    def _open(self, *, bulk: bool = False) -> Session:
        session = self._stack.enter_context(
            self.dialect.session(self.writer.processes, self.connection, database=self.database, bulk=bulk)
        )
        session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return session

    def _check_tables(self, tables: t.Sequence[Table]) -> None:
        found = [table for table in tables if not table.transactional]
        names = ", ".join(f"{table.name} ({table.engine})" for table in found[:10])
        if found and self.choice == REFUSE:
            raise Refused(
                "dump a database",
                on=self.connection.describe(),
                why=f"these tables are not transactional, so no snapshot covers them: {names}",
                next_step="Convert them (ALTER TABLE … ENGINE = InnoDB), or set nontransactional_tables: lock, which"
                " blocks writes to them while they are read.",
            )

    def _look_for_exceptions(self, witness: Session) -> None:
        """Look for what is not dumped as it stands, before anything is held that somebody could wait for."""
        self._elsewhere = elsewhere.tables(witness, self.database)
        if self._elsewhere:
            self.warnings.append(elsewhere.warning(self._elsewhere))
        self._made_elsewhere, left = elsewhere.statements(
            self.dialect.session, self.writer.processes, self.connection, self._elsewhere
        )
        found = unresolved.find(self.dialect.session, self.writer.processes, self.connection, self.database)
        self._hidden = found.hidden
        self.unrestorable += [*left, *found.left_out()]

    def _texts_elsewhere(self, facts: dict[str, t.Any]) -> dict[str, str]:
        """Return the part with the tables whose rows are elsewhere; none where there is no such table."""
        facts["elsewhere"] = self._elsewhere
        made = self.dialect.elsewhere(self._made_elsewhere, self.database)
        return {ELSEWHERE: objects.write(made)} if made else {}

    def _ranges(self, session: Session, table: Table, count: int) -> list[str]:
        key = quote_identifier(t.cast("str", table.key))
        source = self._qualified(table)
        least, greatest = (session.value(f"(SELECT {edge}({key}) FROM {source})") for edge in ("MIN", "MAX"))
        if least is None or greatest is None:
            return ["TRUE"]
        return rows.pieces(t.cast("str", table.key), int(least), int(greatest), count)

    def _qualified(self, table: Table) -> str:
        return qualified(self.database, table.name)

    def _may_read_position(self) -> bool:
        try:
            with self.dialect.session(self.writer.processes, self.connection) as session:
                self.dialect.position(session)
        except ProcessFailed:
            self.warnings.append(
                f"The position of the binary log is not in the set: the account lacks the right {self.position_right}"
            )
            return False
        return True

    def _lock_nontransactional(self, tables: t.Sequence[Table]) -> None:
        targets = [f"{self._qualified(table)} READ" for table in tables if not table.transactional]
        if targets:
            self._lock = self._stack.enter_context(self.dialect.session(self.writer.processes, self.connection))
            self._lock.execute(f"LOCK TABLES {', '.join(targets)}", action="lock the tables that are not transactional")

    def _check_unaltered(self, witness: Session, tables: t.Sequence[Table], facts: t.Mapping[str, t.Any]) -> None:
        """Refuse what was made, dropped or altered while the dump began: it would be missing, or half in the set."""
        if (
            _shapes(self.dialect.tables(witness, self.database)) != _shapes(tables)
            or elsewhere.tables(witness, self.database) != self._elsewhere
            or self.dialect.count_objects(witness, self.database) != facts["objects"]
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
                f"These tables are not transactional; they are as they were while locked: {', '.join(locked[:20])}"
            )
        return {
            "version": _release(witness.value("VERSION()") or ""),
            "database": self.dialect.properties(witness, self.database),
            "position": position,
            "objects": self.dialect.count_objects(witness, self.database),
            "references": self._references(witness),
            "lower_case_table_names": int(witness.value("@@lower_case_table_names") or 0),
            "token": self.token,
            "tables": {table.name: [[column.name, column.type] for column in table.columns] for table in tables},
            "nontransactional": locked,
        }

    def _references(self, witness: Session) -> list[list[str]]:
        references = catalogue.references(witness, self.database)
        if references:
            names = ", ".join(".".join(pair) for pair in references[:20])
            self.warnings.append(f"Its tables refer to other databases, which are not in the set: {names}")
        return references

    def _texts(self, witness: Session, tables: t.Sequence[Table], facts: dict[str, t.Any]) -> dict[str, str]:
        structure = self._structure(witness, sorted(table.name for table in tables), facts)
        if any(
            mark in entry.statement
            for entry in structure
            if entry.kind == objects.TABLE
            for mark in self.directory_marks
        ):
            self.warnings.append("Tables lie in directories of their own; a restore puts them with the others")
        programs = self.dialect.programs(witness, self.database, hidden=self._hidden)
        self.warnings += tell_past(preserve_past(witness, programs)[1])
        facts["programs"] = [[entry.kind, entry.name] for entry in programs]
        definers = {entry.definer for entry in programs if entry.definer is not None}
        return {
            STRUCTURE: objects.write(structure),
            PROGRAMS: objects.write(programs),
            ACCOUNTS: self.dialect.accounts.write(self._accounts(definers)),
        }

    def _accounts(self, definers: set[str]) -> list[str]:
        try:
            with self.dialect.session(self.writer.processes, self.connection) as session:
                found = self.dialect.accounts.of_database(session, self.database, definers)
                made = self.dialect.accounts.statements(session, self.database, found)
        except ProcessFailed as error:
            if error_number(error) not in _WITHOUT_RIGHTS:
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
        counts = self._count_rows(self._lock, locked) if self._lock else {}
        free = [table for table in tables if table.transactional]

        def count() -> dict[str, int]:
            try:
                return self._count_rows(witness, free)
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
                        if cause is not None and server_error(cause) is not None:
                            raise cause from error
                    raise
            counts.update(counting.result())
        return counts

    def _count_rows(self, session: Session, tables: t.Sequence[Table]) -> dict[str, int]:
        return catalogue.count_rows(session, self.database, tables)

    def _script(self, stream: RowStream) -> str:
        script = [self.dialect.session.as_bytes]
        for number, piece in enumerate(stream.pieces):
            if len(stream.pieces) > 1:
                script.append(f"SELECT '{self.token}', {number};\n")
            script.append(
                f"{self.dialect.select(self.database, piece.table, condition=piece.condition)};\n{self.nothing_lost}"
            )
        return "".join(script)

    def _dumped(self, facts: dict[str, t.Any], streams: t.Sequence[RowStream], texts: t.Sequence[str]) -> Dumped:
        suffix = self.writer.filters.suffix(compress=True)
        parts = [STRUCTURE, *facts["streams"], *(part for part in (ELSEWHERE, PROGRAMS, ACCOUNTS) if part in texts)]
        paths = {part: f"data/{part}.{'tsv' if part.startswith(ROWS) else 'sql'}{suffix}" for part in parts}
        return Dumped(
            parts=parts,
            content={"rows": sum(facts["row_counts"].values())},
            facts=facts,
            warnings=self.warnings,
            restore_by_hand=self.by_hand(facts, paths),
            unrestorable=self.unrestorable,
        )


def _shapes(tables: t.Sequence[Table]) -> set[object]:
    return {table.shape for table in tables}


def _release(version: str) -> str:
    match = re.match(r"\d+\.\d+\.\d+", version)
    return match.group() if match else version
