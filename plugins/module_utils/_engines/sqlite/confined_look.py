# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a restored database in a process that may do nothing else.

What stands in a schema is evaluated by whoever looks at the database: an index on an expression that never ends, or
that takes all memory, is enough. So the look has a process of its own, with a limit to its memory and its processor
time, which can be ended at any moment. Where this one is root it becomes a user without rights once the file is open,
and where bubblewrap can be used it has no network and sees no other file.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import pwd
import resource
import signal
import sqlite3
import sys
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system import confinement
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..trial.confined_python import CODE, Code, readable
from .connection import connect, shown
from .inspect import Found, distrust

_NEXT_STEP = "The target is as it was. Restore another set, or raise max_seconds if the database is only large."
_BEGUN = b"begun\n"
_USER = "nobody"
_NOBODY = 65534
_MOST_MEMORY = 8 * 1024**3
_LONGEST_ANSWER = 256 * 1024**2
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_ERRORS: dict[str, type[sqlite3.Error]] = {
    "OperationalError": sqlite3.OperationalError,
    "DatabaseError": sqlite3.DatabaseError,
}


def _most_memory() -> int:
    """Half of this host's, and enough for the largest row that SQLite can have."""
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return max(min(half, _MOST_MEMORY), 2 * 1024**3)


@dataclasses.dataclass(frozen=True)
class Look:
    """One look at a database.

    :param path: of it.
    :param writer: the number of the SQLite that wrote to it last.
    :param seconds: of processor time that it may take.
    :param memory: bytes of memory that it may take.
    """

    path: str
    digests: bool
    writer: int
    seconds: int
    memory: int = dataclasses.field(default_factory=_most_memory)

    def take(self, processes: Processes) -> Found:
        """Return what is in the database.

        :raises sqlite3.Error: as ``Found.of``.
        :raises BackupError: when the look takes too much, or its process fails.
        """
        with Code() as code:
            launcher = confinement.confined(
                readable=readable(),
                writable=[self.path],
                data={CODE: code.descriptor},
                becomes_another=os.geteuid() == 0,
            )
            answer = self._run(processes, code, launcher) if launcher is not None else b""
            if not answer.startswith(_BEGUN):  # No bubblewrap, or it may not make namespaces here.
                answer = self._run(processes, code, [])
        return self._read(answer)

    def _run(self, processes: Processes, code: Code, launcher: t.Sequence[str]) -> bytes:
        """Return what the process said; nothing where it did not begin."""
        said = bytearray()

        def keep(chunk: memoryview) -> None:
            said.extend(chunk)
            if len(said) > _LONGEST_ANSWER:
                raise self._failed("its answer is longer than any can be")

        arguments = [json.dumps({**dataclasses.asdict(self), "path": os.fsencode(self.path).hex()})]
        try:
            processes.run(
                [code.command(__name__, arguments, launcher=launcher, pass_fds=[])],
                action="check a restored SQLite database",
                on=shown(self.path),
                next_step=_NEXT_STEP,
                sink=keep,
            )
        except ProcessFailed as error:
            if processes.cancelled or not (said or launcher):
                raise
            if said:
                why = f"inspecting it, which may take {self.seconds} seconds of processor time, was ended: {error.why}"
                raise self._failed(why) from error
        return bytes(said)

    def _read(self, answer: bytes) -> Found:
        try:
            message = json.loads(answer[len(_BEGUN) :])
            if "error" not in message:
                return Found(**message)
            kind, text = message["error"]
        except (ValueError, TypeError, KeyError) as error:
            raise self._failed("the process that looked at it answers what none of ours does") from error
        if kind == "MemoryError":
            raise self._failed(f"a look at it takes more than the {self.memory} bytes of memory that it may")
        raise _ERRORS.get(kind, sqlite3.DatabaseError)(str(text))

    def _failed(self, why: str) -> BackupError:
        return BackupError("check a restored SQLite database", on=shown(self.path), why=why, next_step=_NEXT_STEP)


def _become_harmless(look: Look) -> None:
    """Give up everything that a look does not need; the database is open."""
    if os.geteuid() == 0:
        user = group = _NOBODY
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(_USER)
            user, group = entry.pw_uid, entry.pw_gid
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    library = ctypes.CDLL(None)
    library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # After the change of user, which would undo it.
    library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    limits = {"CPU": look.seconds, "AS": look.memory, "FSIZE": 0, "CORE": 0, "NOFILE": 32}
    for name, limit in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def main() -> None:
    """Look, at the other end, at the database that the first argument says, and answer on standard output."""
    job = json.loads(sys.argv[1])
    look = Look(**{**job, "path": os.fsdecode(bytes.fromhex(job["path"]))})
    # Not read-only: SQLite does not look at CHECK constraints then, and would find less than the dump did.
    with contextlib.closing(connect(look.path, "rw")) as connection:
        _become_harmless(look)
        os.write(1, _BEGUN)
        try:
            distrust(connection)
            answer = dataclasses.asdict(Found.read(connection, digests=look.digests, writer=look.writer))
        except (sqlite3.Error, MemoryError) as error:
            answer = {"error": [type(error).__name__, str(error)]}
    text = json.dumps(answer).encode()
    while text:
        text = text[os.write(1, text) :]
