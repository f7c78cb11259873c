# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that back up do with a list of sources: one that fails does not stop the others."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _dumping
from ansible_collections.infitulua.backup.plugins.module_utils._dumping import DumpRequest, DumpResult
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._filters import (
    AGE,
    COMPRESSION_LEVELS,
    DEFAULT_COMPRESSION_LEVEL,
    UNENCRYPTED,
    Encryption,
    Filters,
)
from ansible_collections.infitulua.backup.plugins.module_utils._suspicion import DEFAULT_MINIMUM_FRACTION
from ansible_collections.infitulua.backup.plugins.module_utils.engines._registry import make_engine
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import make_medium

# Options of every module that writes new sets.
DUMP_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "host": {"type": "str", "required": True},
    "organization": {"type": "str", "default": ""},
    "encryption": {"type": "str", "choices": [AGE, UNENCRYPTED], "default": AGE},
    "recipients": {"type": "list", "elements": "str", "default": []},
    "recipients_file": {"type": "path"},
    "compression_level": {
        "type": "int",
        "default": DEFAULT_COMPRESSION_LEVEL,
        "choices": list(COMPRESSION_LEVELS),
    },
    "jobs": {"type": "int", "default": 2},
    "run_id": {"type": "str"},
    "accept": {"type": "list", "elements": "str", "default": []},
    "signing_key_file": {"type": "path", "no_log": False},
    "status_file": {"type": "path"},
}
# Options of every source in a list of sources.
SOURCE_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "series": {"type": "str", "default": ""},
    "minimum_fraction": {"type": "float", "default": DEFAULT_MINIMUM_FRACTION},
}


def make_filters(params: t.Mapping[str, t.Any]) -> Filters:
    """Compression and encryption, from a module's options.

    :raises BackupError: when the recipients cannot be read, or encryption is on and there are none.
    """
    recipients = list(params["recipients"])
    if params["recipients_file"]:
        try:
            with open(params["recipients_file"], encoding="utf-8") as stream:
                lines = [line.strip() for line in stream]
        except OSError as error:
            raise BackupError(
                "read the recipients",
                on=params["recipients_file"],
                why=describe_os_error(error),
                next_step="Prepare this server (playbook infitulua.backup.step1_prepare_media), or give recipients.",
            ) from error
        recipients += [line for line in lines if line and not line.startswith("#")]
    return Filters(Encryption(params["encryption"], tuple(dict.fromkeys(recipients))), params["compression_level"])


def make_directory(options: t.Mapping[str, t.Any]) -> DirectoryMedium:
    """The directory medium that new sets are written to.

    :raises Refused: when the options describe another kind of medium.
    """
    medium = make_medium(options)
    if not isinstance(medium, DirectoryMedium):
        raise Refused(
            "write a new set",
            on=medium.describe(),
            why="new sets are written to a directory; set_copy takes them to other media",
            next_step="Give a medium of type directory.",
        )
    return medium


@dataclasses.dataclass
class SourcesReport:
    """What a module that dumps a list of sources returns.

    :param sets: one entry per source that has its set (or, in check mode, would have).
    :param failures: one entry per source that has not, or whose set is suspect.
    """

    sets: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    failures: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether any set was (or would be) written."""
        return any(entry["changed"] for entry in [*self.sets, *self.failures])

    @property
    def message(self) -> str:
        """Every failure, in one message."""
        return " | ".join(f"{entry['source']}: {entry['message']}" for entry in self.failures)

    def diff(self) -> dict[str, str]:
        """The sets before and after, as Ansible's diff."""
        written = [
            entry["id"] or f"{entry['subject']}/<the time of the run>" for entry in self.sets if entry["changed"]
        ]
        written += [entry["suspect"] for entry in self.failures if entry["changed"]]
        lines = [f"{set_id}\n" for set_id in written]
        return {"before": "", "after": "".join(lines), "before_header": "new sets", "after_header": "new sets"}

    def fail(self, source: str, error: BackupError, suspect: DumpResult | None = None) -> None:
        """Notes a failure.

        :param suspect: the set of the source that is there all the same.
        """
        self.failures.append(
            {
                "source": source,
                "message": error.message,
                "details": error.details,
                "changed": suspect is not None and suspect.changed,
                "suspect": str(suspect.set_id) if suspect else None,
            }
        )

    def result(self) -> dict[str, t.Any]:
        """The module's return values."""
        return {"changed": self.changed, "sets": self.sets, "failures": self.failures, "diff": self.diff()}


def dump_sources(params: t.Mapping[str, t.Any], *, check_mode: bool) -> SourcesReport:
    """Dumps every source of a module's ``sources``; one that fails does not stop the others.

    :raises BackupError: when nothing can be done for any source (bad medium, bad recipients).
    :raises Interrupted: when told to stop.
    """
    medium = make_directory(params["medium"])
    medium.check_present()
    filters = make_filters(params)
    names = [source["name"] for source in params["sources"]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused(
            "back sources up",
            on=", ".join(twice),
            why="more than one source has this name, and their sets could not be told apart",
            next_step="Give each source of a host its own name.",
        )
    report = SourcesReport()
    for source in params["sources"]:
        try:
            options = {name: value for name, value in source.items() if name not in ("engine", *SOURCE_ARGUMENTS)}
            request = DumpRequest(
                host=params["host"],
                source=source["name"],
                engine=make_engine(source.get("engine", "files"), options),
                medium=medium,
                series=source["series"],
                organization=params["organization"],
                filters=filters,
                run_id=params["run_id"],
                minimum_fraction=source["minimum_fraction"],
                accept=source["name"] in params["accept"],
                jobs=params["jobs"],
                signing_key=params["signing_key_file"],
                status_file=params["status_file"],
            )
            result = _predict(request) if check_mode else _dumping.dump(request)
        except BackupError as error:
            report.fail(source["name"], error)
            continue
        if result.suspect:
            report.fail(source["name"], _distrust(request, result, result.suspect), result)
        else:
            report.sets.append(_entry(request, result))
    return report


def _distrust(request: DumpRequest, result: DumpResult, doubt: str) -> BackupError:
    return BackupError(
        "trust a set",
        on=f"{result.set_id} on {request.medium.describe()}",
        why=doubt,
        next_step="It is kept, as suspect: it is not copied, and restored only when it is named."
        f" If the source is right as it is, run again and accept {request.source};"
        " if it is not, repair it and run again under another run_id.",
    )


def _predict(request: DumpRequest) -> DumpResult:
    found = _dumping.existing(request)
    if found is None:
        _dumping.preflight(request)
    return found or DumpResult(None, True, None, 0.0)


def _entry(request: DumpRequest, result: DumpResult) -> dict[str, t.Any]:
    description = result.description
    return {
        "id": str(result.set_id) if result.set_id else None,
        "source": request.source,
        "subject": request.subject,
        "engine": request.engine.name,
        "series": request.series,
        "changed": result.changed,
        "path": request.medium.path(result.set_id) if result.set_id else None,
        "bytes": description.stored_bytes if description else None,
        "source_bytes": description.source_bytes if description else None,
        "seconds": result.seconds,
        "accepted": description.accepted if description else None,
        "warnings": description.warnings if description else [],
    }
