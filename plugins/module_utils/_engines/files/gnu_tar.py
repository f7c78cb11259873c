# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program GNU tar: its version, how it is called for a restore, and its messages."""

from __future__ import annotations

import re

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, run_and_read

# The first GNU tar that reads a list of names without interpreting any (--verbatim-files-from).
_OLDEST_TAR = (1, 29)
ENVIRONMENT = {"TAR_OPTIONS": None, "POSIXLY_CORRECT": None, "TAPE": None}

EXTRACT_OPTIONS = (
    "--extract",
    "--file=-",
    "--preserve-permissions",
    "--acls",
    "--xattrs",
    "--xattrs-include=*",
    "--delay-directory-restore",
    "--keep-old-files",
    "--no-unquote",  # A backslash in the directory's name is one.
)


def tar_version() -> str:
    """Return the version of GNU tar.

    :raises BackupError: when tar is missing, another program, or too old.
    """
    path = programs.find("tar")
    text = run_and_read(
        Command([path, "--version"]), action="ask a program's version", on=path, next_step="Check that it runs by hand."
    )
    match = re.match(r"tar \(GNU tar\) (\d+)\.(\d+)(?:\.\d+)*", text)
    if match is None or (int(match.group(1)), int(match.group(2))) < _OLDEST_TAR:
        raise NotFound(
            "find GNU tar",
            on=path,
            why=f"it is {text.splitlines()[0] if text else 'silent'!r}, and GNU tar 1.29 or newer is needed",
            next_step="Install the package tar.",
        )
    return match.group()[len("tar (GNU tar) ") :]


def without_program(line: str) -> str:
    """Return what tar says, less its own name; a colon within a file's name is escaped."""
    return re.sub(r"^[^:]*tar: ", "", line)
