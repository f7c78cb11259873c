# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of drills: for each source a file ``<host>/<source>.jsonl``, one line per drill, only ever added to.

A line is bound to a set's exact content by the SHA-256 of its tag manifest, so it speaks of every copy of the set.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable_value
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, host_clock

PASSED = "passed"
FAILED = "failed"
NOT_DONE = "not_done"
_SUFFIX = ".jsonl"


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
    :param left_out: objects that a restore leaves out, and why, other than those that the set itself names.
    :param message: why it did not pass.
    :param drilled_on: the other host of the inventory that did it; None: this one.
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
    left_out: list[str] = dataclasses.field(default_factory=list)
    message: str | None = None
    details: list[str] = dataclasses.field(default_factory=list)
    drilled_on: str | None = None

    @property
    def moment(self) -> datetime.datetime:
        """When it ended."""
        return host_clock.read(self.drilled)


def now() -> str:
    """Return this moment as the record writes it."""
    return host_clock.write(host_clock.now())


class DrillRecord:
    """The record in a directory of this host.

    :param directory: made where missing, with its parent there already.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._read: dict[tuple[str, str], list[Drill]] = {}

    def add(self, drill: Drill) -> None:
        """Write a drill down, on the disk when this returns.

        :raises BackupError: when that fails.
        """
        set_id = SetId.parse(drill.id)
        path = self._path(set_id.host, set_id.source)
        self._read.pop((set_id.host, set_id.source), None)
        line = json.dumps(printable_value(dataclasses.asdict(drill)), ensure_ascii=False, sort_keys=True)
        try:
            durable.make_directories(os.path.dirname(path), below=os.path.dirname(self.directory))
            durable.append_line(path, line)
        except OSError as error:
            raise BackupError(
                "record a drill",
                on=path,
                why=describe_os_error(error),
                next_step="Make the record's directory writable, and drill again: this one is not recorded.",
            ) from error

    def of_source(self, host: str, source: str) -> list[Drill]:
        """Every drill of a source, in the order in which they were made.

        :raises BackupError: when the record cannot be read.
        """
        if (host, source) not in self._read:
            self._read[host, source] = self._drills(host, source)
        return self._read[host, source]

    def sources(self, host: str) -> list[str]:
        """Return the sources of a host of which drills are written down.

        :raises BackupError: when the record cannot be read.
        """
        try:
            names = sorted(os.listdir(os.path.join(self.directory, host)))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable(os.path.join(self.directory, host), error) from error
        return [name[: -len(_SUFFIX)] for name in names if name.endswith(_SUFFIX)]

    def _drills(self, host: str, source: str) -> list[Drill]:
        try:
            with open(self._path(host, source), encoding="utf-8", errors="replace") as stream:
                lines = stream.read().split("\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable(self._path(host, source), error) from error
        drills = []
        names = {field.name for field in dataclasses.fields(Drill)}
        for line in lines:
            try:
                drill = Drill(**{name: value for name, value in json.loads(line).items() if name in names})
                drill.moment  # noqa: B018  # raises for what is no time
            except (ValueError, TypeError, AttributeError, RecursionError):
                continue  # Half a line, see add().
            drills.append(drill)
        return drills

    def of_content(self, set_id: SetId, tag_manifest_sha256: str) -> Drill | None:
        """Return the last drill of a set's exact content that was carried out (passed or failed)."""
        for drill in reversed(self.of_source(set_id.host, set_id.source)):
            if (drill.id, drill.tag_manifest_sha256) == (
                str(set_id),
                tag_manifest_sha256,
            ) and drill.outcome != NOT_DONE:
                return drill
        return None

    def is_pending(self, set_id: SetId) -> bool:
        """Tell whether the last drill of a set was not done.

        :raises BackupError: when the record cannot be read.
        """
        own = (drill for drill in reversed(self.of_source(set_id.host, set_id.source)) if drill.id == str(set_id))
        return next((drill.outcome == NOT_DONE for drill in own), False)

    def last_passed(self, host: str, source: str, *, medium: str | None = None) -> Drill | None:
        """Return the last drill that a set of the source passed: the last that was written down, whatever its date.

        :param medium: only those of sets that lay there.
        """
        passed = (drill for drill in reversed(self.of_source(host, source)) if drill.outcome == PASSED)
        return next((drill for drill in passed if medium in (None, drill.medium)), None)

    def last_passed_of(self, set_id: SetId) -> Drill | None:
        """Return the last drill that this very set passed."""
        of_source = reversed(self.of_source(set_id.host, set_id.source))
        return next((drill for drill in of_source if (drill.id, drill.outcome) == (str(set_id), PASSED)), None)

    def _path(self, host: str, source: str) -> str:
        return os.path.join(self.directory, host, source + _SUFFIX)

    @staticmethod
    def _unreadable(path: str, error: OSError) -> BackupError:
        return BackupError(
            "read the record of drills",
            on=path,
            why=describe_os_error(error),
            next_step="Run as the user that owns it.",
        )
