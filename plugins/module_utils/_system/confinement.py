# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs that handle possibly hostile data without network, shell, or any file but theirs and the libraries.

bubblewrap gives them namespaces of their own (bwrap(1)). It needs no root, and what it starts ends together with the
process that started it.
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


MISSING = ("processing untrusted data requires bwrap, which is not installed", "Install the package bubblewrap.")
# Where the programs that a confined process may run are.
PROGRAMS = "/programs"
PLACE = "/place"
# All namespaces but the user's: root needs none, and what becomes somebody else must not be in one.
_NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")


def confined(
    *,
    readable: t.Sequence[str],
    writable: t.Sequence[str],
    programs: t.Sequence[str] = (),
    data: t.Mapping[str, int] | None = None,
    place: str | None = None,
    becomes_another: bool = False,
) -> list[str] | None:
    """Return the launcher (see ``processes.Command``) that confines a program.

    :param readable: directories and files that it may read in addition to the system's libraries.
    :param writable: directories that it may write to; a socket in one of them can be reached from outside.
    :param programs: paths of programs that it may run; it finds them in :data:`PROGRAMS` under their own names.
    :param data: files that it may read: path to a descriptor (one of the command's ``pass_fds``) of what is in it.
    :param place: one more directory that it may write to; it finds it as :data:`PLACE`, so that nothing depends on who
        may get through to it outside.
    :param becomes_another: it begins as root, whose only right left is to become another user, which it does at once;
        so that what only root can make readable is available, and the user that it becomes is root in no namespace.
    :returns: None where bubblewrap is not installed.
    """
    program = shutil.which("bwrap")
    if program is None:
        return None
    arguments = [program, *(_NAMESPACES if becomes_another else ("--unshare-all",))]
    arguments += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if becomes_another:
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    for path in _READABLE:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            arguments += ["--ro-bind", path, path]
    # Before anything that may be below them.
    arguments += ["--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108  # its own
    for path in readable:
        arguments += ["--ro-bind", path, path]
    for program in programs:
        # A program may be a link to one that does many things, and looks at its name to know which.
        arguments += ["--ro-bind", os.path.realpath(program), os.path.join(PROGRAMS, os.path.basename(program))]
    for path, descriptor in (data or {}).items():
        arguments += ["--ro-bind-data", str(descriptor), path]
    for path in writable:
        arguments += ["--bind", path, path]
    if place is not None:
        arguments += ["--bind", place, PLACE]
    return [*arguments, "--chdir", "/", "--"]
