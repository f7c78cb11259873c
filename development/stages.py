# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of ``make check`` and ``make test``: what runs, in which order, for how long at most.

A step that fails does not keep the later ones from running: one run shows everything that is wrong. The table at the
end names each step with its time, what failed says its last words again below it (a log is often kept by its end only),
and the exit status is non-zero where one failed.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from development import containers, environment

PYTHON = sys.executable
MINUTE = 60.0
# Of a step that failed: lines that are kept, lines that are shown again, characters of each.
_KEPT, _SHOWN, _WIDTH = 200, 12, 300
COLLECTION = "ansible_collections.infitulua.backup.plugins"


@dataclass(frozen=True)
class Step:
    """One command of a stage and the time after which it is ended by force, in seconds.

    A step that need not be alone runs beside its neighbours of the same kind, and what it prints is shown at its end.
    ``obstacle`` says, when the step's turn has come, why this machine cannot carry it out, or nothing.
    """

    name: str
    argv: tuple[str, ...]
    limit: float
    alone: bool = True
    obstacle: Callable[[], str | None] | None = None

    @classmethod
    def of(
        cls,
        name: str,
        *argv: str,
        minutes: float = 5,
        alone: bool = True,
        obstacle: Callable[[], str | None] | None = None,
    ) -> Step:
        """Make a step from words."""
        return cls(name=name, argv=argv, limit=minutes * MINUTE, alone=alone, obstacle=obstacle)


@dataclass(frozen=True)
class Outcome:
    """How a step ended, or why it did not begin: that is a failure where ``CI`` is set, as a skipped test is."""

    step: Step
    status: int
    seconds: float
    skipped: str | None = None
    last_words: Sequence[str] = field(default=(), repr=False)

    def why(self) -> list[str]:
        """Return what it said of its failures: the names where it names them as pytest does, else its last lines."""
        named = [line for line in self.last_words if line.startswith(("FAILED ", "ERROR "))]
        return named[-_SHOWN:] or list(self.last_words)[-_SHOWN:]

    def __str__(self) -> str:
        verdict = "passed" if self.status == 0 else f"FAILED with status {self.status}"
        if self.skipped is not None:
            verdict = f"skipped: {self.skipped}"
            if self.status:
                verdict = f"FAILED: {verdict}, and CI is set"
        return f"{self.step.name:<34} {self.seconds:8.1f} s  {verdict}"


def _pytest(*arguments: str) -> tuple[str, ...]:
    return (PYTHON, "-m", "pytest", "-q", *arguments)


