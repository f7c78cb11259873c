# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs step 1 and the daily playbook over 1, 10 and 50 servers of three small sources, and as many tasks of ping."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sqlite3
import subprocess
import tempfile
import typing as t
from pathlib import Path

from bench import measuring
from bench.control_node.counting import Cost, Interpreter
from development.demonstration.institution import Institution
from development.services.object_store import ObjectStore

HEADER = (
    "what",
    "servers",
    "seconds",
    "processor",
    "control node",
    "modules",
    "of ping, seconds",
    "of ping, processor",
)
FURTHER_HEADER = ("what, for each further server", "seconds", "processor", "control node", "modules")
#: The most seconds of the processor that a further server may take of a day: all together, and on the control node.
PROCESSOR_TARGET, CONTROL_NODE_TARGET = 6.0, 3.0
#: The most seconds that a day of 50 servers may take, on two processors.
DAY_TARGET = 240.0
#: The most processor time that a module of ours may take of ping's before it has anything to do.
START_UP_TARGET = 1.4
_ROWS = 500
_AT_ONCE = 5


def server_names(count: int) -> list[str]:
    """Return the names of so many servers."""
    return [f"srv-{number:02d}" for number in range(1, count + 1)]


def servers(directory: Path, count: int) -> dict[str, dict[str, t.Any]]:
    """Make the sources of the servers, and return the servers' variables."""
    made: dict[str, dict[str, t.Any]] = {}
    for name in server_names(count):
        data = directory / "data" / name
        (data / "documentos").mkdir(parents=True)
        for document in range(20):
            (data / "documentos" / f"acta-{document}.txt").write_text(f"Acta {document} de {name}\n" * 40, "utf-8")
        databases = [{"name": source, "engine": "sqlite", "path": f"{data}/{source}.db"} for source in ("mesa", "caja")]
        for database in databases:
            with contextlib.closing(sqlite3.connect(database["path"])) as connection:
                connection.execute("CREATE TABLE asiento (id INTEGER PRIMARY KEY, cuenta TEXT, valor NUMERIC)")
                rows = ((f"{row % 97:04d}", row * 7 % 1000) for row in range(_ROWS))
                connection.executemany("INSERT INTO asiento (cuenta, valor) VALUES (?, ?)", rows)
                connection.commit()
        made[name] = {
            "backup_databases": databases,
            "backup_files": [{"name": "documentos", "paths": [f"{data}/documentos"]}],
        }
    return made


