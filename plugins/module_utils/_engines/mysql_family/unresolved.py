# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of MariaDB and MySQL that no longer resolve, because what they name is gone, or who made that.

The server keeps such a view, and may show how it was made, but makes none like it. Nobody can use it either. So it must
cost nothing but itself: it is found when a database is dumped, and told then.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..base import LeftOut
from .client import Connection
from .refusals import DENIED, reason_in_place
from .server_error import error_number, server_error
from .session import Session, quote_identifier, quote_literal, same_name

# No such database, column, table or routine; a view that does not resolve; a definer that is gone.
_GONE = frozenset({1049, 1054, 1109, 1146, 1305, 1356, 1449})
# A function of its owner's would write to show it, which nothing can in a READ ONLY transaction.
_READ_ONLY = 1792
# Who alters a table now is not waited for: what cannot be told is left to the restore.
_WAIT_SECONDS = 5


@dataclasses.dataclass(frozen=True)
class Unresolved:
    """The views of a database that do not resolve, or are not shown.

    :param views: name to the reason.
    :param hidden: those of which SHOW CREATE VIEW shows nothing, and those of which it would run what writes.
    """

    views: t.Mapping[str, str]
    hidden: frozenset[str] = frozenset()

    def left_out(self) -> list[LeftOut]:
        """Return them as what a restore leaves out."""
        return [LeftOut("view", name, why) for name, why in self.views.items()]


def find(open_session: type[Session], processes: Processes, connection: Connection, database: str) -> Unresolved:
    """Make the server show each view of a database, and read its query as it would to make it. Execute none.

    But of what is constant in it the server may compute some then, with functions of its owner's and as this account;
    so nothing can be written meanwhile, and what would write counts as resolved.

    :param open_session: a connection to the server's product.
    :raises ProcessFailed: when the server cannot be asked.
    """
    with open_session(processes, connection, database=database) as session, session.reading():
        own = session.value("CURRENT_USER()") or ""
        rows = session.rows(
            {"name": "TABLE_NAME", "query": "VIEW_DEFINITION"},
            f"information_schema.VIEWS WHERE {same_name('TABLE_SCHEMA', database)} ORDER BY TABLE_NAME",
        )
    views: dict[str, str] = {}
    hidden = set()
    with _Asking(open_session, processes, connection, database) as asking:
        for row in rows:
            name, query = row["name"], row["query"] or ""
            error = asking.failure(f"SHOW CREATE VIEW {quote_identifier(name)}")
            if error is not None and error_number(error) in {*_GONE, _READ_ONLY}:
                hidden.add(name)
            elif error is None and query:
                error = asking.failure(f"SET @infitulua = {quote_literal(query)};\nPREPARE infitulua FROM @infitulua")
            why = None if error is None else _why(error, own)
            if why is not None:
                views[name] = why
    return Unresolved(views, frozenset(hidden))


def _why(error: ProcessFailed, own: str) -> str | None:
    """Return why a view does not resolve; None: it may.

    :param own: the account that asks, as ``user@host``. What it lacks itself says nothing of the view.
    """
    found = server_error(error)
    if found is None or (found.number not in _GONE and found.number not in DENIED):
        return None
    return reason_in_place(found, own)


class _Asking:
    """A session that is opened again after each statement that fails, because that ends it. A context manager."""

    def __init__(
        self, open_session: type[Session], processes: Processes, connection: Connection, database: str
    ) -> None:
        self._open = lambda: open_session(processes, connection, database=database)
        self._session: Session | None = None

    def __enter__(self) -> _Asking:
        return self

    def __exit__(self, *_about: object) -> None:
        self._close()

    def failure(self, statements: str) -> ProcessFailed | None:
        """Return why statements fail, or None if they do not."""
        if self._session is None:
            self._session = self._open()
            self._session.execute(f"SET SESSION lock_wait_timeout = {_WAIT_SECONDS}")
        try:
            with self._session.reading():
                self._session.execute(statements, action="look whether a view resolves")
        except ProcessFailed as error:
            self._close()
            return error
        return None

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
