# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One restore of a database at a time, and nothing removed meanwhile: by the server's own advisory lock."""

from __future__ import annotations

import contextlib
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..kept_name import BESIDE_SUFFIX
from ..server.restore_lock import RestoreLock
from .client import Connection
from .create import derived_name
from .session import maintenance_session

# An arbitrary number that tells our advisory locks from others'.
_LOCK_CLASS = 0x1F17


def restore_lock(connection: Connection) -> RestoreLock:
    """Return the lock of the database that a connection leads to."""
    name = connection.database
    key = zlib.crc32(derived_name(name, BESIDE_SUFFIX).encode("utf-8")) - 2**31

    def take(stack: contextlib.ExitStack) -> bool:
        processes = stack.enter_context(Processes())
        session = stack.enter_context(maintenance_session(processes, connection, other_than=name))
        return bool(session.value(f"SELECT pg_try_advisory_lock({_LOCK_CLASS}, {key}) AS value"))

    return RestoreLock(take, connection.describe)
