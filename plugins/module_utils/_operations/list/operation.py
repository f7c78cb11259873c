# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listing sets with what their backup.json says, and with what is known of them here."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..drill.record import DrillRecord
from ..known_sets import KnownSet, Reader, known_sets, newest
from ..selection import ChosenSets, SetSelection
from ..sets_report import SetsReport
from ..verify import set_verification


@dataclasses.dataclass
class ListReport(SetsReport):
    """What the module that lists sets returns.

    :param passed_over: one entry per set that would be the newest of its source, were there no objection.
    """

    passed_over: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        return {**super().result(), "passed_over": self.passed_over}


def list_sets(medium: Medium, selection: SetSelection, *, drill_record: str | None = None) -> ListReport:
    """List every chosen set with what its backup.json says. A set whose backup.json cannot be read is a failure.

    :param drill_record: directory of the record of drills: each set is listed with its last one.
        What cannot be read is a failure.
    :raises BackupError: when the medium cannot be listed.
    """
    report = ListReport()
    choice = selection.resolve(medium)
    report.note(choice)
    report.passed_over = [{"id": str(known.set_id), "reason": str(known.objection)} for known in choice.passed_over]
    summaries: dict[SetId, dict[str, t.Any]] = {}
    record = DrillRecord(drill_record) if drill_record is not None else None

    def read(set_id: SetId, description: Description) -> None:
        summaries[set_id] = _summary(medium, set_id, description)
        if record is not None:
            summaries[set_id]["drill"] = _last_drill(medium, set_id, record, report)

    for known, is_newest in _with_order(medium, choice, read):
        if known.problem is not None:
            report.fail(known.set_id, known.problem)
            continue
        report.sets.append({**summaries[known.set_id], "order": str(known.position), "newest": is_newest})
    return report


def list_media(
    media: t.Iterable[t.Mapping[str, t.Any]], look: t.Callable[[t.Mapping[str, t.Any]], ListReport]
) -> list[dict[str, t.Any]]:
    """List the sets of several media. One that cannot be listed keeps nobody from looking on the others.

    :param media: each with ``medium``, its options, and ``only_if_none``, whether it is left out where one before it
        has given a set.
    :param look: lists one.
    :returns: for each, what it lists; ``looked``, whether it was looked at; and where it cannot be listed, why
        (``msg``, ``details``).
    """
    answers: list[dict[str, t.Any]] = []
    for place in media:
        answer = {**ListReport().result(), "looked": True}
        if place["only_if_none"] and any(earlier["sets"] for earlier in answers):
            answer["looked"] = False
        else:
            try:
                with contained("list sets", on=place["medium"]["type"]):
                    answer.update(look(place["medium"]).result())
            except BackupError as error:
                answer.update(msg=error.message, details=error.details)
        answers.append(answer)
    return answers


def _with_order(medium: Medium, choice: ChosenSets, read: Reader) -> t.Iterator[tuple[KnownSet, bool]]:
    """Yield the chosen sets, oldest first within a source, and whether each is the newest."""
    if choice.newest:
        for known in choice.newest:
            read(known.set_id, read_description(known.set_id, medium.contents(known.set_id)))
            yield known, True
        return
    for _source, sets in itertools.groupby(choice.sets, key=lambda set_id: (set_id.host, set_id.source)):
        ordered = known_sets(medium, sets, now=host_clock.now(), reader=read)
        best = newest(ordered)
        yield from ((known, known is best) for known in ordered)


def _summary(medium: Medium, set_id: SetId, description: Description) -> dict[str, t.Any]:
    verification = set_verification.recall(medium, set_id)
    return {
        "id": str(set_id),
        "host": set_id.host,
        "source": set_id.source,
        "time": set_id.time,
        "engine": description.engine,
        "series": description.series,
        "organization": description.organization,
        "run_id": description.run_id,
        "started": description.started,
        "finished": description.finished,
        "bytes": description.stored_bytes,
        "source_bytes": description.source_bytes,
        "encryption": description.encryption,
        "versions": description.versions,
        "content": description.content,
        "sequence": description.sequence,
        "predecessors": list(description.predecessors),
        "suspect": description.suspect,
        "accepted": description.accepted,
        "warnings": description.warnings,
        "restore_by_hand": description.restore_by_hand,
        "reencrypted": description.reencrypted is not None,
        "path": medium.local_path(set_id),
        "verified": verification.verified if verification else None,
        "tag_manifest_sha256": verification.tag_manifest_sha256 if verification else None,
        "locked_until": medium.locked_until(set_id),
    }


def _last_drill(medium: Medium, set_id: SetId, record: DrillRecord, report: SetsReport) -> dict[str, t.Any] | None:
    """Return the last drill of a set's content. What is wrong with a source's record is reported once."""
    try:
        drill = record.of_content(set_id, bag.tag_manifest_digest(medium.contents(set_id)))
    except BackupError as error:
        if error.message not in [entry["message"] for entry in report.failures]:
            report.fail(set_id, error)
        return None
    return dataclasses.asdict(drill) if drill else None
