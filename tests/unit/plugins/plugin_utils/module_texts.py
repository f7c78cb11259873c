# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts that modules, and the code under plugins/module_utils, say, read from their source."""

from __future__ import annotations

import ast
import collections
import itertools
import typing as t
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[4] / "plugins"
_ERRORS = {
    "AccessDenied",
    "AlreadyStored",
    "BackupError",
    "Interrupted",
    "LinkLost",
    "LockHeld",
    "NotFound",
    "ProcessFailed",
    "Refused",
    "SetInvalid",
}
_VARIABLES = {
    "ACTION": "actions",
    "SUBSCRIPTION": "reasons",
    "CHECK_NAME": "checks",
    "NEXT_STEP": "steps",
    "UNTOUCHED": "steps",
    "basis": "reasons",
    "next_step": "steps",
    "why": "reasons",
}
# Which of their arguments says what failed, should that be for a reason that nobody foresaw.
_ACTION_AT = {"contained": 0, "carry_out": 1}
_CHECKS = {"Check", "_compare", "_equal", "compare"}


# Lists of remarks that grow.
_REMARKS = ("warnings.append", "remarks.append", "told.append")
# Functions that return some.
_TELLING = {
    "check_room",
    "relying_on_a_path",
    "require_room",
    "stop_event_triggers",
    "tell_past",
    "warnings",
    "warnings_of",
    "_check_extensions",
    "_check_space",
    "_compare_collations",
}


class Text(t.NamedTuple):
    """One text, with a value in each place that the code fills at run time."""

    sample: str
    values: tuple[str, ...]
    where: str


def module_texts() -> dict[str, list[Text]]:
    """Return the texts by kind: actions, targets, checks, details, remarks, reasons, steps."""
    found: dict[str, dict[str, Text]] = collections.defaultdict(dict)
    for path in sorted([*(PLUGINS / "module_utils").rglob("*.py"), *(PLUGINS / "modules").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for kind, expression in _said(node):
                for text in _samples(expression, f"{path.relative_to(PLUGINS)}:{expression.lineno}"):
                    found[kind].setdefault(text.sample, text)
    return {kind: list(texts.values()) for kind, texts in found.items()}


def _said(node: ast.AST) -> t.Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Call):
        yield from _said_by_call(node)
    elif isinstance(node, ast.FunctionDef) and node.name == "describe":
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and inner.value is not None:
                yield "targets", inner.value
    elif isinstance(node, ast.Assign):
        yield from _said_by_assignment(node)
    elif isinstance(node, ast.AugAssign) and f"{ast.unparse(node.target)}.append".endswith(_REMARKS):
        yield from (("remarks", element) for element in _elements(node.value))
    elif isinstance(node, ast.FunctionDef) and node.name.startswith("_explain"):
        # The kind of error, why, what to do next.
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Tuple) and len(inner.value.elts) == 3:
                yield "reasons", inner.value.elts[1]
                yield "steps", inner.value.elts[2]
    elif isinstance(node, ast.FunctionDef) and node.name in _TELLING:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and inner.value is not None:
                yield from (("remarks", element) for element in _elements(inner.value))


def _elements(expression: ast.expr) -> t.Iterator[ast.expr]:
    """Return what a list of texts consists of."""
    if isinstance(expression, ast.List):
        yield from expression.elts
    elif isinstance(expression, (ast.ListComp, ast.GeneratorExp)):
        yield expression.elt
    elif isinstance(expression, ast.IfExp):
        yield from (*_elements(expression.body), *_elements(expression.orelse))
    elif isinstance(expression, ast.BinOp):
        yield from (*_elements(expression.left), *_elements(expression.right))


def _said_by_assignment(node: ast.Assign) -> t.Iterator[tuple[str, ast.expr]]:
    target = node.targets[0]
    targets, values = [target], [node.value]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        targets, values = target.elts, node.value.elts
    for name, value in zip(targets, values):
        kind = _VARIABLES.get(name.id.lstrip("_")) if isinstance(name, ast.Name) else None
        if kind is not None:
            yield kind, value


def _said_by_call(node: ast.Call) -> t.Iterator[tuple[str, ast.expr]]:
    called = ast.unparse(node.func)
    name = called.rpartition(".")[2]
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    explained = name in _ERRORS or ("why" in given and "next_step" in given)
    if (explained and node.args) or (name == "_failed" and len(node.args) == 3):
        yield "actions", node.args[0]
    if len(node.args) > _ACTION_AT.get(name, len(node.args)):
        yield "actions", node.args[_ACTION_AT[name]]
    for argument, kind in (("what", "actions"), ("action", "actions"), ("why", "reasons"), ("next_step", "steps")):
        if argument in given:
            yield kind, given[argument]
    if name in _CHECKS and node.args:
        yield "checks", node.args[0]
        if name == "Check" and len(node.args) == 3:
            yield "details", node.args[2]
    if name in ("Advice", "_Advice") and node.args and isinstance(node.args[0], ast.Tuple):
        for entry in node.args[0].elts:
            if isinstance(entry, ast.Tuple):
                yield "steps", entry.elts[1]
    if called.endswith(_REMARKS):
        yield "remarks", node.args[0]
    if name == "LeftOut" and len(node.args) == 3:
        yield "reasons", node.args[2]


def _samples(expression: ast.expr, where: str) -> t.Iterator[Text]:
    for pieces in _pieces(expression):
        numbers = itertools.count(1)
        parts = [piece if piece is not None else f"v{next(numbers)}" for piece in pieces]
        values = tuple(part for part, piece in zip(parts, pieces) if piece is None)
        # What is nothing but values is a text from somewhere else.
        if any(piece and piece.strip(" .,:;()/@{}[]'") for piece in pieces):
            yield Text("".join(parts), values, where)


def _pieces(expression: ast.expr) -> list[list[str | None]]:
    """Return what an expression may be; None stands for a value."""
    if isinstance(expression, ast.Constant):
        return [[expression.value]] if isinstance(expression.value, str) else [[None]]
    if isinstance(expression, ast.IfExp):
        return _pieces(expression.body) + _pieces(expression.orelse)
    if isinstance(expression, ast.BoolOp):
        return [pieces for value in expression.values for pieces in _pieces(value)]
    if isinstance(expression, ast.JoinedStr):
        parts = [
            _pieces(value.value if isinstance(value, ast.FormattedValue) else value) for value in expression.values
        ]
        return [list(itertools.chain(*choice)) for choice in itertools.product(*parts)]
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Add):
        pairs = itertools.product(_pieces(expression.left), _pieces(expression.right))
        return [left + right for left, right in pairs]
    return [[None]]
