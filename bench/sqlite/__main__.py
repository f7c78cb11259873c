# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the benchmark: ours and SQLite's own shell by turns; medians, ratios against the targets."""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from pathlib import Path

from bench import measuring
from bench.measuring import Comparison

# As databases come, and as those should be that are written to while they are backed up.
JOURNAL_MODES = ("delete", "wal")
COMPARISONS = (
    Comparison("dump", "sqlite3 .backup", 1.3),
    Comparison("dump", "sqlite3 .backup, zstd -1, age", 1.3),
    Comparison("dump", "the same, integrity_check"),
    Comparison("restore", "age -d, zstd -d"),
)
# About this many bytes for each row.
_BYTES_PER_ROW = 120


def create(path: Path, size: int, *, journal_mode: str) -> None:
    """Makes a database of about this many bytes."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA journal_mode={journal_mode}")
        connection.execute(
            "CREATE TABLE mesa (id INTEGER PRIMARY KEY, abierta TEXT, asunto TEXT, texto TEXT, firma BLOB)"
        )
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO mesa SELECT i, datetime(1700000000 + i * 61, 'unixepoch'), 'Solicitud ' || i % 977,"
            " 'El usuario ' || i % 120 || ' pide ' || hex(i * 7919 % 4096) || ' y ' || hex(i * 104729 % 4096)"
            " || ' para la oficina ' || i % 31, randomblob(48) FROM n",
            (size // _BYTES_PER_ROW,),
        )
        connection.execute("CREATE INDEX por_fecha ON mesa (abierta)")
        connection.execute("CREATE INDEX por_asunto ON mesa (asunto)")
    connection.close()


class Bench(measuring.Bench):
    """A database file, and a place for what is dumped."""

    def __init__(self, path: Path, root: Path) -> None:
        super().__init__(root, "sqlite", {})
        self.path = path

    def turn(self) -> None:
        """Each task once."""
        copy, packed, target = self.root / "copy.db", self.root / "copy.age", self.root / "target.db"
        self.theirs("sqlite3 .backup", ["sqlite3", str(self.path), f".backup {copy}"], output=copy)
        copy.unlink()
        backup = f"sqlite3 {self.path} '.backup {copy}'"
        check = f"sqlite3 {copy} 'PRAGMA integrity_check'"
        packing = f"zstd -q -1 -c {copy} | age -r {self.recipient} > {packed}"
        self.theirs("the same, integrity_check", [f"{backup} && {check} && {packing}"], output=packed)
        copy.unlink()
        self.theirs("sqlite3 .backup, zstd -1, age", [f"{backup} && {packing}"], output=packed)
        copy.unlink()
        made = self.dump({"path": str(self.path)})
        self.theirs("age -d, zstd -d", [f"age -d -i {self.identity} {packed} | zstd -q -d > {copy}"])
        self.restore(made, {"path": str(target)})
        for path in (copy, packed, target):
            path.unlink()
        self.verify(made)
        self.forget_sets()


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.sqlite", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=0.3, help="size of the database (default: 0.3)")
    parser.add_argument("--turns", type=int, default=5, help="how often each task runs (default: 5)")
    given = parser.parse_args()
    with (
        measuring.report("SQLite", given.turns) as (rows, notes),
        tempfile.TemporaryDirectory(dir=measuring.RESULTS) as directory,
    ):
        for journal_mode in JOURNAL_MODES:
            root = Path(directory) / journal_mode
            root.mkdir()
            path = root / "mesa.db"
            create(path, int(given.gigabytes * 1e9), journal_mode=journal_mode)
            bench = Bench(path, root)
            for _turn in measuring.turns(given.turns):
                bench.turn()
            title = f"{sqlite3.sqlite_version}, {journal_mode}"
            rows += bench.rows(title, COMPARISONS)
            notes.append(f"SQLite {title}: database {path.stat().st_size / 1e9:.2f} GB, {bench.sizes()}")


if __name__ == "__main__":
    main()
