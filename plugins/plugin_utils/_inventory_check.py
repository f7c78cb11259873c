# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory: a misspelt name would otherwise be a source that nobody backs up."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import (
    DATABASE_ENGINES,
    source_arguments,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import MEDIA
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.operation import SOURCE_ARGUMENTS
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.public_keys import is_private
from ansible_collections.infitulua.backup.plugins.module_utils._operations.sources import MANY_ARGUMENTS
from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable_line
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import LANGUAGES
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory import (
    Text,
    Variables,
    all_hosts,
    drill_hosts,
)
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_lookup import nearest, place_of, value_of
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_retention import retention_problems
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_values import Values
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_variables import VARIABLES
from ansible_collections.infitulua.backup.plugins.plugin_utils._origin import is_vaulted

PREFIX = "backup_"
_SHOWN_CHARACTERS = 80


def problems(hosts: t.Mapping[str, Variables], groups: t.Mapping[str, t.Sequence[str]], text: Text) -> list[str]:
    """Find everything that is wrong with an inventory before any step begins.

    :param hosts: each host of the inventory, with its variables.
    :param groups: each group, with its hosts.
    :param text: the catalogue.
    :returns: sentences, each with what to do; empty where nothing is wrong.
    """
    servers = list(groups.get("servers", ()))
    systems = list(groups.get("systems_computer", ()))
    languages = {str(hosts[host].get("backup_language") or LANGUAGES[0]) for host in [*servers, *systems]}
    found: list[str] = []
    if not languages <= set(LANGUAGES):
        found.append("backup_language debe ser es o en / backup_language must be es or en")
    if not servers:
        return [*found, text["no_servers"]]
    if len(systems) != 1:
        found.append(text["no_systems_computer"] % {"count": len(systems)})
    found += _unfit_drill_hosts(hosts, groups, text)
    everybody = {host: hosts[host] for host in [*servers, *systems, *drill_hosts(hosts, groups)]}
    # Before anything of it goes to a host.
    if any(is_private(_escrow_recipient(variables)) for variables in everybody.values()):
        found.append(text["private_escrow"])
    for look in (_unknown_variables, _bad_values, _unknown_keys):
        found += look(everybody, text)
    if len(systems) == 1:
        language = str(hosts[systems[0]].get("backup_language") or LANGUAGES[0])
        found += retention_problems(
            {host: hosts[host] for host in [*systems, *servers]},
            systems[0],
            text,
            language=language,
        )
    return found


def _escrow_recipient(variables: Variables) -> str:
    """Return a host's escrow recipient, empty if there is none or it is not known yet.

    It may be read from a file that does not exist. A play that needs it reports that.
    """
    return str(value_of(variables, "backup_escrow_recipient") or "")


def _unfit_drill_hosts(
    hosts: t.Mapping[str, Variables], groups: t.Mapping[str, t.Sequence[str]], text: Text
) -> t.Iterator[str]:
    """Name each server whose sets would be drilled by a host that is not there, or by the server itself."""
    there = all_hosts(groups)
    for server in groups.get("servers", ()):
        host = str(hosts[server].get("backup_drill_host") or "")
        if host and host not in there:
            yield text["unknown_drill_host"] % {"host": host, "server": server, "nearest": nearest(host, there)}
        elif host == server:
            yield text["own_drill_host"] % {"server": server}


def _unknown_variables(hosts: t.Mapping[str, Variables], text: Text) -> t.Iterator[str]:
    """Report each unknown variable that has our prefix, where it is, and the hosts that have it."""
    having: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for host, variables in hosts.items():
        for name in variables:
            if name.startswith(PREFIX) and name not in VARIABLES:
                having[str(name), place_of(name, text)].append(host)
    for (name, place), those in sorted(having.items()):
        yield text["unknown_variable"] % {
            "name": name,
            "place": place,
            "hosts": ", ".join(those),
            "nearest": nearest(name, VARIABLES),
        }


def _bad_values(hosts: t.Mapping[str, Variables], text: Text) -> t.Iterator[str]:
    """Report each variable that cannot have the value that it has, what it may be, and the hosts that have it."""
    having: dict[tuple[str, str, str], list[str]] = collections.defaultdict(list)
    for host, variables in hosts.items():
        for name in variables:
            values = VARIABLES.get(name)
            value = value_of(variables, name) if values is not None and values.are_limited else None
            if values is not None and value is not None and value != "" and not values.allow(value):
                # Of a variable that several files set, only the value is surely of the one that counts.
                having[str(name), _shown(value), place_of(value, text)].append(host)
    for (name, value, place), those in having.items():
        yield text["bad_value"] % {
            "name": name,
            "hosts": ", ".join(those),
            "value": value,
            "place": place,
            "expected": _described(VARIABLES[name], text),
        }


def _shown(value: t.Any) -> str:
    """Return a value for a message: not one that was encrypted, and no more than its beginning."""
    shown = "***" if is_vaulted(value) else printable_line(str(value))
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


def _described(values: Values, text: Text) -> str:
    """Say what values a variable may have."""
    if values.choices:
        return text["values_choices"] % {"choices": ", ".join(values.choices)}
    bounds = ("" if values.least is None else "_from") + ("" if values.most is None else "_to")
    return text[f"values_{values.kind}{bounds}"] % {"least": values.least, "most": values.most}


def _unknown_keys(hosts: t.Mapping[str, Variables], text: Text) -> t.Iterator[str]:
    """Name each key that nothing reads, and what is no list of entries with names at all."""
    for host, variables in hosts.items():
        for variable, known in _LISTS.items():
            try:
                entries = variables.get(variable)
            except Exception as error:  # Whatever a template or a lookup of the inventory raises.
                yield text["unreadable_variable"] % {
                    "name": variable,
                    "host": host,
                    "why": printable_line(str(error)),
                }
                continue
            if not _is_list_of_named(entries):
                place = place_of(entries, text)
                yield text["not_a_list_of_sources"] % {"variable": variable, "host": host, "place": place}
                continue
            for entry in entries or []:
                yield from _unknown_in(entry, known(), variable, host, text)
        cloud = value_of(variables, "backup_cloud")
        if isinstance(cloud, t.Mapping):
            yield from _unknown_in(cloud, set(MEDIA["s3"].arguments) - {"bandwidth"}, "backup_cloud", host, text)


def _unknown_in(entry: Variables, known: set[str], variable: str, host: str, text: Text) -> t.Iterator[str]:
    name = f"{variable} ({entry['name']})" if "name" in entry else variable
    for key in entry:
        if key not in known:
            yield text["unknown_key"] % {
                "key": key,
                "place": place_of(key, text),
                "variable": name,
                "host": host,
                "nearest": nearest(str(key), known),
            }


def _is_list_of_named(value: t.Any) -> bool:
    """Tell whether a variable is a list of entries each of which has a name; one that is not set is an empty one."""
    entries = [] if value is None else value
    if not isinstance(entries, t.Sequence) or isinstance(entries, str):
        return False
    return all(isinstance(entry, t.Mapping) and entry.get("name") for entry in entries)


def _database_keys() -> set[str]:
    return {"engine", *SOURCE_ARGUMENTS, *MANY_ARGUMENTS, *source_arguments(DATABASE_ENGINES)}


def _files_keys() -> set[str]:
    return {*SOURCE_ARGUMENTS, *source_arguments(["files"])}


# The variables that are lists of entries, and the keys that these may have.
_LISTS: t.Final[t.Mapping[str, t.Callable[[], set[str]]]] = {
    "backup_databases": _database_keys,
    "backup_files": _files_keys,
    "backup_retired_sources": lambda: {"name", "reason"},
}
