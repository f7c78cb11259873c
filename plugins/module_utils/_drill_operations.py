# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the module that drills to drills, and back to what it returns."""

from __future__ import annotations

import dataclasses
import datetime
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _bag
from ansible_collections.infitulua.backup.plugins.module_utils._drill_record import (
    FAILED,
    PASSED,
    Drill,
    DrillRecord,
)
from ansible_collections.infitulua.backup.plugins.module_utils._drilling import (
    DrillRequest,
    Limits,
    Query,
    Supervisor,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._selection import Selection
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._verification import forget
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import make_medium

EVERY_SET = "every_set"
NEWEST = "newest"
INTERVAL = "interval"
FULL_INTERVAL = "full_interval"

DRILL_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "policy": {"type": "str", "choices": [EVERY_SET, NEWEST, INTERVAL, FULL_INTERVAL], "default": EVERY_SET},
    "interval_days": {"type": "int", "default": 7},
    "again": {"type": "bool", "default": True},
    "budget_minutes": {"type": "float"},
    "identity_file": {"type": "path"},
    "allowed_signers_file": {"type": "path"},
    "work_directory": {"type": "path", "required": True},
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
    """

    sets: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    failures: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    left_out: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    overdue: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    planned: list[str] = dataclasses.field(default_factory=list)

    @property
    def message(self) -> str:
        """Every failure, in one message."""
        return " | ".join(entry["message"] for entry in self.failures)

    def result(self) -> dict[str, t.Any]:
        """The module's return values."""
        return {"changed": bool(self.planned), **dataclasses.asdict(self)}


def make_drill_request(params: t.Mapping[str, t.Any], medium: Medium) -> DrillRequest:
    """The drills that a module's options ask for."""
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
    params: t.Mapping[str, t.Any], medium: Medium, selection: Selection, *, check_mode: bool
) -> DrillsReport:
    """Drills the sets that the policy chooses, the longest undrilled source first, and writes every drill down.

    :raises BackupError: when the medium cannot be listed, or no drill can be made or written down here.
    """
    record = DrillRecord(params["record_directory"])
    report = DrillsReport()
    chosen = _choose(params, medium, selection.choose(medium), record, report)
    report.planned = [str(set_id) for set_id in chosen]
    if not check_mode and chosen:
        supervisor = Supervisor(make_drill_request(params, medium))
        end = time.monotonic() + params["budget_minutes"] * 60 if params["budget_minutes"] is not None else None

        def ended(drill: Drill) -> None:
            record.add(drill)
            _report(drill, medium, params["set_aside"], report)

        left = supervisor.drill_all(
            chosen,
            concurrency=max(1, params["concurrency"]),
            ended=ended,
            may_begin=lambda: end is None or time.monotonic() < end,
        )
        for set_id in left:
            report.planned.remove(str(set_id))
            report.left_out.append({"id": str(set_id), "reason": "budget"})
        # As they were chosen: which of several side by side ends first is chance.
        for entries in (report.sets, report.failures):
            entries.sort(key=lambda entry: report.planned.index(entry["id"]))
    report.overdue = _overdue(selection.choose(medium), record, params["interval_days"])
    return report


def _report(drill: Drill, medium: Medium, set_aside: bool, report: DrillsReport) -> None:
    entry = dataclasses.asdict(drill)
    if drill.outcome == PASSED:
        report.sets.append(entry)
        return
    local = medium if isinstance(medium, DirectoryMedium) else None
    if drill.outcome == FAILED and local is not None:
        set_id = SetId.parse(drill.id)
        forget(local, set_id)
        if set_aside:
            try:
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
    newest: dict[tuple[str, str], SetId] = {}
    for set_id in sets:
        newest[set_id.host, set_id.source] = max(set_id, newest.get((set_id.host, set_id.source), set_id), key=_time)
    chosen = []
    for set_id in sets:
        reason = None
        if params["policy"] in (NEWEST, INTERVAL) and newest[set_id.host, set_id.source] != set_id:
            reason = "not the newest of its source"
        elif params["policy"] == INTERVAL and not _is_overdue(set_id, record, params["interval_days"]):
            reason = "its source was drilled within the interval"
        elif params["policy"] == FULL_INTERVAL and not _is_due(record.last_passed_of(set_id), params["interval_days"]):
            reason = "it was drilled within the interval itself"
        elif not params["again"] and _has_passed(medium, set_id, record):
            reason = "this very content has passed a drill"
        if reason is None:
            chosen.append(set_id)
        else:
            report.left_out.append({"id": str(set_id), "reason": reason})

    def longest_undrilled(set_id: SetId) -> tuple[str, str, str]:
        of_source, own = record.last_passed(set_id.host, set_id.source), record.last_passed_of(set_id)
        return (of_source.drilled if of_source else "", own.drilled if own else "", str(set_id))

    return sorted(chosen, key=longest_undrilled)


def _time(set_id: SetId) -> str:
    return set_id.time


def _has_passed(medium: Medium, set_id: SetId, record: DrillRecord) -> bool:
    try:
        drill = record.of_content(set_id, _bag.tag_manifest_digest(medium.contents(set_id)))
    except BackupError:
        return False  # The drill itself will say what is wrong with it.
    return drill is not None and drill.outcome == PASSED


def _is_overdue(set_id: SetId, record: DrillRecord, interval_days: int) -> bool:
    return _is_due(record.last_passed(set_id.host, set_id.source), interval_days)


def _is_due(last: Drill | None, interval_days: int) -> bool:
    limit = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=interval_days)
    return last is None or last.moment < limit


def _overdue(sets: t.Sequence[SetId], record: DrillRecord, interval_days: int) -> list[dict[str, t.Any]]:
    found = {}
    for set_id in sets:
        if _is_overdue(set_id, record, interval_days):
            last = record.last_passed(set_id.host, set_id.source)
            source = f"{set_id.host}/{set_id.source}"
            found[source] = {"source": source, "last_passed": last.drilled if last else None}
    return [found[source] for source in sorted(found)]
