# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a restored SQLite database."""

from __future__ import annotations

import contextlib
import sqlite3
import typing as t
import urllib.parse

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError


def ask(path: str, query: str, attached: t.Mapping[str, str]) -> str:
    """Return the answer to a query, a line per row, columns separated by ``|``, NULL as nothing.

    :param attached: name to path of the databases that it can name besides.
    :raises BackupError: when it cannot be answered.
    """
    try:
        with contextlib.closing(sqlite3.connect(_only_read(path), uri=True, timeout=10)) as connection:
            # What the schema brings along may compute, and no more (SQLite, "Defense Against The Dark Arts").
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            # One object that this SQLite cannot make sense of must not keep it from answering about the others.
            connection.execute("PRAGMA writable_schema = ON")
            for name, file in attached.items():
                # No more than need be: most builds of SQLite attach ten at most.
                if name.casefold() in query.casefold():
                    connection.execute("ATTACH ? AS ?", (_only_read(file), name))
            rows = connection.execute(query).fetchall()
    except sqlite3.Error as error:
        raise BackupError(
            "ask a restored database", on=query, why=str(error), next_step="Correct the query in the inventory."
        ) from error
    return "\n".join("|".join("" if value is None else str(value) for value in row) for row in rows)


def _only_read(path: str) -> str:
    return f"file:{urllib.parse.quote(path)}?mode=ro"
