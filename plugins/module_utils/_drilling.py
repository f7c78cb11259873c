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
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import held_back, interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import TIME_FORMAT, SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Check
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instance import Instance, NotAvailable, Place
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instances import make_instance
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium

_PREFIX = "drill-"
_LOCK = ".lock"
_LOOK_EVERY_SECONDS = 0.2
_MEASURE_EVERY_SECONDS = 1.0
# How long a drill that was told to end has for cleaning up.
_GRACE_SECONDS = 20.0
_NICE = 10
_PR_SET_PDEATHSIG = 1
# Restoring takes the source's size, its indexes and the write-ahead log.
_ROOM_FACTOR = 1.5
_ROOM_BYTES = 512 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one drill may take.

    :param seconds: of time.
    :param bytes: of room for what is restored; None: what is free.
    :param memory_bytes: of address space, for each of its processes.
    """

    seconds: int
    bytes: int | None
    memory_bytes: int


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
    """Carries out drills, one process each.

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
        self._sweep()

    def drill(self, set_id: SetId) -> Drill:
        """One drill. What is wrong with the set, or with this host, is its outcome, never an exception.

        :raises Interrupted: when told to stop; nothing is left then.
        """
        begin = time.monotonic()
        try:
            lock, path = tempfile.mkstemp(prefix=_PREFIX, suffix=_LOCK, dir=self._request.work_directory)
        except OSError as error:
            return self._not_done(set_id, begin, f"no work directory can be made: {describe_os_error(error)}")
        directory = path[: -len(_LOCK)]
        try:
            # Locked before there is a directory: another drill's sweep removes what is not.
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._make_directory(directory)
            return self._supervise(set_id, directory, begin)
        except OSError as error:
            return self._not_done(set_id, begin, describe_os_error(error))
        finally:
            with held_back():
                _remove(directory)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                os.close(lock)

    def _make_directory(self, directory: str) -> None:
        os.mkdir(directory, 0o700)
        if self._user is not None:
            # A server's user gets through, and no further.
            os.chmod(directory, 0o711)  # noqa: S103
        os.mkdir(os.path.join(directory, "i"), 0o700)
        os.mkdir(os.path.join(directory, "spool"), 0o700)

    def _sweep(self) -> None:
        """Removes what drills left whose supervisor was killed."""
        for name in os.listdir(self._request.work_directory):
            directory = os.path.join(self._request.work_directory, name)
            if not (name.startswith(_PREFIX) and name.endswith(_LOCK)) or os.path.islink(directory):
                continue
            with contextlib.suppress(OSError):
                descriptor = os.open(directory, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(directory[: -len(_LOCK)])
                    os.unlink(directory)
                finally:
                    os.close(descriptor)

    def _supervise(self, set_id: SetId, directory: str, begin: float) -> Drill:
        answer = os.memfd_create("drill", os.MFD_CLOEXEC)
        try:
            with held_back():
                child = os.fork()
            if child == 0:
                self._be_the_drill(set_id, directory, answer)
            try:
                trouble = self._watch(child, directory, begin)
            except BaseException:
                _end(child)
                raise
            if trouble is not None:
                return self._not_done(set_id, begin, trouble)
            text = os.pread(answer, os.fstat(answer).st_size, 0)
            return dataclasses.replace(Drill(**json.loads(text)), seconds=round(time.monotonic() - begin, 3))
        finally:
            os.close(answer)

    def _be_the_drill(self, set_id: SetId, directory: str, answer: int) -> t.NoReturn:
        """The child: never returns."""
        status = 1
        supervisor = os.getppid()
        try:
            # It ends with its supervisor, however that ends.
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            os.nice(_NICE)
            memory = self._request.limits.memory_bytes
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            with interruptible("drill", on=str(set_id)):
                drill = carry_out(self._request, set_id, directory, user=self._user)
            os.pwrite(answer, json.dumps(dataclasses.asdict(drill)).encode(), 0)
            status = 0
        except BaseException as error:  # Whatever it is, two processes must not go on with one program.
            with contextlib.suppress(BaseException):
                os.write(2, f"drill of {set_id}: {type(error).__name__}: {error}\n".encode(errors="replace"))
        finally:
            with contextlib.suppress(BaseException):
                if os.getppid() != supervisor:
                    _remove(directory)
                    os.unlink(directory + _LOCK)
            os._exit(status)

    def _watch(self, child: int, directory: str, begin: float) -> str | None:
        """Waits for a drill; why it was ended before it had an outcome, or None."""
        limits = self._request.limits
        measured = begin
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                if status == 0:
                    return None
                return "the drill's process ended without a word (see the journal: was there too little memory?)"
            moment = time.monotonic()
            if moment - begin > limits.seconds:
                _end(child)
                return f"it took longer than {limits.seconds} seconds"
            if limits.bytes is not None and moment - measured > _MEASURE_EVERY_SECONDS:
                if _room_taken(directory) > limits.bytes:
                    _end(child)
                    return f"it took more room than {limits.bytes} bytes"
                measured = time.monotonic()
            time.sleep(_LOOK_EVERY_SECONDS)

    def _not_done(self, set_id: SetId, begin: float, why: str) -> Drill:
        error = BackupError(
            "drill a set",
            on=f"{set_id} on {self._request.medium_name}",
            why=why,
            next_step="Nothing is known of the set. Raise the limit or make room, and drill again.",
        )
        seconds = round(time.monotonic() - begin, 3)
        name = self._request.medium_name
        return Drill(str(set_id), NOT_DONE, now(), name, seconds=seconds, message=error.message)


def carry_out(request: DrillRequest, set_id: SetId, directory: str, *, user: str | None) -> Drill:
    """Restores a set into a throw-away instance, and checks it.

    :param directory: holds ``i`` for the instance and ``spool``; the caller removes it.
    :param user: of throw-away servers; None: the current one.
    """
    drill = Drill(str(set_id), NOT_DONE, now(), request.medium_name)
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
            with make_instance(place, description) as instance:
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
                checks = [*result.checks, *instance.examine(), *_put(request.queries, set_id, instance)]
    except NotAvailable as error:
        unavailable = BackupError("drill a set", on=drill_subject(drill), why=error.why, next_step=error.next_step)
        return _ended(drill, NOT_DONE, unavailable)
    except (SetInvalid, ProcessFailed) as error:
        return _ended(drill, FAILED, error)
    except BackupError as error:
        return _ended(drill, NOT_DONE, error)
    finally:
        stack.close()
    drill = dataclasses.replace(
        drill,
        outcome=PASSED,
        drilled=now(),
        restore_seconds=result.seconds,
        bytes_per_second=round(description.source_bytes / max(result.seconds, 0.001)),
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
        return _ended(drill, FAILED, invalid)
    return drill


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
    free = shutil.disk_usage(directory).free
    needed = int(source_bytes * _ROOM_FACTOR) + (_ROOM_BYTES if source_bytes > _ROOM_BYTES else 0)
    if medium.local_path(set_id) is None:
        needed += sum(medium.contents(set_id).sizes().values())
    allowed = request.limits.bytes
    if needed > free or (allowed is not None and needed > allowed):
        room = f"{free} are free in {request.work_directory}" if needed > free else f"{allowed} are allowed"
        raise NotAvailable(
            f"it would take about {needed} bytes, and {room}", "Make room, or name another work_directory."
        )


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


def _end(child: int) -> None:
    """Ends a drill: politely, so that it ends what it started, and then by force."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGTERM)
        end = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < end:
            if os.waitpid(child, os.WNOHANG)[0]:
                return
            time.sleep(0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _room_taken(directory: str) -> int:
    total = 0
    for current, _subdirectories, files in os.walk(directory):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(current, name)).st_blocks * 512
    return total


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
