# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make something to back up in a new directory: a small ledger that balances, and a few documents."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

VOUCHERS = 2000
OFFICES = ("Gerencia", "Tesorería", "Archivo central")


def make_ledger(path: Path) -> None:
    """A debit and a credit of the same amount for each voucher."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE asiento (comprobante INTEGER, cuenta TEXT, debe INTEGER, haber INTEGER)")
    for number in range(1, VOUCHERS + 1):
        amount = number * 7919 % 1_000_000
        rows = [(number, "111005", amount, 0), (number, "240101", 0, amount)]
        connection.executemany("INSERT INTO asiento VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()


def make_documents(directory: Path) -> None:
    """A few letters for each office."""
    for office in OFFICES:
        (directory / office).mkdir(parents=True)
        for number in range(1, 6):
            letter = directory / office / f"Oficio n.º {number:03d}.txt"
            letter.write_text(f"{office}, oficio {number}\n" * 100, encoding="utf-8")


def main(target: str) -> None:
    """Make all of it beside the directory and rename it, so that it is there whole or not at all."""
    unfinished = Path(f"{target}.{os.getpid()}")
    unfinished.mkdir(mode=0o700)
    make_ledger(unfinished / "contabilidad.db")
    make_documents(unfinished / "usuarios")
    unfinished.rename(target)


if __name__ == "__main__":
    main(sys.argv[1])
