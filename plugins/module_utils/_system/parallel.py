# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running several functions at the same time."""

from __future__ import annotations

import concurrent.futures
import typing as t

from .processes import Processes


def run_all(functions: t.Sequence[t.Callable[[], object]], *, jobs: int, processes: Processes) -> None:
    """Run functions in threads, ``jobs`` at a time. The first failure stops the others, and is raised.

    :param processes: cancelled after a failure, with everything that the functions run by it.
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        futures = [pool.submit(function) for function in functions]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            processes.cancel()
            raise
