# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the module that drills to drills, and back to what it returns."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import operator
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts import instances
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..known_sets import known_sets, newer_than_newest, newest
from ..selection import SetSelection
from ..verify.set_verification import forget
from .record import FAILED, NOT_DONE, PASSED, Drill, DrillRecord, now
from .request import DrillRequest, Limits, Query
from .supervisor import Supervisor

EVERY_SET = "every_set"
NEWEST = "newest"
INTERVAL = "interval"
FULL_INTERVAL = "full_interval"
UNTRIED = "untried"

DRILL_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "policy": {"type": "str", "choices": [EVERY_SET, NEWEST, INTERVAL, FULL_INTERVAL, UNTRIED], "default": EVERY_SET},
    "interval_days": {"type": "int", "default": 7},
    "again": {"type": "bool", "default": True},
    "budget_minutes": {"type": "float"},
    "identity_file": {"type": "path"},
    "allowed_signers_file": {"type": "path"},
    "work_directory": {"type": "path", "required": True},
    "record": {"type": "bool", "default": True},
    "record_directory": {"type": "path", "default": "/var/lib/infitulua-backup/drills"},
    "user": {"type": "str", "default": "nobody"},
    "programs_directory": {"type": "path"},
    "queries": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "query": {"type": "str", "required": True},
            "expected": {"type": "str", "required": True},
            "host": {"type": "str"},
            "source": {"type": "str"},
        },
    },
    "max_seconds": {"type": "int", "default": 3600},
    "max_bytes": {"type": "int"},
    "max_memory_bytes": {"type": "int", "default": 8 * 1024**3},
    "max_cpu_seconds": {"type": "int"},
    "max_processors": {"type": "int"},
    "concurrency": {"type": "int", "default": 1},
    "jobs": {"type": "int", "default": 2},
    "set_aside": {"type": "bool", "default": False},
    "status_file": {"type": "path"},
}


@dataclasses.dataclass
class DrillsReport:
    """What the module returns.

    :param sets: drills that passed.
    :param failures: drills that did not, each with its outcome.
    :param left_out: sets that were chosen and not drilled, each with the reason.
    :param overdue: sources that no set of passed a drill within the interval.
    :param planned: the sets that were drilled, or would be.
    :param dated_after_now: ids of the sets on the medium, of those asked for, that are dated after now.
    :param removed: names of dead drills of which everything was removed.
    :param not_removed: why directories of drills could not be removed.
    """

    sets: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    failures: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    left_out: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    overdue: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    planned: list[str] = dataclasses.field(default_factory=list)
    dated_after_now: list[str] = dataclasses.field(default_factory=list)
    removed: list[str] = dataclasses.field(default_factory=list)
    not_removed: list[str] = dataclasses.field(default_factory=list)

    @property
    def message(self) -> str:
        """Every failure, in one message."""
        return " | ".join(entry["message"] for entry in self.failures)

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        return {"changed": bool(self.planned), **dataclasses.asdict(self)}


def make_drill_request(params: t.Mapping[str, t.Any], medium: Medium) -> DrillRequest:
    """Return the drills that a module's options ask for."""
    return DrillRequest(
        open_medium=lambda: make_medium(params["medium"]),
        medium_name=medium.describe(),
        identity_files=(params["identity_file"],) if params["identity_file"] else (),
        allowed_signers=params["allowed_signers_file"],
        work_directory=params["work_directory"],
        user=params["user"],
        programs_directory=params["programs_directory"],
        queries=tuple(Query(**query) for query in params["queries"]),
        limits=Limits(
            seconds=params["max_seconds"],
            bytes=params["max_bytes"],
            memory_bytes=params["max_memory_bytes"],
            cpu_seconds=params["max_cpu_seconds"],
            processors=params["max_processors"],
        ),
        jobs=params["jobs"],
        status_file=params["status_file"],
    )


