# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchanging the tables and programs of one MySQL database for those of another, and repairing what was interrupted.

MySQL has no statement that renames a database, and none that carries several through. RENAME TABLE moves all tables in
one step, but only without triggers; routines and views are made anew. So a client gets the whole of it as one script in
a file of its own, which it goes on with should we die. While the triggers are gone, it holds the tables, so that nobody
writes to them without. Before it begins, a journal (a database beside the target) has all that it takes to put things
right: whatever is interrupted, tables are the old or the new, never some of each, and the next restore makes the
programs that belong to them.

Whoever may create databases may create one of the journal's name, and what it says is done by an administrator. So it
is sealed: a view of the journal's digest, whose definer the server vouches for, tells who wrote it; and what the same
account wrote is believed no more than a set is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import subprocess
import time
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, Refused, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import write_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..kept_name import stamp_of
from ..mysql_family.catalogue import relations
from ..mysql_family.client import Connection
from ..mysql_family.grants import is_on, revocation
from ..mysql_family.names import derived_name, renaming
from ..mysql_family.objects import TRIGGER, VIEW, Definition
from ..mysql_family.programs import view_names
from ..mysql_family.server_error import IS_THERE, ServerError, error_number
from ..mysql_family.session import qualified, quote_identifier, quote_literal, same_name
from . import catalogue, objects
from .client import failure
from .session import SETTINGS, Session, immediate

# How long the swap waits for a session that still uses the target; behind it, others wait.
_WAIT_SECONDS = 5
# How long a server that went down has for coming back, and a script whose master died for its end.
_RETURN_SECONDS = 60
_ROUTINES = ("function", "procedure")
_WORD = re.compile(r"\w+", re.ASCII)
# A view (a table), a routine, a trigger, an event that is there.
ACTION = "put the restored database in place"


