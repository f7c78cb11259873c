# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB's client program: which one to use, how it reaches the server, and what its errors mean."""

from __future__ import annotations

import re

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, run_and_read

from ..advice import Advice
from ..mysql_family import client

_PROGRAM = "mariadb"
_VERSION = re.compile(r"(?:Distrib |from )(\d+\.\d+\.\d+)-MariaDB")
_TLS = {
    "disable": ["skip-ssl"],
    "require": ["ssl", "disable-ssl-verify-server-cert"],
    "verify-ca": ["ssl", "ssl-verify-server-cert"],
    "verify-full": ["ssl", "ssl-verify-server-cert"],
}
# What to do next, by the numbers of the server's and the client's errors, or what they say.
ADVICE = Advice(
    (
        (
            r"ERROR (?:1193|2059)\b",
            "The server is not MariaDB, or older than 10.6; for MySQL there is the engine mysql.",
        ),
        (
            r"ERROR (?:1044|1142|1143|1227|1370|1410)\b",
            "Grant the account what it lacks (to dump: SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD).",
        ),
        (r"unknown option '--sandbox'|unknown variable 'sandbox'", "Install a newer client: 10.11.8, 11.4.2 or later."),
    ),
    client.COMMON_ADVICE,
)


def find_client(directory: str | None = None) -> tuple[str, str]:
    """Return the path and the version of the client program.

    :param directory: look only there.
    :raises NotFound: when it is not installed, or is another product's.
    """
    path = programs.find(_PROGRAM, directory=directory)
    next_step = "Install the package mariadb-client (Debian, Ubuntu) or mariadb (Red Hat)."
    text = run_and_read(
        Command([path, "--no-defaults", "--version"]),
        action="ask a program's version",
        on=path,
        next_step=next_step,
    )
    match = _VERSION.search(text)
    if match is None:
        raise NotFound(
            "use the MariaDB client",
            on=path,
            why=f"it is not MariaDB's: {text.strip()[:200]}",
            next_step=next_step,
        )
    return path, match.group(1)


class Connection(client.Connection):
    """How to reach one MariaDB server."""

    product = "MariaDB"
    tls = _TLS
    harmless = ("--sandbox",)
    advice = ADVICE

    @staticmethod
    def find_client(directory: str | None) -> tuple[str, str]:
        return find_client(directory)
