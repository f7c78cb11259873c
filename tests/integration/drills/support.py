# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of drills share: a house with sets, and how they are drilled."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.operation import (
    DRILL_ARGUMENTS,
    DrillsReport,
    drill_sets,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from tests.integration.files.support import House

BALANCE = {"name": "it balances", "query": "SELECT sum(amount) FROM entry", "expected": "0", "source": "ledger"}


class Range:
    """A house with a ledger and a tree, and drills of their sets."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.house = House(base)
        self.work = base / "work"
        self.record = base / "state" / "drills"
        self.work.mkdir()
        self.record.parent.mkdir()
        self.database = base / "ledger.db"
        with sqlite3.connect(self.database) as connection:
            connection.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)")
            connection.executemany("INSERT INTO entry (amount) VALUES (?)", [(5,), (-5,), (7,), (-7,)])
        connection.close()
        self.tree = base / "tree"
        (self.tree / "closed").mkdir(parents=True)
        (self.tree / "closed" / "paper").write_text("x" * 5000)
        (self.tree / "closed").chmod(0o500)

    def dump(self) -> tuple[Path, Path]:
        """A set of each; where they lie."""
        ledger = self.house.dump("sqlite", {"path": str(self.database), "content_digest": True}, source="ledger")
        tree = self.house.dump("files", {"paths": [str(self.tree)]}, source="tree")
        return self.house.set_path(ledger.set_id), self.house.set_path(tree.set_id)

    def drill(self, *, check_mode: bool = False, **options: t.Any) -> DrillsReport:
        """Drill what is on the medium."""
        params = {name: argument.get("default") for name, argument in DRILL_ARGUMENTS.items()}
        params.update(
            medium={"type": "directory", "path": str(self.house.medium_path)},
            work_directory=str(self.work),
            record_directory=str(self.record),
            identity_file=str(self.house.identity),
            queries=[{"host": None, "source": None, **query} for query in options.pop("queries", [])],
        )
        selection, leaves = options.pop("selection", SetSelection()), options.pop("leaves", [])
        params.update(options)
        medium = DirectoryMedium(path=str(self.house.medium_path))
        report = drill_sets(params, medium, selection, check_mode=check_mode)
        assert sorted(path.name for path in self.work.iterdir()) == leaves, "something is left of a drill"
        return report

    def recorded(self, source: str) -> list[dict[str, t.Any]]:
        """The lines of a source's record."""
        path = self.record / "web1" / f"{source}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# Burns processor time until it is ended.
ENDLESS = {
    "name": "never ends",
    "query": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "expected": "",
    "source": "ledger",
}


def processes_of(base: Path) -> list[int]:
    """Processes whose command line names this directory."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if str(base).encode() in Path("/proc", entry, "cmdline").read_bytes() and int(entry) != os.getpid():
                found.append(int(entry))
    return found


def descendants(process: int) -> list[int]:
    """A process and all that came from it."""
    children: dict[int, list[int]] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            parent = Path("/proc", entry, "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(entry))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found


@contextlib.contextmanager
def watching(look: Callable[[], t.Any]) -> Iterator[list[t.Any]]:
    """What ``look`` sees, all the time that the block lasts."""
    seen: list[t.Any] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            with contextlib.suppress(OSError):
                seen.append(look())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def wait_for(what: Callable[[], t.Any], *, seconds: float = 60) -> t.Any:
    """The first answer that is not nothing."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
