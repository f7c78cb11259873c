# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database servers of this host, found by their sockets, and how their owners log in."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import pwd
import re
import socket
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import describe_os_error

# Where Debian, Red Hat and the projects themselves put them.
POSTGRESQL_SOCKETS = ("/run/postgresql/.s.PGSQL.*", "/var/run/postgresql/.s.PGSQL.*", "/tmp/.s.PGSQL.*")  # noqa: S108
# MySQL's too.
MARIADB_SOCKETS = (
    "/run/mysqld/*.sock",
    "/var/run/mysqld/*.sock",
    "/run/mariadb/*.sock",
    "/var/lib/mysql/*.sock",
    "/tmp/mysql*.sock",  # noqa: S108
)
_POSTGRESQL_NAME = re.compile(r"\.s\.PGSQL\.([0-9]{1,5})")
# People, as opposed to services (login.defs, UID_MIN and UID_MAX): anybody can make a socket in /tmp.
_ORDINARY_USERS = range(1000, 60001)
_GREETING_SECONDS = 5


@dataclasses.dataclass(frozen=True)
class LocalServer:
    """A socket that a database server listens at.

    :param options: how to log in, in the words of a source.
    :param doubt: why nobody should log in there; None: nothing is known against it.
    """

    engine: str
    path: str
    options: dict[str, t.Any]
    doubt: str | None = None


def find() -> list[LocalServer]:
    """Return the servers whose sockets are in the usual places, and the places that cannot be looked into."""
    found = []
    unseen: dict[str, str] = {}
    for path, owner in _sockets(POSTGRESQL_SOCKETS, unseen):
        match = _POSTGRESQL_NAME.fullmatch(os.path.basename(path))
        if match is not None:
            user = _name(owner)
            options: dict[str, t.Any] = {"login_unix_socket": os.path.dirname(path), "login_port": int(match.group(1))}
            if os.geteuid() == 0:
                options["login_os_user"] = user
            found.append(LocalServer("postgresql", path, options, _reason_against(owner, user)))
    found += [LocalServer("postgresql", place, {}, doubt) for place, doubt in unseen.items()]
    unseen = {}
    for path, owner in _sockets(MARIADB_SOCKETS, unseen):
        options = {"login_unix_socket": path, "login_user": _name(os.geteuid())}
        doubt = _reason_against(owner, _name(owner))
        found.append(LocalServer("mariadb" if doubt is not None else _product(path), path, options, doubt))
    return found + [LocalServer("mariadb", place, {}, doubt) for place, doubt in unseen.items()]


def _product(path: str) -> str:
    """Which of both listens at a socket: a server greets with its version, before anybody logs in.

    If it sends no greeting, it is assumed to be MariaDB: the error of a later login says what is wrong with it.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_GREETING_SECONDS)
            connection.connect(path)
            greeting = connection.recv(256)
    except OSError:
        return "mariadb"
    # Length and number of the packet, the protocol, the version up to a zero (MySQL, "Protocol::HandshakeV10").
    if greeting[4:5] != b"\x0a":
        return "mariadb"
    return "mariadb" if b"MariaDB" in greeting[5:].partition(b"\0")[0] else "mysql"


def _sockets(patterns: t.Sequence[str], unseen: dict[str, str]) -> t.Iterator[tuple[str, int]]:
    """Each socket once, however many links lead to it, with the number of its owner.

    :param unseen: gets the directories that did not answer, and why.
    """
    seen = set()
    for pattern in patterns:
        directory, name = os.path.split(pattern)
        try:
            for path in fnmatch.filter(sorted(os.listdir(directory)), name):
                real = os.path.realpath(os.path.join(directory, path))
                status = _status(real)
                if status is not None and stat.S_ISSOCK(status.st_mode) and real not in seen:
                    seen.add(real)
                    yield real, status.st_uid
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # No server is there, or it keeps its socket to itself.
        except OSError as error:
            unseen[directory] = f"whether a server listens there cannot be told: {describe_os_error(error)}"


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, PermissionError):
        return None


def _name(number: int) -> str | None:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return None


def _reason_against(owner: int, name: str | None) -> str | None:
    if owner in _ORDINARY_USERS and owner != os.geteuid():
        return f"its socket belongs to {name or owner}, who is an ordinary user and may be no database server"
    if name is None:
        return f"its socket belongs to nobody that this host knows (user {owner})"
    return None
