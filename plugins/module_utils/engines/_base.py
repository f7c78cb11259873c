# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every engine can do. An engine turns a source into payload streams and back; it knows nothing of media.

One engine object is bound to one source (to dump) or one target (to restore into).
"""

from __future__ import annotations

import abc
import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils._progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import SetReader
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter
from ansible_collections.infitulua.backup.plugins.module_utils.engines._discovery import Discovery
from ansible_collections.infitulua.backup.plugins.module_utils.engines._facts import check_shape


@dataclasses.dataclass(frozen=True)
class Examination:
    """What an engine sees of its source without changing anything.

    :param bytes: the source's size, as the engine measures it.
    :param versions: program or server name to version.
    """

    bytes: int
    versions: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Dumped:
    """What a dump tells about itself, for backup.json.

    :param parts: the parts, in the order of restoring.
    :param content: how much the set holds, by unit ("rows", "files"): counts that fall when data is lost, and do not
        with compression, indexes, or space that the source keeps free.
    :param facts: what a restore, and the check of a restore, need.
    :param warnings: what the operator should know, though the set is complete.
    :param restore_by_hand: commands that restore it without this collection, run from within the set's directory.
    """

    parts: list[str]
    content: dict[str, int]
    facts: dict[str, t.Any]
    warnings: list[str]
    restore_by_hand: list[str]


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

    :param name: as :meth:`Engine.swap` returned it (of several paths, one).
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
    """

    reader: SetReader
    processes: Processes
    progress: Progress
    jobs: int
    stamp: str
    warnings: list[str] = dataclasses.field(default_factory=list)


class Engine(abc.ABC):
    """One kind of source.

    :param options: the source's (or the target's) own options, as the module's argument specification allows them.
    :raises BackupError: when they do not fit together.
    """

    name: t.ClassVar[str]
    # The engine's part of an argument specification (as AnsibleModule takes it), for a source and for a target.
    source_arguments: t.ClassVar[dict[str, dict[str, t.Any]]]
    target_arguments: t.ClassVar[dict[str, dict[str, t.Any]]]

    # Of what a set says of its source, see ``_facts``.
    facts_shape: t.ClassVar[t.Any] = dict

    @abc.abstractmethod
    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        """Takes the options, checked as far as it can be without asking anybody."""

    @classmethod
    def check_facts(cls, description: Description) -> None:
        """Sees to it that a set's facts have the shape that this engine writes.

        :raises SetInvalid: when they have not.
        """
        check_shape(description.engine_facts, cls.facts_shape, on=description.id)

    @classmethod
    def databases(cls, options: t.Mapping[str, t.Any], *, sizes: bool = False) -> Discovery:
        """The databases of the server that a source's options lead to. Changes nothing.

        :param options: of a source, without its database.
        :param sizes: whether to ask for their sizes as well.
        :raises Refused: when sources of this engine are on no server.
        :raises BackupError: when the server cannot be asked.
        """
        del options, sizes
        raise Refused(
            "list the databases of a server",
            on=f"engine {cls.name}",
            why="its sources are on no server that could be asked",
            next_step="Name each source by itself.",
        )

    @abc.abstractmethod
    def describe(self) -> str:
        """The source or target in a few words, for messages. Never a secret."""

    @abc.abstractmethod
    def examine(self) -> Examination:
        """Checks, without changing anything, that a dump can begin.

        :raises BackupError: when it cannot: server down, wrong password, no such database, client too old, …
        """

    @abc.abstractmethod
    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        """Stores the source's streams.

        :param jobs: how many streams at a time.
        :raises BackupError: when anything fails; the caller removes what was written.
        """

    @abc.abstractmethod
    def inspect_target(self, work: RestoreWork) -> TargetState:
        """Checks, without changing anything, that a restore can begin, and says what stands in its place.

        :raises BackupError: when it cannot.
        """

    @abc.abstractmethod
    def restore_beside(self, work: RestoreWork) -> None:
        """Restores beside the target, having removed what a dead restore left there.

        :raises BackupError: when anything fails; the caller then calls :meth:`discard`.
        """

    @abc.abstractmethod
    def check(self, work: RestoreWork) -> list[Check]:
        """Compares what was restored beside the target with what the set says."""

    @abc.abstractmethod
    def swap(self, work: RestoreWork) -> str | None:
        """Puts the restored data in the target's place by rename.

        :returns: under which name what was there is kept; None when nothing was.
        :raises BackupError: when it fails; the target is then as it was.
        """

    @abc.abstractmethod
    def discard(self, work: RestoreWork) -> None:
        """Removes what :meth:`restore_beside` made. Never raises for what is not there.

        By then the work's processes have been ended and start no more: what it needs to run, it runs in its own.
        """

    # What restores have kept

    def replaced(self) -> list[Replaced]:
        """What earlier restores of this target have kept, oldest first. Changes nothing.

        Only what has exactly the name that a restore of this target gives.

        :raises BackupError: when it cannot be told.
        """
        raise self._keeps_nothing()

    def check_live(self) -> None:
        """Sees to it that the target is there, can be used and holds something. Changes nothing.

        :raises BackupError: when it is not: then what was replaced may be all there is.
        """
        raise self._keeps_nothing()

    def remove_replaced(self, entry: Replaced) -> None:
        """Removes one of :meth:`replaced`.

        :raises LockHeld: while a restore of the target is at work.
        :raises BackupError: when it cannot.
        """
        raise self._keeps_nothing()

    def _keeps_nothing(self) -> Refused:
        return Refused(
            "look after what restores have kept",
            on=self.describe(),
            why=f"the engine {self.name} does not know how",
            next_step="Look for names with __replaced_ in them by hand.",
        )


def is_count(value: t.Any) -> bool:
    """Whether a value from a set is a number of things: an integer, not negative (and JSON's true is no integer)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
