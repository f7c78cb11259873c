# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server must have before a set is restored into it, and what the operator should know before.

What makes a restore impossible, or harms the server's other databases, is refused; the operator is told of the rest:
a restore that fails later leaves the target as it was anyway.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused

from ..base import LeftOut
from ..server.disk import require_room
from .session import Session, quote_literal
from .session_failed import SessionFailed

# Locales that are a part of the C library.
_BUILT_IN = ("C", "POSIX")
# Each locale that is missing costs a session: after so many it is clear what is wrong.
_SHOWN = 5
_LIBRARIES = {"c": "the C library", "i": "ICU"}
# Of a restore, besides its jobs: the session that holds the lock, the leader of parallel jobs, one at work.
_OTHER_SESSIONS = 3
# postmaster.pid says when the server began to start, pg_postmaster_start_time a moment later.
_START_SECONDS = 60


def examine(
    session: Session,
    open_session: t.Callable[[], Session],
    facts: t.Mapping[str, t.Any],
    *,
    name: str,
    jobs: int,
    set_bytes: int,
    source_bytes: int,
    on: str,
    left_out: list[LeftOut],
) -> list[str]:
    """Compare a server with what a set needs, changing nothing.

    :param session: on a database of the server other than the target.
    :param open_session: another such one, for questions that end a session where the answer is no.
    :param name: the database to restore as.
    :param set_bytes: what the set takes.
    :param source_bytes: size of the database that was dumped.
    :param on: the target, for messages.
    :param left_out: gets what cannot be made here, though every row can be restored without it.
    :returns: what the operator should know.
    :raises NotFound: when the server has not got what the set needs.
    :raises Refused: when it has not got the room.
    """
    warnings = _check_extensions(session, facts, on, left_out)
    _check_locales(session, open_session, facts, on)
    warnings += _compare_collations(session, facts)
    warnings += _check_space(session, facts, set_bytes, source_bytes, on)
    _check_slots(session, jobs, on)
    connected = session.value(
        "SELECT count(*) AS value FROM pg_stat_activity"
        f" WHERE datname = {quote_literal(name)} AND backend_type = 'client backend'"
    )
    if connected:
        warnings.append(f"Connections to it that end when the restored database takes its place: {connected}")
    return warnings


def _check_extensions(session: Session, facts: t.Mapping[str, t.Any], on: str, left_out: list[LeftOut]) -> list[str]:
    needed: t.Mapping[str, str] = facts["extensions"]
    rows = session.rows("SELECT name, default_version FROM pg_available_extensions")
    available = {row["name"]: row["default_version"] for row in rows}
    absent = set(needed) - set(available)
    left_out += [
        LeftOut("extension", name, f'extension "{name}" is not available')
        for name in sorted(absent - set(facts["table_extensions"]))
    ]
    missing = sorted(absent & set(facts["table_extensions"]))
    if missing:
        raise NotFound(
            "restore a database",
            on=on,
            why=f"tables of the set need extensions that the server lacks: {', '.join(missing)}",
            next_step="Install them on the server: the package postgresql-contrib has many,"
            f" postgresql-{session.major}-<extension> (Debian, Ubuntu) others.",
        )
    warnings = []
    # A dump names no version: the one that the server makes by default is what it gets.
    for name, version in sorted(needed.items()):
        here = available.get(name, version)
        if here == version:
            continue
        told = f"The extension {name} will be {here} here and was {version} where it was dumped"
        if _version_key(here) < _version_key(version):
            told += ": where the database needs what is new in that, the restore fails and the target stays as it is"
        warnings.append(told)
    return warnings


def _version_key(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)]


def _check_locales(
    session: Session, open_session: t.Callable[[], Session], facts: t.Mapping[str, t.Any], on: str
) -> None:
    database, collations = facts["database"], facts["collations"]
    own = [entry for entry in collations if not entry["system"]]
    names = {database["collate"], database["ctype"]}
    names |= {entry[key] for entry in own if entry["provider"] == "c" for key in ("collate", "ctype")}
    # Names of locales in the C library, which every parameter of this kind is checked against.
    asked = (name for name in sorted(filter(None, names)) if name not in _BUILT_IN)
    missing = list(itertools.islice((name for name in asked if not _has_locale(open_session, name)), _SHOWN))
    if missing:
        raise NotFound(
            "restore a database",
            on=on,
            why=f"the set sorts texts by locales that the server's system lacks: {', '.join(missing)}",
            next_step="Install them there (Debian, Ubuntu: a line in /etc/locale.gen and locale-gen, or the package"
            " locales-all; Red Hat: glibc-langpack-<language>) and restart PostgreSQL.",
        )
    rows = session.rows(
        "SELECT collname AS name, collprovider = 'i' AND pg_collation_actual_version(oid) IS NOT NULL AS icu FROM"
        " pg_collation"
        " WHERE collnamespace = 'pg_catalog'::regnamespace"
    )
    present = {row["name"] for row in rows}
    by_icu = database["locale_provider"] == "i" or any(entry["provider"] == "i" for entry in collations)
    # Since 16 a server that was built without it has one of its collations too, and no version of that.
    if by_icu and not any(row["icu"] for row in rows):
        raise NotFound(
            "restore a database",
            on=on,
            why="the set sorts texts by ICU, and the server was built without it",
            next_step="Restore into a PostgreSQL that was built with ICU, as those of Linux distributions are.",
        )
    missing = sorted({entry["name"] for entry in collations if entry["system"]} - present)
    if missing:
        raise NotFound(
            "restore a database",
            on=on,
            why=f"columns use collations that the server lacks: {', '.join(missing)}",
            next_step="A cluster has those of the locales that its system had when initdb made it: install the"
            " locales, make a new cluster, and restore into that.",
        )


