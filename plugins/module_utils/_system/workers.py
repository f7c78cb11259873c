# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several jobs at a time, each in a process of its own.

Processes, not threads: one that dies takes no other with it, each uses a processor of its own, and in each the
interruption reaches the main thread, from where everything that it has begun is ended and removed.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import enum
import json
import os
import selectors
import signal
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted, describe_os_error

from .interruption import deferred, interruptible, release_in_child
from .pipes import write_all
from .unforeseen import unforeseen

State = dict[str, t.Any]
Tell = t.Callable[[State], None]
_PR_SET_PDEATHSIG = 1


class Job:
    """One job. A subclass creates and removes what it needs in addition to its own process.

    :param subject: what it is done on, for messages.
    :param carry_out: does it, in its own process, and returns what JSON can carry. It is given a function that tells
        how far it is.
    """

    def __init__(self, subject: str, carry_out: t.Callable[[Tell], t.Any]) -> None:
        self.subject = subject
        self.carry_out = carry_out

    def prepare(self, slot: int) -> None:
        """Make what it needs, in the pool's process, before its own begins.

        :param slot: a number that no other job has at the same time.
        :raises OSError: when it cannot be made; the job is not begun then.
        """

    def clean_up(self) -> None:
        """Remove what it made, in the pool's process, however it ended, or could not begin."""

    def forget(self) -> None:
        """Close, in the process of another job, what the pool's process holds for this one."""

    def orphaned(self) -> None:
        """Remove what it made, in its own process, since the pool's has died."""


