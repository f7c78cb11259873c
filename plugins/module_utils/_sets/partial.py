# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set under construction in a local directory: it appears whole, by a rename, or not at all."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback, no_progress

from .bag import is_safe_path
from .set_id import SetId

PARTIAL_SUFFIX = ".partial"


class PartialSet:
    """A set under construction. Leaving the context without :meth:`commit` removes it.

    :param root: the directory that holds sets, as ``<host>/<source>/<time>``; the source's is there.
    """

    def __init__(self, root: str, set_id: SetId) -> None:
        self.set_id = set_id
        self.root = root
        self._final = os.path.join(root, set_id.host, set_id.source, set_id.time)
        self.path = os.path.join(os.path.dirname(self._final), f".{set_id.time}{PARTIAL_SUFFIX}")
        durable.make_directory(self.path)
        self._open = True

    def create(self, path: str, progress: ProgressCallback = no_progress) -> durable.HashedFile:
        """Return a new file of the set."""
        return durable.HashedFile(prepare_path(self.path, path, self.set_id), progress=progress)

    def commit(self) -> None:
        """Make the set appear, whole, under its id.

        :raises OSError: when the disk does not take it.
        """
        durable.sync_tree(self.path)
        os.rename(self.path, self._final)
        durable.sync_directory(os.path.dirname(self._final))
        self._open = False

    def __enter__(self) -> PartialSet:
        return self

    def __exit__(self, *_: t.Any) -> None:
        if self._open:
            self._open = False
            temporary_files.remove_tree(self.path)


def prepare_path(directory: str, path: str, set_id: SetId) -> str:
    """Return the local path for a set's file, its directory made.

    :raises SetInvalid: when the path would leave the directory: a medium's listing is not to be trusted.
    """
    if not is_safe_path(path):
        raise SetInvalid(
            "copy a set",
            on=str(set_id),
            why=f"it holds a file with an unsafe path: {path!r}",
            next_step="Do not use this set; find out who wrote it.",
        )
    target = os.path.join(directory, path)
    parents = os.path.relpath(os.path.dirname(target), directory)
    current = directory
    for name in parents.split(os.sep) if parents != os.curdir else ():
        current = os.path.join(current, name)
        with contextlib.suppress(FileExistsError):
            durable.make_directory(current)
    return target
