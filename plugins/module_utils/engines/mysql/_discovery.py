# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of a MySQL server, as far as the account may see them."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines._discovery import Discovery
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._discovery import look
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._client import Connection, advising
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import Session


def discover(options: t.Mapping[str, t.Any], *, sizes: bool) -> Discovery:
    """Asks a server for its databases.

    :param options: of a source, without its database.
    :param sizes: whether to ask for their sizes as well.
    :raises BackupError: when the server cannot be asked.
    """
    connection = Connection({**options, "database": "information_schema"})
    with advising(), connection, Processes() as processes, Session(processes, connection) as session:
        version = catalogue.require_mysql(session, "list the databases", on=connection.server)
        return look(session, connection, engine="mysql", version=version, sizes=sizes)
