# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of SQLite databases that belong together: all are restored, and queries see all of them."""

from __future__ import annotations

import contextlib
import sqlite3

from tests.integration.drills.support import Range


def attach(place: Range, name: str, amount: int) -> str:
    """A database that holds what the ledger lacks."""
    path = place.base / "others" / name
    path.parent.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE entry (amount INTEGER NOT NULL)")
        connection.execute("INSERT INTO entry VALUES (?)", (amount,))
        connection.commit()
    return str(path)


def test_queries_see_every_database_under_its_own_name(place: Range) -> None:
    attached = [attach(place, "libro mayor.db", 40), attach(place, "main.db", 2)]
    options = {"path": str(place.database), "attached": attached, "content_digest": True}
    place.house.dump("sqlite", options, source="ledger")
    query = {
        "name": "it balances",
        "source": "ledger",
        "query": 'SELECT sum(e.amount), (SELECT amount FROM "libro mayor".entry), (SELECT amount FROM attached2.entry)'
        " FROM entry e",
        "expected": "0|40|2",
    }
    report = place.drill(queries=[query])
    assert report.failures == []
    (drilled,) = report.sets
    checks = {check["name"]: check["passed"] for check in drilled["checks"]}
    assert checks["it balances"]
    assert checks[f"{attached[0]}: content digests"]

    writes = {**query, "query": 'DELETE FROM "libro mayor".entry', "expected": ""}
    assert "readonly" in place.drill(queries=[writes]).message
