# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of a step returned, as entries of the report."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils import _inventory, _rereading
from ansible_collections.infitulua.backup.plugins.plugin_utils._approval_report import approvals
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.infitulua.backup.plugins.plugin_utils._outcome import Entry, Result, left_out_by, swept
from ansible_collections.infitulua.backup.plugins.plugin_utils._report import size

#: Results of a step's tasks by name. A task that did not run has none, or an empty one.
Results = t.Mapping[str, Result]
#: Policies of drills by which ``restore_drill`` itself says what is overdue.
_BY_INTERVAL = ("interval", "full_interval")
#: Why ``set_prune`` keeps sets that somebody should know about.
_REPORTED_RULES = ("held", "clock", "no_policy", "not_elsewhere", "unverified", "unreadable")


def backed_up(
    results: Results, catalogue: Catalogue, *, check_mode: bool, encrypted: bool, sources: int
) -> list[Entry]:
    """Return what step 2 has done.

    :param results: ``databases`` and ``files``, of the dumps; ``found``, what ``database_info`` has, or a dump beside;
        ``replaced``, ``swept`` and ``swept_systems``.
    :param sources: how many the inventory names.
    """
    sets = [entry for name in ("databases", "files") for entry in _listed(results, name)]
    remarks = [catalogue.worded(one) for name in ("databases", "files") for one in _listed(results, name, "remarks")]
    return [
        *_all({"what": "to_dump" if check_mode else "dumped"}, filter(_changed, sets)),
        *_all({"what": "kept"}, (entry for entry in sets if not _changed(entry))),
        *([_warning("; ".join(remarks))] if remarks else []),
        *([] if sources else [_warning(catalogue["no_sources"])]),
        *_all({"what": "gone", "id": ""}, _listed(results, "databases", "gone")),
        *_unprotected(results.get("found") or {}, catalogue),
        *_replaced(results.get("replaced") or {}, catalogue, check_mode=check_mode),
        *swept([results.get("swept") or {}, results.get("swept_systems") or {}], check_mode=check_mode),
        *([] if encrypted else [_warning(catalogue["unencrypted"])]),
    ]


def _unprotected(found: Result, catalogue: Catalogue) -> t.Iterator[Entry]:
    """Name databases that no source covers, and servers that could not be looked into."""
    for entry in found.get("unprotected") or ():
        yield _warning(
            catalogue.say(
                "unprotected",
                database=entry["name"],
                engine=entry["engine"],
                server=entry["server"],
                size=size(entry["bytes"]),
            )
        )
    for entry in found.get("unknown") or ():
        why = catalogue.worded(entry["why"])
        yield _warning(catalogue.say("unknown", engine=entry["engine"], server=entry["server"], why=why))
    if not found.get("skipped") and "unknown" not in found and found.get("msg"):
        yield _warning(catalogue.say("not_looked", why=catalogue.worded(found["msg"])))


def verified(
    results: Results, variables: t.Mapping[str, t.Any], *, check_mode: bool, drill_host: str, elsewhere: bool
) -> list[Entry]:
    """Return what step 3 has done.

    :param results: ``pulled``, ``verified``, ``drilled`` and ``caught_up``, of the tasks of these names, and ``swept``.
    :param variables: of the server.
    :param drill_host: the host that drills.
    :param elsewhere: whether that is not the systems computer.
    """
    lost = _inventory.lost_sources(variables, _listed(results.get("pulled") or {}, "excepted"))
    return [
        *_all({"what": "to_pull" if check_mode else "pulled"}, filter(_changed, _listed(results, "pulled"))),
        *_all({"what": "left_suspect"}, _listed(results, "pulled", "left_out")),
        *_all({"what": "verified"}, _listed(results, "verified")),
        *drilled(results, check_mode=check_mode, drill_host=drill_host, elsewhere=elsewhere),
        *_all({"what": "lost_source", "id": ""}, lost),
    ]


def drilled(results: Results, *, check_mode: bool, drill_host: str, elsewhere: bool) -> list[Entry]:
    """Return what trial restores have shown: those that passed, and sources whose last one is too long ago.

    :param results: ``drilled`` and ``caught_up``, of ``restore_drill``, and ``swept``.
    :param drill_host: the host that drills.
    :param elsewhere: whether that is not the systems computer.
    """
    what = "drilled_elsewhere" if elsewhere else "drilled"
    passed = [
        {**entry, "what": what, "warnings": left_out_by(entry), "words": {"host": drill_host}}
        for name in ("drilled", "caught_up")
        for entry in _listed(results, name)
    ]
    planned = _listed(results, "drilled", "planned") if check_mode else []
    return [
        *passed,
        *_all({"what": "drill_overdue"}, _listed(results, "drilled", "overdue")),
        *([{"what": "to_drill", "subject": ", ".join(planned)}] if planned else []),
        *swept([results.get(name) or {} for name in ("swept", "drilled", "caught_up")], check_mode=check_mode),
    ]