class Ending(enum.Enum):
    """How a job came to its end."""

    ANSWERED = enum.auto()
    FAILED = enum.auto()
    ENDED = enum.auto()  # By the pool, because it was asked to.
    NOT_BEGUN = enum.auto()


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of one job.

    :param answer: what it returned.
    :param trouble: why it returned nothing, in words; None when it did.
    """

    ending: Ending
    answer: t.Any = None
    trouble: str | None = None


@dataclasses.dataclass
class _Worker:
    """The process of one job.

    :ivar why: why it was told to stop.
    :ivar told: when, by the monotonic clock.
    """

    index: int
    job: Job
    slot: int
    process: int
    stream: int
    heard: bytes = b""
    result: Result | None = None
    why: str | None = None
    told: float = 0.0

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, number)


class WorkerPool:
    """Carries jobs out.

    :param at_once: how many at a time, at least one.
    :param watch: called with this object at least as often as ``look_every`` says, and whenever a job tells how far
        it is.
    :param look_every: seconds.
    :param grace: how long a job that was told to stop may take to remove what it began, seconds.
    """

    def __init__(
        self, *, at_once: int, watch: t.Callable[[WorkerPool], None], look_every: float = 1.0, grace: float = 60.0
    ) -> None:
        self._at_once = max(1, at_once)
        self._watch = watch
        self._look_every = look_every
        self._grace = grace
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self.results: dict[int, Result] = {}
        # What each job has reported last, including those that have ended.
        self.told: dict[int, State] = {}

    @property
    def under_way(self) -> list[int]:
        """The places in the list of the jobs that are under way, in its order."""
        return sorted(worker.index for worker in self._workers)

    def process_of(self, index: int) -> int:
        """Return the number of the process of a job that is under way."""
        return next(worker.process for worker in self._workers if worker.index == index)

    def end(self, index: int, why: str) -> None:
        """Tell a job that is under way to end: politely, and after the time of grace by force."""
        for worker in self._workers:
            if worker.index == index and worker.why is None:
                worker.why, worker.told = why, time.monotonic()
                worker.send(signal.SIGTERM)

    def run(
        self,
        jobs: t.Sequence[Job],
        *,
        after: t.Callable[[int, Result], None],
        may_begin: t.Callable[[], bool] = lambda: True,
    ) -> dict[int, Result]:
        """Carry the jobs out, begun in this order.

        :param after: called when a job has ended, with its place in the list.
        :param may_begin: asked before each; once none is under way and it says no, the rest is not begun.
        :returns: the result of each job that was begun, or could not be, by its place in the list.
        :raises Interrupted: when told to stop; no job is running any more when it is raised.
        """
        waiting = list(enumerate(jobs))
        try:
            while waiting or self._workers:
                while waiting and len(self._workers) < self._at_once and may_begin():
                    index, job = waiting.pop(0)
                    self._begin(index, job)
                    if index in self.results:
                        after(index, self.results[index])
                if waiting and not self._workers:
                    break
                for worker in self._ended():
                    after(worker.index, self.results[worker.index])
                self._watch(self)
        finally:
            self._end_all()
            self._selector.close()
        return self.results

    def _begin(self, index: int, job: Job) -> None:
        taken = {worker.slot for worker in self._workers}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        parent = os.getpid()
        # What is made and is not noted yet would outlive an interruption.
        with deferred():
            try:
                job.prepare(slot)
                reading, writing = os.pipe()
                try:
                    process = os.fork()
                except OSError:
                    os.close(reading)
                    os.close(writing)
                    raise
            except OSError as error:
                job.clean_up()
                self.results[index] = Result(Ending.NOT_BEGUN, trouble=describe_os_error(error))
                return
            if not process:
                _be_the_worker(job, writing, parent, [worker.job for worker in self._workers])
            os.close(writing)
            os.set_blocking(reading, False)
            worker = _Worker(index, job, slot, process, reading)
            self._workers.append(worker)
            self._selector.register(reading, selectors.EVENT_READ, worker)

    def _ended(self) -> t.Iterator[_Worker]:
        """Wait a moment for news; the workers that have ended, each as soon as it is known."""
        for key, _events in self._selector.select(self._look_every) if self._workers else ():
            worker = t.cast("_Worker", key.data)
            if self._listen(worker) == 0:
                self._reap(worker, 0)
                yield worker
        for worker in list(self._workers):
            # Whether or not something that it left behind still has its end of the pipe.
            self._reap(worker, os.WNOHANG)
            if worker.index in self.results:
                yield worker
            elif worker.why is not None and time.monotonic() - worker.told > self._grace:
                worker.send(signal.SIGKILL)

    def _listen(self, worker: _Worker) -> int | None:
        """Take what a worker says, so many bytes: none when it has said all; None when it says nothing now."""
        try:
            data = os.read(worker.stream, 65536)
        except BlockingIOError:
            return None
        *lines, worker.heard = (worker.heard + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "state" in message:
                self.told[worker.index] = message["state"]
            elif message.get("trouble") is None:
                worker.result = Result(Ending.ANSWERED, message.get("answer"))
            else:
                worker.result = Result(Ending.FAILED, trouble=message["trouble"])
        return len(data)

    def _reap(self, worker: _Worker, options: int) -> None:
        """Note the result of a worker, and remove what it made, where it has ended."""
        # Until it has been taken off the list, an interruption ends it.
        with deferred():
            process, status = os.waitpid(worker.process, options)
            if not process:
                return
            while self._listen(worker):
                pass  # What it had still to say is in the pipe.
            self._forget(worker)
            self._workers.remove(worker)
            self.results[worker.index] = _result(worker, status)
            worker.job.clean_up()

    def _forget(self, worker: _Worker) -> None:
        self._selector.unregister(worker.stream)
        os.close(worker.stream)

    def _end_all(self) -> None:
        """End what is under way, all at the same time: politely, so that each removes what it began; then by force."""
        with deferred():  # Told to stop once more, it ends them all the same.
            self._end_each()

    def _end_each(self) -> None:
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.send(signal.SIGTERM)
            # Nobody listens any more, and nobody must wait for that.
            self._forget(worker)
        end = time.monotonic() + self._grace
        left = list(workers)
        while left:
            left = [worker for worker in left if not os.waitpid(worker.process, os.WNOHANG)[0]]
            if left and time.monotonic() > end:
                for worker in left:
                    worker.send(signal.SIGKILL)
                end = time.monotonic() + self._grace
            time.sleep(0.02 if left else 0)
        for worker in workers:
            with contextlib.suppress(OSError):  # The next one is cleaned up whatever became of this.
                worker.job.clean_up()


def _result(worker: _Worker, status: int) -> Result:
    if worker.why is not None:
        return Result(Ending.ENDED, trouble=worker.why)
    if worker.result is not None:
        return worker.result
    if os.WIFSIGNALED(status):
        return Result(Ending.FAILED, trouble=f"its process was killed by {signal.Signals(os.WTERMSIG(status)).name}")
    return Result(Ending.FAILED, trouble=f"its process exited without a result (exit status {os.WEXITSTATUS(status)})")


def _be_the_worker(job: Job, stream: int, parent: int, others: t.Sequence[Job]) -> t.NoReturn:
    status = 1
    try:
        told_to_stop = release_in_child()
        for other in others:
            other.forget()
        # It ends with its parent, however that ends.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == parent and not told_to_stop:
            message = _carry_out(job, stream)
            _send_message(stream, message)
            status = 0
    except BaseException:  # Whatever it is, two processes must not go on with one program.
        status = 1
    finally:
        with contextlib.suppress(BaseException):
            if os.getppid() != parent:
                job.orphaned()
        os._exit(status)


def _carry_out(job: Job, stream: int) -> State:
    try:
        with interruptible("carry out a piece of work", on=job.subject):
            return {"answer": job.carry_out(lambda state: _send_message(stream, {"state": state}))}
    except Interrupted as error:
        return {"trouble": error.why}
    except Exception as error:  # A defect; the others go on.
        return {"trouble": unforeseen("carry out a piece of work", on=job.subject, error=error).why}


def _send_message(stream: int, message: State) -> None:
    # A parent that does not listen any more is about to end this.
    with contextlib.suppress(BrokenPipeError):
        write_all(stream, (json.dumps(message) + "\n").encode("utf-8"))
