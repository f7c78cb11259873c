# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database of MariaDB or MySQL as a target: restored beside it and swapped, or some tables under a new name."""

from __future__ import annotations

import typing as t

from ..server.target import ServerTarget
from .client import Connection
from .dialect import Dialect
from .kept import FamilyKept
from .partial_restore import PartialRestoration
from .restore import BesideRestoration


class FamilyTarget(ServerTarget):
    """One database. ``database`` is the name to restore as.

    :cvar dialect: how the product is spoken to.
    :cvar restoration: what restores a whole set.
    :cvar partial_restoration: what restores some tables.
    :cvar kept: what restores have kept.
    """

    dialect: t.ClassVar[Dialect]
    restoration: t.ClassVar[type[BesideRestoration]]
    partial_restoration: t.ClassVar[type[PartialRestoration]]
    kept: t.ClassVar[type[FamilyKept]]

    _connection: Connection

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._connection = connection = self.dialect.connection(options)
        tables = options.get("tables")
        self._restoration = self.partial_restoration(connection, tables) if tables else self.restoration(connection)

    def kept_data(self) -> FamilyKept:
        return self.kept(self._connection)
