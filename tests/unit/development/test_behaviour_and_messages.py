# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the code does depends on an error's type and facts, never on the words of its message."""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
TEXTS = {"why", "what", "message"}
SEARCHES = {"search", "match", "fullmatch", "findall", "finditer"}
QUESTIONS = {"startswith", "endswith", "find", "index", "count", "split", "partition"}
NAMES = {"error", "cause", "problem"}
# Where words may be looked at, and why. Shrink it.
ALLOWED = {
    "module_utils/_operations/list/operation.py": "the same message is told once",
}


def looked_at(source: str) -> list[int]:
    """Return the lines on which the words of an error decide."""
    tree = ast.parse(source)
    names = NAMES | {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}

    def is_text(node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("lower", "strip"):
            return is_text(node.func.value)
        return (
            isinstance(node, ast.Attribute)
            and node.attr in TEXTS
            and isinstance(node.value, ast.Name)
            and node.value.id in names
        )

    def operands(node: ast.AST) -> t.Sequence[ast.AST]:
        if isinstance(node, ast.Compare):
            return [node.left, *node.comparators]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in SEARCHES:
                return node.args
            if node.func.attr in QUESTIONS:
                return [node.func.value]
        return []

    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr) and any(map(is_text, operands(node)))]


def found() -> dict[str, list[int]]:
    files = {str(path.relative_to(PLUGINS)): path.read_text(encoding="utf-8") for path in PLUGINS.rglob("*.py")}
    return {name: lines for name, lines in ((name, looked_at(text)) for name, text in files.items()) if lines}


def test_no_behaviour_hangs_on_the_words_of_a_message() -> None:
    assert {name: lines for name, lines in found().items() if name not in ALLOWED} == {}


def test_nothing_is_allowed_that_need_not_be() -> None:
    assert set(ALLOWED) <= set(found())


@pytest.mark.parametrize(
    ("condition", "is_found"),
    [
        ('"SIGKILL" in error.why', True),
        ('"no such" not in error.message.lower()', True),
        ('error.what == "start a program"', True),
        ("PATTERN.search(error.why)", True),
        ('error.why.startswith("ERROR")', True),
        ("isinstance(error, OSError)", False),
        ("print(error.why.rstrip())", False),
    ],
)
def test_what_is_found(condition: str, is_found: bool) -> None:
    source = f"try:\n    go()\nexcept BackupError as error:\n    if {condition}:\n        raise\n"
    assert bool(looked_at(source)) is is_found
