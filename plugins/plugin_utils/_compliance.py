# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each source of a server stands to the rule 3-2-1-1-0 at the end of step 4, from what this run has verified."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._operations.compliance.rule import (
    COPIES,
    LIVE_KIND,
    Copy,
    SourceFacts,
    Verdict,
    judge,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.infitulua.backup.plugins.plugin_utils._outcome import Entry, Result
from ansible_collections.infitulua.backup.plugins.plugin_utils._sources import recorded_sources

Results = t.Mapping[str, Result]
Variables = t.Mapping[str, t.Any]
RPO_HOURS: t.Final = 26.0
OBJECT_STORE: t.Final = "object store"


def compliance(
    results: Results, server: str, variables: Variables, catalogue: Catalogue, *, policy: str, cloud_off_site: bool
) -> dict[str, list[Entry]]:
    """Return what is told of the rule: ``done``, entries of the report, and ``failures``.

    :param results: of step 4's tasks, as the filter ``stored`` takes them.
    :param variables: the server's.
    :param policy: what a source that falls short is: ``warning``, ``failure``, or ``none``, which tells nothing.
    :param cloud_off_site: whether the cloud is outside the institution's premises.
    """
    if policy == "none" or "destination" not in (results.get("vaulted") or {}):
        return {"done": [], "failures": []}
    verdicts = verdicts_of(results, server, variables, cloud_off_site=cloud_off_site)
    done: list[Entry] = []
    failures: list[Entry] = []
    met = [verdict for verdict in verdicts if verdict.is_met]
    if met:
        until = min(verdict.immutable_until or "" for verdict in met)[:10]
        message = catalogue.say("compliance_met", count=len(met), all=len(verdicts), until=until)
        done.append({"what": "info", "message": message})
    short: dict[str, list[str]] = {}
    for verdict in verdicts:
        if not verdict.is_met:
            why = "; ".join(_why(verdict, name, catalogue) for name in verdict.short)
            short.setdefault(why, []).append(verdict.source.partition("/")[2])
    for why, sources in short.items():
        if policy == "failure":
            failures += [{"kind": "compliance", "source": source, "message": why} for source in sources]
        else:
            message = catalogue.say("compliance_short", sources=", ".join(sources), why=why)
            done.append({"what": "warning", "message": message})
    return {"done": done, "failures": failures}


def _why(verdict: Verdict, name: str, catalogue: Catalogue) -> str:
    if name == "age" and verdict.id is None:
        return catalogue["short_never"]
    return catalogue.say(
        f"short_{name}",
        count=verdict.copies,
        least=COPIES,
        errors="; ".join(map(catalogue.worded, verdict.errors)),
        age=verdict.age_hours,
        rpo=verdict.rpo_hours,
    )


def verdicts_of(results: Results, server: str, variables: Variables, *, cloud_off_site: bool) -> list[Verdict]:
    """Return how each source of a server stands to the rule, by name.

    Sources that are no longer in the inventory are not judged.
    """
    now = host_clock.now()
    vaulted = list(results["vaulted"]["destination"]["sets"])
    bad = _failed(results)
    in_cloud, on_disk = _in_cloud(results), _on_disk(results)
    names = recorded_sources([server], {server: variables})[server]
    found = sorted({str(entry["source"]) for entry in vaulted})
    verdicts = []
    for source in _judged(names, found):
        of_source = [entry for entry in vaulted if entry["source"] == source]
        errors = [bad[entry["id"]] for entry in of_source if entry["id"] in bad]
        errors += [f"{entry['id']}: its last drill failed" for entry in of_source if _has_failed_drill(entry)]
        good = [entry for entry in of_source if entry["verified"] and not entry["suspect"] and entry["id"] not in bad]
        good = [entry for entry in good if not _has_failed_drill(entry)]
        # Oldest first; the newest may be one that is not named so, because its successor is bad.
        best = next((entry for entry in good if entry["newest"]), good[-1] if good else None)
        copies = []
        if best is not None:
            copies.append(Copy("vault", LIVE_KIND, False, best["verified"]))
            there = in_cloud.get(best["id"], {})
            if there.get("tag_manifest_sha256") == best["tag_manifest_sha256"]:
                copies.append(
                    Copy("cloud", OBJECT_STORE, cloud_off_site, there.get("audited"), there.get("locked_until"))
                )
            if best["id"] in on_disk:
                copies.append(Copy("disk", LIVE_KIND, False))
        newest = SetId.parse(best["id"]) if best is not None else None
        rpo = _rpo_hours(source, variables)
        verdicts.append(judge(SourceFacts(f"{server}/{source}", newest, copies, errors, rpo), now))
    return verdicts


def _judged(names: t.Iterable[str], found: t.Sequence[str]) -> list[str]:
    """Return the sources of the inventory; an entry for several databases is each that has sets, or itself."""
    judged: set[str] = set()
    names = list(names)
    for name in names:
        if name.endswith(".*"):
            judged |= {source for source in found if source.startswith(name[:-1])}
        elif f"{name}.*" not in names or not any(source.startswith(f"{name}.") for source in found):
            judged.add(name)
    return sorted(judged)


def _rpo_hours(source: str, variables: Variables) -> float:
    own: t.Mapping[str, float | str] = variables.get("backup_source_rpo_hours") or {}
    # One of several databases that an entry stands for has the entry's name before a dot.
    for name in (source, source.partition(".")[0]):
        if name in own:
            return float(own[name])
    return float(variables.get("backup_rpo_hours", RPO_HOURS))


def _has_failed_drill(entry: t.Mapping[str, t.Any]) -> bool:
    return (entry.get("drill") or {}).get("outcome") == "failed"


def _failed(results: Results) -> dict[str, str]:
    """Return what was found wrong in this run: id to why."""
    found: dict[str, str] = {}
    for name in ("reread_vault", "looked", "audited", "reread_disk"):
        for failure in (results.get(name) or {}).get("failures") or ():
            found.setdefault(failure["id"], failure["message"])
    return found


def _in_cloud(results: Results) -> dict[str, t.Mapping[str, t.Any]]:
    """Return the copies that the systems computer has read in the cloud, with their locks as retention left them."""
    audited = {
        entry["id"]: entry for name in ("looked", "audited") for entry in (results.get(name) or {}).get("sets") or ()
    }
    followed = ((results.get("pruned_vault") or {}).get("object_store") or {}).get("sets") or ()
    locked = {entry["id"]: entry["locked_until"] for entry in followed if entry["kept"]}
    return {
        set_id: {**entry, "locked_until": locked.get(set_id, entry.get("locked_until"))}
        for set_id, entry in audited.items()
    }


def _on_disk(results: Results) -> set[str]:
    """Return the ids of the sets on the server's disk that are exactly those of the vault."""
    kept = [entry for entry in (results.get("pruned_disk") or {}).get("sets") or () if entry["kept"]]
    return {entry["id"] for entry in kept if "vault" not in entry["lacking"] and entry["rule"] != "unreadable"}
