# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running several functions at the same time."""

from __future__ import annotations

import collections
import concurrent.futures
import queue
import typing as t

from .processes import Processes

_Result = t.TypeVar("_Result")
#: What waits for its turn; to what has ended, more may be added at either end.
Waiting = collections.deque[t.Callable[[], _Result]]


def run_all(
    functions: t.Iterable[t.Callable[[], _Result]],
    *,
    jobs: int,
    processes: Processes,
    then: t.Callable[[_Result, Waiting[_Result]], object] | None = None,
) -> None:
    """Run functions in threads, ``jobs`` at a time, in their order. The first failure stops the others, and is raised.

    :param processes: cancelled after a failure, with everything that the functions run by it.
    :param then: called in this thread with what each has returned, and those that wait: it may add to them.
    """
    waiting: Waiting[_Result] = collections.deque(functions)
    run_drawn(
        lambda: waiting.popleft() if waiting else None,
        jobs=jobs,
        cancel=processes.cancel,
        then=(lambda result: then(result, waiting)) if then is not None else lambda result: None,
    )


def run_drawn(
    draw: t.Callable[[], t.Callable[[], _Result] | None],
    *,
    jobs: int,
    cancel: t.Callable[[], object],
    then: t.Callable[[_Result], object],
) -> None:
    """As :func:`run_all`, for functions that are made only when there is room for them.

    :param draw: called in this thread; returns the next function, or None while there is none.
    :param cancel: called after a failure: makes the functions that are running end soon.
    :param then: called in this thread with what each has returned.
    """
    # In the order in which they end: what fails of another's failure ends after it.
    ended: queue.SimpleQueue[concurrent.futures.Future[_Result]] = queue.SimpleQueue()
    running = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        try:
            while True:
                while running < max(1, jobs):
                    function = draw()
                    if function is None:
                        break
                    pool.submit(function).add_done_callback(ended.put)
                    running += 1
                if not running:
                    return
                result = ended.get().result()
                running -= 1
                then(result)
        except BaseException:
            cancel()
            raise