def drill_sets(
    params: t.Mapping[str, t.Any], medium: Medium, selection: SetSelection, *, check_mode: bool
) -> DrillsReport:
    """Drill the sets that the policy chooses, the longest undrilled source first, and write every drill down.

    :raises BackupError: when the medium cannot be listed, or no drill can be made or written down here.
    """
    record = DrillRecord(params["record_directory"])
    report = DrillsReport()
    choice = selection.resolve(medium)
    report.dated_after_now = [str(set_id) for set_id in choice.late]
    # What would be the newest and cannot be read is drilled as well: it fails, and is named.
    sets = sorted([*choice.sets, *(known.set_id for known in choice.unreadable)])
    if selection.ids is not None:
        sets.sort(key=selection.ids.index)
    report.failures += [_not_done(set_id, medium, reason) for set_id, reason in choice.ineligible]
    chosen = _choose(params, medium, sets, record, report)
    report.planned = [str(set_id) for set_id in chosen]
    if not check_mode and chosen:
        supervisor = Supervisor(make_drill_request(params, medium))
        _load_engines(medium, chosen)
        end = time.monotonic() + params["budget_minutes"] * 60 if params["budget_minutes"] is not None else None

        def ended(drill: Drill) -> None:
            conclude_drill(drill, medium, params["set_aside"], report, record if params["record"] else None)

        left = supervisor.drill_all(
            chosen,
            concurrency=max(1, params["concurrency"]),
            ended=ended,
            may_begin=lambda: end is None or time.monotonic() < end,
        )
        report.removed = supervisor.removed
        report.not_removed = [error.message for error in supervisor.left]
        for set_id in left:
            report.planned.remove(str(set_id))
            report.left_out.append({"id": str(set_id), "reason": "budget"})
        # As they were chosen: which of several side by side ends first is chance.
        for entries in (report.sets, report.failures):
            order = {set_id: number for number, set_id in enumerate(report.planned)}
            entries.sort(key=lambda entry: order.get(entry["id"], -1))
    report.overdue = overdue_sources(selection.choose(medium), record, params["interval_days"])
    return report


def _load_engines(medium: Medium, sets: t.Sequence[SetId]) -> None:
    """Load what these sets are restored into once, and not again in the process of each drill."""
    if medium.local is None or len(sets) == 1:
        return
    for set_id in sets:
        # What is wrong with a set, its drill tells.
        with contextlib.suppress(BackupError), contained("read a set", on=str(set_id)):
            instances.load(read_description(set_id, medium.contents(set_id)).engine)


def conclude_drill(
    drill: Drill, medium: Medium, set_aside: bool, report: DrillsReport, record: DrillRecord | None
) -> None:
    """Write a drill down, and do what follows from it.

    One that passed and cannot be written down counts as not done. Why another did not pass is reported all the same.

    :param record: None: it is written down elsewhere.
    """
    lost: BackupError | None = None
    if record is not None:
        try:
            record.add(drill)
        except BackupError as error:
            lost = error
    if lost is None or drill.outcome != PASSED:
        report_drill(drill, medium, set_aside, report)
    if lost is not None:
        unknown = dataclasses.replace(drill, outcome=NOT_DONE, message=lost.message, details=lost.details)
        report.failures.append(dataclasses.asdict(unknown))


def report_drill(drill: Drill, medium: Medium, set_aside: bool, report: DrillsReport) -> None:
    """Take a drill into the report; one that failed costs its set what is known of it, and, where asked, its place."""
    entry = dataclasses.asdict(drill)
    if drill.outcome == PASSED:
        report.sets.append(entry)
        return
    local = medium.local
    if drill.outcome == FAILED and local is not None:
        set_id = SetId.parse(drill.id)
        forget(local, set_id)
        if set_aside:
            try:
                with contained("set a set aside", on=drill.id):
                    entry["details"].append(f"it was set aside as {local.set_aside(set_id)}")
            except BackupError as problem:
                entry["details"].append(f"it could not be set aside: {problem.why}")
    report.failures.append(entry)


