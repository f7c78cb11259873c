# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that back up do with a list of sources: one that fails does not stop the others."""

from __future__ import annotations

import contextlib
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
from ansible_collections.infitulua.backup.plugins.module_utils._priority import PRIORITY_ARGUMENTS
from ansible_collections.infitulua.backup.plugins.module_utils._progress import SharedStatus
from ansible_collections.infitulua.backup.plugins.module_utils._room import Room
from ansible_collections.infitulua.backup.plugins.module_utils._sources import Gone, Source, check_names, expand
from ansible_collections.infitulua.backup.plugins.module_utils._suspicion import DEFAULT_MINIMUM_FRACTION
from ansible_collections.infitulua.backup.plugins.module_utils._together import Ended, Together, Work
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
    "concurrency": {"type": "int", "default": 1},
    **PRIORITY_ARGUMENTS,
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
    :param gone: sources with sets, whose database the server has no longer.
    :param warnings: what the operator should know of the list of sources.
    """

    sets: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    failures: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    gone: list[Gone] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)

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

    def result(self) -> dict[str, t.Any]:
        """The module's return values."""
        return {"changed": self.changed, "sets": self.sets, "failures": self.failures, "diff": self.diff()}

    def gone_sources(self) -> list[dict[str, str]]:
        """The sources whose database is gone, as a module returns them."""
        return [dataclasses.asdict(gone) for gone in self.gone]

    def all_warnings(self) -> list[str]:
        """What the operator should know, of the list and of each set."""
        of_sets = [f"{entry['subject']}: {warning}" for entry in self.sets for warning in entry["warnings"]]
        return self.warnings + [gone.describe() for gone in self.gone] + of_sets


def dump_sources(params: t.Mapping[str, t.Any], *, check_mode: bool) -> SourcesReport:
    """Dumps every source of a module's ``sources``, some at a time; one that fails does not stop the others.

    :raises BackupError: when nothing can be done for any source (bad medium, bad recipients).
    :raises Interrupted: when told to stop; no source is under way any more then.
    """
    medium = make_directory(params["medium"])
    medium.check_present()
    filters = make_filters(params)
    check_names(params["sources"])
    if params["concurrency"] < 1:
        raise Refused(
            "back sources up",
            on=params["host"],
            why=f"concurrency is {params['concurrency']}",
            next_step="Choose 1 (one source after another) or more.",
        )
    report = SourcesReport()
    # What comes of each, in the order of the list: a failure at once, or the place of its work.
    plan: list[dict[str, t.Any] | int] = []
    requests: list[DumpRequest] = []
    for entry in params["sources"]:
        try:
            options = {name: value for name, value in entry.items() if name not in ("engine", *SOURCE_ARGUMENTS)}
            expansion = expand(entry, options, host=params["host"], medium=medium)
        except BackupError as error:
            plan.append(_failure(entry["name"], error))
            continue
        plan += [_failure(entry["name"], problem) for problem in expansion.problems]
        report.warnings += [f"{entry['name']}: {warning}" for warning in expansion.warnings]
        report.gone += expansion.gone
        for source in expansion.sources:
            try:
                request = _request(params, source, medium, filters)
            except BackupError as error:
                plan.append(_failure(source.name, error))
                continue
            plan.append(len(requests))
            requests.append(request)
    answers = _carry_out(params, requests, check_mode=check_mode)
    for step in plan:
        answer = {"failure": step} if isinstance(step, dict) else answers[step]
        if "failure" in answer:
            report.failures.append(answer["failure"])
        else:
            report.sets.append(answer["set"])
    return report


def _request(params: t.Mapping[str, t.Any], source: Source, medium: DirectoryMedium, filters: Filters) -> DumpRequest:
    return DumpRequest(
        host=params["host"],
        source=source.name,
        engine=make_engine(source.entry.get("engine", "files"), source.options),
        medium=medium,
        series=source.entry["series"],
        organization=params["organization"],
        filters=filters,
        run_id=params["run_id"],
        minimum_fraction=source.entry["minimum_fraction"],
        accept=source.name in params["accept"],
        jobs=params["jobs"],
        signing_key=params["signing_key_file"],
    )


def _carry_out(
    params: t.Mapping[str, t.Any], requests: t.Sequence[DumpRequest], *, check_mode: bool
) -> list[dict[str, t.Any]]:
    """Dumps some sources at a time; for each, ``set`` or ``failure``."""
    status = SharedStatus(params["status_file"], operation="dump", subject=params["host"], count=len(requests))
    with contextlib.closing(Room(len(requests))) as room:

        def work(index: int, request: DumpRequest) -> Work:
            share = room.share(index)

            def carry_out(tell: t.Callable[[dict[str, t.Any]], None]) -> dict[str, t.Any]:
                def told(state: dict[str, t.Any]) -> None:
                    share.written(state["bytes"])
                    tell(state)

                return _answer(dataclasses.replace(request, tell=told, share=share), check_mode=check_mode)

            return Work(request.subject, carry_out)

        def after(index: int, ended: Ended) -> None:
            room.share(index).release()
            if ended.trouble is not None and not check_mode:
                _remove_leftovers(requests[index])

        together = Together(
            at_once=params["concurrency"],
            watch=lambda now: status.write(now.told, under_way=now.under_way, ended=len(now.ended)),
        )
        ends = together.run([work(index, request) for index, request in enumerate(requests)], after=after)
    return [
        ended.answer if ended.trouble is None else {"failure": _failure(request.source, _lost(request, ended))}
        for request, ended in zip(requests, ends)
    ]


def _answer(request: DumpRequest, *, check_mode: bool) -> dict[str, t.Any]:
    """Dumps one source; its ``set`` or its ``failure``, as the module returns it."""
    try:
        result = _predict(request) if check_mode else _dumping.dump(request)
    except BackupError as error:
        return {"failure": _failure(request.source, error)}
    if result.suspect:
        return {"failure": _failure(request.source, _distrust(request, result, result.suspect), result)}
    return {"set": _entry(request, result)}


def _failure(source: str, error: BackupError, suspect: DumpResult | None = None) -> dict[str, t.Any]:
    """A failure as the module returns it.

    :param suspect: the set of the source that is there all the same.
    """
    return {
        "source": source,
        "message": error.message,
        "details": error.details,
        "changed": suspect is not None and suspect.changed,
        "suspect": str(suspect.set_id) if suspect else None,
    }


def _lost(request: DumpRequest, ended: Ended) -> BackupError:
    return BackupError(
        "back a source up",
        on=request.subject,
        why=ended.trouble or "",
        next_step="Nothing incomplete was kept, and the other sources went on. Look into the journal (was there too"
        " little memory?), and run again.",
        details=ended.details,
    )


def _remove_leftovers(request: DumpRequest) -> None:
    # Where somebody else is at work on it by now, they have removed them.
    with contextlib.suppress(BackupError), request.medium.locked(request.host, request.source):
        pass


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