def _has_locale(open_session: t.Callable[[], Session], name: str) -> bool:
    with open_session() as session:
        try:
            session.execute(f"SET lc_monetary = {quote_literal(name)}", action="look for a locale")
        except SessionFailed as error:
            if not error.names("lc_monetary"):
                raise
            return False
    return True


def _compare_collations(session: Session, facts: t.Mapping[str, t.Any]) -> list[str]:
    """Where texts may be sorted in another way. What cannot be known before the restore is passed over."""
    # Of the C library's all have one version.
    libc = "SELECT max(pg_collation_actual_version(oid)) AS value FROM pg_collation WHERE collprovider = 'c'"
    here = {"c": session.value(libc)}
    column = "colllocale" if session.major >= 17 else "colliculocale" if session.major >= 15 else "collcollate"
    for row in session.rows(
        f"SELECT {column} AS locale, pg_collation_actual_version(oid) AS version FROM pg_collation"
        " WHERE collprovider = 'i' AND collnamespace = 'pg_catalog'::regnamespace"
    ):
        here[f"i {row['locale']}"] = row["version"]
    database = facts["database"]
    used = [(database["locale_provider"], database["locale"], database["collation_version"])]
    used += [(entry["provider"], entry["locale"], entry["version"]) for entry in facts["collations"]]
    changes = set()
    for provider, locale, before in used:
        now = here.get(provider if provider == "c" else f"{provider} {locale}")
        if before is not None and now is not None and before != now:
            changes.add(f"{_LIBRARIES.get(provider, provider)} {now} instead of {before}")
    return [
        f"Texts are sorted by {change}: their order may differ. Indexes are built anew and are right; look at range"
        " partitions and check constraints on texts, and at what relies on the old order"
        for change in sorted(changes)
    ]


def _check_space(session: Session, facts: t.Mapping[str, t.Any], least: int, dumped: int, on: str) -> list[str]:
    """Where the server's file system can be seen from here."""
    rows = session.rows(
        "SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data,"
        " current_setting('port')::int AS port, extract(epoch FROM pg_postmaster_start_time())::bigint AS started,"
        " (SELECT pg_tablespace_location(oid) FROM pg_tablespace"
        f" WHERE spcname = {quote_literal(facts['database']['tablespace'])}) AS location"
    )
    data, location = rows[0]["data"], rows[0]["location"]
    if not data or not _is_server_of(data, rows[0]["port"], rows[0]["started"]):
        return []
    return require_room(os.path.join(data, location) if location else data, least, dumped, on=on)


def _is_server_of(data: str, port: int, started: int) -> bool:
    """Whether a data directory of this host is that of the server, and not of another at the same path."""
    # PostgreSQL, "postmaster.pid": the third line is when it began, the fourth its port.
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open(os.path.join(data, "postmaster.pid"), encoding="ascii") as stream:
            lines = stream.read().splitlines()
        return int(lines[3]) == port and abs(int(lines[2]) - started) <= _START_SECONDS
    return False


def _check_slots(session: Session, jobs: int, on: str) -> None:
    free = session.value(
        "SELECT current_setting('max_connections')::int"
        " - CASE WHEN rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int"
        " + coalesce(current_setting('reserved_connections', true)::int, 0) END"
        " - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') + 1 AS value"
        " FROM pg_roles WHERE rolname = current_user"
    )
    needed = jobs + _OTHER_SESSIONS
    if free < needed:
        raise Refused(
            "restore a database",
            on=on,
            why=f"the server takes {free} more connections, and a restore with {jobs} jobs needs {needed}",
            next_step="Use fewer jobs, end connections that nobody needs, or raise max_connections.",
        )
