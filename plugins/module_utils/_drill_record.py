# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of drills: for each source a file ``<host>/<source>.jsonl``, one line per drill, only ever added to.

A line is bound to a set's exact content by the SHA-256 of its tag manifest, so it speaks of every copy of the set.
"""

from __future__ import annotations

import dataclasses
import datetime
import fcntl
import json
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _durable
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId

PASSED = "passed"
FAILED = "failed"
NOT_DONE = "not_done"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclasses.dataclass(frozen=True)
class Drill:
    """How one drill went.

    :param id: the set's.
    :param outcome: :data:`PASSED`, :data:`FAILED` (the set cannot be restored, or is not what it says), or
        :data:`NOT_DONE` (nothing is known of the set: this host could not try it).
    :param drilled: when it ended, UTC.
    :param medium: where the set lay.
    :param tag_manifest_sha256: names the exact content; None when the set could not be read so far.
    :param seconds: of the whole drill.
    :param restore_seconds: from reading the set to checked data: the recovery time that was really reached.
    :param source_bytes: size of the source when it was dumped.
    :param bytes_per_second: source bytes by restore seconds.
    :param age_seconds: age of the data: what would be lost if the source were lost now.
    :param checks: ``name``, ``passed`` and ``detail`` of each.
    :param message: why it did not pass.
    """

    id: str
    outcome: str
    drilled: str
    medium: str
    engine: str | None = None
    series: str | None = None
    tag_manifest_sha256: str | None = None
    seconds: float = 0.0
    restore_seconds: float | None = None
    source_bytes: int | None = None
    bytes_per_second: int | None = None
    age_seconds: int | None = None
    checks: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    message: str | None = None
    details: list[str] = dataclasses.field(default_factory=list)

    @property
    def moment(self) -> datetime.datetime:
        """When it ended."""
        return datetime.datetime.strptime(self.drilled, _TIME).replace(tzinfo=datetime.timezone.utc)


def now() -> str:
    """This moment as the record writes it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime(_TIME)


class DrillRecord:
    """The record in a directory of this host.

    :param directory: made where missing, with its parent there already.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def add(self, drill: Drill) -> None:
        """Writes a drill down, on the disk when this returns.

        :raises BackupError: when that fails.
        """
        set_id = SetId.parse(drill.id)
        path = self._path(set_id.host, set_id.source)
        line = json.dumps(dataclasses.asdict(drill), ensure_ascii=False, sort_keys=True).encode() + b"\n"
        try:
            _durable.make_directories(os.path.dirname(path), below=os.path.dirname(self.directory))
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(path, flags, 0o640)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                size = os.fstat(descriptor).st_size
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    line = b"\n" + line  # A crash left half a line: it is not a drill, and stays as it is.
                while line:
                    line = line[os.write(descriptor, line) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            _durable.sync_directory(os.path.dirname(path))
        except OSError as error:
            raise BackupError(
                "write down a drill",
                on=path,
                why=describe_os_error(error),
                next_step="Make the record's directory writable, and drill again: this one is not recorded.",
            ) from error

    def of_source(self, host: str, source: str) -> list[Drill]:
        """Every drill of a source, in the order in which they were made.

        :raises BackupError: when the record cannot be read.
        """
        try:
            with open(self._path(host, source), encoding="utf-8", errors="replace") as stream:
                lines = stream.read().split("\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BackupError(
                "read the record of drills",
                on=self._path(host, source),
                why=describe_os_error(error),
                next_step="Run as the user that owns it.",
            ) from error
        drills = []
        names = {field.name for field in dataclasses.fields(Drill)}
        for line in lines:
            try:
                drill = Drill(**{name: value for name, value in json.loads(line).items() if name in names})
                drill.moment  # noqa: B018  # raises for what is no time
            except (ValueError, TypeError, AttributeError):
                continue  # Half a line, see add().
            drills.append(drill)
        return drills

    def of_content(self, set_id: SetId, tag_manifest_sha256: str) -> Drill | None:
        """The last drill of a set's exact content that was carried out (passed or failed)."""
        for drill in reversed(self.of_source(set_id.host, set_id.source)):
            if (drill.id, drill.tag_manifest_sha256) == (
                str(set_id),
                tag_manifest_sha256,
            ) and drill.outcome != NOT_DONE:
                return drill
        return None

    def last_passed(self, host: str, source: str) -> Drill | None:
        """The last drill of a source that a set of it passed."""
        passed = [drill for drill in self.of_source(host, source) if drill.outcome == PASSED]
        return max(passed, key=lambda drill: drill.drilled, default=None)

    def last_passed_of(self, set_id: SetId) -> Drill | None:
        """The last drill that this very set passed."""
        own = [drill for drill in self.of_source(set_id.host, set_id.source) if drill.id == str(set_id)]
        return max((drill for drill in own if drill.outcome == PASSED), key=lambda drill: drill.drilled, default=None)

    def _path(self, host: str, source: str) -> str:
        return os.path.join(self.directory, host, source + ".jsonl")
