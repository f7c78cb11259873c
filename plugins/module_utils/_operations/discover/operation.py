# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module that lists databases does: asks the servers, and compares what they have with what is backed up."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.discovery import Discovery, FoundDatabase
from ansible_collections.infitulua.backup.plugins.module_utils._engines.kept_name import INFIX as KEPT_INFIX
from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts import discoveries
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import (
    DATABASE_ENGINES,
    SERVER_ENGINES,
    find_engine,
    source_arguments,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import medium_argument
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import is_name
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock, local_servers
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..dump.operation import SOURCE_ARGUMENTS, make_directory
from ..selection import SetSelection
from ..sources import MANY_ARGUMENTS, expand

SURVEY_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "local": {"type": "bool", "default": True},
    "ignore": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "database": {"type": "str", "default": "*"},
            "server": {"type": "str", "default": "*"},
            "engine": {"type": "str", "choices": discoveries.NAMES},
            "reason": {"type": "str", "required": True},
        },
    },
}
INFO_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "host": {"type": "str", "required": True},
    "medium": {**medium_argument(), "required": True},
    "sources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            **SOURCE_ARGUMENTS,
            "engine": {"type": "str", "choices": DATABASE_ENGINES, "required": True},
            **source_arguments(DATABASE_ENGINES),
            **MANY_ARGUMENTS,
        },
    },
    **SURVEY_ARGUMENTS,
}
# What is a source's and says nothing of the server that it is on.
_OF_DATABASE = ("database", *MANY_ARGUMENTS)
_NOT_OF_CONNECTION = frozenset(
    {"engine", "content_digest", "nontransactional_tables", *SOURCE_ARGUMENTS, *_OF_DATABASE}
)
_USER, _SYSTEM, _TEMPLATE, _RESTORING, _REPLACED = "user", "system", "template", "restoring", "replaced"


@dataclasses.dataclass
class _Server:
    """One server, however many ways lead to it.

    :param options: how it was first reached.
    :param found: its databases, by name.
    :param doubts: why not all of them may be among these; empty once somebody saw all.
    :param sources: database to the source that backs it up.
    """

    discovery: Discovery
    options: dict[str, t.Any]
    found: dict[str, FoundDatabase]
    doubts: list[str]
    sources: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class InfoReport:
    """What the module returns.

    :param unknown: the servers that could not be looked into, and why.
    :param warnings: what the operator should know besides.
    """

    databases: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    unprotected: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    replaced: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    ignored: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    unknown: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "warnings"}