def never_stored(results: Results) -> list[Entry]:
    """Return the failures of storing in the cloud that neither an audit nor trying once more has mended.

    :param results: ``stored``, of what had just come into the vault; ``looked``, of the audit; ``stored_again``, of
        what that had missed, whose own failures are told by whoever ran it.
    """
    first, looked, again = (results.get(name) or {} for name in ("stored", "looked", "stored_again"))
    if first.get("unreachable") or first.get("failed"):
        return []  # Which is told as such.
    failures = [{**failure, "kind": "store"} for failure in first.get("failures") or ()]
    is_whole = "missing" in looked and not looked["missing"]
    if not failures and "msg" in first and not is_whole and "sets" not in again:
        failures = [{"message": first["msg"], "kind": "store"}]
    known = [*(looked.get("sets") or ()), *(again.get("sets") or ()), *(again.get("failures") or ())]
    mended = {entry["id"] for entry in known}
    return [failure for failure in failures if failure.get("id") not in mended]


def stored(
    results: Results,
    catalogue: Catalogue,
    *,
    check_mode: bool,
    has_cloud: bool,
    drill_policy: str,
    warn_days: int,
    has_retention: bool,
    drill_host: str,
    without_lock: str,
) -> list[Entry]:
    """Return what step 4 has done.

    :param results: ``vaulted``, ``stored``, ``looked``, ``stored_again``, ``audited``, ``tried``,
        ``tried_reader``, ``tried_retention``, ``pruned_disk``, ``pruned_vault``, with what was done to the copies in
        the cloud, ``reread_vault``, ``reread_disk``, ``repaired_vault`` and ``cloud_drilled``, of the tasks of these
        names; ``delivered``, with ``ids`` of what was brought back from the vault to the server.
    :param drill_host: the host that drills.
    :param warn_days: how many days before a medium is full is a warning.
    :param has_retention: whether the inventory says how long sets are kept in the vault.
    :param without_lock: why the inventory accepts a bucket that does not lock copies; empty: it does not.
    """
    results = {**results, "pruned_cloud": (results.get("pruned_vault") or {}).get("object_store") or {}}
    audits = [results.get(name) or {} for name in ("looked", "audited")]
    audited = [entry for audit in audits for entry in audit.get("sets") or ()]
    remarks: list[Entry] = []
    for remark in (remark for audit in audits for remark in audit.get("remarks") or ()):
        remarks += [remark] if remark not in remarks else []
    in_cloud = [entry for name in ("stored", "stored_again") for entry in _listed(results, name)]
    out_of_reach = dict.fromkeys(
        set_id for name in ("stored", "stored_again") for set_id in _listed(results, name, "absent")
    )
    read_there = {entry["id"] for entry in audited}
    out_of_reach = {set_id: None for set_id in out_of_reach if set_id not in read_there}
    # With a policy of intervals, restore_drill says what is overdue.
    in_vault = [] if drill_policy in _BY_INTERVAL else _listed(results.get("vaulted") or {}, "destination")
    untried = [entry for entry in in_vault if entry["newest"] and entry["drill"] is None]
    return [
        *_all({"what": "to_vault" if check_mode else "vaulted"}, filter(_changed, _listed(results, "vaulted"))),
        *_all({"what": "to_store" if check_mode else "stored"}, filter(_changed, in_cloud)),
        *_all({"what": "to_audit" if check_mode else "audited"}, filter(_changed, audited)),
        *_tried(results, catalogue),
        *_all({"what": "cloud_remark"}, remarks),
        *([{"what": "not_in_cloud", "message": ", ".join(out_of_reach)}] if out_of_reach else []),
        *_all({"what": "never_drilled", "warnings": []}, untried),
        *_rereading.reread(results, catalogue, check_mode=check_mode),
        *_rereading.drilled_from_cloud(results.get("cloud_drilled") or {}, drill_host=drill_host),
        *_pruned(results, catalogue, "disk", check_mode=check_mode, warn_days=warn_days),
        *_pruned(
            results,
            catalogue,
            "vault",
            check_mode=check_mode,
            warn_days=warn_days,
            # Where there is no retention at all, that is told once.
            reported=[rule for rule in _REPORTED_RULES if has_retention or rule != "no_policy"],
        ),
        *_pruned(results, catalogue, "cloud", check_mode=check_mode, warn_days=warn_days, reported=()),
        *approvals(results.get("pruned_vault") or {}, catalogue),
        *_protection(audits, _listed(results, "pruned_cloud"), catalogue, check_mode=check_mode, accepted=without_lock),
        *([] if has_retention else [{"what": "info", "message": catalogue["no_retention"]}]),
        *([] if has_cloud else [_warning(catalogue["no_cloud"])]),
    ]


