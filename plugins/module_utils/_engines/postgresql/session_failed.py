# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed session means: psql tells words of the server and no SQLSTATE, and only here they are read."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed

# Of the server or the host, and of no object: the whole restore stands or falls with them.
ENVIRONMENT = re.compile(
    r"(?i)No space left|could not (?:extend|write|fsync|read block|resize)|disk quota|out of (?:shared )?memory"
    r"|memory exhausted|too many (?:connections|clients)|terminating connection|server closed the connection"
    r"|connection to server|database system is|canceling statement|lost connection|max_locks_per_transaction"
    r"|Input/output error|read-only transaction|temporary file size exceeds|too many open files"
    r"|could not open file \"base/|no queda espacio|(?:memoria|compartida) agotada|terminando la conexi"
    r"|cancelando la sentencia|no se pudo (?:extender|escribir|sincronizar)"
)
_LOST = re.compile(r"server closed the connection|connection to server was lost|terminating connection")
_MISSING = re.compile(r"does not exist|no existe")


class SessionFailed(ProcessFailed):
    """The server refused a connection or a statement, or was lost; the session has ended.

    :param connecting: whether there was no connection yet.
    :ivar lost: whether there was a connection, and the server ended it.
    :ivar missing: whether the server said that something does not exist.
    :ivar of_server: whether the server or the host is to blame, and not the statement.
    """

    def __init__(
        self,
        what: str,
        *,
        on: str,
        why: str,
        next_step: str,
        details: t.Sequence[str] | None = None,
        connecting: bool = False,
    ) -> None:
        super().__init__(what, on=on, why=why, next_step=next_step, details=details)
        self.connecting = connecting
        self.lost = not connecting and _LOST.search(why) is not None
        self.missing = _MISSING.search(why) is not None
        self.of_server = connecting or ENVIRONMENT.search(why) is not None

    def names(self, setting: str) -> bool:
        """Whether it is about a setting, which is named alike in every language."""
        return f'"{setting}"' in self.why or f"«{setting}»" in self.why


def server_lost(error: BackupError) -> bool:
    """Whether a session, or another of PostgreSQL's programs, failed because the server had ended its connection."""
    if isinstance(error, SessionFailed):
        return error.lost
    return isinstance(error, ProcessFailed) and any(_LOST.search(outcome.stderr) for outcome in error.outcomes)
