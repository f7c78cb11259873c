# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines there are. A new one is a folder of its own and one name here (and its lines in ``parts``)."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from .files.registration import Files
from .mariadb.registration import Mariadb
from .mysql.registration import Mysql
from .postgresql.registration import Postgresql
from .registration import Registration, ServerRegistration
from .sqlite.registration import Sqlite

ENGINES: dict[str, type[Registration]] = {kind.name: kind for kind in (Files, Mariadb, Mysql, Postgresql, Sqlite)}
DATABASE_ENGINES = sorted(set(ENGINES) - {Files.name})
SERVER_ENGINES: dict[str, type[ServerRegistration]] = {
    name: kind for name, kind in ENGINES.items() if issubclass(kind, ServerRegistration)
}


def find_engine(name: str) -> type[Registration]:
    """Return the engine of this name.

    :raises Refused: when there is none.
    """
    if name not in ENGINES:
        raise Refused(
            "choose an engine",
            on=name,
            why=f"this version of the collection knows {', '.join(sorted(ENGINES))}",
            next_step="Correct the source's engine, or use a version of the collection that knows it.",
        )
    return ENGINES[name]


def source_arguments(names: t.Sequence[str]) -> dict[str, dict[str, t.Any]]:
    """Return the options that describe a source of any of these engines, as an argument specification."""
    return {option: spec for name in names for option, spec in ENGINES[name].source_arguments.items()}


def target_arguments(names: t.Sequence[str]) -> dict[str, dict[str, t.Any]]:
    """Return the options that describe a target of any of these engines, as an argument specification."""
    return {option: spec for name in names for option, spec in ENGINES[name].target_arguments.items()}
