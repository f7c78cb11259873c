# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What objects hold in their definitions stands in the encrypted payload, and nowhere else."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from tests.integration.files.support import House

CANARY = "Cl4ve-Sup3r"
# Rows that break their own rules, and a table of a module that is not here, are told by name alone.
EVERY_PLACE = """
PRAGMA ignore_check_constraints = on;
CREATE TABLE t (i integer PRIMARY KEY, s text DEFAULT '§' CHECK (s <> '§'), g text AS (s || '§') STORED);
INSERT INTO t (i, s) VALUES (1, '§');
CREATE INDEX x ON t (s || '§') WHERE s <> '§2'; CREATE VIEW v AS SELECT '§' AS x FROM t;
CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET s = '§3'; END;
CREATE VIEW rota AS SELECT '§' FROM no_hay;
PRAGMA writable_schema = on;
INSERT INTO sqlite_schema VALUES ('table', 'vt', 'vt', 0, 'CREATE VIRTUAL TABLE vt USING no_hay(''§'')');
"""


def test_no_secret_of_a_database_outside_its_payload(house: House, home: Path) -> None:
    path = home / "caja.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(EVERY_PLACE.replace("§", CANARY))
        database.commit()
    dumped = house.dump("sqlite", {"path": str(path)})
    restored = house.restore(dumped.set_id, "sqlite", {"path": str(home / "copia.db")})
    assert CANARY not in repr((dumped, restored))
    for file in house.medium_path.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