@dataclasses.dataclass
class Plan:
    """What a swap does, and all that it takes to complete it or to take it back.

    :param live: the database whose content is exchanged.
    :param kept: the database that gets what is there; empty: nothing is there.
    :param there: the tables of ``live`` before.
    :param new: the tables of ``beside``, which take their place.
    :param holds: whether the tables are held while their triggers are gone. Not where some know transactions and others
        do not: a server with GTIDs locks no such tables together.
    :param options: character set and collation of ``live`` before and after; making a program may change them for a
        moment. Empty where it was not there.
    :param old: the programs of ``live`` before.
    :param programs: its programs after.
    :param grants: what gives accounts their rights on it; some are on routines, and go when those are dropped.
    :param revokes: what takes them back.
    :param present: the rights that were there.
    """

    live: str
    beside: str
    kept: str
    there: list[str]
    new: list[str]
    holds: bool
    options: tuple[tuple[str, ...], tuple[str, ...]]
    old: t.Sequence[Definition]
    programs: t.Sequence[Definition]
    grants: list[str]
    revokes: list[str]
    present: list[str]

    def to_lines(self) -> list[str]:
        """As the journal keeps it: no line larger than the server takes, unless one program is."""
        head = {key: value for key, value in vars(self).items() if key not in ("old", "programs")}
        lines = [json.dumps(head)]
        for part in ("old", "programs"):
            lines += [json.dumps({"part": part, **dataclasses.asdict(entry)}) for entry in getattr(self, part)]
        return lines

    @classmethod
    def from_lines(cls, lines: t.Sequence[str], *, live: str, beside: str) -> Plan:
        """Return what :meth:`to_lines` wrote.

        :param live: the target's name.
        :param beside: the name of the database beside it.
        :raises ValueError: when it is anything else, or reaches beyond the target.
        """
        try:
            head, *others = [json.loads(line) for line in lines]
            old: list[Definition] = []
            programs: list[Definition] = []
            plan = cls(**{**head, "options": tuple(map(tuple, head["options"]))}, old=old, programs=programs)
            for entry in others:
                part = entry.pop("part")
                collations = entry.pop("database_collations")
                found = objects.Definition(**entry, database_collations=tuple(collations) if collations else None)
                found.check("the journal of an interrupted swap")
                {"old": old, "programs": programs}[part].append(found)
            wrong = [name for name, is_right in plan._valid_parts(live, beside).items() if not is_right]
        except SetInvalid as error:
            raise ValueError(error.why) from error
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        if wrong:
            raise ValueError(f"what it says of {', '.join(wrong)} is not what a restore of {live} writes")
        return plan

    def _valid_parts(self, live: str, beside: str) -> dict[str, bool]:
        """Which of its parts are such as a swap of this target has."""
        return {
            "live": self.live == live,
            "beside": self.beside == beside,
            "kept": self.kept == "" or stamp_of(self.kept, lambda ending: derived_name(live, ending)) is not None,
            "tables": all(isinstance(name, str) for name in [*self.there, *self.new]),
            "options": len(self.options) == 2
            and all(
                len(words) in (0, 2) and all(isinstance(word, str) and _WORD.fullmatch(word) for word in words)
                for words in self.options
            ),
            "grants": all(is_on(grant, live) for grant in [*self.grants, *self.present]),
            "revokes": set(self.revokes) <= {revocation(grant) for grant in self.grants if is_on(grant, live)},
        }

    def script(self) -> str:
        """Return the statements that carry it out."""
        return _joined(self._pieces())

    def program_at(self, line: int) -> Definition | None:
        """Return the program that a line of the script makes; None: that line makes none.

        :param line: from 1.
        """
        before = 0
        for text, entry in self._pieces():
            before += text.count("\n")
            if line <= before:
                return entry
        return None

    def _pieces(self) -> list[tuple[str, Definition | None]]:
        moves = [(self.live, name, self.kept) for name in self.there]
        moves += [(self.beside, name, self.live) for name in self.new]
        # Where there are no tables, nothing tells whether it was begun before.
        begun = [] if self.new or self.there else [(self.live, entry) for entry in self.programs]
        return self._script(
            [*((self.live, entry) for entry in self.old), *begun, *((self.beside, entry) for entry in self.programs)],
            moves,
            self.options[1],
            self.programs,
            self.grants,
        )

    def undo(self) -> str:
        """Return the statements that take it back once the tables have moved."""
        moves = [(self.live, name, self.beside) for name in self.new]
        moves += [(self.kept, name, self.live) for name in self.there]
        # Rights that were there are given again: with a routine, those on it went.
        return _joined(
            self._script(
                [*((self.live, entry) for entry in self.programs), *((self.live, entry) for entry in self.old)],
                moves,
                self.options[0],
                self.old,
                [*self.revokes, *self.present],
            )
        )

    def completion(self) -> str:
        """Return the statements that make the new programs once the tables have moved, whatever of them is there."""
        return _joined(
            self._script(
                [*((self.live, entry) for entry in self.programs), *((self.live, entry) for entry in self.old)],
                [],
                self.options[1],
                self.programs,
                self.grants,
            )
        )

    def altering(self, options: t.Sequence[str]) -> list[str]:
        """Return what gives the live database its character set and collation; nothing where these are not known."""
        if not options:
            return []
        said = catalogue.options(dict(zip(("character_set", "collation"), options)))
        return [f"ALTER DATABASE {quote_identifier(self.live)} {said}"]

    def _script(
        self,
        removed: t.Sequence[tuple[str, Definition]],
        moves: t.Sequence[tuple[str, str, str]],
        options: t.Sequence[str],
        made: t.Sequence[Definition],
        grants: t.Sequence[str],
    ) -> list[tuple[str, Definition | None]]:
        """Return the pieces of a script, each with the program that it makes."""
        triggers = [drop for name, entry in removed if entry.kind == TRIGGER for drop in entry.removal(name)]
        arriving = {name for _source, name, target in moves if target == self.live}
        others: list[str] = []
        early: list[str] = []
        # What was made last goes first. A view goes before a table of its name comes.
        for name, entry in reversed([pair for pair in removed if pair[1].kind != TRIGGER]):
            is_in_the_way = name == self.live and entry.kind == VIEW and entry.name in arriving
            (early if is_in_the_way else others).extend(entry.removal(name) if name == self.live else [])
        # Held from here on, so that nobody writes to a table while its triggers are gone.
        held = [f"{qualified(source, name)} WRITE" for source, name, _target in moves] if self.holds else []
        before = [
            SETTINGS,
            f"SET SESSION lock_wait_timeout = {_WAIT_SECONDS}, foreign_key_checks = 0",
            *self.altering(options),
            *early,
            *([f"LOCK TABLES {', '.join(held)}"] if held else []),
            *triggers,
            *([immediate(renaming(moves))] if moves else []),
        ]

        def statements(of: t.Iterable[str]) -> list[tuple[str, Definition | None]]:
            return [(f"{statement};\n", None) for statement in of]

        def programs(*kinds: str, but: t.Collection[str] = ()) -> list[tuple[str, Definition | None]]:
            chosen = (entry for entry in made if (entry.kind in kinds if kinds else entry.kind not in but))
            return [(entry.text, entry) for entry in chosen]

        return [
            *statements(before),
            *programs(TRIGGER),
            *statements([SETTINGS, "UNLOCK TABLES", *others]),
            *programs(*_ROUTINES),
            *statements([SETTINGS, *map(immediate, grants)]),
            *programs(but=(*_ROUTINES, TRIGGER)),
        ]


