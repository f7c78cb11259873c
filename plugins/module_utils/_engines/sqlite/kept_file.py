# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database files that restores keep: what stood in the place of a target before."""

from __future__ import annotations

import contextlib
import os
import sqlite3

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._system.durable import sync_directory
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import beginning_with, is_file, is_there

from ..base import Replaced
from ..kept_name import INFIX, stamp_of
from .connection import SIDECARS, connect, holders, shown
from .integrity import unclear_schema, writer_of_file


def find_kept(path: str) -> list[Replaced]:
    """Return what restores of a database have kept.

    :param path: of the database, links resolved.
    """
    found = []
    for kept in beginning_with(path + INFIX):
        since = stamp_of(kept, lambda ending: path + ending)
        if since is None or not is_file(kept) or os.path.islink(kept):
            continue
        files = [kept + tail for tail in ("", *SIDECARS) if is_there(kept + tail)]
        size = sum(os.lstat(file).st_size for file in files)
        found.append(Replaced(kept, since, size, ", ".join(holders(kept)) or None))
    return found


def check_live(path: str) -> None:
    """Open the database, and check that it holds something.

    :raises BackupError: when it cannot, or it is empty.
    """
    try:
        with open(path, "rb") as stream:
            writer = writer_of_file(stream.fileno())
        with contextlib.closing(connect(path, "rw")) as connection:
            connection.execute("PRAGMA query_only=ON")
            unclear_schema(connection, writer=writer)
            [objects] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            why = None if objects else "it is empty"
    except (OSError, sqlite3.Error) as error:
        why = f"it cannot be read: {error}"
    if why is not None:
        raise Refused(
            "remove what was replaced",
            on=shown(path),
            why=f"{why}, and the replaced data may be the only copy",
            next_step="Inspect both, and remove by hand what is not needed.",
        )


def remove_kept(name: str) -> None:
    """Remove a database that a restore has kept, with its journals.

    :raises BackupError: when it cannot.
    """
    try:
        # The database last: as long as it is there, what is left of it has its name and is found again.
        for tail in (*SIDECARS, ""):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name + tail)
        sync_directory(os.path.dirname(name))
    except OSError as error:
        raise BackupError(
            "remove what was replaced",
            on=shown(name),
            why=describe_os_error(error),
            next_step="Correct the permissions, or remove it by hand.",
        ) from error
