# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bank in a SQLite database, who moves its money, and how it is looked at."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import typing as t
from collections.abc import Iterator
from pathlib import Path

ACCOUNTS, BALANCE = 200, 1000


def execute(path: Path, *statements: str) -> None:
    """Run statements, and leave the database closed."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def query(path: Path, statement: str) -> list[tuple[t.Any, ...]]:
    """All rows."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def contents(path: Path) -> list[str]:
    """Schema and rows of the whole database, as SQL."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def bank(path: Path, journal_mode: str, *, bulk: int = 20_000) -> None:
    """Accounts between which money only moves, and some bulk so that a copy takes a moment."""
    execute(
        path,
        f"PRAGMA journal_mode={journal_mode}",
        # Spread over many pages, of which not all are of one moment when a copy is not.
        "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, holder TEXT)",
        "CREATE TABLE transfer (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)",
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ACCOUNTS})"
        f" INSERT INTO account SELECT i, {BALANCE}, hex(randomblob(400)) FROM n",
        "CREATE TABLE bulk (id INTEGER PRIMARY KEY, text TEXT)",
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {bulk})"
        " INSERT INTO bulk SELECT i, hex(randomblob(400)) FROM n",
    )


# Each transaction takes from one account, gives to another and books it; the slowest commit is reported at the end.
TELLER = """
    import random, sqlite3, sys, time
    connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
    slowest = 0
    print("open", flush=True)
    end = time.time() + float(sys.argv[2])
    while time.time() < end:
        one, other = random.sample(range(1, 201), 2)
        amount = random.randint(1, 50)
        begun = time.time()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, one))
        connection.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (amount, other))
        connection.execute("INSERT INTO transfer (amount) VALUES (?)", (amount,))
        connection.execute("COMMIT")
        slowest = max(slowest, time.time() - begun)
        time.sleep(float(sys.argv[3]))
    print(slowest, connection.execute("SELECT count(*) FROM transfer").fetchone()[0])
"""


@contextlib.contextmanager
def teller(path: Path, *, seconds: float = 4, pause: float = 0.0) -> Iterator[subprocess.Popen[str]]:
    """Another process that moves money all the time."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(TELLER), str(path), str(seconds), str(pause)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def left_by_a_killed_application(path: Path, script: str, *, by: signal.Signals = signal.SIGKILL) -> None:
    """Let a process run the script on ``connection``, at whose end, if not before, it is killed: its journals stay."""
    program = f"import os, signal, sqlite3\nconnection = sqlite3.connect({str(path)!r}, isolation_level=None)\n"
    program += textwrap.dedent(script) + "\nos.kill(os.getpid(), signal.SIGKILL)\n"
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -by


def files_of(directory: Path) -> list[str]:
    """What lies in the database's directory."""
    return sorted(os.listdir(directory))