def _choose(
    params: t.Mapping[str, t.Any],
    medium: Medium,
    sets: t.Sequence[SetId],
    record: DrillRecord,
    report: DrillsReport,
) -> list[SetId]:
    newest_sets = _newest(medium, sorted(sets)) if params["policy"] in (NEWEST, INTERVAL) else set()
    chosen: list[tuple[tuple[str, str], SetId]] = []
    for set_id in sets:
        is_newest = set_id in newest_sets
        try:
            with contained("choose what to drill", on=str(set_id)):
                reason = _reason_against(params, medium, set_id, record, is_newest=is_newest)
                of_source, own = record.last_passed(set_id.host, set_id.source), record.last_passed_of(set_id)
        except BackupError as error:  # What is wrong with one source's record costs that source.
            report.failures.append(_not_done(set_id, medium, error))
            continue
        if reason is None:
            longest_undrilled = (of_source.drilled if of_source else "", own.drilled if own else "")
            chosen.append((longest_undrilled, set_id))
        else:
            report.left_out.append({"id": str(set_id), "reason": reason})
    return [set_id for _key, set_id in sorted(chosen, key=operator.itemgetter(0))]


def _not_done(set_id: SetId, medium: Medium, error: BackupError) -> dict[str, t.Any]:
    """Return the report on a set that nobody could try."""
    drill = Drill(str(set_id), NOT_DONE, now(), medium.describe(), message=error.message, details=error.details)
    return dataclasses.asdict(drill)


def _reason_against(
    params: t.Mapping[str, t.Any], medium: Medium, set_id: SetId, record: DrillRecord, *, is_newest: bool
) -> str | None:
    """Why a set is not drilled now; None: it is."""
    if params["policy"] in (NEWEST, INTERVAL) and not is_newest:
        return "not the newest of its source"
    if params["policy"] == INTERVAL and not _is_overdue(set_id, record, params["interval_days"]):
        return "its source was drilled within the interval"
    if params["policy"] == FULL_INTERVAL and not _is_due(record.last_passed_of(set_id), params["interval_days"]):
        return "it was drilled within the interval itself"
    if params["policy"] == UNTRIED and _was_tried(medium, set_id, record):
        return "a drill of this very content was carried out"
    if not params["again"] and _has_passed(medium, set_id, record):
        return "this very content has passed a drill"
    return None


def _newest(medium: Medium, sets: t.Sequence[SetId]) -> set[SetId]:
    """Return the newest set of each source, and those that would be but cannot be read: their drills say so."""
    found = set()
    for _source, of_source in itertools.groupby(sets, key=lambda set_id: (set_id.host, set_id.source)):
        ordered = known_sets(medium, of_source, now=host_clock.now())
        best = newest(ordered)
        found |= {best.set_id} if best else set()
        found |= {known.set_id for known in newer_than_newest(ordered) if known.problem is not None}
    return found


def _last_drill(medium: Medium, set_id: SetId, record: DrillRecord) -> Drill | None:
    try:
        with contained("read a set", on=str(set_id)):
            return record.of_content(set_id, bag.tag_manifest_digest(medium.contents(set_id)))
    except BackupError:
        return None  # The drill itself will say what is wrong with it.


def _was_tried(medium: Medium, set_id: SetId, record: DrillRecord) -> bool:
    # A drill that was begun and not done after one that was carried out has still to be done.
    return _last_drill(medium, set_id, record) is not None and not record.is_pending(set_id)


def _has_passed(medium: Medium, set_id: SetId, record: DrillRecord) -> bool:
    drill = _last_drill(medium, set_id, record)
    return drill is not None and drill.outcome == PASSED


def _is_overdue(set_id: SetId, record: DrillRecord, interval_days: int) -> bool:
    return _is_due(record.last_passed(set_id.host, set_id.source), interval_days)


def _is_due(last: Drill | None, interval_days: int) -> bool:
    # A drill that was written down under a later date than today's says nothing of how long ago it was.
    now = host_clock.now()
    return (
        last is None
        or last.moment < now - datetime.timedelta(days=interval_days)
        or host_clock.is_after(last.moment, now)
    )


def overdue_sources(sets: t.Iterable[SetId], record: DrillRecord, interval_days: int) -> list[dict[str, t.Any]]:
    """List the sources of these sets of which no set has passed a drill within the interval."""
    found = {}
    for set_id in sets:
        source = f"{set_id.host}/{set_id.source}"
        try:
            last = record.last_passed(set_id.host, set_id.source)
        except BackupError:
            last = None  # Not known; that its record cannot be read was reported.
        if _is_due(last, interval_days):
            found[source] = {"source": source, "last_passed": last.drilled if last else None}
    return [found[source] for source in sorted(found)]
