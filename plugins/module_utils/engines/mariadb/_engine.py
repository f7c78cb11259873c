# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MariaDB engine: one database, dumped in parallel streams of one moment, restored beside and swapped."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Dumped,
    Examination,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import CONTENT_DIGEST_ARGUMENT
from ansible_collections.infitulua.backup.plugins.module_utils.engines._discovery import Discovery
from ansible_collections.infitulua.backup.plugins.module_utils.engines._facts import Named, malformed
from ansible_collections.infitulua.backup.plugins.module_utils.engines._server_engine import (
    LOGIN_ARGUMENTS,
    ServerEngine,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _discovery
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._beside import BesideRestoration
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._dump import LOCK, REFUSE, ROWS, Dump
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._restore import Restoration
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._selection import (
    SELECTION_ARGUMENTS,
    SelectedRestoration,
    Selection,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import Session, require_mariadb

NONTRANSACTIONAL = {"nontransactional_tables": {"type": "str", "choices": [LOCK, REFUSE]}}


class MariadbEngine(ServerEngine):
    """One MariaDB database. As a target, ``database`` is the name to restore as."""

    name = "mariadb"
    source_arguments: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        **LOGIN_ARGUMENTS,
        **NONTRANSACTIONAL,
        **CONTENT_DIGEST_ARGUMENT,
    }
    target_arguments: t.ClassVar[dict[str, dict[str, t.Any]]] = {**LOGIN_ARGUMENTS, **SELECTION_ARGUMENTS}
    facts_shape: t.ClassVar[t.Any] = {
        "version": str,
        "database": {"name": str, "character_set": str, "collation": str, "comment": str},
        "objects": Named(int),
        "row_counts": Named(int),
        "content_digests": (dict, type(None)),
        "sequence_defaults": [[str]],
        "references": [[str]],
        "lower_case_table_names": int,
        "token": str,
        "tables": Named([[str]]),
        "history": [str],
        "streams": Named([str]),
    }

    # What does the work.
    connection: t.ClassVar[type[Connection]] = Connection
    session: t.ClassVar[type[Session]] = Session
    catalogue: t.ClassVar[t.Any] = catalogue
    dump_type: t.ClassVar[type[Dump]] = Dump
    restoration: t.ClassVar[type[BesideRestoration]] = Restoration
    selection: t.ClassVar[type[Selection]] = SelectedRestoration

    _connection: Connection
    _restoration: BesideRestoration

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._options = options
        self._connection = self.connection(options)
        tables = options.get("tables")
        self._restoration = self.selection(self._connection, tables) if tables else self.restoration(self._connection)

    @classmethod
    def check_facts(cls, description: Description) -> None:
        super().check_facts(description)
        facts = description.engine_facts
        # What people write about a database is no name.
        comment = facts["database"].get("comment", "").replace("\0", "")
        for name, value in {**facts, "database": {**facts["database"], "comment": comment}}.items():
            if name in cls.facts_shape and not all(map(_can_be_said, _texts(value))):
                raise malformed(f"engine_facts.{name}", on=description.id)
        for name, is_wrong in cls._wrong(description).items():
            if is_wrong:
                raise malformed(f"engine_facts.{name}", on=description.id)

    @classmethod
    def _wrong(cls, description: Description) -> dict[str, bool]:
        """Which facts are not as this engine writes them, though they have their shape."""
        facts = description.engine_facts
        parts = [file.part for file in description.payload if file.part.startswith(ROWS)]
        named = {table for tables in facts["streams"].values() for table in tables}
        return {
            "version": not re.fullmatch(r"\d+\.\d+\.\d+", facts["version"]),
            "token": not re.fullmatch(r"[0-9a-f]{32}", facts["token"]),
            "streams": sorted(parts) != sorted(facts["streams"]),
            "tables": not named <= set(facts["tables"])
            or any(len(column) != 2 for columns in facts["tables"].values() for column in columns),
            "references": any(len(entry) != 2 for entry in facts["references"]),
            "sequence_defaults": any(len(entry) != 3 for entry in facts.get("sequence_defaults", ())),
        }

    @classmethod
    def databases(cls, options: t.Mapping[str, t.Any], *, sizes: bool = False) -> Discovery:
        return _discovery.discover(options, sizes=sizes)

    def examine(self) -> Examination:
        _path, client = self.connection.find_client(self._options.get("client_directory"))
        with self._connection, Processes() as processes, self.session(processes, self._connection) as session:
            version = self._require(session)
            if self.catalogue.properties(session, self._connection.database) is None:
                raise NotFound(
                    "dump a database",
                    on=self._connection.describe(),
                    why="the server has no database of this name that this account may see",
                    next_step="Correct the database's name, or grant the account its rights on it.",
                )
            size = catalogue.size(session, self._connection.database)
        return Examination(size, {self.name: version, f"{self.name} client": client})

    def _require(self, session: t.Any) -> str:
        """The server's version; refuses one that cannot be dumped."""
        return require_mariadb(session, "dump a database", on=self._connection.describe())

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        with self._connection:
            choice = self._options.get("nontransactional_tables") or REFUSE
            digests = bool(self._options.get("content_digest"))
            return self.dump_type(self._connection, writer, jobs=jobs, choice=choice, digests=digests).run()


def _texts(value: t.Any) -> t.Iterator[str]:
    """All texts in a value of JSON's."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _can_be_said(text: str) -> bool:
    """Whether a server can have anything of this name, and be told so."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in text
