# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines there are. A new one is one new file beside this and one line here."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import Engine
from ansible_collections.infitulua.backup.plugins.module_utils.engines._files import FilesEngine
from ansible_collections.infitulua.backup.plugins.module_utils.engines._postgresql import PostgresqlEngine
from ansible_collections.infitulua.backup.plugins.module_utils.engines._sqlite import SqliteEngine

ENGINES: t.Dict[str, t.Type[Engine]] = {
    "files": FilesEngine,
    "postgresql": PostgresqlEngine,
    "sqlite": SqliteEngine,
}


def make_engine(name: str, options: t.Mapping[str, t.Any]) -> Engine:
    """The engine of this name, bound to one source or target.

    :raises Refused: when there is no such engine.
    :raises BackupError: when the options do not fit it.
    """
    if name not in ENGINES:
        raise Refused(
            "choose an engine",
            on=name,
            why=f"this version of the collection knows {', '.join(sorted(ENGINES))}",
            next_step="Correct the source's engine, or use a version of the collection that knows it.",
        )
    return ENGINES[name](options)
