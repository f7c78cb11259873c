# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the benchmark: ours, MariaDB's own tools, mydumper and others by turns; medians, ratios against the targets.

Every turn runs each task once, one after the other, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import typing as t
from pathlib import Path

from bench import measuring, peers
from bench.mariadb import database
from bench.measuring import JOBS, Comparison
from development.services.mariadb import MariadbServer

VERSIONS = ("10.11", "11.8")
MYDUMPER = "mydumper -t 2, tar, zstd -1, age"
MYLOADER = "myloader -t 2"
BY_MYDUMPER = (MYDUMPER, MYLOADER, f"one table: {MYDUMPER}", f"one table: {MYLOADER}")
GZIP = "mariadb-dump | gzip"
COMPARISONS = (
    Comparison("dump", MYDUMPER, 1.1),
    Comparison("dump", GZIP, 0.2),
    Comparison("restore", MYLOADER, 1.10),
    Comparison("restore", "mariadb < dump", 0.5),
    Comparison("one table: dump", f"one table: {MYDUMPER}", 1.1),
    Comparison("one table: dump", "one table: dump, one job"),
    Comparison("one table: restore", f"one table: {MYLOADER}", 1.10),
    Comparison("one table: restore", "one table: restore, one job"),
    Comparison("dump with content digests", "dump"),
    Comparison("restore with content digests", "restore"),
    Comparison("dump", peers.MYSQL_DUMP),
    Comparison("restore", peers.MYSQL_IMPORT),
    Comparison("dump", peers.BORGMATIC),
    Comparison("dump", peers.RESTIC),
)
# mydumper cuts tables up by rows, and only where it is told to.
_CHUNK_ROWS = 250_000


class Bench(measuring.Bench):
    """One server with the databases."""

    def __init__(self, server: MariadbServer, root: Path) -> None:
        options = {"login_unix_socket": str(server.socket), "login_user": "root"}
        super().__init__(root, "mariadb", options, server=server.pid)
        self.server = server
        self.raw = root / "raw"
        self.login = ["-S", str(server.socket), "-u", "root"]

    @property
    def client(self) -> str:
        """A shell's words for a program of MariaDB's own, less its name."""
        return f"--no-defaults {' '.join(self.login)}"

    def turn(self, *, slow: bool, found: t.Mapping[str, str]) -> None:
        """Each task once.

        :param slow: whether those that take longest run too.
        :param found: the peers, see there.
        """
        made = self._both("dump", database.NAME, "", mydumper=not found[peers.MYDUMPER])
        self.restore(made, {"database": "copia"})
        self._drop("copia")
        self.verify(made)
        self._load(database.NAME, "")
        made = self.dump({"database": database.NAME, "content_digest": True}, task="dump with content digests")
        self.restore(made, {"database": "copia"}, task="restore with content digests")
        self._drop("copia")
        self.forget_sets()
        if slow:
            self._one_stream()
            self._one_table(mydumper=not found[peers.MYDUMPER])
            self._peers(found)

    def _both(self, task: str, name: str, prefix: str, *, mydumper: bool) -> dict[str, t.Any]:
        """Ours and mydumper's dump; mydumper's stays for myloader."""
        archive = self.root / "raw.tar"
        if mydumper:
            shutil.rmtree(self.raw, ignore_errors=True)
            words = ["mydumper", f"-t {JOBS}", *self.login, f"-B {name}", f"-o {self.raw}", f"-r {_CHUNK_ROWS}", "-v 1"]
            packing = f"tar -C {self.root} -c raw | zstd -q -1 | age -r {self.recipient} > {archive}"
            self.theirs(f"{prefix}{MYDUMPER}", [f"{' '.join(words)} && {packing}"], output=archive)
            archive.unlink()
        return self.dump({"database": name}, task=f"{prefix}{task}")

    def _load(self, name: str, prefix: str) -> None:
        """Myloader's restore of what mydumper wrote."""
        if self.raw.exists():
            argv = ["myloader", "-t", str(JOBS), *self.login, "-d", str(self.raw), "-s", name, "-B", "bruto", "-v", "1"]
            self.theirs(f"{prefix}{MYLOADER}", argv)
            self._drop("bruto")

    def _one_stream(self) -> None:
        """MariaDB's own way, which has one stream and one job."""
        packed, plain = self.root / "plain.sql.gz", self.root / "plain.sql"
        dump = f"mariadb-dump {self.client} --single-transaction --routines --events {database.NAME}"
        self.theirs(GZIP, [f"{dump} | gzip > {packed}"], output=packed)
        packed.unlink()
        self.theirs("mariadb-dump", [f"{dump} > {plain}"], output=plain)
        self.server.sql("CREATE DATABASE bruto")
        self.theirs("mariadb < dump", [f"mariadb {self.client} bruto < {plain}"])
        self._drop("bruto")
        plain.unlink()

    def _one_table(self, *, mydumper: bool) -> None:
        """A database that is one large table: it must be cut up, or one job does all the work."""
        prefix = "one table: "
        made = self._both("dump", database.ONE_TABLE, prefix, mydumper=mydumper)
        target = {"database": "copia"}
        self.restore(made, target, task=f"{prefix}restore")
        self._drop("copia")
        self._load(database.ONE_TABLE, prefix)
        source = {"database": database.ONE_TABLE}
        made = self.dump(source, task=f"{prefix}dump, one job", jobs=1)
        self.restore(made, target, task=f"{prefix}restore, one job", jobs=1)
        self._drop("copia")
        self.forget_sets()

    def _peers(self, found: t.Mapping[str, str]) -> None:
        place = peers.Login(str(self.server.socket), self.server.port, self.server.user, self.server.password)
        if not found[peers.COLLECTIONS]:
            peers.mysql_db(self, place, database.NAME, "bruto")
            self._drop("bruto")
        if not found[peers.RESTIC]:
            dump = f"mariadb-dump {self.client} --single-transaction --routines --events {database.NAME}"
            peers.restic(self, dump)
        if not found[peers.BORGMATIC]:
            peers.borgmatic(self, "mysql_databases", place, database.NAME)

    def _drop(self, name: str) -> None:
        self.server.sql(f"DROP DATABASE IF EXISTS {name}")


