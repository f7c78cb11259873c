# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible sends along with each module: all that it may need, and of engines no more than that."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines import registry
from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import KeptData, SourceEngine, TargetEngine
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registration import ServerRegistration
from ansible_collections.infitulua.backup.plugins.module_utils._engines.server.account import Account
from ansible_collections.infitulua.backup.plugins.module_utils._engines.trial.instance import Instance

UTILS = Path(registry.__file__).parents[1]
MODULES = {path.stem: path for path in UTILS.parent.joinpath("modules").glob("[a-z]*.py")}
PREFIX = "ansible_collections.infitulua.backup.plugins.module_utils"
# What a module does with engines, by the files that do it; the others only handle sets.
SERVERS, DATABASES = {"mariadb", "mysql", "postgresql"}, {"mariadb", "mysql", "postgresql", "sqlite"}
ALL = {*DATABASES, "files"}
DOES: dict[str, dict[str, set[str]]] = {
    "database_account": {"backup_account": SERVERS, "discovery": SERVERS},
    "database_dump": {"source": DATABASES, "discovery": SERVERS},
    "database_info": {"discovery": SERVERS},
    "database_restore": {"target": DATABASES, "kept": DATABASES},
    "drill_info": {"instance": ALL, "target": ALL, "kept": ALL},
    "drill_delivery": {"instance": ALL, "target": ALL, "kept": ALL},
    "files_archive": {"source": {"files"}},
    "files_restore": {"target": {"files"}, "kept": {"files"}},
    "replaced_prune": {"kept": ALL, "discovery": SERVERS},
    "restore_drill": {
        "instance": ALL,
        "target": ALL,
        "kept": ALL,
    },
}
PARTS = ("source", "target", "kept", "discovery", "instance", "backup_account")


@functools.lru_cache(None)
def imports_of(path: Path) -> frozenset[Path]:
    """The files that import statements of a file name, wherever they stand: as Ansible finds them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not (node.level or (node.module or "").startswith(PREFIX)):
            continue
        base = path.parents[node.level - 1] if node.level else UTILS
        inner = (node.module or "") if node.level else (node.module or "")[len(PREFIX) + 1 :]
        folder = base.joinpath(*inner.split(".")) if inner else base
        for alias in node.names:
            file = folder / f"{alias.name}.py"
            found.add(file if file.exists() else folder.with_suffix(".py"))
    return frozenset(found)


def payload(module: str) -> set[Path]:
    """What is sent along with a module."""
    found: set[Path] = set()
    waiting = [MODULES[module]]
    while waiting:
        for path in imports_of(waiting.pop()) - found:
            found.add(path)
            waiting.append(path)
    return found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_of_engines_only_that_is_sent_which_a_module_does_with_them(module: str) -> None:
    sent: dict[str, set[str]] = {}
    for path in payload(module):
        if path.stem in PARTS and path.parent.name in ALL:
            sent.setdefault(path.stem, set()).add(path.parent.name)
    assert sent == DOES.get(module, {})


@pytest.mark.parametrize("name", sorted(registry.ENGINES))
def test_the_parts_of_each_engine_are_found_by_name(name: str) -> None:
    kind = registry.ENGINES[name]
    options: dict[str, t.Any] = {"paths": ["/srv"]} if name == "files" else {"database": "x"}
    if name == "sqlite":
        options = {"path": "/srv/x.db"}
    source, target = kind.source(options), kind.target(options)
    assert isinstance(source, SourceEngine)
    assert isinstance(target, TargetEngine)
    assert source.name == target.name == name
    assert isinstance(kind.kept(options), KeptData)
    assert issubclass(kind.instance(), Instance)
    if issubclass(kind, ServerRegistration):
        assert issubclass(kind.account(), Account)


def test_no_engine_is_loaded_before_it_is_asked_for() -> None:
    statement = (
        f"import sys; sys.path[:0] = {sys.path!r};"
        "import ansible_collections.infitulua.backup.plugins.modules.database_dump; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=True).stdout
    assert f"{PREFIX}._engines.registry" in loaded.split()
    assert not [name for name in loaded.split() if name.startswith(PREFIX) and name.endswith(".source")]
