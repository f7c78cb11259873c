# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restored files against the archive that they came out of, byte by byte."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command

from ..base import Check, RestoreWork
from .target import FilesTarget

_LIMIT = 16 * 1024 * 1024
# Only root can give files away; who owned them is in the archive, whose every byte has been verified.
_OWNER = re.compile(r".*: (?:Uid|Gid) differs")


def compare(work: RestoreWork, target: FilesTarget) -> list[Check]:
    """Read each archive of a set a second time, and every restored file with it (``tar --compare``).

    Content, size, type, mode, time of modification and links are compared, owners where this is root.

    :param target: that has restored them, and not swapped them yet.
    """
    return [_compare(work, entry, directory) for entry, directory in target.restored()]


def _compare(work: RestoreWork, entry: t.Mapping[str, t.Any], directory: bytes) -> Check:
    command = Command(
        [
            programs.find("tar"),
            "--compare",
            "--file=-",
            "--quoting-style=escape",
            "--warning=no-timestamp",
            "--no-unquote",
            f"--directory={os.fsdecode(directory)}",
        ],
        environment={"TAR_OPTIONS": None, "POSIXLY_CORRECT": None, "TAPE": None},
        success=frozenset({0, 1}),  # 1: something differs, and each line says what.
    )
    said = bytearray()

    def keep(chunk: memoryview) -> None:
        if len(said) < _LIMIT:
            said.extend(chunk)

    name = f"{entry['path']}: content, modes and times"
    try:
        [outcome] = work.reader.run(
            work.reader.description.file(entry["part"]),
            [command],
            processes=work.processes,
            action="compare restored files with their archive",
            next_step="See what tar says.",
            sink=keep,
        )
    except ProcessFailed as error:
        return Check(name, False, error.why)
    lines = (said.decode("utf-8", "backslashreplace") + outcome.stderr).splitlines()
    differing = [line for line in lines if not (os.geteuid() and _OWNER.fullmatch(line))]
    return Check(name, not differing, "; ".join(differing[:20]) or "every file is what the archive holds")
