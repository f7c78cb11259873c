# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills: sets restored into throw-away instances, checked and timed.

Each drill is a process of its own, which its supervisor ends when it takes too long or too much room. What it makes
is in one directory, which is removed however the drill ends: by the drill itself where its supervisor was killed, and
where both were, by the next drill in the same place.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import fcntl
import json
import os
import pwd
import resource
import tempfile
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import combined, write_status
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import describe
from ansible_collections.infitulua.backup.plugins.module_utils._system.workers import (
    Ending,
    Job,
    Result,
    Tell,
    WorkerPool,
)

from .limits import LOCK, PREFIX, ProcessorTime, is_waiting, room_taken, use_processors
from .record import Drill
from .request import DrillRequest
from .sweep import remove_drill_directory, sweep_dead_drills
from .trial import carry_out
from .verdict import not_done

_LOOK_EVERY_SECONDS = 0.2
_MEASURE_EVERY_SECONDS = 1.0
# How long a drill that was told to stop may take to clean up.
_GRACE_SECONDS = 20.0
_NICE = 10
_PR_SET_CHILD_SUBREAPER = 36


class Supervisor:
    """Carries out drills, one process each, several side by side.

    :param request: what they have in common.
    :raises NotFound: when the work directory, or the user, is missing.
    """

    def __init__(self, request: DrillRequest) -> None:
        self._request = request
        if not os.path.isdir(request.work_directory):
            raise NotFound(
                "drill",
                on=request.work_directory,
                why="there is no such directory",
                next_step="Create it, or name another work_directory; it must have room for the largest source.",
            )
        self._user = _other_user(request.user)
        self._sweep = sweep_dead_drills(request.work_directory)

    @property
    def removed(self) -> list[str]:
        """The dead drills whose directories were removed, by name."""
        return self._sweep.removed

    @property
    def left(self) -> list[BackupError]:
        """Why directories of drills, dead ones and its own, could not be removed."""
        return self._sweep.left

    def drill(self, set_id: SetId) -> Drill:
        """One drill, see :meth:`drill_all`."""
        drills: list[Drill] = []
        self.drill_all([set_id], concurrency=1, ended=drills.append)
        return drills[0]

    def drill_all(
        self,
        sets: t.Sequence[SetId],
        *,
        concurrency: int,
        ended: t.Callable[[Drill], None],
        may_begin: t.Callable[[], bool] = lambda: True,
    ) -> list[SetId]:
        """Drills. What is wrong with a set, or with this host, is its outcome, never an exception.

        :param concurrency: how many at a time.
        :param ended: called with each drill as it ends.
        :param may_begin: asked before each; once it says no, none begins any more.
        :returns: the sets that were not begun.
        :raises Interrupted: when told to stop; nothing is left of any of them then.
        """
        jobs = [_DrillJob(self._request, set_id, self._user) for set_id in sets]
        pool = WorkerPool(
            at_once=concurrency, watch=_Watch(self._request, jobs), look_every=_LOOK_EVERY_SECONDS, grace=_GRACE_SECONDS
        )
        results = pool.run(jobs, after=lambda index, result: ended(jobs[index].outcome(result)), may_begin=may_begin)
        self._sweep.left += [job.left for job in jobs if job.left is not None]
        return [set_id for index, set_id in enumerate(sets) if index not in results]


class _Watch:
    """Supervise running drills: show their progress, and stop those that exceed their limits."""

    def __init__(self, request: DrillRequest, jobs: t.Sequence[_DrillJob]) -> None:
        self._request = request
        self._jobs = jobs
        self._started = time.time()
        self._measured = time.monotonic()
        self._shown: list[int] | None = None

    def __call__(self, pool: WorkerPool) -> None:
        moment = time.monotonic()
        measure = moment - self._measured > _MEASURE_EVERY_SECONDS
        processors = ProcessorTime() if measure and self._request.limits.cpu_seconds is not None else None
        under_way = pool.under_way
        for index in under_way:
            taken = processors.used_by(pool.process_of(index)) if processors is not None else None
            why = self._jobs[index].excess(moment, measure=measure, processor_seconds=taken)
            if why is not None:
                pool.end(index, why)
        if measure or under_way != self._shown:
            self._show(under_way, len(pool.results))
            self._shown = under_way
        if measure:
            self._measured = moment

    def _show(self, under_way: t.Sequence[int], done: int) -> None:
        if self._request.status_file is not None:
            states = []
            for index in under_way:
                path = self._jobs[index].status_file
                with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as stream:
                    states.append(json.load(stream))
            name, count = self._request.medium_name, len(self._jobs)
            write_status(
                self._request.status_file,
                combined("drill", name, states, started=self._started, ended=done, count=count),
            )


