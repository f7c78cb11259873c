# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of an engine before it is needed: its options, and where its parts are.

A module uses one engine of several. Its parts, thousands of lines, are imported when they are first asked for, and sent
along only with modules that may ask (``parts``).
"""

from __future__ import annotations

import abc
import importlib
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

from .discovery import Discovery, FoundDatabase

if t.TYPE_CHECKING:
    from .base import KeptData, SourceEngine, TargetEngine
    from .server.account import Account
    from .trial.instance import Instance

Arguments = dict[str, dict[str, t.Any]]


class Registration(abc.ABC):
    """One engine. Never instantiated: there is one of each.

    :cvar name: as inventories and sets write it.
    :cvar source_arguments: its part of an argument specification (as AnsibleModule takes it), for a source.
    :cvar target_arguments: the same for a target.
    """

    name: t.ClassVar[str]
    source_arguments: t.ClassVar[Arguments]
    target_arguments: t.ClassVar[Arguments]

    @classmethod
    def source(cls, options: t.Mapping[str, t.Any]) -> SourceEngine:
        """Return a source: the class ``<Name>Source`` of the folder's ``source.py``, bound to it.

        :param options: those of a source; those that are None were not given.
        :raises Refused: when one is not its own.
        :raises BackupError: when they do not fit together.
        """
        kind = t.cast("type[SourceEngine]", cls._part("source", "Source"))
        return kind(cls.own_options(options, cls.source_arguments))

    @classmethod
    def target(cls, options: t.Mapping[str, t.Any]) -> TargetEngine:
        """Return a target: ``<Name>Target`` of ``target.py``; otherwise as :meth:`source`."""
        kind = t.cast("type[TargetEngine]", cls._part("target", "Target"))
        return kind(cls.own_options(options, cls.target_arguments))

    @classmethod
    def kept(cls, options: t.Mapping[str, t.Any]) -> KeptData:
        """Return what restores of a target have kept: ``<Name>Kept`` of ``kept.py``; otherwise as :meth:`target`."""
        kind = t.cast("type[KeptData]", cls._part("kept", "Kept"))
        return kind.from_options(cls.own_options(options, cls.target_arguments))

    @classmethod
    def instance(cls) -> type[Instance]:
        """Return what its sets are restored into for trial: ``<Name>Instance`` of ``instance.py``."""
        return t.cast("type[Instance]", cls._part("instance", "Instance"))

    @classmethod
    def check_facts(cls, description: Description) -> None:
        """Check that a set says of its source what this engine writes, as ``check`` of ``set_facts.py`` does.

        :raises SetInvalid: when it does not.
        """
        cls._module("set_facts").check(description)

    @classmethod
    def facts_shape(cls) -> t.Any:
        """Return the shape of what its sets say of their source: ``SHAPE`` of ``set_facts.py``, see ``facts``."""
        return cls._module("set_facts").SHAPE

    @classmethod
    def discover(cls, options: t.Mapping[str, t.Any], *, sizes: bool = False) -> Discovery:
        """Return the databases of the server that a source's options lead to. Changes nothing.

        :param options: of a source, without its database; those that are None were not given.
        :param sizes: whether to ask for their sizes as well.
        :raises Refused: when one is not its own, or sources of this engine are on no server.
        :raises BackupError: when the server cannot be asked.
        """
        del options, sizes
        raise Refused(
            "list the databases of a server",
            on=f"engine {cls.name}",
            why="its sources are on no server that could be asked",
            next_step="Name each source by itself.",
        )

    @classmethod
    def _part(cls, module: str, kind: str) -> t.Any:
        return getattr(cls._module(module), cls.__name__ + kind)

    @classmethod
    def _module(cls, name: str) -> t.Any:
        # By name: Ansible sends along whatever an import statement names, and most modules need no part.
        folder = cls.__module__.rpartition(".")[0]
        return importlib.import_module(f"{folder}.{name}")

    @classmethod
    def own_options(cls, options: t.Mapping[str, t.Any], allowed: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return every option that is allowed, None where it is not given.

        :raises Refused: when others are given.
        """
        given = {option: value for option, value in options.items() if value is not None}
        foreign = sorted(set(given) - set(allowed))
        if foreign:
            raise Refused(
                "use an option",
                on=", ".join(foreign),
                why=f"the engine {cls.name} does not take it (it takes {', '.join(sorted(allowed))})",
                next_step="Remove it, or correct the engine.",
            )
        return {**dict.fromkeys(allowed), **given}


class ServerRegistration(Registration):
    """An engine whose sources are databases of a server, which has accounts.

    :cvar account_options: options of ``database_account`` that not every engine's server knows.
    """

    account_options: t.ClassVar[tuple[str, ...]]

    @classmethod
    def account(cls) -> type[Account]:
        """Return how the server keeps the account that backs up: ``<Name>Account`` of ``backup_account.py``."""
        return t.cast("type[Account]", cls._part("backup_account", "Account"))

    @classmethod
    def is_unused(cls, options: t.Mapping[str, t.Any], database: FoundDatabase) -> bool:
        """Whether it is a database that every server of this engine has, and that holds nothing.

        :param options: of a source, without its database.
        :raises BackupError: when the server cannot be asked.
        """
        del options, database
        return False

    @classmethod
    def discover(cls, options: t.Mapping[str, t.Any], *, sizes: bool = False) -> Discovery:
        """Ask the server, as ``discover`` of the folder's ``discovery.py`` does."""
        own = cls.own_options(options, cls.source_arguments)
        return t.cast(Discovery, cls._module("discovery").discover(own, sizes=sizes))
