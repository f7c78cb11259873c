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

from ansible_collections.infitulua.backup.plugins.module_utils import _suspicion
from ansible_collections.infitulua.backup.plugins.module_utils._description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._filters import AGE, Filters
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._room import Share
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import read_description, total_bytes
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Engine, Examination
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium

# A set's size varies from day to day; this much more than the last one must fit.
_SPACE_MARGIN = 1.2
# Manifests, backup.json and the file system's own needs.
_SPACE_FLOOR = 16 * 1024 * 1024


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
    engine: Engine
    medium: DirectoryMedium
    series: str
    organization: str
    filters: Filters
    run_id: str | None = None
    minimum_fraction: float = _suspicion.DEFAULT_MINIMUM_FRACTION
    accept: bool = False
    jobs: int = 2
    signing_key: str | None = None
    tell: t.Callable[[dict[str, t.Any]], None] | None = None
    share: Share | None = None

    @property
    def subject(self) -> str:
        """The source, for messages."""
        return f"{self.host}/{self.source}"

    def __post_init__(self) -> None:
        # Checks the names, before one becomes a path.
        SetId.at(self.host, self.source, datetime.datetime.now(datetime.timezone.utc))
        if not 0 <= self.minimum_fraction <= 1:
            raise Refused(
                "compare sets",
                on=self.subject,
                why=f"minimum_fraction is {self.minimum_fraction}, and no fraction from 0 to 1",
                next_step="Correct it; 0 leaves only the question whether the source has become empty.",
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


def existing(request: DumpRequest) -> DumpResult | None:
    """The complete set that already carries the request's run id.

    A suspect one is the result too, so that repeating a run neither makes a good set of it nor adds another; but not
    once the operator accepts what the source holds.

    :raises BackupError: when the medium cannot be read.
    """
    if request.run_id is None:
        return None
    of_run = [
        DumpResult(set_id, False, description, 0.0)
        for set_id, description in _earlier(request)
        if description.run_id == request.run_id
    ]
    good = [result for result in of_run if not result.suspect]
    return next(iter(good or ([] if request.accept else of_run)), None)


def _earlier(request: DumpRequest) -> t.Iterator[tuple[SetId, Description]]:
    """The source's sets that this engine wrote and that can be read, newest first."""
    for set_id in reversed(request.medium.sets(host=request.host, source=request.source)):
        description = _description_if_readable(request, set_id)
        if description is not None and description.engine == request.engine.name:
            yield set_id, description


def _last_good(request: DumpRequest) -> Description | None:
    # Never a suspect one: a second shrunken set in a row would pass beside the first.
    return next((description for _set_id, description in _earlier(request) if not description.suspect), None)


def _description_if_readable(request: DumpRequest, set_id: SetId) -> Description | None:
    # An older set that has gone bad is for set_verify to tell; it must not keep today's from being written.
    try:
        return read_description(set_id, request.medium.contents(set_id))
    except (NotFound, SetInvalid):
        return None


def preflight(request: DumpRequest) -> Examination:
    """Everything that can be known to be wrong before a byte is written. Changes nothing.

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
    _check_space(request, examination)
    return examination


def dump(request: DumpRequest) -> DumpResult:
    """Backs the source up. A set that holds far less than the last one is written all the same, as suspect.

    :raises LockHeld: when another run is at work on the same source.
    :raises BackupError: when it fails; then nothing of the set stays, and earlier sets are as they were.
    """
    with request.medium.locked(request.host, request.source):
        found = existing(request)
        if found is not None:
            return found
        examination = preflight(request)
        clock = time.monotonic()
        progress = Progress(None, operation="dump", subject=request.subject, tell=request.tell)
        try:
            progress.stage("dumping")
            started = _now()
            with request.medium.begin(_new_id(request)) as partial, Processes() as processes:
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
                    started=started,
                    finished=_now(),
                    source_bytes=examination.bytes,
                    compression={"method": "zstd", "level": request.filters.level},
                    encryption=encryption,
                    versions={**examination.versions, **request.filters.versions()},
                    payload=writer.payload(dumped.parts),
                    engine_facts=dumped.facts,
                    warnings=dumped.warnings,
                    restore_by_hand=["sha256sum -c --quiet manifest-sha256.txt", *dumped.restore_by_hand],
                    content=dumped.content,
                )
                _compare(request, description)
                writer.finish(description, signing_key=request.signing_key)
        finally:
            progress.finish()
        return DumpResult(partial.set_id, True, description, round(time.monotonic() - clock, 3))


def _compare(request: DumpRequest, description: Description) -> None:
    """Marks a set that holds far less than the last good one: a set never changes, so before it is there."""
    last = _last_good(request)
    doubt = _suspicion.doubt(description, last, minimum_fraction=request.minimum_fraction) if last else None
    if request.accept:
        description.accepted = doubt
    else:
        description.suspect = doubt


def _new_id(request: DumpRequest) -> SetId:
    # Ids have a resolution of one second: two sets of a source are at least that far apart.
    while True:
        set_id = SetId.at(request.host, request.source, datetime.datetime.now(datetime.timezone.utc))
        if not os.path.lexists(request.medium.path(set_id)):
            return set_id
        time.sleep(0.2)


def _check_space(request: DumpRequest, examination: Examination) -> None:
    needed = examination.bytes
    basis = "the source holds that much, and there is no earlier set to judge by"
    last = _last_good(request)
    if last is not None:
        growth = max(1.0, examination.bytes / last.source_bytes if last.source_bytes else 1.0)
        needed = int(total_bytes(request.medium.path(last.set_id)) * growth * _SPACE_MARGIN)
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


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
