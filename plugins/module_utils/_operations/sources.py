# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the entries of a list of sources to sources: one entry may stand for many databases of one server.

Each database found is a source of its own. Its name is the entry's, a dot, and the database's name with ``.`` and the
two digits of each byte of its UTF-8 for whatever is no letter, digit, ``_`` or ``-``: ``servidor`` and ``Año 1`` make
``servidor.A.c3.b1o.201``. So no two databases share a name, and the database can be read from it.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.discovery import Discovery
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId, is_name
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from .known_sets import known_sets

# Options of an entry that stands for several databases.
MANY_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "databases": {"type": "list", "elements": "str"},
    "except_databases": {"type": "list", "elements": "str"},
}
# How many databases a message names.
_SHOWN = 20
_PLAIN = re.compile(r"[A-Za-z0-9_-]")
_ENCODED = re.compile(r"\.([0-9a-f]{2})")
_WILD = re.compile(r"[*?\[]")


@dataclasses.dataclass(frozen=True)
class Source:
    """One source to back up.

    :param name: in set ids.
    :param entry: the entry of the list that it comes from.
    :param options: its engine's.
    """

    name: str
    entry: t.Mapping[str, t.Any]
    options: dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Gone:
    """A source with sets, whose database the server has no longer.

    :param newest: the id of its newest set.
    """

    source: str
    entry: str
    database: str
    newest: str

    def describe(self) -> str:
        """Describe it in words."""
        return (
            f"{self.source}: the server has no database {self.database} any more, so no new set was made; its sets"
            f" were kept, the newest is {self.newest}"
        )


@dataclasses.dataclass
class Expansion:
    """What one entry stands for.

    :param sources: in the order of the entry's list, and of their names where one pattern finds several.
    :param problems: what it should stand for as well and cannot.
    :param warnings: what the operator should know.
    """

    sources: list[Source]
    problems: list[BackupError] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    gone: list[Gone] = dataclasses.field(default_factory=list)


def derived_name(entry: str, database: str) -> str:
    """Return the name of the source that a database of an entry is.

    :raises Refused: when it is too long for a name.
    """
    name = _encode(entry, database)
    if not is_name(name):
        raise Refused(
            "name a source",
            on=name,
            why=f"the name of {entry} and of the database {database} together has {len(name)} characters, and 128 is"
            " the most",
            next_step="Give this database an entry of its own (database instead of databases), and name it in"
            " except_databases of this one; or shorten the entry's name.",
        )
    return name


