# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of who imports whom is noticed when it is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from development import layout

UTILS = f"{layout.PLUGINS}.module_utils"
ANSIBLE_MODULE = "from ansible.module_utils.basic import AnsibleModule\n"
GOOD = {
    "modules/dump.py": f"{ANSIBLE_MODULE}from {UTILS}._operations.dump import go\n",
    "module_utils/_operations/dump.py": (
        f"from {UTILS}._engines import registry\nfrom {UTILS}._media import directory\n"
    ),
    "module_utils/_engines/registry.py": "def late():\n    from .files.engine import FilesEngine\n",
    "module_utils/_engines/files/engine.py": f"from {UTILS}._sets import bag\nfrom ..names import shown\n",
    "module_utils/_engines/files/other.py": "",
    "module_utils/_engines/names.py": "",
    "module_utils/_engines/sqlite/engine.py": "from ..names import shown\n",
    "module_utils/_media/registry.py": "from .ssh import Ssh\n",
    "module_utils/_media/directory.py": "",
    "module_utils/_media/ssh.py": "",
    "module_utils/_sets/bag.py": "",
}
BROKEN = {
    "upwards": ("module_utils/_sets/bag.py", f"from {UTILS}._operations import dump\n", "which is not below it"),
    "an engine to a medium": ("module_utils/_engines/names.py", f"from {UTILS}._media import ssh\n", "not below it"),
    "an engine to another": ("module_utils/_engines/sqlite/engine.py", "from ..files import engine\n", "siblings"),
    "an engine to who knows all": (
        "module_utils/_engines/sqlite/engine.py",
        "from .. import registry\n",
        "_engines.sqlite.engine reaches _engines.files.engine: siblings",
    ),
    "an engine to another by a detour": (
        "module_utils/_engines/names.py",
        "from .files import other\n",
        "_engines.sqlite.engine reaches _engines.files.other: siblings",
    ),
    "a medium to another": ("module_utils/_media/ssh.py", "from .directory import Contents\n", "siblings"),
    "by a nested import": ("module_utils/_media/ssh.py", "def f():\n    from . import directory\n", "siblings"),
    "in a circle": ("module_utils/_engines/names.py", "from . import registry\n", "a circle of imports"),
    "AnsibleModule": (
        "module_utils/_sets/bag.py",
        ANSIBLE_MODULE,
        "only modules know AnsibleModule",
    ),
    "absolute inside a folder": (
        "module_utils/_engines/sqlite/engine.py",
        f"from {UTILS}._engines.names import shown\n",
        "should be relative",
    ),
    "what is not there": ("module_utils/_media/ssh.py", "from .gone import x\n", "there is no _media.gone"),
    "a module past the operations": (
        "modules/dump.py",
        f"from {UTILS}._engines import registry\n",
        "modules.dump imports _engines.registry: a module imports operations only",
    ),
    "an operation to one medium": (
        "module_utils/_operations/dump.py",
        f"from {UTILS}._media import ssh\n",
        "operations know no particular engine or medium",
    ),
    "an operation to one engine": (
        "module_utils/_operations/dump.py",
        f"from {UTILS}._engines.files import engine\n",
        "operations know no particular engine or medium",
    ),
    "a folder without a floor": ("module_utils/_new/thing.py", f"from {UTILS}._sets import bag\n", "no floor is named"),
}


def _problems(root: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        path = root / "plugins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return layout.problems(layout.Code(root))


def test_what_keeps_the_rules_has_no_problem(tmp_path: Path) -> None:
    assert _problems(tmp_path, GOOD) == []


@pytest.mark.parametrize(("name", "text", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_told(tmp_path: Path, name: str, text: str, problem: str) -> None:
    found = _problems(tmp_path, {**GOOD, name: text})
    assert any(problem in line for line in found), found


def test_each_engine_and_medium_is_drawn_by_itself(tmp_path: Path) -> None:
    _problems(tmp_path, GOOD)
    chart = layout.drawing(layout.Code(tmp_path))
    assert "engines --> engines_files" in chart
    assert "media --> media_ssh" in chart
    assert "engines_files --> sets" in chart
