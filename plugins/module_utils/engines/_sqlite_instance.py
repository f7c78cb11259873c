# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away SQLite database: a file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import typing as t
import urllib.parse

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instance import Instance


class SqliteInstance(Instance):
    """A database file in the instance's directory."""

    def __enter__(self) -> SqliteInstance:
        return self

    @property
    def _path(self) -> str:
        return os.path.join(self.place.directory, "drill.db")

    @property
    def target(self) -> dict[str, t.Any]:
        return {"path": self._path}

    def ask(self, query: str) -> str:
        try:
            uri = f"file:{urllib.parse.quote(self._path)}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
                # What the schema brings along may compute, and no more (SQLite, "Defense Against The Dark Arts").
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA query_only = ON")
                rows = connection.execute(query).fetchall()
        except sqlite3.Error as error:
            raise BackupError(
                "ask a restored database", on=query, why=str(error), next_step="Correct the query in the inventory."
            ) from error
        return "\n".join("|".join("" if value is None else str(value) for value in row) for row in rows)
