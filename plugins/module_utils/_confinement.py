# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a server whose data may be hostile: without network, shell, or any file but its own and the libraries.

bubblewrap gives it namespaces of its own (bwrap(1)). It needs no root, and what it starts ends with whoever started it.
"""

from __future__ import annotations

import os
import shutil
import typing as t

# Libraries, and what they read; no programs: without /bin/sh nothing can be run by popen(3) or system(3).
_READABLE = (
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/share/postgresql",
    "/usr/share/zoneinfo",
    "/usr/share/icu",
    "/etc/ld.so.cache",
)


def confined(*, readable: t.Sequence[str], writable: t.Sequence[str]) -> list[str] | None:
    """The launcher (see ``_pipeline.Command``) that confines a program.

    :param readable: directories that it may read besides the system's libraries.
    :param writable: directories that it may write to; a socket in one of them can be reached from outside.
    :returns: None where bubblewrap is not installed.
    """
    path = shutil.which("bwrap")
    if path is None:
        return None
    arguments = [path, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    for place in _READABLE:
        if os.path.islink(place):
            arguments += ["--symlink", os.readlink(place), place]
        elif os.path.exists(place):
            arguments += ["--ro-bind", place, place]
    # Before what may lie below them.
    arguments += ["--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108  # its own
    for place in readable:
        arguments += ["--ro-bind", place, place]
    for place in writable:
        arguments += ["--bind", place, place]
    return [*arguments, "--chdir", "/", "--"]
