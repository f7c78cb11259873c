# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that back up do with a list of sources: one that fails does not stop the others."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import (
    AGE,
    COMPRESSION_LEVELS,
    DEFAULT_COMPRESSION_LEVEL,
    UNENCRYPTED,
    Encryption,
    Filters,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system.priority import PRIORITY_ARGUMENTS
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import SharedStatus
from ansible_collections.infitulua.backup.plugins.module_utils._system.space import Room
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained
from ansible_collections.infitulua.backup.plugins.module_utils._system.workers import Job, Result, WorkerPool

from ..selection import SetSelection
from ..sources import Gone, Source, check_names, expand
from . import dumping
from .dumping import DumpRequest, DumpResult
from .shrinkage import DEFAULT_MINIMUM_FRACTION

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


def make_directory(options: t.Mapping[str, t.Any]) -> LocalMedium:
    """Return the directory medium that new sets are written to.

    :raises Refused: when the options describe another kind of medium.
    """
    medium = make_medium(options)
    if medium.local is None:
        raise Refused(
            "write a new set",
            on=medium.describe(),
            why="new sets are written to a directory; set_copy copies them to other media",
            next_step="Give a medium of type directory.",
        )
    return medium.local


@dataclasses.dataclass
class SourcesReport:
    """What a module that dumps a list of sources returns.

    :param sets: one entry per source that has its set (or, in check mode, would have).
    :param failures: one entry per source that has not, or whose set is suspect.
    :param gone: sources with sets, whose database the server has no longer.
    :param warnings: what the operator should know of the list of sources.
    :param dated_after_now: ids of sets of these sources on the medium that are dated after now.
    """

    sets: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    failures: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    gone: list[Gone] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    dated_after_now: list[str] = dataclasses.field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether any set was (or would be) written."""
        return any(entry["changed"] for entry in [*self.sets, *self.failures])

    @property
    def message(self) -> str:
        """Every failure, in one message."""
        return " | ".join(f"{entry['source']}: {entry['message']}" for entry in self.failures)

    def diff(self) -> dict[str, str]:
        """Return the sets before and after, as Ansible's diff."""
        written = [
            entry["id"] or f"{entry['subject']}/<the time of the run>" for entry in self.sets if entry["changed"]
        ]
        written += [entry["suspect"] for entry in self.failures if entry["changed"]]
        lines = [f"{set_id}\n" for set_id in written]
        return {"before": "", "after": "".join(lines), "before_header": "new sets", "after_header": "new sets"}

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        return {
            "changed": self.changed,
            "sets": self.sets,
            "failures": self.failures,
            "dated_after_now": self.dated_after_now,
            "remarks": self.warnings,
            "diff": self.diff(),
        }

    def gone_sources(self) -> list[dict[str, str]]:
        """Return the sources whose database is gone, as a module returns them."""
        return [dataclasses.asdict(gone) for gone in self.gone]

    def all_warnings(self) -> list[str]:
        """Return what the operator should know, of the list and of each set."""
        of_sets = [f"{entry['subject']}: {warning}" for entry in self.sets for warning in entry["warnings"]]
        return self.warnings + [gone.describe() for gone in self.gone] + of_sets


