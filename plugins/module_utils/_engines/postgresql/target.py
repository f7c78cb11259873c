# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL database as a target: restored beside it and swapped, or some tables of a set into a schema of it."""

from __future__ import annotations

import typing as t

from ..server.target import ServerTarget
from .access import Access
from .client import Connection
from .kept import PostgresqlKept
from .options import NAME
from .partial_restore import SelectedRestoration
from .restore import Restoration
from .table_selection import TableSelection


class PostgresqlTarget(ServerTarget):
    """One PostgreSQL database. ``database`` is the name to restore as."""

    name = NAME
    _connection: Connection

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._connection = Connection(options)
        access = Access.from_options(options)
        selection = TableSelection.from_options(options)
        self._restoration = (
            SelectedRestoration(self._connection, selection) if selection else Restoration(self._connection, access)
        )

    def kept_data(self) -> PostgresqlKept:
        return PostgresqlKept(self._connection)