def _encode(entry: str, database: str) -> str:
    return f"{entry}." + "".join(
        character
        if _PLAIN.fullmatch(character)
        else "".join(f".{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
        for character in database
    )


def database_of(entry: str, source: str) -> str | None:
    """Return the database that a source of an entry is; or None if it is not one of this entry's."""
    if not source.startswith(f"{entry}."):
        return None
    text = _ENCODED.sub(lambda match: chr(int(match.group(1), 16)), source[len(entry) + 1 :])
    database = text.encode("latin-1").decode("utf-8", "surrogateescape")
    return database if _encode(entry, database) == source else None


def check_names(entries: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    """Check that no two sources, derived ones among them, can have one name.

    :raises Refused: when they can.
    """
    names = [entry["name"] for entry in entries]
    shared = {name for name in names if names.count(name) > 1}
    for entry in entries:
        if entry.get("databases") is not None:
            shared |= {name for name in names if name.startswith(f"{entry['name']}.")}
    if shared:
        raise Refused(
            "back up sources",
            on=", ".join(sorted(shared)),
            why="another source has this name, or could have it, and their sets could not be told apart",
            next_step="Give each source of a host its own name, and let none begin with the name of an entry with"
            " databases and a dot.",
        )


def expand(entry: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any], *, host: str, medium: Medium) -> Expansion:
    """Return the sources that an entry stands for. Changes nothing.

    :param options: its engine's, and those of :data:`MANY_ARGUMENTS`.
    :param medium: where sets may be of databases that the server has no longer.
    :raises BackupError: when it cannot be known.
    """
    own = {name: value for name, value in options.items() if name not in MANY_ARGUMENTS}
    _check(entry["name"], options)
    if options.get("databases") is None:
        return Expansion([Source(entry["name"], entry, own)])
    discovery, chosen, missing = _find(entry["engine"], options)
    expansion = Expansion([])
    if any(_WILD.search(pattern) for pattern in options["databases"]):
        expansion.warnings += discovery.warnings
    if missing:
        expansion.problems.append(_nothing_found(entry["name"], discovery, missing))
    for database in chosen:
        try:
            name = derived_name(entry["name"], database)
        except Refused as error:
            expansion.problems.append(error)
        else:
            expansion.sources.append(Source(name, entry, {**own, "database": database}))
    present = {found.name for found in discovery.databases}
    expansion.gone = _gone(entry["name"], present, host=host, medium=medium)
    return expansion


def target_databases(engine: str, name: str, options: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """Return the options of each target that an entry stands for: one, or the databases that the server has now.

    :param name: the entry's.
    :param options: its engine's, and those of :data:`MANY_ARGUMENTS`.
    :raises BackupError: when it cannot be known.
    """
    own = {option: value for option, value in options.items() if option not in MANY_ARGUMENTS}
    _check(name, options)
    if options.get("databases") is None:
        return [own]
    _discovery, chosen, _missing = _find(engine, options)
    return [{**own, "database": database} for database in chosen]


def _find(engine: str, options: t.Mapping[str, t.Any]) -> tuple[Discovery, list[str], list[str]]:
    """Return what the server has, the databases that are meant, and those names and patterns that find none."""
    own = {name: value for name, value in options.items() if name not in MANY_ARGUMENTS}
    discovery = find_engine(engine).discover(own)
    return (discovery, *choose(discovery, options["databases"], options.get("except_databases") or []))


def _check(name: str, options: t.Mapping[str, t.Any]) -> None:
    wanted, unwanted = options.get("databases"), options.get("except_databases")
    why = None
    if wanted is None:
        if unwanted is not None:
            why = "except_databases was given without databases"
    elif options.get("database") is not None:
        why = "database and databases were both given"
    elif not [pattern for pattern in wanted if pattern]:
        why = "databases is empty"
    if why is not None:
        raise Refused(
            "choose databases",
            on=name,
            why=why,
            next_step="Give database for one, or databases (names and patterns, '*' for all) and, where some are to be"
            " left out, except_databases.",
        )


def choose(discovery: Discovery, wanted: t.Sequence[str], unwanted: t.Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the databases that are meant, and those names and patterns that find none."""
    chosen: dict[str, None] = {}
    missing = []
    for pattern in wanted:
        # A name means that database, whatever it holds. A pattern means those that hold somebody's data.
        found = [
            database.name
            for database in discovery.databases
            if database.name == pattern
            or (_WILD.search(pattern) and database.holds_data and fnmatch.fnmatchcase(database.name, pattern))
        ]
        left = [name for name in found if not any(name == no or fnmatch.fnmatchcase(name, no) for no in unwanted)]
        if not left:
            missing.append(pattern + (" (but for those of except_databases)" if found else ""))
        chosen.update(dict.fromkeys(left))
    return list(chosen), missing


def _nothing_found(entry: str, discovery: Discovery, missing: t.Sequence[str]) -> NotFound:
    there = [database.name for database in discovery.databases if database.holds_data]
    shown = ", ".join(there[:_SHOWN]) + (f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else "")
    return NotFound(
        "find the databases of an entry",
        on=f"{entry}, {discovery.engine} on {discovery.server}",
        why=f"the server has none for {', '.join(missing)}" + ("; ".join(["", *discovery.warnings]).rstrip(".")),
        next_step=f"Correct databases and except_databases. The server has {shown or 'none'}.",
    )


def _gone(entry: str, present: t.Collection[str], *, host: str, medium: Medium) -> list[Gone]:
    of_source: dict[str, list[SetId]] = {}
    for set_id in medium.sets(host=host):
        of_source.setdefault(set_id.source, []).append(set_id)
    gone = []
    for source, sets in sorted(of_source.items()):
        database = database_of(entry, source)
        if database is None or database in present:
            continue
        readable = [known.set_id for known in known_sets(medium, sets, now=host_clock.now()) if known.problem is None]
        if not readable:
            continue  # Of sets that have gone bad, set_verify tells.
        set_id = readable[-1]
        try:
            with contained("read a set", on=str(set_id)):
                facts = read_description(set_id, medium.contents(set_id)).engine_facts
        except BackupError:
            continue  # Of a set that has gone bad, set_verify tells.
        # A source that somebody named so by hand is not one of this entry's.
        if isinstance(facts.get("database"), dict) and facts["database"].get("name") == database:
            gone.append(Gone(source, entry, database, str(set_id)))
    return gone