class Survey:
    """One look at all servers.

    :raises BackupError: when the medium is not there.
    """

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        self._host: str = params["host"]
        self._medium = make_directory(params["medium"])
        self._medium.check_present()
        self._entries: list[dict[str, t.Any]] = params["sources"]
        self._local: bool = params["local"]
        self._ignore: list[dict[str, t.Any]] = params["ignore"]
        self._report = InfoReport()
        self._servers: dict[tuple[str, str], _Server] = {}
        self._asked: dict[tuple[tuple[str, t.Any], ...], _Server | None] = {}
        # Entries whose server could not be asked: what they mean may be any server's.
        self._unasked: list[dict[str, t.Any]] = []
        self._files: list[dict[str, t.Any]] = []

    def run(self) -> InfoReport:
        """Look."""
        if self._local:
            self._find_local()
        for entry in self._entries:
            if entry["engine"] == "sqlite":
                self._files.append(entry)
            else:
                self._find_of(entry)
        for server in self._servers.values():
            self._tell_of(server)
        for entry in self._files:
            for path in [entry.get("path") or "", *(entry.get("attached") or ())]:
                self._tell_of_file(entry, path)
        for entries in (self._report.databases, self._report.unprotected, self._report.replaced):
            entries.sort(key=lambda entry: (entry["engine"], entry["server"] or "", entry["name"]))
        return self._report

    def _find_local(self) -> None:
        # First: their owners see more than a source's account.
        for local in local_servers.find():
            if local.doubt is not None:
                self._unknown(local.engine, local.path, local.doubt)
            else:
                self._ask(local.engine, local.options, shown=local.path)

    def _find_of(self, entry: dict[str, t.Any]) -> None:
        options = {name: value for name, value in entry.items() if name not in _NOT_OF_CONNECTION}
        server = self._ask(entry["engine"], options, shown=f"the server of the source {entry['name']}")
        if server is None:
            self._unasked.append(entry)
            return
        own = {name: value for name, value in entry.items() if name not in ("engine", *SOURCE_ARGUMENTS)}
        try:
            with contained("find the databases of an entry", on=entry["name"]):
                for source in expand(entry, own, host=self._host, medium=self._medium).sources:
                    server.sources.setdefault(source.options.get("database") or "", source.name)
        except BackupError as error:
            self._unknown(entry["engine"], f"the databases of the source {entry['name']}", error.why)
            self._unasked.append(entry)

    def _ask(self, engine: str, options: dict[str, t.Any], *, shown: str) -> _Server | None:
        given = {name: value for name, value in options.items() if value is not None}
        key = (("engine", engine), *sorted(given.items()))
        if key not in self._asked:
            self._asked[key] = self._ask_once(engine, given, shown)
        return self._asked[key]

    def _ask_once(self, engine: str, options: dict[str, t.Any], shown: str) -> _Server | None:
        try:
            with contained("list the databases of a server", on=shown):
                discovery = find_engine(engine).discover(options, sizes=True)
        except BackupError as error:
            self._unknown(engine, shown, error.why)
            return None
        found = {database.name: database for database in discovery.databases}
        server = self._servers.get((engine, discovery.identity))
        if server is None:
            server = _Server(discovery, options, found, list(discovery.warnings))
            self._servers[engine, discovery.identity] = server
        else:
            for name, database in found.items():
                if name not in server.found or server.found[name].bytes is None:
                    server.found[name] = database
            if not discovery.warnings:
                server.doubts.clear()
        return server

    def _unknown(self, engine: str, server: str, why: str) -> None:
        reason = self._reason_to_ignore(engine, server, "")
        if reason is None:
            message = f"could not look into {server} ({engine}): {why}"
            self._report.unknown.append({"engine": engine, "server": server, "why": why, "message": message})

    def _reason_to_ignore(self, engine: str, server: str, database: str) -> str | None:
        for entry in self._ignore:
            if (
                entry["engine"] in (None, engine)
                and fnmatch.fnmatchcase(server, entry["server"])
                and fnmatch.fnmatchcase(database, entry["database"])
            ):
                return str(entry["reason"])
        return None

    def _tell_of(self, server: _Server) -> None:
        place = server.discovery.server
        for doubt in server.doubts:
            self._unknown(server.discovery.engine, place, doubt)
        for database in server.found.values():
            source = server.sources.get(database.name)
            kind = self._kind(server, database, source)
            entry = {
                "engine": database.engine,
                "server": place,
                "name": database.name,
                "version": database.version,
                "bytes": database.bytes,
                "encoding": database.encoding,
                "collation": database.collation,
                "owner": database.owner,
                "kind": kind,
                "source": source,
                "last_backup": self._last_backup(source),
            }
            self._report.databases.append(entry)
            short = {name: entry[name] for name in ("engine", "server", "name", "bytes")}
            if kind == _REPLACED:
                original = database.name.rpartition(KEPT_INFIX)[0]
                self._report.replaced.append({**short, "database": original, "since": database.kept_since})
            elif kind == _USER and source is None and not self._may_be_meant(database):
                reason = self._reason_to_ignore(database.engine, place, database.name)
                if reason is None:
                    self._report.unprotected.append(short)
                else:
                    self._report.ignored.append({**short, "reason": reason})

    def _kind(self, server: _Server, database: FoundDatabase, source: str | None) -> str:
        if database.kept_since is not None:
            return _REPLACED
        if database.left_by_restore:
            return _RESTORING
        if database.system:
            return _SYSTEM
        if database.template:
            return _TEMPLATE
        if source is None:
            try:
                unused = SERVER_ENGINES[database.engine].is_unused(server.options, database)
                return _SYSTEM if unused else _USER
            except BackupError as error:
                self._unknown(database.engine, f"{database.name} on {server.discovery.server}", error.why)
        return _USER

    def _may_be_meant(self, database: FoundDatabase) -> bool:
        """Whether a source means it whose server could not be asked; its dump will say why."""
        return any(
            entry["engine"] == database.engine
            and any(
                fnmatch.fnmatchcase(database.name, pattern)
                for pattern in [entry.get("database") or "", *(entry.get("databases") or [])]
            )
            for entry in self._unasked
        )

    def _tell_of_file(self, entry: t.Mapping[str, t.Any], path: str) -> None:
        try:
            size: int | None = os.stat(path).st_size
        except OSError:
            size = None
        nothing = dict.fromkeys(("server", "version", "encoding", "collation", "owner"))
        self._report.databases.append(
            {
                "engine": entry["engine"],
                **nothing,
                "name": path,
                "bytes": size,
                "kind": _USER,
                "source": entry["name"],
                "last_backup": self._last_backup(entry["name"]),
            }
        )

    def _last_backup(self, source: str | None) -> dict[str, t.Any] | None:
        if source is None or not is_name(source) or not is_name(self._host):
            return None
        choice = SetSelection(host=self._host, source=source, newest=True).resolve(self._medium)
        newest = choice.sets
        for known in choice.unreadable:
            warning = f"{known.set_id} would be the last backup, and cannot be read: {known.problem}"
            if warning not in self._report.warnings:
                self._report.warnings.append(warning)
        if not newest:
            return None
        age = host_clock.now() - newest[0].moment
        return {
            "id": str(newest[0]),
            "time": newest[0].time,
            "age_seconds": max(0, int(age.total_seconds())),
            "path": self._medium.path(newest[0]),
        }


def survey(params: t.Mapping[str, t.Any]) -> InfoReport:
    """Ask the servers of a module's ``sources``, and of this host, which databases they have.

    :raises BackupError: when the medium is not there, or cannot be read.
    """
    return Survey(params).run()
