# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walking trees of files: which names belong to a source, in the order in which an archive holds them.

A directory comes first, then what it holds but other directories, then those, each in the same way: the order that
``tar_guard`` demands. Memory does not grow with the number of files, only with that of directories yet to visit.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import re
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_there

from ..names import Names, given, given_pattern


class Excludes:
    """Patterns of names to leave out, as fnmatch(3) without flags understands them: ``*`` crosses slashes too.

    :param patterns: in the notation of names; what is a name, or a path, to the letter means that one too. One with a
        slash is compared with the whole path, one without with the name alone. A directory that is left out takes
        everything in it along.
    """

    def __init__(self, patterns: t.Sequence[str]) -> None:
        self.patterns = list(patterns)
        self._paths = self._joined([pattern for pattern in patterns if "/" in pattern])
        self._names = self._joined([pattern for pattern in patterns if "/" not in pattern])

    @staticmethod
    def _joined(patterns: list[str]) -> t.Pattern[str] | None:
        if not patterns:
            return None
        meant = [fnmatch.translate(_text(given_pattern(pattern))) for pattern in patterns]
        return re.compile("|".join(meant + [re.escape(_text(given(pattern))) + r"\Z" for pattern in patterns]))

    def match(self, path: bytes, name: bytes) -> bool:
        """Whether this path is left out."""
        # Decoded, so that "?" stands for a character as it does for whoever wrote the pattern.
        if self._names is not None and self._names.match(_text(name)):
            return True
        return self._paths is not None and bool(self._paths.match(_text(path)))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


@dataclasses.dataclass
class Walked:
    """What a walk has met.

    :param listed: names that belong to the source.
    :param bytes: what the regular files occupy; counted by a measuring walk only.
    """

    listed: int = 0
    bytes: int = 0
    excluded: int = 0
    sockets: Names = dataclasses.field(default_factory=Names)
    devices: Names = dataclasses.field(default_factory=Names)
    not_entered: Names = dataclasses.field(default_factory=Names)
    unreadable: Names = dataclasses.field(default_factory=Names)


def walk(root: bytes, *, excludes: Excludes, one_file_system: bool, measure: bool, walked: Walked) -> t.Iterator[bytes]:
    """Yield the paths of a tree, the root's first.

    Names that vanish meanwhile are passed over: whoever reads the files will meet, or not meet, them too.

    :param root: an absolute path of a directory or a regular file.
    :param measure: also look at sizes and permissions, at the price of one stat(2) a file.
    :param walked: filled as the walk goes.
    """
    top = os.lstat(root)
    check = measure and os.geteuid() != 0
    seen: set[tuple[int, int]] = set()
    walked.listed += 1
    yield root
    if not stat.S_ISDIR(top.st_mode):
        if measure:
            _measure(root, top, walked, seen, check)
        return
    pending = [root]
    while pending:
        directory = pending.pop()
        if directory is not root:
            walked.listed += 1
            yield directory
            if one_file_system and _is_elsewhere(directory, top.st_dev):
                walked.not_entered.add(directory)
                continue
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    path = entry.path
                    if excludes.match(path, entry.name):
                        walked.excluded += 1
                    elif entry.is_dir(follow_symlinks=False):
                        pending.append(path)
                    elif _belongs(entry, walked):
                        if measure and entry.is_file(follow_symlinks=False):
                            _measure(path, entry.stat(follow_symlinks=False), walked, seen, check)
                        walked.listed += 1
                        yield path
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            walked.unreadable.add(directory, error.strerror or describe_os_error(error))


def _belongs(entry: os.DirEntry[bytes], walked: Walked) -> bool:
    if entry.is_file(follow_symlinks=False) or entry.is_symlink():
        return True
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISSOCK(mode):
        walked.sockets.add(entry.path)
    elif stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
        walked.devices.add(entry.path)
    else:
        return True
    return False


def _measure(path: bytes, status: os.stat_result, walked: Walked, seen: set[tuple[int, int]], check: bool) -> None:
    if check and not os.access(path, os.R_OK, effective_ids=True):
        try:
            if is_there(path):
                walked.unreadable.add(path, "Permission denied")
        except OSError as error:
            walked.unreadable.add(path, describe_os_error(error))
        return
    if status.st_nlink > 1:
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
    walked.bytes += min(status.st_size, status.st_blocks * 512)  # st_blocks: stat(2) counts 512-byte units.


def _is_elsewhere(directory: bytes, device: int) -> bool:
    try:
        return os.lstat(directory).st_dev != device
    except OSError:
        return False
