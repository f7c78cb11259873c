# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database of MariaDB or MySQL as a source: dumped in parallel streams of one moment."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import Dumped, Examination, SourceEngine
from ..server.options import REFUSE
from . import catalogue
from .dialect import Dialect
from .dump import Dump


class FamilySource(SourceEngine):
    """One database.

    :cvar dialect: how the product is spoken to.
    :cvar dump_type: what dumps.
    """

    dialect: t.ClassVar[Dialect]
    dump_type: t.ClassVar[type[Dump]]

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._options = options
        self._connection = self.dialect.connection(options)

    def describe(self) -> str:
        return self._connection.describe()

    def examine(self) -> Examination:
        _path, client = self.dialect.connection.find_client(self._options.get("client_directory"))
        connection, dialect = self._connection, self.dialect
        with connection, Processes() as processes, dialect.session(processes, connection) as session:
            version = dialect.require(session, "dump a database", on=connection.describe())
            if dialect.properties(session, self._connection.database) is None:
                raise NotFound(
                    "dump a database",
                    on=self._connection.describe(),
                    why="the server has no database of this name that this account may see",
                    next_step="Correct the database's name, or grant the account its rights on it.",
                )
            size = catalogue.size(session, self._connection.database)
        return Examination(size, {self.name: version, f"{self.name} client": client})

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        with self._connection:
            choice = self._options.get("nontransactional_tables") or REFUSE
            digests = bool(self._options.get("content_digest"))
            return self.dump_type(self._connection, writer, jobs=jobs, choice=choice, digests=digests).run()
