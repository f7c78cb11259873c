# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with what an inventory says of retention: told before any step begins, not when a set is removed."""

from __future__ import annotations

import datetime
import fnmatch
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.approvers import make_approvers
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.hold import HOLD_ARGUMENTS, make_hold
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.policy import (
    find_zone,
    make_policies,
    make_policy,
)
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory import Text, Variables
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_lookup import nearest, place_of, value_of
from ansible_collections.infitulua.backup.plugins.plugin_utils._wording import worded

#: One for the whole institution: the vault has the sets of all servers.
_OF_THE_INSTITUTION = ("backup_retention", "backup_holds", "backup_approvals", "backup_time_zone")


def retention_problems(
    hosts: t.Mapping[str, Variables],
    systems: str,
    text: Text,
    *,
    language: str,
) -> t.Iterator[str]:
    """Report each variable about retention that cannot be what it is.

    :param hosts: those of the institution, with their variables.
    :param systems: the systems computer.
    :param language: the reader's.
    """
    for name in _OF_THE_INSTITUTION:
        common = value_of(hosts[systems], name)
        why = _wrong(name, common)
        if why is not None:
            yield text["bad_retention"] % {
                "name": name,
                "host": systems,
                "place": place_of(common, text),
                "why": worded(why, language),
            }
        for host, variables in hosts.items():
            own = value_of(variables, name)
            if own != common:
                about = {"name": name, "host": host, "systems": systems, "place": place_of(own, text)}
                yield text["not_institutional"] % about
    holds = value_of(hosts[systems], "backup_holds")
    if holds and _wrong("backup_holds", holds) is None:
        yield from _holds_of_nothing(holds, hosts, text)
    for host, variables in hosts.items():
        for name in ("backup_disk_retention", "backup_source_retention", "backup_source_rpo_hours"):
            given = value_of(variables, name)
            why = _wrong(name, given)
            if why is not None:
                about = {"name": name, "host": host, "place": place_of(given, text), "why": worded(why, language)}
                yield text["bad_retention"] % about
            elif given and name != "backup_disk_retention":
                yield from _unknown_sources(name, given, host, variables, text)


def _wrong(name: str, given: t.Any) -> str | None:
    """Return what is wrong with a variable, as the module would say it; None where nothing is."""
    if given is None or given == "":
        return None
    try:
        if name == "backup_time_zone":
            find_zone(str(given))
        elif name == "backup_holds":
            _read_holds(given)
        elif name == "backup_source_rpo_hours":
            _read_hours(given)
        elif name == "backup_approvals":
            _read_approvals(given)
        elif name == "backup_disk_retention":
            make_policy(given, name)
        else:
            make_policies(given)
    except BackupError as error:
        return error.message
    return None


def _read_hours(given: t.Any) -> None:
    """Read how old the sets of single sources may be.

    :raises Refused: when that is not a number of hours for each.
    """
    hours = given.values() if isinstance(given, t.Mapping) else [given]
    if not isinstance(given, t.Mapping) or not all(str(one).replace(".", "", 1).isdigit() for one in hours):
        raise Refused(
            "read how old sets may be",
            on=str(given),
            why="it is not a number of hours for each source",
            next_step="Write it as {contabilidad: 4}.",
        )


def _read_holds(holds: t.Any) -> None:
    """Read every hold.

    :raises Refused: when one of them makes no sense.
    """
    for hold in holds if isinstance(holds, t.Sequence) and not isinstance(holds, str) else [holds]:
        checked = ArgumentSpecValidator(HOLD_ARGUMENTS).validate(dict(hold) if isinstance(hold, t.Mapping) else {})
        if checked.error_messages:
            raise Refused(
                "hold sets",
                on=str(hold),
                why="; ".join(checked.error_messages),
                next_step="Correct it; set_prune's documentation has the keys of a hold.",
            )
        for name in ("from", "to", "until"):
            # A core before 2.19 makes a text of a list with such a date.
            if isinstance(hold.get(name), datetime.date):
                raise Refused(
                    "hold sets",
                    on=str(hold.get("reason")),
                    why=f"the date {hold[name]} is not a string",
                    next_step='Write it in quotes, as "2026-11-22".',
                )
        make_hold(checked.validated_parameters, datetime.timezone.utc)


def _read_approvals(given: t.Any) -> None:
    """Read who may approve. An empty mapping is nobody.

    :raises Refused: when it makes no sense.
    """
    for one in (given.get("approvers") if isinstance(given, t.Mapping) else None) or ():
        # A core before 2.19 makes a text of a list with such a date.
        if isinstance(one, t.Mapping) and isinstance(one.get("valid_before"), datetime.date):
            raise Refused(
                "use the approvers",
                on=str(one.get("name")),
                why=f"the date {one['valid_before']} is not a string",
                next_step='Write it in quotes, as "2026-11-22".',
            )
    if given != {}:
        make_approvers(given)


def _holds_of_nothing(
    holds: t.Sequence[t.Mapping[str, t.Any]], hosts: t.Mapping[str, Variables], text: Text
) -> t.Iterator[str]:
    """Name each host and source that a hold names and nobody has: what it was to keep would go."""
    sources = {name for variables in hosts.values() for name in _source_names(variables)}
    for hold in holds:
        for key, known in (("host", set(hosts)), ("source", sources)):
            pattern = str(hold.get(key) or "")
            # One of several databases that an entry stands for has the entry's name before a dot.
            names = known | ({pattern} if key == "source" and pattern.partition(".")[0] in known else set())
            if pattern and not fnmatch.filter(names, pattern):
                yield text["hold_of_nothing"] % {
                    "place": place_of(hold, text),
                    "pattern": pattern,
                    "nearest": nearest(pattern, sorted(known)),
                }


def _source_names(variables: Variables) -> list[str]:
    """Return the names of a server's sources, also of those that are retired."""
    return [
        str(entry["name"])
        for variable in ("backup_databases", "backup_files", "backup_retired_sources")
        for entry in value_of(variables, variable) or ()
        if isinstance(entry, t.Mapping) and entry.get("name")
    ]


def _unknown_sources(
    variable: str, given: t.Mapping[str, t.Any], host: str, variables: Variables, text: Text
) -> t.Iterator[str]:
    """Name each source of a variable that the server does not have, nor had."""
    names = _source_names(variables)
    for source in given:
        # One of several databases that an entry stands for has the entry's name before a dot.
        if str(source) not in names and str(source).partition(".")[0] not in names:
            yield text["no_such_source"] % {
                "name": variable,
                "host": host,
                "place": place_of(source, text),
                "source": source,
                "nearest": nearest(str(source), names),
            }
