# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every playbook begins with. That it refuses inventories is tried with real playbooks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.action import inventory_check

PLUGINS = "ansible_collections.infitulua.backup.plugins."
FILTERS = [path.stem for path in Path(inventory_check.__file__).parents[1].joinpath("filter").glob("*.py")]


def imported_with(*modules: str) -> set[str]:
    """What of the collection a new process has imported once it has imported some modules."""
    report = f"import sys; print(*[name for name in sys.modules if name.startswith({PLUGINS!r})])"
    path = f"import sys; sys.path[:0] = {sys.path!r}"
    program = "\n".join([path, *(f"import {PLUGINS}{module}" for module in modules), report])
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return set(run.stdout.split())


@pytest.mark.parametrize("action", ["inventory_check", "database_dump"])
def test_what_filters_need_is_imported_before_a_worker_is_forked(action: str) -> None:
    filters = [f"filter.{name}" for name in FILTERS]
    assert len(filters) > 3
    left = imported_with(*filters) - imported_with(f"action.{action}")
    assert left == {f"{PLUGINS}{name}" for name in ["filter", *filters]}
