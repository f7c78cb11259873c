# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every engine can do. An engine turns a source into payload streams and back; it knows nothing of media.

It has three sides, of which a module needs one at a time: a source to dump, a target to restore into, and what
restores of a target have kept.
"""

from __future__ import annotations

import abc
import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import SetReader
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress


@dataclasses.dataclass(frozen=True)
class Examination:
    """What an engine sees of its source without changing anything.

    :param bytes: the source's size, as the engine measures it.
    :param versions: program or server name to version.
    """

    bytes: int
    versions: dict[str, str]


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """One object of a set that a restore does not make: the rest of the set comes back without it.

    :param kind: what it is, in the server's own word: "view", "function", "event".
    :param name: its name as an operator would write it.
    :param why: the cause. Never quotes a definition, which may hold a secret.
    """

    kind: str
    name: str
    why: str

    def describe(self) -> str:
        """Name the object and the cause in one line."""
        return f"{self.kind} {self.name}: {self.why}"


@dataclasses.dataclass(frozen=True)
class Dumped:
    """What a dump tells about itself, for backup.json.

    :param parts: the parts, in the order of restoring.
    :param content: how much the set holds, by unit ("rows", "files"): counts that fall when data is lost, and do not
        with compression, indexes, or space that the source keeps free.
    :param facts: what a restore, and the check of a restore, need.
    :param warnings: what the operator should know, though the set is complete.
    :param restore_by_hand: commands that restore it without this collection, run from within the set's directory.
    :param unrestorable: objects of which it is known now that a restore will leave them out.
    """

    parts: list[str]
    content: dict[str, int]
    facts: dict[str, t.Any]
    warnings: list[str]
    restore_by_hand: list[str]
    unrestorable: list[LeftOut] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class TargetState:
    """What stands where a set is to be restored.

    :param target: the target in a few words: "database ledger on /run/postgresql".
    :param exists: whether anything is there.
    :param empty: whether it holds nothing that a restore would replace.
    """

    target: str
    exists: bool
    empty: bool


@dataclasses.dataclass(frozen=True)
class Check:
    """One comparison of the restored data with what the set says.

    :param name: what was compared.
    :param passed: the outcome.
    :param detail: numbers, or what differs.
    """

    name: str
    passed: bool
    detail: str


@dataclasses.dataclass(frozen=True)
class Replaced:
    """What an earlier restore of a target has kept.

    :param name: as :meth:`TargetEngine.swap` returned it (of several paths, one).
    :param since: the moment of that restore, UTC, as set ids write it.
    :param bytes: what it occupies, as the engine measures it.
    :param in_use: by whom, as far as can be seen; None: by nobody.
    """

    name: str
    since: str
    bytes: int
    in_use: str | None = None


@dataclasses.dataclass
class RestoreWork:
    """What a restore works with.

    :param reader: the verified set.
    :param jobs: how many streams at a time.
    :param stamp: the moment of the restore, UTC, as set ids write it; names what is kept.
    :param left_out: objects that could not be made; the engine adds to it.
    :param strict: whether nothing may be left out.
    :param max_seconds: how long the restore may take; what evaluates the set's content is confined then. None: whoever
        called has confined all of it.
    """

    reader: SetReader
    processes: Processes
    progress: Progress
    jobs: int
    stamp: str
    max_seconds: int | None = None
    strict: bool = False
    warnings: list[str] = dataclasses.field(default_factory=list)
    left_out: list[LeftOut] = dataclasses.field(default_factory=list)


class Engine(abc.ABC):
    """One side of an engine.

    :param options: the source's (or the target's) own options, as the module's argument specification allows them.
    :raises BackupError: when they do not fit together.
    """

    name: t.ClassVar[str]

    @abc.abstractmethod
    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        """Take the options, checked as far as it can be without asking anybody."""

    @abc.abstractmethod
    def describe(self) -> str:
        """Return the source or target in a few words, for messages. Never a secret."""


class SourceEngine(Engine):
    """A source, to dump."""

    @abc.abstractmethod
    def examine(self) -> Examination:
        """Check, without changing anything, that a dump can begin.

        :raises BackupError: when it cannot: server down, wrong password, no such database, client too old, …
        """

    @abc.abstractmethod
    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        """Store the source's streams.

        :param jobs: how many streams at a time.
        :raises BackupError: when anything fails; the caller removes what was written.
        """


class TargetEngine(Engine):
    """A target, to restore into."""

    @abc.abstractmethod
    def inspect_target(self, work: RestoreWork) -> TargetState:
        """Check, without changing anything, that a restore can begin, and says what stands in its place.

        :raises BackupError: when it cannot.
        """

    @abc.abstractmethod
    def restore_beside(self, work: RestoreWork) -> None:
        """Restore beside the target, having removed what a dead restore left there.

        :raises BackupError: when anything fails; the caller then calls :meth:`discard`.
        """

    @abc.abstractmethod
    def check(self, work: RestoreWork) -> list[Check]:
        """Compare what was restored beside the target with what the set says."""

    @abc.abstractmethod
    def swap(self, work: RestoreWork) -> str | None:
        """Put the restored data in the target's place by rename.

        :returns: under which name what was there is kept; None when nothing was.
        :raises BackupError: when it fails; the target is then as it was.
        """

    @abc.abstractmethod
    def discard(self, work: RestoreWork) -> None:
        """Remove what :meth:`restore_beside` made. Never raises for what is not there.

        By then the work's processes have been ended and start no more: what it needs to run, it runs in its own.
        """

    @abc.abstractmethod
    def kept_data(self) -> KeptData:
        """Return what restores of this target have kept; once it was inspected, of the very places of the set."""


class KeptData(abc.ABC):
    """What restores of a target have kept of what stood there before."""

    @classmethod
    @abc.abstractmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> KeptData:
        """Return that of a target.

        :param options: the target's own.
        :raises BackupError: when they do not fit together.
        """

    @abc.abstractmethod
    def replaced(self) -> list[Replaced]:
        """Return what is kept, oldest first. Changes nothing.

        Only what has exactly the name that a restore of this target gives.

        :raises BackupError: when it cannot be told.
        """

    @abc.abstractmethod
    def check_live(self) -> None:
        """Check that the target is there, can be used and holds something. Changes nothing.

        :raises BackupError: when it is not: then what was replaced may be all there is.
        """

    @abc.abstractmethod
    def remove_replaced(self, entry: Replaced) -> None:
        """Remove one of :meth:`replaced`.

        :raises LockHeld: while a restore of the target is running.
        :raises BackupError: when it cannot.
        """


def is_count(value: t.Any) -> bool:
    """Whether a value from a set is a number of things: an integer, not negative (and JSON's true is no integer)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
