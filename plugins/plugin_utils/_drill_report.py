# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one run did for the certainty that backups can be restored: its drills and failures, as JSON and as JUnit XML.

The JUnit XML keeps to the schema that Jenkins validates against (xunit2), which GitLab and others read as well. No set
that was not restored in this run looks like a pass in it: what failed its drill is a failure, what could not be tried
an error, what was left out is skipped, and a run that did not come to its end has an error of its own.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t
from xml.etree import ElementTree

from ansible_collections.infitulua.backup.plugins.module_utils import _printable
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import FAILED, NOT_DONE, PASSED
from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable_value

SUCCEEDED = "succeeded"
UNFINISHED = "unfinished"
FORMAT = 1
PREDICTED = "check mode: it would be drilled"
_COLLECTION = "infitulua.backup"
# All that XML 1.0 can hold, but for the carriage return, which a reader would turn into a line feed.
_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Entry = t.Mapping[str, t.Any]


@dataclasses.dataclass
class Failure:
    """Something that failed, other than the drill of a set.

    :param host: whose task it was.
    :param subject: the source or the set id, where the failure is of one.
    :param kind: ``failed`` or ``unreachable``.
    """

    host: str
    task: str
    message: str
    subject: str | None = None
    kind: str = FAILED
    details: list[str] = dataclasses.field(default_factory=list)

    @property
    def subject_of_host(self) -> str:
        """``host``, ``host.source``; a set's id says both."""
        if self.subject and "/" in self.subject:
            return _class_name(self.subject)
        return ".".join(filter(None, (self.host, self.subject)))


@dataclasses.dataclass
class DrillReport:
    """One run.

    :param started: UTC, as ISO 8601.
    :param ended: when the last playbook came to its end; None: it has not.
    :param succeeded: whether it ended without a failed or unreachable host.
    :param drills: entries as ``restore_drill`` returns them in ``sets`` and ``failures``.
    :param left_out: sets that were not drilled: ``id``, ``reason``.
    :param overdue: sources without a passed drill within the interval: ``source``, ``last_passed``.
    :param not_removed: what drills left that could not be removed, in words: it holds restored data.
    :param verdict: what a playbook said at its end of all that failed.
    """

    started: str
    ended: str | None = None
    succeeded: bool = False
    playbooks: list[str] = dataclasses.field(default_factory=list)
    drills: list[Entry] = dataclasses.field(default_factory=list)
    left_out: list[Entry] = dataclasses.field(default_factory=list)
    overdue: list[Entry] = dataclasses.field(default_factory=list)
    not_removed: list[str] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    verdict: str | None = None

    @property
    def outcome(self) -> str:
        """``succeeded``, ``failed`` or ``unfinished``."""
        if self.ended is None:
            return UNFINISHED
        return SUCCEEDED if self.succeeded else FAILED

    def add_drills(self, result: Entry) -> None:
        """Take over what ``restore_drill`` returned."""
        drilled = [*result["sets"], *result["failures"]]
        done = {drill["id"] for drill in drilled}
        self.drills += drilled
        self.left_out += result["left_out"]
        self.left_out += [{"id": set_id, "reason": PREDICTED} for set_id in result["planned"] if set_id not in done]
        self.overdue += result["overdue"]
        self.not_removed += result["not_removed"]

    def count(self, outcome: str) -> int:
        """How many drills ended in one way."""
        return sum(drill["outcome"] == outcome for drill in self.drills)

    def summary(self) -> dict[str, t.Any]:
        """All of it, for a machine."""
        return {
            "format": FORMAT,
            "playbooks": self.playbooks,
            "started": self.started,
            "ended": self.ended,
            "outcome": self.outcome,
            "counts": {
                **{outcome: self.count(outcome) for outcome in (PASSED, FAILED, NOT_DONE)},
                "left_out": len(self.left_out),
                "failures": len(self.failures),
            },
            "drills": self.drills,
            "left_out": self.left_out,
            "overdue": self.overdue,
            "not_removed": self.not_removed,
            "failures": [dataclasses.asdict(failure) for failure in self.failures],
            "verdict": self.verdict,
        }

    def to_json(self) -> str:
        """Return the summary as a file's text."""
        # Looked at on a terminal, too; and what is no character (a name on a disk may hold such bytes) is an escape.
        return json.dumps(printable_value(self.summary()), ensure_ascii=False, indent=2) + "\n"

    def to_junit(self) -> str:
        """Return JUnit XML as a file's text: a suite of the drills, and one of all else that failed in the run."""
        drills = _suite(f"{_COLLECTION}.drills", self.started)
        for drill in self.drills:
            drills.append(_drill_case(drill))
        for entry in self.left_out:
            _add(_case(entry["id"]), "skipped", message=str(entry["reason"]), to=drills)
        told = [*map(_overdue_line, self.overdue), *(f"not removed: {message}" for message in self.not_removed)]
        if told:
            _add(drills, "system-out", text="\n".join(told))
        run = _suite(f"{_COLLECTION}.run", self.started)
        run.append(self._run_case())
        for failure in self.failures:
            case = ElementTree.Element(
                "testcase", classname=printable(failure.subject_of_host), name=printable(failure.task), time="0.000"
            )
            text = "\n".join([failure.message, *failure.details])
            _add(case, "error", message=failure.message, type=failure.kind, text=text, to=run)
        suites = ElementTree.Element("testsuites", name=_COLLECTION)
        suites.extend([drills, run])
        for suite in (drills, run):
            _count(suite)
        for name in ("tests", "failures", "errors"):
            suites.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
        ElementTree.indent(suites)
        return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"

    def _run_case(self) -> ElementTree.Element:
        name = " ".join(self.playbooks)
        case = ElementTree.Element("testcase", classname=_COLLECTION, name=printable(name), time="0.000")
        if self.outcome == UNFINISHED:
            _add(case, "error", message="the run did not come to its end", type=UNFINISHED)
        elif self.outcome == FAILED:
            _add(case, "failure", message="the run failed", type=FAILED, text=self.verdict or "")
        return case


