# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One restore of a database at a time, and nothing removed meanwhile: by the server's own lock of a name."""

from __future__ import annotations

import contextlib
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..server.restore_lock import RestoreLock
from .client import Connection
from .dialect import Dialect
from .names import beside_name


def restore_lock(connection: Connection, *, dialect: Dialect) -> RestoreLock:
    """Return the lock of the database that a connection leads to."""
    key = f"infitulua.backup.restore.{zlib.crc32(beside_name(connection.database).encode('utf-8')):08x}"

    def take(stack: contextlib.ExitStack) -> bool:
        session = stack.enter_context(dialect.session(stack.enter_context(Processes()), connection))
        return session.value(f"GET_LOCK('{key}', 0)") == "1"

    return RestoreLock(take, connection.describe)
