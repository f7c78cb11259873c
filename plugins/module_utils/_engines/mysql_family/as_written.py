# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the rows that a server warned of while it loaded them are those of the set.

A server warns of a value that it changes. It warns as well of generated columns, which it computes anew and which no
set holds; of members that an ENUM has not got, of limits that a value was cut to long ago, and of more that loses
nothing. So a warning is only the reason to look: the rows of the table are compared with those of the set.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from ..base import RestoreWork
from . import rows
from .catalogue import as_dumped
from .client import Connection
from .dialect import Dialect
from .digest import LinesDigest, digest_table

#: After LOAD DATA: how many warnings there were, and the first, where the server keeps any.
SHOW_WARNINGS = ("SHOW COUNT(*) WARNINGS", "SHOW WARNINGS LIMIT 1")
_COUNTED = re.compile(r"(\d+)\n(?:\w+\t(\d+)\t(.*))?")
_ACTION = "compare the rows of a table with the set's"


def warning_in(text: str) -> str | None:
    """Return the first warning that a client printed of :data:`SHOW_WARNINGS`, or None if there was none."""
    match = _COUNTED.match(text)
    if match is not None and match[1] == "0":
        return None
    return match[3] if match is not None and match[3] else "values were changed by loading them"


def compare_rows(
    connection: Connection, work: RestoreWork, database: str, table: str, warning: str, dialect: Dialect
) -> None:
    """Compare a restored table with the set.

    :param warning: what the server said when it loaded the rows.
    :raises ProcessFailed: when they are not the same.
    """
    with dialect.session(work.processes, connection) as session:
        (found,) = [entry for entry in dialect.tables(session, database) if entry.name == table]
    found = as_dumped(found, work.reader.description.engine_facts["tables"][table])
    held = digest_table(work.processes, connection, database, found, dialect=dialect)
    if held != _of_set(work, table):
        raise ProcessFailed(
            "restore the rows of a table",
            on=f"{work.reader.set_id}, {table}",
            why=f"the server took other values than the set holds: {warning}",
            next_step="The target was left as it was. Restore into a server of the version and with the settings of the"
            " one that was dumped; where that does not help, report it.",
        )


def _of_set(work: RestoreWork, table: str) -> str:
    """Return the digest of a table's rows in the set."""
    facts = work.reader.description.engine_facts
    if facts["content_digests"] is not None:
        return t.cast("str", facts["content_digests"][table])
    digest = LinesDigest()
    for file in work.reader.description.payload:
        if table in facts["streams"].get(file.part, ()):
            chosen = _Chosen(facts["token"], facts["streams"][file.part], table, digest)
            work.reader.run(
                file,
                [],
                processes=work.processes,
                action=_ACTION,
                next_step="The target was left as it was; correct the cause and run again.",
                sink=chosen.feed,
            )
            chosen.finish()
    return digest.text()


class _Chosen:
    """Digests one table's rows of a stream, which may be one of several tables."""

    def __init__(self, token: str, tables: t.Sequence[str], table: str, digest: LinesDigest) -> None:
        self._numbers = {number for number, name in enumerate(tables) if name == table}
        self._digest = digest
        self._is_chosen = False
        self._splitter = rows.Splitter(token, self._begin, self._take) if len(tables) > 1 else None

    def feed(self, data: memoryview) -> None:
        """Take the next bytes."""
        if self._splitter is not None:
            self._splitter.feed(data)
        else:
            self._digest.feed(data)

    def finish(self) -> None:
        """End the stream."""
        if self._splitter is not None:
            self._splitter.finish()

    def _begin(self, number: int) -> None:
        self._is_chosen = number in self._numbers

    def _take(self, data: bytes) -> None:
        if self._is_chosen:
            self._digest.feed(data)
