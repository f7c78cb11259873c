# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step keeps of a host for the report: what was done there, and what failed.

An entry of what was done has ``what``, a key of the catalogue; a failure has ``kind``, for ``what_<kind>`` and
``next_<kind>`` of the catalogue. Either has ``step`` and ``server``, and whatever else its text takes.
"""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils import _clocks
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import Catalogue

Entry = dict[str, t.Any]
#: What a task returned; empty where it did not run.
Result = t.Mapping[str, t.Any]
#: What a host has noted: ``done``, ``failures``, ``finished`` (the steps) and ``clocks`` (of which these were
#: reported, see ``_clocks.entries``).
Noted = t.Mapping[str, t.Any]


def with_failure(noted: Noted, result: Result, about: t.Mapping[str, t.Any], catalogue: Catalogue) -> Entry:
    """Add what a failed task says, one entry for each source or set that it names.

    :param noted: so far.
    :param result: of the task.
    :param about: ``step``, ``server``, ``kind``, ``host`` (where it failed), ``paths`` (what is left to remove by
        hand) and ``subject``, which a failure is of that names no source or set.
    """
    told = result.get("failures") or [
        {"message": result.get("msg", catalogue["without_reason"]), "source": about.get("subject", "")}
    ]
    entries = [{**failure, **{name: value for name, value in about.items() if name != "subject"}} for failure in told]
    return {**noted, "failures": [*noted.get("failures", ()), *entries]}


def at_the_end(noted: Noted, end: t.Mapping[str, t.Any], catalogue: Catalogue) -> Entry:
    """Add what is known of a host when a step ends.

    A set that is dated after now is a failure, unless the institution knows of it. What could not be reached fails the
    step as well: a rescue does not see it.

    :param noted: so far.
    :param end: ``step``, ``server`` and ``systems_computer``; ``done`` and ``failures``, what the step itself has to
        tell; ``own_results`` and ``delegated_results``, what tasks on the server and on the systems computer
        returned; ``known_misdated``, ids; ``server_clock`` and ``systems_clock``, as ``clock_info`` returned them, the
        second told only where ``tells_systems_clock``, by one server of all.
    """
    known, unknown = _misdated(end)
    done = [*end["done"], *({**entry, "what": "known_misdated"} for entry in known)]
    failures = [
        *end["failures"],
        *({**entry, "kind": "misdated", "message": catalogue["why_misdated"]} for entry in unknown),
        *_out_of_reach(end["own_results"], "unreachable"),
        *_out_of_reach(end["delegated_results"], "systems_computer"),
    ]
    told = set(noted.get("clocks", ()))
    parts = {"server"} if end["server_clock"] and end["systems_clock"] else set()
    parts |= {"systems"} if end["systems_clock"] and end["tells_systems_clock"] else set()
    warnings, serious = _clocks.entries(
        end["server_clock"],
        end["systems_clock"],
        end["server"],
        end["systems_computer"],
        catalogue,
        parts=parts - told,
    )
    done = [*warnings, *done]
    failures = [*serious, *failures]
    of = {"step": end["step"], "server": end["server"]}
    return {
        "done": [*noted.get("done", ()), *({**entry, **of} for entry in done)],
        "failures": [*noted.get("failures", ()), *({**entry, **of} for entry in failures)],
        "finished": [*noted.get("finished", ()), end["step"]],
        "clocks": sorted(told | parts),
    }


def _misdated(end: t.Mapping[str, t.Any]) -> tuple[list[Entry], list[Entry]]:
    """Return the sets that are dated after now: those that the institution knows of, and the others."""
    # What a host takes for now whose clock is known to be wrong, says nothing of the date of a set.
    wrong = set(_clocks.wrong_clocks(end["server_clock"], end["systems_clock"], end["server"]))
    results = [] if "server" in wrong else list(end["own_results"])
    results += [] if wrong & {"control_node", "record"} else list(end["delegated_results"])
    ids = dict.fromkeys(set_id for result in results for set_id in result.get("dated_after_now") or ())
    known = [set_id for set_id in ids if set_id in end["known_misdated"]]
    return (
        [{"id": set_id, "source": set_id} for set_id in known],
        [{"id": set_id, "source": set_id} for set_id in ids if set_id not in known],
    )


def _out_of_reach(results: t.Iterable[Result], kind: str) -> list[Entry]:
    """Return one failure where a host could not be reached, however many tasks have met with that."""
    return [{**result, "kind": kind} for result in results if result.get("unreachable")][:1]


def swept(results: t.Iterable[Result], *, check_mode: bool) -> list[Entry]:
    """Return what was removed of dead restores and drills, and what could not be, as entries of the report.

    :param results: of ``restore_workspace`` and ``restore_drill``.
    """
    results = list(results)
    names = dict.fromkeys(name for result in results for name in result.get("removed") or ())
    done: list[Entry] = []
    if names:
        done.append({"what": "to_sweep" if check_mode else "swept", "subject": ", ".join(names)})
    # A task that failed for nothing else has its own failure in the report.
    warned = [result for result in results if not result.get("failed") or result.get("failures")]
    left = dict.fromkeys(message for result in warned for message in result.get("not_removed") or ())
    return [*done, *({"what": "warning", "message": message} for message in left)]


def left_out_by(drill: Result | None) -> list[str]:
    """Return the warnings of what a drill left out, of which the dump knew nothing.

    :param drill: as ``restore_drill`` returns it; None: there was none.
    """
    return [f"A restore will leave out {described}" for described in (drill or {}).get("left_out") or ()]
