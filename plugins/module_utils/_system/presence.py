# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether something is there, where a wrong "no" would lose or hide data.

``os.path`` and ``glob`` say "no" as well where the disk does not answer. These raise then.
"""

from __future__ import annotations

import errno
import os
import stat
import typing as t

# With these nothing can be there: no directory above it, a link that leads nowhere, a name that no file can have.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


def is_there(path: str | bytes) -> bool:
    """Tell whether a path exists, if only as a link.

    :raises OSError: when that cannot be determined.
    """
    return _mode(os.lstat, path) is not None


def is_directory(path: str | bytes) -> bool:
    """Tell whether a path is, or leads to, a directory.

    :raises OSError: when that cannot be determined.
    """
    return stat.S_ISDIR(_mode(os.stat, path) or 0)


def is_file(path: str | bytes) -> bool:
    """Tell whether a path is, or leads to, a plain file.

    :raises OSError: when that cannot be determined.
    """
    return stat.S_ISREG(_mode(os.stat, path) or 0)


def beginning_with(path: str) -> list[str]:
    """Find the entries beside a path whose names begin with its own.

    :raises OSError: when that cannot be determined.
    """
    directory, name = os.path.split(path)
    try:
        names = os.listdir(directory or ".")
    except OSError as error:
        if error.errno in _ABSENT:
            return []
        raise
    return sorted(os.path.join(directory, found) for found in names if found.startswith(name))


def _mode(ask: t.Callable[[str | bytes], os.stat_result], path: str | bytes) -> int | None:
    try:
        return ask(path).st_mode
    except ValueError:  # A null character.
        return None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
