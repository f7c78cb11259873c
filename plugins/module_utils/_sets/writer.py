# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing one set: streams in, payload files out, then the tag files that make it a bag."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, SetInvalid, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.parallel import run_all
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Outcome, Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

from . import bag, signature
from .description import BACKUP_JSON, Description, PayloadFile
from .filters import Filters
from .partial import PartialSet


@dataclasses.dataclass(frozen=True)
class Stream:
    """One payload stream that an engine wants stored.

    :param part: the engine's name for it; unique in the set.
    :param name: the payload file's name, without the suffixes of the filters.
    :param commands: what produces it; may be empty when ``stdin`` is given.
    :param stdin: an open file that the first command (or the first filter) reads.
    :param compress: False where the producer compresses by itself.
    :param action: verb phrase for the message when it fails.
    :param next_step: what the operator should do then.
    """

    part: str
    name: str
    commands: t.Sequence[Command]
    action: str
    next_step: str
    stdin: int | t.IO[bytes] | bytes | None = None
    compress: bool = True


class SetWriter:
    """Stores the streams of one set, each compressed, encrypted, hashed and fsynced in one pass.

    :param partial: the set under construction.
    :param processes: everything the dump starts; cancelled when one stream fails.
    """

    def __init__(self, partial: PartialSet, *, filters: Filters, processes: Processes, progress: Progress) -> None:
        self.partial = partial
        self.filters = filters
        self.processes = processes
        self.progress = progress
        self._payload: dict[str, PayloadFile] = {}
        self._lock = threading.Lock()

    @property
    def subject(self) -> str:
        """The set's id, for messages."""
        return str(self.partial.set_id)

    def store(self, stream: Stream) -> list[Outcome]:
        """Run one stream to its end. Safe from several threads.

        :returns: the outcomes of the stream's own commands (their warnings are for the engine to read).
        :raises ProcessFailed: when any process fails.
        :raises BackupError: when the disk does not take it.
        """
        started = time.monotonic()
        path = f"{bag.PAYLOAD_DIRECTORY}/{stream.name}{self.filters.suffix(compress=stream.compress)}"
        # A stream that is stored just as it is read still needs a process to carry it.
        commands = [*stream.commands, *self.filters.writing(compress=stream.compress)] or [Command(["cat"])]
        try:
            with self.partial.create(path, self.progress.advance) as file:
                outcomes = self.processes.run(
                    commands,
                    action=stream.action,
                    on=self.subject,
                    next_step=stream.next_step,
                    stdin=stream.stdin,
                    sink=file.write,
                )
        except OSError as error:
            raise BackupError(
                "write a payload file",
                on=f"{self.subject}, {path}",
                why=describe_os_error(error),
                next_step="Free space on the medium or repair it, then run again; the incomplete set was removed.",
            ) from error
        stored = PayloadFile(path, stream.part, file.bytes, file.sha256, round(time.monotonic() - started, 3))
        with self._lock:
            self._payload[stream.part] = stored
        return outcomes[: len(stream.commands)]

    def store_all(self, streams: t.Sequence[Stream], *, jobs: int) -> None:
        """Run several streams, ``jobs`` at a time, in the order given. The first failure stops the others.

        :raises BackupError: the first failure.
        """
        run_all([functools.partial(self.store, stream) for stream in streams], jobs=jobs, processes=self.processes)

    def payload(self, order: t.Sequence[str]) -> list[PayloadFile]:
        """Return the payload files that were stored.

        :param order: the parts, in the order of restoring.
        """
        return [self._payload[part] for part in order]

    def finish(self, description: Description, *, signing_key: str | None = None) -> None:
        """Write the tag files and make the set appear.

        :param signing_key: an OpenSSH private key; None: unsigned.
        :raises BackupError: when the disk does not take it.
        """
        sizes = {file.path: file.bytes for file in description.payload}
        manifest = bag.write_manifest({file.path: file.sha256 for file in description.payload})
        write_tag_files(self.partial, description, sizes=sizes, manifest=manifest, signing_key=signing_key)


def write_tag_files(
    partial: PartialSet,
    description: Description,
    *,
    sizes: t.Mapping[str, int],
    manifest: str,
    signing_key: str | None = None,
) -> None:
    """Make a complete bag of a partial set whose payload is written, and commit it.

    :param sizes: payload path to bytes.
    :param manifest: the text of manifest-sha256.txt.
    :raises BackupError: when the disk does not take it.
    """
    info = {
        "Source-Organization": description.organization,
        "External-Identifier": description.id,
        "Bag-Group-Identifier": f"{description.set_id.host}/{description.set_id.source}",
        "Bag-Count": f"{description.sequence} of ?" if description.sequence else "",
        "Bagging-Date": host_clock.now().strftime("%Y-%m-%d"),
        "Payload-Oxum": bag.payload_oxum(sizes),
        "Records-Series": description.series,
        "Bag-Software-Agent": "infitulua.backup",
    }
    try:  # What no reader would take is said now, and not when the set is needed.
        Description.from_json(description.to_json(), on=description.id)
    except SetInvalid as error:
        raise BackupError(
            "describe a set",
            on=description.id,
            why=f"its backup.json could not be read back: {error.why}",
            next_step="Report it; the incomplete set was removed.",
        ) from error
    tags = {
        bag.MANIFEST: manifest,
        BACKUP_JSON: description.to_json(),
        bag.BAG_INFO_TXT: bag.write_bag_info({label: value for label, value in info.items() if value}),
        bag.BAGIT_TXT: bag.DECLARATION,
    }
    tag_manifest = bag.write_manifest({path: bag.sha256_of_text(text) for path, text in tags.items()})
    tags[bag.TAG_MANIFEST] = tag_manifest
    if signing_key is not None:
        tags[bag.SIGNATURE] = signature.sign(tag_manifest, key_file=signing_key)
    try:
        for path, text in tags.items():
            with partial.create(path) as file:
                file.write(text.encode("utf-8"))
        partial.commit()
    except OSError as error:
        raise BackupError(
            "complete a set",
            on=description.id,
            why=describe_os_error(error),
            next_step="Free space on the medium or repair it, then run again; the incomplete set was removed.",
        ) from error
