# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away tree of files: a directory."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instance import Instance


class FilesInstance(Instance):
    """A directory in the instance's directory."""

    def __enter__(self) -> FilesInstance:
        os.mkdir(self._path, 0o700)
        return self

    @property
    def _path(self) -> str:
        return os.path.join(self.place.directory, "tree")

    @property
    def target(self) -> dict[str, t.Any]:
        return {"directory": self._path}

    def ask(self, query: str) -> str:
        raise Refused(
            "ask restored files",
            on=query,
            why="only databases answer queries",
            next_step="Remove the query, or name the source that it is for.",
        )
