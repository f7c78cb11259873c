# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the benchmark: ours, the raw tools and others by turns, medians of all turns, ratios against the targets.

Every turn runs each task once, one after the other, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import typing as t
from pathlib import Path

from bench import measuring, peers
from bench.measuring import Comparison
from bench.postgresql import database
from development.services.postgresql import PostgresqlServer

# The directory dump that ours is measured against, and the most that ours may take, by major version.
DIRECTORY = {17: ("pg_dump -Fd -j2 --compress=zstd:1", 1.15, 0.25), 15: ("pg_dump -Fd -j2 -Z0", 1.25, 0.35)}
GZIP = "pg_dump | gzip"
CUSTOM = "pg_dump -Fc"
RESTORE_TARGET = 1.10


def comparisons(major: int) -> list[Comparison]:
    """The lines of the table."""
    against, most, gzip = DIRECTORY[major]
    return [
        Comparison("dump", against, most),
        Comparison("dump", GZIP, gzip),
        Comparison("restore", "pg_restore -j2", RESTORE_TARGET),
        Comparison("dump", CUSTOM),
        Comparison("dump", peers.POSTGRESQL_DUMP),
        Comparison("restore", peers.POSTGRESQL_RESTORE),
        Comparison("dump", peers.BORGMATIC),
        Comparison("dump", peers.RESTIC),
    ]


class Bench(measuring.Bench):
    """One server with the database."""

    def __init__(self, server: PostgresqlServer, root: Path) -> None:
        options = {
            "login_host": server.host,
            "login_port": server.port,
            "login_user": server.user,
            "login_password": server.password,
            "client_directory": str(server.bin),
        }
        super().__init__(root, "postgresql", options, server=server.pid)
        self.server = server

    def raw(self, task: str, argv: list[str], *, output: Path | None = None) -> None:
        """Measure one of PostgreSQL's own tools."""
        self.theirs(task, argv, output=output, environment=self.server.environment(database.NAME))

    def turn(self, *, slow: bool, found: t.Mapping[str, str]) -> None:
        """Each task once.

        :param slow: whether those that take longest run too.
        :param found: the peers, see there.
        """
        program = self.server.program
        raw = self.root / "raw"
        against = DIRECTORY[self.server.major][0]
        self.raw(against, [program("pg_dump"), *against.split()[1:], "-f", str(raw)], output=raw)
        made = self.dump({"database": database.NAME})
        self.server.psql("CREATE DATABASE bruto")
        self.raw("pg_restore -j2", [program("pg_restore"), "-j2", "-d", "bruto", str(raw)])
        self.server.psql("DROP DATABASE bruto")
        shutil.rmtree(raw)
        self.restore(made, {"database": "copia"})
        self.server.psql("DROP DATABASE copia WITH (FORCE)")
        self.verify(made)
        self.forget_sets()
        if slow:
            self._slow(found)

    def _slow(self, found: t.Mapping[str, str]) -> None:
        program, plain = self.server.program("pg_dump"), self.root / "plain"
        self.raw(GZIP, [f"{program} | gzip > {plain}"], output=plain)
        self.raw(CUSTOM, [f"{program} -Fc > {plain}"], output=plain)
        plain.unlink()
        server = self.server
        place = peers.Login(server.host, server.port, server.user, server.password, str(Path(program).parent))
        if not found[peers.COLLECTIONS]:
            # The module fills a database that is there.
            self.server.psql("CREATE DATABASE bruto")
            peers.postgresql_db(self, place, database.NAME, "bruto")
            self.server.psql("DROP DATABASE bruto WITH (FORCE)")
        if not found[peers.RESTIC]:
            peers.restic(self, program, environment=self.server.environment(database.NAME))
        if not found[peers.BORGMATIC]:
            peers.borgmatic(self, "postgresql_databases", place, database.NAME)


def measure(major: int, size: int, turns: int, slow_turns: int) -> tuple[list[measuring.Row], str]:
    """All turns on one version; the lines of the table and a line about the database."""
    settings = {"autovacuum": "off", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
    found = peers.find()
    server = PostgresqlServer(major, settings=settings, shared_buffers="1GB")
    with server, tempfile.TemporaryDirectory(dir=measuring.RESULTS) as directory:
        print(f"PostgreSQL {major}: making the database", flush=True)
        made = database.create(server, size)
        bench = Bench(server, Path(directory))
        bench.missing = peers.missing(found)
        for turn in measuring.turns(turns):
            bench.turn(slow=turn < slow_turns, found=found)
        note = f"PostgreSQL {major}: database {made / 1e9:.2f} GB, "
        note += bench.sizes(**{"raw dump": DIRECTORY[major][0]})
        return bench.rows(str(major), comparisons(major)), note


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.postgresql", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the database (default: 2)")
    parser.add_argument("--turns", type=int, default=5, help="how often each task runs (default: 5)")
    parser.add_argument("--slow-turns", type=int, help="how often the slowest tasks run (default: as the others)")
    parser.add_argument("--majors", type=int, nargs="+", default=[17, 15], choices=sorted(DIRECTORY))
    given = parser.parse_args()
    slow_turns = given.turns if given.slow_turns is None else given.slow_turns
    with measuring.report("PostgreSQL", given.turns) as (rows, notes):
        notes += peers.notes(peers.find(), collection="postgresql")
        for major in given.majors:
            found, note = measure(major, int(given.gigabytes * 1e9), given.turns, slow_turns)
            rows += found
            notes.append(note)


if __name__ == "__main__":
    main()
