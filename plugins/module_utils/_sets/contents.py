# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a set in a local directory, read with distrust: they may not have been written by the right server."""

from __future__ import annotations

import errno
import os
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid, Unreadable, describe_os_error

from .bag import MAX_FILES, NoPlainFile, is_safe_path


class DirectoryContents:
    """The files of a set in a local directory.

    :param path: the set's directory. Anything in it that is not a plain file or directory counts as a file
        that cannot be opened, so that validation names it.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def sizes(self) -> dict[str, int]:
        sizes = {}

        def fail(error: OSError) -> None:
            raise Unreadable(
                "list a set",
                on=self.path,
                why=describe_os_error(error),
                next_step="Check the owner and mode, and the health of the disk.",
            ) from error

        for directory, subdirectories, files in os.walk(self.path, onerror=fail):
            links = [name for name in subdirectories if os.path.islink(os.path.join(directory, name))]
            for name in files + links:
                full = os.path.join(directory, name)
                try:
                    sizes[os.path.relpath(full, self.path)] = os.lstat(full).st_size
                except OSError as error:
                    fail(error)
            if len(sizes) > MAX_FILES:
                raise SetInvalid(
                    "list a set",
                    on=self.path,
                    why=f"it has more than {MAX_FILES} files, which no set of this collection has",
                    next_step="Do not use this set; find out who wrote it.",
                )
        return sizes

    def open(self, path: str) -> t.BinaryIO:
        if not is_safe_path(path):
            raise PermissionError(errno.EPERM, "the path leads out of the set", path)
        full = os.path.join(self.path, path)
        # A link, a FIFO or a device put in a file's place must neither lead away nor hang us, nor be opened at all:
        # opening some devices does something. O_NOFOLLOW and O_NONBLOCK for one that comes in between.
        _require_plain_file(os.lstat(full), path)
        descriptor = os.open(full, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            _require_plain_file(os.fstat(descriptor), path)
            return open(descriptor, "rb", buffering=0)
        except BaseException:
            os.close(descriptor)
            raise


def _require_plain_file(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NoPlainFile(errno.EINVAL, "it is not a plain file", path)