def measure(version: str, size: int, turns: int, slow_turns: int) -> tuple[list[measuring.Row], str]:
    """All turns on one version; the lines of the table and a line about the database."""
    # The rest as the server comes.
    settings = {"innodb-buffer-pool-size": "1G", "innodb-flush-log-at-trx-commit": None, "log-bin": None}
    found = peers.find()
    with (
        MariadbServer(version, settings=settings) as server,
        tempfile.TemporaryDirectory(dir=measuring.RESULTS) as directory,
    ):
        print(f"MariaDB {version}: making the database", flush=True)
        made = database.create(server, size)
        bench = Bench(server, Path(directory))
        bench.missing = peers.missing(found)
        bench.missing |= dict.fromkeys(BY_MYDUMPER, found[peers.MYDUMPER]) if found[peers.MYDUMPER] else {}
        for turn in measuring.turns(turns):
            bench.turn(slow=turn < slow_turns, found=found)
        one = database.size_of(server, database.ONE_TABLE)
        note = f"MariaDB {version}: database {made / 1e9:.2f} GB, the one table {one / 1e9:.2f} GB, "
        note += bench.sizes(**{"mydumper's, packed": MYDUMPER, "mariadb-dump's": "mariadb-dump"})
        return bench.rows(version, COMPARISONS), note


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.mariadb", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the database (default: 1)")
    parser.add_argument("--turns", type=int, default=5, help="how often each task runs (default: 5)")
    parser.add_argument("--slow-turns", type=int, help="how often the slowest tasks run (default: as the others)")
    parser.add_argument("--versions", nargs="+", default=["10.11"], choices=VERSIONS)
    given = parser.parse_args()
    slow_turns = given.turns if given.slow_turns is None else given.slow_turns
    with measuring.report("MariaDB", given.turns) as (rows, notes):
        notes += peers.notes(peers.find(), collection="mysql", others=[peers.MYDUMPER])
        for version in given.versions:
            found, note = measure(version, int(given.gigabytes * 1e9), given.turns, slow_turns)
            rows += found
            notes.append(note)


if __name__ == "__main__":
    main()
