# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL database as a source: dumped in parallel streams from one snapshot."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import Dumped, Examination, SourceEngine
from . import dump as postgresql_dump
from .client import Client, Connection, choose_client, clients
from .options import NAME
from .session import Session


class PostgresqlSource(SourceEngine):
    """One PostgreSQL database."""

    name = NAME

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._connection = Connection(options)
        self._digests = bool(options.get("content_digest"))

    def describe(self) -> str:
        return self._connection.describe()

    def examine(self) -> Examination:
        with self._connection, Processes() as processes:
            client, version, size = self._choose_client(processes)
        return Examination(size, {"postgresql": version, "pg_dump": client.version})

    def _choose_client(self, processes: Processes) -> tuple[Client, str, int]:
        """Ask the server its version, with any client, and choose the client that suits it."""
        available = clients(self._connection.client_directory)
        self._connection.client = available[0]
        with Session(processes, self._connection) as session:
            row = session.rows(
                "SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size"
            )[0]
            major = session.major
        on = f"PostgreSQL {row['version']} on {self._connection.server}"
        self._connection.client = choose_client(available, major, on=on)
        return self._connection.client, row["version"], row["size"]

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        with self._connection:
            if not self._connection.has_client:
                self._choose_client(writer.processes)
            return postgresql_dump.dump(self._connection, writer, jobs=jobs, digests=self._digests)
