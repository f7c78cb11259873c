# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backing up one source: lock, preflight, streams, comparison with the last set, set."""

from __future__ import annotations

import dataclasses
import datetime
import os
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import Examination, SourceEngine
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import order
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import AGE, Filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.order import Claim
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description, total_bytes
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._system.space import DumpShare

from ..known_sets import KnownSet, known_sets, tag_manifest_digest
from . import shrinkage

# A set's size varies from day to day; this much more than the last one must fit.
_SPACE_MARGIN = 1.2
# Manifests, backup.json and the file system's own needs.
_SPACE_FLOOR = 16 * 1024 * 1024
# Two dumps within a second are named a second apart, and a few such in a row say nothing of the clock.
_PUT_BACK = datetime.timedelta(seconds=10)


@dataclasses.dataclass(frozen=True)
class DumpRequest:
    """One source to back up.

    :param host: the server's name in set ids.
    :param source: the source's name in set ids.
    :param medium: where the set is written.
    :param series: its records series (TRD code).
    :param organization: whose data it is.
    :param run_id: a complete set that already carries it is the result; None: always a new set.
    :param minimum_fraction: a set that holds less than this of what the last one holds is suspect, 0 to 1.
    :param accept: the operator says that what the source holds now is right, however little: no set is suspect, and
        one that would be says that it was accepted.
    :param jobs: streams at a time.
    :param signing_key: OpenSSH private key file; None: unsigned.
    :param tell: called with the state of its progress now and then; None: nobody.
    :param share: of the medium's room, where other dumps run at the same time.
    """

    host: str
    source: str
    engine: SourceEngine
    medium: LocalMedium
    series: str
    organization: str
    filters: Filters
    run_id: str | None = None
    minimum_fraction: float = shrinkage.DEFAULT_MINIMUM_FRACTION
    accept: bool = False
    jobs: int = 2
    signing_key: str | None = None
    tell: t.Callable[[dict[str, t.Any]], None] | None = None
    share: DumpShare | None = None

    @property
    def subject(self) -> str:
        """The source, for messages."""
        return f"{self.host}/{self.source}"

    def __post_init__(self) -> None:
        # Checks the names, before one becomes a path.
        SetId.at(self.host, self.source, host_clock.now())
        if not 0 <= self.minimum_fraction <= 1:
            raise Refused(
                "compare sets",
                on=self.subject,
                why=f"minimum_fraction is {self.minimum_fraction}, not a fraction from 0 to 1",
                next_step="Correct it; with 0, only a source that has become empty is suspect.",
            )


@dataclasses.dataclass(frozen=True)
class DumpResult:
    """What a dump did, or (``set_id`` None) would do.

    :param seconds: how long it took.
    """

    set_id: SetId | None
    changed: bool
    description: Description | None
    seconds: float

    @property
    def suspect(self) -> str | None:
        """Why the set is suspect, in words; None when it is not."""
        return self.description.suspect if self.description else None


def existing(request: DumpRequest, history: t.Sequence[KnownSet] | None = None) -> DumpResult | None:
    """Return the complete set that already carries the request's run id.

    A suspect one is the result too, so that repeating a run neither makes a good set of it nor adds another; but not
    once the operator accepts what the source holds.

    :param history: the source's sets, where they are known.
    :raises BackupError: when the medium cannot be read.
    """
    if request.run_id is None:
        return None
    of_run = [known for known in _own_sets(request, history) if known.run_id == request.run_id]
    good = [known for known in of_run if not known.suspect]
    for known in reversed(good or ([] if request.accept else of_run)):
        return DumpResult(known.set_id, False, _description(request, known), 0.0)
    return None


def read_history(request: DumpRequest) -> list[KnownSet]:
    """Every set of the source on the medium, from the oldest to the newest.

    :raises BackupError: when the medium cannot be read.
    """
    sets = request.medium.sets(host=request.host, source=request.source)
    return known_sets(request.medium, sets, now=host_clock.now())


def _own_sets(request: DumpRequest, history: t.Sequence[KnownSet] | None) -> list[KnownSet]:
    """Those that this engine wrote and that can be read."""
    # An older set that has gone bad is for set_verify to tell; it must not keep today's from being written.
    sets = read_history(request) if history is None else history
    return [known for known in sets if known.engine == request.engine.name]


def _description(request: DumpRequest, known: KnownSet) -> Description:
    return read_description(known.set_id, request.medium.contents(known.set_id))


def _last_good(request: DumpRequest, history: t.Sequence[KnownSet] | None) -> Description | None:
    # Never a suspect one: a second shrunken set in a row would pass beside the first. One that is dated after now may
    # be it: the links between the sets say when it was made, and what it holds was there then.
    good = (known for known in reversed(_own_sets(request, history)) if not known.suspect)
    return next((_description(request, known) for known in good), None)


def preflight(request: DumpRequest, history: t.Sequence[KnownSet] | None = None) -> Examination:
    """Everything that can be known to be wrong before a byte is written. Changes nothing.

    :param history: the source's sets, where they are known.
    :raises BackupError: when the dump could not succeed.
    """
    request.medium.check_present()
    if not os.access(request.medium.root, os.W_OK | os.X_OK):
        raise Refused(
            "write to a medium",
            on=request.medium.describe(),
            why="this user may not write there",
            next_step="Run as the medium's owner, or prepare the medium (playbook step1_prepare_media).",
        )
    request.filters.check()
    examination = request.engine.examine()
    _check_space(request, examination, history)
    return examination


