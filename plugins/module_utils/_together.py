# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several pieces of work at a time, each in a process of its own.

Processes, not threads: one that dies takes no other with it, each uses a processor of its own, and in each the
interruption reaches the main thread, from where everything that it has begun is ended and removed.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import selectors
import signal
import time
import traceback
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import held_back, interruptible

State = dict[str, t.Any]
Tell = t.Callable[[State], None]
# How long a child that was told to stop has for removing what it began, seconds.
_GRACE_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_WATCH_EVERY_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Work:
    """One piece of work.

    :param subject: what it is done on, for messages.
    :param carry_out: does it, and returns what JSON can carry. It is given a function that tells how far it is.
    """

    subject: str
    carry_out: t.Callable[[Tell], t.Any]


@dataclasses.dataclass(frozen=True)
class Ended:
    """How one piece of work ended.

    :param answer: what it returned.
    :param trouble: why it returned nothing, in words; None when it did.
    :param details: further lines about that.
    """

    answer: t.Any = None
    trouble: str | None = None
    details: tuple[str, ...] = ()


@dataclasses.dataclass
class _Child:
    index: int
    process: int
    stream: int
    heard: bytes = b""
    ended: Ended | None = None


class Together:
    """Carries work out.

    :param at_once: how many pieces at a time, at least one.
    :param watch: called about once a second, and whenever a piece tells how far it is, with this object.
    """

    def __init__(self, *, at_once: int, watch: t.Callable[[Together], None]) -> None:
        self._at_once = max(1, at_once)
        self._watch = watch
        self._children: list[_Child] = []
        self._selector = selectors.DefaultSelector()
        self.ended: dict[int, Ended] = {}
        # What each piece told last, those that have ended among them.
        self.told: dict[int, State] = {}

    @property
    def under_way(self) -> list[int]:
        """The places in the list of the pieces that are under way, in its order."""
        return sorted(child.index for child in self._children)

    def run(self, works: t.Sequence[Work], *, after: t.Callable[[int, Ended], None]) -> list[Ended]:
        """Carries the work out, begun in this order.

        :param after: called when a piece has ended, with its place in the list.
        :returns: how each piece ended, in the order of the list.
        :raises Interrupted: when told to stop; by then no piece is under way any more.
        """
        waiting = list(enumerate(works))
        try:
            while waiting or self._children:
                while waiting and len(self._children) < self._at_once:
                    self._begin(*waiting.pop(0))
                for key, _events in self._selector.select(_WATCH_EVERY_SECONDS):
                    child = t.cast("_Child", key.data)
                    if not self._listen(child):
                        self.ended[child.index] = self._reap(child)
                        after(child.index, self.ended[child.index])
                self._watch(self)
        finally:
            self._end_all()
            self._selector.close()
        return [self.ended[index] for index in range(len(works))]

    def _begin(self, index: int, work: Work) -> None:
        reading, writing = os.pipe()
        parent = os.getpid()
        try:
            with held_back():
                process = os.fork()
                if process:
                    os.close(writing)
                    child = _Child(index, process, reading)
                    self._children.append(child)
                    self._selector.register(reading, selectors.EVENT_READ, child)
        except BaseException:
            if os.getpid() != parent:
                os._exit(1)
            raise
        if not process:
            _be_the_child(work, writing, parent)

    def _listen(self, child: _Child) -> bool:
        """Takes what a child says; False when it has said all."""
        data = os.read(child.stream, 65536)
        *lines, child.heard = (child.heard + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "state" in message:
                self.told[child.index] = message["state"]
            else:
                child.ended = Ended(message.get("answer"), message.get("trouble"), tuple(message.get("details", ())))
        return bool(data)

    def _reap(self, child: _Child) -> Ended:
        # Until it has been taken off the list, an interruption ends it.
        with held_back():
            _process, status = os.waitpid(child.process, 0)
            self._forget(child)
        if child.ended is not None:
            return child.ended
        if os.WIFSIGNALED(status):
            return Ended(trouble=f"its process was killed by {signal.Signals(os.WTERMSIG(status)).name}")
        return Ended(trouble=f"its process ended without a word (exit status {os.WEXITSTATUS(status)})")

    def _forget(self, child: _Child) -> None:
        self._children.remove(child)
        self._selector.unregister(child.stream)
        os.close(child.stream)

    def _end_all(self) -> None:
        """Ends what is under way: politely, so that each removes what it began, and then by force."""
        children = list(self._children)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.process, signal.SIGTERM)
            # Nobody listens any more, and nobody must wait for that.
            self._forget(child)
        end = time.monotonic() + _GRACE_SECONDS
        while children:
            children = [child for child in children if not os.waitpid(child.process, os.WNOHANG)[0]]
            if children and time.monotonic() > end:
                for child in children:
                    os.kill(child.process, signal.SIGKILL)
                end = time.monotonic() + _GRACE_SECONDS
            time.sleep(0.02 if children else 0)


def _be_the_child(work: Work, stream: int, parent: int) -> t.NoReturn:
    status = 1
    try:
        # It ends with its parent, however that ends.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == parent:
            message = _carry_out(work, stream)
            _say(stream, message)
            status = 0
    except BaseException:  # Whatever it is, two processes must not go on with one program.
        status = 1
    finally:
        os._exit(status)


def _carry_out(work: Work, stream: int) -> State:
    try:
        with interruptible("carry out a piece of work", on=work.subject):
            return {"answer": work.carry_out(lambda state: _say(stream, {"state": state}))}
    except Interrupted as error:
        return {"trouble": error.why}
    except Exception as error:  # A defect; the others go on.
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        return {"trouble": f"{type(error).__name__}: {error}", "details": "".join(lines).splitlines()}


def _say(stream: int, message: State) -> None:
    data = memoryview((json.dumps(message) + "\n").encode("utf-8"))
    # A parent that does not listen any more is about to end this.
    with contextlib.suppress(BrokenPipeError):
        while data:
            data = data[os.write(stream, data) :]
