# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of who imports whom under ``plugins``, and the drawing of it in docs/architecture.md.

``python -m development.layout`` checks both; with ``--draw`` it writes the drawing anew.
"""

from __future__ import annotations

import argparse
import ast
import sys
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = "ansible_collections.infitulua.backup.plugins"
DOCUMENT = ROOT / "docs" / "architecture.md"
# Each imports from those below it only; those on one line know nothing of each other.
FLOORS = (
    ("modules", "action", "callback", "filter", "lookup"),
    ("plugin_utils",),
    ("_operations",),
    ("_engines", "_media"),
    ("_sets",),
    ("_system",),
    ("_errors",),
    ("_printable",),
)
_UTILS = ROOT / "plugins" / "module_utils"
_OF_ALL_MEDIA = {"__init__", "base", "registry"}
# Siblings, which import nothing of each other, and who may know all of them: each engine is a folder that registers it,
# each medium a file or a folder.
SIBLINGS = {
    "_engines": (
        {path.parent.name for path in (_UTILS / "_engines").glob("*/registration.py")},
        {"_engines.registry", "_engines.parts"},
    ),
    "_media": (
        {path.stem for path in (_UTILS / "_media").glob("[a-z]*")} - _OF_ALL_MEDIA,
        {"_media.registry"},
    ),
}
# What siblings share among a few of them.
FAMILIES = {"mysql_family"}
# Who is thin: a module calls an operation. Besides that it compiles its own files once.
OF_MODULES = ("_operations", "_system.payload")
# Operations know engines and media by their registries, except these: sets pass through directories on this host, and
# what an audit looks into, retention locks and step 1 can prepare is an object store.
KNOWN_TO_OPERATIONS = {
    ("_operations", "_media.directory"),
    ("_operations.audit", "_media.s3"),
    ("_operations.cloud", "_media.s3"),
    ("_operations.prune", "_media.s3"),
}
BEGIN, END = "<!-- drawn from the imports: python -m development.layout --draw -->", "<!-- end of the drawing -->"

Arrows = dict[str, set[str]]


class Code:
    """The Python files of a collection and what they import of it.

    :param root: the collection's directory.
    :ivar arrows: module to the modules that it imports; named without ``plugins`` and ``module_utils``.
    :ivar problems: what was wrong with an import itself.
    """

    def __init__(self, root: Path) -> None:
        self._plugins = root / "plugins"
        self.files = {
            _name(path.relative_to(self._plugins)): path
            for path in sorted(self._plugins.rglob("*.py"))
            if path.name != "__init__.py"
        }
        self.arrows: Arrows = {name: set() for name in self.files}
        self.problems: list[str] = []
        for name, path in self.files.items():
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom):
                    self._read(name, path, node)

    def _read(self, name: str, path: Path, node: ast.ImportFrom) -> None:
        where = f"{path.relative_to(self._plugins.parent)}:{node.lineno}"
        if node.level:
            folder = path.relative_to(self._plugins).parts[:-1]
            base = [*folder[: len(folder) - node.level + 1], *(node.module.split(".") if node.module else [])]
        elif (node.module or "").startswith(PLUGINS):
            base = (node.module or "")[len(PLUGINS) + 1 :].split(".")
        else:
            if node.module == "ansible.module_utils.basic" and not name.startswith("modules."):
                self.problems.append(f"{where}: only modules know AnsibleModule")
            return
        for alias in node.names:
            full = _name(Path(*base, f"{alias.name}.py"))
            target = full if full in self.files else _name(Path(*base).with_suffix(".py"))
            if target not in self.files:
                self.problems.append(f"{where}: there is no {target}")
                continue
            self.arrows[name].add(target)
            if name.startswith("_") and _floor(name) is not None and (_top(name) == _top(target)) != bool(node.level):
                how = "relative" if _top(name) == _top(target) else "absolute"
                self.problems.append(f"{where}: the import of {target} should be {how}")


def problems(code: Code) -> list[str]:
    """Return what breaks a rule, a line each."""
    found = list(code.problems)
    for name, targets in code.arrows.items():
        for target in sorted(targets):
            here, there = _floor(name), _floor(target)
            if here is None or there is None:
                found.append(
                    f"{name}: no floor is named for it" if here is None else f"{target}: no floor is named for it"
                )
            elif _top(name) != _top(target) and there <= here:
                found.append(f"{name} imports {target}, which is not below it")
            elif _strange(name, target):
                found.append(f"{name} imports {target}: siblings know nothing of each other")
            elif _top(name) == "modules" and not target.startswith(OF_MODULES):
                found.append(f"{name} imports {target}: a module imports operations only")
            elif _top(name) == "_operations" and _particular(name, target):
                found.append(f"{name} imports {target}: operations know no particular engine or medium")
    found += [f"a circle of imports: {' -> '.join(circle)}" for circle in circles(code.arrows)]
    found += _detours(code.arrows)
    return sorted(set(found))


def _strange(name: str, target: str) -> bool:
    siblings, who_knows = SIBLINGS.get(_top(target), (set[str](), set[str]()))
    if _top(name) != _top(target) or ".".join(name.split(".")[:2]) in who_knows:
        return False
    own, other = name.split(".")[1], target.split(".")[1]
    return other in siblings and own != other


def _particular(name: str, target: str) -> bool:
    """Tell whether an operation imports one engine, or the family of two, or one medium."""
    siblings = {*SIBLINGS.get(_top(target), (set[str](), set[str]()))[0], *FAMILIES}
    folder = ".".join(target.split(".")[:2])
    known = {folder for who, folder in KNOWN_TO_OPERATIONS if name.startswith(f"{who}.")}
    return folder.rpartition(".")[2] in siblings and folder not in known


def _detours(arrows: Arrows) -> list[str]:
    """Return the ways on which one sibling reaches another, or who knows all of them, through others."""
    found = []
    for folder, (siblings, who_knows) in SIBLINGS.items():
        for name in arrows:
            own = ".".join(name.split(".")[:2])
            if _top(name) != folder or own in who_knows or own.rpartition(".")[2] not in siblings:
                continue
            forbidden = {f"{folder}.{sibling}" for sibling in siblings} | who_knows
            found += [
                f"{name} reaches {target}: siblings know nothing of each other, nor of who knows them"
                for target in sorted(_reached(name, arrows))
                if (there := ".".join(target.split(".")[:2])) in forbidden and there != own
            ]
    return found


def _reached(name: str, arrows: Arrows) -> set[str]:
    found: set[str] = set()
    left = [name]
    while left:
        new = arrows.get(left.pop(), set()) - found
        found |= new
        left += new
    return found


def circles(arrows: Arrows) -> list[list[str]]:
    """Return the circles, each as the modules that it goes through; of several through one module, one."""
    found: list[list[str]] = []
    done: set[str] = set()

    def follow(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
            return
        if name in done:
            return
        for target in sorted(arrows.get(name, ())):
            follow(target, [*path, name])
        done.add(name)

    for name in sorted(arrows):
        follow(name, [])
    return found


def drawing(code: Code) -> str:
    """Return the folders and the arrows between them, as a Mermaid flow chart."""
    rooms = {name: _room(name) for name in code.files}
    between = sorted(
        {(rooms[a], rooms[b]) for a, targets in code.arrows.items() for b in targets if rooms[a] != rooms[b]}
    )
    lines = ["```mermaid", "flowchart TD"]
    for number, floor in enumerate(FLOORS):
        there = sorted({room for name, room in rooms.items() if _floor(name) == number})
        lines.append(f"  subgraph floor{number}[ ]")
        lines += [f'    {_identifier(room)}["{room}"]' for room in there]
        lines.append("  end")
        del floor
    lines += [f"  {_identifier(a)} --> {_identifier(b)}" for a, b in between]
    return "\n".join([*lines, "```"])


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[1:] if parts[0] == "module_utils" else parts)


def _top(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def _floor(name: str) -> int | None:
    return next((number for number, floor in enumerate(FLOORS) if _top(name) in floor), None)


def _room(name: str) -> str:
    """Return the folder that is drawn: one of each engine and medium, else that of the floor."""
    siblings = SIBLINGS.get(_top(name), (set[str](), set[str]()))[0] | FAMILIES
    second = name.split(".")[1] if "." in name else ""
    return f"{_top(name)}/{second}" if second in siblings and _top(name) in SIBLINGS else _top(name)


def _identifier(room: str) -> str:
    return room.strip("_").replace("/", "_")


def _replaced(text: str, chart: str) -> str:
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:begin]}\n{chart}\n{text[end:]}"


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Check the rules, and check or write the drawing.

    :returns: the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", action="store_true", help="write the drawing into docs/architecture.md")
    draw = parser.parse_args(arguments).draw
    code = Code(ROOT)
    found = problems(code)
    text = DOCUMENT.read_text(encoding="utf-8")
    wanted = _replaced(text, drawing(code))
    if draw:
        DOCUMENT.write_text(wanted, encoding="utf-8")
    elif wanted != text:
        found.append(
            "docs/architecture.md: the drawing is not that of the imports: python -m development.layout --draw"
        )
    print(
        "\n".join(found) or f"{len(code.files)} files, {sum(map(len, code.arrows.values()))} imports: as the rules say"
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
