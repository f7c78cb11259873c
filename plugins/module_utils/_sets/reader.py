# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading one set for a restore: payload files out of a local directory, decrypted and decompressed on the way."""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Unreadable, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._system.patience import with_patience
from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import Sink
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Outcome, Processes

from . import filters as set_filters
from .bag import read_set_text
from .contents import DirectoryContents
from .description import BACKUP_JSON, Description, PayloadFile
from .set_id import SetId


class _EnoughRead(Exception):
    """The probe has what it wanted."""


class SetReader:
    """The streams of one verified set.

    :param directory: the set's local directory.
    :param identity_files: files that hold age identities.
    :raises SetInvalid: when its backup.json cannot be read.
    """

    def __init__(self, set_id: SetId, directory: str, *, identity_files: t.Sequence[str] = ()) -> None:
        self.set_id = set_id
        self.directory = directory
        self.identity_files = list(identity_files)
        self.description = read_description(set_id, DirectoryContents(directory))

    def run(
        self,
        file: PayloadFile,
        commands: t.Sequence[Command],
        *,
        processes: Processes,
        action: str,
        next_step: str,
        sink: Sink | None = None,
    ) -> list[Outcome]:
        """Stream a payload file through ``commands`` (none: into the sink).

        :returns: the outcomes of ``commands``.
        :raises ProcessFailed: when any process fails, decryption included.
        :raises Unreadable: when the file cannot be opened.
        """
        filters = set_filters.reading(file.path, self.identity_files)
        # A file that is neither compressed nor encrypted still needs a process to stream it into the sink.
        filters = filters or ([] if commands else [Command(["cat"])])
        with self._open(file) as stream:
            outcomes = processes.run(
                [*filters, *commands],
                action=action,
                on=f"{self.set_id}, {file.path}",
                next_step=next_step,
                stdin=stream,
                sink=sink,
            )
        return outcomes[len(filters) :]

    def _open(self, file: PayloadFile) -> t.BinaryIO:
        contents = DirectoryContents(self.directory)
        try:
            return with_patience(lambda: contents.open(file.path))
        except OSError as error:
            raise Unreadable(
                "read the payload of a set",
                on=f"{self.set_id}, {file.path}",
                why=describe_os_error(error),
                next_step="Check the disk that the set is on, and run again; or use another copy.",
            ) from error

    def probe(self) -> None:
        """Decrypt the beginning of every payload file, so that a wrong key is found before anything is touched.

        :raises ProcessFailed: when the identity is not one of the recipients', or a stream is not what its name says.
        :raises BackupError: when an identity cannot be read: no set is to blame for that.
        """

        def stop(_chunk: memoryview) -> None:
            raise _EnoughRead

        for identity_file in self.identity_files:
            _check_readable(identity_file)
        recipients = ", ".join(self.description.encryption.get("recipients", [])) or "none"
        for file in self.description.payload:
            with Processes() as processes, contextlib.suppress(_EnoughRead):
                self.run(
                    file,
                    [],
                    processes=processes,
                    action="read the payload of a set",
                    next_step=f"Give an identity of one of its recipients: {recipients}. Nothing was touched.",
                    sink=stop,
                )


def _check_readable(identity_file: str) -> None:
    try:
        if stat.S_ISREG(os.stat(identity_file).st_mode):  # A pipe can be read only once.
            os.close(os.open(identity_file, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise BackupError(
            "read an identity",
            on=identity_file,
            why=describe_os_error(error),
            next_step="Put it back, and run again. Nothing is known about the set.",
        ) from error


def read_description(set_id: SetId, contents: t.Any) -> Description:
    """Return the description of a set, wherever it is.

    :param contents: its :class:`~.bag.Contents`.
    :raises SetInvalid: when it is none.
    :raises Unreadable: when it cannot be read now.
    """
    return Description.from_json(read_set_text(contents, BACKUP_JSON, on=str(set_id)), on=str(set_id))


def total_bytes(directory: str) -> int:
    """Size of all files of a local set, bytes."""
    return sum(DirectoryContents(os.fspath(directory)).sizes().values())
