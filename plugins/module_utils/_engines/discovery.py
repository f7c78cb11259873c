# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What databases a server has, and which of them hold data that somebody would miss."""

from __future__ import annotations

import dataclasses

from .kept_name import kept_since, left_by_restore


@dataclasses.dataclass(frozen=True)
class FoundDatabase:
    """One database of a server.

    :param engine: the engine that can dump it.
    :param version: the server's, in its own words.
    :param bytes: its size as its engine measures it; None: not asked for, or this account may not know.
    :param encoding: the character set that it stores text in.
    :param collation: the order that it sorts text in.
    :param owner: the role that owns it; None where databases have no owner.
    :param accepts_connections: whether anybody can connect to it.
    :param template: whether others are made as copies of it.
    :param system: whether the server made it for itself.
    """

    engine: str
    name: str
    version: str
    bytes: int | None
    encoding: str
    collation: str
    owner: str | None
    accepts_connections: bool = True
    template: bool = False
    system: bool = False

    @property
    def left_by_restore(self) -> bool:
        """Whether a restore made it beside another database, or keeps it under a dated name."""
        return left_by_restore(self.name)

    @property
    def kept_since(self) -> str | None:
        """When a restore put another database in its place, as set ids write it; None where it is not kept so."""
        return kept_since(self.name)

    @property
    def holds_data(self) -> bool:
        """Whether it is one that an operator means by "all databases"."""
        return not self.system and not self.left_by_restore


@dataclasses.dataclass(frozen=True)
class Discovery:
    """The databases of one server that an account can see.

    :param engine: the engine that asked.
    :param server: the server in a few words.
    :param version: the server's, in its own words.
    :param databases: by name, the server's own among them.
    :param warnings: what the operator should know, such as that the account may not see all of them.
    :param identity: the same whichever way the server is reached, and another server's never.
    """

    engine: str
    server: str
    version: str
    databases: tuple[FoundDatabase, ...]
    warnings: tuple[str, ...] = ()
    identity: str = ""
