# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the operating system: where they are and which version."""

from __future__ import annotations

import os
import re
import shutil

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound

from .processes import Command, run_and_read

# The Debian/Ubuntu and Red Hat names of the packages, for the message that says what to install.
PACKAGES = {
    "age": "age",
    "age-keygen": "age",
    "zstd": "zstd",
    "tar": "tar",
    "rsync": "rsync",
    "ssh": "openssh-client (openssh-clients)",
    "ssh-keygen": "openssh-client (openssh-clients)",
    "pg_dump": "postgresql-client (postgresql)",
    "pg_dumpall": "postgresql-client (postgresql)",
    "pg_restore": "postgresql-client (postgresql)",
    "psql": "postgresql-client (postgresql)",
    "mariadb": "mariadb-client (mariadb)",
    "mysql": "mysql-client (mysql)",
}
# Bytes of a buffer between a program and a pipe.
_BLOCK = 256 * 1024
# A login shell's PATH often lacks these, and they hold what an administrator runs.
_MORE_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find(name: str, *, directory: str | None = None) -> str:
    """Return the path of a program.

    :param directory: look only there.
    :raises NotFound: when it is not installed.
    """
    path = directory or os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_DIRECTORIES])
    found = shutil.which(name, path=path)
    if found is None:
        package = PACKAGES.get(name, name)
        raise NotFound(
            "find a program",
            on=name,
            why=f"it is not installed in {directory}" if directory else "it is not installed on this host",
            next_step=f"Install the package {package}.",
        )
    return found


def block_buffered() -> list[str]:
    """Return the launcher (see ``processes.Command``) of a program that uses pipes through the C library.

    Of itself that moves 4 KiB at a time, and wakes the program at the other end for each: in larger blocks, a dump
    spends about a tenth less processor time.

    :returns: ``stdbuf`` (setvbuf(3) from outside; a part of coreutils) with its arguments; empty where there is none.
    """
    path = shutil.which("stdbuf")
    return [path, f"--input={_BLOCK}", f"--output={_BLOCK}"] if path else []


def version(path: str) -> str:
    """Return the first version number that ``<program> --version`` prints, such as ``17.2``.

    :raises NotFound: when it prints none.
    """
    text = run_and_read(
        Command([path, "--version"]), action="ask a program's version", on=path, next_step="Check that it runs by hand."
    )
    match = re.search(r"\d+(?:\.\d+)+", text) or re.search(r"\d+", text)
    if match is None:
        raise NotFound(
            "ask a program's version",
            on=path,
            why=f"it printed no version: {text[:200]!r}",
            next_step="Check that it runs by hand.",
        )
    return match.group()
