# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring some tables of a PostgreSQL database into a schema of their own, within the live database.

They are made in a database beside the live one, checked, and moved there into a schema of the wanted name. That schema
then goes from the one database to the other in one transaction: it appears whole or not at all, and nothing else of
the live database is touched. What would tie it to the rest of the live database stays behind, and is told: triggers,
rules, policies, owners and privileges; foreign keys, inheritance and partitions to and from what was not chosen;
defaults that take from another's sequence.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import itertools
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._description import PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command, Processes, run_and_read
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check, RestoreWork, TargetState
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import compare_digests
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._access import Access
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._check import check_sequences
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._client import (
    Client,
    Connection,
    advising,
    clients,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._create import (
    NAME_BYTES,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._digest import read
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._dump import DATA
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._fill import (
    UNTOUCHED,
    judge,
    memory_file,
    schema_archive,
    without_event_triggers,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._restore import Restoration
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._session import (
    Session,
    quote_identifier,
    quote_literal,
)

SELECTION_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "tables": {"type": "list", "elements": "str"},
    "schemas": {"type": "list", "elements": "str"},
    "into_schema": {"type": "str"},
}
_PART = r'("(?:[^"]|"")+"|[^".]+)'
_TABLE_NAME = re.compile(rf"{_PART}\.{_PART}")
_SCHEMA_NAME = re.compile(_PART)
_LIST_LINE = re.compile(r"(?P<number>\d+); \d+ \d+ (?P<rest>.*)")
# How much of a part is read at first to see what is in it; an archive begins with its list.
_FIRST_LOOK_BYTES = 1024 * 1024
# What is made anew of a table besides its rows, and what is not, by the kinds of pg_restore's lists.
_FOREIGN_KEY = "FK CONSTRAINT "
_BUILT = ("CHECK CONSTRAINT ", "CONSTRAINT ", "INDEX ")
_ATTACHED = "INDEX ATTACH "
_LEFT_OUT = {"TRIGGER ": "triggers", "RULE ": "rules", "POLICY ": "policies of row-level security"}
_WITHOUT = ["--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions", "--no-security-labels"]
_SHOWN = 20

_PARTITIONS = """
WITH RECURSIVE chosen(oid) AS (
    SELECT unnest(ARRAY[{oids}]::oid[])
  UNION
    SELECT i.inhrelid FROM pg_inherits i JOIN chosen ON chosen.oid = i.inhparent
    JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p' JOIN pg_class c ON c.oid = i.inhrelid
    WHERE c.relkind IN ('r', 'p')
)
SELECT oid::bigint AS oid FROM chosen
"""
_PARENTS = """
SELECT i.inhrelid::regclass::text AS child, i.inhparent::regclass::text AS parent, p.relkind = 'p' AS partitioned
FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
WHERE i.inhrelid IN ({oids}) AND i.inhparent NOT IN ({oids}) ORDER BY 1, 2
"""
_FOREIGN_KEYS = """
SELECT o.conrelid::regclass::text AS table, quote_ident(o.conname) AS name, o.confrelid::regclass::text AS referred
FROM pg_constraint o WHERE o.contype = 'f' AND o.conparentid = 0
AND o.conrelid IN ({oids}) AND o.confrelid NOT IN ({oids}) ORDER BY 1, 2
"""
# Defaults that take from a sequence which does not go along: no chosen table's column owns it.
_DEFAULTS = """
SELECT DISTINCT a.adrelid::regclass::text AS table, quote_ident(c.attname) AS column,
    d.refobjid::regclass::text AS sequence
FROM pg_attrdef a JOIN pg_attribute c ON c.attrelid = a.adrelid AND c.attnum = a.adnum
JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
WHERE a.adrelid IN ({oids}) AND s.oid NOT IN ({owned}) ORDER BY 1, 2
"""
_OWNED = """
SELECT s.oid::bigint AS oid, format('%I.%I', n.nspname, s.relname) AS name, quote_ident(s.relname) AS relation
FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype IN ('a', 'i')
WHERE s.relkind = 'S' AND d.refobjid IN ({oids})
"""
_SCHEMA = "SELECT 1 AS value FROM pg_namespace WHERE nspname = {name}"


def parse_table(text: str) -> tuple[str, str] | None:
    """Schema and name of a table as SQL writes them; None: it is no such thing."""
    found = _TABLE_NAME.fullmatch(text.strip())
    return (_plain(found.group(1)), _plain(found.group(2))) if found else None


def _plain(part: str) -> str:
    if part.startswith('"'):
        return part[1:-1].replace('""', '"')
    # As PostgreSQL does: only the letters of ASCII.
    return "".join(character.lower() if character.isascii() else character for character in part.strip())


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which tables, and the schema that they are put into.

    :param tables: schema and name.
    :param schemas: all of whose tables are meant.
    """

    tables: tuple[tuple[str, str], ...]
    schemas: tuple[str, ...]
    into: str

    @classmethod
    def of(cls, options: t.Mapping[str, t.Any]) -> Selection | None:
        """What a target's options ask for; None: the whole database.

        :raises Refused: when they do not fit together.
        """
        tables, schemas, into = (options.get(name) for name in ("tables", "schemas", "into_schema"))
        if not (tables or schemas or into):
            return None
        database = str(options.get("database"))
        if not (into and (tables or schemas)):
            raise _refused(
                database,
                "tables or schemas, and into_schema, belong together, and one of them was not given",
                "Say which tables (tables, schemas) and the new schema that they are put into (into_schema).",
            )
        if options.get("owner") is not None or options.get("access") is not None:
            raise _refused(
                database,
                "single tables belong to whoever restores them, so owner and access say nothing",
                "Leave owner and access out, and give the tables away afterwards (ALTER TABLE … OWNER TO, GRANT).",
            )
        parsed = [(text, parse_table(text)) for text in tables or ()]
        wrong = [text for text, name in parsed if name is None]
        wrong += [text for text in schemas or () if not _SCHEMA_NAME.fullmatch(text.strip())]
        if wrong:
            raise _refused(
                database,
                f"these are no names: {', '.join(wrong)}",
                'Write schema.table as SQL does, with double quotes where it needs them: ventas."Línea 1".',
            )
        size = len(into.encode("utf-8"))
        if size > NAME_BYTES or into.startswith("pg_") or into in ("public", "information_schema") or "\0" in into:
            raise _refused(
                database,
                f"{into} cannot be the name of a new schema",
                f"Choose another name, of at most {NAME_BYTES} bytes, that does not begin with pg_.",
            )
        names = tuple(dict.fromkeys(name for _text, name in parsed if name is not None))
        return cls(names, tuple(dict.fromkeys(_plain(text.strip()) for text in schemas or ())), into)

    def describe(self) -> str:
        """In a few words."""
        shown = [f"{schema}.{name}" for schema, name in self.tables] + [f"{schema}.*" for schema in self.schemas]
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        return ", ".join(shown[:_SHOWN]) + more


class SelectedRestoration(Restoration):
    """One restore of some tables into a schema of their own. Its methods are those of a whole restore.

    :param connection: of the live database, open.
    """

    def __init__(self, connection: Connection, selection: Selection) -> None:
        super().__init__(connection, Access(keep=False))
        self._selection = selection
        self._transfer: Client | None = None
        self._major = 0
        # Names within the new schema to names in the set.
        self._tables: dict[str, str] = {}
        self._sequences: dict[str, str] = {}

    # What stands there

    def inspect(self, work: RestoreWork) -> TargetState:
        """Checks that the live database is there, has no schema of that name, and that the set holds the tables."""
        state = super().inspect(work)
        on = f"schema {self._selection.into} of the {self.connection.describe()}"
        if not state.exists:
            raise NotFound(
                "restore tables",
                on=on,
                why="there is no such database",
                next_step="Name the database that the tables are put into, or restore the whole set under a new name.",
            )
        with Session(work.processes, self.connection) as session:
            self._major = session.major
            if session.value(_SCHEMA.format(name=quote_literal(self._selection.into))):
                raise Refused(
                    "restore tables",
                    on=on,
                    why="that schema exists already",
                    next_step="Give another into_schema, or drop that one if it is not needed any more.",
                )
        # One of the server's own version, or else one before 17, whose pg_restore begins with a setting that older
        # servers do not know: in a single transaction nothing may fail.
        suitable = [client for client in clients(self.connection.client_directory) if client.major >= self._major]
        suitable = [client for client in suitable if client.major < 17 or self._major >= 17]
        if not suitable:
            raise Refused(
                "restore tables",
                on=on,
                why=f"the server is PostgreSQL {self._major}, and no client here suits it",
                next_step=f"Install the package postgresql-client-{self._major}.",
            )
        self._transfer = min(suitable, key=lambda client: client.major)
        self._check_there(work)
        return TargetState(f"{self._selection.describe()} into {on}", False, True)

    def _check_roles(self, work: RestoreWork, session: Session) -> None:
        """What is restored belongs to whoever restores it, so it needs no roles."""

    def _check_there(self, work: RestoreWork) -> None:
        with schema_archive(self.connection, work) as (path, descriptor):
            lines = [rest for _number, rest in self._list(work, path, descriptor, "pre-data")]
        missing = [
            f"{schema}.{name}"
            for schema, name in self._selection.tables
            if not any(line.startswith(f"TABLE {schema} {name} ") for line in lines)
        ]
        missing += [
            f"{schema}.*"
            for schema in self._selection.schemas
            if not any(line.startswith(f"TABLE {schema} ") for line in lines)
        ]
        if missing:
            raise self._not_in_set(work, missing)

    def _not_in_set(self, work: RestoreWork, missing: t.Sequence[str]) -> NotFound:
        known = sorted(work.reader.description.engine_facts["row_counts"])
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        return NotFound(
            "restore tables",
            on=", ".join(missing[:_SHOWN]),
            why=f"the set {work.reader.set_id} does not hold them; it holds {', '.join(known[:_SHOWN])}{more}",
            next_step="Correct the names (schema.table), or choose another set.",
        )

    # Restoring beside

    def restore_beside(self, work: RestoreWork) -> None:
        """Makes a database beside the live one, and in it the schema with the tables."""
        self._lock()
        _major, memory, superuser = self._begin_beside(work, tablespaces=False)
        options = f"-c synchronous_commit=off -c maintenance_work_mem={max(memory, 256)}MB"
        if superuser:
            options += f" -c {without_event_triggers(self._major)}"
        lenient = self.connection.client.major >= 17 > self._major

        def pg_restore(*more: str, pass_fds: t.Sequence[int] = ()) -> Command:
            command = self.connection.command(
                "pg_restore",
                [*([] if lenient else ["--exit-on-error"]), *_WITHOUT, "--no-tablespaces", *more],
                database=self.beside,
                environment={"PGOPTIONS": options},
                pass_fds=pass_fds,
            )
            return dataclasses.replace(command, success=frozenset({0, 1})) if lenient else command

        with advising(), schema_archive(self.connection, work) as (path, descriptor):

            def restore_entries(numbers: t.Sequence[str], jobs: int) -> None:
                if not numbers:
                    return
                with memory_file("list", _use_list(numbers)) as (chosen, chosen_descriptor):
                    self.connection.hand_over(chosen_descriptor)
                    choice = [f"--jobs={jobs}", f"--use-list={chosen}", path]
                    self._run(work, pg_restore(*choice, pass_fds=[descriptor, chosen_descriptor]))

            self._run(work, pg_restore("--section=pre-data", path, pass_fds=[descriptor]))
            chosen = self._resolve(work)
            self._load(work, chosen, pg_restore)
            entries = self._list(work, path, descriptor, "post-data")
            attached = [number for number, rest in entries if rest.startswith(_ATTACHED)]
            built = [number for number, rest in entries if rest.startswith(_BUILT) and number not in attached]
            restore_entries(built, work.jobs)
            restore_entries(attached, 1)
            self._make_foreign_keys(work, chosen, entries, lambda number: restore_entries([number], 1))
            for kind, words in _LEFT_OUT.items():
                left = [rest for _number, rest in entries if _is_of(rest, kind, chosen)]
                if left:
                    work.warnings.append(f"The tables come without their {words} ({len(left)})")
        self._move(work, chosen)

    def _create_beside(self, work: RestoreWork, *, tablespaces: bool) -> tuple[int, int, bool]:
        # The set's owner need not be here; everything belongs to whoever restores.
        with self._maintenance(work.processes) as session:
            user = session.value("SELECT current_user AS value")
        database = {**work.reader.description.engine_facts["database"], "owner": user}
        return self._create_like(work, database, tablespaces=tablespaces)

    def _run(self, work: RestoreWork, command: Command) -> None:
        action, on = "restore the database's objects", self.connection.describe(self.beside)
        judge(work.processes.run([command], action=action, on=on, next_step=UNTOUCHED), action=action, on=on)

    def _list(self, work: RestoreWork, path: str, descriptor: int, section: str | None) -> list[tuple[str, str]]:
        """The entries of an archive: number, and kind, schema, name and owner as pg_restore writes them."""
        command = self.connection.command("pg_restore", [], pass_fds=[descriptor])
        arguments = ["--list", *([f"--section={section}"] if section else []), path]
        listing = Command([command.argv[0], *arguments], pass_fds=[descriptor], user=command.user)
        text = run_and_read(
            listing, action="list the database's objects", on=str(work.reader.set_id), next_step=UNTOUCHED
        )
        found = [_LIST_LINE.match(line) for line in text.splitlines()]
        return [(entry["number"], entry["rest"]) for entry in found if entry is not None]

    def _resolve(self, work: RestoreWork) -> list[catalogue.Table]:
        """The tables that are meant, partitions with what they are parts of.

        :raises BackupError: when one is not there, or two would have one name.
        """
        with Session(work.processes, self.connection, database=self.beside) as session:
            there = catalogue.tables(session)
            named = {(table.schema, table.relation) for table in there}
            missing = [f"{schema}.{name}" for schema, name in self._selection.tables if (schema, name) not in named]
            missing += [
                f"{name}.*" for name in self._selection.schemas if name not in {table.schema for table in there}
            ]
            if missing:
                raise self._not_in_set(work, missing)
            wanted = [
                table
                for table in there
                if (table.schema, table.relation) in self._selection.tables or table.schema in self._selection.schemas
            ]
            rows = session.rows(_PARTITIONS.format(oids=_oids(wanted)))
        oids = {row["oid"] for row in rows}
        chosen = [table for table in there if table.oid in oids]
        names = [table.relation for table in chosen]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Refused(
                "restore tables",
                on=f"schema {self._selection.into}",
                why=f"several of the tables have the same name: {', '.join(twice)}",
                next_step="Restore them one schema at a time, each into a schema of its own.",
            )
        return chosen

    def _load(
        self, work: RestoreWork, chosen: t.Sequence[catalogue.Table], pg_restore: t.Callable[..., Command]
    ) -> None:
        """Restores the rows of the tables, and the sequences, from those parts that hold any."""
        parts = [file for file in work.reader.description.payload if file.part.startswith(DATA)]
        with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, work.jobs)) as pool:
            futures = [pool.submit(self._load_part, work, chosen, pg_restore, file) for file in parts]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                work.processes.cancel()
                raise

    def _load_part(
        self,
        work: RestoreWork,
        chosen: t.Sequence[catalogue.Table],
        pg_restore: t.Callable[..., Command],
        file: PayloadFile,
    ) -> None:
        numbers = [
            number
            for number, rest in self._list_part(work, file)
            if rest.startswith("SEQUENCE SET ") or _is_of(rest, "TABLE DATA ", chosen)
        ]
        if numbers:
            action = f"restore the rows of the {self.connection.describe(self.beside)}"
            with memory_file("list", _use_list(numbers)) as (path, descriptor):
                self.connection.hand_over(descriptor)
                command = pg_restore("--section=data", f"--use-list={path}", pass_fds=[descriptor])
                outcomes = work.reader.run(
                    file, [command], processes=work.processes, action=action, next_step=UNTOUCHED
                )
            judge(outcomes, action=action, on=f"{work.reader.set_id}, {file.path}")
        work.progress.advance(file.bytes)

    def _list_part(self, work: RestoreWork, file: PayloadFile) -> list[tuple[str, str]]:
        """What is in a part, which is read no further than its list goes."""
        size = _FIRST_LOOK_BYTES
        while True:
            head, whole = _head(work, file, size)
            with memory_file("head", head) as (path, descriptor):
                self.connection.hand_over(descriptor)
                try:
                    return self._list(work, path, descriptor, None)
                except ProcessFailed:
                    if whole:
                        raise
            size *= 4

    def _make_foreign_keys(
        self,
        work: RestoreWork,
        chosen: t.Sequence[catalogue.Table],
        entries: t.Sequence[tuple[str, str]],
        restore_entry: t.Callable[[str], None],
    ) -> None:
        """Makes them one by one: those that refer to a table without its rows cannot be made, and are told."""
        left = []
        for number, rest in entries:
            if not _is_of(rest, _FOREIGN_KEY, chosen):
                continue
            try:
                restore_entry(number)
            except ProcessFailed:
                # For that reason only: a key between two tables that were chosen held where they were dumped.
                if work.processes.cancelled:
                    raise
                left.append(rest[len(_FOREIGN_KEY) :])
        if left:
            # The list's line: schema, table, name, owner.
            shown = ", ".join(line.rsplit(" ", 1)[0] for line in left[:_SHOWN])
            work.warnings.append(f"Foreign keys to tables that were not chosen were left out: {shown}")

    def _move(self, work: RestoreWork, chosen: t.Sequence[catalogue.Table]) -> None:
        """Moves the tables into the schema, having cut what ties them to others."""
        oids = _oids(chosen)
        into = quote_identifier(self._selection.into)
        with Session(work.processes, self.connection, database=self.beside) as session:
            session.execute("BEGIN")
            for row in session.rows(_PARENTS.format(oids=oids)):
                if row["partitioned"]:
                    session.execute(f"ALTER TABLE {row['parent']} DETACH PARTITION {row['child']}")
                else:
                    session.execute(f"ALTER TABLE {row['child']} NO INHERIT {row['parent']}")
                work.warnings.append(f"{row['child']} was part of {row['parent']}, and is a table by itself now")
            for row in session.rows(_FOREIGN_KEYS.format(oids=oids)):
                session.execute(f"ALTER TABLE {row['table']} DROP CONSTRAINT {row['name']}")
                work.warnings.append(
                    f"The foreign key {row['name']} of {row['table']} was left out: {row['referred']} was not chosen"
                )
            owned = session.rows(_OWNED.format(oids=oids))
            others = ", ".join(str(row["oid"]) for row in owned) or "0"
            for row in session.rows(_DEFAULTS.format(oids=oids, owned=others)):
                session.execute(f"ALTER TABLE {row['table']} ALTER COLUMN {row['column']} DROP DEFAULT")
                work.warnings.append(
                    f"The default of {row['table']}.{row['column']} was left out: {row['sequence']} is not the table's"
                )
            if session.value(_SCHEMA.format(name=quote_literal(self._selection.into))):
                # The set's own schema of this name: only the live database must not have one.
                taken = {row["name"] for row in session.rows("SELECT nspname AS name FROM pg_namespace")}
                free = next(name for name in map("set_{}".format, itertools.count()) if name not in taken)
                session.execute(f"ALTER SCHEMA {into} RENAME TO {free}")
            session.execute(f"CREATE SCHEMA {into}")
            written = session.value(f"SELECT quote_ident({quote_literal(self._selection.into)}) AS value")
            for row in session.rows(f"SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.oid IN ({oids})"):
                session.execute(f"ALTER TABLE {row['name']} SET SCHEMA {into}", action="move a table into its schema")
            session.execute("COMMIT")
        self._tables = {table.relation: table.name for table in chosen if table.holds_rows}
        self._sequences = {f"{written}.{row['relation']}": row["name"] for row in owned}

    # Checking

    def check(self, work: RestoreWork) -> list[Check]:
        """Compares the tables with what the set says of them."""
        facts = work.reader.description.engine_facts
        with Session(work.processes, self.connection, database=self.beside) as session:
            there = [table for table in catalogue.tables(session) if table.schema == self._selection.into]
            digests: dict[str, str] = {}
            if facts["content_digests"] is None:
                counted = catalogue.count_rows(session, there)
            else:
                counted, digests = read(session, there)
            found = catalogue.contents(session)
        names = {table.name: self._tables.get(table.relation) for table in there if table.holds_rows}
        wrong = []
        for name, count in counted.items():
            original = names[name]
            # A replica cannot read unlogged tables: they come back empty and were not counted.
            expected = facts["row_counts"].get(original, 0)
            if count != expected:
                wrong.append(f"{original}: {count} instead of {expected}")
        missing = set(self._tables.values()) - set(names.values())
        wrong += [f"{name} is missing" for name in sorted(missing)]
        summary = f"{sum(counted.values())} rows in {len(counted)} tables"
        checks = [Check("row counts", not wrong, "; ".join(wrong[:_SHOWN]) or summary)]
        if facts["content_digests"] is not None:
            held = {original: digests[name] for name, original in names.items() if original and name in digests}
            # What was not read where it was dumped has none.
            said = {name: facts["content_digests"][name] for name in held if name in facts["content_digests"]}
            checks += compare_digests(said, {name: held[name] for name in said})
        expected_sequences = {new: facts["sequences"][old] for new, old in self._sequences.items()}
        checks.append(
            check_sequences(
                expected_sequences,
                {name: row for name, row in found["sequences"].items() if name in expected_sequences},
            )
        )
        broken = set(found["invalid_indexes"])
        checks.append(Check("indexes", not broken, f"invalid: {', '.join(sorted(broken))}" if broken else "all valid"))
        return checks

    # Putting in place

    def swap(self, work: RestoreWork) -> str | None:
        """Brings the schema into the live database, in one transaction."""
        if self._transfer is None:
            raise RuntimeError("a restore begins with inspect")
        restoring, self.connection.client = self.connection.client, self._transfer
        into = quote_identifier(self._selection.into)
        # What the live database does of itself when something is created is not for these tables.
        options = {"PGOPTIONS": "-c event_triggers=off"} if self._major >= 17 else {}
        try:
            dump = self.connection.command(
                "pg_dump",
                ["--format=custom", "--compress=0", f"--schema={into}", *_WITHOUT, "--no-tablespaces"],
                database=self.beside,
            )
            load = self.connection.command(
                "pg_restore", ["--single-transaction", "--exit-on-error", *_WITHOUT], environment=options
            )
            with advising():
                work.processes.run(
                    [dump, load],
                    action="put the tables into the live database",
                    on=f"schema {self._selection.into} of the {self.connection.describe()}",
                    next_step=UNTOUCHED,
                )
        finally:
            self.connection.client = restoring
        try:
            with Processes() as processes, self._maintenance(processes) as session:
                self._drop_beside(session)
        except BackupError as error:
            work.warnings.append(f"The tables are restored, but {self.beside} was not removed: {error.message}")
        self._unlock()
        return None


def _refused(database: str, why: str, next_step: str) -> Refused:
    return Refused("restore tables", on=f"database {database}", why=why, next_step=next_step)


def _oids(tables: t.Sequence[catalogue.Table]) -> str:
    return ", ".join(str(table.oid) for table in tables) or "0"


def _use_list(numbers: t.Sequence[str]) -> bytes:
    return "".join(f"{number};\n" for number in numbers).encode()


def _is_of(rest: str, kind: str, chosen: t.Sequence[catalogue.Table]) -> bool:
    """Whether an entry of a list is of this kind and belongs to one of the tables.

    Names are not quoted there, so another's may pass where names have spaces in them: that gives it rows or keys in the
    database beside, and no more; which tables are moved is decided by the catalogue.
    """
    if not rest.startswith(kind):
        return False
    subject = rest[len(kind) :]
    return any(subject.startswith(f"{table.schema} {table.relation} ") for table in chosen)


def _head(work: RestoreWork, file: PayloadFile, size: int) -> tuple[bytes, bool]:
    """The beginning of a part, and whether that is all of it."""
    head = bytearray()

    def keep(chunk: memoryview) -> None:
        head.extend(chunk)
        if len(head) >= size:
            raise _EnoughRead

    try:
        with Processes() as processes:
            work.reader.run(
                file, [], processes=processes, action="read a part of a set", next_step=UNTOUCHED, sink=keep
            )
    except _EnoughRead:
        return bytes(head), False
    return bytes(head), True


class _EnoughRead(Exception):
    """The beginning of a part has been read."""
