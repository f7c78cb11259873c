# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator asks step 5 for; what is missing or wrong in it is refused."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.infitulua.backup.plugins.plugin_utils import _described_source
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory import Text, Variables

AUTO, VAULT, CLOUD, DISK = "auto", "vault", "cloud", "disk"
#: The media, the nearest first.
PLACES = (VAULT, CLOUD, DISK)
#: A request as a playbook hands it over (playbooks/vars/restore.yml, ``_backup_request``).
Asked = t.Mapping[str, t.Any]
_TIME = r"[0-9]{8}T[0-9]{6}Z"


@dataclasses.dataclass(frozen=True)
class Request:
    """A restore as it was asked for.

    :param place: one of :data:`PLACES`, or ``auto``; what else was given is here too, until it is refused.
    :param at: not after this time; empty: whatever the time.
    :param set_id: exactly this set; empty: the newest.
    :param target: where to, as far as it was said; None: what was said is no options of a target.
    :param tables: these tables only, where there are any; ``schemas`` and ``only`` (of files) likewise.
    :param max_seconds: how long it may take, as the inventory says it; empty: it says nothing.
    """

    ticket: str
    server: str
    source: str
    place: str
    at: str
    set_id: str
    target: t.Mapping[str, t.Any] | None
    tables: list[str]
    schemas: list[str]
    only: list[str]
    max_seconds: t.Any
    despite_failed_drill: bool
    despite_suspicion: bool

    @classmethod
    def read(cls, asked: Asked) -> Request:
        """Read what was asked for.

        :param asked: each value as it was given; what was not given is empty or missing.
        """

        def text(name: str) -> str:
            return str(asked.get(name) or "")

        return cls(
            ticket=text("ticket"),
            server=text("server"),
            source=text("source"),
            place=text("place") or AUTO,
            at=text("at"),
            set_id=text("set"),
            target=_target(asked.get("target")),
            tables=_names(asked.get("tables")),
            schemas=_names(asked.get("schemas")),
            only=_paths(asked.get("only")),
            max_seconds=asked.get("max_seconds") or "",
            despite_failed_drill=_flag(asked.get("despite_failed_drill")),
            despite_suspicion=_flag(asked.get("despite_suspicion")),
        )

    def candidates(self, variables: Variables) -> tuple[str, ...]:
        """Return the media that the set may come from, the nearest first.

        :param variables: the server's.
        """
        if self.place != AUTO:
            return (self.place,)
        return tuple(place for place in PLACES if place != CLOUD or has_cloud(variables))


def has_cloud(variables: Variables) -> bool:
    """Tell whether a server's sets are in a bucket too."""
    return bool((variables.get("backup_cloud") or {}).get("bucket"))


def refusal(asked: Asked, hosts: t.Mapping[str, Variables], groups: t.Mapping[str, t.Sequence[str]], text: Text) -> str:
    """Say why a restore is refused before anything begins.

    :param asked: see :meth:`Request.read`.
    :param hosts: each host of the inventory, with its variables.
    :param groups: each group, with its hosts.
    :param text: the catalogue.
    :returns: one sentence that says how to ask; empty where nothing is missing or wrong.
    """
    request = Request.read(asked)
    servers = list(groups.get("servers", ()))
    if not any(map(str.isalnum, request.ticket)):
        return text["no_ticket"]
    if request.server not in servers:
        return text["no_restore_server"] % {"servers": ", ".join(servers)}
    server = hosts[request.server]
    names = {
        "server": request.server,
        "source": request.source,
        "sources": ", ".join(_described_source.names(server, a_database=text["a_database"])),
    }
    if not request.source:
        return text["no_restore_source"] % names
    if request.target is None:
        return text["bad_restore_target"]
    if not request.target and _described_source.find(server, request.source) is None:
        return text["no_restore_target"] % names
    if request.place not in (AUTO, *PLACES):
        return text["bad_restore_from"]
    if request.place == CLOUD and not has_cloud(server):
        return text["no_restore_cloud"]
    if request.at and not re.fullmatch(_TIME, request.at):
        return text["bad_restore_at"]
    its_sets = re.escape(f"{request.server}/{request.source}/") + _TIME
    if request.set_id and not re.fullmatch(its_sets, request.set_id):
        return text["bad_restore_set"] % names
    return ""


def _target(given: t.Any) -> t.Mapping[str, t.Any] | None:
    """Return the options of a target, which on a command line are JSON; None where they are none."""
    if isinstance(given, str) and given.strip():
        try:
            given = json.loads(given)
        except ValueError:
            return None
    if not given:
        return {}
    return given if isinstance(given, t.Mapping) else None


def _names(given: t.Any) -> list[str]:
    """Return names that are given as a list, or with commas between them."""
    listed = given.split(",") if isinstance(given, str) else given or []
    return [name for name in (str(entry).strip() for entry in listed) if name]


def _paths(given: t.Any) -> list[str]:
    """Return paths; a single one needs no list, and may contain a comma."""
    return [str(path) for path in ([given] if isinstance(given, str) else given or []) if path]


def _flag(given: t.Any) -> bool:
    return bool(boolean(given, strict=False))
