# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the contract asks of an engine's source: telling content, and what its owner can do to it without the engine."""

from __future__ import annotations

import abc
import contextlib
import secrets
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import SourceEngine, TargetEngine
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from tests.integration.postgresql.support import Site

from .support import Disk


class Source(abc.ABC):
    """A source of one engine. Its content takes more than half a megabyte, which compresses to no less than a quarter.

    :cvar name: the engine's.
    :cvar selects: the options of a target that choose a part of a set.
    :cvar places: its other options.
    :cvar has_password: whether sources are reached with one.
    :cvar client: the program that is given the password.
    :cvar dies_of_a_full_disk: whether the server ends where its disk is full, so that nothing can be cleared away.
    :cvar withholds: whether a set that reaches beyond its target is restored without that, instead of refused.
    :param disk: where the source lives, and whatever is restored.
    """

    name: t.ClassVar[str]
    selects: t.ClassVar[frozenset[str]] = frozenset()
    places: t.ClassVar[frozenset[str]]
    has_password: t.ClassVar[bool] = False
    client: t.ClassVar[str]
    dies_of_a_full_disk: t.ClassVar[bool] = False
    withholds: t.ClassVar[bool] = False

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def start(self) -> None:  # noqa: B027  # Not every source is on a server.
        """Start what the sources of all tests are on."""

    def stop(self) -> None:  # noqa: B027  # Not every source is on a server.
        """End it."""

    @property
    @abc.abstractmethod
    def options(self) -> dict[str, t.Any]:
        """The options of the source."""

    @property
    def target(self) -> dict[str, t.Any]:
        """The options of a target that is the source itself."""
        return self.options

    def engine(self, **changes: t.Any) -> SourceEngine:
        """Return the engine, bound to the source."""
        return find_engine(self.name).source({**self.options, **changes})

    def restorer(self, **changes: t.Any) -> TargetEngine:
        """Return the engine, bound to the source as a target."""
        return find_engine(self.name).target({**self.target, **changes})

    @abc.abstractmethod
    def make(self) -> None:
        """Make the source, and a bystander that is none of its business."""

    @abc.abstractmethod
    def clear(self) -> None:
        """Remove it, and whatever tests have left."""

    @abc.abstractmethod
    def change(self) -> None:
        """Change some of its data and remove some; as often as one likes."""

    @abc.abstractmethod
    def destroy(self) -> None:
        """Remove it, and nothing else."""

    @abc.abstractmethod
    def content(self) -> t.Any:
        """Everything that it is: each row or file, and what they are in."""

    @abc.abstractmethod
    def rows(self, at: str | None = None) -> t.Any:
        """Each row or file of it.

        :param at: of what a restore has kept under this name; None: of the source.
        """

    @abc.abstractmethod
    def bystander(self) -> t.Any:
        """What must stay as it is, whatever is restored."""

    @abc.abstractmethod
    def leftovers(self) -> list[str]:
        """What a dump or restore that has ended must not leave, nor one that died once the next has ended."""

    def settle(self) -> None:  # noqa: B027  # Not every source is on a server.
        """Wait until what the programs of a killed run have begun is over."""

    def recover(self) -> None:  # noqa: B027
        """Bring a server back that has ended."""

    @property
    @abc.abstractmethod
    def restore_needs(self) -> int:
        """How many bytes are free when a restore begins that then needs more."""

    @property
    def drill_programs(self) -> str | None:
        """Where the programs of a trial's server are; None: where the distribution puts them."""
        return None

    @abc.abstractmethod
    def lie(self, facts: dict[str, t.Any]) -> int:
        """Let a set say, in the right form, that it holds one row or file more than it does; how many it says."""

    def relied_upon(self, facts: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return those of a set's facts, to be changed in place, that a restore is led by."""
        return facts

    @abc.abstractmethod
    def reach_out(self, site: Site, set_id: SetId) -> SetId:
        """Forge a set that would do something to the bystander, if it were believed."""

    def restore_a_part(self, site: Site, set_id: SetId) -> tuple[t.Any, t.Any]:
        """Restore a part of a set beside the source; what it should hold, and what it holds."""
        raise NotImplementedError

    def canary(self) -> contextlib.AbstractContextManager[dict[str, t.Any]]:
        """Let in somebody with a password that can be found wherever it is, and say how."""
        raise NotImplementedError


def odd_password() -> str:
    """Return a password with all that option files, shells and SQL stumble over; its first 24 characters are plain."""
    return "canario-" + secrets.token_hex(8) + " #'\"\\;:`$%ñ"
