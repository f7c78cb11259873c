# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One path of a source on its way into a set: walk, GNU tar, guard, the set's filters."""

from __future__ import annotations

import os
import re
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    ProcessFailed,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import write_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Outcome

from ..names import Names, escape, from_tar
from . import owners as files_owners
from .gnu_tar import ENVIRONMENT, without_program
from .set_facts import COUNTED
from .tar_guard import ArchiveRefused, Tally, TarGuard
from .walking import Walked

_LIST_CHUNK = 64 * 1024
# tar says a line about each file that changed; a tree that changes wholly still has to be judged line by line.
_STDERR_LIMIT = 256 * 1024 * 1024
_GONE = "No such file or directory|Not a directory|Too many levels of symbolic links|Stale file handle"
_CHANGED = re.compile(r"file changed as we read it|File shrank by \d+ bytes?; padding with zeros")
_VANISHED = re.compile(rf"File removed before we read it|Cannot \w+: (?:{_GONE})")
_LINE = re.compile(r"((?:[^:\\]|\\.)*): (.*)", re.DOTALL)

# Yields the names below a root that belong to the source, and counts what it meets.
Walk = t.Callable[[bytes, Walked], t.Iterator[bytes]]


class TreeDump:
    """One path on its way into a set: walk → tar → guard → the set's filters."""

    def __init__(self, walk: Walk, root: bytes, index: int, writer: SetWriter) -> None:
        self.root = root
        self._parent = os.path.dirname(root)
        self._walk = walk
        self._writer = writer
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", os.fsdecode(os.path.basename(root)))[:60]
        self.part = f"{index:03d}-{readable}"
        self.file_name = f"{self.part}.tar"
        self.walked = Walked()
        self.tally = Tally()
        self.changed = Names()
        self.vanished = Names()
        self.troubles = Names()
        self._errors: list[BaseException] = []

    def run(self) -> None:
        """Store the archive."""
        names, names_in = os.pipe()
        archive, archive_in = os.pipe()
        threads = [
            threading.Thread(target=self._guarded, args=(self._list, names_in), daemon=True),
            threading.Thread(target=self._guarded, args=(self._archive, names, archive_in), daemon=True),
        ]
        try:
            for thread in threads:
                thread.start()
            self._writer.store(
                Stream(
                    part=self.part,
                    name=self.file_name,
                    commands=[],
                    stdin=archive,
                    action=f"archive {escape(self.root)}",
                    next_step="See the cause; nothing of the set was kept.",
                )
            )
        except BaseException:
            # What stopped the archive is the cause; that the filters then failed, or were killed, is not.
            self._writer.processes.cancel()
            os.close(archive)
            self._join(threads)
            self._raise_first()
            raise
        os.close(archive)
        self._join(threads)
        self._raise_first()

    @staticmethod
    def _join(threads: t.Sequence[threading.Thread]) -> None:
        for thread in threads:
            thread.join()

    def _raise_first(self) -> None:
        causes = [error for error in self._errors if not isinstance(error, BrokenPipeError)]
        for error in causes:
            if isinstance(error, OSError):
                raise BackupError(
                    "read the files to back up",
                    on=escape(self.root),
                    why=describe_os_error(error),
                    next_step="Correct what it names, then run again; nothing of the set was kept.",
                ) from error
        for error in causes:
            if not isinstance(error, ProcessFailed):
                raise error
        for error in causes:
            raise error

    def _guarded(self, work: t.Callable[..., None], *descriptors: int) -> None:
        try:
            work(*descriptors)
        except BaseException as error:  # Raised again where the set is written.
            self._errors.append(error)
            if not isinstance(error, BrokenPipeError):
                self._writer.processes.cancel()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _list(self, descriptor: int) -> None:
        """Write the names, each ended by NUL, relative to the parent."""
        cut = len(self._parent.rstrip(b"/")) + 1
        buffer = bytearray()
        for path in self._walk(self.root, self.walked):
            buffer += path[cut:] + b"\0"
            if len(buffer) >= _LIST_CHUNK:
                write_all(descriptor, buffer)
                buffer.clear()
        write_all(descriptor, buffer)
        if self.walked.unreadable.count:
            raise self._unreadable(self.walked.unreadable)

    def _archive(self, names: int, archive: int) -> None:
        guard = TarGuard(os.path.basename(self.root), forward=lambda view: write_all(archive, view))
        command = Command(
            [
                programs.find("tar"),
                "--create",
                "--file=-",
                "--format=posix",
                "--pax-option=delete=atime,delete=ctime",
                "--sparse",
                "--acls",
                "--xattrs",
                "--xattrs-include=*",
                "--quoting-style=escape",
                "--no-recursion",
                "--null",
                "--no-unquote",
                "--verbatim-files-from",
                f"--directory={os.fsdecode(self._parent)}",
                "--files-from=-",
            ],
            environment=ENVIRONMENT,
            # 1: files changed; 2: also when a file that was listed has gone. Each line is judged below.
            success=frozenset({0, 1, 2}),
            stderr_limit=_STDERR_LIMIT,
        )
        try:
            [outcome] = self._writer.processes.run(
                [command],
                action=f"archive {escape(self.root)}",
                on=self._writer.subject,
                next_step="See what tar says; nothing of the set was kept.",
                stdin=names,
                sink=guard.feed,
            )
            self._judge(outcome)
            self.tally = guard.finish()
        except ArchiveRefused as error:
            raise BackupError(
                "archive files",
                on=escape(self.root),
                why=f"tar wrote what a restore would refuse: {error}",
                next_step="Run again; if it happens again, exclude what is named here and report it.",
            ) from error

    def _judge(self, outcome: Outcome) -> None:
        """Read every line that tar said.

        :raises BackupError: when one is more than that a file changed or vanished.
        """
        failures: list[str] = []
        unreadable = Names()
        for line in outcome.stderr.splitlines():
            text = without_program(line)
            match = _LINE.fullmatch(text)
            if match is None:
                if text != "Exiting with failure status due to previous errors" and text.strip():
                    failures.append(text)
                continue
            path = os.path.join(self._parent, from_tar(match.group(1).encode("latin-1", "replace")))
            what = match.group(2)
            if _CHANGED.fullmatch(what):
                self.changed.add(path)
            elif _VANISHED.fullmatch(what):
                self.vanished.add(path)
            elif what == "socket ignored":
                self.walked.sockets.add(path)
                self.walked.listed -= 1
            elif what.startswith("Warning: "):
                self.troubles.add(path, what[len("Warning: ") :])
            elif what.endswith("Permission denied"):
                unreadable.add(path, "Permission denied")
            else:
                failures.append(text)
        if unreadable.count:
            raise self._unreadable(unreadable)
        if failures or (outcome.status == 2 and not self.vanished.count):
            raise BackupError(
                "archive files",
                on=escape(self.root),
                why=f"tar ended with exit status {outcome.status}: {'; '.join(failures[:10]) or 'without a reason'}",
                next_step="Correct what it names, or exclude it; nothing of the set was kept.",
                details=failures[:1000],
            )

    def _unreadable(self, names: Names) -> BackupError:
        return BackupError(
            "read the files to back up",
            on=escape(self.root),
            why=f"{names.count} cannot be read: {names.shown()}",
            next_step="Run as root, correct the permissions, or exclude them by name; nothing of the set was kept.",
            details=names.listed,
        )

    def facts(self) -> dict[str, t.Any]:
        """Return what backup.json tells of this path.

        :raises BackupError: when the archive lacks names of which tar said nothing.
        """
        missing = self.walked.listed - self.tally.members - self.vanished.count
        if missing:
            raise BackupError(
                "archive files",
                on=escape(self.root),
                why=f"of {self.walked.listed} names {abs(missing)} {'are missing' if missing > 0 else 'are too many'}"
                " in the archive, and tar did not say why",
                next_step="Run again; nothing of the set was kept.",
            )
        return {
            "part": self.part,
            "path": escape(self.root),
            "archive_bytes": self.tally.archive_bytes,
            "sparse_files": self.tally.sparse_files,
            "privileged": self.tally.privileged,
            "owners": files_owners.facts(self.tally.owners),
            **{name: getattr(self.tally, name) for name in COUNTED},
            "excluded": self.walked.excluded,
            "changed_while_read": self.changed.facts(),
            "vanished_while_read": self.vanished.facts(),
            "sockets_left_out": self.walked.sockets.facts(),
            "devices_left_out": self.walked.devices.facts(),
            "mounts_not_entered": self.walked.not_entered.facts(),
            "attributes_not_read": self.troubles.facts(),
        }

    def warnings(self) -> list[str]:
        """Return the same, for the operator."""
        kinds = (
            (self.changed, "changed while they were read"),
            (self.vanished, "vanished before they were read"),
            (self.walked.sockets, "are sockets and were left out"),
            (self.walked.devices, "are device nodes and were left out"),
            (self.walked.not_entered, "are mount points and were not entered"),
            (self.troubles, "have attributes that could not be read"),
        )
        return [f"{escape(self.root)}: {names.count} {what}: {names.shown()}" for names, what in kinds if names.count]
