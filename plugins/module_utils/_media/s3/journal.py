# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host knows of its uploads: a journal for each set, written before each step, brought to the disk.

``<state directory>/s3/<16 digits of the bucket's SHA-256>/<host>/<source>/<time>.json``, mode 0600, beside a lock.
The identity that stores sets may not look at what it has stored, so this is its only memory: of parts that have
arrived, of objects that are complete, and at last of the whole set. It holds no secret.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId, is_name, is_time
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable
from ansible_collections.infitulua.backup.plugins.module_utils._system.lock import locked

from .bucket import Bucket

INTENDED = "intended"  # It was or is being sent; whether it arrived is not known.
STORED = "stored"


@dataclasses.dataclass
class ObjectRecord:
    """One object of an upload.

    :param state: ``intended`` or ``stored``.
    :param upload_id: the multipart upload under way; None: none.
    :param part_bytes: how long its parts are, but for the last one.
    :param parts: part number to its entity tag and CRC32 (base64), of the parts that have arrived.
    """

    bytes: int
    sha256: str
    state: str = INTENDED
    upload_id: str | None = None
    part_bytes: int = 0
    parts: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Upload:
    """One set's upload.

    :param tag_manifest_sha256: names the exact content of the set.
    :param directory: where it lay.
    :param retain_until: until when its objects are locked, UTC, ISO 8601; None: not locked.
    :param complete: when it was complete, UTC, ISO 8601; None: it is not. Then ``objects`` is empty.
    :param retry: which of the set's places it goes to.
    :param retries: how many places were tried before this one.
    """

    set: str
    medium: str
    tag_manifest_sha256: str
    directory: str
    retain_until: str | None = None
    complete: str | None = None
    objects: dict[str, ObjectRecord] = dataclasses.field(default_factory=dict)
    retry: str = ""
    retries: int = 0


class Journals:
    """The journals of one bucket and prefix.

    :param state_directory: made where it is missing.
    """

    def __init__(self, state_directory: str, access: Bucket, prefix: str) -> None:
        named = "\0".join((access.endpoint_url or "", access.bucket, prefix))
        self.state_directory = state_directory
        digits = hashlib.sha256(named.encode()).hexdigest()[:16]
        self.receipts_directory = os.path.join(state_directory, "receipts", digits)
        self.trials_directory = os.path.join(state_directory, "trials", digits)
        self._root = os.path.join(state_directory, "s3", digits)

    def path(self, set_id: SetId) -> str:
        """Return the journal of one set."""
        return os.path.join(self._root, set_id.host, set_id.source, set_id.time + ".json")

    def abilities_path(self, host: str) -> str:
        """Where is kept what the store was found able to do, under one host's part of the bucket, or in all of it."""
        return os.path.join(self._root, host, ".abilities.json")

    @contextlib.contextmanager
    def locked(self, set_id: SetId) -> t.Iterator[None]:
        """Hold the lock of the uploads of one source.

        :raises LockHeld: when another process uploads one of its sets.
        """
        directory = os.path.dirname(self.path(set_id))
        with contextlib.ExitStack() as stack:
            with self.guarded():
                make_private(directory)
                subject = f"the upload of {set_id.host}/{set_id.source}"
                stack.enter_context(locked(os.path.join(directory, ".lock"), subject=subject))
            yield

    def read(self, set_id: SetId) -> Upload | None:
        """Return the journal of one set; None: there is none.

        :raises BackupError: when it cannot be read.
        """
        values = self._load(self.path(set_id))
        if values is None:
            return None
        try:
            objects = {path: ObjectRecord(**record) for path, record in values.pop("objects").items()}
            return Upload(objects=objects, **values)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise self._unreadable(self.path(set_id), str(error)) from error

    def write(self, set_id: SetId, upload: Upload) -> None:
        """Bring the journal of one set to the disk."""
        # Not dataclasses.asdict, which copies all of it: this is done for every part.
        objects = {path: vars(record) for path, record in upload.objects.items()}
        self._save(self.path(set_id), {**vars(upload), "objects": objects})

    def forget(self, set_id: SetId) -> None:
        """Remove the journal of one set."""
        with self.guarded(), contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(set_id))

    def sets(self) -> list[SetId]:
        """Return the sets that have a journal."""
        found = []

        def fail(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise self._unreadable(self._root, describe_os_error(error)) from error

        for directory, _subdirectories, files in os.walk(self._root, onerror=fail):
            parts = os.path.relpath(directory, self._root).split(os.sep)
            if len(parts) == 2 and all(map(is_name, parts)):
                times = [name[: -len(".json")] for name in files if name.endswith(".json")]
                found += [SetId(parts[0], parts[1], time) for time in times if is_time(time)]
        return sorted(found)

    def read_abilities(self, host: str) -> dict[str, t.Any] | None:
        """Return what the store was found able to do; None: it has not been tried."""
        return self._load(self.abilities_path(host))

    def forget_abilities(self, host: str) -> None:
        """Remove what the store was found able to do, so that it is tried again."""
        with self.guarded(), contextlib.suppress(FileNotFoundError):
            os.unlink(self.abilities_path(host))

    def write_abilities(self, host: str, abilities: t.Mapping[str, t.Any]) -> None:
        """Keep what the store was found able to do."""
        self._save(self.abilities_path(host), dict(abilities))

    def _load(self, path: str) -> dict[str, t.Any] | None:
        try:
            with open(path, encoding="utf-8") as stream:
                values = json.load(stream)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(path, describe_os_error(error)) from error
        except ValueError as error:
            raise self._unreadable(path, str(error)) from error
        if not isinstance(values, dict):
            raise self._unreadable(path, "it is not a JSON object")
        return values

    def _save(self, path: str, values: t.Mapping[str, t.Any]) -> None:
        with self.guarded():
            make_private(os.path.dirname(path))
            durable.replace_file(path, json.dumps(values) + "\n", mode=0o600)

    def _unreadable(self, path: str, why: str) -> BackupError:
        return BackupError(
            "read the journal of an upload",
            on=path,
            why=why,
            next_step="Remove this file, after removing what the bucket holds of this set.",
        )

    @contextlib.contextmanager
    def guarded(self) -> t.Iterator[None]:
        """Turn what the operating system refuses into an error that names the state directory."""
        try:
            yield
        except OSError as error:
            raise BackupError(
                "keep the journal of an upload",
                on=self.state_directory,
                why=describe_os_error(error),
                next_step="Give a state_directory that this user can write, with free space; nothing more was stored.",
            ) from error


def make_private(path: str) -> None:
    """Make a directory and the missing ones above it, each for this user alone (os.makedirs does that to the last)."""
    if not os.path.isdir(path):
        make_private(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        durable.sync_directory(os.path.dirname(path))