class Swapper:
    """Carries out swaps of one target.

    :param live: the target's name.
    :param beside: the name of the database beside it.
    :param journal: the name of the database of the journal.
    """

    def __init__(self, processes: Processes, connection: Connection, *, live: str, beside: str, journal: str) -> None:
        self._processes = processes
        self._connection = connection
        self._live = live
        self._beside = beside
        self._journal = journal
        # Whoever carries out a script has this lock until its end.
        self._lock = f"infitulua.backup.swap.{zlib.crc32(journal.encode('utf-8')):08x}"

    def remember(self, plan: Plan) -> None:
        """Write the journal."""
        table = qualified(self._journal, "journal")
        with Session(self._processes, self._connection) as session:
            session.execute(
                f"CREATE DATABASE {quote_identifier(self._journal)} CHARACTER SET utf8mb4",
                action="write down what the swap will do",
            )
            session.execute(f"CREATE TABLE {table} (number int PRIMARY KEY, entry longtext NOT NULL)")
            lines = plan.to_lines()
            # What would not be believed later is not begun.
            self._read(lines)
            # All of them, or none.
            session.execute("START TRANSACTION")
            for number, line in enumerate(lines):
                session.execute(f"INSERT INTO {table} VALUES ({number}, {quote_literal(line)})")
            session.execute("COMMIT")
            # Without a seal, nothing has begun.
            seal = qualified(self._journal, "seal")
            session.execute(f"CREATE SQL SECURITY INVOKER VIEW {seal} AS SELECT '{_digest(lines)}' AS digest")

    def remembered(self) -> Plan | None:
        """Return what the journal says of a swap that was interrupted; None: there was none, or it had not begun.

        :raises Refused: when it is not by this account, or not what a restore writes.
        """
        table = qualified(self._journal, "journal")
        with Session(self._processes, self._connection) as session:
            # Both at once: whoever has rights on the journal may put another view in its place, but no such one.
            seals = session.rows(
                {"definer": "DEFINER", "own": "DEFINER = CURRENT_USER()", "text": "VIEW_DEFINITION"},
                f"information_schema.VIEWS WHERE {same_name('TABLE_SCHEMA', self._journal)} AND TABLE_NAME = 'seal'",
            )
            if not seals or "journal" not in relations(session, self._journal):
                return None
            lines = [row["entry"] for row in session.rows({"entry": "entry"}, f"{table} ORDER BY number")]
        if not seals[0]["own"]:
            raise self._refused(f"it was written by {seals[0]['definer']}, and not by this account")
        if f"'{_digest(lines)}'" not in seals[0]["text"]:
            raise self._refused("it was altered since it was written")
        return self._read(lines)

    def _read(self, lines: t.Sequence[str]) -> Plan:
        try:
            return Plan.from_lines(lines, live=self._live, beside=self._beside)
        except ValueError as error:
            raise self._refused(str(error)) from error

    def _refused(self, why: str) -> Refused:
        return Refused(
            "repair what an interrupted restore left",
            on=self._connection.describe(),
            why=f"its journal, the database {self._journal}, is not trusted: {why}",
            next_step="Restore as the account that began it. If nobody began one, somebody who may create databases"
            " made the journal: look into who that was, drop it, and restore again.",
        )

    def forget(self) -> None:
        """Remove the journal."""
        with Session(self._processes, self._connection) as session:
            session.execute(f"DROP DATABASE IF EXISTS {quote_identifier(self._journal)}")

    @property
    def _head(self) -> str:
        return f"USE {quote_identifier(self._live)};\nDO GET_LOCK('{self._lock}', 0);\n"

    def program_at(self, plan: Plan, found: ServerError | None) -> Definition | None:
        """Return the program that a plan's script was making when it failed; None: none, or it is not told."""
        if found is None or found.line is None:
            return None
        return plan.program_at(found.line - self._head.count("\n"))

    def run(self, script: str) -> None:
        """Carry a script out. The client goes on with it, whatever becomes of us.

        :raises ProcessFailed: when a statement fails; none after it is carried out.
        """
        with contextlib.ExitStack() as stack:
            descriptors = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("mysql-script", "mysql-stderr")]
            for descriptor in descriptors:
                stack.callback(os.close, descriptor)
            source, errors = descriptors
            # Not raised but read by the client: the file may be larger than a pipe holds.
            write_all(source, (self._head + script).encode("utf-8", "surrogateescape"))
            os.lseek(source, 0, os.SEEK_SET)
            command = self._connection.command(["--batch", "--default-character-set=utf8mb4"])
            process = self._processes.start(command, stdin=source, stdout=subprocess.DEVNULL, stderr=errors)
            if self._processes.reap(process):
                otherwise = "Correct the cause and run again."
                raise failure(ACTION, process, errors, on=self._connection.describe(), otherwise=otherwise)

    def wait(self) -> None:
        """Wait for the server to be there and for whoever carries out a script to have ended; a minute at most."""
        end = time.monotonic() + _RETURN_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(ProcessFailed), Session(self._processes, self._connection) as session:
                if session.value(f"IS_FREE_LOCK('{self._lock}')") == "1":
                    return
            time.sleep(0.2)

    def has_moved(self, plan: Plan) -> bool:
        """Whether the tables are in their new places; they move in one step."""
        with Session(self._processes, self._connection) as session:
            if plan.new:
                return not set(plan.new) & set(relations(session, plan.beside)) and set(plan.new) <= set(
                    relations(session, plan.live)
                )
            return bool(plan.there) and set(plan.there) <= set(relations(session, plan.kept))

    def make_missing(self, database: str, programs: t.Sequence[Definition]) -> list[str]:
        """Make those of some programs that a database lacks; return the names of those that cannot be made."""
        waiting = list(programs)
        while waiting:
            left = []
            for entry in waiting:
                try:
                    with Session(self._processes, self._connection, database=database) as session:
                        session.once(entry.text, action="make a program again")
                except ProcessFailed as error:
                    if error_number(error) not in IS_THERE:
                        left.append(entry)
            if len(left) == len(waiting):
                # Of a view that is there and does not resolve, the server says that, and not that it is there.
                with Session(self._processes, self._connection) as session:
                    views = view_names(session, database)
                return [entry.name for entry in left if entry.kind != VIEW or entry.name not in views]
            waiting = left
        return []

    def put_back(self, plan: Plan) -> list[str]:
        """Make the old programs, the tables not having moved; the names of those that cannot be made."""
        with Session(self._processes, self._connection) as session:
            for statement in plan.altering(plan.options[0]):
                session.execute(statement)
        return self.make_missing(plan.live, plan.old)


def _joined(pieces: t.Iterable[tuple[str, Definition | None]]) -> str:
    return "".join(text for text, _entry in pieces)


def _digest(lines: t.Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