class _DrillJob(Job):
    """One drill, in a directory of its own.

    :param user: of throw-away servers; None: the current one.
    :ivar left: why something of it could not be removed; None: nothing is left.
    """

    def __init__(self, request: DrillRequest, set_id: SetId, user: str | None) -> None:
        super().__init__(str(set_id), self._drill)
        self._request = request
        self._set_id = set_id
        self._user = user
        self._slot = 0
        self._begin = self._clock = 0.0  # The clock is that of the moment when it had the room that it waited for.
        self._lock: int | None = None
        self._directory = ""
        self.left: BackupError | None = None

    @property
    def status_file(self) -> str:
        """Where it tells how far it is."""
        return os.path.join(self._directory, "progress.json")

    def prepare(self, slot: int) -> None:
        self._slot = slot
        self._begin = self._clock = time.monotonic()
        self._lock, self._directory = _locked_name(self._request.work_directory)
        os.mkdir(self._directory, 0o700)
        if self._user is not None:
            # A server's user gets through, and no further.
            os.chmod(self._directory, 0o711)  # noqa: S103
        os.mkdir(os.path.join(self._directory, "i"), 0o700)
        os.mkdir(os.path.join(self._directory, "spool"), 0o700)

    def clean_up(self) -> None:
        if self._lock is not None:
            self._remove()
            self.forget()

    def forget(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def orphaned(self) -> None:
        self._remove()

    def excess(self, moment: float, *, measure: bool, processor_seconds: float | None) -> str | None:
        """Why it must be ended: it takes more than it may. None: it does not.

        :param moment: now, by the monotonic clock.
        :param measure: whether to look at the room that it has taken.
        :param processor_seconds: what its processes have taken; None: do not look.
        """
        limits = self._request.limits
        if self._lock is not None and is_waiting(self._lock):
            self._clock = moment
        if moment - self._clock > limits.seconds:
            return f"it took longer than {limits.seconds} seconds"
        if measure and limits.bytes is not None and room_taken(self._directory) > limits.bytes:
            return f"it took more room than {limits.bytes} bytes"
        if processor_seconds is not None and processor_seconds > (limits.cpu_seconds or 0):
            return f"it took more than {limits.cpu_seconds} seconds of processor time"
        return None

    def outcome(self, result: Result) -> Drill:
        """Return what its result says of the set."""
        if result.ending is Ending.ANSWERED:
            return dataclasses.replace(Drill(**result.answer), seconds=round(time.monotonic() - self._begin, 3))
        why = (
            f"the drill's process failed: {result.trouble}"
            " (check the system journal; the host may have run out of memory)"
        )
        if result.ending is Ending.ENDED:
            why = result.trouble or ""
        elif result.ending is Ending.NOT_BEGUN:
            why = f"its process or its work directory cannot be created: {result.trouble}"
        return not_done(self._request, self._set_id, self._begin, why)

    def _drill(self, _tell: Tell) -> dict[str, t.Any]:
        """Drill, in its own process."""
        try:
            # What its programs leave behind stays its own.
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
            os.nice(_NICE)
            limits = self._request.limits
            resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
            if limits.processors is not None:
                use_processors(limits.processors, self._slot)
            request = dataclasses.replace(self._request, status_file=self.status_file)
            return dataclasses.asdict(carry_out(request, self._set_id, self._directory, user=self._user))
        except BaseException as error:
            with contextlib.suppress(BaseException):
                os.write(2, f"drill of {self._set_id}: {describe(error)}\n".encode(errors="replace"))
            raise

    def _remove(self) -> None:
        """Remove everything that it made."""
        self.left = None
        try:
            remove_drill_directory(self._directory)
        except BackupError as error:
            self.left = error


def _locked_name(directory: str) -> tuple[int, str]:
    """Return a name in the work directory and its lock, held before anything has the name: a sweep would remove it."""
    while True:
        lock, path = tempfile.mkstemp(prefix=PREFIX, suffix=LOCK, dir=directory)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:  # No sweep was faster.
                return lock, path[: -len(LOCK)]
        except OSError:
            os.close(lock)
            os.unlink(path)
            raise
        os.close(lock)


def _other_user(name: str) -> str | None:
    """Return the user for servers where this one is root; None where it is not."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise NotFound(
            "drill", on=name, why="there is no such user", next_step="Create it, or name another user."
        ) from error
    if entry.pw_uid == 0:
        raise NotFound("drill", on=name, why="a drill does not run as root", next_step="Name another user.")
    return name