def printable(text: str) -> str:
    """Return the text with an escape for each character that XML cannot hold, or that a terminal obeys."""
    text = _printable.printable(text)
    return _NOT_IN_XML.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _class_name(set_id: str) -> str:
    return ".".join(set_id.split("/")[:2])


def _case(set_id: str, seconds: float = 0.0) -> ElementTree.Element:
    name = set_id.rsplit("/", 1)[-1]
    classname = printable(_class_name(set_id))
    return ElementTree.Element("testcase", classname=classname, name=printable(name), time=f"{seconds:.3f}")


def _drill_case(drill: Entry) -> ElementTree.Element:
    case = _case(drill["id"], drill["seconds"])
    message = str(drill["message"] or drill["outcome"])
    if drill["outcome"] != PASSED:
        # What could not be tried has no verdict: an error, as every reader of JUnit has it.
        tag = "failure" if drill["outcome"] == FAILED else "error"
        _add(case, tag, message=message, type=drill["outcome"], text="\n".join([message, *drill["details"]]))
    _add(case, "system-out", text="\n".join(_facts(drill)))
    return case


def _facts(drill: Entry) -> t.Iterator[str]:
    yield f"set: {drill['id']}"
    for name in (
        "outcome",
        "drilled",
        "medium",
        "engine",
        "series",
        "tag_manifest_sha256",
        "restore_seconds",
        "source_bytes",
        "bytes_per_second",
        "age_seconds",
    ):
        if drill[name] is not None:
            yield f"{name}: {drill[name]}"
    for check in drill["checks"]:
        yield f"check {'passed' if check['passed'] else 'FAILED'}: {check['name']}: {check['detail']}"
    for warning in drill["warnings"]:
        yield f"warning: {warning}"


def _overdue_line(entry: Entry) -> str:
    return f"overdue: {entry['source']}, last passed: {entry['last_passed'] or 'never'}"


def _suite(name: str, started: str) -> ElementTree.Element:
    return ElementTree.Element("testsuite", name=name, timestamp=started)


def _add(
    case: ElementTree.Element, tag: str, *, text: str = "", to: ElementTree.Element | None = None, **attributes: str
) -> None:
    element = ElementTree.SubElement(case, tag, {name: printable(value) for name, value in attributes.items()})
    element.text = printable(text)
    if to is not None:
        to.append(case)


def _count(suite: ElementTree.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")