#: The linters run side by side, the slowest first.
LINT = [
    Step.of("ansible-lint", "ansible-lint", "--offline", "-q", "--nocolor", alone=False),
    Step.of(
        "antsibull-docs", "antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", ".", alone=False
    ),
    Step.of("mypy", "mypy", "-p", COLLECTION, "-p", "development", alone=False),
    Step.of("mypy: program age", "mypy", "development/programs/age", alone=False),
    Step.of("mypy: program age-keygen", "mypy", "development/programs/age-keygen", alone=False),
    Step.of("mypy: tests", "mypy", "tests", "bench", alone=False),
    Step.of("mypy: runner.example", "mypy", "runner.example/run.py", "runner.example/project/files", alone=False),
    Step.of("ruff check", "ruff", "check", "--output-format", "concise", ".", alone=False),
    Step.of("ruff format", "ruff", "format", "--check", "--output-format", "concise", ".", alone=False),
    Step.of("layout of the code", PYTHON, "-m", "development.layout", alone=False),
    Step.of("antsibull-changelog", "antsibull-changelog", "lint", alone=False),
]
UNIT = [
    Step.of(
        "unit tests",
        *_pytest("-n", "2", "--dist", "worksteal", "--cov", "--cov-report=term", "tests/unit"),
        minutes=10,
    )
]
PACKAGES = [Step.of("system packages", PYTHON, "-m", "development.system_packages", minutes=10)]
BUILD = [Step.of("build, install, try", PYTHON, "-m", "development.build")]
SANITY = [Step.of("ansible-test", PYTHON, "-m", "development.ansible_test", minutes=30)]
#: What the tests leave to chance: another one each day, the same all day, so that what failed can be had again.
SEED = os.environ.setdefault("SEED", time.strftime("%Y%m%d"))
INTEGRATION = [
    Step.of(
        "integration tests",
        # The order is of tests/integration/conftest.py: the files that take longest first.
        *_pytest(
            "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", f"--hypothesis-seed={SEED}", "tests/integration"
        ),
        minutes=60,
    )
]
#: Every playbook, as often as KILLS says, in days of their own; the integration tests kill each once, in one day.
#: Uploads and prunings, two hundred times in all; the integration tests do so twenty times.
KILLS = [
    Step.of(
        "killed playbooks",
        *("env", f"KILLS={os.environ.get('KILLS') or 'all'}"),
        *_pytest("-n", "2", "--dist", "worksteal", "-rP", "tests/integration/playbooks/killed/test_killed_often.py"),
        minutes=240,
    ),
    Step.of(
        "killed uploads and prunings",
        *("env", f"MEDIA_KILLS={os.environ.get('MEDIA_KILLS') or 200}"),
        *_pytest("-n", "2", "--dist", "worksteal", "-rP", "tests/integration/media/test_killed.py"),
        minutes=60,
    ),
]
#: The daily run by a simulated clock, as many days as DAYS says in each of three zones; the integration tests have 36.
DAYS = [
    Step.of(
        "simulated days",
        *("env", f"DAYS={os.environ.get('DAYS') or 400}"),
        *_pytest("-n", "2", "--dist", "worksteal", "-rP", "tests/integration/media/simulated"),
        minutes=120,
    )
]
#: A call that fails, in the run of each module, as often as FAULTS says; the integration tests have one fail in each.
FAULTS = [
    Step.of(
        "failing system calls",
        *("env", f"FAULTS={os.environ.get('FAULTS') or 20}"),
        *_pytest("-n", "2", "--dist", "worksteal", "tests/integration/core/test_faults.py"),
        *(f"tests/integration/{place}/test_failing_calls.py" for place in ("media", "postgresql", "mariadb")),
        minutes=240,
    )
]
MOLECULE_PACKAGES = [
    Step.of("packages for molecule", PYTHON, "-m", "development.system_packages", "molecule", minutes=10)
]


def _scenarios(*names: str) -> list[Step]:
    """Scenarios side by side: each has hosts and a network of its own, and waits for them half of the time."""
    return [
        Step.of(
            f"molecule: {name}",
            *("molecule", "test", "--scenario-name", name),
            minutes=25,
            alone=False,
            obstacle=containers.obstacle,
        )
        for name in names
    ]


MOLECULE = [*MOLECULE_PACKAGES, *_scenarios("default", "disaster", "restore_drill", "upgrade")]
#: What of it is in the day's tests. While a scenario waits for its hosts, ansible-test goes on.
MOLECULE_DAILY = [
    *MOLECULE_PACKAGES,
    *(replace(step, alone=False) for step in SANITY),
    *_scenarios("default", "restore_drill"),
]
DEMO = [Step.of("demo", PYTHON, "-m", "development.demo", minutes=8)]

STAGES: dict[str, list[Step]] = {
    "lint": LINT,
    "unit": UNIT,
    "check": [*LINT, *UNIT],
    "packages": PACKAGES,
    "build": BUILD,
    "sanity": SANITY,
    "integration": INTEGRATION,
    "kills": KILLS,
    "days": DAYS,
    "faults": FAULTS,
    "molecule": MOLECULE,
    "demo": DEMO,
    "test": [*PACKAGES, *LINT, *UNIT, *BUILD, *INTEGRATION, *MOLECULE_DAILY, *DEMO],
}


