# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source as the inventory describes it: where it is restored to when nothing else is said."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import (
    DATABASE_ENGINES,
    target_arguments,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.sources import database_of
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory import Variables
from ansible_collections.infitulua.backup.plugins.plugin_utils._sources import reached_by_administrator

_ROOT = {"directory": "/"}


@dataclasses.dataclass(frozen=True)
class DescribedSource:
    """A source, and the entry of the inventory that it comes from.

    :param entry: of ``backup_databases``; None: it is one of ``backup_files``.
    :param database: where the entry stands for several databases, the one that this source is.
    """

    entry: Variables | None
    database: str | None = None

    def own_place(self) -> dict[str, t.Any]:
        """Return the options of the target that is the source itself."""
        if self.entry is None:
            return dict(_ROOT)
        known = target_arguments(DATABASE_ENGINES)
        place = {option: value for option, value in self.entry.items() if option in known}
        return place if self.database is None else {**place, "database": self.database}

    def place_of_administrator(self, variables: Variables) -> dict[str, t.Any]:
        """Return its own place, reached by an account that may restore.

        :param variables: the server's.
        """
        engine = None if self.entry is None else self.entry.get("engine")
        accounts = variables.get("backup_database_accounts") or []
        return reached_by_administrator(self.own_place(), engine, accounts)


def find(variables: Variables, source: str) -> DescribedSource | None:
    """Find what a server's inventory says of a source; None where it says nothing.

    :param variables: the server's.
    """
    if source in [str(entry["name"]) for entry in _entries(variables, "backup_files")]:
        return DescribedSource(None)
    for entry in _entries(variables, "backup_databases"):
        if entry.get("databases") is not None:
            database = database_of(str(entry["name"]), source)
            if database:
                return DescribedSource(entry, database)
        elif str(entry["name"]) == source:
            return DescribedSource(entry)
    return None


def names(variables: Variables, *, a_database: str) -> list[str]:
    """Name a server's sources.

    :param variables: the server's.
    :param a_database: what stands for the name of any database of an entry that is several sources.
    """
    single, several = [], []
    for entry in _entries(variables, "backup_databases"):
        if entry.get("databases") is not None:
            several.append(f"{entry['name']}.<{a_database}>")
        else:
            single.append(str(entry["name"]))
    return [*single, *several, *(str(entry["name"]) for entry in _entries(variables, "backup_files"))]


def _entries(variables: Variables, name: str) -> list[Variables]:
    return [entry for entry in variables.get(name) or [] if isinstance(entry, t.Mapping) and entry.get("name")]
