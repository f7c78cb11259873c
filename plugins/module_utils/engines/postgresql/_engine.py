# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL engine: one database, dumped in parallel streams from one snapshot, restored beside and swapped."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Dumped,
    Examination,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._content_digest import CONTENT_DIGEST_ARGUMENT
from ansible_collections.infitulua.backup.plugins.module_utils.engines._discovery import Discovery
from ansible_collections.infitulua.backup.plugins.module_utils.engines._facts import Named
from ansible_collections.infitulua.backup.plugins.module_utils.engines._server_engine import (
    LOGIN_ARGUMENTS,
    ServerEngine,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql import _discovery, _dump
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._access import (
    ARGUMENTS as ACCESS_ARGUMENTS,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._access import Access
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._client import (
    Client,
    Connection,
    choose_client,
    clients,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._restore import Restoration
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._selection import (
    SELECTION_ARGUMENTS,
    SelectedRestoration,
    Selection,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._session import Session


class PostgresqlEngine(ServerEngine):
    """One PostgreSQL database. As a target, ``database`` is the name to restore as."""

    name = "postgresql"
    source_arguments: t.ClassVar[dict[str, dict[str, t.Any]]] = {**LOGIN_ARGUMENTS, **CONTENT_DIGEST_ARGUMENT}
    target_arguments: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        **LOGIN_ARGUMENTS,
        **ACCESS_ARGUMENTS,
        **SELECTION_ARGUMENTS,
    }
    facts_shape: t.ClassVar[t.Any] = {
        "version": str,
        "client": str,
        "database": {
            "name": str,
            "owner": str,
            "encoding": str,
            "collate": str,
            "ctype": str,
            "locale_provider": str,
            "locale": (str, type(None)),
            "icu_rules": (str, type(None)),
            "collation_version": (str, type(None)),
            "tablespace": str,
            "comment": (str, type(None)),
            "has_access_list": bool,
            "access": [dict],
            "settings": [dict],
            "connection_limit": int,
            "is_template": bool,
        },
        "extensions": Named(str),
        "roles": {"owners": [str], "grantees": [str], "named": [str]},
        "member_roles": [str],
        "tablespaces": Named(str),
        "collations": [
            {
                "name": str,
                "system": bool,
                "provider": str,
                "locale": (str, type(None)),
                "collate": (str, type(None)),
                "ctype": (str, type(None)),
                "version": (str, type(None)),
            }
        ],
        "subscriptions": [str],
        "indexes": Named([str]),
        "invalid_indexes": [str],
        "objects": Named(int),
        "large_objects": int,
        "constraints_not_validated": list,
        "sequences": Named({"last_value": (int, type(None)), "increment_by": int, "cycle": bool}),
        "row_counts": Named(int),
        "content_digests": (dict, type(None)),
    }

    _connection: Connection
    _restoration: Restoration

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._connection = Connection(options)
        self._digests = bool(options.get("content_digest"))
        access = Access.from_options(options)
        selection = Selection.of(options)
        self._restoration = (
            SelectedRestoration(self._connection, selection) if selection else Restoration(self._connection, access)
        )

    @classmethod
    def databases(cls, options: t.Mapping[str, t.Any], *, sizes: bool = False) -> Discovery:
        return _discovery.discover(options, sizes=sizes)

    def examine(self) -> Examination:
        with self._connection, Processes() as processes:
            client, version, size = self._choose_client(processes)
        return Examination(size, {"postgresql": version, "pg_dump": client.version})

    def _choose_client(self, processes: Processes) -> tuple[Client, str, int]:
        """Asks the server its version, with any client, and chooses the client that suits it."""
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
            return _dump.dump(self._connection, writer, jobs=jobs, digests=self._digests)
