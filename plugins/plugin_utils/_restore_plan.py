# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What step 5 makes of a request and of what the media have: which set is restored, where to, and whether it may be."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils import _described_source
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory import Variables
from ansible_collections.infitulua.backup.plugins.plugin_utils._restore_request import (
    CLOUD,
    DISK,
    VAULT,
    Asked,
    Request,
)

Set = t.Mapping[str, t.Any]
# Seconds that a restore may take: this, and so many times what the set's last drill took.
_LEAST_SECONDS, _DRILLS = 3600, 10


class Looked(t.NamedTuple):
    """What one medium answered to the search.

    :param place: the medium, one of ``_restore_request.PLACES``.
    :param answer: as ``set_info`` returns it; empty where nothing is known of it.
    """

    place: str
    answer: t.Mapping[str, t.Any]


class Plan(t.TypedDict, total=False):
    """What is restored. Where no set was found, it is empty.

    :cvar set: as ``set_info`` returns it.
    :cvar place: the medium that it comes from.
    :cvar encrypted: whether a key is needed.
    :cvar failed_drill: whether its last drill failed and nobody has said that it is meant all the same.
    :cvar doubted: the same of a suspect set.
    :cvar allowed: neither of them.
    :cvar target: the options of the target.
    :cvar max_seconds: how long the restore may take; left out where the module decides.
    """

    set: Set
    place: str
    encrypted: bool
    failed_drill: bool
    doubted: bool
    allowed: bool
    target: dict[str, t.Any]
    max_seconds: t.Any


def search(media: t.Mapping[str, t.Mapping[str, t.Any]], asked: Asked, variables: Variables) -> dict[str, t.Any]:
    """Say which media are looked on: those that the set may come from, the nearest first, and those with newer ones.

    The operator learns of anything newer than the chosen set, except of what only the cloud may have. Where a time is
    asked for, that is looked for there too: the nearer media keep fewer sets.

    :param media: the options of each medium, by its place.
    :param asked: see ``Request.read``.
    :param variables: the server's.
    :returns: the options ``medium`` and ``further_media`` of ``set_info``.
    """
    request = Request.read(asked)
    (nearest, _always), *further = _places(request, variables)
    entries = [{"medium": media[place], "only_if_none": only_if_none} for place, only_if_none in further]
    return {"medium": media[nearest], "further_media": entries}


def _places(request: Request, variables: Variables) -> list[tuple[str, bool]]:
    """Return the media that are looked on, and whether each is only where none before it has given a set."""
    candidates = request.candidates(variables)
    found = [(place, bool(request.set_id) or (place == CLOUD and not request.at)) for place in candidates]
    if not request.set_id:
        found += [(place, False) for place in (VAULT, DISK) if place not in candidates]
    return found


def looked(found: t.Mapping[str, t.Any], asked: Asked, variables: Variables) -> list[Looked]:
    """Return what each medium answered.

    :param found: what ``set_info`` returned, asked as :func:`search` says; empty where it did not.
    :param asked: see ``Request.read``.
    :param variables: the server's.
    """
    answers = [found, *(found.get("further_media") or [])]
    return [Looked(place, answer) for (place, _medium), answer in zip(_places(Request.read(asked), variables), answers)]


def plan(found: t.Mapping[str, t.Any], asked: Asked, variables: Variables, state_path: str) -> Plan:
    """Plan a restore.

    :param found: what the search has returned, see :func:`looked`.
    :param asked: see ``Request.read``.
    :param variables: the server's.
    :param state_path: the server's directory for what the collection keeps; some files alone are restored below it.
    """
    request = Request.read(asked)
    nearest = find_set(found, asked, variables)
    if nearest is None:
        return {}
    place, chosen = nearest
    failed_drill = (chosen.get("drill") or {}).get("outcome") == "failed" and not request.despite_failed_drill
    doubted = bool(chosen.get("suspect")) and not request.despite_suspicion
    made: Plan = {
        "set": chosen,
        "place": place,
        "encrypted": chosen["encryption"]["method"] != "none",
        "failed_drill": failed_drill,
        "doubted": doubted,
        "allowed": not failed_drill and not doubted,
        "target": target(request, variables, chosen["engine"], state_path),
    }
    max_seconds = request.max_seconds or _usual_seconds(chosen)
    if max_seconds:
        made["max_seconds"] = max_seconds
    return made


def find_set(found: t.Mapping[str, t.Any], asked: Asked, variables: Variables) -> tuple[str, Set] | None:
    """Return the nearest medium that has what was asked for, and the set; None where none has.

    Of sets up to a time, the newest is the one that is meant, whichever medium has it: what is older on a nearer one is
    what retention has left there.
    """
    request = Request.read(asked)
    candidates = request.candidates(variables)
    having = [
        (place, answer["sets"][0])
        for place, answer in looked(found, asked, variables)
        if place in candidates and answer.get("sets")
    ]
    if not having:
        return None
    # Of equals, max() takes the first: the nearest.
    return max(having, key=lambda one: str(one[1]["order"])) if request.at and not request.set_id else having[0]


def target(request: Request, variables: Variables, engine: str, state_path: str) -> dict[str, t.Any]:
    """Return the options of the target: the source's own place, what was chosen of it, and what was said of the target.

    :param variables: the server's.
    :param engine: the set's.
    :param state_path: see :func:`plan`.
    """
    described = _described_source.find(variables, request.source)
    place = described.place_of_administrator(variables) if described else {}
    given = request.target or {}
    if "path" in given:
        # Attached databases have their own places only where the main one is restored to its own.
        place.pop("attached", None)
    return {**place, **_selection(request, place, engine, state_path), **given}


def _selection(request: Request, place: t.Mapping[str, t.Any], engine: str, state_path: str) -> dict[str, t.Any]:
    """Return what is restored of the source, where not all is, and where to.

    Tables go into a schema (PostgreSQL) or database (MariaDB, MySQL) of their own, files into a directory of their own,
    named after the ticket.
    """
    word = re.sub("[^A-Za-z0-9]+", "_", request.ticket).lower()
    chosen: dict[str, t.Any] = {}
    if request.tables:
        chosen["tables"] = request.tables
    if request.schemas:
        chosen["schemas"] = request.schemas
    if chosen and engine == "postgresql":
        chosen["into_schema"] = f"restaurado_{word}"
    if request.tables and engine in ("mariadb", "mysql") and place.get("database"):
        chosen["database"] = f"{place['database']}_restaurado_{word}"
    if request.only:
        chosen.update(only=request.only, directory=f"{state_path}/restored/{word}")
    return chosen


def _usual_seconds(chosen: Set) -> int:
    """Return how long a set's restore may take by what its last drill took; 0 where that is not known."""
    took = (chosen.get("drill") or {}).get("restore_seconds") or 0
    return int(_LEAST_SECONDS + _DRILLS * took) if took else 0
