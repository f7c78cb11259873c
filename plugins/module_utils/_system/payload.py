# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The payload of a module: the zip archive with its code, which Ansible builds and Python imports from.

Nothing of it is compiled beforehand, and Python compiles each file of such an archive twice: once to say its file,
and once to run it (https://github.com/python/cpython/issues/141276). That was a sixth of what a module of this
collection takes of a processor before it begins.
"""

from __future__ import annotations

import os
import sys
import types
import typing as t
import zipimport


class _Importer(zipimport.zipimporter):
    """Finds the modules of a zip archive, and compiles each when it is run only.

    What was compiled is kept, for whoever sends the code that runs here to a Python of its own.
    """

    _compiled: t.ClassVar[dict[str, types.CodeType]] = {}

    def get_code(self, fullname: str) -> types.CodeType:
        """Return a module's code.

        :raises zipimport.ZipImportError: there is no such module.
        """
        if fullname not in self._compiled:
            self._compiled[fullname] = super().get_code(fullname)
        return self._compiled[fullname]

    def get_filename(self, fullname: str) -> str:
        """Return the path of a module within its archive.

        :raises zipimport.ZipImportError: there is no such module.
        """
        path = os.path.join(self.archive, self.prefix, fullname.rpartition(".")[2])
        return f"{path}/__init__.py" if self.is_package(fullname) else f"{path}.py"


def compile_once() -> None:
    """Let each file that is imported from now on be compiled once, where this one came out of an archive."""
    if not isinstance(sys.modules[__name__].__loader__, zipimport.zipimporter) or _Importer in sys.path_hooks:
        return
    sys.path_hooks.insert(0, _Importer)
    for path, importer in list(sys.path_importer_cache.items()):
        if isinstance(importer, zipimport.zipimporter):
            del sys.path_importer_cache[path]
