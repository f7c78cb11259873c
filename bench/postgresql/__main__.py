# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the benchmark: ours and the raw tools by turns, medians of all turns, ratios against the targets.

Every turn runs each task once, one after the other, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from pathlib import Path

from bench.postgresql import database
from development.environment import BUILD
from development.services.postgresql import PostgresqlServer

RESULTS = BUILD / "bench"
JOBS = 2
# What is started by ours, and is not PostgreSQL's.
_OWN_PROGRAMS = ("python", "age", "zstd")
# (task, against, the most it may be), by major version.
TARGETS = {
    17: [("dump", "pg_dump -Fd -j2 --compress=zstd:1", 1.15), ("dump", "pg_dump | gzip", 0.25)],
    15: [("dump", "pg_dump -Fd -j2 -Z0", 1.25), ("dump", "pg_dump | gzip", 0.35)],
}
RESTORE_TARGET = 1.10
VERIFY_TARGET = 0.9
MEMORY_TARGET = 150 * 1000 * 1000


@dataclasses.dataclass
class Series:
    """What was measured of one task."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    bytes: int = 0

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.seconds):.2f}-{max(self.seconds):.2f})"


class MemoryWatch(threading.Thread):
    """The largest sum of the resident memory of a process and those of its children that are not PostgreSQL's."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look five times a second."""
        while not self._ended.wait(0.2):
            self.peak = max(self.peak, self._sum())

    def _sum(self) -> int:
        total = 0
        pids = [self.pid]
        try:
            for task in os.listdir(f"/proc/{self.pid}/task"):
                pids += map(int, Path(f"/proc/{self.pid}/task/{task}/children").read_text().split())
            for pid in pids:
                if not Path(f"/proc/{pid}/comm").read_text().startswith(_OWN_PROGRAMS):
                    continue
                fields = Path(f"/proc/{pid}/statm").read_text().split()
                total += (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGESIZE")
        except OSError:
            pass
        return total

    def stop(self) -> int:
        """The peak, bytes, without pages shared with files."""
        self._ended.set()
        self.join()
        return self.peak


class Bench:
    """One server with the database, and a place for what is dumped."""

    def __init__(self, server: PostgresqlServer, root: Path) -> None:
        self.server = server
        self.root = root
        self.medium = root / "medium"
        self.medium.mkdir()
        self.series: dict[str, Series] = {}
        self.memory = 0
        self.identity = root / "identity"
        subprocess.run(["age-keygen", "-o", str(self.identity)], check=True, capture_output=True)
        shown = subprocess.run(["age-keygen", "-y", str(self.identity)], check=True, capture_output=True, text=True)
        self.recipient = shown.stdout.strip()

    def record(self, task: str, seconds: float, size: int = 0) -> None:
        """Keep one measurement."""
        series = self.series.setdefault(task, Series())
        series.seconds.append(seconds)
        series.bytes = size or series.bytes
        print(f"    {task}: {seconds:.2f} s", flush=True)

    def raw(self, task: str, argv: list[str], *, output: Path | None = None) -> None:
        """Measure one of PostgreSQL's own tools."""
        settle()
        start = time.perf_counter()
        subprocess.run(argv, env=self.server.environment(database.NAME), check=True)
        self.record(task, time.perf_counter() - start, size_of(output) if output else 0)

    def ours(self, action: str, **request: t.Any) -> dict[str, t.Any]:
        """Measure the collection."""
        settle()
        engine = {
            "database": request.pop("database", database.NAME),
            "login_host": self.server.host,
            "login_port": self.server.port,
            "login_user": self.server.user,
            "login_password": self.server.password,
            "client_directory": str(self.server.bin),
        }
        request.update(action=action, engine=engine, medium=str(self.medium), jobs=JOBS)
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.postgresql.ours"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        watch = MemoryWatch(process.pid)
        watch.start()
        output = process.communicate(json.dumps(request))[0]
        self.memory = max(self.memory, watch.stop())
        if process.returncode:
            raise SystemExit(f"{action} failed")
        answer: dict[str, t.Any] = json.loads(output)
        self.record(action, answer["seconds"], answer.get("bytes", 0))
        return answer

    def turn(self, *, gzip: bool) -> None:
        """Each task once."""
        program = self.server.program
        raw = self.root / "raw"
        (task, against, _most) = TARGETS[self.server.major][0]
        self.raw(against, [program("pg_dump"), *against.split()[1:], "-f", str(raw)], output=raw)
        answer = self.ours(task, recipient=self.recipient)
        if gzip:
            plain = self.root / "plain.gz"
            pipe = f"set -o pipefail; {program('pg_dump')} | gzip > {plain}"
            self.raw("pg_dump | gzip", ["bash", "-c", pipe], output=plain)
            plain.unlink()
        self.server.psql("CREATE DATABASE bruto")
        self.raw("pg_restore -j2", [program("pg_restore"), "-j2", "-d", "bruto", str(raw)])
        self.server.psql("DROP DATABASE bruto")
        shutil.rmtree(raw)
        self.ours("restore", set=answer["set"], identity=str(self.identity), database="copia")
        self.server.psql("DROP DATABASE copia WITH (FORCE)")
        self.ours("verify", set=answer["set"])
        self.series["verify"].bytes = answer["bytes"]
        self.record("hashlib", hashlib_seconds(answer["bytes"]), answer["bytes"])
        self.last_parts = answer["parts"]
        shutil.rmtree(self.medium / "bench")

    def rows(self) -> list[tuple[str, str, str, str, str, str]]:
        """Lines of the table: what, ours, against, theirs, ratio, target."""
        major = self.server.major
        found = []
        pairs = [*TARGETS[major], ("restore", "pg_restore -j2", RESTORE_TARGET)]
        for task, against, most in pairs:
            ours, theirs = self.series[task], self.series.get(against)
            if theirs is None:
                continue
            ratio = ours.median / theirs.median
            verdict = f"≤ {most} {'✓' if ratio <= most else '✗'}"
            found.append((f"{major}: {task}", str(ours), against, str(theirs), f"{ratio:.2f}", verdict))
        verify, plain = self.series["verify"], self.series["hashlib"]
        ratio = plain.median / verify.median
        rates = [f"{series.bytes / series.median / 1e9:.2f} GB/s" for series in (verify, plain)]
        verdict = f"≥ {VERIFY_TARGET} {'✓' if ratio >= VERIFY_TARGET else '✗'}"
        found.append((f"{major}: verify, rate", rates[0], "hashlib, one thread", rates[1], f"{ratio:.2f}", verdict))
        verdict = f"< {MEMORY_TARGET // 10**6} MB {'✓' if self.memory < MEMORY_TARGET else '✗'}"
        found.append((f"{major}: peak memory", f"{self.memory / 1e6:.0f} MB", "", "", "", verdict))
        return found


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


def measure(major: int, size: int, turns: int, gzip_turns: int) -> tuple[list[tuple[str, ...]], str]:
    """All turns on one version; the lines of the table and a line about the database."""
    settings = {"autovacuum": "off", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
    RESULTS.mkdir(parents=True, exist_ok=True)
    server = PostgresqlServer(major, settings=settings, shared_buffers="1GB")
    with server, tempfile.TemporaryDirectory(dir=RESULTS) as directory:
        print(f"PostgreSQL {major}: making the database", flush=True)
        made = database.create(server, size)
        bench = Bench(server, Path(directory))
        for turn in range(turns):
            print(f"  turn {turn + 1} of {turns}, load {os.getloadavg()[0]:.1f}", flush=True)
            bench.turn(gzip=turn < gzip_turns)
        raw = bench.series[TARGETS[major][0][1]].bytes
        note = f"PostgreSQL {major}: database {made / 1e9:.2f} GB, set {bench.series['dump'].bytes / 1e9:.2f} GB,"
        note += f" raw dump {raw / 1e9:.2f} GB; parts of the last set (bytes, seconds): "
        note += ", ".join(f"{part} {size / 1e6:.0f} MB {seconds:.1f} s" for part, size, seconds in bench.last_parts)
        return list(bench.rows()), note


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.postgresql", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the database (default: 2)")
    parser.add_argument("--turns", type=int, default=5, help="how often each task runs (default: 5)")
    parser.add_argument("--gzip-turns", type=int, help="how often pg_dump | gzip runs (default: as the others)")
    parser.add_argument("--majors", type=int, nargs="+", default=[17, 15], choices=sorted(TARGETS))
    given = parser.parse_args()
    gzip_turns = given.turns if given.gzip_turns is None else given.gzip_turns
    started = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    load = os.getloadavg()[0]
    rows: list[tuple[str, ...]] = []
    notes = [f"{started}. {machine()}. Load at the start: {load:.1f}. Medians of {given.turns} turns, seconds (range)."]
    for major in given.majors:
        found, note = measure(major, int(given.gigabytes * 1e9), given.turns, gzip_turns)
        rows += found
        notes.append(note)
    header = ("PostgreSQL", "ours", "against", "theirs", "ratio", "target")
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, ("---",) * len(header), *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    text = "\n".join(["# Benchmark: PostgreSQL", "", *lines, "", *(f"- {note}" for note in notes), ""])
    path = RESULTS / f"postgresql-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.md"
    path.write_text(text, encoding="utf-8")
    print(f"\n{text}\n{path}")


if __name__ == "__main__":
    main()
