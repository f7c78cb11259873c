# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks share: tasks that are timed by turns, medians, ratios against targets, and the table of them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import platform
import resource
import shutil
import statistics
import subprocess
import time
import typing as t
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import ours
from development.environment import BUILD

RESULTS = BUILD / "bench"
JOBS = 2
VERIFY_TARGET = 0.9
MEMORY_TARGET = 150 * 1000 * 1000
_HOST, _SOURCE = "bench", "db"
HEADER = ("what", "ours", "against", "theirs", "ratio", "target", "processor time, ratio")
Row = tuple[str, ...]


@dataclasses.dataclass
class Series:
    """What was measured of one task."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    processor: list[float] = dataclasses.field(default_factory=list)
    bytes: int = 0

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.seconds):.2f}-{max(self.seconds):.2f})"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One line of the table.

    :param most: the most that ours may take of what theirs takes; None: no target.
    """

    task: str
    against: str
    most: float | None = None


class Bench:
    """A place for what is dumped, and what was measured.

    :param engine: the name of the engine that is measured.
    :param options: its options, but for the database.
    :param server: the number of the server's process, whose work counts too; None: there is no server.
    """

    def __init__(self, root: Path, engine: str, options: dict[str, t.Any], *, server: int | None = None) -> None:
        self.root = root
        self.server_pid = server
        self.engine = engine
        self.options = options
        self.medium = root / "medium"
        self.medium.mkdir()
        self.series: dict[str, Series] = {}
        # Tasks of programs that are not there: the task to what its line says instead.
        self.missing: dict[str, str] = {}
        self.memory = 0
        self.parts: list[tuple[str, int, float]] = []
        self.identity = root / "identity"
        subprocess.run(["age-keygen", "-o", str(self.identity)], check=True, capture_output=True)
        self.signing_key = root / "signing_key"
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.signing_key)]
        subprocess.run(keygen, check=True, capture_output=True)
        shown = subprocess.run(["age-keygen", "-y", str(self.identity)], check=True, capture_output=True, text=True)
        self.recipient = shown.stdout.strip()

    def record(self, task: str, seconds: float, size: int = 0, *, processor: float = 0) -> None:
        """Keep one measurement."""
        series = self.series.setdefault(task, Series())
        series.seconds.append(seconds)
        series.processor.append(processor)
        series.bytes = size or series.bytes
        print(f"    {task}: {seconds:.2f} s, of a processor {processor:.2f} s", flush=True)

    def processor(self) -> float:
        """Processor time of the server and of all programs that have ended, seconds."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = ended.ru_utime + ended.ru_stime
        if self.server_pid is not None:
            # What follows the name: its own time, and that of its children that have ended.
            fields = Path(f"/proc/{self.server_pid}/stat").read_text().rpartition(") ")[2].split()
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        return total

    def theirs(
        self, task: str, argv: Sequence[str], *, output: Path | None = None, environment: dict[str, str] | None = None
    ) -> None:
        """Measure another program.

        :param argv: a shell's command line, if it is one word.
        """
        command = ["bash", "-c", f"set -o pipefail; {argv[0]}"] if len(argv) == 1 else list(argv)
        settle()
        before = self.processor()
        start = time.perf_counter()
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise SystemExit(f"{task} failed: {answer.stderr[-2000:]} {answer.stdout[-2000:]}")
        seconds = time.perf_counter() - start
        size = size_of(output) if output else 0
        self.record(task, seconds, size, processor=self.processor() - before)

    def dump(
        self, options: dict[str, t.Any] | None = None, *, task: str = "dump", jobs: int = JOBS
    ) -> dict[str, t.Any]:
        """Measure our dump; the set's entry of its answer.

        :param options: of the source, besides those of the engine.
        :param task: under which name it is kept.
        """
        arguments = {
            "host": _HOST,
            "medium": self._directory,
            "recipients": [self.recipient],
            "compression_level": 1,
            "signing_key_file": str(self.signing_key),
            "jobs": jobs,
            "sources": [{"name": _SOURCE, "engine": self.engine, **self.options, **(options or {})}],
        }
        made: dict[str, t.Any] = self._ours(task, "database_dump", arguments)["sets"][0]
        self.series[task].bytes = made["bytes"]
        self.parts = ours.parts_of(Path(made["path"]))
        return made

    def restore(
        self, made: dict[str, t.Any], target: dict[str, t.Any], *, task: str = "restore", jobs: int = JOBS
    ) -> None:
        """Measure our restore of a set.

        :param target: besides the options of the engine.
        """
        arguments = {
            "ticket": "bench",
            "medium": self._directory,
            "set": made["id"],
            "identity_file": str(self.identity),
            "jobs": jobs,
            "target": {**self.options, **target},
        }
        self._ours(task, "database_restore", arguments)

    def verify(self, made: dict[str, t.Any]) -> None:
        """Measure the verification of a set, its signature too, and hashing as many bytes."""
        signers = self.root / "allowed_signers"
        public = Path(f"{self.signing_key}.pub").read_text(encoding="utf-8")
        signers.write_text(f"{_HOST} {public}", encoding="utf-8")
        arguments = {"medium": self._directory, "sets": [made["id"]], "allowed_signers_file": str(signers)}
        self._ours("verify", "set_verify", arguments)
        self.series["verify"].bytes = made["bytes"]
        self.record("hashlib", hashlib_seconds(made["bytes"]), made["bytes"])

    @property
    def _directory(self) -> dict[str, str]:
        return {"type": "directory", "path": str(self.medium)}

    def _ours(self, task: str, module: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
        settle()
        before = self.processor()
        answer = ours.run(module, options)
        self.memory = max(self.memory, answer.memory)
        self.record(task, answer.seconds, processor=self.processor() - before)
        return answer.result

    def forget_sets(self) -> None:
        """Remove every set."""
        shutil.rmtree(self.medium / _HOST)

    def rows(self, title: str, comparisons: Sequence[Comparison]) -> list[Row]:
        """Lines of the table, of what was measured."""
        found: list[Row] = []
        for line in comparisons:
            ours, theirs = self.series.get(line.task), self.series.get(line.against)
            if ours is not None and line.against in self.missing:
                absent = self.missing[line.against]
                found.append((f"{title}: {line.task}", str(ours), line.against, absent, "", "", ""))
            if ours is None or theirs is None:
                continue
            ratio = ours.median / theirs.median
            verdict = "" if line.most is None else f"≤ {line.most} {'✓' if ratio <= line.most else '✗'}"
            work = f"{statistics.median(ours.processor) / statistics.median(theirs.processor):.2f}"
            found.append((f"{title}: {line.task}", str(ours), line.against, str(theirs), f"{ratio:.2f}", verdict, work))
        if "verify" in self.series:
            verify, plain = self.series["verify"], self.series["hashlib"]
            ratio = plain.median / verify.median
            rates = [f"{series.bytes / series.median / 1e9:.2f} GB/s" for series in (verify, plain)]
            verdict = f"≥ {VERIFY_TARGET} {'✓' if ratio >= VERIFY_TARGET else '✗'}"
            what = f"{title}: verify, rate"
            found.append((what, rates[0], "hashlib, one thread", rates[1], f"{ratio:.2f}", verdict, ""))
        verdict = f"< {MEMORY_TARGET // 10**6} MB {'✓' if self.memory < MEMORY_TARGET else '✗'}"
        found.append((f"{title}: peak memory of one process", f"{self.memory / 1e6:.0f} MB", "", "", "", verdict, ""))
        return found

    def sizes(self, **others: str) -> str:
        """The sizes of the set and of what others made, in words.

        :param others: a name to the task that made it.
        """
        parts = ", ".join(f"{part} {size / 1e6:.0f} MB {seconds:.1f} s" for part, size, seconds in self.parts)
        made = {"set": "dump", **others}
        found = [f"{name} {self.series[task].bytes / 1e9:.2f} GB" for name, task in made.items() if task in self.series]
        return f"{', '.join(found)}; parts of the last set (bytes, seconds): {parts}"


def table(header: Row, rows: Sequence[Row]) -> str:
    """Return a table in Markdown."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, ("---",) * len(header), *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def settle() -> None:
    """Let what earlier tasks wrote reach the disk, so that the next one does not wait for it."""
    os.sync()
    time.sleep(0.5)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a directory."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def hashlib_seconds(size: int) -> float:
    """How long one thread takes to hash this many bytes that are in memory."""
    chunk = bytes(1024 * 1024)
    digest = hashlib.sha256()
    start = time.perf_counter()
    for _chunk in range(size // len(chunk)):
        digest.update(chunk)
    return time.perf_counter() - start


def machine() -> str:
    """The machine, in a line."""
    model = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),  # noqa: SIM115
        platform.processor(),
    )
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}, Python {platform.python_version()}"


def turns(count: int) -> Iterator[int]:
    """The numbers of the turns, told as they begin."""
    for turn in range(count):
        print(f"  turn {turn + 1} of {count}, load {os.getloadavg()[0]:.1f}", flush=True)
        yield turn


@contextlib.contextmanager
def report(title: str, count: int, header: Row = HEADER) -> Iterator[tuple[list[Row], list[str]]]:
    """Gives the lists of lines and notes to fill, and then prints and keeps the table of them, in Markdown.

    :param count: how many turns there are.
    :param header: what stands above the columns.
    """
    started = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    load = os.getloadavg()[0]
    rows: list[Row] = []
    notes = [f"{started}. {machine()}. Load at the start: {load:.1f}. Medians of {count} turns, seconds (range)."]
    RESULTS.mkdir(parents=True, exist_ok=True)
    yield rows, notes
    text = "\n".join([f"# Benchmark: {title}", "", table(header, rows), "", *(f"- {note}" for note in notes), ""])
    path = RESULTS / f"{title.lower().replace(' ', '-')}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.md"
    path.write_text(text, encoding="utf-8")
    print(f"\n{text}\n{path}")
