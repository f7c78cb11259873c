# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MySQL's client program: which one to use, how it reaches the server, and what its errors mean."""

from __future__ import annotations

import os
import re
import subprocess
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, run_and_read

from ..advice import Advice
from ..mysql_family import client
from ..mysql_family.server_error import client_failed

_PROGRAM = "mysql"
_VERSION = re.compile(r"Ver (\d+\.\d+\.\d+)")
# The first whose server has all that this engine asks of one.
_OLDEST = (8, 0)
_TLS = {
    # Its passwords are never sent as they are: without TLS the server's own key encrypts them.
    "disable": ["ssl-mode=DISABLED", "get-server-public-key"],
    "prefer": ["ssl-mode=PREFERRED"],
    "require": ["ssl-mode=REQUIRED"],
    "verify-ca": ["ssl-mode=VERIFY_CA"],
    "verify-full": ["ssl-mode=VERIFY_IDENTITY"],
}

# What to do next, by the numbers of the server's and the client's errors. Servers may speak Spanish.
ADVICE = Advice(
    (
        (
            r"ERROR 2061\b",
            (
                "The server lets nobody send a password over a connection without TLS: switch TLS on in it, or, on a"
                " network that you trust, say ssl_mode: disable."
            ),
        ),
        (
            r"ERROR 2059\b",
            (
                "This client does not know how the account is identified. Where the server is MariaDB, there is the"
                " engine mariadb; otherwise identify the account WITH caching_sha2_password."
            ),
        ),
        (r"ERROR 1193\b", "The server is not MySQL 8.0.20 or newer; for MariaDB there is the engine mariadb."),
        (r"ERROR 1419\b", "Restore as an account with SUPER, or SET GLOBAL log_bin_trust_function_creators = 1."),
        (
            r"ERROR (?:1044|1142|1143|1227|1370|1410)\b",
            (
                "Grant the account what it lacks (to dump: SELECT, SHOW VIEW, TRIGGER, EVENT on the database, and"
                " RELOAD, SHOW_ROUTINE, BACKUP_ADMIN, REPLICATION CLIENT on *.*; to restore: an administrator's)."
            ),
        ),
    ),
    client.COMMON_ADVICE,
)


def find_client(directory: str | None = None) -> tuple[str, str]:
    """Return the path and the version of the client program.

    :param directory: look only there.
    :raises NotFound: when it is not installed, is another product's, or too old.
    """
    path = programs.find(_PROGRAM, directory=directory)
    next_step = (
        "Install MySQL's own client (the package mysql-client), and name its directory in client_directory where"
        " another product's program has the name."
    )
    text = run_and_read(
        Command([path, "--no-defaults", "--version"]), action="ask a program's version", on=path, next_step=next_step
    )
    match = _VERSION.search(text)
    if match is None or "MariaDB" in text or tuple(map(int, match.group(1).split(".")[:2])) < _OLDEST:
        raise NotFound(
            "use the MySQL client",
            on=path,
            why=f"it is not MySQL's of version 8.0 or newer: {text.strip()[:200]}",
            next_step=next_step,
        )
    return path, match.group(1)


class Connection(client.Connection):
    """How to reach one MySQL server."""

    product = "MySQL"
    tls = _TLS
    # As if it read a terminal's text, it would take lines for commands of its own; of them DELIMITER alone remains.
    # "loose": older ones do not know the others, and have nothing that they would switch off in this mode.
    harmless = ("--binary-mode", "--loose-commands=OFF", "--loose-system-command=OFF")
    advice = ADVICE
    # Otherwise the user's own login file would say who connects, after our option file.
    variables: t.ClassVar[t.Mapping[str, str]] = {"MYSQL_TEST_LOGIN_FILE": "/dev/null"}

    @staticmethod
    def find_client(directory: str | None) -> tuple[str, str]:
        return find_client(directory)


def failure(action: str, process: subprocess.Popen[bytes], errors: int, *, on: str, otherwise: str) -> ProcessFailed:
    """Return why a client has ended, in the server's words.

    :param errors: the file that it wrote them to.
    :param otherwise: what to do where no advice fits.
    """
    text = os.pread(errors, 65536, 0).decode("utf-8", "backslashreplace")
    return client_failed(
        action,
        on=on,
        status=process.returncode,
        stderr=text,
        next_step=lambda why: ADVICE.next_step(why, otherwise),
    )
