# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills: sets restored into throw-away instances, checked and timed.

Each drill is a process of its own, which its supervisor ends when it takes too long or too much room. What it makes
lies in one directory, which is removed however the drill ends: by the drill itself where its supervisor was killed, and
where both were, by the next drill in the same place.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import datetime
import fcntl
import json
import os
import pwd
import resource
import shutil
import signal
import stat
import tempfile
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _bag, _restoring
from ansible_collections.infitulua.backup.plugins.module_utils._drill_limits import (
    LOCK,
    PREFIX,
    NoRoom,
    ProcessorTime,
    is_waiting,
    lack_in,
    reserve_room,
    room_taken,
    use_processors,
)
from ansible_collections.infitulua.backup.plugins.module_utils._drill_record import (
    FAILED,
    NOT_DONE,
    PASSED,
    Drill,
    now,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    ProcessFailed,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import (
    held_back,
    interruptible,
    let_go,
)
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._progress import combined, write_status
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import TIME_FORMAT, SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instance import Instance, NotAvailable, Place
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instances import make_instance
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium

_LOOK_EVERY_SECONDS = 0.2
_MEASURE_EVERY_SECONDS = 1.0
# How long a drill that was told to end has for cleaning up.
_GRACE_SECONDS = 20.0
_NICE = 10
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Restoring takes the source's size, its indexes and the write-ahead log.
_ROOM_FACTOR = 1.5
_ROOM_BYTES = 512 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one drill may take.

    :param seconds: of time, from when it need not wait for the room of others.
    :param bytes: of room for what is restored; None: what is free.
    :param memory_bytes: of address space, for each of its processes.
    :param cpu_seconds: of processor time, of all its processes together; None: any.
    :param processors: how many processors it may use; None: all.
    """

    seconds: int
    bytes: int | None
    memory_bytes: int
    cpu_seconds: int | None = None
    processors: int | None = None


@dataclasses.dataclass(frozen=True)
class Query:
    """A question to the restored data, with the answer that is right.

    :param source: only sets of this source; None: of every source with a database.
    :param expected: a line per row, columns separated by ``|``.
    """

    name: str
    query: str
    expected: str
    host: str | None = None
    source: str | None = None

    def concerns(self, set_id: SetId) -> bool:
        """Whether it is put to this set."""
        return self.host in (None, set_id.host) and self.source in (None, set_id.source)


@dataclasses.dataclass(frozen=True)
class DrillRequest:
    """What the drills of one run have in common.

    :param open_medium: opens the medium. Each drill opens it for itself: two processes cannot share a connection.
    :param medium_name: the medium in a few words.
    :param work_directory: what is restored lies below it.
    :param user: the operating-system user that throw-away servers run as where this one is root.
    :param programs_directory: where a database server's programs are; None: where the distribution puts them.
    """

    open_medium: t.Callable[[], Medium]
    medium_name: str
    identity_files: tuple[str, ...]
    allowed_signers: str | None
    work_directory: str
    user: str
    programs_directory: str | None
    queries: tuple[Query, ...]
    limits: Limits
    jobs: int
    status_file: str | None = None


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
                next_step="Make it, or name another work_directory; it must have room for the largest source.",
            )
        self._user = _other_user(request.user)
        self._running: list[_Running] = []
        self._sweep()

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
        :param ended: told each drill as it ends.
        :param may_begin: asked before each; once it says no, none begins any more.
        :returns: the sets that were not begun.
        :raises Interrupted: when told to stop; nothing is left of any of them then.
        """
        waiting = list(sets)
        done = 0
        started = time.time()
        measured = time.monotonic()
        try:
            while waiting or self._running:
                news = False
                while waiting and len(self._running) < concurrency and may_begin():
                    news = True
                    lost = self._begin(waiting.pop(0))
                    if lost is not None:
                        ended(lost)
                        done += 1
                if waiting and not self._running:
                    return waiting
                measure = time.monotonic() - measured > _MEASURE_EVERY_SECONDS
                processors = ProcessorTime() if measure and self._request.limits.cpu_seconds is not None else None
                for running in list(self._running):
                    drill = running.look(measure=measure, processors=processors)
                    if drill is not None:
                        self._remove(running)
                        ended(drill)
                        done += 1
                        news = True
                if measure or news:
                    self._show(done, len(sets), started)
                if measure:
                    measured = time.monotonic()
                if self._running:
                    time.sleep(_LOOK_EVERY_SECONDS)
        finally:
            _end_all(self._running)
            for running in list(self._running):
                self._remove(running)
        return []

    def _begin(self, set_id: SetId) -> Drill | None:
        """Begins a drill; its outcome where it could not even begin."""
        begin = time.monotonic()
        taken = {running.slot for running in self._running}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        try:
            with held_back():
                running = _Running(self._request, set_id, slot, begin)
                self._running.append(running)
            running.make_directory(self._user)
            with held_back():
                running.child = os.fork()
                if running.child == 0:
                    let_go()
                    self._be_the_drill(running)
        except OSError as error:
            failed = [running for running in self._running if running.slot == slot]
            for running in failed:
                self._remove(running)
            why = describe_os_error(error)
            return not_done(self._request, set_id, begin, f"no work directory can be made: {why}")
        return None

    def _remove(self, running: _Running) -> None:
        with held_back():
            running.remove()
            self._running.remove(running)

    def _show(self, done: int, total: int, started: float) -> None:
        if self._request.status_file is not None:
            states = []
            for running in self._running:
                with contextlib.suppress(OSError, ValueError), open(running.status_file, encoding="utf-8") as stream:
                    states.append(json.load(stream))
            write_status(
                self._request.status_file,
                combined("drill", self._request.medium_name, states, started=started, ended=done, count=total),
            )

    def _sweep(self) -> None:
        """Removes what drills left whose supervisor was killed."""
        for name in os.listdir(self._request.work_directory):
            directory = os.path.join(self._request.work_directory, name)
            if not (name.startswith(PREFIX) and name.endswith(LOCK)) or os.path.islink(directory):
                continue
            with contextlib.suppress(OSError):
                descriptor = os.open(directory, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(directory[: -len(LOCK)])
                    os.unlink(directory)
                finally:
                    os.close(descriptor)

    def _be_the_drill(self, running: _Running) -> t.NoReturn:
        """The child: never returns."""
        status = 1
        supervisor = os.getppid()
        set_id, directory = running.set_id, running.directory
        try:
            for other in self._running:
                if other is not running:
                    other.forget()
            # It ends with its supervisor, however that ends; and what its programs leave behind stays its own.
            library = ctypes.CDLL(None)
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            library.prctl(_PR_SET_CHILD_SUBREAPER, 1)
            os.nice(_NICE)
            limits = self._request.limits
            resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
            if limits.processors is not None:
                use_processors(limits.processors, running.slot)
            request = dataclasses.replace(self._request, status_file=running.status_file)
            with interruptible("drill", on=str(set_id)):
                drill = carry_out(request, set_id, directory, user=self._user)
            os.pwrite(running.answer, json.dumps(dataclasses.asdict(drill)).encode(), 0)
            status = 0
        except BaseException as error:  # Whatever it is, two processes must not go on with one program.
            with contextlib.suppress(BaseException):
                os.write(2, f"drill of {set_id}: {type(error).__name__}: {error}\n".encode(errors="replace"))
        finally:
            with contextlib.suppress(BaseException):
                if os.getppid() != supervisor:
                    _remove(directory)
                    os.unlink(directory + LOCK)
            os._exit(status)


class _Running:
    """One drill at work, as its supervisor sees it.

    :param slot: a number that no other drill of this supervisor has at the same time.
    :param begin: when it was begun, by the monotonic clock.
    :raises OSError: when nothing can be made in the work directory.
    """

    def __init__(self, request: DrillRequest, set_id: SetId, slot: int, begin: float) -> None:
        self.set_id = set_id
        self.slot = slot
        self.child = 0
        self._request = request
        self._begin = begin
        self._clock = begin  # Or when it had the room that it waited for.
        self._why: str | None = None
        self._told = 0.0
        self._lock, self.directory = _locked_name(request.work_directory)
        self.status_file = os.path.join(self.directory, "progress.json")
        self.answer = os.memfd_create("drill", os.MFD_CLOEXEC)

    def make_directory(self, user: str | None) -> None:
        """Makes its directory."""
        os.mkdir(self.directory, 0o700)
        if user is not None:
            # A server's user gets through, and no further.
            os.chmod(self.directory, 0o711)  # noqa: S103
        os.mkdir(os.path.join(self.directory, "i"), 0o700)
        os.mkdir(os.path.join(self.directory, "spool"), 0o700)

    def look(self, *, measure: bool, processors: ProcessorTime | None) -> Drill | None:
        """Its outcome once it has ended; ends it where it takes more than it may.

        :param measure: whether to look at the room that it has taken.
        :param processors: what processes have taken; None: do not look.
        """
        pid, status = os.waitpid(self.child, os.WNOHANG)
        if pid:
            self.child = 0
            return self._outcome(status)
        moment = time.monotonic()
        if self._why is not None:
            if moment - self._told > _GRACE_SECONDS:
                self.kill()
            return None
        if is_waiting(self._lock):
            self._clock = moment
        self._why = self._excess(moment, measure=measure, processors=processors)
        if self._why is not None:
            self._told = moment
            self.tell()
        return None

    def _excess(self, moment: float, *, measure: bool, processors: ProcessorTime | None) -> str | None:
        limits = self._request.limits
        if moment - self._clock > limits.seconds:
            return f"it took longer than {limits.seconds} seconds"
        if measure and limits.bytes is not None and room_taken(self.directory) > limits.bytes:
            return f"it took more room than {limits.bytes} bytes"
        if processors is not None and processors.of(self.child) > (limits.cpu_seconds or 0):
            return f"it took more than {limits.cpu_seconds} seconds of processor time"
        return None

    def _outcome(self, status: int) -> Drill:
        if self._why is not None:
            return not_done(self._request, self.set_id, self._begin, self._why)
        if status != 0:
            why = "the drill's process ended without a word (see the journal: was there too little memory?)"
            return not_done(self._request, self.set_id, self._begin, why)
        text = os.pread(self.answer, os.fstat(self.answer).st_size, 0)
        return dataclasses.replace(Drill(**json.loads(text)), seconds=round(time.monotonic() - self._begin, 3))

    def tell(self) -> None:
        """Tells it to end: politely, so that it ends what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGTERM)

    def kill(self) -> None:
        """Ends it by force."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Whether there is no process any more."""
        if self.child:
            with contextlib.suppress(ChildProcessError):
                if not os.waitpid(self.child, os.WNOHANG)[0]:
                    return False
            self.child = 0
        return True

    def remove(self) -> None:
        """Removes everything that it made."""
        _remove(self.directory)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.directory + LOCK)
        self.forget()

    def forget(self) -> None:
        """Lets go what is held for it in this process."""
        os.close(self._lock)
        os.close(self.answer)


def _locked_name(directory: str) -> tuple[int, str]:
    """A name in the work directory, and its lock: held before anything has the name, or a sweep would remove it."""
    while True:
        lock, path = tempfile.mkstemp(prefix=PREFIX, suffix=LOCK, dir=directory)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:  # No sweep was faster.
            return lock, path[: -len(LOCK)]
        os.close(lock)


def not_done(request: DrillRequest, set_id: SetId, begin: float, why: str) -> Drill:
    """The outcome of a drill that this host could not carry out.

    :param begin: when it was begun, by the monotonic clock.
    """
    error = BackupError(
        "drill a set",
        on=f"{set_id} on {request.medium_name}",
        why=why,
        next_step="Nothing is known of the set. Raise the limit or make room, and drill again.",
    )
    seconds = round(time.monotonic() - begin, 3)
    return Drill(str(set_id), NOT_DONE, now(), request.medium_name, seconds=seconds, message=error.message)


def carry_out(request: DrillRequest, set_id: SetId, directory: str, *, user: str | None) -> Drill:
    """Restores a set into a throw-away instance, and checks it.

    :param directory: holds ``i`` for the instance and ``spool``; the caller removes it.
    :param user: of throw-away servers; None: the current one.
    """
    drill = Drill(str(set_id), NOT_DONE, now(), request.medium_name)
    instance: Instance | None = None
    stack = contextlib.ExitStack()
    try:
        medium = stack.enter_context(request.open_medium())
        contents = medium.contents(set_id)
        description = read_description(set_id, contents)
        drill = dataclasses.replace(
            drill,
            engine=description.engine,
            series=description.series,
            tag_manifest_sha256=_bag.tag_manifest_digest(contents),
            source_bytes=description.source_bytes,
            age_seconds=_age(set_id),
        )
        _check_room(request, medium, set_id, directory, description.source_bytes)
        with Processes() as processes:
            place = Place(os.path.join(directory, "i"), processes, user, request.programs_directory, request.jobs)
            instance = make_instance(place, description)
            with instance:
                result = _restoring.restore(
                    _restoring.RestoreRequest(
                        medium=medium,
                        set_id=set_id,
                        engine=instance.engine(),
                        ticket="drill",
                        identity_files=request.identity_files,
                        replace=True,
                        jobs=request.jobs,
                        spool=os.path.join(directory, "spool"),
                        allowed_signers=request.allowed_signers,
                        status_file=request.status_file,
                    )
                )
                seconds = max(0.0, result.seconds - instance.seconds_besides)
                checks = [*result.checks, *instance.examine(), *_put(request.queries, set_id, instance)]
    except NotAvailable as error:
        unavailable = BackupError("drill a set", on=drill_subject(drill), why=error.why, next_step=error.next_step)
        return _ended(drill, NOT_DONE, unavailable)
    except (SetInvalid, ProcessFailed) as error:
        return _judged(drill, error, instance)
    except BackupError as error:
        return _ended(drill, NOT_DONE, error)
    finally:
        stack.close()
    drill = dataclasses.replace(
        drill,
        outcome=PASSED,
        drilled=now(),
        restore_seconds=round(seconds, 3),
        bytes_per_second=round(description.source_bytes / max(seconds, 0.001)),
        checks=[dataclasses.asdict(check) for check in checks],
        warnings=result.warnings,
    )
    wrong = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    if wrong:
        invalid = SetInvalid(
            "drill a set",
            on=drill_subject(drill),
            why="what was restored is not right: " + "; ".join(wrong[:5]),
            next_step="Do not count on this set; restore from another one, and find out what happened.",
            details=wrong,
        )
        return _judged(drill, invalid, instance)
    return drill


def _judged(drill: Drill, error: BackupError, instance: Instance | None) -> Drill:
    """A drill that did not pass: whether the set is to blame, or this host, of which nothing follows for the set."""
    lack = lack_in(error.why, *error.details, instance.troubles() if instance is not None else "")
    if lack is None and not (isinstance(error, ProcessFailed) and error.what == "start a program"):
        return _ended(drill, FAILED, error)
    why = f"this host lacked something ({lack}): {error.why}" if lack is not None else error.why
    unknown = BackupError(
        "drill a set",
        on=drill_subject(drill),
        why=why,
        next_step="Nothing is known of the set. Make room, free memory or install what is missing, and drill again.",
        details=error.details,
    )
    return _ended(drill, NOT_DONE, unknown)


def drill_subject(drill: Drill) -> str:
    """A drilled set and where it lay, for messages."""
    return f"{drill.id} on {drill.medium}"


def _ended(drill: Drill, outcome: str, error: BackupError) -> Drill:
    return dataclasses.replace(drill, outcome=outcome, drilled=now(), message=error.message, details=error.details)


def _put(queries: t.Sequence[Query], set_id: SetId, instance: Instance) -> list[Check]:
    checks = []
    for query in queries:
        if not query.concerns(set_id):
            continue
        try:
            answer = instance.ask(query.query)
        except BackupError as error:
            checks.append(Check(query.name, False, error.why))
            continue
        passed = answer.strip() == query.expected.strip()
        checks.append(
            Check(query.name, passed, answer[:200] if passed else f"{answer[:200]} instead of {query.expected}")
        )
    return checks


def _age(set_id: SetId) -> int:
    taken = datetime.datetime.strptime(set_id.time, TIME_FORMAT).replace(tzinfo=datetime.timezone.utc)
    return max(0, round((datetime.datetime.now(datetime.timezone.utc) - taken).total_seconds()))


def _check_room(request: DrillRequest, medium: Medium, set_id: SetId, directory: str, source_bytes: int) -> None:
    needed = int(source_bytes * _ROOM_FACTOR) + (_ROOM_BYTES if source_bytes > _ROOM_BYTES else 0)
    if medium.local_path(set_id) is None:
        needed += sum(medium.contents(set_id).sizes().values())
    allowed = request.limits.bytes
    next_step = "Make room, or name another work_directory."
    if allowed is not None and needed > allowed:
        raise NotAvailable(f"it would take about {needed} bytes, and {allowed} are allowed", next_step)
    try:
        reserve_room(directory + LOCK, needed)
    except NoRoom as error:
        raise NotAvailable(str(error), next_step) from error


def _other_user(name: str) -> str | None:
    """The user for servers where this one is root; None where it is not."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise NotFound(
            "drill", on=name, why="there is no such user", next_step="Make it, or name another user."
        ) from error
    if entry.pw_uid == 0:
        raise NotFound("drill", on=name, why="a drill does not run as root", next_step="Name another user.")
    return name


def _end_all(drills: t.Sequence[_Running]) -> None:
    """Ends drills, all at the same time: politely, so that they end what they started, and then by force."""
    for drill in drills:
        if drill.child:
            drill.tell()
    end = time.monotonic() + _GRACE_SECONDS
    left = [drill for drill in drills if not drill.has_ended()]
    while left:
        time.sleep(0.05)
        if time.monotonic() > end:
            for drill in left:
                drill.kill()
        left = [drill for drill in left if not drill.has_ended()]


def _remove(directory: str) -> None:
    """Removes a tree whatever modes its directories have."""
    # What was restored may forbid its owner to look into it.
    for current, subdirectories, _files in os.walk(directory):
        for name in subdirectories:
            path = os.path.join(current, name)
            with contextlib.suppress(OSError):
                if not stat.S_ISLNK(os.lstat(path).st_mode):
                    os.chmod(path, 0o700)
    shutil.rmtree(directory, ignore_errors=True)
