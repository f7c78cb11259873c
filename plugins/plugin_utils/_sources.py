# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sources of a server as its inventory describes them."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.server.options import LOGIN_OPTIONS

Source = t.Mapping[str, t.Any]

# What a description says of how a source is backed up, and not of where it is restored to.
_ONLY_BACKED_UP: t.Final = {
    "series",
    "minimum_fraction",
    "content_digest",
    "nontransactional_tables",
    "scratch_directory",
    "exclude",
    "one_file_system",
}


def ambiguous_names(databases: t.Iterable[Source], files: t.Iterable[Source]) -> list[str]:
    """Return all names where two sources would have the same; empty where each has its own.

    Two sources of one name would share their sets: the second would pass for backed up and never be. The databases of
    an entry with several have its name, a dot, and their own.
    """
    databases = list(databases)
    names = [str(entry["name"]) for entry in [*databases, *files]]
    beginnings = tuple(_beginning(entry) for entry in databases if "databases" in entry)
    unique = len(set(names)) == len(names) and not any(name.startswith(beginnings) for name in names)
    return [] if unique else names


def recorded_sources(servers: t.Iterable[str], hosts: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, list[str]]:
    """Return the names that drills of these servers' sources are recorded under, as ``clock_info`` takes them.

    :param hosts: all hosts of the inventory, with their variables.
    """
    found = {}
    for server in servers:
        databases = list(hosts[server].get("backup_databases") or ())
        names = [str(entry["name"]) for entry in [*databases, *(hosts[server].get("backup_files") or ())]]
        found[server] = [*names, *(f"{_beginning(entry)}*" for entry in databases if "databases" in entry)]
    return found


def _beginning(entry: Source) -> str:
    return f"{entry['name']}."


def restore_places(
    databases: t.Iterable[Source], files: t.Iterable[Source], accounts: t.Iterable[Source]
) -> list[dict[str, t.Any]]:
    """Return where restores of a server's sources put them, as ``replaced_prune`` takes it.

    That is a source's description without what says nothing of its place, and with the login of the administrator where
    its own account may only back up.

    :param accounts: those that step 1 makes, each with the login of who made it.
    """
    accounts = list(accounts)
    places = []
    for source in [*databases, *files]:
        place = {key: value for key, value in source.items() if key not in _ONLY_BACKED_UP}
        places.append(reached_by_administrator(place, source.get("engine"), accounts))
    return places


def reached_by_administrator(place: Source, engine: str | None, accounts: t.Iterable[Source]) -> dict[str, t.Any]:
    """Return the options of a place with the login of who made its account, where step 1 makes that.

    An account that is made for backing up cannot restore; the administrator who made it can.

    :param engine: of what is in that place; None of files.
    :param accounts: those that step 1 makes, each with the login of who made it.
    """
    for account in accounts:
        if (account.get("engine"), account.get("name")) == (engine, place.get("login_user", "")):
            login = {option: value for option, value in account.items() if option in LOGIN_OPTIONS}
            return {**{option: value for option, value in place.items() if option not in LOGIN_OPTIONS}, **login}
    return dict(place)