def _tried(results: Results, catalogue: Catalogue) -> t.Iterator[Entry]:
    """Say what the keys to the cloud were refused, where this run has tried it."""
    for name in ("tried", "tried_reader", "tried_retention"):
        trial = (results.get(name) or {}).get("trial")
        if trial:
            refused = [attempt["what"] for attempt in trial["attempts"] if attempt["allowed"] is False]
            words = {"rights": trial["rights"], "count": len(refused), "refused": ", ".join(refused)}
            yield {"what": "info", "message": catalogue.say("key_tried", **words)}


def _replaced(result: Result, catalogue: Catalogue, *, check_mode: bool) -> t.Iterator[Entry]:
    """Say what restores have replaced, and what of that is kept."""
    for entry in result.get("replaced") or ():
        removed = "to_remove_replaced" if check_mode else "replaced_removed"
        yield {
            "what": removed if entry["removed"] else "replaced_in_use" if entry["in_use"] else "replaced_kept",
            "subject": entry["source"],
            "bytes": entry["bytes"],
            "words": {"name": entry["name"], "since": entry["since"], "user": entry["in_use"] or ""},
        }
    if not result.get("failed"):
        for entry in result.get("failures") or ():
            why = catalogue.worded(entry["message"])
            yield _warning(catalogue.say("replaced_unseen", source=entry["source"], why=why))


def _forecast(told: t.Mapping[str, t.Any], place: str, catalogue: Catalogue, warn_days: int) -> t.Iterator[Entry]:
    """Say on which day a medium will be full; so many days ahead, as a warning."""
    if not told.get("full_on"):
        return
    words = {
        "place": place,
        "free": size(told["free_bytes"]),
        "growth": size(told["bytes_per_day"]),
        "day": told["full_on"],
    }
    soon = told["free_bytes"] <= told["bytes_per_day"] * warn_days
    yield {"what": "warning" if soon else "info", "message": catalogue.say("forecast", **words)}


def _pruned(
    results: Results,
    catalogue: Catalogue,
    medium: str,
    *,
    check_mode: bool,
    warn_days: int,
    reported: t.Collection[str] = _REPORTED_RULES,
) -> t.Iterator[Entry]:
    """Say what was removed from a medium, and what is kept there for a reason that somebody should know."""
    place = catalogue[f"place_{medium}"]
    kept: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for entry in _listed(results, f"pruned_{medium}"):
        if not entry["kept"]:
            what = f"to_remove_{entry['rule']}" if check_mode else f"removed_{entry['rule']}"
            yield {**entry, "what": what, "words": {"place": place}}
        elif entry["rule"] in reported:
            lacking = tuple(entry["lacking"]) if entry["rule"] == "not_elsewhere" else ()
            kept.setdefault((entry["rule"], entry["why"], lacking), []).append(entry["id"])
    yield from _forecast((results.get(f"pruned_{medium}") or {}).get("forecast") or {}, place, catalogue, warn_days)
    for (rule, why, lacking), ids in kept.items():
        told = ids[0] if len(ids) == 1 else catalogue.say("and_more", id=ids[0], count=len(ids) - 1)
        reason = ", ".join(catalogue[f"place_{name}"] for name in lacking) or catalogue.worded(why)
        message = catalogue.say(f"kept_{rule}", count=len(ids), ids=told, place=place, why=reason)
        yield {"what": "info" if rule == "held" else "warning", "message": message}


