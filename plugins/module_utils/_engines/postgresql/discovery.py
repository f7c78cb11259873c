# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of a PostgreSQL server. Any role may ask; what it may not know of one is left open."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..discovery import Discovery, FoundDatabase
from .catalogue import is_empty
from .client import Connection, clients
from .session import MAINTENANCE_DATABASES, Session, maintenance_session

_SYSTEM = ("template0", "template1")
# A size is told to whoever may connect to the database or read statistics; asking without either is an error. Columns
# that not every version has are looked up by name. A connection limit of -2: DROP DATABASE was interrupted.
_SIZE = """CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
        THEN pg_database_size(d.oid) END"""
# A copy of a cluster has its identifier too, and was not started in the same moment.
_SERVER = """
SELECT current_setting('server_version') AS version,
    (SELECT system_identifier FROM pg_control_system()) || ' ' || pg_postmaster_start_time() AS identity
"""
_DATABASES = """
SELECT d.datname AS name, pg_encoding_to_char(d.encoding) AS encoding, pg_get_userbyid(d.datdba) AS owner,
    COALESCE(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', d.datcollate) AS collation,
    d.datallowconn AND d.datconnlimit <> -2 AS accepts_connections, d.datistemplate AS template, {size} AS bytes
FROM pg_database d ORDER BY d.datname COLLATE "C"
"""


def discover(options: t.Mapping[str, t.Any], *, sizes: bool) -> Discovery:
    """Ask a server for its databases.

    :param options: of a source, without its database.
    :param sizes: whether to ask for their sizes as well.
    :raises BackupError: when the server cannot be asked.
    """
    connection = Connection({**options, "database": MAINTENANCE_DATABASES[0]})
    with connection, Processes() as processes:
        connection.client = clients(connection.client_directory)[0]
        with maintenance_session(processes, connection) as session:
            server = session.rows(_SERVER)[0]
            version = server["version"]
            rows = session.rows(_DATABASES.format(size=_SIZE if sizes else "NULL::bigint"), action="list the databases")
    found = (FoundDatabase(engine="postgresql", version=version, system=row["name"] in _SYSTEM, **row) for row in rows)
    return Discovery("postgresql", connection.server, version, tuple(found), identity=server["identity"])


def is_unused(options: t.Mapping[str, t.Any], database: FoundDatabase) -> bool:
    """Whether it is the database that every server has to connect to, and holds nothing.

    :param options: of a source, without its database.
    :raises BackupError: when the server cannot be asked.
    """
    if database.name != MAINTENANCE_DATABASES[0]:
        return False
    connection = Connection({**options, "database": database.name})
    with connection, Processes() as processes:
        connection.client = clients(connection.client_directory)[0]
        with Session(processes, connection) as session:
            return is_empty(session)