def dump_sources(params: t.Mapping[str, t.Any], *, check_mode: bool) -> SourcesReport:
    """Dump every source of a module's ``sources``, some at a time; one that fails does not stop the others.

    :raises BackupError: when nothing can be done for any source (bad medium, bad recipients).
    :raises Interrupted: when told to stop; no source is being backed up any more then.
    """
    medium = make_directory(params["medium"])
    medium.check_present()
    filters = make_filters(params)
    check_names(params["sources"])
    if params["concurrency"] < 1:
        raise Refused(
            "back up sources",
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
            with contained("find the databases of an entry", on=entry["name"]):
                expansion = expand(entry, options, host=params["host"], medium=medium)
        except BackupError as error:
            plan.append(_failure(entry["name"], error))
            continue
        plan += [_failure(entry["name"], problem) for problem in expansion.problems]
        report.warnings += [f"{entry['name']}: {warning}" for warning in expansion.warnings]
        report.gone += expansion.gone
        for source in expansion.sources:
            try:
                with contained("prepare a dump", on=source.name):
                    request = _request(params, source, medium, filters)
            except BackupError as error:
                plan.append(_failure(source.name, error))
                continue
            plan.append(len(requests))
            requests.append(request)
    answers = _carry_out(params, requests, check_mode=check_mode)
    for request in requests:
        try:
            late = SetSelection(host=request.host, source=request.source).resolve(medium).late
        except BackupError as error:  # It costs what is known of this source, and nothing else.
            report.warnings.append(
                f"{request.source}: it is not known whether it has sets dated in the future: {error.why}"
            )
            continue
        report.dated_after_now += [str(set_id) for set_id in late]
    for step in plan:
        answer = {"failure": step} if isinstance(step, dict) else answers[step]
        if "failure" in answer:
            report.failures.append(answer["failure"])
        else:
            report.sets.append(answer["set"])
    return report


def _request(params: t.Mapping[str, t.Any], source: Source, medium: LocalMedium, filters: Filters) -> DumpRequest:
    return DumpRequest(
        host=params["host"],
        source=source.name,
        engine=find_engine(source.entry.get("engine", "files")).source(source.options),
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
    """Dump some sources at a time; for each, ``set`` or ``failure``."""
    status = SharedStatus(params["status_file"], operation="dump", subject=params["host"], count=len(requests))
    with contextlib.closing(Room(len(requests))) as room:

        def job(index: int, request: DumpRequest) -> Job:
            share = room.share(index)

            def carry_out(tell: t.Callable[[dict[str, t.Any]], None]) -> dict[str, t.Any]:
                def report_progress(state: dict[str, t.Any]) -> None:
                    share.written(state["bytes"])
                    tell(state)

                return _answer(dataclasses.replace(request, tell=report_progress, share=share), check_mode=check_mode)

            return Job(request.subject, carry_out)

        def after(index: int, result: Result) -> None:
            room.share(index).release()
            if result.trouble is not None and not check_mode:
                _remove_leftovers(requests[index])

        pool = WorkerPool(
            at_once=params["concurrency"],
            watch=lambda now: status.write(now.told, under_way=now.under_way, ended=len(now.results)),
        )
        results = pool.run([job(index, request) for index, request in enumerate(requests)], after=after)
    return [
        result.answer if result.trouble is None else {"failure": _failure(request.source, _lost(request, result))}
        for request, result in ((request, results[index]) for index, request in enumerate(requests))
    ]


def _answer(request: DumpRequest, *, check_mode: bool) -> dict[str, t.Any]:
    """Dump one source; its ``set`` or its ``failure``, as the module returns it."""
    try:
        with contained("back up a source", on=request.subject):
            result = _predict(request) if check_mode else dumping.dump(request)
    except BackupError as error:
        return {"failure": _failure(request.source, error)}
    if result.suspect:
        return {"failure": _failure(request.source, _suspect_error(request, result, result.suspect), result)}
    return {"set": _entry(request, result)}


def _failure(source: str, error: BackupError, suspect: DumpResult | None = None) -> dict[str, t.Any]:
    """Return a failure as the module returns it.

    :param suspect: the set of the source that is there all the same.
    """
    return {
        "source": source,
        "message": error.message,
        "details": error.details,
        "changed": suspect is not None and suspect.changed,
        "suspect": str(suspect.set_id) if suspect else None,
    }


def _lost(request: DumpRequest, result: Result) -> BackupError:
    return BackupError(
        "back up a source",
        on=request.subject,
        why=result.trouble or "",
        next_step="Nothing incomplete was kept, and the other sources continued. Check the system journal (the host"
        " may have run out of memory), and run again.",
    )


def _remove_leftovers(request: DumpRequest) -> None:
    # Where somebody else works on it by now, they have removed them.
    with contextlib.suppress(BackupError), request.medium.locked(request.host, request.source):
        pass


def _suspect_error(request: DumpRequest, result: DumpResult, doubt: str) -> BackupError:
    return BackupError(
        "trust a set",
        on=f"{result.set_id} on {request.medium.describe()}",
        why=doubt,
        next_step="It is kept as suspect: it is not copied, and restored only if it is named. If the content of the"
        f" source is right, run again and accept {request.source};"
        " if not, repair it and run again with another run_id.",
    )


def _predict(request: DumpRequest) -> DumpResult:
    found = dumping.existing(request)
    if found is None:
        dumping.preflight(request)
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