def _protection(
    audits: t.Sequence[Result], followed: t.Sequence[Result], catalogue: Catalogue, *, check_mode: bool, accepted: str
) -> t.Iterator[Entry]:
    """Say until when the copies in the cloud are locked, which are not, and why that is accepted where it is.

    :param audits: what audits found; their ``sets`` are the copies of what the vault has.
    :param followed: the copies as retention left them; with those of what the vault has removed.
    :param accepted: why the inventory accepts a bucket that does not lock copies; empty: it does not.
    """
    audited = [entry for audit in audits for entry in audit.get("sets") or ()]
    no_versions = any(audit.get("keeps_versions") is False for audit in audits)
    until = {entry["id"]: entry["locked_until"] for entry in audited if "locked_until" in entry}
    for entry in followed:
        if entry["kept"]:
            until[entry["id"]] = entry["lock_due"] if check_mode and entry["changed"] else entry["locked_until"]
    extended = sum(entry["kept"] and entry["changed"] for entry in followed)
    if extended:
        name = "locks_to_extend" if check_mode else "locks_extended"
        yield {"what": "info", "message": catalogue.say(name, count=extended)}
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    locked = sorted(moment for moment in until.values() if moment and moment > now)
    if locked:
        words = {"count": len(locked), "first": locked[0][:10], "last": locked[-1][:10]}
        yield {"what": "info", "message": catalogue.say("locked_until", **words)}
    unlocked = sorted(set_id for set_id, moment in until.items() if not moment or moment <= now)
    if accepted:
        # It stays a warning while it holds, and becomes one of its own when it does not any more.
        name = "without_lock_needless" if locked and not unlocked and not no_versions else "without_lock_accepted"
        yield _warning(catalogue.say(name, why=accepted))
    elif no_versions:
        yield {"what": "cloud_without_versions"}
    if unlocked and not accepted:
        told = unlocked[0] if len(unlocked) == 1 else catalogue.say("and_more", id=unlocked[0], count=len(unlocked) - 1)
        yield _warning(catalogue.say("not_locked", count=len(unlocked), ids=told))
    # A single object of it that is locked for longer keeps a whole copy: its reason is the latest lock.
    expired = sorted(entry["why"] for entry in followed if entry["rule"] == "locked")
    if expired:
        words = {"count": len(expired), "last": expired[-1][:10]}
        yield {"what": "info", "message": catalogue.say("expired_locked", **words)}
    foreign = sorted(entry["id"] for entry in followed if entry["foreign_locked"])
    if foreign:
        yield _warning(catalogue.say("foreign_locked", ids=", ".join(foreign)))


def _listed(results: Results, name: str, key: str = "sets") -> list[t.Any]:
    return list((results.get(name) or {}).get(key) or ())


def verified_elsewhere(variables: t.Mapping[str, t.Any], *, in_vault: bool, in_cloud: bool) -> list[dict[str, t.Any]]:
    """Return what step 4 has found of a server on the other media, as ``set_prune`` takes it.

    Sets that the vault has removed had been on all media, so they count as being there.

    :param variables: the server's, with what this run has registered.
    :param in_vault: whether the vault is one of the others.
    :param in_cloud: whether the cloud is.
    """
    destination = (variables.get("_backup_vaulted") or {}).get("destination") or {}
    # In the vault itself, nobody asks for what it has removed.
    removed = [
        {**one, "drill": {"outcome": "failed"}} if one["rule"] == "doubtful" else one
        for one in (destination.get("removed_sets") or () if in_vault else ())
    ]
    damaged = {entry["id"] for entry in (variables.get("_backup_reread_vault") or {}).get("failures") or ()}
    undamaged = [entry for entry in destination.get("sets") or () if entry["id"] not in damaged]
    repaired = (variables.get("_backup_repaired_vault") or {}).get("sets") or ()
    vault = [*undamaged, *removed, *repaired]
    cloud = [*removed]
    for name in ("_backup_looked", "_backup_audited"):
        cloud += (variables.get(name) or {}).get("sets") or ()
    media = [("vault", vault)] if in_vault else []
    media += [("cloud", cloud)] if in_cloud else []
    return [{"medium": medium, "sets": _exact(sets)} for medium, sets in media]


def _exact(sets: t.Iterable[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return those of which it is known what exactly was verified, with what is known of their last drill."""
    names = ("id", "tag_manifest_sha256", "drill")
    verified = [entry for entry in sets if entry.get("tag_manifest_sha256")]
    return [{name: entry[name] for name in names if entry.get(name) is not None} for entry in verified]


def _all(more: t.Mapping[str, t.Any], entries: t.Iterable[t.Mapping[str, t.Any]]) -> list[Entry]:
    return [{**entry, **more} for entry in entries]


def _changed(entry: t.Mapping[str, t.Any]) -> bool:
    return bool(entry["changed"])


def _warning(message: str) -> Entry:
    return {"what": "warning", "message": message}
