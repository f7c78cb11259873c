# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away place to restore into: what a drill needs of each engine."""

from __future__ import annotations

import abc
import dataclasses
import os
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import Check, LeftOut, TargetEngine

_LOG_BYTES = 4000


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an instance lives, and what it may use.

    :param directory: empty, and only this instance's; the caller removes it with everything in it.
    :param processes: what the instance starts belongs to it.
    :param user: the operating-system user that a server runs as; None: the current one.
    :param programs_directory: where a server's programs are; None: where the distribution puts them.
    :param jobs: how many things it may do at a time.
    """

    directory: str
    processes: Processes
    user: str | None
    programs_directory: str | None
    jobs: int


class NotAvailable(Exception):
    """A throw-away instance cannot be had on this host.

    :param why: the cause.
    :param next_step: what the operator should do, as a sentence.
    :param packages: of Debian and Ubuntu, which would help.
    """

    def __init__(self, why: str, next_step: str, packages: t.Sequence[str] = ()) -> None:
        super().__init__(why)
        self.why = why
        self.next_step = next_step
        self.packages = list(packages)


class Instance(abc.ABC):
    """One throw-away instance. A context manager: it begins empty, and leaving it ends whatever it started.

    :param description: of the set that is to be restored into it. Not verified yet.
    :cvar target_type: what restores into it.
    """

    target_type: t.ClassVar[type[TargetEngine]]

    def __init__(self, place: Place, description: Description) -> None:
        self.place = place
        self.description = description

    @classmethod
    def check_programs(cls, version: str, directory: str | None) -> None:
        """Check that this host has the programs for sets of a server. Needed by no engine without a server.

        :param version: the server's, as it says it.
        :param directory: where its programs are; None: where the distribution puts them.
        :raises NotAvailable: when it has not.
        """
        del version, directory

    @abc.abstractmethod
    def __enter__(self) -> Instance:
        """Start it.

        :raises NotAvailable: when this host cannot have one.
        """

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.place.processes.cancel()

    @property
    @abc.abstractmethod
    def target(self) -> dict[str, t.Any]:
        """The engine's options of the target to restore into."""

    def bound_target(self) -> TargetEngine:
        """Return what restores into it, bound to :attr:`target`."""
        return self.target_type(self.target)

    @property
    def seconds_besides(self) -> float:
        """How long the engine took for what no restore but a drill does."""
        return 0.0

    def troubles(self) -> str:
        """Return what the instance itself has noted of its troubles, such as the end of a server's log."""
        return ""

    def shortage(self) -> str | None:
        """Return what the set needs and this host lacks, by the server's own error codes; None: nothing."""
        return None

    def is_lost(self, error: BackupError) -> bool:
        """Whether a client failed because its server had ended, of which the server's log tells why, perhaps later."""
        del error
        return False

    def foretold(self, left_out: t.Sequence[LeftOut]) -> t.Sequence[LeftOut]:
        """Return those of the objects that were left out here that a restore into a real server would leave out too."""
        return left_out

    def attack(self) -> str | None:
        """Say what the set tried that no backup does, such as to run a program, and was refused; None: nothing seen."""
        return None

    def examine(self) -> list[Check]:
        """Return what the engine can say about the restored data beyond what every restore checks."""
        return []

    @abc.abstractmethod
    def ask(self, query: str) -> str:
        """Return the answer to a query: a line per row, columns separated by ``|``, NULL as nothing.

        :raises BackupError: when it cannot be answered.
        """


def log_end(path: str, most: int = _LOG_BYTES) -> str:
    """Return what a server has said last; nothing where it has no log yet.

    :param most: bytes.
    """
    try:
        # Its directory is the server's, which may have been taken over: through no link, and waiting for no writer.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with open(os.open(path, flags), "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - most))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
