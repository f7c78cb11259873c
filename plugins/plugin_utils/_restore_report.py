# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report of step 5 tells: what was restored, what was not chosen and why, and what was refused."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory import Text, Variables
from ansible_collections.infitulua.backup.plugins.plugin_utils._outcome import left_out_by
from ansible_collections.infitulua.backup.plugins.plugin_utils._restore_plan import Looked, Set, find_set, looked, plan
from ansible_collections.infitulua.backup.plugins.plugin_utils._restore_request import CLOUD, Asked, Request
from ansible_collections.infitulua.backup.plugins.plugin_utils._wording import worded

Entry = dict[str, t.Any]


def report(
    found: t.Mapping[str, t.Any],
    restored: t.Sequence[t.Mapping[str, t.Any]],
    asked: Asked,
    variables: Variables,
    text: Text,
    *,
    language: str,
    check_mode: bool,
) -> list[Entry]:
    """Tell what a restore did, as entries of the report.

    :param found: what the search has returned.
    :param restored: what the modules that restore returned; one that did not run or failed is not reported.
    :param asked: see ``Request.read``.
    :param variables: the server's.
    :param text: the catalogue.
    :param language: of what modules say, ``es`` or ``en``.
    """
    nearest = find_set(found, asked, variables)
    answers = looked(found, asked, variables)
    told: list[Entry] = []
    if nearest is not None:
        place, chosen = nearest
        for result in restored:
            if "target" in result:
                source = Request.read(asked).source
                # In earnest, the restore itself tells what it leaves out.
                known = left_out_by(chosen.get("drill")) if check_mode else []
                told += _restored(result, text[place], source, known, language=language, check_mode=check_mode)
        told += _not_chosen(answers, chosen, text)
    for place, answer in answers:
        if place == CLOUD:
            if Request.read(asked).at and nearest is not None and "msg" in answer:
                told.append({"what": "warning", "message": worded(answer["msg"], language)})
            for failure in answer.get("failures") or []:
                message = worded(failure["message"], language)
                told.append({"what": "passed_over", "id": failure["id"], "message": message})
    return told


def _restored(
    result: t.Mapping[str, t.Any],
    place: str,
    source: str,
    known: t.Sequence[str],
    *,
    language: str,
    check_mode: bool,
) -> t.Iterator[Entry]:
    yield {
        "what": "to_restore" if check_mode else "restored",
        "id": result["set"],
        "warnings": [*result["remarks"], *known],
        "words": {
            "ticket": result["ticket"],
            "id": result["set"],
            "target": worded(result["target"], language),
            "place": place,
            "seconds": result["seconds"],
        },
    }
    if result["kept"]:
        yield {"what": "replaced", "words": {"kept": result["kept"]}}
    for removed in result["removed"]:
        yield {
            "what": "to_remove_replaced" if check_mode else "replaced_removed",
            "subject": source,
            "bytes": removed["bytes"],
            "words": {"name": removed["name"], "since": removed["since"]},
        }
    for check in result["checks"]:
        words = {key: worded(check[key], language) for key in ("name", "detail")}
        yield {"what": "check_passed", "words": words}


def _not_chosen(answers: t.Sequence[Looked], chosen: Set, text: Text) -> t.Iterator[Entry]:
    """Tell that what was chosen was never tried, and of what is newer and was not taken, each once."""
    if not chosen.get("drill"):
        yield {"what": "never_drilled", "id": chosen["id"]}
    seen = {chosen["id"]}
    for place, answer in answers:
        for newer in answer.get("sets") or []:
            if newer["order"] <= chosen["order"] or newer["id"] in seen:
                continue
            seen.add(newer["id"])
            words = {"place": text[place]}
            if (newer.get("drill") or {}).get("outcome") == "failed":
                words["why"] = text["newer_failed_drill"]
                yield {"what": "newer_passed_over", "id": newer["id"], "words": words}
            else:
                yield {"what": "newer_elsewhere", "id": newer["id"], "words": words}
        for newer in answer.get("passed_over") or []:
            if newer["id"] not in seen:
                seen.add(newer["id"])
                words = {"place": text[place], "why": text[f"newer_{newer['reason']}"]}
                yield {"what": "newer_passed_over", "id": newer["id"], "words": words}


def not_found(found: t.Mapping[str, t.Any], asked: Asked, variables: Variables, text: Text, language: str) -> str:
    """Say that no medium has what was asked for, and what went wrong on the way; parameters as of :func:`report`."""
    request = Request.read(asked)
    candidates = request.candidates(variables)
    said = text["why_find_set" if request.set_id else "why_find"] % {
        "set": request.set_id,
        "server": request.server,
        "source": request.source,
        "at": text["not_after"] % {"at": request.at} if request.at else "",
        "places": ", ".join(text[place] for place in candidates),
    }
    problems = []
    for place, answer in looked(found, asked, variables):
        if place in candidates:
            problems += [answer["msg"]] if "msg" in answer else []
            problems += [failure["message"] for failure in answer.get("failures") or [] if place == CLOUD]
    return " ".join([said, *(worded(problem, language) for problem in problems)])


def objections(
    found: t.Mapping[str, t.Any], asked: Asked, variables: Variables, text: Text, language: str
) -> list[Entry]:
    """Say why the set that was found is not restored, as failures of the report; parameters as of :func:`report`."""
    made = plan(found, asked, variables, "")
    if not made:
        return []
    chosen, told = made["set"], []
    if made["failed_drill"]:
        drill = chosen["drill"]
        why = worded(drill.get("message") or "", language)
        words = {"set": chosen["id"], "drilled": drill.get("drilled") or "", "why": why}
        told.append({"kind": "failed_drill", "message": text["why_failed_drill"] % words})
    if made["doubted"]:
        words = {"set": chosen["id"], "why": worded(chosen["suspect"], language)}
        told.append({"kind": "doubted", "message": text["why_doubted"] % words})
    return [{**entry, "source": Request.read(asked).source} for entry in told]
