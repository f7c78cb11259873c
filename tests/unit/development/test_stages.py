# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A step that fails, hangs or leaves processes behind fails its stage and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from development import containers, environment, stages


def _gone(pid: int) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_later_steps_run_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    steps = [
        stages.Step.of("fails", "sh", "-c", "exit 3"),
        stages.Step.of("runs", "touch", str(tmp_path / "ran")),
    ]
    monkeypatch.setitem(stages.STAGES, "lint", steps)
    assert stages.main(["lint"]) == 1
    assert (tmp_path / "ran").exists()
    output = capfd.readouterr().out
    assert "FAILED with status 3" in output
    assert "1 of 2 steps failed" in output
    monkeypatch.setitem(stages.STAGES, "lint", steps[1:])
    assert stages.main(["lint"]) == 0


@pytest.mark.parametrize("alone", [True, False])
def test_the_end_of_the_output_says_what_failed_and_where(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], alone: bool
) -> None:
    tests = "echo FAILED tests/a.py::test_b - assert 1 == 2; echo 1 failed; exit 1"
    tool = "for line in $(seq 30); do echo line $line; done; printf 'the reason' >&2; exit 1"
    steps = [
        stages.Step.of("tests", "sh", "-c", tests, alone=alone),
        stages.Step.of("tool", "sh", "-c", tool, alone=alone),
        stages.Step.of("good", "sh", "-c", "echo FAILED is a word", alone=alone),
    ]
    monkeypatch.setitem(stages.STAGES, "lint", steps)
    assert stages.main(["lint"]) == 1
    end = capfd.readouterr().out.split("2 of 3 steps failed\n")[1]
    words = [f"  line {line}" for line in range(20, 31)]
    assert end.splitlines() == [
        "tests:",
        "  FAILED tests/a.py::test_b - assert 1 == 2",
        "tool:",
        *words,
        "  the reason",
    ]


def test_step_that_hangs_is_ended(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    outcome = stages.run(stages.Step("hangs", ("sh", "-c", f"sleep 300 & echo $! > {pids}; wait"), limit=1))
    assert outcome.status == 124
    assert outcome.seconds < 30
    assert _gone(int(pids.read_text()))


def test_what_a_step_leaves_behind_is_ended(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    outcome = stages.run(stages.Step("leaves", ("sh", "-c", f"sleep 300 & echo $! > {pids}"), limit=30))
    assert outcome.status == 0
    assert _gone(int(pids.read_text()))


def test_steps_side_by_side(capfd: pytest.CaptureFixture[str]) -> None:
    steps = [
        stages.Step.of(name, "sh", "-c", f"echo said by {name}; sleep 1; exit {status}", alone=False)
        for name, status in (("first", 0), ("second", 5))
    ]
    begin = time.monotonic()
    outcomes = stages.run_all(steps)
    assert [outcome.status for outcome in outcomes] == [0, 5]
    assert time.monotonic() - begin < 1.9 or (os.cpu_count() or 1) < 2
    output = capfd.readouterr().out
    for name in ("first", "second"):
        assert f"=== {name}\nsaid by {name}\n--- {name}" in output


@pytest.mark.parametrize("alone", [True, False])
def test_termination_ends_the_running_steps(tmp_path: Path, alone: bool) -> None:
    pids = tmp_path / "pids"
    program = (
        "import sys; from development import environment, stages; "
        f"step = stages.Step.of('long', 'sh', '-c', 'echo $$ > {pids}; sleep 300', alone={alone}); "
        "stages.STAGES['lint'] = [step]; sys.exit(stages.main(['lint']))"
    )
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, cwd=environment.ROOT, stdout=subprocess.DEVNULL) as runner:
        end = time.monotonic() + 20
        while not (pids.exists() and pids.read_text().strip()) and time.monotonic() < end:
            time.sleep(0.05)
        runner.terminate()
        assert runner.wait(30) == 128 + 15
    assert _gone(int(pids.read_text()))


def test_program_that_is_missing_fails_its_step_only() -> None:
    assert stages.run(stages.Step.of("missing", "no-such-program")).status == 127


@pytest.mark.parametrize("alone", [True, False])
def test_a_step_that_cannot_run_here_says_why_and_fails_only_in_continuous_integration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], alone: bool
) -> None:
    def no_podman() -> str:
        return "podman is not installed"

    mark = tmp_path / "ran"
    step = stages.Step.of("molecule: default", "touch", str(mark), alone=alone, obstacle=no_podman)
    monkeypatch.setitem(stages.STAGES, "lint", [step])
    monkeypatch.delenv("CI", raising=False)
    assert stages.main(["lint"]) == 0
    output = capfd.readouterr().out
    assert "skipped: podman is not installed" in output
    assert "passed, 1 skipped" in output

    monkeypatch.setenv("CI", "true")
    assert stages.main(["lint"]) == 1
    output = capfd.readouterr().out
    assert "FAILED: skipped: podman is not installed, and CI is set" in output
    assert "1 of 1 steps failed" in output
    assert not mark.exists()

    able = stages.Step.of("molecule: default", "touch", str(mark), alone=alone, obstacle=lambda: None)
    monkeypatch.setitem(stages.STAGES, "lint", [able])
    assert stages.main(["lint"]) == 0
    assert "skipped" not in capfd.readouterr().out
    assert mark.exists()


def test_every_scenario_of_molecule_is_a_step() -> None:
    scenarios = {path.parent.name for path in (environment.ROOT / "molecule").glob("*/molecule.yml")}
    assert {f"molecule: {name}" for name in scenarios} <= {step.name for step in stages.STAGES["molecule"]}
    named = {step.name.removeprefix("molecule: ") for step in stages.STAGES["molecule"] if "molecule: " in step.name}
    assert named == scenarios


def _program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        ({}, "podman is not installed"),
        ({"podman": "exit 0"}, "neither root nor password-less sudo"),
        ({"podman": "exit 0", "sudo": "exit 1"}, "neither root nor password-less sudo"),
        (
            {
                "podman": "exit 0",
                "sudo": "case $2 in true) exit 0;; esac; echo unshare: Operation not permitted >&2; exit 1",
            },
            "lets nobody make containers (unshare: Operation not permitted)",
        ),
        ({"podman": "exit 0", "sudo": "exit 0"}, None),
    ],
    ids=["no podman", "no sudo", "sudo asks", "no namespaces", "all there"],
)
def test_why_no_containers_can_be_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, programs: dict[str, str], reason: str | None
) -> None:
    for name, script in programs.items():
        _program(tmp_path, name, script)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = containers.obstacle()
    assert (found is None) if reason is None else (reason in (found or ""))
