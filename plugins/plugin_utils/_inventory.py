# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory: a misspelt name would otherwise be a source that nobody backs up."""

from __future__ import annotations

import collections
import difflib
import typing as t
from collections.abc import Sequence

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import (
    DATABASE_ENGINES,
    source_arguments,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.operation import SOURCE_ARGUMENTS
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.public_keys import is_private
from ansible_collections.infitulua.backup.plugins.module_utils._operations.sources import MANY_ARGUMENTS
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_variables import VARIABLES

PREFIX = "backup_"
LANGUAGES = ("es", "en")
REACHES = ("ssh", "directory")
SSH_PORT = 22

Variables = t.Mapping[str, t.Any]
#: The messages of the catalogue, in one language.
Text = t.Mapping[str, str]


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
    bad_reach = [host for host in servers if hosts[host].get("backup_reach", REACHES[0]) not in REACHES]
    if bad_reach:
        found.append(text["bad_reach"] % {"hosts": ", ".join(bad_reach)})
    found += _unfit_drill_hosts(hosts, groups, text)
    everybody = {host: hosts[host] for host in [*servers, *systems, *drill_hosts(hosts, groups)]}
    # Before anything of it goes to a host.
    if any(is_private(_escrow_recipient(variables)) for variables in everybody.values()):
        found.append(text["private_escrow"])
    return [*found, *_unknown_variables(everybody, text), *_unknown_keys(everybody, text)]


def _escrow_recipient(variables: Variables) -> str:
    """Return a host's escrow recipient, empty if there is none or it is not known yet.

    It may be read from a file that does not exist. A play that needs it reports that.
    """
    try:
        return str(variables.get("backup_escrow_recipient") or "")
    except Exception:  # Whatever a lookup of the inventory raises.
        return ""


def drill_hosts(hosts: t.Mapping[str, Variables], groups: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    """List the hosts that drill instead of the systems computer, each once."""
    named = {str(hosts[host].get("backup_drill_host") or "") for host in groups.get("servers", ())}
    return sorted((named & _all_hosts(groups)) - set(groups.get("systems_computer", ())))


def _all_hosts(groups: t.Mapping[str, t.Sequence[str]]) -> set[str]:
    return {host for members in groups.values() for host in members}


def _unfit_drill_hosts(
    hosts: t.Mapping[str, Variables], groups: t.Mapping[str, t.Sequence[str]], text: Text
) -> t.Iterator[str]:
    """Name each server whose sets would be drilled by a host that is not there, or by the server itself."""
    there = _all_hosts(groups)
    for server in groups.get("servers", ()):
        host = str(hosts[server].get("backup_drill_host") or "")
        if host and host not in there:
            yield text["unknown_drill_host"] % {"host": host, "server": server, "nearest": _nearest(host, there)}
        elif host == server:
            yield text["own_drill_host"] % {"server": server}


def _unknown_variables(hosts: t.Mapping[str, Variables], text: Text) -> t.Iterator[str]:
    """Name each variable that looks like one of ours and is none, with the hosts that have it."""
    having: dict[str, list[str]] = collections.defaultdict(list)
    for host, variables in hosts.items():
        for name in variables:
            if name.startswith(PREFIX) and name not in VARIABLES:
                having[name].append(host)
    for name in sorted(having):
        yield text["unknown_variable"] % {
            "name": name,
            "hosts": ", ".join(having[name]),
            "nearest": _nearest(name, VARIABLES),
        }


def _unknown_keys(hosts: t.Mapping[str, Variables], text: Text) -> t.Iterator[str]:
    """Name each key of a source that no engine knows, and what is no list of sources at all."""
    for host, variables in hosts.items():
        if not _is_list_of_named(variables.get("backup_retired_sources")):
            yield text["not_a_list_of_sources"] % {"variable": "backup_retired_sources", "host": host}
        for variable, known in (("backup_databases", _database_keys), ("backup_files", _files_keys)):
            if not _is_list_of_named(variables.get(variable)):
                yield text["not_a_list_of_sources"] % {"variable": variable, "host": host}
                continue
            for entry in variables.get(variable) or []:
                keys = known()
                for key in entry:
                    if key not in keys:
                        yield text["unknown_key"] % {
                            "key": key,
                            "source": entry.get("name", "?"),
                            "variable": variable,
                            "host": host,
                            "nearest": _nearest(str(key), keys),
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


def _nearest(name: str, known: t.Iterable[str]) -> str:
    """Return the known name that was probably meant."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


def lost_sources(variables: Variables, sets: t.Iterable[t.Mapping[str, t.Any]]) -> list[dict[str, str]]:
    """Find sources that have sets and are no longer in the inventory, unless they are retired in words.

    :param variables: a server's.
    :param sets: its sets, each with ``source`` and ``id``, oldest first within a source.
    :returns: each with ``source`` and ``newest``, the id of its newest set.
    """
    databases = list(variables.get("backup_databases") or [])
    named = {str(entry["name"]) for entry in [*databases, *(variables.get("backup_files") or [])]}
    # An entry for several databases stands for each source whose name begins with its own.
    beginnings = tuple(f"{entry['name']}." for entry in databases if entry.get("databases"))
    retired = {str(entry["name"]) for entry in variables.get("backup_retired_sources") or []}
    newest = {str(entry["source"]): str(entry["id"]) for entry in sets}
    return [
        {"source": source, "newest": set_id}
        for source, set_id in sorted(newest.items())
        if source not in named | retired and not source.startswith(beginnings)
    ]


def trial_servers(
    hosts: t.Mapping[str, Variables], groups: t.Mapping[str, t.Sequence[str]], drill_host: str
) -> list[dict[str, t.Any]]:
    """List the database servers whose sets a host will restore for trial.

    :param hosts: each host with its variables, among them what ``database_info`` found in this run.
    :param groups: each group, with its hosts.
    :param drill_host: the host that drills: the systems computer, or one that servers name.
    :returns: as ``drill_info`` takes them, each once.
    """
    found: dict[tuple[str, str, str], dict[str, t.Any]] = {}
    systems = next(iter(groups.get("systems_computer", ())), "")
    for host in groups.get("servers", ()):
        if str(hosts[host].get("backup_drill_host") or systems) != drill_host:
            continue
        directory = str(hosts[host].get("backup_drill_programs_directory") or "")
        looked = hosts[host].get("_backup_found_databases") or {}
        for database in looked.get("databases") or []:
            if not (database.get("source") and database.get("version")):
                continue  # Backed up by nobody, or a file.
            key = (str(database["engine"]), str(database["version"]), directory)
            found[key] = {"engine": key[0], "version": key[1], "programs_directory": directory or None}
    return [found[key] for key in sorted(found)]


def signers(hosts: t.Mapping[str, Variables], servers: t.Iterable[str]) -> list[dict[str, str]]:
    """List the servers whose signing key this run has made or read; in check mode without a key where it would be made.

    :param hosts: each host with its variables, among them what ``host_keys`` has returned in this run.
    :param servers: the hosts that are backed up.
    :returns: as ``host_keys`` takes them.
    """
    found = {host: (hosts[host].get("_backup_keys") or {}).get("signing_public_key") for host in servers}
    return [{"host": host, "key": _one_key(key)} for host, key in found.items() if key is not None]


def known_hosts(hosts: t.Mapping[str, Variables], servers: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """List the servers that the systems computer reaches over SSH and whose host keys this run has read.

    :param hosts: each host with its variables, among them what ``host_access`` has returned in this run.
    :param servers: the hosts that are reached.
    :returns: as ``host_keys`` takes them.
    """
    found = []
    for server in servers:
        variables = hosts[server]
        keys = (variables.get("_backup_let_in") or {}).get("host_keys")
        told = keys if isinstance(keys, Sequence) and not isinstance(keys, str) else ()
        keys = [key for key in map(_one_key, told) if key]
        if keys:
            host = variables.get("backup_ssh_host") or variables.get("ansible_host") or server
            port = variables.get("backup_ssh_port") or variables.get("ansible_port") or SSH_PORT
            found.append({"host": str(host), "port": int(port), "keys": keys})
    return found


def _one_key(told: t.Any) -> str:
    """Return a public key's type and key, on one line: the host that told it may be hostile."""
    return " ".join(str(told or "").split()[:2])