class Bench:
    """One institution of some number of servers.

    :param forks: how many hosts Ansible works at together.
    """

    def __init__(self, directory: Path, count: int, forks: int, store: ObjectStore | None) -> None:
        self.count = count
        self.forks = ("--forks", str(forks))
        self.interpreter = Interpreter(directory)
        self.institution = Institution(
            directory,
            servers(directory, count),
            store=store,
            prefix=f"of-{count}",
            variables={"ansible_python_interpreter": str(self.interpreter.path)},
        )
        self.institution.build()

    def ours(self, playbook: str, *arguments: str) -> Cost:
        """Run a playbook of the collection."""
        with self.interpreter.counted() as cost:
            run = self.institution.run(playbook, *self.forks, *arguments, timeout=3600)
        if run.status:
            raise SystemExit(f"{playbook} of {self.count} servers failed:\n{run.output[-4000:]}")
        return cost

    def ping(self, modules: int) -> Cost:
        """Run as many tasks of ping over the same servers, as evenly as they can be spread."""
        return self._tasks({"ansible.builtin.ping": {}}, max(1, round(modules / self.count)))

    def start_up(self, times: int) -> tuple[Cost, Cost]:
        """Run the dump of an SQLite database that has its set already, and ping, as often.

        :returns: what they took, of ours and of ping.
        """
        name, variables = next(iter(self.institution.servers.items()))
        dump = {
            "host": name,
            "medium": {"type": "directory", "path": str(self.institution.directory / "start-up")},
            "encryption": "none",
            "run_id": "start-up",
            "sources": variables["backup_databases"][:1],
        }
        (self.institution.directory / "start-up").mkdir()
        self._tasks({"infitulua.backup.database_dump": dump}, 1)
        ours, ping = Cost(), Cost()
        # By turns, so that whatever else the machine does falls on both.
        for _turn in range(times // _AT_ONCE):
            ours += self._tasks({"infitulua.backup.database_dump": dump}, _AT_ONCE)
            ping += self._tasks({"ansible.builtin.ping": {}}, _AT_ONCE)
        return ours, ping

    def _tasks(self, task: dict[str, t.Any], times: int) -> Cost:
        playbook = self.institution.directory / "tasks.json"
        play = {"hosts": "servers", "gather_facts": False, "tasks": [task] * times}
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        argv = ["ansible-playbook", "-i", str(self.institution.inventory), *self.forks, str(playbook)]
        with self.interpreter.counted() as cost:
            subprocess.run(
                argv, env=self.institution.environment(), check=True, stdout=subprocess.DEVNULL, timeout=3600
            )
        return cost

    def measure(self) -> dict[str, tuple[Cost, Cost]]:
        """Run each playbook; what it took, and what as many tasks of ping did."""
        runs: tuple[tuple[str, str, tuple[str, ...]], ...] = (
            ("step 1, first run", "step1_prepare_media", ()),
            ("step 1, second run", "step1_prepare_media", ()),
            ("daily, first day", "daily", ("-e", "backup_run_id=first")),
            ("daily, second day", "daily", ("-e", "backup_run_id=second")),
        )
        found = {}
        for what, playbook, arguments in runs:
            cost = self.ours(playbook, *arguments)
            pinged = self.ping(cost.modules)
            found[what] = cost, pinged
            print(f"    {what}, {self.count} servers: {_told(cost)}; ping: {_told(pinged)}", flush=True)
        return found


def _told(cost: Cost) -> str:
    return (
        f"{cost.seconds:.1f} s, of a processor {cost.processor:.1f} s,"
        f" of which {cost.of_control_node:.1f} s on the control node, {cost.modules} modules"
    )


def _verdict(value: float, most: float) -> str:
    return f"{value:.2f} (≤ {most:g} {'✓' if value <= most else '✗'})"


def _rows(measured: dict[int, dict[str, tuple[Cost, Cost]]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for count, found in measured.items():
        for what, (cost, ping) in found.items():
            of_fifty = count == max(measured) == 50 and what.startswith("daily")
            rows.append(
                (
                    what,
                    str(count),
                    _verdict(cost.seconds, DAY_TARGET) if of_fifty else f"{cost.seconds:.1f}",
                    f"{cost.processor:.1f}",
                    f"{cost.of_control_node:.1f}",
                    str(cost.modules),
                    f"{cost.seconds / ping.seconds:.2f}",
                    f"{cost.processor / ping.processor:.2f}",
                )
            )
    return rows


def _further(measured: dict[int, dict[str, tuple[Cost, Cost]]]) -> list[tuple[str, ...]]:
    """Return what each further server takes, between one number of servers and the next: alike where it is linear."""
    rows: list[tuple[str, ...]] = []
    counts = sorted(measured)
    for fewer, more in zip(counts, counts[1:]):
        for what, (cost, _ping) in measured[more].items():
            before = measured[fewer][what][0]
            added = more - fewer
            processor = (cost.processor - before.processor) / added
            control = (cost.of_control_node - before.of_control_node) / added
            day = what.startswith("daily")
            rows.append(
                (
                    f"{what}, from {fewer} to {more}",
                    f"{(cost.seconds - before.seconds) / added:.2f}",
                    _verdict(processor, PROCESSOR_TARGET) if day else f"{processor:.2f}",
                    _verdict(control, CONTROL_NODE_TARGET) if day else f"{control:.2f}",
                    f"{(cost.modules - before.modules) / added:.1f}",
                )
            )
    return rows


def _start_up_note(ours: Cost, ping: Cost) -> str:
    each, pinged = ours.of_modules / ours.modules, ping.of_modules / ping.modules
    return (
        f"A dump that has nothing to do takes {each:.2f} s of a processor on the host, ping {pinged:.2f} s:"
        f" {_verdict(each / pinged, START_UP_TARGET)}."
    )


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.control_node", description=__doc__)
    parser.add_argument("--servers", type=int, nargs="+", default=[1, 10, 50], help="how many (default: 1 10 50)")
    parser.add_argument("--forks", type=int, default=5, help="hosts that Ansible works at together (default: 5)")
    parser.add_argument("--no-cloud", action="store_true", help="an institution without a cloud")
    given = parser.parse_args()
    measuring.RESULTS.mkdir(parents=True, exist_ok=True)
    measured: dict[int, dict[str, tuple[Cost, Cost]]] = {}
    with measuring.report("control node", 1, header=HEADER) as (rows, notes), contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        store = None
        if not given.no_cloud:
            store = stack.enter_context(ObjectStore(root / "cloud", writers=server_names(max(given.servers))))
        for count in sorted(set(given.servers)):
            directory = root / f"of-{count}"
            directory.mkdir()
            bench = Bench(directory, count, given.forks, store)
            measured[count] = bench.measure()
            if count == min(given.servers):
                start_up = bench.start_up(20)
            shutil.rmtree(directory)
        rows += _rows(measured)
        notes.append(f"Forks: {given.forks}. Cloud: {'no' if given.no_cloud else 'yes'}. Three small sources a server.")
        notes.append(_start_up_note(*start_up))
        if len(measured) > 1:
            further = measuring.table(FURTHER_HEADER, _further(measured))
            notes.append(f"What each further server takes:\n\n{further}")


if __name__ == "__main__":
    main()
