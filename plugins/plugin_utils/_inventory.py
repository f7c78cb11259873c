# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks read of the inventory's hosts, and what this run has found on them."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

SSH_PORT = 22

Variables = t.Mapping[str, t.Any]
#: The messages of the catalogue, in one language.
Text = t.Mapping[str, str]


def drill_hosts(hosts: t.Mapping[str, Variables], groups: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    """List the hosts that drill instead of the systems computer, each once."""
    named = {str(hosts[host].get("backup_drill_host") or "") for host in groups.get("servers", ())}
    return sorted((named & all_hosts(groups)) - set(groups.get("systems_computer", ())))


def all_hosts(groups: t.Mapping[str, t.Sequence[str]]) -> set[str]:
    return {host for members in groups.values() for host in members}


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


def source_policies(variables: Variables, server: str) -> list[dict[str, t.Any]]:
    """List how long the sets of single sources are kept (``backup_source_retention``), as ``set_prune`` takes it.

    An entry for several databases stands for each of them that has no policy of its own.

    :param variables: the server's.
    """
    policies = variables.get("backup_source_retention") or {}
    several = {str(entry["name"]) for entry in variables.get("backup_databases") or [] if entry.get("databases")}
    own = [(str(source), policy) for source, policy in policies.items()]
    patterns = [*own, *((f"{source}.*", policy) for source, policy in own if source in several)]
    return [{**policy, "host": server, "source": pattern} for pattern, policy in patterns]


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
