# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's payload is compiled once, in archives as Ansible builds them, and what was compiled can be had again."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._system import payload

PLUGINS = Path(payload.__file__).resolve().parents[2]
PAYLOAD = "ansible_collections.infitulua.backup.plugins.module_utils._system.payload"
# Counts what is compiled of an archive, and tells of each module where it says that it is.
PROGRAM = f"""\
import collections, importlib, json, sys, zipimport
compiled = collections.Counter()
original = zipimport._compile_source
zipimport._compile_source = lambda path, source: (compiled.update([path]), original(path, source))[1]
sys.path.insert(0, sys.argv[1])
if len(sys.argv) > 2:
    importlib.import_module({PAYLOAD!r}).compile_once()
compiled.clear()
names = ["lone", "folder", "folder.inner", "folder.inner.leaf"]
modules = [importlib.import_module(name) for name in names]
again = [module.__loader__.get_code(module.__name__).co_filename for module in modules]
print(json.dumps([compiled, [module.__file__ for module in modules], again]))
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "payload.zip"
    with zipfile.ZipFile(path, "w") as archive:
        *packages, name = PAYLOAD.split(".")
        for depth in range(1, len(packages) + 1):
            archive.writestr("/".join([*packages[:depth], "__init__.py"]), "")
        archive.write(payload.__file__, "/".join([*packages, f"{name}.py"]))
        for module in ("lone.py", "folder/__init__.py", "folder/inner/__init__.py", "folder/inner/leaf.py"):
            archive.writestr(module, "value = 1\n")
    return path


def test_each_file_is_compiled_once_and_is_where_it_always_was(archive: Path) -> None:
    def run(*arguments: str) -> list[dict[str, int]]:
        argv = [sys.executable, "-c", PROGRAM, str(archive), *arguments]
        answer: list[dict[str, int]] = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
        return answer

    before, after = run(), run("once")
    # Python 3.9 asks an archive for no code when it imports from it.
    assert set(after[0].values()) == {2 if sys.version_info < (3, 10) else 1}
    assert min(before[0].values()) > max(after[0].values())
    assert after[1:] == before[1:]


def test_outside_of_an_archive_nothing_changes() -> None:
    before = list(sys.path_hooks)
    payload.compile_once()
    assert sys.path_hooks == before


@pytest.mark.parametrize("path", sorted((PLUGINS / "modules").glob("*.py")), ids=lambda path: path.stem)
def test_every_module_says_so_before_it_imports_anything_else_of_its_payload(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [
        node for node in tree.body if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ansible")
    ]
    calls = [node.lineno for node in tree.body if ast.unparse(node) == "compile_once()"]
    if imports:  # The check of the inventory is an action alone.
        assert imports[0].module == PAYLOAD
        assert calls
        assert calls[0] < imports[1].lineno
