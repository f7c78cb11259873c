# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a step: what was done on each host, and every failure."""

from __future__ import annotations

import re
import typing as t

from jinja2.filters import do_filesizeformat

from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable_line
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.infitulua.backup.plugins.plugin_utils._outcome import Entry, Noted

# What Ansible says before the reason, of each layer that has failed with it.
_FAILED = re.compile(r"\A(?:(?:Task|Action|Module) failed: ){1,2}")


def failures(noted: t.Mapping[str, Noted], steps: t.Iterable[str], catalogue: Catalogue) -> list[Entry]:
    """Return every failure of some steps.

    A host that has not come to the end of a step, for a reason that nobody foresaw, has failed it. A set that every
    step found dated after now is one failure.

    :param noted: what each host of the play has noted.
    """
    found: list[Entry] = []
    misdated: set[str] = set()
    for step in steps:
        for host, of_host in noted.items():
            own = [failure for failure in of_host.get("failures", ()) if failure["step"] == step]
            late = [failure for failure in own if failure["kind"] == "misdated" and failure["id"] not in misdated]
            misdated |= {failure["id"] for failure in late}
            found += [*late, *(failure for failure in own if failure["kind"] != "misdated")]
            if not own and step not in of_host.get("finished", ()):
                message = catalogue["why_unfinished"]
                found.append({"step": step, "server": host, "kind": "unfinished", "message": message})
    return found


def failure_lines(found: t.Iterable[Entry], catalogue: Catalogue) -> list[str]:
    """Return a line for each failure: which server, which source or set, what, why, what to do next."""
    return [_failure_line(number, failure, catalogue) for number, failure in enumerate(found, start=1)]


def _failure_line(number: int, failure: Entry, catalogue: Catalogue) -> str:
    source = failure.get("id", failure.get("source", ""))
    form = "failure_of_set" if "id" in failure else "failure_of_source" if source else "failure_of_host"
    kind = _kind(failure)
    host = failure.get("host") or failure["server"]
    where = catalogue.say("failed_on", host=host) if host != failure["server"] else ""
    why = _reason(failure, catalogue)
    line = catalogue.say(
        form,
        number=number,
        server=failure["server"],
        source=source,
        what=catalogue[f"what_{kind}"] + where,
        why=why if why[-1:] in ".!?" else f"{why}.",
        next=catalogue.say(f"next_{kind}", server=failure["server"], source=source, paths=failure.get("paths", "")),
    )
    return printable_line(line)


def _kind(failure: Entry) -> str:
    # That a set is suspect, its module tells: the other failures of the task are of the kind that the playbook says.
    if failure.get("suspect"):
        return "suspect"
    # So does a drill that was not done: nothing is known of its set. Nor is it where no set was drilled at all.
    if failure.get("outcome") == "not_done":
        return "drill_not_done"
    no_set = failure["kind"] in ("drill", "simulacrum") and "outcome" not in failure
    return f"{failure['kind']}_not_done" if no_set else str(failure["kind"])


def _reason(failure: Entry, catalogue: Catalogue) -> str:
    told = failure.get("message", failure.get("msg", catalogue["without_reason"]))
    return catalogue.worded(_FAILED.sub("", str(told).strip()))


def report(
    noted: t.Mapping[str, Noted],
    steps: t.Sequence[str],
    catalogue: Catalogue,
    *,
    organization: str,
    check_mode: bool,
    in_daily: bool,
) -> list[str]:
    """Return the report of some steps: by host what was done and what to know, then the failures.

    :param noted: what each host of the play has noted.
    :param in_daily: whether the playbook goes on after this step, so that failures are named here.
    """
    lines: list[str] = []
    for step in steps:
        lines.append(catalogue.say("report", step=catalogue[step], organization=organization))
        if check_mode:
            lines.append(catalogue["predicted"])
        for host, of_host in noted.items():
            lines += _of_host(host, of_host, step, catalogue)
    found = failures(noted, steps, catalogue)
    if not found:
        lines.append(catalogue["no_failures"])
    elif in_daily:
        lines += failure_lines(found, catalogue)
    else:
        lines.append(catalogue.say("failures_follow", count=len(found)))
    return "\n".join(lines).splitlines()


def _of_host(host: str, noted: Noted, step: str, catalogue: Catalogue) -> t.Iterator[str]:
    done = [entry for entry in noted.get("done", ()) if entry["step"] == step]
    failed = any(failure["step"] == step for failure in noted.get("failures", ()))
    if done or not failed:
        yield catalogue.say("host", host=host)
    for entry in done:
        yield from _of_entry(entry, catalogue)
    if not done and not failed:
        yield f"  {catalogue['nothing']}"


def _of_entry(entry: Entry, catalogue: Catalogue) -> t.Iterator[str]:
    """Say what was done, and what to know of it.

    A name that a server chose makes no line of its own, and nothing that a terminal obeys.
    """
    subject = entry.get("id") or entry.get("subject") or entry.get("source") or ""
    values = {
        "subject": subject,
        "size": size(entry.get("bytes")),
        "message": catalogue.worded(entry.get("message") or ""),
        "source": entry.get("source", ""),
        "database": entry.get("database", ""),
        "newest": entry.get("newest", ""),
        "recovery": entry.get("restore_seconds") or 0,
        "last": entry.get("last_passed") or catalogue["never"],
        **(entry.get("words") or {}),
    }
    yield f"  {printable_line(catalogue.say(entry['what'], **values))}"
    for warning in entry.get("warnings") or ():
        yield f"    {printable_line(catalogue.say('warning', message=f'{subject}: {catalogue.worded(warning)}'))}"


def size(count: float | None) -> str:
    """Return a number of bytes with a unit."""
    return do_filesizeformat(count or 0)
