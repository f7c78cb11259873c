# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Products that share code are told apart by types that mypy checks: by no attribute of any type, and by no cast."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from development.layout import FAMILIES, SIBLINGS

ENGINES = Path(__file__).resolve().parents[3] / "plugins" / "module_utils" / "_engines"
PLAIN = {"str", "int", "float", "bool", "bytes", "list", "dict", "tuple", "set"}


def found_in(source: str) -> list[int]:
    """Return the lines that hide a type: a class attribute of any type, or a cast to a class."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            attributes = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            lines += [
                each.lineno for each in attributes if ast.unparse(each.annotation) in ("t.ClassVar[t.Any]", "t.Any")
            ]
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("t.cast", "cast") and node.args:
            target = node.args[0]
            written = target.value if isinstance(target, ast.Constant) else ast.unparse(target)
            if str(written).partition("[")[0] not in PLAIN:
                lines.append(node.lineno)
    return lines


def test_engines_hide_no_type() -> None:
    folders = {*SIBLINGS["_engines"][0], *FAMILIES}
    files = [path for folder in folders for path in (ENGINES / folder).glob("*.py")]
    assert len(files) > 100
    found = {str(path): found_in(path.read_text(encoding="utf-8")) for path in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("catalogue: t.ClassVar[t.Any]", True),
        ("catalogue: t.Any = None", True),
        ("catalogue: t.ClassVar[type[Catalogue]]", False),
        ("session = t.cast('MysqlSession', session)", True),
        ("session = t.cast(MysqlSession, session)", True),
        ("key = t.cast('str', table.key)", False),
        ("tables = t.cast('list[str]', tables)", False),
    ],
)
def test_what_is_found(line: str, is_found: bool) -> None:
    assert bool(found_in(f"class A:\n    {line}\n")) is is_found