def dump(request: DumpRequest) -> DumpResult:
    """Back the source up. A set that holds far less than the last one is written all the same, as suspect.

    :raises LockHeld: when another run is working on the same source.
    :raises BackupError: when it fails; then nothing of the set stays, and earlier sets are as they were.
    """
    with request.medium.locked(request.host, request.source):
        history = read_history(request)
        found = existing(request, history)
        if found is not None:
            return found
        examination = preflight(request, history)
        clock = time.monotonic()
        progress = Progress(None, operation="dump", subject=request.subject, tell=request.tell)
        try:
            progress.stage("dumping")
            now = host_clock.now()
            claim = _next_claim(request, history, now)
            with request.medium.begin(claim.set_id) as partial, Processes() as processes:
                writer = SetWriter(partial, filters=request.filters, processes=processes, progress=progress)
                dumped = request.engine.dump(writer, jobs=request.jobs)
                encryption: dict[str, t.Any] = {"method": request.filters.encryption.method}
                if request.filters.encryption.method == AGE:
                    encryption["recipients"] = list(request.filters.encryption.recipients)
                description = Description(
                    id=str(partial.set_id),
                    engine=request.engine.name,
                    series=request.series,
                    organization=request.organization,
                    run_id=request.run_id,
                    started=host_clock.write(now),
                    finished=host_clock.write(host_clock.now()),
                    source_bytes=examination.bytes,
                    compression={"method": "zstd", "level": request.filters.level},
                    encryption=encryption,
                    versions={**examination.versions, **request.filters.versions()},
                    payload=writer.payload(dumped.parts),
                    engine_facts=dumped.facts,
                    warnings=[
                        *dumped.warnings,
                        *(f"A restore will leave out {entry.describe()}" for entry in dumped.unrestorable),
                        *_clock_warnings(claim, history, now),
                    ],
                    restore_by_hand=["sha256sum -c --quiet manifest-sha256.txt", *dumped.restore_by_hand],
                    unrestorable=[dataclasses.asdict(entry) for entry in dumped.unrestorable],
                    content=dumped.content,
                    sequence=claim.sequence,
                    predecessors=dict(claim.predecessors),
                )
                _compare(request, description, history)
                writer.finish(description, signing_key=request.signing_key)
        finally:
            progress.finish()
        return DumpResult(partial.set_id, True, description, round(time.monotonic() - clock, 3))


def _compare(request: DumpRequest, description: Description, history: t.Sequence[KnownSet]) -> None:
    """Mark a set that holds far less than the last good one: a set never changes, so before it is there."""
    last = _last_good(request, history)
    doubt = shrinkage.describe_shrinkage(description, last, minimum_fraction=request.minimum_fraction) if last else None
    if request.accept:
        description.accepted = doubt
    else:
        description.suspect = doubt


def _next_claim(request: DumpRequest, history: t.Sequence[KnownSet], now: datetime.datetime) -> Claim:
    """Return what the new set is called, and which sets it names as its predecessors."""
    return order.next_claim(
        request.host,
        request.source,
        now=now,
        ordered=[known.claim for known in history],
        is_taken=lambda set_id: os.path.lexists(request.medium.path(set_id)),
        digest_of=lambda set_id: tag_manifest_digest(request.medium, set_id),
    )


def _clock_warnings(claim: Claim, history: t.Sequence[KnownSet], now: datetime.datetime) -> list[str]:
    """Return what the operator should know of the clock by which a new set is named."""
    found = []
    # Those before the last were reported when the set after them was made.
    if history and order.is_dated_after(history[-1].set_id, now):
        found.append(
            f"The set before it, {history[-1].set_id}, is dated after {host_clock.write(now)}, the time by this host's"
            " clock, which is wrong now or was then. This set still counts as the newer one"
        )
    if claim.set_id.moment - now > _PUT_BACK:
        found.append(
            f"Its id has a time later than {host_clock.write(now)}, the time by this host's clock: the source has a"
            " set of a later time already, so the clock was set back"
        )
    return found


def _check_space(request: DumpRequest, examination: Examination, history: t.Sequence[KnownSet] | None) -> None:
    needed = examination.bytes
    basis = "this is the size of the source, because there is no earlier set to estimate from"
    last = _last_good(request, history)
    if last is not None:
        growth = max(1.0, examination.bytes / last.source_bytes if last.source_bytes else 1.0)
        try:
            size = total_bytes(request.medium.path(last.set_id))
        except BackupError:  # What is wrong with an older set must not keep today's from being written.
            size = last.stored_bytes
        needed = int(size * growth * _SPACE_MARGIN)
        basis = f"the last set is {last.stored_bytes} bytes"
    needed += _SPACE_FLOOR
    free_bytes = request.medium.free_bytes
    free = request.share.claim(needed, free_bytes) if request.share else free_bytes()
    if free < needed:
        raise BackupError(
            "begin a dump",
            on=f"{request.subject} on {request.medium.describe()}",
            why=f"{free} bytes are free and about {needed} are needed ({basis})",
            next_step="Free space on the medium or give it a larger one; nothing was written.",
        )
