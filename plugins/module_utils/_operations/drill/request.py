# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drills of one run have in common."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId


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
    :param expected: a line per row, columns separated by ``|``; compared as values (:func:`answers.agree`).
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
    :param work_directory: where the restored data is.
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
