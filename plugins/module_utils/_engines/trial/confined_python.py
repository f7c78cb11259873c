# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of this collection as a program of its own: a new Python that has nothing of this process's memory.

It is told apart from a fork by that: what was read here, such as a cloud's key, is not in it.
"""

from __future__ import annotations

import importlib.util
import io
import marshal
import os
import sys
import sysconfig
import typing as t
import zipfile

from ansible_collections.infitulua.backup.plugins.module_utils._system import confinement, payload
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command

_PACKAGE = "ansible_collections.infitulua.backup.plugins.module_utils"
# Where a confined Python finds the code.
CODE = "/code.zip"
# What compiled code begins with where no source is to be compared with it (PEP 552); the interpreter is the same one.
_COMPILED = importlib.util.MAGIC_NUMBER + b"\x01\0\0\0" + bytes(8)
_PYTHON = os.path.realpath(sys.executable)


class Code:
    """The part of this collection that is loaded, as a file without a name: wherever it lies, it can be read."""

    def __enter__(self) -> Code:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for depth in range(1, _PACKAGE.count(".") + 1):
                archive.writestr("/".join([*_PACKAGE.split(".")[:depth], "__init__.py"]), "")
            for name, module in sorted(sys.modules.items()):
                if name == _PACKAGE or name.startswith(_PACKAGE + "."):
                    code = getattr(module.__loader__, "get_code", lambda _name: None)(name)
                    path = name.replace(".", "/") + ("/__init__.pyc" if hasattr(module, "__path__") else ".pyc")
                    archive.writestr(path, _COMPILED + marshal.dumps(code or compile("", path, "exec")))
        self.descriptor = os.memfd_create("code", os.MFD_CLOEXEC)
        with open(os.dup(self.descriptor), "wb") as stream:
            stream.write(buffer.getvalue())
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def command(
        self, module: str, arguments: t.Sequence[str], *, launcher: t.Sequence[str], pass_fds: t.Sequence[int]
    ) -> Command:
        """Return what runs the function ``main`` of a module of this collection.

        :param launcher: of ``confinement.confined``, with this code as :data:`CODE`; nothing: not confined.
        """
        code = CODE if launcher else f"/proc/self/fd/{self.descriptor}"
        boot = (
            f"import sys; sys.path.insert(0, {code!r}); from {payload.__name__} import compile_once; compile_once();"
            f" from {module} import main; main()"
        )
        return Command(
            [_PYTHON, "-I", "-S", "-B", "-c", boot, *arguments],
            launcher=launcher,
            # Nothing that this process was told reaches it.
            environment={**dict.fromkeys(os.environ), "PATH": confinement.PROGRAMS},
            pass_fds=[*pass_fds, self.descriptor],
        )


def readable() -> list[str]:
    """Return what a confined Python must be able to read, besides the system's libraries."""
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    if sys.base_prefix not in ("/usr", "/"):
        places.add(os.path.join(sys.base_prefix, "lib"))  # Its own C library, which may be a shared one.
    return [_PYTHON, *sorted(place for place in places if os.path.isdir(place))]
