# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines there are. A new one is one new file beside this and one line here."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Engine
from ansible_collections.infitulua.backup.plugins.module_utils.engines._discovery import Discovery
from ansible_collections.infitulua.backup.plugins.module_utils.engines.files._engine import FilesEngine
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._engine import MariadbEngine
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._engine import MysqlEngine
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._engine import PostgresqlEngine
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._engine import SqliteEngine

ENGINES: dict[str, type[Engine]] = {
    "files": FilesEngine,
    "mariadb": MariadbEngine,
    "mysql": MysqlEngine,
    "postgresql": PostgresqlEngine,
    "sqlite": SqliteEngine,
}
DATABASE_ENGINES = sorted(set(ENGINES) - {"files"})


def source_arguments(names: t.Sequence[str]) -> dict[str, dict[str, t.Any]]:
    """The options that describe a source of any of these engines, as an argument specification."""
    return {option: spec for name in names for option, spec in ENGINES[name].source_arguments.items()}


def target_arguments(names: t.Sequence[str]) -> dict[str, dict[str, t.Any]]:
    """The options that describe a target of any of these engines, as an argument specification."""
    return {option: spec for name in names for option, spec in ENGINES[name].target_arguments.items()}


def make_engine(name: str, options: t.Mapping[str, t.Any], *, target: bool = False) -> Engine:
    """The engine of this name, bound to one source or target.

    :param options: the module's options; those that are None were not given.
    :param target: whether they describe a target.
    :raises Refused: when there is no such engine, or an option is not one of its own.
    :raises BackupError: when the options do not fit together.
    """
    engine = _engine(name)
    return engine(_own_options(engine, options, engine.target_arguments if target else engine.source_arguments))


def find_databases(name: str, options: t.Mapping[str, t.Any], *, sizes: bool = False) -> Discovery:
    """The databases of the server that these options lead to.

    :param name: the engine that asks.
    :param options: of a source, without its database; those that are None were not given.
    :param sizes: whether to ask for their sizes as well.
    :raises Refused: when there is no such engine, an option is not one of its own, or it has no servers.
    :raises BackupError: when the server cannot be asked.
    """
    engine = _engine(name)
    return engine.databases(_own_options(engine, options, engine.source_arguments), sizes=sizes)


def _engine(name: str) -> type[Engine]:
    if name not in ENGINES:
        raise Refused(
            "choose an engine",
            on=name,
            why=f"this version of the collection knows {', '.join(sorted(ENGINES))}",
            next_step="Correct the source's engine, or use a version of the collection that knows it.",
        )
    return ENGINES[name]


def _own_options(
    engine: type[Engine], options: t.Mapping[str, t.Any], allowed: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    given = {option: value for option, value in options.items() if value is not None}
    foreign = sorted(set(given) - set(allowed))
    if foreign:
        raise Refused(
            "use an option",
            on=", ".join(foreign),
            why=f"the engine {engine.name} does not take it (it takes {', '.join(sorted(allowed))})",
            next_step="Remove it, or correct the engine.",
        )
    return {**dict.fromkeys(allowed), **given}
