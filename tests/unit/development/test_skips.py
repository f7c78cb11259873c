# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where CI is set, a test that is skipped fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from development import environment

TESTS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='no database')\ndef test_a(): pass\ndef test_b(): pass\n",
    "call": "import pytest\ndef test_a(): pytest.skip('no database')\ndef test_b(): pass\n",
    "fixture": "import pytest\n@pytest.fixture\ndef f(): pytest.skip('no database')\ndef test_a(f): pass\n",
    "module": "import pytest\npytest.skip('no database', allow_module_level=True)\n",
}


def _run(test: Path, *, ci: str, workers: int = 0) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(workers), str(test)]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    variables["CI"] = ci
    return subprocess.run(
        argv, cwd=environment.ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def test_file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    # The hooks come from the project's own conftest.py, as they do for its own tests.
    (tmp_path / "conftest.py").write_text(
        (environment.ROOT / "tests" / "conftest.py")
        .read_text()
        .replace("Path(__file__).resolve().parent.parent", f"Path({str(environment.ROOT)!r})")
    )
    path = tmp_path / "test_it.py"
    path.write_text(TESTS[request.param])
    return path


@pytest.mark.parametrize("test_file", sorted(TESTS), indirect=True)
def test_skip_fails_where_ci_is_set(test_file: Path) -> None:
    answer = _run(test_file, ci="true")
    assert answer.returncode == 1, answer.stdout
    assert "no database" in answer.stdout
    assert "skipped, which is a failure" in answer.stdout


@pytest.mark.parametrize("test_file", ["call"], indirect=True)
def test_skip_is_seen_through_workers(test_file: Path) -> None:
    assert _run(test_file, ci="true", workers=1).returncode == 1


@pytest.mark.parametrize("test_file", ["call"], indirect=True)
def test_skip_passes_elsewhere(test_file: Path) -> None:
    answer = _run(test_file, ci="")
    assert answer.returncode == 0, answer.stdout
    assert "which is a failure" not in answer.stdout
