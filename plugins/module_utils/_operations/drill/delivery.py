# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills on another host: what is delivered to it, and what is written down here of what it says.

The key that reads all sets stays here: the other host gets copies, encrypted anew to a key that exists for these drills
only. What it answers is believed as far as a drill's outcome goes, and no further: which set it was, of which content,
and since when, is known here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium, Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.free_space import free_bytes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._system.temporary_files import (
    Abandoned,
    remove_abandoned,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..copy.delivery import Delivery, spool
from ..copy.reencryption import Reencryption
from ..copy.transfer import CopyOptions
from .operation import DrillsReport, conclude_drill, overdue_sources
from .record import FAILED, NOT_DONE, PASSED, Drill, DrillRecord, now
from .verdict import drill_subject, judge_preparation

# What of another host's answer is kept: for years, and read again by every listing.
_MOST_ENTRIES = 200
_MOST_CHARACTERS = 2000
_LEAST_MINUTES = 0.01

Answers = t.Mapping[str, t.Mapping[str, t.Any]]


@dataclasses.dataclass
class DeliveryReport:
    """What is ready for the other host.

    :param deliveries: ``id``, ``copy``, the SHA-256 of the copy's tag manifest, and ``drill``, what is known of the
        drill so far.
    :param drills: of the sets that cannot be delivered, each with its outcome.
    :param left_out: sets for which the time was too short, each with the reason.
    :param minutes_left: of the budget, for the drills; None: there is none.
    :param swept: what killed deliveries had left.
    """

    deliveries: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    drills: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    left_out: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    minutes_left: float | None = None
    swept: Abandoned = dataclasses.field(default_factory=Abandoned)

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        return {
            "changed": bool(self.deliveries),
            "deliveries": self.deliveries,
            "undelivered": self.drills,
            "left_out": self.left_out,
            "minutes_left": self.minutes_left,
            "removed": self.swept.removed,
            "not_removed": [error.message for error in self.swept.left],
        }


class _Budget:
    """How long the deliveries and the drills of one run may begin, and what of that is left.

    :param minutes: None: for ever.
    """

    def __init__(self, minutes: float | None) -> None:
        self._minutes = minutes
        self._begin = time.monotonic()

    def may_deliver(self) -> bool:
        """Tell whether another set may be delivered: half of the time is for the drills."""
        return self._minutes is None or self._spent() < self._minutes / 2

    def left(self) -> float | None:
        """Return what is left for the drills: always enough to begin one, or none ever would be."""
        if self._minutes is None:
            return None
        return max(self._minutes - self._spent(), min(self._minutes, _LEAST_MINUTES))

    def _spent(self) -> float:
        return (time.monotonic() - self._begin) / 60


def deliver(params: t.Mapping[str, t.Any], medium: Medium, destination: Medium) -> DeliveryReport:
    """Verify sets, encrypt them anew to the other host's key, and send them there, one by one.

    A bad set has failed its drill: nothing of it is delivered.

    :param destination: the other host.
    :raises BackupError: when nothing can be encrypted to that key, for which no set is to blame.
    """
    report = DeliveryReport()
    keys = _keys(params)
    budget = _Budget(params["budget_minutes"])
    report.swept = remove_abandoned(params["directory"])
    with _spool(params["directory"]) as directory:
        for set_id in map(SetId.parse, params["sets"]):
            if not budget.may_deliver():
                report.left_out.append({"id": str(set_id), "reason": "budget"})
                continue
            drill = Drill(str(set_id), NOT_DONE, now(), medium.describe())
            progress = Progress(params["status_file"], operation="drill", subject=str(set_id))
            options = CopyOptions(allowed_signers=params["allowed_signers_file"])
            delivery = Delivery(medium, destination, set_id, keys, options, progress)
            try:
                with contained("deliver a set for its drill", on=drill_subject(drill), blame=SetInvalid):
                    _check_room(params["directory"], delivery, drill)
                    ready = delivery.prepare(directory)
                    drill, copy = _described(drill, ready, set_id)
                with contained("deliver a set for its drill", on=f"{set_id} to {destination.describe()}"):
                    _send(delivery, ready)
            except BackupError as error:
                report.drills.append(dataclasses.asdict(judge_preparation(drill, error)))
                continue
            finally:
                progress.finish()
            report.deliveries.append({"id": str(set_id), "copy": copy, "drill": dataclasses.asdict(drill)})
    report.minutes_left = budget.left()
    return report


@contextlib.contextmanager
def _spool(within: str) -> t.Iterator[str]:
    with contextlib.ExitStack() as stack:
        try:
            directory = stack.enter_context(spool(within))
        except OSError as error:
            raise BackupError(
                "deliver sets for their drills",
                on=within,
                why=describe_os_error(error),
                next_step="Correct that, and repeat the step. Nothing is known about the sets.",
            ) from error
        yield directory


def _keys(params: t.Mapping[str, t.Any]) -> Reencryption:
    identities = (params["identity_file"],) if params["identity_file"] else ()
    keys = Reencryption(identity_files=identities, recipients=tuple(params["recipients"]))
    try:
        keys.check_recipients()
    except ProcessFailed as error:
        raise BackupError(
            "encrypt sets for their drills",
            on=", ".join(keys.recipients),
            why=error.why,
            next_step="Check the drill host (backup_drill_host). Nothing is known about the sets.",
            details=error.details,
        ) from error
    return keys


def _check_room(directory: str, delivery: Delivery, drill: Drill) -> None:
    """Check that half of the free room is enough: the disk may be the vault's, and others write there, too."""
    size = sum(delivery.origin.contents(delivery.set_id).sizes().values())
    ready = delivery.destination.local.root if delivery.destination.local is not None else directory
    needed = {directory: 0, ready: 0}
    needed[directory] += size if delivery.origin.local is None else 0
    needed[ready] += size
    for place, taken in needed.items():
        free = free_bytes(place)
        if taken > free // 2:
            raise BackupError(
                "deliver a set for its drill",
                on=drill_subject(drill),
                why=f"it takes {taken} bytes in {place}, where {free} are free, half of which are reserved for other"
                " work",
                next_step="Free some space there. Nothing is known about the set.",
            )


def _described(drill: Drill, ready: LocalMedium, set_id: SetId) -> tuple[Drill, str]:
    """Note of a prepared copy what its drill is of.

    :returns: what is known of the drill, and the digest of the copy.
    """
    contents = ready.contents(set_id)
    description = read_description(set_id, contents)
    drill = dataclasses.replace(
        drill,
        engine=description.engine,
        series=description.series,
        # Of the very content that was verified and read.
        tag_manifest_sha256=(description.reencrypted or {}).get("tag_manifest_sha256"),
        source_bytes=description.source_bytes,
        age_seconds=max(0, round((host_clock.now() - set_id.moment).total_seconds())),
    )
    return drill, bag.tag_manifest_digest(contents)


def _send(delivery: Delivery, ready: LocalMedium) -> None:
    """Send what is ready to the other host, and keep nothing of it here.

    :raises BackupError: when it does not arrive, for which the set is not to blame.
    """
    if delivery.destination.local is not None:
        return  # It has been prepared there.
    try:
        delivery.send(ready)
    except BackupError as error:
        raise BackupError(
            "deliver a set for its drill",
            on=f"{delivery.set_id} to {delivery.destination.describe()}",
            why=error.why,
            next_step="Nothing is known about the set. Check the drill host (backup_drill_host), and drill again.",
            details=error.details,
        ) from error
    finally:
        ready.remove(delivery.set_id)


def record_drills(params: t.Mapping[str, t.Any], medium: Medium) -> DrillsReport:
    """Write down how drills went on another host. One of which it says nothing was not done: no set is to blame for it.

    :raises BackupError: when a drill cannot be written down.
    """
    record = DrillRecord(params["record_directory"])
    report = DrillsReport(left_out=list(params["left_out"]), planned=list(params["sets"]))
    prepared = {entry["id"]: Drill(**entry) for entry in params["undelivered"]}
    deliveries = {entry["id"]: entry for entry in params["deliveries"]}
    # What another host has said may be of any form.
    answers = {str(entry.get("id")): entry for entry in params["answers"] if isinstance(entry, dict)}
    unbegun = {str(entry.get("id")) for entry in params["unbegun"] if isinstance(entry, dict)}
    for text in params["sets"]:
        if text in unbegun and text in deliveries and text not in answers:
            report.planned.remove(text)
            report.left_out.append({"id": text, "reason": "budget"})
            continue
        drill = prepared.get(text)
        if drill is None:
            try:
                with contained("understand a drill's answer", on=text):
                    drill = _answered(params, text, medium, deliveries.get(text), answers.get(text))
            except BackupError as error:
                unknown = Drill(text, NOT_DONE, now(), medium.describe(), drilled_on=params["drill_host"])
                drill = _not_done(unknown, error.why)
        conclude_drill(drill, medium, params["set_aside"], report, record)
    sources = [SetId.parse(text) for text in [*params["sets"], *(entry["id"] for entry in params["left_out"])]]
    report.overdue = overdue_sources(sources, record, params["interval_days"])
    return report


def _answered(
    params: t.Mapping[str, t.Any],
    text: str,
    medium: Medium,
    delivery: t.Mapping[str, t.Any] | None,
    answer: t.Mapping[str, t.Any] | None,
) -> Drill:
    """Give the outcome of a set's drill, by what the other host said of it."""
    base = Drill(**delivery["drill"]) if delivery is not None else Drill(text, NOT_DONE, now(), medium.describe())
    base = dataclasses.replace(base, drilled=now(), drilled_on=params["drill_host"])
    if delivery is None or answer is None:
        return _not_done(base, _why_no_answer(params, text))
    outcome = answer.get("outcome")
    checks = _checks(answer.get("checks"))
    if outcome not in (PASSED, FAILED, NOT_DONE) or (outcome == PASSED and not all(each["passed"] for each in checks)):
        return _not_done(base, f"the answer of the drill host {params['drill_host']} cannot be understood")
    if outcome != NOT_DONE and answer.get("tag_manifest_sha256") != delivery["copy"]:
        return _not_done(base, f"what was drilled on the drill host {params['drill_host']} is not what was delivered")
    seconds = _seconds(answer.get("restore_seconds")) if outcome == PASSED else None
    return dataclasses.replace(
        base,
        outcome=outcome,
        seconds=_seconds(answer.get("seconds")),
        restore_seconds=seconds,
        bytes_per_second=None if seconds is None else round((base.source_bytes or 0) / max(seconds, 0.001)),
        checks=checks if outcome == PASSED else [],
        warnings=_texts(answer.get("warnings")),
        left_out=_texts(answer.get("left_out")),
        message=None if outcome == PASSED else _text(answer.get("message")),
        details=_texts(answer.get("details")),
    )


def _why_no_answer(params: t.Mapping[str, t.Any], text: str) -> str:
    if params["unreachable"]:
        return f"the drill host {params['drill_host']} could not be reached"
    damages = [entry for entry in params["damaged"] if isinstance(entry, dict)]
    damaged = [_text(entry.get("message")) for entry in damages if entry.get("id") == text]
    reason = (damaged[0] if damaged else _text(params["reason"])).rstrip(".") or "it gave no answer"
    return f"it could not be done on the drill host {params['drill_host']}: {reason}"


def _not_done(drill: Drill, why: str) -> Drill:
    error = BackupError(
        "drill a set",
        on=drill_subject(drill),
        why=why,
        next_step="Nothing is known about the set. Check the drill host (backup_drill_host), and drill again.",
    )
    return dataclasses.replace(drill, outcome=NOT_DONE, message=error.message)


def _seconds(value: t.Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return round(seconds, 3) if math.isfinite(seconds) and seconds >= 0 else 0.0


def _text(value: t.Any) -> str:
    return "" if value is None else str(value)[:_MOST_CHARACTERS]


def _texts(value: t.Any) -> list[str]:
    return [_text(line) for line in value[:_MOST_ENTRIES]] if isinstance(value, list) else []


def _checks(value: t.Any) -> list[dict[str, t.Any]]:
    entries = value[:_MOST_ENTRIES] if isinstance(value, list) else []
    return [
        {
            "name": _text(entry.get("name")),
            "passed": entry.get("passed") is True,
            "detail": _text(entry.get("detail")),
        }
        for entry in entries
        if isinstance(entry, dict)
    ]