_processes: set[subprocess.Popen[bytes]] = set()
_printing = threading.Lock()


def run(step: Step) -> Outcome:
    """Run one step in a process group of its own, so that what it leaves behind can be ended with it."""
    if step.alone:
        print(f"\n=== {step.name}", flush=True)
    begin = time.monotonic()
    obstacle = step.obstacle() if step.obstacle else None
    status, output = (int(environment.in_ci()), collections.deque[str]()) if obstacle else _execute(step)
    outcome = Outcome(
        step=step,
        status=status,
        seconds=time.monotonic() - begin,
        skipped=obstacle,
        last_words=[line[:_WIDTH] for line in itertools.islice(reversed(output), _KEPT)][::-1],
    )
    with _printing:
        if not step.alone:
            print("\n".join([f"\n=== {step.name}", *output]))
        print(f"--- {outcome}", flush=True)
    return outcome


def _execute(step: Step) -> tuple[int, collections.deque[str]]:
    """Return the status of a step's command, and what it printed: all, or the end where it was shown as it came."""
    printed = collections.deque[str](maxlen=_KEPT if step.alone else None)
    try:
        process = subprocess.Popen(
            step.argv,
            cwd=environment.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return 127, collections.deque([str(error)])
    remark = None
    try:
        _processes.add(process)
        reader = threading.Thread(target=_read, args=(process, printed, step.alone), daemon=True)
        reader.start()
        status = process.wait(step.limit)
    except subprocess.TimeoutExpired:
        status, remark = 124, f"ended after {step.limit:.0f} seconds"
    finally:
        _end(process)
    reader.join(10)  # What left the group may hold the pipe for as long as it likes.
    if remark:
        printed.append(remark)
    return status, printed.copy()


def _read(process: subprocess.Popen[bytes], printed: collections.deque[str], show: bool) -> None:
    """Keep what a process prints, and show it as it comes: a line of dots is progress before it ends."""
    assert process.stdout is not None
    rest = b""
    with process.stdout as pipe:
        while chunk := os.read(pipe.fileno(), 65536):
            if show:
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
            *lines, rest = (rest + chunk).split(b"\n")
            printed.extend(line.decode(errors="replace") for line in lines)
    if rest:
        printed.append(rest.decode(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group: SIGTERM first, so that the services it started are stopped by their owner."""
    _processes.discard(process)
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def run_all(steps: Sequence[Step]) -> list[Outcome]:
    """Run steps in order; neighbours that need not be alone run side by side, one for each processor."""
    outcomes: list[Outcome] = []
    for alone, group in itertools.groupby(steps, key=lambda step: step.alone):
        if alone:
            outcomes += [run(step) for step in group]
            continue
        neighbours = list(group)
        print(f"\n=== side by side: {', '.join(step.name for step in neighbours)}", flush=True)
        pool = ThreadPoolExecutor(max_workers=os.cpu_count())
        try:
            outcomes += pool.map(run, neighbours)
        finally:
            # Where this program is told to end, the running steps end too and the waiting ones do not begin.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_processes):
                _end(process)
            pool.shutdown()
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stages", nargs="+", choices=sorted(STAGES), metavar="STAGE")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    begin = time.monotonic()
    outcomes = run_all([step for name in options.stages for step in STAGES[name]])
    failed = [outcome for outcome in outcomes if outcome.status]
    print("\n=== " + " ".join(options.stages))
    for outcome in outcomes:
        print(outcome)
    print(f"{'all':<34} {time.monotonic() - begin:8.1f} s  ", end="")
    skipped = sum(outcome.skipped is not None for outcome in outcomes)
    print(f"{len(failed)} of {len(outcomes)} steps failed" if failed else "passed", end="")
    print(f", {skipped} skipped" if skipped else "")
    for outcome in failed:
        print("\n".join([f"{outcome.step.name}:", *(f"  {line}" for line in outcome.why())]))
    sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
