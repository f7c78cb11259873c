# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading one set for a restore: payload files out of a local directory, decrypted and decompressed on the way."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _filters
from ansible_collections.infitulua.backup.plugins.module_utils._bag import read_text
from ansible_collections.infitulua.backup.plugins.module_utils._description import BACKUP_JSON, Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command, Outcome, Processes, Sink
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryContents


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
        """Streams a payload file through ``commands`` (none: into the sink).

        :returns: the outcomes of ``commands``.
        :raises ProcessFailed: when any process fails, decryption included.
        """
        filters = _filters.reading(file.path, self.identity_files)
        # A file that is neither compressed nor encrypted still needs a process to stream it into the sink.
        filters = filters or ([] if commands else [Command(["cat"])])
        with DirectoryContents(self.directory).open(file.path) as stream:
            outcomes = processes.run(
                [*filters, *commands],
                action=action,
                on=f"{self.set_id}, {file.path}",
                next_step=next_step,
                stdin=stream,
                sink=sink,
            )
        return outcomes[len(filters) :]

    def probe(self) -> None:
        """Decrypts the beginning of every payload file, so that a wrong key is found before anything is touched.

        :raises ProcessFailed: when the identity is not one of the recipients', or a stream is not what its name says.
        """

        def stop(_chunk: memoryview) -> None:
            raise _EnoughRead

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


def read_description(set_id: SetId, contents: t.Any) -> Description:
    """The description of a set, wherever it is.

    :param contents: its :class:`~._bag.Contents`.
    :raises SetInvalid: when it cannot be read.
    """
    try:
        text = read_text(contents, BACKUP_JSON)
    except (OSError, ValueError) as error:
        raise SetInvalid(
            "read backup.json",
            on=str(set_id),
            why=describe_os_error(error) if isinstance(error, OSError) else str(error),
            next_step="Verify the set with set_verify; restore from another copy.",
        ) from error
    return Description.from_json(text, on=str(set_id))


def total_bytes(directory: str) -> int:
    """Size of all files of a local set, bytes."""
    return sum(DirectoryContents(os.fspath(directory)).sizes().values())
