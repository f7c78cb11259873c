# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a restore can begin: room on the server, if its disk can be seen from here, and references to the target."""

from __future__ import annotations

import contextlib
import os
import stat

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from ..server.disk import require_room
from . import elsewhere
from .session import Session, quote_literal, same_name

# What a server says of its age is in whole seconds, and begins a moment after its process.
_START_SECONDS = 60
_PID_FILE_BYTES = 32


def check_room(session: Session, least: int, dumped: int, *, on: str) -> list[str]:
    """Refuse a restore for which there can be no room; what the operator should know besides.

    :param least: what the set takes, bytes.
    :param dumped: what the database took that was dumped, bytes.
    :param on: the target, for messages.
    :raises Refused: when less is free than the set takes where the server has its data.
    """
    data = session.value("@@GLOBAL.datadir")
    pid_file = session.value("@@GLOBAL.pid_file")
    uptime = session.execute("SHOW GLOBAL STATUS LIKE 'Uptime'")
    if data and pid_file and uptime:
        started = int(session.value("UNIX_TIMESTAMP()") or 0) - int(uptime[0][1])
        if _is_here(os.path.join(data, pid_file), started):
            return require_room(data, least, dumped, on=on)
    return []


def check_references(session: Session, name: str, *, on: str) -> None:
    """Check that no other database refers to the tables of a target.

    :param on: the target, for messages.
    :raises Refused: when one does.
    """
    outside = elsewhere.besides_everywhere(elsewhere.everywhere(session), "CONSTRAINT_SCHEMA")
    found = session.rows(
        {"name": "CONCAT(CONSTRAINT_SCHEMA, '.', TABLE_NAME)"},
        f"information_schema.REFERENTIAL_CONSTRAINTS WHERE {same_name('UNIQUE_CONSTRAINT_SCHEMA', name)}"
        f" AND CONSTRAINT_SCHEMA <> {quote_literal(name)} COLLATE utf8mb4_bin AND CONSTRAINT_SCHEMA NOT LIKE"
        f" '%\\_\\_replaced\\_%'{outside}",
    )
    if found:
        raise Refused(
            "restore a database",
            on=on,
            why="tables of other databases refer to it, and would refer to the replaced one:"
            f" {', '.join(row['name'] for row in found[:10])}",
            next_step="Drop those foreign keys first, or restore under another name.",
        )


def _is_here(pid_file: str, started: int) -> bool:
    """Whether a server is one of this host, and not of another (or a container) that has its files at the same path.

    :param pid_file: where it has written the number of its process.
    :param started: when it began, seconds since 1970.
    """
    with contextlib.suppress(OSError, ValueError, IndexError, StopIteration):
        number = int(_beginning(pid_file))
        # proc(5): what comes after the program's name; the 22nd field is when it began, in ticks since the host did.
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as stream:
            ticks = int(stream.read().rpartition(")")[2].split()[19])
        with open("/proc/stat", encoding="ascii") as stream:
            booted = next(int(line.split()[1]) for line in stream if line.startswith("btime "))
        return abs(booted + ticks / os.sysconf("SC_CLK_TCK") - started) <= _START_SECONDS
    return False


def _beginning(path: str) -> str:
    """Return the beginning of a file that a server names. It may be anything: only a plain file is opened.

    :raises ValueError: when it is another, or no text.
    """
    # Found, but not opened: of a device or a pipe, that alone may do something, or wait.
    found = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise ValueError(f"{path} is no plain file")
        with open(f"/proc/self/fd/{found}", encoding="ascii") as stream:
            return stream.read(_PID_FILE_BYTES)
    finally:
        os.close(found)
